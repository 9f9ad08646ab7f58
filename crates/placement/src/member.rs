//! A member of a pool and what is known of it.

use crate::reservation::STEPS;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// What an operator wants of a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AdminState {
    /// Takes new work.
    #[default]
    Enabled,
    /// Keeps the work it has and takes no more.
    Cordoned,
    /// Takes no work; what it had is taken away by the service that owns the pool.
    Disabled,
}

/// What was last observed of a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Answers.
    #[default]
    Up,
    /// Missed an answer; picked only when no member that is up can be.
    Suspect,
    /// Gone; never picked.
    Down,
}

/// A member as the caller's filter and [`Pool::get`](crate::Pool::get) see it.
#[derive(Clone, Debug)]
pub struct Member<Id> {
    pub(crate) id: Id,
    pub(crate) admin: AdminState,
    pub(crate) health: Health,
    pub(crate) load: u64,
    /// In `1 / STEPS` of the unit of load, so that every decay step is exact.
    pub(crate) reserved: u128,
    pub(crate) weight: u32,
    /// When it was last picked, or joined: the pool counts both with one counter.
    pub(crate) turn: u64,
    /// Tells it from an earlier member in the same slot.
    pub(crate) joined: u64,
}

impl<Id> Member<Id> {
    /// The caller's name for it.
    pub fn id(&self) -> &Id {
        &self.id
    }

    /// Its share of the work relative to the others; 0 is never picked.
    pub fn weight(&self) -> u32 {
        self.weight
    }

    /// What an operator wants of it.
    pub fn state(&self) -> AdminState {
        self.admin
    }

    /// What was last observed of it.
    pub fn health(&self) -> Health {
        self.health
    }

    /// Its load as last measured, without reservations, in the caller's unit.
    pub fn load(&self) -> u64 {
        self.load
    }

    /// What is left of its reservations, in the caller's unit of load, rounded up.
    pub fn reserved(&self) -> u64 {
        u64::try_from(self.reserved.div_ceil(STEPS.into())).unwrap_or(u64::MAX)
    }

    pub(crate) fn standing(&self) -> Standing {
        Standing {
            load: u128::from(self.load) * u128::from(STEPS) + self.reserved,
            weight: self.weight,
            turn: self.turn,
        }
    }

    /// Which of the two groups it is picked from; `None`: it cannot be picked.
    pub(crate) fn tier(&self) -> Option<Tier> {
        match (self.admin, self.health) {
            (AdminState::Cordoned | AdminState::Disabled, _) | (_, Health::Down) => None,
            _ if self.weight == 0 => None,
            (AdminState::Enabled, Health::Up) => Some(Tier::Up),
            (AdminState::Enabled, Health::Suspect) => Some(Tier::Suspect),
        }
    }
}

/// The groups members are picked from, the first as long as anybody in it is eligible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    Up,
    Suspect,
}

/// What algorithms compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Measured load plus reservations, in `1 / STEPS` of the caller's unit.
    pub(crate) load: u128,
    /// Above 0 wherever an algorithm sees it.
    pub(crate) weight: u32,
    pub(crate) turn: u64,
}

impl Standing {
    /// Compares load per weight exactly: a division would make close members equal.
    pub(crate) fn relative_cmp(&self, other: &Self) -> Ordering {
        let left = self.load.saturating_mul(other.weight.into());
        let right = other.load.saturating_mul(self.weight.into());
        left.cmp(&right)
    }
}
