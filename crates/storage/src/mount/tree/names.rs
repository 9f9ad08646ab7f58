//! Operations on names: finding, making, linking, unlinking, renaming.

use nix::errno::Errno;

use super::{By, Miss, Stop, Tree};
use crate::model::inode::{Ino, Inode, Kind};
use crate::model::name::Name;
use crate::mount::node::Node;

/// Most bytes of a symbolic link's target, as on Linux.
const TARGET_BYTES_MAX: usize = 4_095;
/// Set-group-ID: in a directory, new entries get its group.
const SET_GID: u32 = 0o2000;

/// What to make.
#[derive(Clone, Debug)]
pub(crate) struct Make {
    pub(crate) kind: Kind,
    /// The low 12 bits count.
    pub(crate) mode: u32,
    pub(crate) target: Option<String>,
    pub(crate) device: u32,
}

/// How to rename.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Rename {
    /// What has the new name goes.
    #[default]
    Replace,
    /// The new name must be free.
    Fresh,
    /// Both swap their places.
    Exchange,
}

impl Tree {
    /// The inode that a name in a directory names.
    pub(crate) fn lookup(&self, parent: Ino, name: &Name) -> Result<Option<&Inode>, Stop> {
        match self.entry(parent, name)? {
            Some(ino) => Ok(Some(&self.node(ino)?.inode)),
            None => Ok(None),
        }
    }

    /// Makes an inode with one name.
    pub(crate) fn make(&mut self, by: &By, parent: Ino, name: &Name, make: &Make) -> Result<Ino, Stop> {
        self.place(parent, name)?;
        self.room_inode()?;
        if make.target.as_ref().is_some_and(|target| target.len() > TARGET_BYTES_MAX) {
            return Err(Errno::ENAMETOOLONG.into());
        }
        let ino = self.shares.numbers.try_take().ok_or(Miss::Numbers)?;
        let above = &self.node(parent)?.inode;
        let is_directory = make.kind == Kind::Directory;
        let inherits = above.mode & SET_GID != 0;
        let gid = if inherits { above.gid } else { by.gid };
        let mode = make.mode & 0o7777 | if inherits && is_directory { SET_GID } else { 0 };
        let inode = Inode {
            ino,
            kind: make.kind,
            mode,
            uid: by.uid,
            gid,
            nlink: if is_directory { 2 } else { 1 },
            size: make.target.as_ref().map_or(0, |target| target.len() as u64),
            atime_ns: by.now_ns,
            mtime_ns: by.now_ns,
            ctime_ns: by.now_ns,
            target: make.target.clone(),
            device: make.device,
            version: 0,
        };
        self.nodes.insert(ino, Node::new(inode, parent));
        self.dirt.inodes.insert(ino);
        self.dirt.added.inodes += 1;
        self.entry_set(parent, name, Some(ino));
        self.touch(parent, by)?;
        if is_directory {
            self.change(parent, by, |above| above.nlink += 1)?;
        }
        Ok(ino)
    }

    /// Gives a file one more name.
    pub(crate) fn link(&mut self, by: &By, ino: Ino, parent: Ino, name: &Name) -> Result<(), Stop> {
        self.node(ino)?;
        self.place(parent, name)?;
        let node = self.node(ino)?;
        if node.is_directory() {
            return Err(Errno::EPERM.into());
        }
        if node.inode.nlink == 0 {
            return Err(Errno::ENOENT.into());
        }
        self.entry_set(parent, name, Some(ino));
        self.touch(parent, by)?;
        self.change(ino, by, |inode| inode.nlink += 1)
    }

    /// Takes a name from anything but a directory.
    pub(crate) fn unlink(&mut self, by: &By, parent: Ino, name: &Name) -> Result<(), Stop> {
        self.writable()?;
        let ino = self.entry(parent, name)?.ok_or(Errno::ENOENT)?;
        if self.node(ino)?.is_directory() {
            return Err(Errno::EISDIR.into());
        }
        self.entry_set(parent, name, None);
        self.touch(parent, by)?;
        self.unname(by, ino)
    }

    /// Removes an empty directory.
    pub(crate) fn rmdir(&mut self, by: &By, parent: Ino, name: &Name) -> Result<(), Stop> {
        self.writable()?;
        let ino = self.entry(parent, name)?.ok_or(Errno::ENOENT)?;
        if !self.node(ino)?.is_directory() {
            return Err(Errno::ENOTDIR.into());
        }
        self.empty(ino)?;
        self.entry_set(parent, name, None);
        self.touch(parent, by)?;
        self.change(parent, by, |above| above.nlink -= 1)?;
        self.unname(by, ino)
    }

    /// Renames, in one step for whoever looks.
    pub(crate) fn rename(&mut self, by: &By, from: (Ino, &Name), to: (Ino, &Name), how: Rename) -> Result<(), Stop> {
        self.writable()?;
        let ino = self.entry(from.0, from.1)?.ok_or(Errno::ENOENT)?;
        let replaced = self.entry(to.0, to.1)?;
        let is_directory = self.node(ino)?.is_directory();
        if self.node(to.0)?.inode.nlink == 0 {
            return Err(Errno::ENOENT.into());
        }
        match (how, replaced) {
            (Rename::Exchange, None) => return Err(Errno::ENOENT.into()),
            (Rename::Exchange, Some(other)) => return self.exchange(by, (from, ino), (to, other)),
            (Rename::Fresh, Some(_)) => return Err(Errno::EEXIST.into()),
            (Rename::Replace, Some(other)) if other == ino => return Ok(()),
            (Rename::Replace | Rename::Fresh, _) => {}
        }
        if is_directory && self.is_below(to.0, ino) {
            return Err(Errno::EINVAL.into());
        }
        if let Some(other) = replaced {
            self.replaceable(is_directory, other)?;
        }
        if let Some(other) = replaced {
            self.entry_set(to.0, to.1, None);
            if is_directory {
                self.change(to.0, by, |above| above.nlink -= 1)?;
            }
            self.unname(by, other)?;
        }
        self.entry_set(from.0, from.1, None);
        self.entry_set(to.0, to.1, Some(ino));
        self.moved(by, ino, from.0, to.0)
    }

    /// Two entries swap what they name.
    fn exchange(&mut self, by: &By, one: ((Ino, &Name), Ino), two: ((Ino, &Name), Ino)) -> Result<(), Stop> {
        let (((from, from_name), ino), ((to, to_name), other)) = (one, two);
        if ino == other {
            return Ok(());
        }
        let is_below = |of: Ino, ino: Ino| self.nodes[&ino].is_directory() && self.is_below(of, ino);
        self.node(other)?;
        if is_below(to, ino) || is_below(from, other) {
            return Err(Errno::EINVAL.into());
        }
        self.entry_set(from, from_name, Some(other));
        self.entry_set(to, to_name, Some(ino));
        self.moved(by, ino, from, to)?;
        self.moved(by, other, to, from)
    }

    /// What a move changes beside the entries.
    fn moved(&mut self, by: &By, ino: Ino, from: Ino, to: Ino) -> Result<(), Stop> {
        self.touch(from, by)?;
        self.touch(to, by)?;
        self.change(ino, by, |_| {})?;
        if self.node(ino)?.is_directory() && from != to {
            self.change(from, by, |above| above.nlink -= 1)?;
            self.change(to, by, |above| above.nlink += 1)?;
        }
        self.node_mut(ino)?.parent = Some(to);
        Ok(())
    }

    /// Whether `other` may make room for what is renamed to its name.
    fn replaceable(&self, is_directory: bool, other: Ino) -> Result<(), Stop> {
        match (is_directory, self.node(other)?.is_directory()) {
            (true, false) => Err(Errno::ENOTDIR.into()),
            (false, true) => Err(Errno::EISDIR.into()),
            (true, true) => self.empty(other),
            (false, false) => Ok(()),
        }
    }

    /// Whether `ino` is `above` or somewhere below it, as far as is known; the kernel, which walked there, knows all.
    fn is_below(&self, mut ino: Ino, above: Ino) -> bool {
        loop {
            if ino == above {
                return true;
            }
            match self.nodes.get(&ino).and_then(|node| node.parent) {
                Some(parent) if ino != self.root => ino = parent,
                _ => return false,
            }
        }
    }

    /// One name less; the last one takes the inode with it unless it is open.
    fn unname(&mut self, by: &By, ino: Ino) -> Result<(), Stop> {
        self.change(ino, by, |inode| {
            let is_directory = inode.kind == Kind::Directory;
            inode.nlink = if is_directory { 0 } else { inode.nlink.saturating_sub(1) };
        })?;
        if self.node(ino)?.inode.nlink == 0 && !self.shares.opens.keeps(ino) {
            self.remove(ino);
        }
        Ok(())
    }

    /// Nobody has it open any more.
    pub(crate) fn reap(&mut self, ino: Ino) -> Result<(), Stop> {
        match self.node(ino) {
            Ok(node) if node.inode.nlink == 0 && !self.shares.opens.is_open(ino) => self.remove(ino),
            Ok(_) | Err(Stop::Errno(_)) => {}
            Err(miss) => return Err(miss),
        }
        Ok(())
    }

    /// Fails unless `name` may be made in `parent`.
    fn place(&self, parent: Ino, name: &Name) -> Result<(), Stop> {
        self.writable()?;
        if self.entry(parent, name)?.is_some() {
            return Err(Errno::EEXIST.into());
        }
        if self.node(parent)?.inode.nlink == 0 {
            return Err(Errno::ENOENT.into());
        }
        Ok(())
    }

    fn entry(&self, parent: Ino, name: &Name) -> Result<Option<Ino>, Stop> {
        let node = self.node(parent)?;
        if !node.is_directory() {
            return Err(Errno::ENOTDIR.into());
        }
        let directory = &node.directory;
        match directory.entries.get(name) {
            Some(known) => Ok(*known),
            None if directory.is_complete || node.is_dead => Ok(None),
            None if directory.is_large || self.is_brief => Err(Miss::Entry(parent, name.clone()).into()),
            None => Err(Miss::Listing(parent).into()),
        }
    }

    fn entry_set(&mut self, parent: Ino, name: &Name, to: Option<Ino>) {
        let Some(node) = self.nodes.get_mut(&parent) else { return };
        let directory = &mut node.directory;
        let before = directory.entries.get(name).copied().flatten();
        self.dirt.entries.entry((parent, name.clone())).or_insert(before);
        if to.is_none() && directory.is_complete {
            directory.entries.remove(name);
        } else {
            directory.entries.insert(name.clone(), to);
            self.names_gone += usize::from(to.is_none());
        }
    }

    /// Fails unless the directory has no entries.
    fn empty(&self, ino: Ino) -> Result<(), Stop> {
        let directory = &self.node(ino)?.directory;
        if directory.entries.values().any(Option::is_some) {
            return Err(Errno::ENOTEMPTY.into());
        }
        match directory.is_complete {
            true => Ok(()),
            false if directory.is_large || self.is_brief => Err(Miss::Occupied(ino).into()),
            false => Err(Miss::Listing(ino).into()),
        }
    }

    /// The known entries of a complete directory behind `after`, at most `limit`, with what they are.
    pub(crate) fn page(&self, ino: Ino, after: Option<&Name>, limit: usize) -> Result<Vec<(Name, Ino)>, Stop> {
        let node = self.node(ino)?;
        if !node.is_directory() {
            return Err(Errno::ENOTDIR.into());
        }
        if !node.directory.is_complete && !node.is_dead {
            return Err(Miss::Listing(ino).into());
        }
        let entries =
            known_after(&node.directory.entries, after).filter_map(|(name, ino)| Some((name.clone(), (*ino)?)));
        Ok(entries.take(limit).collect())
    }

    /// Whether the directory is listed page by page from the store.
    pub(crate) fn is_large(&self, ino: Ino) -> bool {
        self.nodes.get(&ino).is_some_and(|node| node.directory.is_large && !node.directory.is_complete)
    }

    /// What is known of a large directory's entries behind `after`, up to `last`: it stands above what the store says.
    pub(crate) fn overlay(&self, ino: Ino, after: Option<&Name>, last: Option<&Name>) -> Vec<(Name, Option<Ino>)> {
        let Some(node) = self.nodes.get(&ino) else { return Vec::new() };
        let known = known_after(&node.directory.entries, after);
        known
            .take_while(|(name, _)| last.is_none_or(|last| *name <= last))
            .map(|(name, ino)| (name.clone(), *ino))
            .collect()
    }
}

type Entries = std::collections::BTreeMap<Name, Option<Ino>>;

fn known_after<'a>(entries: &'a Entries, after: Option<&Name>) -> impl Iterator<Item = (&'a Name, &'a Option<Ino>)> {
    use std::ops::Bound::{Excluded, Unbounded};
    let start = after.map_or(Unbounded, |after| Excluded(after.clone()));
    entries.range((start, Unbounded))
}
