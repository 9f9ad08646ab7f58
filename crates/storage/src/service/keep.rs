//! Keeping what another service has made in the caller's own files.

use bytes::Bytes;
use portal::{Caller, Problem};

use super::ServiceError;
use crate::Storage;
use crate::file::FilePath;

/// Where something is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptIn {
    /// The caller's own export.
    pub export: String,
    /// The directory's path in it, without a slash in front.
    pub path: String,
    /// The directory's page.
    pub page: String,
}

impl Storage {
    /// Stores files, by their paths from there, below a directory of the caller's own export, which is made when it is
    /// first asked for; so are the directory and those on the way. Files that are there are replaced.
    ///
    /// # Errors
    /// `home-lacking` while there is no volume for personal exports; and those of files. Cancelled, it leaves whole files or
    /// none of each.
    pub async fn keep(
        &self,
        caller: &Caller,
        directory: &str,
        files: Vec<(String, Vec<u8>)>,
    ) -> Result<KeptIn, Problem> {
        let path = FilePath::parse(directory)?;
        let export = self.home_of(caller);
        let home = self.files(caller, &export, true).await.map_err(|error| match error {
            ServiceError::ExportUnknown(_) => ServiceError::HomeLacking,
            error => error,
        })?;
        if !path.parts().is_empty() {
            home.directory_make(&path, true).await?;
        }
        for (name, data) in files {
            let place = FilePath::parse(&format!("{path}/{name}"))?;
            if name.contains('/') {
                home.directory_make(&place.first(place.parts().len() - 1), true).await?;
            }
            let mut upload = home.upload(&place).await?;
            upload.push(Bytes::from(data)).await?;
            upload.finish().await?;
        }
        let page = format!("/files/{}{}", crate::pages::encoded(&export), crate::pages::encoded_path(&path));
        Ok(KeptIn { export, path: path.to_string().trim_start_matches('/').to_owned(), page })
    }
}
