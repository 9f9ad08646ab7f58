//! The block from `k` projections, by interpolation. With `z` for a step of one column, bin row `i` is the polynomial whose
//! coefficients are the rows of the block, taken at `z^p`: projections are values of it, and Newton's divided differences
//! give the coefficients back. All of it is XOR over whole lines; a division by `z^a + z^b` is a running XOR at distance
//! `b - a`. RozoFS instead recovers pixel after pixel and updates `k` lines for each.
//!
//! Every division has to come out even. What a damaged bin leaves behind does not, which is how damage is seen.
//!
//! Source: Björck and Pereyra, "Solution of Vandermonde Systems of Equations", Math. Comp. 24 (1970), algorithm for the
//! dual system.

use super::kernel::Kernel;
use super::{Layout, Pixel, TransformError, word};

const MOST_ROWS: usize = Layout::Two.rows();

/// Pixels of scratch space for blocks of `columns`: a line for each projection but the one of the largest slope, which is
/// only read.
pub(super) const fn scratch_pixels(layout: Layout, columns: usize) -> usize {
    (layout.rows() - 1) * line_pixels(layout.rows(), layout.projections(), columns)
}

/// A line holds the bins of any projection and what the largest rising one adds at its end.
const fn line_pixels(rows: usize, projections: usize, columns: usize) -> usize {
    columns + (rows - 1) * (projections - 1)
}

/// Where in its space a line stands: pixel `x` is at `head + x - start`, for `x` from `start` to `end`. All else is zero.
#[derive(Clone, Copy, Default)]
struct Line {
    head: usize,
    start: isize,
    end: isize,
}

impl Line {
    fn len(self) -> usize {
        self.end.abs_diff(self.start)
    }

    fn of(self, space: &[Pixel]) -> &[Pixel] {
        &space[self.head..][..self.len()]
    }
}

/// `given` are as many slopes with their bins as the block has rows, the largest slope first. `block` is `rows × columns`,
/// row-major; `scratch` has [`scratch_pixels`].
///
/// Errors: `Inconsistent` when no block has these projections.
pub(super) fn inverse<'a>(
    kernel: impl Kernel,
    columns: usize,
    given: impl Iterator<Item = (isize, &'a [Pixel])>,
    scratch: &mut [Pixel],
    block: &mut [Pixel],
) -> Result<(), TransformError> {
    let rows = block.len() / columns;
    let mut slopes = [0; MOST_ROWS];
    let mut bins: [&[Pixel]; MOST_ROWS] = [&[]; MOST_ROWS];
    for (at, (slope, line)) in given.enumerate() {
        (slopes[at], bins[at]) = (slope, line);
    }
    let mut interpolation = Interpolation {
        kernel,
        rows,
        columns,
        slopes,
        lines: [Line::default(); MOST_ROWS],
        width: scratch.len() / (rows - 1),
        scratch,
    };
    interpolation.difference(&bins[..rows])?;
    interpolation.expand();
    interpolation.finish(bins[0], block);
    Ok(())
}

/// Line `i` stands in space `i - 1` of `scratch`; line 0 is the caller's and never changes.
struct Interpolation<'s, K> {
    kernel: K,
    rows: usize,
    columns: usize,
    slopes: [isize; MOST_ROWS],
    lines: [Line; MOST_ROWS],
    width: usize,
    scratch: &'s mut [Pixel],
}

impl<K: Kernel> Interpolation<'_, K> {
    /// Replaces each projection `i` by the divided difference over the slopes of 0 to `i`.
    fn difference(&mut self, bins: &[&[Pixel]]) -> Result<(), TransformError> {
        for (i, line) in bins.iter().enumerate() {
            let start = fall(self.rows - 1, self.slopes[i]);
            self.lines[i] = Line { head: 0, start, end: start + line.len() as isize };
        }
        for order in 1..self.rows {
            for i in (order..self.rows).rev() {
                // The spaces of the lines below i, and its own first.
                let (below, space) = self.scratch.split_at_mut((i - 1) * self.width);
                let space = &mut space[..self.width];
                let source = if order == 1 {
                    let (own, rest) = space.split_at_mut(bins[i].len());
                    own.copy_from_slice(bins[i]);
                    rest.fill([0; 8]);
                    bins[i - 1]
                } else {
                    self.lines[i - 1].of(&below[(i - 2) * self.width..])
                };
                let (slope, above) = (self.slopes[i], self.slopes[i - order]);
                let left = self.rows - 1 - order;
                let want = (fall(left, slope), self.columns as isize + left as isize * above.max(0));
                let upper = Line { head: 0, ..self.lines[i - 1] };
                self.lines[i] = quotient(self.kernel, space, self.lines[i], (upper, source), (slope, above), want)?;
            }
        }
        Ok(())
    }

    /// Turns Newton's coefficients into those of the powers, but for the last step.
    fn expand(&mut self) {
        for step in (1..self.rows - 1).rev() {
            for i in step..self.rows - 1 {
                let (below, above) = self.scratch.split_at_mut(i * self.width);
                let space = &mut below[(i - 1) * self.width..];
                let (line, next) = (self.lines[i], self.lines[i + 1]);
                let at = line.head + (next.start + self.slopes[step]).abs_diff(line.start);
                self.kernel.add(&mut space[at..], next.of(above));
                let start = fall(self.rows - 1 - i, self.slopes[step - 1]);
                self.lines[i] = Line { head: line.head + start.abs_diff(line.start), start, ..line };
            }
        }
    }

    /// The last step, straight into the block. The largest of `rows` slopes is never negative.
    fn finish(&self, first: &[Pixel], block: &mut [Pixel]) {
        let shift = self.slopes[0].unsigned_abs().min(self.columns);
        for (i, row) in block.chunks_exact_mut(self.columns).enumerate() {
            let own = if i == 0 { first } else { self.lines[i].of(&self.scratch[(i - 1) * self.width..]) };
            row.copy_from_slice(&own[..self.columns]);
            if i + 1 < self.rows {
                let next = self.lines[i + 1].of(&self.scratch[i * self.width..]);
                self.kernel.add(&mut row[shift..], &next[..self.columns - shift]);
            }
        }
    }
}

/// How far `rows` rows of this slope reach to the left of column 0: zero or negative.
fn fall(rows: usize, slope: isize) -> isize {
    rows as isize * slope.min(0)
}

/// Divides the sum of a line and `upper`, the line of the larger slopes, by `z^slope + z^above`. The quotient takes the
/// line's place and has to be zero outside `want`.
fn quotient(
    kernel: impl Kernel,
    space: &mut [Pixel],
    line: Line,
    upper: (Line, &[Pixel]),
    (slope, above): (isize, isize),
    want: (isize, isize),
) -> Result<Line, TransformError> {
    let (upper, source) = upper;
    let own = &mut space[line.head..][..upper.end.abs_diff(line.start)];
    kernel.divide(above.abs_diff(slope), own, upper.start.abs_diff(line.start), source);
    let (start, end) = (line.start - slope, upper.end - slope);
    let (before, rest) = own.split_at(want.0.abs_diff(start));
    let after = &rest[want.1.abs_diff(want.0)..];
    debug_assert_eq!(after.len(), end.abs_diff(want.1));
    if !is_zero(before) || !is_zero(after) {
        return Err(TransformError::Inconsistent);
    }
    Ok(Line { head: line.head + before.len(), start: want.0, end: want.1 })
}

fn is_zero(pixels: &[Pixel]) -> bool {
    pixels.iter().all(|&pixel| word(pixel) == 0)
}
