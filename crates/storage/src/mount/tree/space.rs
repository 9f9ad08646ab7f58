//! Room: what the quota leaves, and what of the memory is given back.

use std::collections::HashSet;

use nix::errno::Errno;

use super::{Stop, Tree};
use crate::model::inode::Ino;
use crate::model::name::Name;
use crate::mount::core::Told;

/// Inodes in memory above which those that nobody needs are dropped.
const NODES_MAX: usize = 400_000;
/// The same for names that are not there.
const NAMES_GONE_MAX: usize = 16_384;

impl Tree {
    /// Fails when no inode may be made.
    pub(super) fn room_inode(&self) -> Result<(), Stop> {
        let used = self.usage.inodes as i64 + self.dirt.added.inodes;
        if self.usage.inodes_hard > 0 && used + 1 > self.usage.inodes_hard as i64 {
            return Err(Errno::EDQUOT.into());
        }
        Ok(())
    }

    /// Fails when `bytes` more may not be written.
    pub(super) fn room_bytes(&self, bytes: u64) -> Result<(), Stop> {
        let used = self.usage.bytes as i64 + self.dirt.added.bytes;
        if bytes > 0 && self.usage.bytes_hard > 0 && used + bytes as i64 > self.usage.bytes_hard as i64 {
            return Err(Errno::EDQUOT.into());
        }
        Ok(())
    }

    /// What is used, with what is not stored yet.
    pub(crate) fn used(&self) -> (u64, u64) {
        let Self { usage, dirt, .. } = self;
        let with = |stored: u64, added: i64| stored.saturating_add_signed(added);
        (with(usage.bytes, dirt.added.bytes), with(usage.inodes, dirt.added.inodes))
    }

    /// Drops what is stored and neither open nor known to the kernel, when there is much in memory.
    pub(crate) fn shrink(&mut self) {
        if self.has_names_gone() {
            self.names_gone_drop();
        }
        if self.nodes.len() <= NODES_MAX {
            return;
        }
        let with_entries: std::collections::BTreeSet<_> = self.dirt.entries.keys().map(|(parent, _)| *parent).collect();
        let (dirt, opens, root) = (&self.dirt, &self.shares.opens, self.root);
        self.nodes.retain(|ino, node| {
            let is_dirty = dirt.inodes.contains(ino) || dirt.files.contains(ino) || with_entries.contains(ino);
            let has_dirty = is_dirty || !node.pieces.slots.is_empty() || dirt.xattrs.iter().any(|(of, _)| of == ino);
            *ino == root || has_dirty || node.lookups > 0 || opens.is_open(*ino)
        });
        self.gone.clear();
        self.drops += 1;
    }

    /// Whether many names are kept that are not there.
    pub(crate) fn has_names_gone(&self) -> bool {
        self.names_gone > NAMES_GONE_MAX
    }

    /// Drops those that the store does not have either; it is asked again.
    fn names_gone_drop(&mut self) {
        let unstored: HashSet<(Ino, Name)> = self.dirt.entries.keys().cloned().collect();
        for (ino, node) in &mut self.nodes {
            let is_kept =
                |name: &Name, named: &mut Option<Ino>| named.is_some() || unstored.contains(&(*ino, name.clone()));
            node.directory.entries.retain(is_kept);
        }
        self.names_gone = unstored.len();
        self.drops += 1;
    }

    /// Inodes that differ from the store.
    pub(crate) fn dirty_inodes(&self) -> Vec<Ino> {
        self.dirt.inodes.union(&self.dirt.files).copied().collect()
    }

    /// What the kernel was told of this tree and may have kept.
    pub(crate) fn told(&self) -> Told {
        let is_told = |ino: &Ino| self.nodes.get(ino).is_some_and(|node| node.lookups > 0);
        let mut told = Told { inodes: vec![self.root], entries: Vec::new() };
        for (ino, node) in &self.nodes {
            if node.lookups > 0 {
                told.inodes.push(*ino);
            }
            let entries = node.directory.entries.iter().filter(|(_, named)| named.as_ref().is_some_and(is_told));
            told.entries.extend(entries.map(|(name, _)| (*ino, name.clone())));
        }
        told
    }
}
