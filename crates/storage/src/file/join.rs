//! Files made of the stripes of others: copies, and uploads that came in parts. No data is moved.

use super::{ATTEMPTS, FileError, FilePath, Files, Place, fresh, is_race, pause, touched, unlinked};
use crate::model::effect::Effect;
use crate::model::inode::{Ino, Inode, Kind};
use crate::model::stripe::SPAN_BYTES;
use crate::namespace::{LIST_MAX, Namespace, NamespaceError};

/// Effects after which they are stored on the way, below an inode that no name leads to.
const TOGETHER: usize = LIST_MAX;

/// Extended attributes, made once the inode is known.
pub(crate) type AttributesOf<'a> = &'a (dyn Fn(&Inode) -> Vec<(String, Vec<u8>)> + Send + Sync);

/// What comes with a file that takes its place.
pub(crate) struct Ending<'a> {
    /// Its extended attributes, once its inode is known.
    pub(crate) attributes: AttributesOf<'a>,
    /// What may be there before.
    pub(crate) replaces: Replaces,
}

/// What a file may take the place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replaces {
    /// Any file, or none.
    Whatever,
    /// None.
    Nothing,
    /// This one.
    This(Ino),
}

impl Ending<'_> {
    /// Without attributes, whatever is there.
    pub(crate) const PLAIN: Self = Ending { attributes: &|_| Vec::new(), replaces: Replaces::Whatever };

    /// Errors: `Exists` when something else is there, `IsADirectory`, `Root`.
    pub(super) fn check(&self, place: &Place, path: &FilePath) -> Result<(), FileError> {
        place.parent()?;
        let there = place.entry.as_ref();
        if there.is_some_and(|inode| inode.kind == Kind::Directory) {
            return Err(FileError::IsADirectory(path.clone()));
        }
        let is_allowed = match self.replaces {
            Replaces::Whatever => true,
            Replaces::Nothing => there.is_none(),
            Replaces::This(ino) => there.is_some_and(|inode| inode.ino == ino),
        };
        if is_allowed { Ok(()) } else { Err(FileError::Exists(path.clone())) }
    }

    /// What lets the path name `inode`.
    pub(super) fn effects(&self, place: &Place, inode: &Inode, now_ns: i64) -> Result<Vec<Effect>, FileError> {
        let (parent, name, ino) = (place.parent()?, place.name()?.clone(), inode.ino);
        let put = |(name, value)| Effect::XattrPut { ino, name, value };
        let mut effects: Vec<Effect> = (self.attributes)(inode).into_iter().map(put).collect();
        if let Some(old) = &place.entry {
            effects.push(Effect::EntryRemove { parent: parent.ino, name: name.clone(), ino: old.ino });
            effects.push(unlinked(old, now_ns));
        }
        effects.push(Effect::EntryAdd { parent: parent.ino, name, ino });
        effects.push(Effect::InodePut(touched(parent, 0, now_ns)));
        Ok(effects)
    }
}

/// A file that is being made of others.
struct Joined {
    inode: Inode,
    effects: Vec<Effect>,
}

impl Joined {
    /// Stores what there is so far.
    async fn store(&mut self, names: &dyn Namespace) -> Result<(), FileError> {
        self.effects.push(Effect::InodePut(self.inode.clone()));
        names.apply(std::mem::take(&mut self.effects)).await?;
        self.inode.version += 1;
        Ok(())
    }
}

impl Files {
    /// The name space.
    pub(crate) fn names(&self) -> &dyn Namespace {
        self.names.as_ref()
    }

    /// Makes `to` a copy of the file `from`: it has the same stripes. A copy onto itself changes its attributes.
    ///
    /// # Errors
    /// `NotFound`, `NotAFile`, `IsADirectory`, `Exists`, and those of the name space.
    pub(crate) async fn copy_as(
        &self,
        from: &FilePath,
        to: &FilePath,
        ending: &Ending<'_>,
    ) -> Result<Inode, FileError> {
        let original = self.stat(from).await?;
        if original.kind != Kind::File {
            return Err(FileError::NotAFile(from.clone()));
        }
        if self.place(to).await?.entry.is_some_and(|there| there.ino == original.ino) {
            let put = |(name, value)| Effect::XattrPut { ino: original.ino, name, value };
            let effects: Vec<_> = (ending.attributes)(&original).into_iter().map(put).collect();
            if !effects.is_empty() {
                self.names.apply(effects).await?;
            }
            return Ok(original);
        }
        self.join(std::slice::from_ref(&original), to, ending).await
    }

    /// Makes `to` a file of all of `parts` in order, with their stripes. Each but the last has to fill its stripes: its size
    /// is a multiple of [`SPAN_BYTES`].
    ///
    /// # Errors
    /// `IsADirectory`, `Exists`, and those of the name space: `Changed` when a part is not as it was given.
    pub(crate) async fn join(&self, parts: &[Inode], to: &FilePath, ending: &Ending<'_>) -> Result<Inode, FileError> {
        for attempt in 1.. {
            match self.join_once(parts, to, ending).await {
                Err(FileError::Namespace(error)) if attempt < ATTEMPTS && is_race(&error) => pause(attempt).await,
                result => return result,
            }
        }
        Err(NamespaceError::Changed.into())
    }

    async fn join_once(&self, parts: &[Inode], to: &FilePath, ending: &Ending<'_>) -> Result<Inode, FileError> {
        let first = parts.first().ok_or(FileError::Root)?;
        let place = self.place(to).await?;
        ending.check(&place, to)?;
        let (ino, now_ns) = (self.number().await?, self.now_ns());
        let inode = Inode { uid: first.uid, gid: first.gid, nlink: 0, ..fresh(ino, Kind::File, first.mode, now_ns) };
        let mut joined = Joined { inode, effects: Vec::new() };
        for part in parts {
            self.stripes_take(&mut joined, part).await?;
            joined.inode.size += part.size;
        }
        joined.inode.nlink = 1;
        let Joined { mut inode, mut effects } = joined;
        effects.push(Effect::InodePut(inode.clone()));
        effects.extend(ending.effects(&place, &inode, now_ns)?);
        self.names.apply(effects).await?;
        inode.version += 1;
        Ok(inode)
    }

    /// Adds the stripes of a part. That the part is still as it was read is part of each transaction, so its stripes have
    /// not been given up.
    async fn stripes_take(&self, joined: &mut Joined, part: &Inode) -> Result<(), FileError> {
        let mut guard = self.names.inode(part.ino).await?.ok_or(NamespaceError::Changed)?;
        if (guard.size, guard.mtime_ns) != (part.size, part.mtime_ns) {
            return Err(NamespaceError::Changed.into());
        }
        let (ino, base) = (joined.inode.ino, joined.inode.size / SPAN_BYTES as u64);
        let mut first = 0;
        loop {
            let placed = self.names.stripes(part.ino, first, TOGETHER).await?;
            let is_last = placed.len() < TOGETHER;
            first = placed.last().map_or(first, |placed| placed.number + 1);
            joined.effects.push(Effect::InodePut(guard.clone()));
            let put = |placed: crate::namespace::Placed| Effect::StripePut {
                ino,
                number: base + placed.number,
                stripe: placed.stripe,
            };
            joined.effects.extend(placed.into_iter().map(put));
            if !is_last || joined.effects.len() >= TOGETHER {
                joined.store(self.names.as_ref()).await?;
                guard.version += 1;
            }
            if is_last {
                return Ok(());
            }
        }
    }
}
