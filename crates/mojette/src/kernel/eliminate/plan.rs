//! What follows from the numbers of the lost fragments alone: where in each fragment the equations begin.

use crate::kernel::decode::{Loss, ones};
use crate::{Element, Geometry};

/// Rows that a code may have, and the steepest slopes.
pub(super) const MOST_ROWS: usize = 8;
pub(super) const STEEPEST: isize = 3;

/// Rows that can be lost.
const MOST_LOST: usize = 4;

/// Bytes of an element.
pub(super) const BYTES: isize = Element::Narrow.bytes() as isize;

/// What follows from the numbers alone. All distances count elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(super) columns: isize,
    /// How far each lost row is before the last, and the slopes above the lowest of them, as bits.
    pub(in crate::kernel) spans: usize,
    pub(in crate::kernel) powers: usize,
    /// The parities by ascending slope: where among them by number, their length, and which of their bins is in
    /// equation 0.
    pub(super) order: [u8; MOST_LOST],
    pub(super) lengths: [isize; MOST_LOST],
    pub(super) bins: [isize; MOST_LOST],
    /// For each kept row the columns that are in equation 0.
    pub(super) kept: [[i8; MOST_LOST]; MOST_ROWS],
    /// How far ahead of the equations each lost row is found.
    pub(super) ahead: [isize; MOST_LOST],
    /// All equations that say something, and those for which every input exists.
    pub(super) all: [isize; 2],
    pub(super) whole: [isize; 2],
}

impl Plan {
    /// None for codes that are too large.
    pub(in crate::kernel) fn of(geometry: Geometry, loss: Loss) -> Option<Self> {
        let Loss { rows, by, .. } = loss;
        let (k, lost) = (geometry.data(), rows.count_ones() as usize);
        let slopes = || ones(by).map(Geometry::slope);
        let (lowest, highest) = (slopes().min()?, slopes().max()?);
        if k > MOST_ROWS || !(2..=MOST_LOST).contains(&lost) || lowest.min(-highest) < -STEEPEST {
            return None;
        }
        let last = rows.ilog2() as usize;
        let columns = (geometry.row_bytes() / Element::Narrow.bytes()) as isize;
        let before = |row: usize| last as isize - row as isize;
        let mut plan = Self {
            columns,
            spans: ones(rows).fold(0, |spans, row| spans | 1 << before(row)),
            powers: slopes().fold(0, |powers, slope| powers | 1 << (slope - lowest)),
            order: [0; MOST_LOST],
            lengths: [0; MOST_LOST],
            bins: [0; MOST_LOST],
            kept: [[0; MOST_LOST]; MOST_ROWS],
            ahead: [0; MOST_LOST],
            all: [0, columns],
            whole: [0, columns],
        };
        for (number, parity) in ones(by).enumerate() {
            let slope = Geometry::slope(parity);
            let at = slopes().filter(|other| *other < slope).count();
            plan.order[at] = number as u8;
            plan.lengths[at] = geometry.parity_bytes(parity) as isize / BYTES;
            plan.bins[at] = geometry.lead(parity, last) as isize / BYTES;
            plan.needs(plan.bins[at], plan.lengths[at]);
            for (kept, row) in ones(!rows & ((1 << k) - 1)).enumerate() {
                plan.kept[kept][at] = (before(row) * slope) as i8;
                plan.needs(before(row) * slope, columns);
            }
        }
        let first = before(rows.trailing_zeros() as usize);
        plan.all[0] = -first * highest.max(0);
        for (at, row) in ones(rows).enumerate() {
            // See `Solution`: each of its loops finds the first rows so far ahead.
            let above = match (plan.powers, at) {
                (0b101, _) | (0b1101, 1) => 2,
                (0b1001, _) => 3,
                _ => 1,
            };
            plan.ahead[at] = (lowest + above) * before(row);
            plan.needs(plan.ahead[at], columns);
            plan.all[1] = plan.all[1].max(columns - plan.ahead[at]);
        }
        Some(plan)
    }

    /// Notes that equation 0 needs element `start` of so many.
    fn needs(&mut self, start: isize, elements: isize) {
        self.whole = [self.whole[0].max(-start), self.whole[1].min(elements - start)];
    }
}
