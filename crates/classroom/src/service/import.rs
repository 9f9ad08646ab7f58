//! Recordings come in: an archive is unpacked beside its place, moved there, and only then known. Twice is as once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use db::{DbError, Write};
use serde_json::json;

use super::ServiceError;
use super::create::{READY_PARAMETER, TENANT_PARAMETER};
use super::outbox::WAITING_MOST;
use super::recording::recording_path;
use crate::Classroom;
use crate::archive::{ArchiveError, Limits, Part, unpack};
use crate::model::outbox::{CallKind, OutboxCall};
use crate::model::recording::{Playback, Recording, RecordingId, RecordingState};
use crate::queries::outbox::call_put;
use crate::queries::recording::{playback_put, recording_get, recording_import_again, recording_insert};
use crate::queries::upload::{Quarantined, quarantine_insert};
use portal::TenantId;

/// How long work is left alone: longer than an import takes, and than anybody watches what was replaced.
const LEFT_FOR_MS: i64 = 86_400_000;

/// What became of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Import {
    /// Taken in.
    Done(Vec<RecordingId>),
    /// Set aside: why, in a sentence.
    Rejected(String),
}

impl Classroom {
    /// Takes an archive in, or sets it aside. Either way the file is no longer where it was. `name`: what it is called where
    /// it comes from.
    ///
    /// # Errors
    /// `Files`, `Db`: ours, and the file is still there to be tried again.
    pub(crate) async fn archive_take(&self, path: &Path, name: &str) -> Result<Import, ServiceError> {
        let work = self.kept().work().await.map_err(ServiceError::Files)?;
        let taken = self.archive_unpack(path, &work).await;
        if let Err(error) = tokio::fs::remove_dir_all(&work).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "what was unpacked could not be removed");
        }
        match taken? {
            Import::Done(recordings) => {
                tokio::fs::remove_file(path).await.map_err(ServiceError::Files)?;
                tracing::info!("{name} was imported: {} recordings", recordings.len());
                Ok(Import::Done(recordings))
            }
            Import::Rejected(reason) => {
                tracing::warn!("{name} was set aside: {reason}");
                self.archive_quarantine(path, name, &reason).await?;
                Ok(Import::Rejected(reason))
            }
        }
    }

    async fn archive_unpack(&self, path: &Path, work: &Path) -> Result<Import, ServiceError> {
        let (from, into) = (path.to_owned(), work.to_owned());
        let unpacked = tokio::task::spawn_blocking(move || {
            let archive = File::open(from).map_err(ArchiveError::Disk)?;
            unpack(archive, &into, Limits::USUAL)
        });
        let parts = match unpacked.await.map_err(|error| ServiceError::Files(io::Error::other(error)))? {
            Ok(parts) => parts,
            Err(ArchiveError::Disk(error)) => return Err(ServiceError::Files(error)),
            Err(refused) => return Ok(Import::Rejected(format!("The archive {refused}."))),
        };
        let mut recordings: BTreeMap<RecordingId, Vec<Part>> = BTreeMap::new();
        for part in parts {
            recordings.entry(part.description.id.clone()).or_default().push(part);
        }
        let ids = recordings.keys().cloned().collect();
        for parts in recordings.into_values() {
            self.recording_import(parts).await?;
        }
        Ok(Import::Done(ids))
    }

    /// The parts of one recording take their places.
    async fn recording_import(&self, mut parts: Vec<Part>) -> Result<(), ServiceError> {
        let hidden = READY_PARAMETER.trim_start_matches("meta_");
        let mut ready = None;
        for part in &mut parts {
            ready = part.description.metadata.remove(hidden).filter(|url| !url.is_empty()).or(ready);
        }
        let known = recording_get(self.db(), &parts[0].description.id).await?;
        if known.as_ref().is_some_and(|known| known.state == RecordingState::Deleted) {
            tracing::info!(recording = %parts[0].description.id, "a recording that was deleted is not taken in again");
            return Ok(());
        }
        let recording = self.recording_of(&parts, known.as_ref())?;
        for part in &parts {
            let path = recording_path(&part.folder, &recording.id);
            self.kept().put_folder(&part.path, &path).await.map_err(ServiceError::Files)?;
        }
        let write = |is_known: bool| {
            let mut write = Write::new();
            if is_known {
                write.push_step(recording_import_again(&recording));
            } else {
                write.push_step(recording_insert(&recording));
            }
            for part in &parts {
                let playback = Playback { format: part.folder.clone(), ..part.description.playback.clone() };
                playback_put(&mut write, &recording.id, &playback);
            }
            if let Some(url) = &ready {
                let body = json!({ "meeting_id": recording.meeting_id, "record_id": recording.id.as_str() });
                let (tenant, now_ms) = (recording.tenant.clone(), self.now_ms());
                let call = OutboxCall::new(CallKind::Ready, tenant, url.clone(), body.to_string(), now_ms);
                call_put(&mut write, &call, WAITING_MOST);
            }
            write
        };
        match self.db().write(write(known.is_some())).await {
            // Another format of it came in at the same moment.
            Err(DbError::Duplicate) => self.db().write(write(true)).await.map(drop)?,
            written => written.map(drop)?,
        }
        self.captions_restore(&recording.id).await
    }

    fn recording_of(&self, parts: &[Part], known: Option<&Recording>) -> Result<Recording, ServiceError> {
        let described = &parts[0].description;
        let entries = self.directory().entries();
        let named = described.metadata.get(TENANT_PARAMETER.trim_start_matches("meta_"));
        let named = named.and_then(|text| TenantId::parse(text)).filter(|tenant| entries.tenant(tenant).is_some());
        let tenant = known.map(|known| known.tenant.clone()).or(named).or_else(|| entries.first().cloned());
        let participants = parts.iter().map(|part| part.description.participants).max().unwrap_or_default();
        Ok(Recording {
            id: described.id.clone(),
            tenant: tenant.ok_or(ServiceError::TenantUnknown)?,
            meeting_id: described.meeting_id.clone(),
            internal_id: described.internal_id.clone(),
            name: described.name.clone(),
            state: RecordingState::of(described.is_published),
            is_decided: false,
            is_protected: false,
            started_ms: described.started_ms,
            ended_ms: described.ended_ms,
            participants: participants.max(known.map_or(0, |known| known.participants)),
            raw_bytes: parts.iter().map(|part| part.description.raw_bytes).max().unwrap_or_default(),
            metadata: described.metadata.clone(),
            imported_ms: self.now_ms(),
        })
    }

    /// Puts an archive aside, with the reason.
    async fn archive_quarantine(&self, path: &Path, name: &str, reason: &str) -> Result<(), ServiceError> {
        let folder = self.config().dir.join("quarantine");
        let id = uuid::Uuid::now_v7().to_string();
        let (from, to) = (path.to_owned(), folder.join(format!("{id}.tar")));
        let moved = tokio::task::spawn_blocking(move || {
            std::fs::create_dir_all(&folder)?;
            file_move(&from, &to)
        });
        moved.await.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(ServiceError::Files)?;
        let (file, reason) = (name.replace('\0', ""), reason.replace('\0', ""));
        let quarantined = Quarantined { id, file, reason, at_ms: self.now_ms() };
        self.db().write(Write::new().step(quarantine_insert(&quarantined))).await?;
        Ok(())
    }

    /// Removes what imports left that were ended with the program, and what was replaced by one.
    pub(crate) async fn work_tidy(&self) {
        for files in self.kept().each() {
            if let Err(error) = files.tidy(self.now_ms() - LEFT_FOR_MS).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "what imports left could not be removed");
            }
        }
    }
}

/// Moves a file, to another file system too.
fn file_move(from: &Path, to: &PathBuf) -> io::Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            std::fs::copy(from, to)?;
            File::open(to)?.sync_all()?;
            std::fs::remove_file(from)
        }
        moved => moved,
    }
}
