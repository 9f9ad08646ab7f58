//! Power of two choices: the less loaded of two different members drawn at random.

use super::random::Random;
use super::{Candidates, Discipline, Slot};
use crate::member::Standing;
use rand::Rng;
use std::collections::HashMap;

#[derive(Debug, Default)]
pub(crate) struct TwoChoices {
    urn: Random,
    standings: HashMap<Slot, Standing>,
}

impl<Id> Discipline<Id> for TwoChoices {
    fn set(&mut self, slot: Slot, standing: Standing) {
        self.urn.add(slot);
        self.standings.insert(slot, standing);
    }

    fn remove(&mut self, slot: Slot) {
        self.urn.forget(slot);
        self.standings.remove(&slot);
    }

    fn choose(&mut self, mut candidates: Candidates<'_, Id>, rng: &mut dyn Rng) -> Option<Slot> {
        let first = self.urn.draw(rng, |slot| candidates.accepts(slot))?;
        let second = self.urn.draw(rng, |slot| slot != first && candidates.accepts(slot)).unwrap_or(first);
        let busier = self.standings[&first].relative_cmp(&self.standings[&second]).is_gt();
        Some(if busier { second } else { first })
    }
}
