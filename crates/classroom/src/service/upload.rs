//! Archives that are uploaded piece by piece, and go on where a connection was cut. The file on disk says how far it is.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use axum::body::Body;
use db::Write;
use futures::StreamExt as _;
use portal::Caller;
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};

use super::ServiceError;
use super::import::Import;
use crate::Classroom;
use crate::archive::Limits;
use crate::model::recording::RecordingId;
use crate::queries::upload::{
    Quarantined, Upload, quarantine_list, upload_delete, upload_get, upload_insert, upload_list_before,
};

/// A piece that brings nothing for this long is given up; what came of it stays.
const IDLE: Duration = Duration::from_secs(60);
/// An upload that is not finished is removed after this.
const KEPT_MS: i64 = 7 * 86_400_000;

impl Classroom {
    fn upload_path(&self, id: &str) -> PathBuf {
        self.config().dir.join("uploads").join(format!("{id}.tar"))
    }

    /// Begins an upload; answers its id.
    pub(crate) async fn upload_begin(&self, caller: &Caller, name: &str) -> Result<String, ServiceError> {
        let id = uuid::Uuid::now_v7().to_string();
        let path = self.upload_path(&id);
        if let Some(folder) = path.parent() {
            tokio::fs::create_dir_all(folder).await.map_err(ServiceError::Files)?;
        }
        tokio::fs::File::create_new(&path).await.map_err(ServiceError::Files)?;
        let name: String = name.chars().filter(|c| !c.is_control()).take(190).collect();
        let name = if name.trim().is_empty() { format!("{id}.tar") } else { name };
        let upload = Upload { id: id.clone(), account: caller.account.clone(), name, created_ms: self.now_ms() };
        self.db().write(Write::new().step(upload_insert(&upload))).await?;
        Ok(id)
    }

    /// How many bytes of an upload are there. Errors: `UploadUnknown`.
    pub(crate) async fn upload_offset(&self, id: &str) -> Result<u64, ServiceError> {
        self.upload_find(id).await?;
        let metadata = tokio::fs::metadata(self.upload_path(id)).await.map_err(ServiceError::Files)?;
        Ok(metadata.len())
    }

    async fn upload_find(&self, id: &str) -> Result<Upload, ServiceError> {
        // The id names a file: it has to be one of ours.
        let id = uuid::Uuid::try_parse(id).map_err(|_| ServiceError::UploadUnknown)?;
        upload_get(self.db(), &id.to_string()).await?.ok_or(ServiceError::UploadUnknown)
    }

    /// Adds a piece that begins at `offset`. What came before a connection broke stays. Answers how many bytes there are.
    /// Errors: `UploadUnknown`, `UploadOffset`, `UploadBusy`, `UploadTooLong`.
    pub(crate) async fn upload_append(&self, id: &str, offset: u64, body: Body) -> Result<u64, ServiceError> {
        let upload = self.upload_find(id).await?;
        let mut file = tokio::fs::File::from_std(self.upload_hold(&upload)?);
        let mut length = file.seek(io::SeekFrom::End(0)).await.map_err(ServiceError::Files)?;
        if length != offset {
            return Err(ServiceError::UploadOffset(length));
        }
        let mut body = body.into_data_stream();
        let mut is_cut = false;
        loop {
            let bytes = match tokio::time::timeout(IDLE, body.next()).await {
                Ok(Some(Ok(bytes))) => bytes,
                Ok(None) => break,
                Ok(Some(Err(_))) | Err(_) => {
                    is_cut = true;
                    break;
                }
            };
            if length + bytes.len() as u64 > Limits::USUAL.bytes {
                return Err(ServiceError::UploadTooLong(Limits::USUAL.bytes));
            }
            file.write_all(&bytes).await.map_err(ServiceError::Files)?;
            length += bytes.len() as u64;
        }
        file.flush().await.map_err(ServiceError::Files)?;
        file.sync_data().await.map_err(ServiceError::Files)?;
        if is_cut { Err(ServiceError::UploadOffset(length)) } else { Ok(length) }
    }

    /// The upload's file, for one at a time; it is given back when it is dropped. Errors: `UploadBusy`, `Files`.
    fn upload_hold(&self, upload: &Upload) -> Result<std::fs::File, ServiceError> {
        let file = std::fs::OpenOptions::new().read(true).write(true).open(self.upload_path(&upload.id));
        let file = file.map_err(ServiceError::Files)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(std::fs::TryLockError::WouldBlock) => Err(ServiceError::UploadBusy),
            Err(std::fs::TryLockError::Error(error)) => Err(ServiceError::Files(error)),
        }
    }

    /// Takes the upload in. Errors: `UploadUnknown`, `UploadBusy`, `ArchiveRejected`.
    pub(crate) async fn upload_finish(&self, caller: &Caller, id: &str) -> Result<Vec<RecordingId>, ServiceError> {
        let upload = self.upload_find(id).await?;
        // Whoever writes a piece holds it, and so does whoever takes it in.
        let _held = self.upload_hold(&upload)?;
        let taken = self.archive_take(&self.upload_path(&upload.id), &upload.name).await?;
        let mut write = Write::new().step(upload_delete(&upload.id));
        let detail = serde_json::json!({ "file": upload.name });
        self.portal().audit(&mut write, caller, "recording.import", &upload.id, detail);
        self.db().write(write).await?;
        match taken {
            Import::Done(recordings) => Ok(recordings),
            Import::Rejected(reason) => Err(ServiceError::ArchiveRejected(reason)),
        }
    }

    /// Gives an upload up. Errors: `UploadUnknown`.
    pub(crate) async fn upload_remove(&self, id: &str) -> Result<(), ServiceError> {
        let upload = self.upload_find(id).await?;
        self.upload_clear(&upload).await
    }

    async fn upload_clear(&self, upload: &Upload) -> Result<(), ServiceError> {
        match tokio::fs::remove_file(self.upload_path(&upload.id)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(ServiceError::Files(error)),
            _ => {}
        }
        self.db().write(Write::new().step(upload_delete(&upload.id))).await?;
        Ok(())
    }

    /// Removes uploads that nobody finished.
    pub(crate) async fn uploads_tidy(&self) -> Result<(), ServiceError> {
        for upload in upload_list_before(self.db(), self.now_ms() - KEPT_MS).await? {
            self.upload_clear(&upload).await?;
        }
        Ok(())
    }

    /// The archives that could not be taken in, newest first.
    pub(crate) async fn quarantine(&self) -> Result<Vec<Quarantined>, ServiceError> {
        Ok(quarantine_list(self.db()).await?)
    }
}
