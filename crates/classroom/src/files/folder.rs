//! Files in a folder, which replicas may share.

use std::fs::File;
use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::stream::{StreamExt as _, TryStreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;

use super::{Found, FoundFile, RecordingFiles};

/// Below the folder: what is being unpacked, and what was replaced.
const WORK: &str = ".work";
/// What is read of a file at once. Bytes.
const PIECE_BYTES: usize = 64 << 10;

/// A folder. A rename is what makes a change whole.
pub(crate) struct FolderFiles(PathBuf);

impl FolderFiles {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self(root)
    }

    /// A folder of nobody's for work on the way, on the same file system. It is made.
    pub(crate) async fn work(&self) -> io::Result<PathBuf> {
        let work = self.0.join(WORK).join(uuid::Uuid::now_v7().to_string());
        tokio::fs::create_dir_all(&work).await?;
        Ok(work)
    }
}

async fn work_remove(work: &Path) {
    if let Err(error) = tokio::fs::remove_dir_all(work).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "what was replaced could not be removed");
    }
}

/// Does what blocks.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

#[async_trait::async_trait]
impl RecordingFiles for FolderFiles {
    async fn is_there(&self) -> io::Result<bool> {
        Ok(true)
    }

    async fn find(&self, path: &str) -> io::Result<Found> {
        let opened = self.0.join(path);
        let opened = blocking(move || {
            let file = File::open(opened)?;
            let metadata = file.metadata()?;
            Ok((file, metadata))
        });
        let (file, metadata) = match opened.await {
            Ok(opened) => opened,
            Err(error) if is_nothing(&error) => return Ok(Found::Nothing),
            Err(error) => return Err(error),
        };
        if metadata.is_dir() {
            return Ok(Found::Folder);
        }
        if !metadata.is_file() {
            return Ok(Found::Nothing);
        }
        let read = Box::new(move |range: std::ops::Range<u64>| {
            let mut file = tokio::fs::File::from_std(file);
            let opened = async move {
                file.seek(SeekFrom::Start(range.start)).await?;
                Ok::<_, io::Error>(ReaderStream::with_capacity(file.take(range.end - range.start), PIECE_BYTES))
            };
            futures::stream::once(opened).try_flatten().boxed()
        });
        Ok(Found::File(FoundFile { bytes: metadata.len(), modified_ms: modified_ms(&metadata)?, read }))
    }

    async fn put(&self, path: &str, content: Bytes) -> io::Result<()> {
        let work = self.work().await?;
        let (new, path) = (work.join("new"), self.0.join(path));
        let placed = blocking(move || {
            std::fs::write(&new, content)?;
            File::open(&new)?.sync_all()?;
            let above = path.parent().ok_or_else(|| io::Error::other("a file has a folder above it"))?;
            std::fs::create_dir_all(above)?;
            std::fs::rename(new, &path)?;
            File::open(above)?.sync_all()
        });
        let placed = placed.await;
        work_remove(&work).await;
        placed
    }

    async fn put_folder(&self, from: &Path, path: &str) -> io::Result<()> {
        let work = self.work().await?;
        let (from, to, old) = (from.to_owned(), self.0.join(path), work.join("old"));
        let placed = blocking(move || place(&from, &to, &old)).await;
        work_remove(&work).await;
        placed
    }

    async fn remove(&self, path: &str) -> io::Result<()> {
        let path = self.0.join(path);
        let removed = blocking(move || match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => std::fs::remove_file(path),
            removed => removed,
        });
        match removed.await {
            Err(error) if is_nothing(&error) => Ok(()),
            removed => removed,
        }
    }

    async fn tidy(&self, before_ms: i64) -> io::Result<()> {
        let Ok(mut entries) = tokio::fs::read_dir(self.0.join(WORK)).await else { return Ok(()) };
        while let Some(entry) = entries.next_entry().await? {
            let Ok(modified_ms) = modified_ms(&entry.metadata().await?) else { continue };
            if modified_ms < before_ms {
                tokio::fs::remove_dir_all(entry.path()).await?;
            }
        }
        Ok(())
    }

    async fn folders(&self) -> io::Result<Vec<String>> {
        let root = self.0.clone();
        let listed = blocking(move || {
            let folders = std::fs::read_dir(root)?.flatten().filter(|entry| entry.path().is_dir());
            let names = folders.filter_map(|entry| entry.file_name().into_string().ok());
            Ok(names.filter(|name| !name.starts_with('.')).collect())
        });
        match listed.await {
            Err(error) if is_nothing(&error) => Ok(Vec::new()),
            listed => listed,
        }
    }
}

fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// When a file was changed, epoch ms.
pub(crate) fn modified_ms(metadata: &std::fs::Metadata) -> io::Result<i64> {
    let since = metadata.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Ok(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Puts a folder in its place, in one step: what was there is at `old` then.
fn place(from: &Path, to: &Path, old: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let above = to.parent().ok_or_else(|| io::Error::other("a recording has a folder above it"))?;
    std::fs::create_dir_all(above)?;
    match std::fs::rename(from, to) {
        Ok(()) => {}
        // Something is there: the two change places, so that somebody who watches it finds one or the other.
        Err(error) if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists) => {
            renameat_with(CWD, from, CWD, to, RenameFlags::EXCHANGE)?;
            std::fs::rename(from, old)?;
        }
        Err(error) => return Err(error),
    }
    File::open(above)?.sync_all()
}
