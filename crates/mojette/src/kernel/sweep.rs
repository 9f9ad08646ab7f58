//! Encoding in one pass over the columns. Bins that wait for more rows stay in registers, and two columns are taken at a time, so that
//! a step adds two elements to a bin with one instruction where the processor has it.
//!
//! A slope of s elements is s · (element / vector) slopes of one vector side by side, the phases, which don't touch each other.

use super::vector::Vector;

/// Bins under way: entry i takes the rows above i at the columns seen so far, and is complete i + 1 columns later.
type Waiting<V, const K: usize> = [V; K];

/// What a sweep computes of the same rows in one pass.
pub(crate) struct Outputs<'a, V: Vector> {
    /// Slope 0, if wanted.
    pub(crate) flat: Option<&'a mut [V::Bytes]>,
    /// Row l at l · stride.
    pub(crate) up: &'a mut [V::Bytes],
    /// Row l at (k − 1 − l) · stride, if wanted.
    pub(crate) down: Option<&'a mut [V::Bytes]>,
}

/// A sweep under way, so that several can take turns on columns that are still in the first cache.
///
/// `STRIDE` is the slope in vectors, which is also the number of phases. K is at least 3.
pub(crate) struct Sweep<V, const K: usize, const STRIDE: usize> {
    up: [Waiting<V, K>; STRIDE],
    down: [Waiting<V, K>; STRIDE],
}

impl<V: Vector, const K: usize, const STRIDE: usize> Sweep<V, K, STRIDE> {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self { up: [[V::zero(); K]; STRIDE], down: [[V::zero(); K]; STRIDE] }
    }

    /// Takes the columns (vectors) `start..end`; they follow those taken before, and only the last call may end off a multiple of two strides.
    #[inline(always)]
    pub(crate) fn take(&mut self, rows: &[&[V::Bytes]; K], start: usize, end: usize, out: &mut Outputs<'_, V>) {
        let rows: [&[V::Bytes]; K] = std::array::from_fn(|row| &rows[row][..end]);
        let up_bins = &mut out.up[..end];
        let mut flat_bins = out.flat.as_deref_mut().map(|bins| &mut bins[..end]);
        let mut down_bins = out.down.as_deref_mut().map(|bins| &mut bins[..end]);
        for phase in 0..STRIDE {
            let (mut up, mut down) = (self.up[phase], self.down[phase]);
            let mut column = start + phase;
            while column + STRIDE < end {
                let next = column + STRIDE;
                let first: [V; K] = std::array::from_fn(|row| V::load(&rows[row][column]));
                let second: [V; K] = std::array::from_fn(|row| V::load(&rows[row][next]));
                if let Some(bins) = &mut flat_bins {
                    sum(first).store(&mut bins[column]);
                    sum(second).store(&mut bins[next]);
                }
                let done = two_columns(&mut up, first, second);
                done[0].store(&mut up_bins[column]);
                done[1].store(&mut up_bins[next]);
                if let Some(bins) = &mut down_bins {
                    let done = two_columns(&mut down, reversed(first), reversed(second));
                    done[0].store(&mut bins[column]);
                    done[1].store(&mut bins[next]);
                }
                column = next + STRIDE;
            }
            if column < end {
                let last: [V; K] = std::array::from_fn(|row| V::load(&rows[row][column]));
                if let Some(bins) = &mut flat_bins {
                    sum(last).store(&mut bins[column]);
                }
                one_column(&mut up, last).store(&mut up_bins[column]);
                if let Some(bins) = &mut down_bins {
                    one_column(&mut down, reversed(last)).store(&mut bins[column]);
                }
            }
            (self.up[phase], self.down[phase]) = (up, down);
        }
    }

    /// Writes the bins behind the last column, of which there are `columns` in all.
    #[inline(always)]
    pub(crate) fn finish(self, columns: usize, out: &mut Outputs<'_, V>) {
        for phase in 0..STRIDE {
            let next = phase + columns.saturating_sub(phase).div_ceil(STRIDE) * STRIDE;
            for waiting in 0..K - 1 {
                self.up[phase][waiting].store(&mut out.up[next + waiting * STRIDE]);
                if let Some(down) = &mut out.down {
                    self.down[phase][waiting].store(&mut down[next + waiting * STRIDE]);
                }
            }
        }
    }
}

#[inline(always)]
fn reversed<V: Copy, const K: usize>(column: [V; K]) -> [V; K] {
    std::array::from_fn(|row| column[K - 1 - row])
}

/// The XOR of a column.
#[inline(always)]
pub(crate) fn sum<V: Vector, const K: usize>(column: [V; K]) -> V {
    let mut sum = column[0];
    for pair in 0..(K - 1) / 2 {
        sum = sum.xor3(column[2 * pair + 1], column[2 * pair + 2]);
    }
    if K.is_multiple_of(2) { sum.xor(column[K - 1]) } else { sum }
}

/// Adds a column to the waiting bins and returns the one that it completes.
#[inline(always)]
fn one_column<V: Vector, const K: usize>(waiting: &mut Waiting<V, K>, column: [V; K]) -> V {
    let done = waiting[0].xor(column[0]);
    for row in 1..K {
        waiting[row - 1] = waiting[row].xor(column[row]);
    }
    done
}

/// The same for two columns. The last entry of `waiting` stays zero.
#[inline(always)]
fn two_columns<V: Vector, const K: usize>(waiting: &mut Waiting<V, K>, first: [V; K], second: [V; K]) -> [V; 2] {
    let done = [waiting[0].xor(first[0]), waiting[1].xor3(first[1], second[0])];
    for row in 2..K - 1 {
        waiting[row - 2] = waiting[row].xor3(first[row], second[row - 1]);
    }
    waiting[K - 3] = first[K - 1].xor(second[K - 2]);
    waiting[K - 2] = second[K - 1];
    done
}
