//! Which lost row is found from which parity, and how far each is ahead of the others while they are found together.
//!
//! Ascending rows are paired with descending slopes. Then each element found needs only elements of rows before it at the same turn or
//! earlier, and of rows behind it at earlier turns: the sweep never waits for itself. The row just before is needed at the same turn.

use super::decode::Left;
use crate::Geometry;

/// How one lost row is found.
#[derive(Clone, Copy, Default)]
pub(crate) struct Step<'a> {
    /// The row.
    pub(crate) row: usize,
    /// Number (0 to m − 1) of the parity that it is found from, and its slope.
    pub(crate) parity: usize,
    pub(crate) slope: isize,
    /// Elements before the row in that parity.
    pub(crate) lead: usize,
    /// Elements by which it is ahead of the first lost row.
    pub(crate) ahead: isize,
    /// That parity.
    pub(crate) bins: &'a [u8],
}

impl Step<'_> {
    /// From the turn to the element of row `other` that is in the same bin as this row's.
    #[inline(always)]
    pub(crate) fn offset(&self, other: usize) -> isize {
        self.ahead + (self.row as isize - other as isize) * self.slope
    }
}

/// A step for each lost row, in the same order, of which there are N at most. Entries behind them are unused.
#[inline(always)]
pub(crate) fn steps<'a, const N: usize>(left: &Left<'a>, lost: &[(usize, &mut [u8])]) -> [Step<'a>; N] {
    let Left { geometry, fragments, parities } = *left;
    let k = geometry.data();
    let mut steps = [Step::default(); N];
    // Parity numbers ascend with the steepness of the slope: the first ones waste the fewest turns.
    let available = (0..geometry.parity()).filter(|index| parities >> index & 1 == 1);
    for (step, parity) in steps.iter_mut().zip(available.take(lost.len())) {
        *step = Step { parity, slope: Geometry::slope(parity), bins: fragments[k + parity], ..Step::default() };
    }
    by_slope(&mut steps[..lost.len()]);
    for at in 0..lost.len() {
        let row = lost[at].0;
        steps[at].row = row;
        steps[at].lead = geometry.lead(steps[at].parity, row) / geometry.element().bytes();
        if at > 0 {
            steps[at].ahead = ahead(steps[at - 1].ahead, row - lost[at - 1].0, steps[at].slope);
        }
    }
    steps
}

/// How far a row is ahead, that is `gap` rows behind one that is `before` ahead, and found from a parity of this slope.
fn ahead(before: isize, gap: usize, slope: isize) -> isize {
    before - gap as isize * slope
}

/// Sorts by descending slope.
#[inline(always)]
fn by_slope(steps: &mut [Step<'_>]) {
    for sorted in 1..steps.len() {
        let mut at = sorted;
        while at > 0 && steps[at - 1].slope < steps[at].slope {
            steps.swap(at - 1, at);
            at -= 1;
        }
    }
}
