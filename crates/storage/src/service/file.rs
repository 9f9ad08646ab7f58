//! The files of an export for somebody who calls, and the stripes of each volume, kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use portal::{Caller, Problem};

use super::ServiceError;
use crate::Storage;
use crate::file::{FileError, Files};
use crate::model::space::Space;
use crate::model::stripe::Layout;
use crate::namespace::Direct;
use crate::queries::space::space_find;
use crate::stripe::{Credentials, ReadError, Stripes, WriteError};

/// The stripes of the volumes that this replica has been asked for.
#[derive(Default)]
pub(crate) struct Volumes(Mutex<HashMap<i64, Stripes>>);

impl Storage {
    /// The files of an export or a snapshot, for what the caller may do there.
    ///
    /// # Errors
    /// As [`Storage::namespace`].
    pub async fn files(&self, caller: &Caller, export: &str, wants_write: bool) -> Result<Files, ServiceError> {
        let names = self.namespace(caller, export, wants_write).await?;
        let stripes = self.stripes(names.volume(), names.layout()).await?;
        Ok(Files::new(Arc::new(names), stripes, self.db().clock_shared()))
    }

    /// The files of an export for another service's own work, in nobody's name. `wants_write` takes the delegation of a
    /// mount away first. `None`: there is no such export.
    ///
    /// # Errors
    /// `ExportReadOnly` for a snapshot, and those of the database.
    pub async fn files_of(&self, export: &str, wants_write: bool) -> Result<Option<Files>, ServiceError> {
        let Some(space) = space_find(self.db(), export).await? else { return Ok(None) };
        if wants_write {
            if space.is_read_only() {
                return Err(ServiceError::ExportReadOnly(space.name));
            }
            self.delegation_take(space.id).await?;
        }
        let stripes = self.stripes(space.volume, space.layout).await?;
        let names = Direct::new(self.clone(), space, !wants_write);
        Ok(Some(Files::new(Arc::new(names), stripes, self.db().clock_shared())))
    }

    /// The files of an export for whom a link lets read one of them.
    ///
    /// # Errors
    /// As [`Storage::stripes`].
    pub(crate) async fn files_to_read(&self, space: Space) -> Result<Files, ServiceError> {
        let stripes = self.stripes(space.volume, space.layout).await?;
        let names = Direct::new(self.clone(), space, true);
        Ok(Files::new(Arc::new(names), stripes, self.db().clock_shared()))
    }

    /// The stripes of a volume, by the control plane's own certificate.
    ///
    /// # Errors
    /// `Db`, and what keeps a certificate from being made.
    pub(crate) async fn stripes(&self, volume: i64, layout: Layout) -> Result<Stripes, ServiceError> {
        let kept = || self.volumes().0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stripes) = kept().get(&volume) {
            return Ok(stripes.clone());
        }
        let (pair_pem, ca_pem) = self.control_credentials()?;
        let stripes = Stripes::new(volume, layout.data(), layout.parity(), Credentials { pair_pem, ca_pem });
        stripes.stores_set(self.store_addresses(volume).await?);
        let repairs = self.clone();
        stripes.on_damage(Box::new(move |damage| repairs.repair_wanted(volume, damage)));
        Ok(kept().entry(volume).or_insert(stripes).clone())
    }

    /// Tells the kept stripes which stores there are now.
    pub(crate) async fn stores_reload(&self) -> Result<(), ServiceError> {
        let kept: Vec<(i64, Stripes)> = {
            let kept = self.volumes().0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.iter().map(|(volume, stripes)| (*volume, stripes.clone())).collect()
        };
        for (volume, stripes) in kept {
            stripes.stores_set(self.store_addresses(volume).await?);
        }
        Ok(())
    }
}

impl From<FileError> for Problem {
    fn from(error: FileError) -> Self {
        use FileError as E;
        let sentence = sentence(&error);
        match error {
            E::NotFound(path) => Self::not_found("file-unknown", sentence).arg("path", path.to_string()),
            E::NotADirectory(path) => Self::conflict("not-a-directory", sentence).arg("path", path.to_string()),
            E::IsADirectory(path) => Self::conflict("is-a-directory", sentence).arg("path", path.to_string()),
            E::NotAFile(path) => Self::conflict("not-a-file", sentence).arg("path", path.to_string()),
            E::NotEmpty(path) => Self::conflict("not-empty", sentence).arg("path", path.to_string()),
            E::Exists(path) => Self::conflict("exists", sentence).arg("path", path.to_string()),
            E::IntoItself(path) => Self::conflict("into-itself", sentence).arg("path", path.to_string()),
            E::Changed => Self::conflict("file-changed", sentence),
            E::Root => Self::conflict("root", sentence),
            E::Name { part, .. } => Self::bad_request("file-name", sentence).field("path").arg("name", part),
            E::TooDeep(max) => Self::bad_request("path-too-deep", sentence).field("path").arg("max", max.to_string()),
            E::TooLarge(max) => Self::bad_request("file-too-large", sentence).arg("max", max.to_string()),
            E::Namespace(error) => error.into(),
            E::Read(error) => read_problem(error, sentence),
            E::Write(error) => write_problem(error, sentence),
        }
    }
}

/// With a capital and a full stop.
fn sentence(error: &FileError) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

fn read_problem(error: ReadError, sentence: String) -> Problem {
    match error {
        ReadError::TooFew { .. } => Problem::unavailable("too-few-units", sentence).cause(error),
        ReadError::Ending => Problem::unavailable("ending", sentence).cause(error),
        ReadError::Range { .. } | ReadError::Described(_) | ReadError::Code(_) => Problem::bug(error),
    }
}

fn write_problem(error: WriteError, sentence: String) -> Problem {
    match error {
        WriteError::Full => Problem::no_capacity("stores-full", sentence),
        WriteError::TooFewStores { .. }
        | WriteError::NoneTakes { .. }
        | WriteError::Unsafe { .. }
        | WriteError::Ending => Problem::unavailable("stores-lacking", sentence).cause(error),
        WriteError::Length(_) | WriteError::Code(_) => Problem::bug(error),
    }
}
