//! Reservations: load that was promised and not yet measured, and how it fades.
//!
//! They fade in steps rather than continuously: between two steps the order of the members stands still, so that it
//! can be kept in an index, and each step is an integer, so that the sum returns to exactly zero.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// In how many equal steps a reservation fades.
pub(crate) const STEPS: u32 = 8;

/// One reservation, to take it back with [`Pool::release`](crate::Pool::release).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReservationId(u64);

#[derive(Debug)]
struct Open {
    holder: Holder,
    cost: u64,
    since_ms: i64,
    /// Steps not yet taken.
    left: u32,
}

/// The member a reservation counts on; `joined` tells it from a later member in the same slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holder {
    pub(crate) slot: usize,
    pub(crate) joined: u64,
}

/// Load to take off a member, in `1 / STEPS` of the caller's unit.
#[derive(Debug)]
pub(crate) struct Relief {
    pub(crate) holder: Holder,
    pub(crate) amount: u128,
}

/// All open reservations of a pool, and when each of them fades next.
#[derive(Debug)]
pub(crate) struct Ledger {
    lifetime_ms: i64,
    next: u64,
    open: HashMap<ReservationId, Open>,
    /// May name reservations that were released; they are skipped when due.
    due: BinaryHeap<Reverse<(i64, ReservationId)>>,
}

impl Ledger {
    pub(crate) fn new(lifetime_ms: i64) -> Self {
        Self { lifetime_ms: lifetime_ms.max(1), next: 0, open: HashMap::new(), due: BinaryHeap::new() }
    }

    /// Returns the reservation and what it adds, in `1 / STEPS` of the caller's unit.
    pub(crate) fn reserve(&mut self, holder: Holder, cost: u64, now_ms: i64) -> (ReservationId, u128) {
        let id = ReservationId(self.next);
        self.next += 1;
        self.open.insert(id, Open { holder, cost, since_ms: now_ms, left: STEPS });
        self.due.push(Reverse((self.step_at(now_ms, 1), id)));
        (id, u128::from(cost) * u128::from(STEPS))
    }

    /// Closes a reservation; `None` when it is closed or has faded already.
    pub(crate) fn release(&mut self, id: ReservationId) -> Option<Relief> {
        let open = self.open.remove(&id)?;
        Some(Relief { holder: open.holder, amount: u128::from(open.cost) * u128::from(open.left) })
    }

    /// The next fading that is due at `now_ms`; called until `None`.
    pub(crate) fn fade(&mut self, now_ms: i64) -> Option<Relief> {
        loop {
            let &Reverse((at_ms, id)) = self.due.peek()?;
            if at_ms > now_ms {
                return None;
            }
            self.due.pop();
            let Some(open) = self.open.get_mut(&id) else { continue };
            let elapsed = i128::from(now_ms) - i128::from(open.since_ms);
            let taken = (elapsed * i128::from(STEPS) / i128::from(self.lifetime_ms)).clamp(0, STEPS.into());
            let left = STEPS - u32::try_from(taken).expect("clamped to STEPS");
            let amount = u128::from(open.cost) * u128::from(open.left - left);
            let (holder, since_ms) = (open.holder, open.since_ms);
            open.left = left;
            if left == 0 {
                self.open.remove(&id);
            } else {
                self.due.push(Reverse((self.step_at(since_ms, STEPS - left + 1), id)));
            }
            return Some(Relief { holder, amount });
        }
    }

    /// The first millisecond at which `step` steps are taken.
    fn step_at(&self, since_ms: i64, step: u32) -> i64 {
        let after = (i128::from(self.lifetime_ms) * i128::from(step) + i128::from(STEPS) - 1) / i128::from(STEPS);
        since_ms.saturating_add(i64::try_from(after).unwrap_or(i64::MAX))
    }
}
