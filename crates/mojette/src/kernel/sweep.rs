//! Encoding in one pass over the columns. Bins that wait for more rows stay in registers, and two columns are taken at a time, so that
//! one instruction adds two elements to a bin where the processor has it.
//!
//! A slope of s vectors is s slopes of one vector side by side, the phases, which don't touch each other. Rows and bins are bare pointers
//! here: with slices, their lengths and checks took more of the processor than the transform.

#![expect(clippy::needless_range_loop, reason = "the numbers of rows and parities, not positions in one list")]

use std::marker::PhantomData;

use super::rows::Rows;
use super::vector::{Vector, width};

/// Bins under way, of each parity: entry i takes the rows above i at the columns seen so far, and is complete i + 1 columns later.
pub(crate) type Waiting<V, const K: usize, const CHAINS: usize> = [[V; K]; CHAINS];

/// A sweep over K rows (at least 3).
///
/// `STRIDE` is the slope in vectors. There is a parity for each of `CHAINS`: the first has row l at l · stride, the second at
/// (k − 1 − l) · stride, and upside down it is the other way round. Beside them it may write the one of slope 0.
///
/// It keeps what it was made of borrowed: rows to read, parities to write.
pub(crate) struct Sweep<'a, V: Vector, const K: usize, const STRIDE: usize, const CHAINS: usize> {
    columns: usize,
    rows: [*const V::Bytes; K],
    /// Null where it is not asked for.
    flat: *mut V::Bytes,
    bins: [*mut V::Bytes; CHAINS],
    borrowed: PhantomData<&'a mut [V::Bytes]>,
}

impl<'a, V: Vector, const K: usize, const STRIDE: usize, const CHAINS: usize> Sweep<'a, V, K, STRIDE, CHAINS> {
    /// Panics where a slice is not as long as the sweep needs.
    #[inline(always)]
    pub(crate) fn new(
        rows: &'a Rows<'_, K>,
        is_upside_down: bool,
        flat: Option<&'a mut [V::Bytes]>,
        bins: [&'a mut [V::Bytes]; CHAINS],
    ) -> Self {
        let columns = rows.bytes() / width::<V>();
        assert!(flat.as_ref().is_none_or(|flat| flat.len() == columns));
        assert!(bins.iter().all(|bins| bins.len() == columns + (K - 1) * STRIDE));
        let rows = rows.pointers().map(|row| row.cast_const().cast());
        let flat = flat.map_or(std::ptr::null_mut(), <[_]>::as_mut_ptr);
        // SAFETY: all lengths have been seen, and everything is borrowed as long as the sweep is there.
        unsafe { Self::of(columns, rows, is_upside_down, flat, bins.map(<[_]>::as_mut_ptr)) }
    }

    /// `flat` may be null.
    ///
    /// SAFETY: as long as the sweep is there, rows have so many columns to be read, the flat parity as many to be
    /// written, and the others K − 1 strides more.
    #[inline(always)]
    pub(super) unsafe fn of(
        columns: usize,
        rows: [*const V::Bytes; K],
        is_upside_down: bool,
        flat: *mut V::Bytes,
        bins: [*mut V::Bytes; CHAINS],
    ) -> Self {
        let rows = if is_upside_down { reversed(rows) } else { rows };
        Self { columns, rows, flat, bins, borrowed: PhantomData }
    }

    /// Takes all columns.
    #[inline(always)]
    pub(crate) fn whole(&self) {
        for phase in 0..STRIDE {
            let mut waiting = [[V::zero(); K]; CHAINS];
            self.take_phase(phase, 0, self.columns, &mut waiting);
            self.finish_phase(phase, &waiting);
        }
    }

    /// Takes the columns (vectors) in `start..end`, where `start` is a multiple of the double stride. Panics where there are fewer.
    #[inline(always)]
    pub(crate) fn take(&self, start: usize, end: usize, waiting: &mut [Waiting<V, K, CHAINS>; STRIDE]) {
        for phase in 0..STRIDE {
            self.take_phase(phase, start, end, &mut waiting[phase]);
        }
    }

    /// Writes the bins behind the last column.
    #[inline(always)]
    pub(crate) fn finish(&self, waiting: &[Waiting<V, K, CHAINS>; STRIDE]) {
        for phase in 0..STRIDE {
            self.finish_phase(phase, &waiting[phase]);
        }
    }

    #[inline(always)]
    fn take_phase(&self, phase: usize, start: usize, end: usize, waiting: &mut Waiting<V, K, CHAINS>) {
        if self.flat.is_null() {
            self.take_with::<false>(phase, start, end, waiting);
        } else {
            self.take_with::<true>(phase, start, end, waiting);
        }
    }

    /// Takes the columns of one phase. With `FLAT`, that parity is asked for.
    #[inline(always)]
    fn take_with<const FLAT: bool>(&self, phase: usize, start: usize, end: usize, waiting: &mut Waiting<V, K, CHAINS>) {
        assert!(end <= self.columns);
        // Of its own, or the compiler reads it again after each store.
        let ends = Ends { rows: self.rows, flat: self.flat, bins: self.bins };
        let mut under_way = *waiting;
        let mut column = start + phase;
        // SAFETY: all columns taken are below `end`, hence below `columns`, the length of every row; bins are not
        // shorter.
        unsafe {
            // Bins move from register to register as they wait. In a turn of eight columns most of that is in names
            // alone.
            while column + 7 * STRIDE < end {
                if K == 4 {
                    ends.take_pairs::<STRIDE, FLAT, 2>(column, &mut under_way);
                    ends.take_pairs::<STRIDE, FLAT, 2>(column + 4 * STRIDE, &mut under_way);
                } else {
                    ends.take_pairs::<STRIDE, FLAT, 1>(column, &mut under_way);
                    ends.take_pairs::<STRIDE, FLAT, 1>(column + 2 * STRIDE, &mut under_way);
                    ends.take_pairs::<STRIDE, FLAT, 1>(column + 4 * STRIDE, &mut under_way);
                    ends.take_pairs::<STRIDE, FLAT, 1>(column + 6 * STRIDE, &mut under_way);
                }
                column += 8 * STRIDE;
            }
            while column + STRIDE < end {
                ends.take_pairs::<STRIDE, FLAT, 1>(column, &mut under_way);
                column += 2 * STRIDE;
            }
            if column < end {
                ends.take_one::<FLAT>(column, &mut under_way);
            }
        }
        *waiting = under_way;
    }

    /// Writes the bins of one phase (below `STRIDE`, else it panics) behind the last column.
    #[inline(always)]
    fn finish_phase(&self, phase: usize, waiting: &Waiting<V, K, CHAINS>) {
        assert!(phase < STRIDE);
        let next = phase + self.columns.saturating_sub(phase).div_ceil(STRIDE) * STRIDE;
        for chain in 0..CHAINS {
            for at in 0..K - 1 {
                // SAFETY: `next` is less than `columns` + STRIDE, so this is less than `columns` + (K − 1) · STRIDE, the bins' length.
                unsafe { store(waiting[chain][at], self.bins[chain], next + at * STRIDE) };
            }
        }
    }
}

/// Where a sweep reads and writes.
#[derive(Clone, Copy)]
struct Ends<V: Vector, const K: usize, const CHAINS: usize> {
    rows: [*const V::Bytes; K],
    flat: *mut V::Bytes,
    bins: [*mut V::Bytes; CHAINS],
}

impl<V: Vector, const K: usize, const CHAINS: usize> Ends<V, K, CHAINS> {
    /// Takes pairs of columns (1 or 2), and writes what they complete when all have been read: the first cache reads
    /// faster while nothing is written.
    ///
    /// SAFETY: rows and bins have this column and the next ones of its phase, bins are borrowed to be written, and so
    /// is the flat one with `FLAT`.
    #[inline(always)]
    unsafe fn take_pairs<const STRIDE: usize, const FLAT: bool, const PAIRS: usize>(
        &self,
        column: usize,
        under_way: &mut Waiting<V, K, CHAINS>,
    ) {
        let (mut done, mut flat) = ([[[V::zero(); 2]; CHAINS]; PAIRS], [[V::zero(); 2]; PAIRS]);
        for pair in 0..PAIRS {
            let column = column + 2 * pair * STRIDE;
            // SAFETY: promised by the caller, here and below.
            let (first, second) =
                unsafe { (load_column::<V, K>(self.rows, column), load_column::<V, K>(self.rows, column + STRIDE)) };
            for (chain, waiting) in under_way.iter_mut().enumerate() {
                done[pair][chain] = two_columns(waiting, turned(chain, first), turned(chain, second));
            }
            if FLAT {
                flat[pair] = [sum(first), sum(second)];
            }
        }
        for pair in 0..PAIRS {
            let column = column + 2 * pair * STRIDE;
            for next in 0..2 {
                for chain in 0..CHAINS {
                    unsafe { store(done[pair][chain][next], self.bins[chain], column + next * STRIDE) };
                }
                if FLAT {
                    unsafe { store(flat[pair][next], self.flat, column + next * STRIDE) };
                }
            }
        }
    }

    /// SAFETY: as [`take_pairs`](Self::take_pairs), of this column alone.
    #[inline(always)]
    unsafe fn take_one<const FLAT: bool>(&self, column: usize, under_way: &mut Waiting<V, K, CHAINS>) {
        // SAFETY: promised by the caller, here and below.
        let last = unsafe { load_column::<V, K>(self.rows, column) };
        for (chain, waiting) in under_way.iter_mut().enumerate() {
            let done = one_column(waiting, turned(chain, last));
            unsafe { store(done, self.bins[chain], column) };
        }
        if FLAT {
            unsafe { store(sum(last), self.flat, column) };
        }
    }
}

/// SAFETY: `column` is less than the columns of the rows, which may be read.
#[inline(always)]
unsafe fn load_column<V: Vector, const K: usize>(rows: [*const V::Bytes; K], column: usize) -> [V; K] {
    let mut vectors = [V::zero(); K];
    for row in 0..K {
        // SAFETY: promised by the caller.
        vectors[row] = V::load(unsafe { &*rows[row].add(column) });
    }
    vectors
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
pub(super) fn one_column<V: Vector, const K: usize>(waiting: &mut [V; K], column: [V; K]) -> V {
    let done = waiting[0].xor(column[0]);
    for row in 1..K {
        waiting[row - 1] = waiting[row].xor(column[row]);
    }
    done
}

/// The same for two columns. The last entry of `waiting` stays zero.
#[inline(always)]
pub(super) fn two_columns<V: Vector, const K: usize>(waiting: &mut [V; K], first: [V; K], second: [V; K]) -> [V; 2] {
    let done = [waiting[0].xor(first[0]), waiting[1].xor3(first[1], second[0])];
    for row in 2..K - 1 {
        waiting[row - 2] = waiting[row].xor3(first[row], second[row - 1]);
    }
    waiting[K - 3] = first[K - 1].xor(second[K - 2]);
    waiting[K - 2] = second[K - 1];
    done
}
