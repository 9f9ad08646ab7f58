//! The pool: members, what is known of them, and the pick.

use crate::algorithm::{Algorithm, Candidates, Discipline, Slot};
use crate::member::{AdminState, Health, Member, Tier};
use crate::reservation::{Holder, Ledger, Relief, ReservationId};
use rand::Rng;
use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// The pool has no such member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pool has no such member")]
pub struct UnknownMember;

/// Members, and the decision which of them gets the next piece of work. See the [crate] for its rules and costs.
///
/// Two pools that were told the same and draw from equal generators pick the same members.
pub struct Pool<Id> {
    /// By slot; a slot is used again after its member was removed.
    members: Vec<Option<Member<Id>>>,
    slots: HashMap<Id, Slot>,
    vacant: Vec<Slot>,
    index: Option<Index<Id>>,
    ledger: Ledger,
    turns: u64,
}

/// The algorithm asked for last, over the members that are up and over those that are suspect.
struct Index<Id> {
    algorithm: Algorithm,
    up: Box<dyn Discipline<Id>>,
    suspect: Box<dyn Discipline<Id>>,
}

impl<Id> Index<Id> {
    fn new(algorithm: Algorithm, members: &[Option<Member<Id>>]) -> Self {
        let mut index = Self { algorithm, up: algorithm.discipline(), suspect: algorithm.discipline() };
        for (slot, member) in members.iter().enumerate() {
            if let Some(member) = member {
                index.set(slot, member);
            }
        }
        index
    }

    fn set(&mut self, slot: Slot, member: &Member<Id>) {
        match member.tier() {
            Some(Tier::Up) => {
                self.suspect.remove(slot);
                self.up.set(slot, member.standing());
            }
            Some(Tier::Suspect) => {
                self.up.remove(slot);
                self.suspect.set(slot, member.standing());
            }
            None => self.remove(slot),
        }
    }

    fn remove(&mut self, slot: Slot) {
        self.up.remove(slot);
        self.suspect.remove(slot);
    }
}

impl<Id: Clone + Eq + Hash> Pool<Id> {
    /// An empty pool whose reservations decay to zero within `reservation_lifetime` (in steps of an eighth; below 1 ms
    /// it counts as 1 ms).
    pub fn new(reservation_lifetime: Duration) -> Self {
        Self {
            members: Vec::new(),
            slots: HashMap::new(),
            vacant: Vec::new(),
            index: None,
            ledger: Ledger::new(i64::try_from(reservation_lifetime.as_millis()).unwrap_or(i64::MAX)),
            turns: 0,
        }
    }

    /// Adds a member that is enabled, up and without load. Returns false, and changes nothing, when it is in the pool already.
    pub fn insert(&mut self, id: Id, weight: u32) -> bool {
        if self.slots.contains_key(&id) {
            return false;
        }
        let turn = self.next_turn();
        let member = Member {
            id: id.clone(),
            admin: AdminState::Enabled,
            health: Health::Up,
            load: 0,
            reserved: 0,
            weight,
            turn,
            joined: turn,
        };
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.members.push(None);
            self.members.len() - 1
        });
        if let Some(index) = &mut self.index {
            index.set(slot, &member);
        }
        self.members[slot] = Some(member);
        self.slots.insert(id, slot);
        true
    }

    /// Removes a member and its reservations. Returns false when the pool has no such member.
    pub fn remove(&mut self, id: &Id) -> bool {
        let Some(slot) = self.slots.remove(id) else { return false };
        if let Some(index) = &mut self.index {
            index.remove(slot);
        }
        self.members[slot] = None;
        self.vacant.push(slot);
        true
    }

    /// Sets a member's share of the work relative to the others; 0 is never picked.
    ///
    /// Errors: [`UnknownMember`].
    pub fn weight_set(&mut self, id: &Id, weight: u32) -> Result<(), UnknownMember> {
        self.update(id, |member| member.weight = weight)
    }

    /// Sets what an operator wants of a member.
    ///
    /// Errors: [`UnknownMember`].
    pub fn state_set(&mut self, id: &Id, state: AdminState) -> Result<(), UnknownMember> {
        self.update(id, |member| member.admin = state)
    }

    /// Sets what was observed of a member.
    ///
    /// Errors: [`UnknownMember`].
    pub fn health_set(&mut self, id: &Id, health: Health) -> Result<(), UnknownMember> {
        self.update(id, |member| member.health = health)
    }

    /// Sets a member's measured load, in the caller's unit. Its reservations stay.
    ///
    /// Errors: [`UnknownMember`].
    pub fn load_set(&mut self, id: &Id, load: u64) -> Result<(), UnknownMember> {
        self.update(id, |member| member.load = load)
    }

    /// Adds `cost`, in the caller's unit of load, to a member from `now_ms` (epoch, ms) on, until it has decayed or is released.
    ///
    /// Errors: [`UnknownMember`].
    pub fn reserve(&mut self, id: &Id, cost: u64, now_ms: i64) -> Result<ReservationId, UnknownMember> {
        let slot = *self.slots.get(id).ok_or(UnknownMember)?;
        let joined = self.members[slot].as_ref().ok_or(UnknownMember)?.joined;
        let (reservation, amount) = self.ledger.reserve(Holder { slot, joined }, cost, now_ms);
        self.update_slot(slot, |member| member.reserved += amount);
        Ok(reservation)
    }

    /// Takes back what is left of a reservation. Does nothing when it has decayed, was released before, or its member was removed.
    pub fn release(&mut self, reservation: ReservationId) {
        if let Some(relief) = self.ledger.release(reservation) {
            self.relieve(&relief);
        }
    }

    /// Lets reservations decay to what they are at `now_ms` (epoch, ms). [`Pool::pick`] does it by itself; call it before reading
    /// [`Member::reserved`] elsewhere. A time before an earlier one changes nothing.
    pub fn decay(&mut self, now_ms: i64) {
        while let Some(relief) = self.ledger.fade(now_ms) {
            self.relieve(&relief);
        }
    }

    /// Picks the member for the next piece of work at `now_ms` (epoch, ms), or `None` when nobody is eligible.
    ///
    /// `filter` is asked only about members that are enabled, not down and of a weight above 0, in the algorithm's
    /// order, until it accepts one; it should be cheap and may be asked about a member more than once.
    /// The pick counts as a turn but not as load: follow it by [`Pool::reserve`] or [`Pool::load_set`].
    /// `rng` is read by [`Algorithm::Random`] and [`Algorithm::TwoChoices`] only.
    pub fn pick<R: Rng>(
        &mut self,
        algorithm: Algorithm,
        now_ms: i64,
        rng: &mut R,
        mut filter: impl FnMut(&Member<Id>) -> bool,
    ) -> Option<Id> {
        self.decay(now_ms);
        let members = &self.members;
        let index = match &mut self.index {
            Some(index) if index.algorithm == algorithm => index,
            stale => stale.insert(Index::new(algorithm, members)),
        };
        let slot = index
            .up
            .choose(Candidates { members, filter: &mut filter }, rng)
            .or_else(|| index.suspect.choose(Candidates { members, filter: &mut filter }, rng))?;
        let turn = self.next_turn();
        self.update_slot(slot, |member| member.turn = turn);
        self.members[slot].as_ref().map(|member| member.id.clone())
    }

    /// A member, with its reservations as of the last [`Pool::pick`] or [`Pool::decay`].
    pub fn get(&self, id: &Id) -> Option<&Member<Id>> {
        self.members[*self.slots.get(id)?].as_ref()
    }

    /// All members, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &Member<Id>> {
        self.members.iter().flatten()
    }

    /// How many members there are, whatever their state.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is no member at all.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    fn next_turn(&mut self) -> u64 {
        self.turns += 1;
        self.turns
    }

    fn relieve(&mut self, relief: &Relief) {
        let Holder { slot, joined } = relief.holder;
        self.update_slot(slot, |member| {
            if member.joined == joined {
                member.reserved -= relief.amount;
            }
        });
    }

    fn update(&mut self, id: &Id, change: impl FnOnce(&mut Member<Id>)) -> Result<(), UnknownMember> {
        let slot = *self.slots.get(id).ok_or(UnknownMember)?;
        self.update_slot(slot, change);
        Ok(())
    }

    /// The only place where a member changes, so that the index can't fall behind. Nothing when the slot is vacant.
    fn update_slot(&mut self, slot: Slot, change: impl FnOnce(&mut Member<Id>)) {
        let Some(member) = &mut self.members[slot] else { return };
        change(member);
        if let Some(index) = &mut self.index {
            index.set(slot, member);
        }
    }
}

impl<Id: std::fmt::Debug> std::fmt::Debug for Pool<Id> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("members", &self.members).finish_non_exhaustive()
    }
}
