//! Which lost row is found from which parity, and where its other elements lie. Constant for the patterns that have their own loop.
//!
//! Ascending rows are paired with descending slopes. Then each element found needs only elements of rows before it at the same turn or
//! earlier, and of rows behind it at earlier turns: the sweep never waits for itself. How far a row may be ahead of the one before is a
//! range; here rows are as close as that allows, because in a small block most turns are those in which some rows have not begun or are
//! done.

use crate::Geometry;

/// E lost rows of K, found from E parities. All distances count elements.
#[derive(Clone, Copy)]
pub(crate) struct Pattern<const K: usize, const E: usize> {
    /// The lost rows, ascending.
    pub(crate) rows: [usize; E],
    /// The parity of each.
    pub(crate) parities: [usize; E],
    /// How far each is ahead of the first, the one that is ahead of the fewest behind it, and the one that is ahead of
    /// the most.
    pub(crate) ahead: [isize; E],
    pub(crate) behind: isize,
    pub(crate) front: isize,
    /// From the turn to the bin from which it is found.
    pub(crate) bin: [isize; E],
    /// From the turn to the element of each row in that bin.
    pub(crate) offset: [[isize; K]; E],
    /// The least and the greatest of these, or 0.
    pub(crate) offsets: [isize; 2],
    /// The other rows, in the order in which they are best added: what was found last comes last.
    pub(crate) order: [[Input; K]; E],
    /// From its element to the first and to the last of the others in that bin, without those that the last two turns found.
    pub(crate) reach: [[isize; 2]; E],
}

const NONE: Input = Input { row: 0, offset: 0, other: 0, lag: KEPT };

/// A row that adds to a bin.
#[derive(Clone, Copy)]
pub(crate) struct Input {
    pub(crate) row: usize,
    /// From the turn to its element.
    pub(crate) offset: isize,
    /// Its position among the lost, if it is lost, and how many turns before the element was found; otherwise `KEPT`.
    pub(crate) other: usize,
    pub(crate) lag: isize,
}

/// The lag of a row that was not lost.
pub(crate) const KEPT: isize = isize::MAX;

impl<const K: usize, const E: usize> Pattern<K, E> {
    /// Lost rows and available parities as bits. The flattest E of the parities are taken.
    pub(crate) const fn new(lost: usize, available: usize) -> Self {
        let parities = by_slope(take::<E>(available));
        let rows = take::<E>(lost);
        let mut pattern = Self {
            rows,
            parities,
            ahead: [0; E],
            behind: 0,
            front: 0,
            bin: [0; E],
            offset: [[0; K]; E],
            offsets: [0; 2],
            order: [[NONE; K]; E],
            reach: [[0; 2]; E],
        };
        let mut at = 0;
        while at < E {
            let slope = Geometry::slope(parities[at]);
            let row = rows[at] as isize;
            if at > 0 {
                // Not so far that the row before lacks what it needs of this one, and far enough that it has what this one needs.
                let gap = (rows[at] - rows[at - 1]) as isize;
                let least = 1 - gap * Geometry::slope(parities[at - 1]);
                pattern.ahead[at] = pattern.ahead[at - 1] + min(max(least, 0), -gap * slope);
            }
            let lead = if slope < 0 { (row - K as isize + 1) * slope } else { row * slope };
            pattern.bin[at] = pattern.ahead[at] + lead;
            let mut other = 0;
            while other < K {
                let offset = pattern.ahead[at] + (row - other as isize) * slope;
                pattern.offset[at][other] = offset;
                pattern.offsets = [min(pattern.offsets[0], offset), max(pattern.offsets[1], offset)];
                other += 1;
            }
            pattern.behind = max(pattern.behind, -pattern.ahead[at]);
            pattern.front = max(pattern.front, pattern.ahead[at]);
            at += 1;
        }
        while at > 0 {
            at -= 1;
            pattern.order[at] = pattern.inputs(order(&rows, at), at);
            let mut input = 0;
            while input < K - 1 {
                let Input { offset, lag, .. } = pattern.order[at][input];
                if lag != 0 && lag != 1 {
                    let [low, high] = pattern.reach[at];
                    let distance = offset - pattern.ahead[at];
                    pattern.reach[at] = [min(low, distance), max(high, distance)];
                }
                input += 1;
            }
        }
        pattern
    }

    const fn inputs(&self, rows: [usize; K], at: usize) -> [Input; K] {
        let (mut inputs, mut input) = ([NONE; K], 0);
        while input < K - 1 {
            let row = rows[input];
            let (offset, other) = (self.offset[at][row], self.position(row));
            let lag = if other < E { self.ahead[other] - offset } else { KEPT };
            inputs[input] = Input { row, offset, other, lag };
            input += 1;
        }
        inputs
    }

    /// Position of a row among the lost, or E.
    #[inline(always)]
    pub(crate) const fn position(&self, row: usize) -> usize {
        let mut at = 0;
        while at < E && self.rows[at] != row {
            at += 1;
        }
        at
    }
}

/// The lowest N bits that are set.
const fn take<const N: usize>(bits: usize) -> [usize; N] {
    let (mut taken, mut count, mut bit) = ([0; N], 0, 0);
    while count < N {
        if bits >> bit & 1 == 1 {
            taken[count] = bit;
            count += 1;
        }
        bit += 1;
    }
    taken
}

/// Parities by descending slope.
const fn by_slope<const N: usize>(mut parities: [usize; N]) -> [usize; N] {
    let mut sorted = 1;
    while sorted < N {
        let mut at = sorted;
        while at > 0 && Geometry::slope(parities[at - 1]) < Geometry::slope(parities[at]) {
            (parities[at - 1], parities[at]) = (parities[at], parities[at - 1]);
            at -= 1;
        }
        sorted += 1;
    }
    parities
}

/// All rows but the lost one `at`: what was kept, then what was lost, with the neighbours of `at` last. The last entry is unused.
const fn order<const K: usize, const E: usize>(rows: &[usize; E], at: usize) -> [usize; K] {
    let (mut order, mut count, mut row) = ([0; K], 0, 0);
    while row < K {
        let mut lost = 0;
        while lost < E && rows[lost] != row {
            lost += 1;
        }
        if lost == E {
            order[count] = row;
            count += 1;
        }
        row += 1;
    }
    let mut distance = E;
    while distance > 0 {
        if at + distance < E {
            order[count] = rows[at + distance];
            count += 1;
        }
        if at >= distance {
            order[count] = rows[at - distance];
            count += 1;
        }
        distance -= 1;
    }
    order
}

const fn min(left: isize, right: isize) -> isize {
    if left < right { left } else { right }
}

const fn max(left: isize, right: isize) -> isize {
    if left > right { left } else { right }
}
