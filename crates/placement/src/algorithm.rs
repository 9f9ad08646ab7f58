//! The algorithms: their names, and the one shape they share.

mod least_load;
mod random;
mod round_robin;
mod two_choices;
mod weighted_round_robin;

use crate::member::{Member, Standing};
use rand::Rng;
use serde::{Deserialize, Serialize};

/// How the next member is chosen among those that are eligible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// Each in turn: the one picked longest ago. Weights and loads don't count.
    RoundRobin,
    /// Each in turn, in proportion to its weight, and evenly spread: after any number of picks each member is less
    /// than one pick away from its share.
    WeightedRoundRobin,
    /// The least loaded; among equals the one picked longest ago. Weights don't count.
    LeastLoad,
    /// The least loaded for its weight; among equals the one picked longest ago.
    #[default]
    WeightedLeastLoad,
    /// Any, with equal chances. Weights and loads don't count.
    Random,
    /// The less loaded for its weight of two that are drawn at random: nearly as even as
    /// [`WeightedLeastLoad`](Self::WeightedLeastLoad), while many pickers that share one stale view of the loads don't all run to the same member.
    /// Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", IEEE TPDS 12(10), 2001.
    TwoChoices,
}

impl Algorithm {
    pub(crate) fn discipline<Id>(self) -> Box<dyn Discipline<Id>> {
        match self {
            Self::RoundRobin => Box::<round_robin::RoundRobin>::default(),
            Self::WeightedRoundRobin => Box::<weighted_round_robin::WeightedRoundRobin>::default(),
            Self::LeastLoad => Box::new(least_load::LeastLoad::absolute()),
            Self::WeightedLeastLoad => Box::new(least_load::LeastLoad::per_weight()),
            Self::Random => Box::<random::Random>::default(),
            Self::TwoChoices => Box::<two_choices::TwoChoices>::default(),
        }
    }
}

/// Index of a member in its pool.
pub(crate) type Slot = usize;

/// The pool's members by slot, and the caller's filter over them.
pub(crate) struct Candidates<'a, Id> {
    pub(crate) members: &'a [Option<Member<Id>>],
    pub(crate) filter: &'a mut dyn FnMut(&Member<Id>) -> bool,
}

impl<Id> Candidates<'_, Id> {
    pub(crate) fn accepts(&mut self, slot: Slot) -> bool {
        self.members[slot].as_ref().is_some_and(|member| (self.filter)(member))
    }
}

/// One algorithm with whatever index it keeps over the members it may choose from.
pub(crate) trait Discipline<Id>: Send + Sync {
    /// Adds the member of `slot`, or tells that its standing is a new one.
    fn set(&mut self, slot: Slot, standing: Standing);

    /// Forgets the member of `slot`; nothing when it has none.
    fn remove(&mut self, slot: Slot);

    /// Chooses among the members it was given that `candidates` accepts.
    fn choose(&mut self, candidates: Candidates<'_, Id>, rng: &mut dyn Rng) -> Option<Slot>;
}
