//! Inodes: what a file is but for its name and its bytes.

use serde::{Deserialize, Serialize};

/// Number of an inode, unique in all of storage. Handed out in ranges, never used again.
pub type Ino = i64;

/// What an inode is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Bytes.
    File,
    /// Entries.
    Directory,
    /// A path, in [`Inode::target`].
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket's name.
    Socket,
    /// A character device, [`Inode::device`].
    Character,
    /// A block device, [`Inode::device`].
    Block,
}

impl Kind {
    const ALL: [Self; 7] =
        [Self::File, Self::Directory, Self::Symlink, Self::Fifo, Self::Socket, Self::Character, Self::Block];

    /// The word in rows.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Symlink => "symlink",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
            Self::Character => "character",
            Self::Block => "block",
        }
    }
}

/// A word that names no kind.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no kind of inode")]
pub struct UnknownKind(String);

impl std::str::FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word).ok_or_else(|| UnknownKind(word.to_owned()))
    }
}

/// An inode as stored. Times are nanoseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inode {
    /// Its number.
    pub ino: Ino,
    /// What it is.
    pub kind: Kind,
    /// Permission bits with set-uid, set-gid and sticky: the low 12 bits of `st_mode`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Entries that name it; of a directory, 2 and one for each directory in it. 0: it is open somewhere or about to go.
    pub nlink: u32,
    /// Length in bytes; of a symbolic link that of its target.
    pub size: u64,
    /// Last access; kept no finer than `relatime` does.
    pub atime_ns: i64,
    /// Last change of the content.
    pub mtime_ns: i64,
    /// Last change of anything.
    pub ctime_ns: i64,
    /// Of a symbolic link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Of a device: `st_rdev`.
    #[serde(default)]
    pub device: u32,
    /// Grows by one with each change that was stored, so that two who change it notice each other. 0: not stored yet.
    pub version: i64,
}
