//! Directories made, names changed, files copied.

use super::{ATTEMPTS, is_race, pause};
use super::{Ending, FileError, FilePath, Files, Place, fresh, touched, unlinked};
use crate::model::effect::Effect;
use crate::model::inode::{Inode, Kind};
use crate::namespace::NamespaceError;

impl Files {
    /// Makes a directory; with `parents` those on the way as well, and then one that is there is no error.
    ///
    /// # Errors
    /// `Exists`, `NotFound` for a parent, `NotADirectory`, `Root`, and those of the name space.
    pub async fn directory_make(&self, path: &FilePath, parents: bool) -> Result<Inode, FileError> {
        if !parents {
            return self.directory_make_one(path).await;
        }
        for attempt in 1..ATTEMPTS {
            match self.directories_make(path).await {
                // Somebody removed one that had been made or was there.
                Err(FileError::NotFound(_)) => pause(attempt).await,
                result => return result,
            }
        }
        self.directories_make(path).await
    }

    async fn directories_make(&self, path: &FilePath) -> Result<Inode, FileError> {
        for depth in 1..path.parts().len() {
            match self.directory_make_one(&path.first(depth)).await {
                Ok(_) | Err(FileError::Exists(_)) => {}
                Err(error) => return Err(error),
            }
        }
        match self.directory_make_one(path).await {
            Err(FileError::Exists(_) | FileError::Root) => match self.stat(path).await? {
                inode if inode.kind == Kind::Directory => Ok(inode),
                _ => Err(FileError::Exists(path.clone())),
            },
            result => result,
        }
    }

    async fn directory_make_one(&self, path: &FilePath) -> Result<Inode, FileError> {
        let ino = self.number().await?;
        let now_ns = self.now_ns();
        self.change(path, |place| {
            let (parent, name) = (place.parent()?, place.name()?.clone());
            if place.entry.is_some() {
                return Err(FileError::Exists(path.clone()));
            }
            let inode = fresh(ino, Kind::Directory, 0o755, now_ns);
            let effects = vec![
                Effect::InodePut(inode.clone()),
                Effect::EntryAdd { parent: parent.ino, name, ino },
                Effect::InodePut(touched(parent, 1, now_ns)),
            ];
            Ok((effects, inode))
        })
        .await
    }

    /// Gives what is at `from` the name `to`. A file, or an empty directory where a directory comes, is replaced.
    ///
    /// # Errors
    /// `NotFound`, `IntoItself`, `IsADirectory` or `NotADirectory` where the kinds don't fit, `NotEmpty`, `Root`, and those of
    /// the name space.
    pub async fn rename(&self, from: &FilePath, to: &FilePath) -> Result<Inode, FileError> {
        for attempt in 1.. {
            let (source, target) = (self.place(from).await?, self.place(to).await?);
            let moved = source.entry.clone().ok_or_else(|| FileError::NotFound(from.clone()))?;
            if target.entry.as_ref().is_some_and(|there| there.ino == moved.ino) {
                return Ok(moved);
            }
            let effects = self.rename_effects(&source, &target, &moved, (from, to))?;
            match self.names.apply(effects).await {
                Ok(_) => return Ok(moved),
                Err(error) if attempt < ATTEMPTS && is_race(&error) => {
                    if let Some(there) = target.entry.filter(|there| there.kind == Kind::Directory)
                        && !self.names.entries(there.ino, None, 1).await?.is_empty()
                    {
                        return Err(FileError::NotEmpty(to.clone()));
                    }
                    pause(attempt).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(NamespaceError::Changed.into())
    }

    fn rename_effects(
        &self,
        source: &Place,
        target: &Place,
        moved: &Inode,
        (from, to): (&FilePath, &FilePath),
    ) -> Result<Vec<Effect>, FileError> {
        let now_ns = self.now_ns();
        let (old, new) = (source.parent()?, target.parent()?);
        let is_directory = moved.kind == Kind::Directory;
        if target.directories.iter().any(|directory| directory.ino == moved.ino) {
            return Err(FileError::IntoItself(from.clone()));
        }
        let mut effects = Vec::new();
        let mut links = i64::from(is_directory);
        if let Some(there) = &target.entry {
            match (is_directory, there.kind == Kind::Directory) {
                (false, true) => return Err(FileError::IsADirectory(to.clone())),
                (true, false) => return Err(FileError::NotADirectory(to.clone())),
                (true, true) => {
                    effects.push(Effect::DirectoryEmpty { ino: there.ino });
                    links -= 1;
                }
                (false, false) => {}
            }
            let name = target.name()?.clone();
            effects.push(Effect::EntryRemove { parent: new.ino, name, ino: there.ino });
            effects.push(unlinked(there, now_ns));
        }
        effects.push(Effect::EntryRemove { parent: old.ino, name: source.name()?.clone(), ino: moved.ino });
        effects.push(Effect::EntryAdd { parent: new.ino, name: target.name()?.clone(), ino: moved.ino });
        effects.push(Effect::InodePut(Inode { ctime_ns: now_ns, ..moved.clone() }));
        if old.ino == new.ino {
            effects.push(Effect::InodePut(touched(old, links - i64::from(is_directory), now_ns)));
        } else {
            effects.push(Effect::InodePut(touched(old, -i64::from(is_directory), now_ns)));
            effects.push(Effect::InodePut(touched(new, links, now_ns)));
        }
        Ok(effects)
    }

    /// Swaps what is at two paths, in one step: whoever looks finds the one or the other.
    ///
    /// # Errors
    /// `NotFound`, `IntoItself` where the one is below the other, `Root`, and those of the name space.
    pub async fn exchange(&self, one: &FilePath, other: &FilePath) -> Result<(), FileError> {
        for attempt in 1.. {
            let places = [(one, self.place(one).await?), (other, self.place(other).await?)];
            let effects = self.exchange_effects(&places)?;
            match self.names.apply(effects).await {
                Ok(_) => return Ok(()),
                Err(error) if attempt < ATTEMPTS && is_race(&error) => pause(attempt).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(NamespaceError::Changed.into())
    }

    fn exchange_effects(&self, places: &[(&FilePath, Place); 2]) -> Result<Vec<Effect>, FileError> {
        let now_ns = self.now_ns();
        let [(path, one), (_, other)] = places;
        let there = |(path, place): &(&FilePath, Place)| {
            place.entry.clone().ok_or_else(|| FileError::NotFound((*path).clone()))
        };
        let (own, theirs) = (there(&places[0])?, there(&places[1])?);
        if own.ino == theirs.ino {
            return Ok(Vec::new());
        }
        let is_below = |place: &Place, above: &Inode| place.directories.iter().any(|inode| inode.ino == above.ino);
        if is_below(other, &own) || is_below(one, &theirs) {
            return Err(FileError::IntoItself((*path).clone()));
        }
        let swaps = [(one, &own, &theirs), (other, &theirs, &own)];
        let mut effects = Vec::new();
        for (place, left, _) in swaps {
            let (parent, name) = (place.parent()?.ino, place.name()?.clone());
            effects.push(Effect::EntryRemove { parent, name, ino: left.ino });
        }
        for (place, _, came) in swaps {
            let (parent, name) = (place.parent()?.ino, place.name()?.clone());
            effects.push(Effect::EntryAdd { parent, name, ino: came.ino });
            effects.push(Effect::InodePut(Inode { ctime_ns: now_ns, ..came.clone() }));
        }
        if one.parent()?.ino == other.parent()?.ino {
            effects.push(Effect::InodePut(touched(one.parent()?, 0, now_ns)));
            return Ok(effects);
        }
        let directories = |inode: &Inode| i64::from(inode.kind == Kind::Directory);
        for (place, left, came) in swaps {
            let links = directories(came) - directories(left);
            effects.push(Effect::InodePut(touched(place.parent()?, links, now_ns)));
        }
        Ok(effects)
    }

    /// Makes `to` a copy of the file `from`: it has the same stripes, no data is moved. A file at `to` is replaced.
    ///
    /// # Errors
    /// `NotFound`, `NotAFile`, `IsADirectory`, and those of the name space.
    pub async fn copy(&self, from: &FilePath, to: &FilePath) -> Result<Inode, FileError> {
        self.copy_as(from, to, &Ending::PLAIN).await
    }
}
