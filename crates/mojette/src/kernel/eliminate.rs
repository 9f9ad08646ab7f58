//! Several lost rows of narrow elements, a whole vector at a time: what the kept rows leave of the parities is taken as
//! equations, and the lost rows are eliminated from them one after the other.
//!
//! Read rows as polynomials in z, as the crate's documentation does. Row l, lost, is in the equation of slope p with the
//! factor z^(p · l), so to eliminate a row is to shift one equation and add another. What is left is the first row times
//! a product of sums of two powers of z, and to divide by 1 + zᵈ is to add to each element the one found d before it.
//! Within a vector that takes three steps at most: 1 / (1 + f) = (1 + f)(1 + f²)(1 + f⁴) up to the eighth power of z.
//!
//! All equations are seen from the last lost row: their element number c is the bin in which its column c lies. Then no
//! shift looks ahead, and few are left. The zigzag, which finds one word at a time, took two to four times as long.

#![expect(clippy::needless_range_loop, reason = "the numbers of rows and slopes, not positions in one list")]

use super::Job;
use super::vector::{Vector, width};
use crate::Element;
use plan::{BYTES, MOST_ROWS, STEEPEST};
use solution::{Solution, State};

mod plan;
mod solution;

pub(crate) use plan::Plan;

/// Recovers the E lost rows of the plan, which has these `SPANS` and `POWERS`. `have` is the other rows and as many parities, ascending.
/// Gives whether all lengths fit; otherwise nothing has been written.
pub(super) struct Eliminate<'a, 'b, const SPANS: usize, const POWERS: usize, const E: usize, const KEPT: usize> {
    pub(super) plan: &'a Plan,
    pub(super) have: &'a [&'a [u8]],
    pub(super) lost: &'a mut [&'b mut [u8]],
}

impl<const SPANS: usize, const POWERS: usize, const E: usize, const KEPT: usize> Job
    for Eliminate<'_, '_, SPANS, POWERS, E, KEPT>
{
    type Output = bool;

    #[inline(always)]
    fn run<V: Vector>(self) -> bool {
        let Self { plan, have, lost } = self;
        assert!((plan.spans, plan.powers) == (SPANS, POWERS));
        let bytes = (plan.columns * BYTES) as usize;
        let (Some(lost), Some((kept, bins))) = (lost.as_mut_array::<E>(), have.split_first_chunk::<KEPT>()) else {
            return false;
        };
        if bins.len() != E || kept.iter().any(|row| row.len() != bytes) || lost.iter().any(|row| row.len() != bytes) {
            return false;
        }
        let mut equations = Equations {
            plan,
            bins: [std::ptr::null(); E],
            kept: [[std::ptr::null(); E]; KEPT],
            lost: std::array::from_fn(|at| lost[at].as_mut_ptr().wrapping_offset(plan.ahead[at] * BYTES)),
        };
        for at in 0..E {
            let bins = bins[plan.order[at] as usize];
            if bins.len() as isize != plan.lengths[at] * BYTES {
                return false;
            }
            equations.bins[at] = bins.as_ptr().wrapping_offset(plan.bins[at] * BYTES);
        }
        for (row, (pointers, starts)) in kept.iter().zip(equations.kept.iter_mut().zip(&plan.kept)) {
            for at in 0..E {
                pointers[at] = row.as_ptr().wrapping_offset(starts[at] as isize * BYTES);
            }
        }
        // SAFETY: all lengths are those of the plan, and everything stays borrowed, lost rows to be written.
        unsafe { equations.solve::<V, SPANS, POWERS>() };
        true
    }
}

/// Where equation 0 begins in each input, and in each lost row.
struct Equations<'a, const E: usize, const KEPT: usize> {
    plan: &'a Plan,
    bins: [*const u8; E],
    kept: [[*const u8; E]; KEPT],
    lost: [*mut u8; E],
}

impl<const E: usize, const KEPT: usize> Equations<'_, E, KEPT> {
    /// SAFETY: what the plan says exists may be read, and of lost rows written.
    #[inline(always)]
    unsafe fn solve<V: Vector, const SPANS: usize, const POWERS: usize>(&self) {
        let step = (width::<V>() / Element::Narrow.bytes()) as isize;
        let Plan { all: [first, last], whole: [begin, end], .. } = *self.plan;
        let mut state = State::<V>::new();
        let mut at = first.div_euclid(step) * step;
        // In two rounds, so that there is one copy of each loop.
        for edge in [begin, last] {
            // SAFETY: promised by the caller; without `EDGE` it all exists.
            unsafe {
                while at < edge {
                    let found = Solution::<SPANS, POWERS, E>::find(self.edge::<V>(at), &mut state);
                    self.put_edge(at, found);
                    at += step;
                }
                while at + step <= end {
                    let found = Solution::<SPANS, POWERS, E>::find(self.middle::<V>(at), &mut state);
                    for row in 0..E {
                        found[row].store(&mut *self.lost[row].wrapping_offset(at * BYTES).cast());
                    }
                    at += step;
                }
            }
        }
    }

    /// What the kept rows leave of the parities, from equation `at` on.
    ///
    /// SAFETY: it all exists.
    #[inline(always)]
    unsafe fn middle<V: Vector>(&self, at: isize) -> [V; E] {
        // SAFETY: promised by the caller.
        let load = |pointer: *const u8| V::load(unsafe { &*pointer.wrapping_offset(at * BYTES).cast() });
        let mut sums = [V::zero(); E];
        for slope in 0..E {
            sums[slope] = load(self.bins[slope]);
        }
        for pair in 0..KEPT / 2 {
            for slope in 0..E {
                sums[slope] = sums[slope].xor3(load(self.kept[2 * pair][slope]), load(self.kept[2 * pair + 1][slope]));
            }
        }
        if KEPT % 2 == 1 {
            for slope in 0..E {
                sums[slope] = sums[slope].xor(load(self.kept[KEPT - 1][slope]));
            }
        }
        sums
    }

    /// The same where some of it does not exist.
    ///
    /// SAFETY: what the plan says exists may be read.
    #[inline(always)]
    unsafe fn edge<V: Vector>(&self, at: isize) -> [V; E] {
        let load = |pointer: *const u8, inside: u64| {
            // SAFETY: promised by the caller, as the bits are set only for what the plan says exists.
            unsafe { V::load_inside(pointer.wrapping_offset(at * BYTES).cast(), inside) }
        };
        let plan = self.plan;
        let mut sums = [V::zero(); E];
        for slope in 0..E {
            sums[slope] = load(self.bins[slope], inside(plan.lengths[slope], at + plan.bins[slope]));
        }
        let rows = inside(plan.columns, at - AROUND);
        for row in 0..KEPT {
            for slope in 0..E {
                let around = AROUND + plan.kept[row][slope] as isize;
                sums[slope] = sums[slope].xor(load(self.kept[row][slope], rows >> around));
            }
        }
        sums
    }

    /// Writes what exists of the lost rows.
    ///
    /// SAFETY: they may be written.
    #[inline(always)]
    unsafe fn put_edge<V: Vector>(&self, at: isize, found: [V; E]) {
        let rows = inside(self.plan.columns, at - AROUND);
        for row in 0..E {
            let inside = rows >> (AROUND + self.plan.ahead[row]);
            // SAFETY: promised by the caller, as above.
            unsafe { found[row].store_inside(self.lost[row].wrapping_offset(at * BYTES).cast(), inside) };
        }
    }
}

/// Elements around a vector that one look at a row's ends covers: no row is further from the last one.
const AROUND: isize = 32;
const _: () = assert!((MOST_ROWS as isize - 1) * STEEPEST + 8 <= AROUND);

/// Which of 64 elements from `at` on are among so many, as bits.
#[inline(always)]
fn inside(elements: isize, at: isize) -> u64 {
    let before = !0 << (-at).clamp(0, 63);
    let end = (elements - at).clamp(0, 64);
    before & if end == 64 { !0 } else { !(!0 << end) }
}
