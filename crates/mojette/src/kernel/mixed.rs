//! One lost row and one lost parity of (4, 2), both in one pass.
//!
//! Columns are taken as the parity that is left sees them: there, its bin and the other rows of a column give the lost row, and the whole
//! column adds to the lost parity's bins, which wait in registers as in a sweep.
//!
//! Rows are bare pointers, as in the sweeps.

use std::marker::PhantomData;

use super::decode::{Left, Lost};
use super::rows::Rows;
use super::sweep::{one_column, reversed, sum, two_columns};
use super::vector::{Vector, width};
use super::{Job, Kernel};
use crate::Element;

const K: usize = 4;

impl Kernel {
    /// Recovers one row, and parity 0 or 1 beside it, from the other one of these. Returns whether that is what was lost and this kernel
    /// has loops; otherwise nothing has been written.
    #[inline(always)]
    pub(super) fn recover_mixed(self, left: &Left<'_>, lost: Lost<'_, '_>, parities: Lost<'_, '_>) -> bool {
        let ([(row, _)], [(parity @ (4 | 5), wanted)], Some(kept)) = (&*lost, parities, left.fragments.first_chunk())
        else {
            return false;
        };
        let (row, known) = (*row, K + 1 - *parity);
        if left.parities >> known & 1 == 0 {
            return false;
        }
        let rows = &Rows::<K>::new(kept, left.geometry.row_bytes(), lost);
        let known_bins = left.fragments[K + known];
        macro_rules! run {
            ($row:literal, $known:literal) => {
                self.run(Mixed::<$row, $known> { rows, known: known_bins, wanted }).is_ok()
            };
        }
        match (row, known) {
            (0, 0) => run!(0, 0),
            (1, 0) => run!(1, 0),
            (2, 0) => run!(2, 0),
            (3, 0) => run!(3, 0),
            (0, 1) => run!(0, 1),
            (1, 1) => run!(1, 1),
            (2, 1) => run!(2, 1),
            (3, 1) => run!(3, 1),
            _ => false,
        }
    }
}

/// Row `ROW` is lost, and parity 1 − `KNOWN`; parity `KNOWN` has slope `KNOWN`.
pub(super) struct Mixed<'a, const ROW: usize, const KNOWN: usize> {
    pub(super) rows: &'a Rows<'a, K>,
    pub(super) known: &'a [u8],
    pub(super) wanted: &'a mut [u8],
}

impl<const ROW: usize, const KNOWN: usize> Job for Mixed<'_, ROW, KNOWN> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        assert_eq!(self.rows.lost(), 1 << ROW);
        let edge = (K - 1) * Element::Wide.bytes();
        assert_eq!(self.known.len(), self.rows.bytes() + edge * KNOWN);
        assert_eq!(self.wanted.len(), self.rows.bytes() + edge * (1 - KNOWN));
        let lead = KNOWN * Self::stride::<V>();
        let rows = self.rows.pointers();
        let turns = Turns::<V, ROW, KNOWN> {
            columns: self.rows.bytes() / width::<V>(),
            // From turns to vectors: row l begins at turn l · lead, and the lost parity where the last row does.
            rows: std::array::from_fn(|row| rows[row].cast::<V::Bytes>().wrapping_sub(row * lead)),
            known: self.known.as_ptr().cast(),
            wanted: self.wanted.as_mut_ptr().cast::<V::Bytes>().wrapping_sub((K - 1) * lead),
            borrowed: PhantomData,
        };
        (0..Self::stride::<V>()).for_each(|phase| turns.take_phase(phase));
    }
}

impl<const ROW: usize, const KNOWN: usize> Mixed<'_, ROW, KNOWN> {
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
        while turn + Self::STRIDE < self.columns {
            // SAFETY: both turns are at least `EDGE` and below `columns`, so all rows have them.
            unsafe { self.two(turn, &mut waiting) };
            turn += 2 * Self::STRIDE;
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

    /// This turn and the next one of the phase.
    ///
    /// SAFETY: every row has both, hence so do the parities.
    #[inline(always)]
    unsafe fn two(&self, turn: usize, waiting: &mut [V; K]) {
        let next = turn + Self::STRIDE;
        // SAFETY: promised by the caller, here and below; the lost row and the lost parity were borrowed to be written.
        let (mut first, mut second) = unsafe { (self.column(turn), self.column(next)) };
        (first[ROW], second[ROW]) = (sum(first), sum(second));
        let done = two_columns(waiting, turned::<_, KNOWN>(first), turned::<_, KNOWN>(second));
        unsafe {
            first[ROW].store(&mut *self.rows[ROW].wrapping_add(turn));
            second[ROW].store(&mut *self.rows[ROW].wrapping_add(next));
            done[0].store(&mut *self.wanted.wrapping_add(turn));
            done[1].store(&mut *self.wanted.wrapping_add(next));
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
