//! Round Robin: whoever was picked longest ago.
//!
//! Ordered by turn rather than a cursor over a list: a member that the filter skipped keeps its place and is next as
//! soon as it is eligible, and members may come and go without moving anybody's turn.

use super::{Candidates, Discipline, Slot};
use crate::member::Standing;
use rand::Rng;
use std::collections::{BTreeSet, HashMap};

#[derive(Debug, Default)]
pub(crate) struct RoundRobin {
    order: BTreeSet<(u64, Slot)>,
    turns: HashMap<Slot, u64>,
}

impl RoundRobin {
    fn forget(&mut self, slot: Slot) {
        if let Some(turn) = self.turns.remove(&slot) {
            self.order.remove(&(turn, slot));
        }
    }
}

impl<Id> Discipline<Id> for RoundRobin {
    fn set(&mut self, slot: Slot, standing: Standing) {
        if self.turns.get(&slot) == Some(&standing.turn) {
            return;
        }
        self.forget(slot);
        self.turns.insert(slot, standing.turn);
        self.order.insert((standing.turn, slot));
    }

    fn remove(&mut self, slot: Slot) {
        self.forget(slot);
    }

    fn choose(&mut self, mut candidates: Candidates<'_, Id>, _: &mut dyn Rng) -> Option<Slot> {
        self.order.iter().map(|&(_, slot)| slot).find(|&slot| candidates.accepts(slot))
    }
}
