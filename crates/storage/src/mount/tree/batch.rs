//! Batches: what the tree has and the store has not, taken at one moment, and what becomes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Added, Dirt, Tree};
use crate::model::effect::Effect;
use crate::model::inode::{Ino, Inode};
use crate::model::name::Name;
use crate::model::stripe::Stripe;
use crate::mount::node::{Cut, Frozen, Slot};
use crate::namespace::Usage;

/// See the file's head. The order within it is one in which the effects hold: names go before they are given anew,
/// inodes are there before they are named and go when nothing is in them.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    before: Vec<Effect>,
    /// Content to put: file, number of the stripe in it, bytes.
    pub(crate) slots: Vec<(Ino, u64, Arc<Frozen>)>,
    after: Vec<Effect>,
    /// What it takes to pretend that it was not taken.
    puts: Vec<Ino>,
    cuts: Vec<(Ino, Vec<Cut>)>,
    entries: BTreeMap<(Ino, Name), Option<Ino>>,
    removed: BTreeMap<Ino, bool>,
    xattrs: BTreeSet<(Ino, String)>,
    added: Added,
}

impl Batch {
    /// The effects, once each slot is a stripe; `placed` has them in the order of `slots`.
    pub(crate) fn effects(&self, placed: &[Stripe]) -> Vec<Effect> {
        let puts = self.slots.iter().zip(placed);
        let puts = puts.map(|((ino, number, _), stripe)| {
            let stripe = stripe.clone();
            Effect::StripePut { ino: *ino, number: *number, stripe }
        });
        self.before.iter().cloned().chain(puts).chain(self.after.iter().cloned()).collect()
    }

    /// An inode by which one can see whether the batch was stored, as it is put: one that nobody else can have made, if
    /// there is one.
    pub(crate) fn witness(&self) -> Option<&Inode> {
        let mut puts = self.before.iter().filter_map(|effect| match effect {
            Effect::InodePut(inode) => Some(inode),
            _ => None,
        });
        puts.clone().find(|inode| inode.version == 0).or_else(|| puts.next())
    }

    /// The inodes whose changes it holds.
    pub(crate) fn inodes(&self) -> impl Iterator<Item = Ino> {
        self.puts.iter().copied().chain(self.slots.iter().map(|(ino, _, _)| *ino))
    }
}

impl Tree {
    /// Takes all that differs from the store; `None`: nothing does. From now on the tree counts it as stored.
    pub(crate) fn batch(&mut self) -> Option<Batch> {
        if !self.is_dirty() {
            return None;
        }
        let dirt = std::mem::take(&mut self.dirt);
        let mut batch = Batch { added: dirt.added, ..Batch::default() };
        // What is under way counts as used until the store says what is.
        self.dirt.added = dirt.added;
        let mut names = Vec::new();
        for ((parent, name), before) in &dirt.entries {
            let node = self.nodes.get(parent);
            let now = node.and_then(|node| node.directory.entries.get(name).copied().flatten());
            if now == *before {
                continue;
            }
            let of = |ino| (*parent, name.clone(), ino);
            batch.before.extend(before.map(of).map(|(parent, name, ino)| Effect::EntryRemove { parent, name, ino }));
            names.extend(now.map(of).map(|(parent, name, ino)| Effect::EntryAdd { parent, name, ino }));
        }
        self.batch_inodes(&dirt, &mut batch);
        batch.before.extend(names);
        for ino in &dirt.files {
            self.batch_file(*ino, &mut batch);
        }
        self.batch_xattrs(&dirt, &mut batch);
        for (ino, is_directory) in &dirt.removed {
            batch.after.extend(is_directory.then_some(Effect::DirectoryEmpty { ino: *ino }));
            batch.after.push(Effect::InodeRemove { ino: *ino });
        }
        (batch.entries, batch.removed, batch.xattrs) = (dirt.entries, dirt.removed, dirt.xattrs);
        Some(batch)
    }

    fn batch_inodes(&mut self, dirt: &Dirt, batch: &mut Batch) {
        for ino in &dirt.inodes {
            let Some(node) = self.nodes.get_mut(ino) else { continue };
            batch.before.push(Effect::InodePut(node.inode.clone()));
            node.inode.version += 1;
            batch.puts.push(*ino);
        }
    }

    fn batch_file(&mut self, ino: Ino, batch: &mut Batch) {
        let Some(node) = self.nodes.get_mut(&ino) else { return };
        let pieces = &mut node.pieces;
        let cuts = std::mem::take(&mut pieces.cuts);
        let effect = |&(number, end): &Cut| Effect::StripeCut { ino, number, end };
        batch.before.extend(cuts.iter().map(effect));
        batch.cuts.push((ino, cuts));
        // A stripe without bytes is none: what is left of one that was cut at its start.
        let is_empty: Vec<u64> =
            pieces.slots.iter().filter(|(_, slot)| slot.bytes().is_empty()).map(|(number, _)| *number).collect();
        for number in is_empty {
            pieces.slots.remove(&number);
        }
        batch.slots.extend(pieces.slots.iter_mut().map(|(number, slot)| (ino, *number, slot.freeze())));
    }

    fn batch_xattrs(&self, dirt: &Dirt, batch: &mut Batch) {
        for (ino, name) in &dirt.xattrs {
            let Some(xattrs) = self.nodes.get(ino).and_then(|node| node.xattrs.as_ref()) else { continue };
            let (ino, name) = (*ino, name.clone());
            batch.after.push(match xattrs.get(&name) {
                Some(value) => Effect::XattrPut { ino, name, value: value.clone() },
                None => Effect::XattrRemove { ino, name },
            });
        }
    }

    /// The batch is stored; `placed` has its stripes in the order of its slots.
    pub(crate) fn stored(&mut self, batch: Batch, placed: Vec<Stripe>, usage: Usage) {
        self.usage = usage;
        self.dirt.added.bytes -= batch.added.bytes;
        self.dirt.added.inodes -= batch.added.inodes;
        for ((ino, number, frozen), stripe) in batch.slots.into_iter().zip(placed) {
            let Some(node) = self.nodes.get_mut(&ino) else { continue };
            let pieces = &mut node.pieces;
            match pieces.slots.get(&number) {
                Some(Slot::Frozen(now)) if Arc::ptr_eq(now, &frozen) => {
                    pieces.slots.remove(&number);
                    self.dirty_bytes -= frozen.bytes.len() as u64;
                }
                Some(_) => {}
                // It was cut off meanwhile.
                None => continue,
            }
            self.shares.contents.insert(stripe.id, frozen.bytes.clone());
            pieces.stored.insert(number, stripe);
        }
    }

    /// The batch could not be stored: it is to be taken again, with what came since.
    pub(crate) fn not_stored(&mut self, batch: Batch) {
        for ino in batch.puts {
            let Some(node) = self.nodes.get_mut(&ino) else { continue };
            node.inode.version -= 1;
            if !node.is_dead {
                self.dirt.inodes.insert(ino);
            }
        }
        for (ino, mut cuts) in batch.cuts {
            let Some(node) = self.nodes.get_mut(&ino) else { continue };
            cuts.append(&mut node.pieces.cuts);
            node.pieces.cuts = cuts;
            if !node.is_dead {
                self.dirt.files.insert(ino);
            }
        }
        // What the store had before is older than what was taken for stored since.
        self.dirt.entries.extend(batch.entries);
        self.dirt.removed.extend(batch.removed);
        self.dirt.xattrs.extend(batch.xattrs);
    }
}
