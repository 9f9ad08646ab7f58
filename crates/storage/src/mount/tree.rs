//! A name space in memory, or the part of it that was needed so far: what is there, and what of it the store does not have yet.
//!
//! There is no I/O in it. An operation that needs something that is not there changes nothing and says what it [`Miss`]es;
//! the caller gets that and tries again. So each operation is written once and is atomic, for a mount that keeps everything
//! as for one that forgets after each call.

mod attributes;
mod batch;
mod content;
mod fill;
mod names;
mod space;
mod walk;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use nix::errno::Errno;

use super::contents::Contents;
use super::node::Node;
use super::numbers::Numbers;
use super::opens::Opens;
use crate::model::inode::{Ino, Inode};
use crate::model::name::Name;
use crate::model::stripe::Stripe;
use crate::namespace::Usage;

pub(crate) use attributes::{Attributes, Changes, Time};
pub(crate) use batch::Batch;
pub(crate) use content::{Part, Written};
pub(crate) use fill::Filled;
pub(crate) use names::{Make, Rename};

/// Why an operation did not happen.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It can't.
    Errno(Errno),
    /// Not yet.
    Miss(Miss),
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl From<Miss> for Stop {
    fn from(miss: Miss) -> Self {
        Self::Miss(miss)
    }
}

/// What has to be read first.
#[derive(Clone, Debug)]
pub(crate) enum Miss {
    /// An inode.
    Inode(Ino),
    /// The entries of a directory, or the first of them when there are very many.
    Listing(Ino),
    /// One entry of a directory.
    Entry(Ino, Name),
    /// Whether a large directory has any entry that is not known yet.
    Occupied(Ino),
    /// The stripes of a file from a number on; read before something was cut, the answer is void.
    Pieces { ino: Ino, from: u64, cuts_made: u64 },
    /// The bytes of a stripe.
    Content(Stripe),
    /// The extended attributes.
    Xattrs(Ino),
    /// Numbers for new inodes.
    Numbers,
}

/// On whose behalf, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct By {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Nanoseconds since 1970.
    pub(crate) now_ns: i64,
}

/// What a tree shares with others of the same mount.
#[derive(Clone, Debug)]
pub(crate) struct Shares {
    pub(crate) contents: Arc<Contents>,
    pub(crate) numbers: Arc<Numbers>,
    pub(crate) opens: Arc<Opens>,
}

/// What differs from the store.
#[derive(Debug, Default)]
pub(crate) struct Dirt {
    /// Inodes to put.
    inodes: BTreeSet<Ino>,
    /// Inodes to remove; `true`: a directory.
    removed: BTreeMap<Ino, bool>,
    /// Entries that differ, with what the store has there.
    entries: BTreeMap<(Ino, Name), Option<Ino>>,
    /// Files with slots or cuts.
    files: BTreeSet<Ino>,
    /// Extended attributes.
    xattrs: BTreeSet<(Ino, String)>,
    /// What `usage` has to be corrected by.
    added: Added,
}

/// A difference in what is used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Added {
    pub(crate) bytes: i64,
    pub(crate) inodes: i64,
}

/// See the file's head.
#[derive(Debug)]
pub(crate) struct Tree {
    root: Ino,
    nodes: HashMap<Ino, Node>,
    /// Inodes that were asked for and are not there.
    gone: HashSet<Ino>,
    /// About how many names are kept that are not there, in directories that are not complete.
    names_gone: usize,
    dirt: Dirt,
    /// Bytes in slots.
    dirty_bytes: u64,
    /// As the store said last.
    usage: Usage,
    /// How often nodes were dropped: what was read from the store before says nothing any more.
    drops: u64,
    /// It lives for one call: directories are asked for single entries.
    is_brief: bool,
    is_read_only: bool,
    shares: Shares,
}

impl Tree {
    /// An empty one. `is_brief`: it serves one call.
    pub(crate) fn new(root: Ino, usage: Usage, is_brief: bool, is_read_only: bool, shares: Shares) -> Self {
        let (nodes, gone, dirt) = (HashMap::new(), HashSet::new(), Dirt::default());
        Self { root, nodes, gone, names_gone: 0, dirt, dirty_bytes: 0, usage, drops: 0, is_brief, is_read_only, shares }
    }

    /// Bytes that are not stored yet.
    pub(crate) fn dirty_bytes(&self) -> u64 {
        self.dirty_bytes
    }

    /// About how many effects the next batch has.
    pub(crate) fn dirty_effects(&self) -> usize {
        let Dirt { inodes, removed, entries, files, xattrs, .. } = &self.dirt;
        inodes.len() + removed.len() + 2 * entries.len() + files.len() + xattrs.len()
    }

    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty_effects() > 0
    }

    /// How often nodes were dropped; see [`Filled`].
    pub(crate) fn drops(&self) -> u64 {
        self.drops
    }

    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    fn node(&self, ino: Ino) -> Result<&Node, Stop> {
        match self.nodes.get(&ino) {
            Some(node) => Ok(node),
            None if self.gone.contains(&ino) => Err(Errno::ESTALE.into()),
            None => Err(Miss::Inode(ino).into()),
        }
    }

    fn node_mut(&mut self, ino: Ino) -> Result<&mut Node, Stop> {
        self.node(ino)?;
        self.nodes.get_mut(&ino).ok_or(Stop::Miss(Miss::Inode(ino)))
    }

    fn writable(&self) -> Result<(), Stop> {
        if self.is_read_only { Err(Errno::EROFS.into()) } else { Ok(()) }
    }

    fn inode_dirty(&mut self, ino: Ino) {
        if self.nodes.get(&ino).is_some_and(|node| !node.is_dead) {
            self.dirt.inodes.insert(ino);
        }
    }

    /// Its content changed now.
    fn touch(&mut self, ino: Ino, by: &By) -> Result<(), Stop> {
        let inode = &mut self.node_mut(ino)?.inode;
        (inode.mtime_ns, inode.ctime_ns) = (by.now_ns, by.now_ns);
        self.inode_dirty(ino);
        Ok(())
    }

    /// Something of it but its content changed now.
    fn change(&mut self, ino: Ino, by: &By, how: impl FnOnce(&mut Inode)) -> Result<(), Stop> {
        let inode = &mut self.node_mut(ino)?.inode;
        how(inode);
        inode.ctime_ns = by.now_ns;
        self.inode_dirty(ino);
        Ok(())
    }

    /// Takes an inode off the store, with all that is dirty of it. It stays in memory until the kernel forgets it.
    fn remove(&mut self, ino: Ino) {
        let Some(node) = self.nodes.get_mut(&ino) else { return };
        if node.is_dead {
            return;
        }
        node.is_dead = true;
        node.inode.nlink = 0;
        let slots = std::mem::take(&mut node.pieces.slots);
        let held: i64 = node.pieces.stored.values().map(|stripe| i64::from(stripe.code.bytes)).sum();
        let unstored: i64 = slots.values().map(|slot| slot.bytes().len() as i64).sum();
        let (is_stored, is_directory) = (node.inode.version > 0, node.is_directory());
        node.pieces.stored.clear();
        node.pieces.cuts.clear();
        node.pieces.known.add(0, u64::MAX);
        self.dirty_bytes -= unstored as u64;
        self.dirt.added.bytes -= held + unstored;
        self.dirt.added.inodes -= 1;
        self.dirt.inodes.remove(&ino);
        self.dirt.files.remove(&ino);
        self.dirt.xattrs.retain(|(of, _)| *of != ino);
        if is_stored {
            self.dirt.removed.insert(ino, is_directory);
        }
    }
}
