//! Which units to move so that stripes are spread over as many nodes as there are, and stores fill evenly. Pure: what is where
//! goes in, the next move comes out.
//!
//! What counts is what metadata says a store has, and not what its disk says: space that was given up comes back later, when
//! segments are compacted, and going by it would move too much.

use std::collections::HashMap;

use super::stripe::StoreId;

/// A store whose units may be moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) id: StoreId,
    pub(crate) node: String,
    /// What fails with it.
    pub(crate) domain: String,
    pub(crate) capacity_bytes: u64,
    /// Bytes of units on it.
    pub(crate) held_bytes: u64,
    /// Whether it takes new units.
    pub(crate) is_taking: bool,
}

/// What lies on one list of stores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) set: i64,
    pub(crate) stores: Vec<StoreId>,
    /// Bytes that each of the stores has of it.
    pub(crate) unit_bytes: u64,
}

/// Units to be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) set: i64,
    /// Which unit of each stripe on that list.
    pub(crate) index: usize,
    pub(crate) from: StoreId,
    pub(crate) to: StoreId,
    /// At most so many bytes of units; `None`: all there are.
    pub(crate) bytes: Option<u64>,
}

impl Move {
    /// It is for a stripe's units to be further apart, and not for stores to be even.
    pub(crate) fn is_spreading(&self) -> bool {
        self.bytes.is_none()
    }
}

/// A store that is fuller takes nothing to spread stripes, thousandths.
const ROOM: u64 = 950;

impl Member {
    /// Thousandths of it that are full.
    pub(crate) fn fill(&self) -> u64 {
        let share = u128::from(self.held_bytes) * 1000 / u128::from(self.capacity_bytes.max(1));
        u64::try_from(share).unwrap_or(u64::MAX)
    }
}

/// By how many thousandths the fullest store is fuller than the emptiest that takes units.
pub(crate) fn spread(members: &[Member]) -> u64 {
    let fullest = members.iter().map(Member::fill).max().unwrap_or(0);
    let emptiest = members.iter().filter(|member| member.is_taking).map(Member::fill).min();
    emptiest.map_or(0, |emptiest| fullest.saturating_sub(emptiest))
}

/// The next move: one that spreads stripes, and where all are spread one that evens stores that differ by more than `least`
/// thousandths.
pub(crate) fn next_move(members: &[Member], loads: &[Load], least: u64) -> Option<Move> {
    spreading_move(members, loads).or_else(|| evening_move(members, loads, least))
}

/// A move after which the units of stripes share fewer failure domains, or fewer nodes. Each makes that better and none makes it
/// worse again, so that they end. Stripes come to lie badly when stores were away or drained while they were written or rebuilt.
fn spreading_move(members: &[Member], loads: &[Load]) -> Option<Move> {
    let by_id: HashMap<StoreId, &Member> = members.iter().map(|member| (member.id, member)).collect();
    let takers: Vec<&Member> = members.iter().filter(|to| to.is_taking && to.fill() < ROOM).collect();
    loads.iter().filter(|load| load.unit_bytes > 0).find_map(|load| {
        let crowd = Crowd::of(load.stores.iter().filter_map(|id| by_id.get(id).copied()));
        if crowd.is_apart() {
            return None;
        }
        load.stores.iter().enumerate().find_map(|(index, id)| {
            let from = by_id.get(id).copied().filter(|from| from.held_bytes > 0)?;
            let may_take = |to: &&&Member| !load.stores.contains(&to.id);
            let to = takers.iter().filter(may_take).min_by_key(|to| (crowd.at(from, to), to.fill(), to.id))?;
            let is_better = crowd.at(from, to) < crowd.at(from, from);
            is_better.then_some(Move { set: load.set, index, from: from.id, to: to.id, bytes: None })
        })
    })
}

/// The move that evens most. No stripe gets more units into one failure domain, or onto one node, than it has there.
fn evening_move(members: &[Member], loads: &[Load], least: u64) -> Option<Move> {
    let mut pairs: Vec<(u64, &Member, &Member)> = Vec::new();
    for from in members {
        let takers = members.iter().filter(|to| to.is_taking && to.id != from.id);
        pairs.extend(takers.map(|to| (from.fill().saturating_sub(to.fill()), from, to)));
    }
    pairs.retain(|(difference, _, _)| *difference > least);
    pairs.sort_by_key(|(difference, from, to)| (std::cmp::Reverse(*difference), from.id, to.id));
    pairs.into_iter().find_map(|(_, from, to)| move_between(members, loads, from, to))
}

fn move_between(members: &[Member], loads: &[Load], from: &Member, to: &Member) -> Option<Move> {
    let bytes = evening_bytes(from, to);
    let is_not_worse = |load: &Load| {
        let crowd = Crowd::of(members.iter().filter(|member| load.stores.contains(&member.id)));
        crowd.at(from, to) <= crowd.at(from, from)
    };
    let fits = |load: &&Load| {
        let is_between = load.stores.contains(&from.id) && !load.stores.contains(&to.id);
        load.unit_bytes > 0 && is_between && is_not_worse(load)
    };
    let load = loads.iter().filter(fits).max_by_key(|load| (load.unit_bytes, load.set))?;
    let index = load.stores.iter().position(|id| *id == from.id)?;
    Some(Move { set: load.set, index, from: from.id, to: to.id, bytes: Some(bytes.min(load.unit_bytes).max(1)) })
}

/// How many bytes make both equally full.
fn evening_bytes(from: &Member, to: &Member) -> u64 {
    let (from_capacity, to_capacity) = (u128::from(from.capacity_bytes.max(1)), u128::from(to.capacity_bytes.max(1)));
    let surplus = (u128::from(from.held_bytes) * to_capacity).saturating_sub(u128::from(to.held_bytes) * from_capacity);
    u64::try_from(surplus / (from_capacity + to_capacity)).unwrap_or(u64::MAX)
}

/// How many units of a list of stores are in each failure domain, and on each node.
#[derive(Default)]
struct Crowd<'a> {
    domains: HashMap<&'a str, usize>,
    nodes: HashMap<&'a str, usize>,
}

impl<'a> Crowd<'a> {
    fn of(stores: impl Iterator<Item = &'a Member>) -> Self {
        let mut crowd = Self::default();
        for store in stores {
            *crowd.domains.entry(&store.domain).or_default() += 1;
            *crowd.nodes.entry(&store.node).or_default() += 1;
        }
        crowd
    }

    /// No two share anything: it can't be better.
    fn is_apart(&self) -> bool {
        self.domains.values().chain(self.nodes.values()).all(|units| *units == 1)
    }

    /// How many others would share the domain, and the node, of the unit on `from` if it were on `to`.
    fn at(&self, from: &Member, to: &Member) -> (usize, usize) {
        let others = |units: &HashMap<&str, usize>, from: &str, to: &str| {
            units.get(to).copied().unwrap_or(0) - usize::from(from == to)
        };
        (others(&self.domains, &from.domain, &to.domain), others(&self.nodes, &from.node, &to.node))
    }
}

/// Notes that a move was made. Answers how many bytes.
pub(crate) fn moved(members: &mut [Member], loads: &mut [Load], step: &Move) -> u64 {
    let load = loads.iter_mut().find(|load| load.set == step.set);
    let of_load = load.as_ref().map_or(0, |load| load.unit_bytes);
    let bytes = step.bytes.unwrap_or(of_load).min(of_load);
    for member in members {
        if member.id == step.from {
            member.held_bytes = member.held_bytes.saturating_sub(bytes);
        } else if member.id == step.to {
            member.held_bytes += bytes;
        }
    }
    match load {
        // What is moved as a whole can be moved on.
        Some(load) if step.is_spreading() => load.stores[step.index] = step.to,
        Some(load) => load.unit_bytes -= bytes,
        None => {}
    }
    bytes
}

#[cfg(test)]
mod tests;
