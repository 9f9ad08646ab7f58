//! Removal: of one entry, or of a directory with all that is below it, in bounded steps.

use std::collections::HashSet;

use super::path::PARTS_MAX;
use super::{ATTEMPTS, is_race, pause};
use super::{FileError, FilePath, Files, touched, unlinked};
use crate::model::effect::Effect;
use crate::model::inode::{Ino, Inode, Kind};
use crate::namespace::{Entry, NamespaceError};

/// Entries that one transaction removes.
const STEP: usize = 500;

impl Files {
    /// Removes what is at the path; a directory with entries only when `recursive`, in many steps: cut off, it has removed
    /// a part.
    ///
    /// # Errors
    /// `NotFound`, `NotEmpty`, `Root`, and those of the name space.
    pub async fn remove(&self, path: &FilePath, recursive: bool) -> Result<(), FileError> {
        for attempt in 1.. {
            let place = self.place(path).await?;
            let inode = place.entry.clone().ok_or_else(|| FileError::NotFound(path.clone()))?;
            let (parent, name) = (place.parent()?, place.name()?);
            let is_directory = inode.kind == Kind::Directory;
            if is_directory && recursive {
                self.clear(inode.ino).await?;
            }
            let now_ns = self.now_ns();
            let mut effects =
                removed(parent.ino, &Entry { name: name.clone(), inode: inode.clone(), first: None }, now_ns);
            effects.push(Effect::InodePut(touched(parent, -i64::from(is_directory), now_ns)));
            match self.names.apply(effects).await {
                Ok(_) => return Ok(()),
                Err(error) if attempt < ATTEMPTS && is_race(&error) => {
                    let is_full = is_directory && !self.names.entries(inode.ino, None, 1).await?.is_empty();
                    if is_full && !recursive {
                        return Err(FileError::NotEmpty(path.clone()));
                    }
                    pause(attempt).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(NamespaceError::Changed.into())
    }

    /// Removes everything below a directory, the deepest first.
    async fn clear(&self, root: Ino) -> Result<(), FileError> {
        let mut stack = vec![root];
        let mut failures = 0;
        while let Some(&directory) = stack.last() {
            let entries = self.names.entries(directory, None, STEP).await?;
            if entries.is_empty() {
                stack.pop();
                continue;
            }
            let full = self.first_full(&entries).await?;
            let (step, next) = match full {
                // Files before it go now; then what is below it.
                Some(at) => (&entries[..at], Some(entries[at].inode.ino)),
                None => (entries.as_slice(), None),
            };
            match self.clear_step(directory, step).await {
                Ok(()) => failures = 0,
                Err(FileError::Namespace(error)) if failures < ATTEMPTS && is_race(&error) => {
                    failures += 1;
                    pause(failures).await;
                    continue;
                }
                Err(error) => return Err(error),
            }
            // A name space that a client has tied into a ring would be walked for ever.
            if next.is_some_and(|next| stack.contains(&next)) || stack.len() > PARTS_MAX {
                return Err(FileError::TooDeep(PARTS_MAX));
            }
            stack.extend(next);
        }
        Ok(())
    }

    /// The first of the entries that is a directory with entries of its own.
    async fn first_full(&self, entries: &[Entry]) -> Result<Option<usize>, FileError> {
        for (at, entry) in entries.iter().enumerate() {
            let is_directory = entry.inode.kind == Kind::Directory;
            if is_directory && !self.names.entries(entry.inode.ino, None, 1).await?.is_empty() {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    async fn clear_step(&self, directory: Ino, entries: &[Entry]) -> Result<(), FileError> {
        let now_ns = self.now_ns();
        let mut linked = HashSet::new();
        // Two names of one file are removed one after the other: each has to know what the other left.
        let step = entries.iter().take_while(|entry| entry.inode.nlink < 2 || linked.insert(entry.inode.ino));
        let step: Vec<&Entry> = step.collect();
        if step.is_empty() {
            return Ok(());
        }
        let mut effects: Vec<Effect> = step.iter().flat_map(|entry| removed(directory, entry, now_ns)).collect();
        let directories = step.iter().filter(|entry| entry.inode.kind == Kind::Directory).count();
        if directories > 0 {
            let inode: Inode = self.names.inode(directory).await?.ok_or(NamespaceError::Changed)?;
            effects.push(Effect::InodePut(touched(&inode, -(directories as i64), now_ns)));
        }
        self.names.apply(effects).await?;
        Ok(())
    }
}

/// What takes an entry away with what it names.
fn removed(parent: Ino, entry: &Entry, now_ns: i64) -> Vec<Effect> {
    let Entry { name, inode, .. } = entry;
    let mut effects = Vec::with_capacity(3);
    if inode.kind == Kind::Directory {
        effects.push(Effect::DirectoryEmpty { ino: inode.ino });
    }
    effects.push(Effect::EntryRemove { parent, name: name.clone(), ino: inode.ino });
    effects.push(unlinked(inode, now_ns));
    effects
}
