//! Recordings in a volume: what classrooms ask of files, over those of storage.

use std::io;
use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use classroom::{Found, FoundFile, RecordingFiles};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use storage::Storage;
use storage::file::{FileError, FilePath, Files};
use storage::model::inode::Kind;
use tokio::io::AsyncReadExt as _;

/// Files of a folder that are stored at the same time.
const TOGETHER: usize = 8;
/// What is read of a file on this machine at once. Bytes.
const PIECE_BYTES: usize = 256 << 10;
/// Entries that are looked at: there are as many folders as formats.
const FOLDERS_MAX: usize = 1_000;
/// Folders of work that are looked at; what is behind them is at another time.
const WORK_MAX: usize = 1_000;
/// What is on its way in, and what was replaced, below the export's root.
const WORK: &str = ".work";

/// An export, once there is one of that name.
pub(crate) struct VolumeFiles {
    pub(crate) storage: Storage,
    pub(crate) export: String,
}

impl VolumeFiles {
    async fn files(&self, wants_write: bool) -> io::Result<Option<Files>> {
        self.storage.files_of(&self.export, wants_write).await.map_err(io::Error::other)
    }

    async fn files_to_write(&self) -> io::Result<Files> {
        let lacking = || io::Error::new(io::ErrorKind::NotFound, format!("there is no export {}", self.export));
        self.files(true).await?.ok_or_else(lacking)
    }
}

fn parsed(path: &str) -> io::Result<FilePath> {
    FilePath::parse(path).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
}

/// The path of the directory that an entry is in.
fn above(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(above, _)| above)
}

/// Whether nothing is there; what no path can name is not there either.
fn is_nothing(error: &FileError) -> bool {
    use FileError as E;
    matches!(error, E::NotFound(_) | E::NotADirectory(_) | E::Name { .. } | E::TooDeep(_))
}

async fn directory_make(files: &Files, path: &str) -> io::Result<()> {
    let made = if path.is_empty() { return Ok(()) } else { files.directory_make(&parsed(path)?, true).await };
    made.map(drop).map_err(io::Error::other)
}

async fn removed(files: &Files, path: &str) -> io::Result<()> {
    match files.remove(&parsed(path)?, true).await {
        Err(error) if !is_nothing(&error) => Err(io::Error::other(error)),
        _ => Ok(()),
    }
}

/// Folders and files of a folder of this machine, by their paths in it, each folder before what is in it.
fn walk(root: &Path) -> io::Result<(Vec<String>, Vec<String>)> {
    let (mut folders, mut files) = (vec![String::new()], Vec::new());
    let mut next = 0;
    while let Some(folder) = folders.get(next).cloned() {
        next += 1;
        for entry in std::fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let name = entry.file_name().into_string().map_err(|_| io::Error::other("a name that is no text"))?;
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            if entry.file_type()?.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    Ok((folders, files))
}

async fn stored(files: &Files, from: &Path, to: &str) -> io::Result<()> {
    let mut file = tokio::fs::File::open(from).await?;
    let mut upload = files.upload(&parsed(to)?).await.map_err(io::Error::other)?;
    loop {
        let mut piece = bytes::BytesMut::with_capacity(PIECE_BYTES);
        if file.read_buf(&mut piece).await? == 0 {
            break;
        }
        upload.push(piece.freeze()).await.map_err(io::Error::other)?;
    }
    upload.finish().await.map(drop).map_err(io::Error::other)
}

#[async_trait::async_trait]
impl RecordingFiles for VolumeFiles {
    async fn is_there(&self) -> io::Result<bool> {
        Ok(self.files(false).await?.is_some())
    }

    async fn find(&self, path: &str) -> io::Result<Found> {
        let Some(files) = self.files(false).await? else { return Ok(Found::Nothing) };
        let found = match FilePath::parse(path) {
            Ok(path) => files.stat(&path).await,
            Err(error) => Err(error),
        };
        let inode = match found {
            Ok(inode) => inode,
            Err(error) if is_nothing(&error) => return Ok(Found::Nothing),
            Err(error) => return Err(io::Error::other(error)),
        };
        match inode.kind {
            Kind::Directory => Ok(Found::Folder),
            Kind::File => {
                let (bytes, modified_ms) = (inode.size, inode.mtime_ns / 1_000_000);
                let read =
                    Box::new(move |range: Range<u64>| files.read(&inode, range).map_err(io::Error::other).boxed());
                Ok(Found::File(FoundFile { bytes, modified_ms, read }))
            }
            _ => Ok(Found::Nothing),
        }
    }

    async fn put(&self, path: &str, content: Bytes) -> io::Result<()> {
        let files = self.files_to_write().await?;
        directory_make(&files, above(path)).await?;
        let mut upload = files.upload(&parsed(path)?).await.map_err(io::Error::other)?;
        upload.push(content).await.map_err(io::Error::other)?;
        upload.finish().await.map(drop).map_err(io::Error::other)
    }

    async fn put_folder(&self, from: &Path, path: &str) -> io::Result<()> {
        let files = self.files_to_write().await?;
        let root = from.to_owned();
        let (folders, names) = tokio::task::spawn_blocking(move || walk(&root)).await.map_err(io::Error::other)??;
        let work = format!("{WORK}/{}", uuid::Uuid::now_v7());
        let new = format!("{work}/new");
        let place = async {
            for folder in &folders {
                directory_make(&files, format!("{new}/{folder}").trim_end_matches('/')).await?;
            }
            let store = |name: String| {
                let (files, from, to) = (&files, from.join(&name), format!("{new}/{name}"));
                async move { stored(files, &from, &to).await }
            };
            stream::iter(names.into_iter().map(store)).buffer_unordered(TOGETHER).try_collect::<()>().await?;
            directory_make(&files, above(path)).await?;
            let (new, to) = (parsed(&new)?, parsed(path)?);
            match files.rename(&new, &to).await {
                // Something is there: the two change places, so that somebody who watches it finds one or the other.
                Err(FileError::NotEmpty(_)) => files.exchange(&new, &to).await.map(|()| true),
                moved => moved.map(|_| false),
            }
            .map_err(io::Error::other)
        };
        let placed = place.await;
        // What was replaced stays for those who are reading it, until it is tidied away.
        if !matches!(placed, Ok(true))
            && let Err(error) = removed(&files, &work).await
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "what was on its way could not be removed");
        }
        placed.map(drop)
    }

    async fn remove(&self, path: &str) -> io::Result<()> {
        match self.files(true).await? {
            Some(files) => removed(&files, path).await,
            None => Ok(()),
        }
    }

    async fn tidy(&self, before_ms: i64) -> io::Result<()> {
        let Some(files) = self.files(false).await? else { return Ok(()) };
        let left = match files.list(&parsed(WORK)?, None, WORK_MAX).await {
            Err(error) if is_nothing(&error) => return Ok(()),
            left => left.map_err(io::Error::other)?,
        };
        for entry in left.into_iter().filter(|entry| entry.inode.mtime_ns / 1_000_000 < before_ms) {
            // Only now: who writes takes a mount's right to keep changes to itself.
            removed(&self.files_to_write().await?, &format!("{WORK}/{}", entry.name.as_str())).await?;
        }
        Ok(())
    }

    async fn folders(&self) -> io::Result<Vec<String>> {
        let Some(files) = self.files(false).await? else { return Ok(Vec::new()) };
        let entries = files.list(&FilePath::default(), None, FOLDERS_MAX).await.map_err(io::Error::other)?;
        let folders = entries.into_iter().filter(|entry| entry.inode.kind == Kind::Directory);
        Ok(folders.map(|entry| entry.name.as_str().to_owned()).filter(|name| !name.starts_with('.')).collect())
    }
}
