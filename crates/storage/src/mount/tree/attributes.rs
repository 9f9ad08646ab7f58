//! Attributes, extended attributes, and what the kernel remembers.

use nix::errno::Errno;

use super::{By, Miss, Stop, Tree};
use crate::model::inode::{Ino, Inode, Kind};

/// Most bytes of an attribute's value and of its name, as on Linux.
const VALUE_BYTES_MAX: usize = 64 * 1024;
const NAME_BYTES_MAX: usize = 255;
/// The only attributes that are kept; others are for a kernel that would act on them.
const PREFIX: &str = "user.";
/// Set-user-ID and set-group-ID.
const SET_IDS: u32 = 0o6000;
const SET_UID: u32 = 0o4000;

/// What `stat` shows.
#[derive(Clone, Debug)]
pub(crate) struct Attributes {
    pub(crate) inode: Inode,
    /// Of 512 bytes.
    pub(crate) blocks: u64,
}

/// A time to set.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Time {
    /// When the call came.
    Now,
    /// Nanoseconds since 1970.
    At(i64),
}

/// What to change; `None` stays.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Changes {
    pub(crate) mode: Option<u32>,
    pub(crate) uid: Option<u32>,
    pub(crate) gid: Option<u32>,
    pub(crate) size: Option<u64>,
    pub(crate) atime: Option<Time>,
    pub(crate) mtime: Option<Time>,
}

impl Tree {
    pub(crate) fn attributes(&self, ino: Ino) -> Result<Attributes, Stop> {
        let node = self.node(ino)?;
        let inode = node.inode.clone();
        let blocks = if inode.kind == Kind::File { node.pieces.blocks(inode.size) } else { 0 };
        Ok(Attributes { inode, blocks })
    }

    /// Changes attributes, all or none.
    pub(crate) fn set_attributes(&mut self, by: &By, ino: Ino, changes: &Changes) -> Result<(), Stop> {
        self.writable()?;
        self.node(ino)?;
        if let Some(size) = changes.size {
            self.truncate(by, ino, size)?;
        }
        let at = |time: Time| match time {
            Time::Now => by.now_ns,
            Time::At(ns) => ns,
        };
        self.change(ino, by, |inode| {
            let is_given = changes.uid.is_some() || changes.gid.is_some();
            // A new owner, or somebody else who cuts a program off, must not leave it running as the old owner.
            if inode.kind == Kind::File && (is_given || changes.size.is_some() && by.uid != 0) {
                drop_set_ids(inode);
            }
            inode.uid = changes.uid.unwrap_or(inode.uid);
            inode.gid = changes.gid.unwrap_or(inode.gid);
            inode.mode = changes.mode.map_or(inode.mode, |mode| mode & 0o7777);
            inode.atime_ns = changes.atime.map_or(inode.atime_ns, at);
            inode.mtime_ns = changes.mtime.map_or(inode.mtime_ns, at);
        })
    }

    /// Takes set-user-ID and set-group-ID away, as a write by somebody who is not root does.
    pub(crate) fn drop_privileges(&mut self, by: &By, ino: Ino) -> Result<(), Stop> {
        if self.node(ino)?.inode.mode & SET_IDS == 0 {
            return Ok(());
        }
        self.change(ino, by, drop_set_ids)
    }

    pub(crate) fn target(&self, ino: Ino) -> Result<String, Stop> {
        Ok(self.node(ino)?.inode.target.clone().ok_or(Errno::EINVAL)?)
    }

    pub(crate) fn xattr(&self, ino: Ino, name: &str) -> Result<Vec<u8>, Stop> {
        if !name.starts_with(PREFIX) {
            return Err(Errno::ENODATA.into());
        }
        let xattrs = self.node(ino)?.xattrs.as_ref().ok_or(Miss::Xattrs(ino))?;
        Ok(xattrs.get(name).cloned().ok_or(Errno::ENODATA)?)
    }

    pub(crate) fn xattr_names(&self, ino: Ino) -> Result<Vec<String>, Stop> {
        let xattrs = self.node(ino)?.xattrs.as_ref().ok_or(Miss::Xattrs(ino))?;
        Ok(xattrs.keys().cloned().collect())
    }

    /// Sets one. `must`: whether it has to be there already.
    pub(crate) fn xattr_set(
        &mut self,
        by: &By,
        ino: Ino,
        name: &str,
        value: &[u8],
        must: Option<bool>,
    ) -> Result<(), Stop> {
        self.writable()?;
        if !name.starts_with(PREFIX) {
            return Err(Errno::EOPNOTSUPP.into());
        }
        if name.len() > NAME_BYTES_MAX || name.len() == PREFIX.len() {
            return Err(Errno::ERANGE.into());
        }
        if value.len() > VALUE_BYTES_MAX {
            return Err(Errno::E2BIG.into());
        }
        let xattrs = self.node_mut(ino)?.xattrs.as_mut().ok_or(Miss::Xattrs(ino))?;
        match (must, xattrs.contains_key(name)) {
            (Some(false), true) => return Err(Errno::EEXIST.into()),
            (Some(true), false) => return Err(Errno::ENODATA.into()),
            (_, _) => {}
        }
        xattrs.insert(name.to_owned(), value.to_vec());
        self.xattr_dirty(by, ino, name)
    }

    pub(crate) fn xattr_remove(&mut self, by: &By, ino: Ino, name: &str) -> Result<(), Stop> {
        self.writable()?;
        if !name.starts_with(PREFIX) {
            return Err(Errno::EOPNOTSUPP.into());
        }
        let xattrs = self.node_mut(ino)?.xattrs.as_mut().ok_or(Miss::Xattrs(ino))?;
        xattrs.remove(name).ok_or(Errno::ENODATA)?;
        self.xattr_dirty(by, ino, name)
    }

    fn xattr_dirty(&mut self, by: &By, ino: Ino, name: &str) -> Result<(), Stop> {
        if !self.node(ino)?.is_dead {
            self.dirt.xattrs.insert((ino, name.to_owned()));
        }
        self.change(ino, by, |_| {})
    }

    /// The kernel forgets what it got of the file's bytes before this tree was there; `true`: it has already.
    pub(crate) fn freshen(&mut self, ino: Ino) -> Result<bool, Stop> {
        Ok(std::mem::replace(&mut self.node_mut(ino)?.is_fresh, true))
    }

    /// The kernel was told of it.
    pub(crate) fn remember(&mut self, ino: Ino) {
        if let Some(node) = self.nodes.get_mut(&ino) {
            node.lookups += 1;
        }
    }

    /// The kernel forgot it `count` times.
    pub(crate) fn forget(&mut self, ino: Ino, count: u64) {
        let Some(node) = self.nodes.get_mut(&ino) else { return };
        node.lookups = node.lookups.saturating_sub(count);
        if node.is_dead && node.lookups == 0 && !self.shares.opens.is_open(ino) {
            self.nodes.remove(&ino);
            self.drops += 1;
        }
    }
}

fn drop_set_ids(inode: &mut Inode) {
    const GROUP_RUNS: u32 = 0o010;
    inode.mode &= !SET_UID;
    if inode.mode & GROUP_RUNS != 0 {
        inode.mode &= !SET_IDS;
    }
}
