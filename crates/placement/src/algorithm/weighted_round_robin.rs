//! Smooth Weighted Round Robin in O(log n).
//!
//! The usual way (add each weight to a counter, take the largest, subtract the sum) reads every member at every pick.
//! Here virtual time runs at `1 / sum of weights` a pick, and the next pick of a member of weight w has a window of `1 / w`
//! of virtual time: it may happen from its start and must happen before its end. Taking, among the windows that have
//! started, the one that ends first meets every end, which keeps each member less than one pick away from its
//! share at all times. Source: Baruah, Cohen, Plaxton, Varvel, "Proportionate Progress: A Notion of Fairness in Resource
//! Allocation", Algorithmica 15, 1996 (the case of one processor).
//!
//! A filter can keep a member out of its window. It then starts afresh when it is picked: what it missed is not
//! made up for, as that would be a burst on a member that was, say, full a moment ago.

use super::{Candidates, Discipline, Slot};
use crate::member::Standing;
use rand::Rng;
use std::collections::{BTreeSet, HashMap};

/// One cycle (as many picks as the sum of weights) in fixed point.
const CYCLE: u128 = 1 << 64;

/// `anchor + count / per` cycles. Kept as a count, so that nothing is lost to rounding however long it runs.
#[derive(Clone, Copy, Debug)]
struct VirtualTime {
    anchor: u128,
    count: u64,
    per: u64,
}

impl VirtualTime {
    fn ahead(&self, more: u64) -> u128 {
        self.anchor + u128::from(self.count + more) * CYCLE / u128::from(self.per.max(1))
    }

    fn now(&self) -> u128 {
        self.ahead(0)
    }

    fn step(&mut self) {
        self.count += 1;
        if self.count >= self.per {
            self.anchor += CYCLE;
            self.count = 0;
        }
    }

    fn restart(&mut self, anchor: u128, per: u64) {
        *self = Self { anchor, count: 0, per };
    }
}

/// Where the window of a member's next pick starts; `per` is its weight.
type Window = VirtualTime;

impl Window {
    fn end(&self) -> u128 {
        self.ahead(1)
    }
}

#[derive(Debug)]
pub(crate) struct WeightedRoundRobin {
    clock: VirtualTime,
    windows: HashMap<Slot, Window>,
    /// Windows that have started, by end.
    ready: BTreeSet<(u128, Slot)>,
    /// Windows to come, by start.
    waiting: BTreeSet<(u128, Slot)>,
}

impl Default for WeightedRoundRobin {
    fn default() -> Self {
        Self {
            clock: VirtualTime { anchor: 0, count: 0, per: 0 },
            windows: HashMap::new(),
            ready: BTreeSet::new(),
            waiting: BTreeSet::new(),
        }
    }
}

impl WeightedRoundRobin {
    fn forget(&mut self, slot: Slot) {
        let Some(window) = self.windows.remove(&slot) else { return };
        self.ready.remove(&(window.end(), slot));
        self.waiting.remove(&(window.now(), slot));
        self.clock.restart(self.clock.now(), self.clock.per - window.per);
    }

    /// Moves to `ready` what starts before the next pick is over.
    fn start_windows(&mut self) {
        let next = self.clock.ahead(1);
        while let Some(&(start, slot)) = self.waiting.first()
            && start < next
        {
            self.waiting.pop_first();
            self.ready.insert((self.windows[&slot].end(), slot));
        }
    }

    fn first_ready<Id>(&self, candidates: &mut Candidates<'_, Id>) -> Option<Slot> {
        self.ready.iter().map(|&(_, slot)| slot).find(|&slot| candidates.accepts(slot))
    }
}

impl<Id> Discipline<Id> for WeightedRoundRobin {
    fn set(&mut self, slot: Slot, standing: Standing) {
        let weight = u64::from(standing.weight);
        if self.windows.get(&slot).is_some_and(|window| window.per == weight) {
            return;
        }
        self.forget(slot);
        self.clock.restart(self.clock.now(), self.clock.per + weight);
        let window = Window { anchor: self.clock.now(), count: 0, per: weight };
        self.windows.insert(slot, window);
        self.waiting.insert((window.now(), slot));
    }

    fn remove(&mut self, slot: Slot) {
        self.forget(slot);
    }

    fn choose(&mut self, mut candidates: Candidates<'_, Id>, _: &mut dyn Rng) -> Option<Slot> {
        self.start_windows();
        let slot = match self.first_ready(&mut candidates) {
            Some(slot) => slot,
            None => {
                // The filter left only members that are ahead of their share: time jumps to the first of them, so
                // that they share in proportion to their weights among themselves.
                let &(start, _) = self.waiting.iter().find(|&&(_, slot)| candidates.accepts(slot))?;
                self.clock.restart(start, self.clock.per);
                self.start_windows();
                self.first_ready(&mut candidates)?
            }
        };
        let now = self.clock.now();
        let window = self.windows.get_mut(&slot)?;
        self.ready.remove(&(window.end(), slot));
        if window.end() <= now {
            window.restart(now, window.per);
        }
        window.step();
        self.waiting.insert((window.now(), slot));
        self.clock.step();
        Some(slot)
    }
}
