//! What keeps something from being done with a file.

use super::FilePath;
use crate::model::name::NameError;
use crate::namespace::NamespaceError;
use crate::stripe::{ReadError, WriteError};

/// See the module's head. Nothing that can be seen was changed then, but by a removal with all below, which says so.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Nothing is there.
    #[error("there is no {0}")]
    NotFound(FilePath),
    /// Something else is where a directory would have to be.
    #[error("{0} is no directory")]
    NotADirectory(FilePath),
    /// A directory is where a file would have to be.
    #[error("{0} is a directory")]
    IsADirectory(FilePath),
    /// Neither a file nor a directory.
    #[error("{0} is no file")]
    NotAFile(FilePath),
    /// The directory has entries.
    #[error("{0} is not empty")]
    NotEmpty(FilePath),
    /// Something is there.
    #[error("{0} exists already")]
    Exists(FilePath),
    /// A directory can't be moved below itself.
    #[error("{0} can't be moved to a place inside itself")]
    IntoItself(FilePath),
    /// The root stays.
    #[error("that can't be done with the root directory")]
    Root,
    /// A part of the path is no name.
    #[error("{part:?} can't be a name: {source}")]
    Name {
        /// As it was given.
        part: String,
        /// Why.
        #[source]
        source: NameError,
    },
    /// More directories in one another than a path may have.
    #[error("a path has at most {0} parts")]
    TooDeep(usize),
    /// More bytes than a file may have.
    #[error("a file has at most {0} bytes")]
    TooLarge(u64),
    /// It is no longer what is being read.
    #[error("the file was changed or removed while it was read")]
    Changed,
    /// The name space refused, or can't be reached.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// The data can't be read.
    #[error("the data can't be read: {0}")]
    Read(#[from] ReadError),
    /// The data can't be stored.
    #[error("the data can't be stored: {0}")]
    Write(#[from] WriteError),
}
