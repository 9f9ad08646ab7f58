//! What is likely to be asked for next by who walks through a directory: the small files, or the directories, behind the one
//! that is asked for now.

use super::Tree;
use crate::model::inode::{Ino, Kind};
use crate::model::stripe::Stripe;

/// Files of at most so many bytes are read with their neighbours.
const SMALL_BYTES: u64 = 64 * 1024;
/// What is read at a time at most: files, and bytes.
const FILES_MAX: usize = 256;
const BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Directories with more entries are not walked through: it would take longer than what is looked for.
const ENTRIES_MAX: usize = 8_192;
/// Directories that are listed at a time at most.
const DIRECTORIES_MAX: usize = 128;

impl Tree {
    /// The stripes of this small file, if it is not in memory, and of those behind it that are not, four for each file before
    /// it that is: so many have been read one after the other.
    pub(crate) fn neighbours(&self, ino: Ino) -> Vec<Stripe> {
        let small = |ino: &Ino| self.small(*ino);
        if small(&ino).is_none_or(|stripe| self.shares.contents.holds(stripe.id)) {
            return Vec::new();
        }
        let mut files = self.beside(ino).filter(|ino| small(ino).is_some());
        let mut streak = 0;
        for before in files.by_ref().take_while(|other| *other != ino) {
            let is_held = small(&before).is_some_and(|stripe| self.shares.contents.holds(stripe.id));
            streak = if is_held { streak + 1 } else { 0 };
        }
        let mut bytes = 0;
        std::iter::once(ino)
            .chain(files.take((4 * streak).min(FILES_MAX)))
            .filter_map(|ino| small(&ino))
            .filter(|stripe| !self.shares.contents.holds(stripe.id))
            .take_while(|stripe| {
                bytes += u64::from(stripe.code.bytes);
                bytes <= BYTES_MAX
            })
            .cloned()
            .collect()
    }

    /// This directory, and those behind it that are not listed yet, when one before it is.
    pub(crate) fn siblings(&self, ino: Ino) -> Vec<Ino> {
        let is_listed = |ino: &Ino| self.nodes.get(ino).is_some_and(|node| node.directory.is_complete);
        let mut directories =
            self.beside(ino).filter(|ino| self.nodes.get(ino).is_some_and(|node| node.is_directory()));
        let is_walk =
            directories.by_ref().take_while(|other| *other != ino).last().is_some_and(|last| is_listed(&last));
        let behind = directories.filter(|ino| !is_listed(ino)).take(if is_walk { DIRECTORIES_MAX - 1 } else { 0 });
        std::iter::once(ino).chain(behind).collect()
    }

    /// What is in the directory where the inode was found, in the order of the names; nothing while not all of it is known.
    fn beside(&self, ino: Ino) -> impl Iterator<Item = Ino> {
        let parent = self.nodes.get(&ino).and_then(|node| self.nodes.get(&node.parent?));
        let directory = parent
            .map(|parent| &parent.directory)
            .filter(|directory| directory.is_complete && directory.entries.len() <= ENTRIES_MAX);
        directory.into_iter().flat_map(|directory| directory.entries.values().copied().flatten())
    }

    /// The one stripe of a small file that is stored as it is.
    fn small(&self, ino: Ino) -> Option<&Stripe> {
        let node = self.nodes.get(&ino)?;
        let is_small = node.inode.kind == Kind::File && node.inode.size <= SMALL_BYTES && node.pieces.slots.is_empty();
        if is_small { node.pieces.stored.get(&0) } else { None }
    }
}
