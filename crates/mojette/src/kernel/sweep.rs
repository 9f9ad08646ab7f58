//! Encoding in one pass over the columns. Bins that wait for more rows stay in registers, and two columns are taken at a time, so that
//! one instruction adds two elements to a bin where the processor has it.
//!
//! A slope of s vectors is s slopes of one vector side by side, the phases, which don't touch each other. Rows and bins are bare pointers
//! here: with slices, their lengths and checks took more of the processor than the transform.

#![expect(clippy::needless_range_loop, reason = "the numbers of rows and parities, not positions in one list")]

use std::hint::black_box;
use std::marker::PhantomData;

use super::vector::Vector;

/// Bins under way, of each parity: entry i takes the rows above i at the columns seen so far, and is complete i + 1 columns later.
type Waiting<V, const K: usize, const CHAINS: usize> = [[V; K]; CHAINS];

/// A sweep over K rows (at least 3).
///
/// `STRIDE` is the slope in vectors. There is a parity for each of `CHAINS`: the first has row l at l · stride, the second at
/// (k − 1 − l) · stride. `FLAT` adds the one of slope 0.
///
/// It keeps what it was made of borrowed: rows to read, parities to write.
pub(crate) struct Sweep<'a, V: Vector, const K: usize, const STRIDE: usize, const CHAINS: usize, const FLAT: bool> {
    columns: usize,
    rows: [*const V::Bytes; K],
    flat: *mut V::Bytes,
    bins: [*mut V::Bytes; CHAINS],
    borrowed: PhantomData<&'a mut [V::Bytes]>,
}

impl<'a, V: Vector, const K: usize, const STRIDE: usize, const CHAINS: usize, const FLAT: bool>
    Sweep<'a, V, K, STRIDE, CHAINS, FLAT>
{
    /// Panics where a slice is not as long as the sweep needs. Without `FLAT`, `flat` is not used.
    #[inline(always)]
    pub(crate) fn new(rows: [&'a [V::Bytes]; K], flat: &'a mut [V::Bytes], bins: [&'a mut [V::Bytes]; CHAINS]) -> Self {
        let columns = rows[0].len();
        assert!(rows.iter().all(|row| row.len() == columns));
        assert!(!FLAT || flat.len() == columns);
        assert!(bins.iter().all(|bins| bins.len() == columns + (K - 1) * STRIDE));
        Self {
            columns,
            rows: rows.map(<[_]>::as_ptr),
            flat: flat.as_mut_ptr(),
            bins: bins.map(<[_]>::as_mut_ptr),
            borrowed: PhantomData,
        }
    }

    /// Takes all columns.
    #[inline(always)]
    pub(crate) fn whole(&self) {
        for phase in 0..STRIDE {
            let mut waiting = [[V::zero(); K]; CHAINS];
            self.take(phase, 0, self.columns, &mut waiting);
            self.finish(phase, &waiting);
        }
    }

    /// Takes all columns in turns with another sweep over the same rows, `length` columns (a multiple of both double strides) at a time,
    /// so that the second finds them in the first cache.
    #[inline(always)]
    pub(crate) fn in_turns_with<const STEEP: usize, const OTHERS: usize, const ALSO: bool>(
        &self,
        other: &Sweep<'_, V, K, STEEP, OTHERS, ALSO>,
        length: usize,
    ) {
        assert_eq!(self.columns, other.columns);
        let mut mine = [[[V::zero(); K]; CHAINS]; STRIDE];
        let mut theirs = [[[V::zero(); K]; OTHERS]; STEEP];
        for start in (0..self.columns).step_by(length) {
            let end = self.columns.min(start + length);
            // Hidden from the compiler, which would keep part of what waits in registers, where the other sweep needs every one.
            let (mine, theirs) = (black_box(&mut mine), black_box(&mut theirs));
            for phase in 0..STRIDE {
                self.take(phase, start, end, &mut mine[phase]);
            }
            for phase in 0..STEEP {
                other.take(phase, start, end, &mut theirs[phase]);
            }
        }
        for (phase, waiting) in mine.iter().enumerate() {
            self.finish(phase, waiting);
        }
        for (phase, waiting) in theirs.iter().enumerate() {
            other.finish(phase, waiting);
        }
    }

    /// Takes the columns (vectors) of one phase in `start..end`. Panics where there are fewer.
    #[inline(always)]
    fn take(&self, phase: usize, start: usize, end: usize, waiting: &mut Waiting<V, K, CHAINS>) {
        assert!(end <= self.columns);
        let mut under_way = *waiting;
        let mut column = start + phase;
        while column + STRIDE < end {
            let next = column + STRIDE;
            // SAFETY: both are below `columns`, the length of every row.
            let (first, second) = unsafe { (self.column(column), self.column(next)) };
            for (chain, waiting) in under_way.iter_mut().enumerate() {
                let done = two_columns(waiting, turned(chain, first), turned(chain, second));
                // SAFETY: both are below `columns`; bins are not shorter than rows, and borrowed to be written.
                unsafe {
                    store(done[0], self.bins[chain], column);
                    store(done[1], self.bins[chain], next);
                }
            }
            if FLAT {
                // SAFETY: both are below `columns`, the length of `flat`, which is borrowed to be written.
                unsafe {
                    store(sum(first), self.flat, column);
                    store(sum(second), self.flat, next);
                }
            }
            column = next + STRIDE;
        }
        if column < end {
            // SAFETY: `column` is below `end`, hence below `columns`, the length of every row.
            let last = unsafe { self.column(column) };
            for (chain, waiting) in under_way.iter_mut().enumerate() {
                let done = one_column(waiting, turned(chain, last));
                // SAFETY: it is below `columns`; bins are not shorter than rows, and borrowed to be written.
                unsafe { store(done, self.bins[chain], column) };
            }
            if FLAT {
                // SAFETY: it is below `columns`, the length of `flat`, which is borrowed to be written.
                unsafe { store(sum(last), self.flat, column) };
            }
        }
        *waiting = under_way;
    }

    /// Writes the bins of one phase (below `STRIDE`, else it panics) behind the last column.
    #[inline(always)]
    fn finish(&self, phase: usize, waiting: &Waiting<V, K, CHAINS>) {
        assert!(phase < STRIDE);
        let next = phase + self.columns.saturating_sub(phase).div_ceil(STRIDE) * STRIDE;
        for chain in 0..CHAINS {
            for at in 0..K - 1 {
                // SAFETY: `next` is less than `columns` + STRIDE, so this is less than `columns` + (K − 1) · STRIDE, the bins' length.
                unsafe { store(waiting[chain][at], self.bins[chain], next + at * STRIDE) };
            }
        }
    }

    /// SAFETY: `column` is less than `columns`.
    #[inline(always)]
    unsafe fn column(&self, column: usize) -> [V; K] {
        let mut vectors = [V::zero(); K];
        for (vector, row) in vectors.iter_mut().zip(self.rows) {
            // SAFETY: the row has `columns` vectors (`new`), and is borrowed as long as the sweep is there.
            *vector = V::load(unsafe { &*row.add(column) });
        }
        vectors
    }
}

/// SAFETY: `bins` may be written at `at`, and nothing else refers to it.
#[inline(always)]
unsafe fn store<V: Vector>(vector: V, bins: *mut V::Bytes, at: usize) {
    // SAFETY: promised by the caller.
    vector.store(unsafe { &mut *bins.add(at) });
}

/// A column as the chain sees it: the second one upside down.
#[inline(always)]
fn turned<V: Copy, const K: usize>(chain: usize, column: [V; K]) -> [V; K] {
    if chain == 0 { column } else { reversed(column) }
}

/// Rows in the opposite order, as negative slopes see them.
#[inline(always)]
pub(crate) fn reversed<T: Copy, const K: usize>(rows: [T; K]) -> [T; K] {
    let mut reversed = rows;
    for row in 0..K {
        reversed[row] = rows[K - 1 - row];
    }
    reversed
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
fn one_column<V: Vector, const K: usize>(waiting: &mut [V; K], column: [V; K]) -> V {
    let done = waiting[0].xor(column[0]);
    for row in 1..K {
        waiting[row - 1] = waiting[row].xor(column[row]);
    }
    done
}

/// The same for two columns. The last entry of `waiting` stays zero.
#[inline(always)]
fn two_columns<V: Vector, const K: usize>(waiting: &mut [V; K], first: [V; K], second: [V; K]) -> [V; 2] {
    let done = [waiting[0].xor(first[0]), waiting[1].xor3(first[1], second[0])];
    for row in 2..K - 1 {
        waiting[row - 2] = waiting[row].xor3(first[row], second[row - 1]);
    }
    waiting[K - 3] = first[K - 1].xor(second[K - 2]);
    waiting[K - 2] = second[K - 1];
    done
}
