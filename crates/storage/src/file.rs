//! Files by their paths, for the browser, the command line and S3: over a name space and the stripes of its volume.
//!
//! Symbolic links are shown, never followed: what a path names must not depend on what somebody else links to. An upload
//! writes its stripes beside whatever the path names now, and takes its place in one transaction.

mod change;
mod error;
mod join;
mod path;
mod reading;
mod remove;
mod upload;

use std::sync::Arc;
use std::time::Duration;

use db::Clock;

pub use error::FileError;
pub(crate) use join::{Ending, Part, Replaces};
pub use path::FilePath;
pub use upload::Upload;

use crate::model::effect::Effect;
use crate::model::inode::{Ino, Inode, Kind};
use crate::model::name::Name;
use crate::namespace::{Entry, Namespace, NamespaceError};
use crate::stripe::Stripes;

/// How often a change is decided anew after somebody else changed what it was decided on.
const ATTEMPTS: u32 = 12;

/// One name space's files: a cheap handle.
#[derive(Clone)]
pub struct Files {
    names: Arc<dyn Namespace>,
    stripes: Stripes,
    clock: Arc<dyn Clock>,
}

/// What a path leads to.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The directories that were passed, the root first.
    directories: Vec<Inode>,
    /// The last part of the path; `None`: the root.
    name: Option<Name>,
    /// What is there.
    entry: Option<Inode>,
}

impl Files {
    /// The files of `names`, whose data is in `stripes`.
    pub fn new(names: Arc<dyn Namespace>, stripes: Stripes, clock: Arc<dyn Clock>) -> Self {
        Self { names, stripes, clock }
    }

    /// What is at the path.
    ///
    /// # Errors
    /// `NotFound`, `NotADirectory` on the way there, and those of the name space.
    pub async fn stat(&self, path: &FilePath) -> Result<Inode, FileError> {
        self.place(path).await?.entry.ok_or_else(|| FileError::NotFound(path.clone()))
    }

    /// Entries of a directory in the order of their names' bytes, those after `after`, at most `limit`.
    ///
    /// # Errors
    /// As [`stat`](Self::stat), and `NotADirectory`.
    pub async fn list(&self, path: &FilePath, after: Option<&Name>, limit: usize) -> Result<Vec<Entry>, FileError> {
        let inode = self.stat(path).await?;
        if inode.kind != Kind::Directory {
            return Err(FileError::NotADirectory(path.clone()));
        }
        Ok(self.names.entries(inode.ino, after, limit).await?)
    }

    /// Looks every part of the path up.
    async fn place(&self, path: &FilePath) -> Result<Place, FileError> {
        let root = self.names.inode(self.names.root()).await?.ok_or(NamespaceError::Gone)?;
        let Some((last, parents)) = path.parts().split_last() else {
            return Ok(Place { directories: Vec::new(), name: None, entry: Some(root) });
        };
        let mut directories = vec![root];
        for (depth, name) in parents.iter().enumerate() {
            let at = directories.last().map_or(self.names.root(), |inode| inode.ino);
            let entry = self.names.lookup(at, name).await?;
            let here = || path.first(depth + 1);
            let inode = entry.ok_or_else(|| FileError::NotFound(here()))?.inode;
            if inode.kind != Kind::Directory {
                return Err(FileError::NotADirectory(here()));
            }
            directories.push(inode);
        }
        let at = directories.last().map_or(self.names.root(), |inode| inode.ino);
        let entry = self.names.lookup(at, last).await?.map(|entry| entry.inode);
        Ok(Place { directories, name: Some(last.clone()), entry })
    }

    async fn number(&self) -> Result<i64, FileError> {
        Ok(self.names.numbers(1).await?.start)
    }

    fn now_ns(&self) -> i64 {
        self.clock.now_ms().saturating_mul(1_000_000)
    }

    /// Applies what `decide` makes of the path as it is now, and decides anew when it was changed meanwhile.
    async fn change<T>(
        &self,
        path: &FilePath,
        mut decide: impl FnMut(Place) -> Result<(Vec<Effect>, T), FileError>,
    ) -> Result<T, FileError> {
        for attempt in 1.. {
            let (effects, answer) = decide(self.place(path).await?)?;
            match self.names.apply(effects).await {
                Ok(_) => return Ok(answer),
                Err(error) if attempt < ATTEMPTS && is_race(&error) => pause(attempt).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(NamespaceError::Changed.into())
    }
}

/// Whether somebody else was faster.
fn is_race(error: &NamespaceError) -> bool {
    matches!(error, NamespaceError::Changed | NamespaceError::Exists)
}

async fn pause(attempt: u32) {
    let longest_ms = 1_u64 << attempt.min(8);
    tokio::time::sleep(Duration::from_millis(rand::random_range(0..=longest_ms))).await;
}

impl Place {
    /// The directory that has, or would have, the entry. The root has none.
    fn parent(&self) -> Result<&Inode, FileError> {
        self.directories.last().ok_or(FileError::Root)
    }

    fn name(&self) -> Result<&Name, FileError> {
        self.name.as_ref().ok_or(FileError::Root)
    }
}

/// A directory after entries were added or removed: `links` directories more.
fn touched(directory: &Inode, links: i64, now_ns: i64) -> Inode {
    let nlink = (i64::from(directory.nlink) + links).clamp(2, u32::MAX.into()) as u32;
    Inode { nlink, mtime_ns: now_ns, ctime_ns: now_ns, ..directory.clone() }
}

fn fresh(ino: Ino, kind: Kind, mode: u32, now_ns: i64) -> Inode {
    Inode {
        ino,
        kind,
        mode,
        uid: 0,
        gid: 0,
        nlink: if kind == Kind::Directory { 2 } else { 1 },
        size: 0,
        atime_ns: now_ns,
        mtime_ns: now_ns,
        ctime_ns: now_ns,
        target: None,
        device: 0,
        version: 0,
    }
}

/// What becomes of an inode that one name less leads to.
fn unlinked(inode: &Inode, now_ns: i64) -> Effect {
    if inode.kind == Kind::Directory || inode.nlink <= 1 {
        return Effect::InodeRemove { ino: inode.ino };
    }
    Effect::InodePut(Inode { nlink: inode.nlink - 1, ctime_ns: now_ns, ..inode.clone() })
}

#[cfg(test)]
mod tests;
