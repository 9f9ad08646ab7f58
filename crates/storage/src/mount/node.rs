//! What is held in memory of one inode: its attributes, a directory's entries, a file's stripes and the bytes in it that are
//! not stored yet.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Mutex;

use crate::SPAN_BYTES;
use crate::model::inode::{Ino, Inode, Kind};
use crate::model::name::Name;
use crate::model::stripe::Stripe;

/// One inode in memory.
#[derive(Debug)]
pub(crate) struct Node {
    /// As it is now. Its `version` is what the store will have once the changes under way are stored.
    pub(crate) inode: Inode,
    /// Of a directory.
    pub(crate) directory: Directory,
    /// Of a file.
    pub(crate) pieces: Pieces,
    /// `None`: not read yet.
    pub(crate) xattrs: Option<BTreeMap<String, Vec<u8>>>,
    /// The directory where it is, of a file with several names where it was found; `None`: not known.
    pub(crate) parent: Option<Ino>,
    /// It is no more, but the kernel may still ask for it by its number.
    pub(crate) is_dead: bool,
    /// How often the kernel was told of it and has not forgotten.
    pub(crate) lookups: u64,
    /// See [`freshen`](super::tree::Tree::freshen).
    pub(crate) is_fresh: bool,
}

impl Node {
    /// One that was read from the store.
    pub(crate) fn stored(inode: Inode) -> Self {
        let mut node = Self::blank(inode);
        let stripes = node.inode.size.div_ceil(SPAN_BYTES as u64);
        node.pieces.known.add(stripes, u64::MAX);
        node
    }

    /// One that is made now: all of it is known.
    pub(crate) fn new(inode: Inode, parent: Ino) -> Self {
        let mut node = Self::blank(inode);
        node.pieces.known.add(0, u64::MAX);
        node.directory.is_complete = true;
        node.xattrs = Some(BTreeMap::new());
        node.parent = Some(parent);
        node
    }

    fn blank(inode: Inode) -> Self {
        let (directory, pieces) = (Directory::default(), Pieces::default());
        Self { inode, directory, pieces, xattrs: None, parent: None, is_dead: false, lookups: 0, is_fresh: false }
    }

    pub(crate) fn is_directory(&self) -> bool {
        self.inode.kind == Kind::Directory
    }
}

/// Entries of a directory as far as they are known.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    /// `None`: there is no such entry.
    pub(crate) entries: BTreeMap<Name, Option<Ino>>,
    /// What is not in `entries` is not there.
    pub(crate) is_complete: bool,
    /// It has more entries than are kept in memory for a look at one.
    pub(crate) is_large: bool,
}

/// A file's stripes: those in the store, and those that are not there yet.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    /// Of which numbers it is known what the store has.
    pub(crate) known: Known,
    /// What the store has.
    pub(crate) stored: BTreeMap<u64, Stripe>,
    /// Content that takes the place of what the store has.
    pub(crate) slots: BTreeMap<u64, Slot>,
    /// Ranges cut out since the last batch, before any of `slots` is put.
    pub(crate) cuts: Vec<Cut>,
    /// How often something was cut: what was read from the store before says nothing any more.
    pub(crate) cuts_made: u64,
}

/// A range of stripes that was cut out; without an end, all from the first on.
pub(crate) type Cut = (u64, Option<u64>);

/// Content of one stripe, not stored yet.
#[derive(Debug)]
pub(crate) enum Slot {
    /// Written to.
    Open(Vec<u8>),
    /// On its way; it is copied before it changes again.
    Frozen(Arc<Frozen>),
}

impl Slot {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Open(bytes) => bytes,
            Self::Frozen(frozen) => &frozen.bytes,
        }
    }

    /// The content, to be put; it stays here until it is stored.
    pub(crate) fn freeze(&mut self) -> Arc<Frozen> {
        let frozen = match self {
            Self::Open(bytes) => {
                Arc::new(Frozen { bytes: Bytes::from(std::mem::take(bytes)), placed: Mutex::default() })
            }
            Self::Frozen(frozen) => frozen.clone(),
        };
        *self = Self::Frozen(frozen.clone());
        frozen
    }
}

/// Content that no longer changes, and the stripe it became once it is put.
#[derive(Debug)]
pub(crate) struct Frozen {
    pub(crate) bytes: Bytes,
    /// With when its put began, since the machine was started.
    pub(crate) placed: Mutex<Option<(Duration, Stripe)>>,
}

/// A set of numbers, as ranges.
#[derive(Debug, Default)]
pub(crate) struct Known(BTreeMap<u64, u64>);

impl Known {
    /// Adds `start` up to but without `end`.
    pub(crate) fn add(&mut self, mut start: u64, mut end: u64) {
        if start >= end {
            return;
        }
        while let Some((&first, &last)) = self.0.range(..=end).next_back() {
            if last < start {
                break;
            }
            self.0.remove(&first);
            (start, end) = (start.min(first), end.max(last));
        }
        self.0.insert(start, end);
    }

    pub(crate) fn contains(&self, number: u64) -> bool {
        self.covers(number, number + 1)
    }

    /// Whether all from `start` up to but without `end` are in it.
    pub(crate) fn covers(&self, start: u64, end: u64) -> bool {
        start >= end || self.0.range(..=start).next_back().is_some_and(|(_, &last)| end <= last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn known_ranges_are_a_set(ranges in prop::collection::vec((0u64..60, 0u64..20), 0..20)) {
            let mut known = Known::default();
            let mut set = std::collections::BTreeSet::new();
            for (start, length) in ranges {
                known.add(start, start + length);
                set.extend(start..start + length);
                for number in 0..90 {
                    prop_assert_eq!(known.contains(number), set.contains(&number), "{}", number);
                }
                prop_assert!(known.0.iter().zip(known.0.iter().skip(1)).all(|((_, end), (start, _))| end < start));
            }
        }
    }
}
