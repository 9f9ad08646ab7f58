//! Where the files of recordings are: a folder, and a volume of the storage service when there is one for them.
//!
//! Then what comes in goes to the volume, and what was in the folder before is served from the folder. Paths are
//! `FORMAT/RECORDING/…`, with slashes and without `..`.

mod folder;

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::stream::{BoxStream, StreamExt as _};

pub(crate) use folder::{FolderFiles, modified_ms};

/// Keeps files, beside the folder that classrooms have themselves.
#[async_trait::async_trait]
pub trait RecordingFiles: Send + Sync {
    /// Whether files can be kept here at all, now. What is not there has no files.
    ///
    /// # Errors
    /// It can't be told now.
    async fn is_there(&self) -> io::Result<bool>;

    /// What is at a path.
    ///
    /// # Errors
    /// It can't be told now.
    async fn find(&self, path: &str) -> io::Result<Found>;

    /// Puts a file at a path, in the place of one that is there; folders on the way are made.
    ///
    /// # Errors
    /// It could not be made durable, and what was there is as it was.
    async fn put(&self, path: &str, content: Bytes) -> io::Result<()>;

    /// Puts a folder of this machine at a path, with all that is in it, in the place of what is there. Whoever looks
    /// finds the one or the other, and who is reading the old one may go on. `from` may be gone then. Dropped before
    /// its end it leaves what was there.
    ///
    /// # Errors
    /// It could not be made durable.
    async fn put_folder(&self, from: &Path, path: &str) -> io::Result<()>;

    /// Removes what is at a path, with all below it. Where nothing is, nothing is to be done.
    ///
    /// # Errors
    /// A part of it may be there still.
    async fn remove(&self, path: &str) -> io::Result<()>;

    /// Removes what work left that was last touched before `before_ms`, epoch ms: of what was ended with the program,
    /// and what was replaced, which is there until then for who is reading it.
    ///
    /// # Errors
    /// A part of it may be there still.
    async fn tidy(&self, before_ms: i64) -> io::Result<()>;

    /// The names of the folders at the top.
    ///
    /// # Errors
    /// They can't be told now.
    async fn folders(&self) -> io::Result<Vec<String>>;
}

/// What is at a path.
pub enum Found {
    /// There is nothing.
    Nothing,
    /// A folder.
    Folder,
    /// A file.
    File(FoundFile),
}

/// A file that was found.
pub struct FoundFile {
    /// How long it is, bytes.
    pub bytes: u64,
    /// When its content was changed, epoch ms.
    pub modified_ms: i64,
    /// Reads a part of it, in bytes from its beginning.
    pub read: FileRead,
}

/// Reads a part of a file; an error ends the stream.
pub type FileRead = Box<dyn FnOnce(Range<u64>) -> BoxStream<'static, io::Result<Bytes>> + Send>;

/// The folder, and the volume where there is one.
pub(crate) struct Kept {
    folder: FolderFiles,
    volume: Option<Arc<dyn RecordingFiles>>,
}

impl Kept {
    pub(crate) fn new(folder: FolderFiles, volume: Option<Arc<dyn RecordingFiles>>) -> Self {
        Self { folder, volume }
    }

    /// The folder, which is asked first as it costs nothing, and the volume.
    pub(crate) fn each(&self) -> impl Iterator<Item = &dyn RecordingFiles> {
        let folder: &dyn RecordingFiles = &self.folder;
        std::iter::once(folder).chain(self.volume.as_deref())
    }

    /// A folder of this machine for work on the way. It is made.
    pub(crate) async fn work(&self) -> io::Result<PathBuf> {
        self.folder.work().await
    }

    /// The volume, when there is one: what comes in goes there.
    async fn volume_now(&self) -> io::Result<Option<&dyn RecordingFiles>> {
        match self.volume.as_deref() {
            Some(volume) if volume.is_there().await? => Ok(Some(volume)),
            _ => Ok(None),
        }
    }

    pub(crate) async fn find(&self, path: &str) -> io::Result<Found> {
        for files in self.each() {
            match files.find(path).await? {
                Found::Nothing => {}
                found => return Ok(found),
            }
        }
        Ok(Found::Nothing)
    }

    /// [`RecordingFiles::put_folder`]; what the folder had in its place is gone then.
    pub(crate) async fn put_folder(&self, from: &Path, path: &str) -> io::Result<()> {
        match self.volume_now().await? {
            Some(volume) => {
                volume.put_folder(from, path).await?;
                self.folder.remove(path).await
            }
            None => self.folder.put_folder(from, path).await,
        }
    }

    /// [`RecordingFiles::put`]; a file that the folder has in its place is gone then.
    pub(crate) async fn put(&self, path: &str, content: Bytes) -> io::Result<()> {
        match self.volume_now().await? {
            Some(volume) => {
                volume.put(path, content).await?;
                self.folder.remove(path).await
            }
            None => self.folder.put(path, content).await,
        }
    }

    /// A small file's content; see [`content`].
    pub(crate) async fn content(&self, path: &str, most: u64) -> io::Result<Option<Bytes>> {
        for files in self.each() {
            if let Some(content) = content(files, path, most).await? {
                return Ok(Some(content));
            }
        }
        Ok(None)
    }

    /// Removes a path wherever it is.
    pub(crate) async fn remove(&self, path: &str) -> io::Result<()> {
        for files in self.each() {
            files.remove(path).await?;
        }
        Ok(())
    }
}

/// A small file's content; `None`: there is none.
///
/// # Errors
/// It can't be read, or has more than `most` bytes.
pub(crate) async fn content(files: &dyn RecordingFiles, path: &str, most: u64) -> io::Result<Option<Bytes>> {
    let Found::File(file) = files.find(path).await? else { return Ok(None) };
    if file.bytes > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("{path} has {} bytes", file.bytes)));
    }
    let mut content = BytesMut::new();
    let mut pieces = (file.read)(0..file.bytes);
    while let Some(piece) = pieces.next().await {
        content.extend_from_slice(&piece?);
    }
    Ok(Some(content.freeze()))
}
