//! Random: any eligible member, with equal chances.
//!
//! Draws until the filter accepts, and looks at everybody only when a few draws in a row were refused: both ways
//! give every accepted member the same chance, so that their mixture does.

use super::{Candidates, Discipline, Slot};
use crate::member::Standing;
use rand::{Rng, RngExt};
use std::collections::HashMap;

/// Refused draws before everybody is looked at.
const DRAWS: usize = 16;

#[derive(Debug, Default)]
pub(crate) struct Random {
    /// Without gaps, in no order.
    slots: Vec<Slot>,
    places: HashMap<Slot, usize>,
}

impl Random {
    pub(crate) fn add(&mut self, slot: Slot) {
        if let std::collections::hash_map::Entry::Vacant(place) = self.places.entry(slot) {
            place.insert(self.slots.len());
            self.slots.push(slot);
        }
    }

    pub(crate) fn forget(&mut self, slot: Slot) {
        let Some(place) = self.places.remove(&slot) else { return };
        self.slots.swap_remove(place);
        if let Some(&moved) = self.slots.get(place) {
            self.places.insert(moved, place);
        }
    }

    /// One of the slots that `accepts`, each with the same chance.
    pub(crate) fn draw(&self, rng: &mut dyn Rng, mut accepts: impl FnMut(Slot) -> bool) -> Option<Slot> {
        if self.slots.is_empty() {
            return None;
        }
        for _ in 0..DRAWS {
            let slot = self.slots[rng.random_range(0..self.slots.len())];
            if accepts(slot) {
                return Some(slot);
            }
        }
        let accepted: Vec<Slot> = self.slots.iter().copied().filter(|&slot| accepts(slot)).collect();
        if accepted.is_empty() { None } else { Some(accepted[rng.random_range(0..accepted.len())]) }
    }
}

impl<Id> Discipline<Id> for Random {
    fn set(&mut self, slot: Slot, _: Standing) {
        self.add(slot);
    }

    fn remove(&mut self, slot: Slot) {
        self.forget(slot);
    }

    fn choose(&mut self, mut candidates: Candidates<'_, Id>, rng: &mut dyn Rng) -> Option<Slot> {
        self.draw(rng, |slot| candidates.accepts(slot))
    }
}
