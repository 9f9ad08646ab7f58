//! Taking in what was read from the store. What the tree knows already is newer and stays.

use std::collections::{BTreeMap, HashSet};

use super::{Miss, Tree};
use crate::model::inode::{Ino, Inode, Kind};
use crate::model::name::Name;
use crate::mount::node::Node;
use crate::namespace::{Entry, Placed};

/// What was read for a [`Miss`].
#[derive(Debug)]
pub(crate) enum Filled {
    /// It is in what the trees share.
    Elsewhere,
    Inode(Option<Inode>),
    /// Directories with their entries; `true`: there are no others.
    Listings(Vec<(Ino, Vec<Entry>, bool)>),
    /// `is_complete`: there are no others.
    Occupied {
        entries: Vec<Entry>,
        is_complete: bool,
    },
    Entry(Option<Entry>),
    /// From the number asked for on; `is_complete`: there are no others.
    Pieces {
        placed: Vec<Placed>,
        is_complete: bool,
    },
    Xattrs(Vec<(String, Vec<u8>)>),
}

impl Tree {
    /// Takes in what was read for `miss`. `drops`: [`Tree::drops`] when reading began; when nodes were dropped since, what
    /// was read may be older than what they held, and is left alone.
    pub(crate) fn fill(&mut self, miss: &Miss, filled: Filled, drops: u64) {
        if drops != self.drops {
            return;
        }
        match (miss, filled) {
            (Miss::Inode(ino), Filled::Inode(Some(inode))) if inode.ino == *ino => self.fill_inode(inode),
            (Miss::Inode(ino), Filled::Inode(_)) => {
                self.gone.insert(*ino);
            }
            (Miss::Listing(_), Filled::Listings(listings)) => {
                for (ino, entries, is_complete) in listings {
                    self.fill_listing(ino, entries, is_complete);
                }
            }
            (Miss::Occupied(ino), Filled::Occupied { entries, is_complete }) => {
                self.fill_listing(*ino, entries, is_complete);
            }
            (Miss::Entry(parent, name), Filled::Entry(entry)) => self.fill_entry(*parent, name, entry),
            (Miss::Pieces { ino, from, cuts_made }, Filled::Pieces { placed, is_complete }) => {
                self.fill_pieces((*ino, *from, *cuts_made), placed, is_complete);
            }
            (Miss::Xattrs(ino), Filled::Xattrs(xattrs)) => {
                if let Some(node) = self.nodes.get_mut(ino) {
                    node.xattrs.get_or_insert_with(|| xattrs.into_iter().collect::<BTreeMap<_, _>>());
                }
            }
            (_, _) => {}
        }
    }

    fn fill_inode(&mut self, inode: Inode) {
        self.gone.remove(&inode.ino);
        self.nodes.entry(inode.ino).or_insert_with(|| Node::stored(inode));
    }

    /// The inode that an entry names, with its first stripe.
    fn fill_named(&mut self, parent: Ino, entry: Entry) -> Option<Ino> {
        let ino = entry.inode.ino;
        let is_new = !self.nodes.contains_key(&ino);
        self.fill_inode(entry.inode);
        let node = self.nodes.get_mut(&ino)?;
        node.parent.get_or_insert(parent);
        if is_new && node.inode.kind == Kind::File && entry.first.is_some() {
            node.pieces.known.add(0, 1);
            node.pieces.stored.extend(entry.first.map(|stripe| (0, stripe)));
        }
        Some(ino)
    }

    fn fill_entry(&mut self, parent: Ino, name: &Name, entry: Option<Entry>) {
        let ino = entry.and_then(|entry| self.fill_named(parent, entry));
        if let Some(node) = self.nodes.get_mut(&parent) {
            node.directory.entries.entry(name.clone()).or_insert(ino);
            self.names_gone += usize::from(ino.is_none());
        }
    }

    fn fill_listing(&mut self, parent: Ino, entries: Vec<Entry>, is_complete: bool) {
        let Some(directory) = self.nodes.get(&parent).map(|node| &node.directory) else { return };
        if directory.is_complete {
            return;
        }
        // What is known to be elsewhere or gone must not come back through an older listing.
        let known: HashSet<Name> = directory.entries.keys().cloned().collect();
        for entry in entries.into_iter().filter(|entry| !known.contains(&entry.name)) {
            let name = entry.name.clone();
            let ino = self.fill_named(parent, entry);
            if let Some(node) = self.nodes.get_mut(&parent) {
                node.directory.entries.insert(name, ino);
            }
        }
        let Some(directory) = self.nodes.get_mut(&parent).map(|node| &mut node.directory) else { return };
        directory.is_large = !is_complete;
        if is_complete {
            directory.is_complete = true;
            directory.entries.retain(|_, ino| ino.is_some());
        }
    }

    fn fill_pieces(&mut self, (ino, from, cuts_made): (Ino, u64, u64), placed: Vec<Placed>, is_complete: bool) {
        let Some(node) = self.nodes.get_mut(&ino) else { return };
        let pieces = &mut node.pieces;
        if pieces.cuts_made != cuts_made {
            return;
        }
        let end = if is_complete { u64::MAX } else { placed.last().map_or(from, |last| last.number + 1) };
        for Placed { number, stripe } in placed {
            if !pieces.known.contains(number) {
                pieces.stored.entry(number).or_insert(stripe);
            }
        }
        pieces.known.add(from, end);
    }
}
