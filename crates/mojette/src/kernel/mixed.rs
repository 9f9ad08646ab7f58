//! One lost row and one lost parity of (4, 2), both in one pass.
//!
//! Columns are taken as the parity that is left sees them: there, its bin and the other rows of a column give the lost row, and the whole
//! column adds to the lost parity's bins, which wait in registers as in a sweep.
//!
//! Rows are bare pointers, as in the sweeps.

use std::marker::PhantomData;

use super::Job;
use super::sweep::{one_column, reversed, sum, two_columns};
use super::vector::{Vector, width};
use crate::Element;

const K: usize = 4;

/// Row `ROW` is lost, and parity 1 − `KNOWN`; parity `KNOWN` has slope `KNOWN`. `have` is the other rows and that
/// parity. Gives whether their lengths fit one another; otherwise nothing has been written.
pub(super) struct Mixed<'a, 'b, const ROW: usize, const KNOWN: usize> {
    pub(super) have: &'a [&'a [u8]; K],
    pub(super) lost: &'a mut [&'b mut [u8]; 2],
}

impl<const ROW: usize, const KNOWN: usize> Job for Mixed<'_, '_, ROW, KNOWN> {
    type Output = bool;

    #[inline(always)]
    fn run<V: Vector>(self) -> bool {
        let Self { have: [kept @ .., known], lost: [found, wanted] } = self;
        let (bytes, edge) = (found.len(), (K - 1) * Element::Wide.bytes());
        let is_fine = kept.iter().all(|row| row.len() == bytes);
        if !is_fine || known.len() != bytes + edge * KNOWN || wanted.len() != bytes + edge * (1 - KNOWN) {
            return false;
        }
        let lead = KNOWN * Self::stride::<V>();
        let mut rows = [found.as_mut_ptr(); K];
        for (at, kept) in kept.iter().enumerate() {
            // Only to be read.
            rows[at + usize::from(at >= ROW)] = kept.as_ptr().cast_mut();
        }
        let turns = Turns::<V, ROW, KNOWN> {
            columns: bytes / width::<V>(),
            // From turns to vectors: row l begins at turn l · lead, and the lost parity where the last row does.
            rows: std::array::from_fn(|row| rows[row].cast::<V::Bytes>().wrapping_sub(row * lead)),
            known: known.as_ptr().cast(),
            wanted: wanted.as_mut_ptr().cast::<V::Bytes>().wrapping_sub((K - 1) * lead),
            borrowed: PhantomData,
        };
        (0..Self::stride::<V>()).for_each(|phase| turns.take_phase(phase));
        true
    }
}

impl<const ROW: usize, const KNOWN: usize> Mixed<'_, '_, ROW, KNOWN> {
    /// Vectors in an element.
    #[inline(always)]
    const fn stride<V: Vector>() -> usize {
        Element::Wide.bytes() / width::<V>()
    }
}

/// Keeps what it was made of borrowed: the lost row and the lost parity to be written, the rest to be read. All count vectors.
struct Turns<'a, V: Vector, const ROW: usize, const KNOWN: usize> {
    columns: usize,
    rows: [*mut V::Bytes; K],
    known: *const V::Bytes,
    wanted: *mut V::Bytes,
    borrowed: PhantomData<&'a mut [V::Bytes]>,
}

impl<V: Vector, const ROW: usize, const KNOWN: usize> Turns<'_, V, ROW, KNOWN> {
    const STRIDE: usize = Element::Wide.bytes() / width::<V>();
    /// Turns by which a row begins behind the one before.
    const LEAD: usize = KNOWN * Self::STRIDE;
    /// Turns between the first row's first element and the last row's, and between their last ones.
    const EDGE: usize = (K - 1) * Self::LEAD;

    #[inline(always)]
    fn take_phase(&self, phase: usize) {
        let mut waiting = [V::zero(); K];
        let mut turn = phase;
        while turn < Self::EDGE {
            self.edge(turn, &mut waiting);
            turn += Self::STRIDE;
        }
        // SAFETY: all turns are at least `EDGE` and below `columns`, so all rows have them.
        unsafe {
            // Eight at once, and each four written when all have been read, as in the sweeps.
            while turn + 7 * Self::STRIDE < self.columns {
                for turn in [turn, turn + 4 * Self::STRIDE] {
                    let first = self.two(turn, &mut waiting);
                    let second = self.two(turn + 2 * Self::STRIDE, &mut waiting);
                    self.put(turn, first);
                    self.put(turn + 2 * Self::STRIDE, second);
                }
                turn += 8 * Self::STRIDE;
            }
            while turn + Self::STRIDE < self.columns {
                let found = self.two(turn, &mut waiting);
                self.put(turn, found);
                turn += 2 * Self::STRIDE;
            }
        }
        // Behind the last column of the parity that is left, bins are what waited for it, where no row is steeper.
        let last = if KNOWN == 0 { self.columns } else { self.columns + Self::EDGE };
        while turn < last {
            self.edge(turn, &mut waiting);
            turn += Self::STRIDE;
        }
        if KNOWN == 0 {
            for (at, bins) in waiting[..K - 1].iter().enumerate() {
                // SAFETY: less than a stride behind `columns`, so the lost parity has these k − 1.
                bins.store(unsafe { &mut *self.wanted.wrapping_add(turn + at * Self::STRIDE) });
            }
        }
    }

    /// What this turn and the next one of the phase find: the row's vectors, and the parity's.
    ///
    /// SAFETY: every row has both turns, hence so do the parities.
    #[inline(always)]
    unsafe fn two(&self, turn: usize, waiting: &mut [V; K]) -> [[V; 2]; 2] {
        // SAFETY: promised by the caller.
        let (mut first, mut second) = unsafe { (self.column(turn), self.column(turn + Self::STRIDE)) };
        (first[ROW], second[ROW]) = (sum(first), sum(second));
        let done = two_columns(waiting, turned::<_, KNOWN>(first), turned::<_, KNOWN>(second));
        [[first[ROW], second[ROW]], done]
    }

    /// Writes it.
    ///
    /// SAFETY: as [`two`](Self::two).
    #[inline(always)]
    unsafe fn put(&self, turn: usize, [row, parity]: [[V; 2]; 2]) {
        for (at, turn) in [turn, turn + Self::STRIDE].into_iter().enumerate() {
            // SAFETY: promised by the caller; both were borrowed to be written.
            unsafe {
                row[at].store(&mut *self.rows[ROW].wrapping_add(turn));
                parity[at].store(&mut *self.wanted.wrapping_add(turn));
            }
        }
    }

    /// The kept rows' vectors of a turn, and the known parity's in the lost row's place.
    ///
    /// SAFETY: every row has it.
    #[inline(always)]
    unsafe fn column(&self, turn: usize) -> [V; K] {
        std::array::from_fn(|row| {
            let from = if row == ROW { self.known } else { self.rows[row].cast_const() };
            // SAFETY: promised by the caller.
            V::load(unsafe { &*from.wrapping_add(turn) })
        })
    }

    /// A turn that some rows don't have.
    #[inline(always)]
    fn edge(&self, turn: usize, waiting: &mut [V; K]) {
        let has = |row: usize| (row * Self::LEAD..self.columns + row * Self::LEAD).contains(&turn);
        let mut column = [V::zero(); K];
        for (row, vector) in column.iter_mut().enumerate().filter(|(row, _)| has(*row)) {
            let from = if row == ROW { self.known } else { self.rows[row].cast_const() };
            // SAFETY: the row has it; where the lost row has it, the known parity does.
            *vector = V::load(unsafe { &*from.wrapping_add(turn) });
        }
        if has(ROW) {
            column[ROW] = sum(column);
            // SAFETY: the lost row has it, and was borrowed to be written.
            column[ROW].store(unsafe { &mut *self.rows[ROW].wrapping_add(turn) });
        }
        let done = one_column(waiting, turned::<_, KNOWN>(column));
        if turn >= Self::EDGE {
            // SAFETY: turns end (k − 1) elements behind `columns`, and so does the lost parity.
            done.store(unsafe { &mut *self.wanted.wrapping_add(turn) });
        }
    }
}

/// A column as the lost parity sees it: with parity 1 known, the last row is the one that completes a bin.
#[inline(always)]
fn turned<V: Copy, const KNOWN: usize>(column: [V; K]) -> [V; K] {
    if KNOWN == 0 { column } else { reversed(column) }
}
