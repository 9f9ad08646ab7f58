//! The folder that conference servers put their recordings into is watched by one replica at a time.

use crate::Classroom;
use crate::files::modified_ms;
use crate::service::{ServiceError, import::Import};

/// A file that was written to within this time is still being written.
const STILL_GROWS_MS: i64 = 5_000;

impl Classroom {
    /// Takes in what lies in the spool folder. What fails by our fault stays there for the next turn.
    pub(crate) async fn spool_turn(&self) -> Result<(), ServiceError> {
        self.work_tidy().await;
        self.uploads_tidy().await?;
        let folder = self.config().settings.spool.clone().unwrap_or_else(|| self.config().dir.join("spool"));
        tokio::fs::create_dir_all(&folder).await.map_err(ServiceError::Files)?;
        let mut archives = Vec::new();
        let mut entries = tokio::fs::read_dir(&folder).await.map_err(ServiceError::Files)?;
        while let Some(entry) = entries.next_entry().await.map_err(ServiceError::Files)? {
            let name = entry.file_name().to_string_lossy().into_owned();
            // rsync writes to a file whose name begins with a point, and renames it once it is whole.
            if name.starts_with('.') || !name.ends_with(".tar") {
                continue;
            }
            let Ok(metadata) = entry.metadata().await else { continue };
            let age_ms = self.now_ms() - modified_ms(&metadata).map_err(ServiceError::Files)?;
            if metadata.is_file() && age_ms >= STILL_GROWS_MS {
                archives.push((name, entry.path()));
            }
        }
        archives.sort();
        for (name, path) in archives {
            match self.archive_take(&path, &name).await {
                Ok(Import::Done(_) | Import::Rejected(_)) => {}
                // The others may still be taken in.
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(error, "{name} was not imported; it is tried again");
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests;
