//! What a list of effects comes to: what has to be so before, and what is to be written. No database is asked for that, so
//! a transaction can check and write everything in one go, by a few statements however many effects there are.

use std::collections::btree_map::Entry as Place;
use std::collections::{BTreeMap, BTreeSet};

use super::effect::Effect;
use super::inode::{Ino, Inode, Kind};
use super::name::Name;
use super::stripe::{Layout, Stripe, StripeId};
use crate::namespace::{EFFECTS_MAX, NamespaceError};

/// Stripes of a file, from the first up to but without the last.
pub(crate) type Span = (u64, u64);

/// One past the last stripe that can be.
const END: u64 = i64::MAX as u64;

/// See the module's head. Every list is in order of its keys.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Plan {
    /// Not there before; as they are in the end.
    pub(crate) inodes_new: Vec<Inode>,
    /// The version that has to be there, and how they are in the end.
    pub(crate) inodes_changed: Vec<(i64, Inode)>,
    /// With the version that has to be there, where that is known.
    pub(crate) inodes_removed: Vec<(Ino, Option<i64>)>,
    /// They have to be there; of this kind, where that matters.
    pub(crate) inodes_needed: Vec<(Ino, Option<Kind>)>,
    /// They have to be there.
    pub(crate) entries_removed: Vec<(Ino, Name, Ino)>,
    /// They must not be there once the others are removed.
    pub(crate) entries_added: Vec<(Ino, Name, Ino)>,
    /// Directories that must have no entry once the others are removed.
    pub(crate) emptied: Vec<Ino>,
    /// All that were made, those too that nothing refers to in the end.
    pub(crate) stripes: Vec<Stripe>,
    /// Which stripe is where.
    pub(crate) pieces: Vec<(Ino, u64, StripeId)>,
    /// Files whose stripes become another's, that, and how much further on. It comes before everything else.
    pub(crate) pieces_moved: Vec<(Ino, Ino, u64)>,
    /// What is taken away of what was there; of one file they don't overlap.
    pub(crate) spans_removed: Vec<(Ino, Span)>,
    /// Made and replaced in the same list.
    pub(crate) stripes_unused: Vec<StripeId>,
    /// What attributes are in the end; `None`: not there.
    pub(crate) xattrs: Vec<(Ino, String, Option<Vec<u8>>)>,
    /// Bytes in the stripes that are put into files.
    pub(crate) bytes_added: u64,
}

/// An inode while the list is gone through.
enum Draft {
    New(Inode),
    Changed { read: i64, inode: Inode },
    Removed { read: Option<i64>, was_new: bool },
}

impl Draft {
    fn inode(&self) -> Option<&Inode> {
        match self {
            Self::New(inode) | Self::Changed { inode, .. } => Some(inode),
            Self::Removed { .. } => None,
        }
    }
}

/// A name while the list is gone through.
struct Slot {
    stored: Option<Ino>,
    now: Option<Ino>,
}

#[derive(Default)]
struct Fold {
    inodes: BTreeMap<Ino, Draft>,
    needs: BTreeMap<Ino, Option<Kind>>,
    slots: BTreeMap<(Ino, Name), Slot>,
    emptied: BTreeSet<Ino>,
    stripes: Vec<Stripe>,
    pieces: BTreeMap<(Ino, u64), usize>,
    pieces_moved: Vec<(Ino, Ino, u64)>,
    moved_to: BTreeSet<Ino>,
    spans: BTreeMap<Ino, Vec<Span>>,
    stripes_unused: Vec<StripeId>,
    xattrs: BTreeMap<(Ino, String), Option<Vec<u8>>>,
}

impl Plan {
    /// Goes through the effects in their order. `root` can't be removed.
    ///
    /// # Errors
    /// `Invalid`, and what is known without looking at what is stored: `Exists`, `Changed`.
    pub(crate) fn of(effects: Vec<Effect>, root: Ino, layout: Layout) -> Result<Self, NamespaceError> {
        if effects.len() > EFFECTS_MAX {
            return Err(invalid(format!("{} effects are too many; {EFFECTS_MAX} may come at once", effects.len())));
        }
        let mut fold = Fold::default();
        for effect in effects {
            effect.check(layout).map_err(NamespaceError::Invalid)?;
            fold.effect(effect, root)?;
        }
        fold.finish()
    }
}

fn invalid(sentence: impl Into<String>) -> NamespaceError {
    NamespaceError::Invalid(sentence.into())
}

impl Fold {
    fn effect(&mut self, effect: Effect, root: Ino) -> Result<(), NamespaceError> {
        match effect {
            Effect::InodePut(inode) => self.inode_put(inode),
            Effect::InodeRemove { ino } if ino == root => Err(invalid("the root directory can't be removed")),
            Effect::InodeRemove { ino } => self.inode_remove(ino),
            Effect::EntryAdd { parent, name, ino } => self.entry_add(parent, name, ino),
            Effect::EntryRemove { parent, name, ino } => self.entry_remove(parent, name, ino),
            Effect::DirectoryEmpty { ino } => self.directory_empty(ino),
            Effect::StripePut { ino, number, stripe } => self.stripe_put(ino, number, stripe),
            Effect::StripeCut { ino, number, end } => self.stripe_cut(ino, (number, end.unwrap_or(END))),
            Effect::StripesMove { from, to, number } => self.stripes_move(from, to, number),
            Effect::XattrPut { ino, name, value } => {
                self.need(ino, None)?;
                self.xattrs.insert((ino, name), Some(value));
                Ok(())
            }
            Effect::XattrRemove { ino, name } => {
                self.xattrs.insert((ino, name), None);
                Ok(())
            }
        }
    }

    fn inode_put(&mut self, mut inode: Inode) -> Result<(), NamespaceError> {
        let read = inode.version;
        inode.version += 1;
        match self.inodes.entry(inode.ino) {
            Place::Vacant(place) => {
                place.insert(if read == 0 { Draft::New(inode) } else { Draft::Changed { read, inode } });
            }
            Place::Occupied(mut place) => match place.get_mut() {
                Draft::Removed { .. } => return Err(invalid(format!("inode {} was removed before", inode.ino))),
                Draft::New(before) | Draft::Changed { inode: before, .. } => {
                    if before.version != read {
                        return Err(NamespaceError::Changed);
                    }
                    if before.kind != inode.kind {
                        return Err(invalid(format!("inode {} can't become something else", inode.ino)));
                    }
                    *before = inode;
                }
            },
        }
        Ok(())
    }

    fn inode_remove(&mut self, ino: Ino) -> Result<(), NamespaceError> {
        let (read, was_new) = match self.inodes.get(&ino) {
            None => (None, false),
            Some(Draft::New(_)) => (None, true),
            Some(Draft::Changed { read, .. }) => (Some(*read), false),
            Some(Draft::Removed { read, was_new }) => (*read, *was_new),
        };
        self.inodes.insert(ino, Draft::Removed { read, was_new });
        self.stripe_cut(ino, (0, END))?;
        self.xattrs.retain(|(of, _), _| *of != ino);
        Ok(())
    }

    /// The inode has to be there; an inode that comes later in the list will do.
    fn need(&mut self, ino: Ino, kind: Option<Kind>) -> Result<(), NamespaceError> {
        if let Some(Draft::Removed { .. }) = self.inodes.get(&ino) {
            return Err(NamespaceError::Changed);
        }
        let needed = self.needs.entry(ino).or_insert(kind);
        match (*needed, kind) {
            (None, Some(_)) => *needed = kind,
            (Some(one), Some(other)) if one != other => {
                return Err(invalid(format!("inode {ino} can't be two things")));
            }
            (_, _) => {}
        }
        Ok(())
    }

    fn entry_add(&mut self, parent: Ino, name: Name, ino: Ino) -> Result<(), NamespaceError> {
        self.need(parent, Some(Kind::Directory))?;
        self.need(ino, None)?;
        let slot = self.slots.entry((parent, name)).or_insert(Slot { stored: None, now: None });
        if slot.now.is_some() {
            return Err(NamespaceError::Exists);
        }
        slot.now = Some(ino);
        Ok(())
    }

    fn entry_remove(&mut self, parent: Ino, name: Name, ino: Ino) -> Result<(), NamespaceError> {
        match self.slots.entry((parent, name)) {
            Place::Vacant(_) if self.emptied.contains(&parent) => return Err(NamespaceError::Changed),
            Place::Vacant(place) => {
                place.insert(Slot { stored: Some(ino), now: None });
            }
            Place::Occupied(mut place) if place.get().now == Some(ino) => place.get_mut().now = None,
            Place::Occupied(_) => return Err(NamespaceError::Changed),
        }
        Ok(())
    }

    fn directory_empty(&mut self, ino: Ino) -> Result<(), NamespaceError> {
        let names = self.slots.range((ino, Name::first())..).take_while(|((parent, _), _)| *parent == ino);
        if names.into_iter().any(|(_, slot)| slot.now.is_some()) {
            return Err(NamespaceError::Changed);
        }
        self.emptied.insert(ino);
        Ok(())
    }

    fn stripe_put(&mut self, ino: Ino, number: u64, stripe: Stripe) -> Result<(), NamespaceError> {
        self.need(ino, Some(Kind::File))?;
        self.is_not_moved_to(ino)?;
        let place = self.stripes.len();
        self.stripes.push(stripe);
        if let Some(before) = self.pieces.insert((ino, number), place) {
            self.stripes_unused.push(self.stripes[before].id);
        }
        if !matches!(self.inodes.get(&ino), Some(Draft::New(_))) {
            self.spans.entry(ino).or_default().push((number, number + 1));
        }
        Ok(())
    }

    /// They are moved before anything else is done, so nothing may have happened to either file's stripes before.
    fn stripes_move(&mut self, from: Ino, to: Ino, number: u64) -> Result<(), NamespaceError> {
        self.need(from, Some(Kind::File))?;
        self.need(to, Some(Kind::File))?;
        let has_pieces = |ino| self.pieces.range((ino, 0)..=(ino, END)).next().is_some();
        let is_made_here = |ino| matches!(self.inodes.get(&ino), Some(Draft::New(_)));
        if !is_made_here(to) || has_pieces(to) || is_made_here(from) || self.spans.contains_key(&from) {
            return Err(invalid(format!("the stripes of {from} can't be given to {to}")));
        }
        self.pieces_moved.push((from, to, number));
        self.moved_to.insert(to);
        Ok(())
    }

    fn is_not_moved_to(&self, ino: Ino) -> Result<(), NamespaceError> {
        match self.moved_to.contains(&ino) {
            true => Err(invalid(format!("{ino} is made of the stripes of others"))),
            false => Ok(()),
        }
    }

    fn stripe_cut(&mut self, ino: Ino, (first, end): Span) -> Result<(), NamespaceError> {
        self.is_not_moved_to(ino)?;
        if first >= end {
            return Ok(());
        }
        let cut: Vec<_> = self.pieces.range((ino, first)..(ino, end)).map(|(key, place)| (*key, *place)).collect();
        for (key, place) in cut {
            self.pieces.remove(&key);
            self.stripes_unused.push(self.stripes[place].id);
        }
        if !matches!(self.inodes.get(&ino), Some(Draft::New(_))) {
            self.spans.entry(ino).or_default().push((first, end));
        }
        Ok(())
    }

    fn finish(self) -> Result<Plan, NamespaceError> {
        let mut plan = Plan { emptied: self.emptied.iter().copied().collect(), ..Plan::default() };
        self.finish_needs(&mut plan)?;
        let is_removed = |ino: &Ino| matches!(self.inodes.get(ino), Some(Draft::Removed { .. }));
        for ((parent, name), Slot { stored, now }) in self.slots {
            if let Some(ino) = stored {
                plan.entries_removed.push((parent, name.clone(), ino));
            }
            if let Some(ino) = now {
                if is_removed(&ino) || is_removed(&parent) {
                    return Err(invalid(format!("{name} stays behind in a list that removes its inode or directory")));
                }
                plan.entries_added.push((parent, name, ino));
            }
        }
        // In a directory that is made here nothing can be stored.
        plan.emptied.retain(|ino| !is_new(self.inodes.get(ino)));
        for (ino, mut spans) in self.spans {
            plan.spans_removed.extend(merged(&mut spans).into_iter().map(|span| (ino, span)));
        }
        for ((ino, number), place) in self.pieces {
            plan.bytes_added += u64::from(self.stripes[place].code.bytes);
            plan.pieces.push((ino, number, self.stripes[place].id));
        }
        plan.stripes = self.stripes;
        plan.pieces_moved = self.pieces_moved;
        plan.stripes_unused = self.stripes_unused;
        plan.xattrs = self.xattrs.into_iter().map(|((ino, name), value)| (ino, name, value)).collect();
        for (ino, draft) in self.inodes {
            match draft {
                Draft::New(inode) => plan.inodes_new.push(inode),
                Draft::Changed { read, inode } => plan.inodes_changed.push((read, inode)),
                Draft::Removed { was_new: true, .. } => {}
                Draft::Removed { read, was_new: false } => plan.inodes_removed.push((ino, read)),
            }
        }
        Ok(plan)
    }

    fn finish_needs(&self, plan: &mut Plan) -> Result<(), NamespaceError> {
        for (ino, kind) in &self.needs {
            match self.inodes.get(ino) {
                None => plan.inodes_needed.push((*ino, *kind)),
                Some(draft) => {
                    let is = draft.inode().map(|inode| inode.kind);
                    if let (Some(is), Some(kind)) = (is, kind)
                        && is != *kind
                    {
                        return Err(invalid(format!("inode {ino} is not what is done with it")));
                    }
                }
            }
        }
        Ok(())
    }
}

fn is_new(draft: Option<&Draft>) -> bool {
    matches!(draft, Some(Draft::New(_) | Draft::Removed { was_new: true, .. }))
}

/// The same stripes as spans that neither touch nor overlap.
fn merged(spans: &mut Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut merged: Vec<Span> = Vec::new();
    for (first, end) in spans.drain(..) {
        match merged.last_mut() {
            Some(last) if first <= last.1 => last.1 = last.1.max(end),
            Some(_) | None => merged.push((first, end)),
        }
    }
    merged
}

#[cfg(test)]
mod tests;
