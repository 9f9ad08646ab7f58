//! Files made of the stripes of others: copies, and uploads that came in parts. No data is moved. A copy shares the stripes
//! with its original and is counted besides it; the parts of an upload give theirs away, so they are counted once.

use super::{ATTEMPTS, FileError, FilePath, Files, Place, fresh, is_race, pause, touched, unlinked};
use crate::model::effect::Effect;
use crate::model::inode::{Ino, Inode, Kind};
use crate::model::name::Name;
use crate::model::stripe::SPAN_BYTES;
use crate::namespace::{LIST_MAX, Namespace, NamespaceError, Placed};

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
    /// What else changes with it.
    pub(crate) along: &'a [Effect],
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
    pub(crate) const PLAIN: Self = Ending { attributes: &|_| Vec::new(), replaces: Replaces::Whatever, along: &[] };

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
        effects.extend_from_slice(self.along);
        Ok(effects)
    }
}

/// A file that is being made of another.
struct Copied {
    inode: Inode,
    effects: Vec<Effect>,
}

/// A file in a directory, to become a part of another.
pub(crate) struct Part {
    /// The directory.
    pub(crate) parent: Ino,
    /// Its name there.
    pub(crate) name: Name,
    /// It, as it was read.
    pub(crate) inode: Inode,
}

impl Part {
    /// Whether its stripes can become another file's, which has more behind them or `is_last`.
    pub(crate) fn is_movable(&self, is_last: bool) -> bool {
        self.inode.nlink == 1 && (is_last || self.inode.size.is_multiple_of(SPAN_BYTES as u64))
    }

    /// What takes its name away, and the part itself unless it has another. Refused when it is not as it was read.
    pub(crate) fn removal(&self, now_ns: i64) -> Vec<Effect> {
        let Self { parent, name, inode } = self;
        let held = Effect::InodePut(inode.clone());
        let gone = Effect::EntryRemove { parent: *parent, name: name.clone(), ino: inode.ino };
        let guard = (inode.nlink == 1).then_some(held);
        guard.into_iter().chain([gone, unlinked(inode, now_ns)]).collect()
    }
}

impl Copied {
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
        for attempt in 1.. {
            match self.copy_once(&original, to, ending).await {
                Err(FileError::Namespace(error)) if attempt < ATTEMPTS && is_race(&error) => pause(attempt).await,
                result => return result,
            }
        }
        Err(NamespaceError::Changed.into())
    }

    /// Makes `to` a file of all of `parts` in order, with their stripes; `ending` has to bring their removal. Each has to be
    /// [movable](Part::is_movable).
    ///
    /// # Errors
    /// `IsADirectory`, `Exists`, and those of the name space: `Changed` when a part is not as it was given.
    pub(crate) async fn join(&self, parts: &[Part], to: &FilePath, ending: &Ending<'_>) -> Result<Inode, FileError> {
        let (ino, now_ns) = (self.number().await?, self.now_ns());
        self.change(to, |place| {
            ending.check(&place, to)?;
            let mut inode = fresh(ino, Kind::File, 0o644, now_ns);
            let mut moves = Vec::with_capacity(parts.len());
            for part in parts {
                let number = inode.size / SPAN_BYTES as u64;
                moves.push(Effect::StripesMove { from: part.inode.ino, to: ino, number });
                inode.size += part.inode.size;
            }
            let mut effects = vec![Effect::InodePut(inode.clone())];
            effects.append(&mut moves);
            effects.extend(ending.effects(&place, &inode, now_ns)?);
            inode.version += 1;
            Ok((effects, inode))
        })
        .await
    }

    async fn copy_once(&self, original: &Inode, to: &FilePath, ending: &Ending<'_>) -> Result<Inode, FileError> {
        let place = self.place(to).await?;
        ending.check(&place, to)?;
        let (ino, now_ns) = (self.number().await?, self.now_ns());
        let Inode { uid, gid, mode, size, .. } = *original;
        let inode = Inode { uid, gid, nlink: 0, ..fresh(ino, Kind::File, mode, now_ns) };
        let mut copied = Copied { inode, effects: Vec::new() };
        self.stripes_take(&mut copied, original).await?;
        let Copied { mut inode, mut effects } = copied;
        (inode.size, inode.nlink) = (size, 1);
        effects.push(Effect::InodePut(inode.clone()));
        effects.extend(ending.effects(&place, &inode, now_ns)?);
        self.names.apply(effects).await?;
        inode.version += 1;
        Ok(inode)
    }

    /// Adds the stripes of the original. That it is still as it was read is part of each transaction, so its stripes have
    /// not been given up.
    async fn stripes_take(&self, copied: &mut Copied, original: &Inode) -> Result<(), FileError> {
        let mut guard = self.names.inode(original.ino).await?.ok_or(NamespaceError::Changed)?;
        if (guard.size, guard.mtime_ns) != (original.size, original.mtime_ns) {
            return Err(NamespaceError::Changed.into());
        }
        let ino = copied.inode.ino;
        let mut first = 0;
        loop {
            let placed = self.names.stripes(original.ino, first, TOGETHER).await?;
            let is_last = placed.len() < TOGETHER;
            first = placed.last().map_or(first, |placed| placed.number + 1);
            copied.effects.push(Effect::InodePut(guard.clone()));
            let put = |Placed { number, stripe }| Effect::StripePut { ino, number, stripe };
            copied.effects.extend(placed.into_iter().map(put));
            if !is_last || copied.effects.len() >= TOGETHER {
                copied.store(self.names.as_ref()).await?;
                guard.version += 1;
            }
            if is_last {
                return Ok(());
            }
        }
    }
}
