//! Least Load and Weighted Least Load: an ordered set keyed by load, so that 100,000 members cost no scan.

use super::{Candidates, Discipline, Slot};
use crate::member::Standing;
use rand::Rng;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

/// Orders by load per weight, then by who was picked longest ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    standing: Standing,
    slot: Slot,
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.standing
            .relative_cmp(&other.standing)
            .then(self.standing.turn.cmp(&other.standing.turn))
            .then(self.slot.cmp(&other.slot))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[derive(Debug)]
pub(crate) struct LeastLoad {
    weighted: bool,
    order: BTreeSet<Key>,
    keys: HashMap<Slot, Key>,
}

impl LeastLoad {
    pub(crate) fn absolute() -> Self {
        Self { weighted: false, order: BTreeSet::new(), keys: HashMap::new() }
    }

    pub(crate) fn per_weight() -> Self {
        Self { weighted: true, ..Self::absolute() }
    }

    fn forget(&mut self, slot: Slot) {
        if let Some(key) = self.keys.remove(&slot) {
            self.order.remove(&key);
        }
    }
}

impl<Id> Discipline<Id> for LeastLoad {
    fn set(&mut self, slot: Slot, mut standing: Standing) {
        if !self.weighted {
            standing.weight = 1;
        }
        self.forget(slot);
        let key = Key { standing, slot };
        self.keys.insert(slot, key);
        self.order.insert(key);
    }

    fn remove(&mut self, slot: Slot) {
        self.forget(slot);
    }

    fn choose(&mut self, mut candidates: Candidates<'_, Id>, _: &mut dyn Rng) -> Option<Slot> {
        self.order.iter().map(|key| key.slot).find(|&slot| candidates.accepts(slot))
    }
}
