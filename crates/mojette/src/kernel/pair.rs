//! Two lost rows of (4, 2), each element of the others and of the parities loaded once.
//!
//! The turn that finds column c of both rows needs column c of the kept rows for parity 0, and for parity 1 a column up
//! to three turns earlier or later. So kept rows are read where the turn comes to them first and wait in registers, as
//! does the second lost row.
//!
//! Rows are bare pointers, as in the sweeps.

#![expect(clippy::needless_range_loop, reason = "the numbers of rows and vectors, not positions in one list")]

use std::marker::PhantomData;

use super::Job;
use super::vector::{Vector, width};
use crate::Element;

/// Rows, and the most turns that one waits.
const K: usize = 4;
const MOST: usize = K - 1;

/// Rows `FIRST` and `SECOND` are lost. `have` is the two other rows and both parities. Gives whether their lengths fit
/// one another; otherwise nothing has been written.
pub(super) struct Pair<'a, 'b, const FIRST: usize, const SECOND: usize> {
    pub(super) have: &'a [&'a [u8]; K],
    pub(super) lost: &'a mut [&'b mut [u8]; 2],
}

impl<const FIRST: usize, const SECOND: usize> Job for Pair<'_, '_, FIRST, SECOND> {
    type Output = bool;

    #[inline(always)]
    fn run<V: Vector>(self) -> bool {
        let Self { have: [kept, other, flat, slope], lost: [first, second] } = self;
        let bytes = flat.len();
        let is_fine = kept.len() == bytes && other.len() == bytes && first.len() == bytes && second.len() == bytes;
        if !is_fine || slope.len() != bytes + (K - 1) * Element::Wide.bytes() {
            return false;
        }
        let turns = Turns::<V, FIRST, SECOND> {
            columns: bytes / Element::Wide.bytes(),
            kept: [kept.as_ptr().cast(), other.as_ptr().cast()],
            flat: flat.as_ptr().cast(),
            slope: slope.as_ptr().cast(),
            lost: [first.as_mut_ptr().cast(), second.as_mut_ptr().cast()],
            borrowed: PhantomData,
        };
        (0..Turns::<V, FIRST, SECOND>::PARTS).for_each(|part| turns.take_part(part));
        true
    }
}

/// Keeps what it was made of borrowed: the lost rows to be written, the rest to be read.
struct Turns<'a, V: Vector, const FIRST: usize, const SECOND: usize> {
    columns: usize,
    kept: [*const V::Bytes; 2],
    flat: *const V::Bytes,
    slope: *const V::Bytes,
    lost: [*mut V::Bytes; 2],
    borrowed: PhantomData<&'a mut [V::Bytes]>,
}

/// What was found or read, and waits: the oldest first.
#[derive(Clone, Copy)]
struct Waiting<V> {
    kept: [[V; MOST]; 2],
    second: [V; MOST],
}

impl<V: Vector, const FIRST: usize, const SECOND: usize> Turns<'_, V, FIRST, SECOND> {
    /// Vectors in an element.
    const PARTS: usize = Element::Wide.bytes() / width::<V>();
    /// By how many columns the kept rows are read ahead for parity 1, or behind.
    const AHEAD: [isize; 2] = kept(FIRST, SECOND);
    /// The most that one is ahead.
    const MOST_AHEAD: usize = {
        let [left, right] = Self::AHEAD;
        let most = if left > right { left } else { right };
        if most > 0 { most as usize } else { 0 }
    };

    #[inline(always)]
    fn take_part(&self, part: usize) {
        let mut waiting = Waiting { kept: [[V::zero(); MOST]; 2], second: [V::zero(); MOST] };
        for (row, waiting) in waiting.kept.iter_mut().enumerate() {
            for column in 0..Self::AHEAD[row].max(0) as usize {
                waiting[column] = self.kept(row, column, part);
            }
        }
        let mut column = 0;
        // SAFETY: no column that is found or read ahead is outside its row.
        unsafe {
            while column + 4 + Self::MOST_AHEAD <= self.columns {
                // Written when all have been read, as in the sweeps.
                let found = [
                    self.turn::<false>(column, part, &mut waiting),
                    self.turn::<false>(column + 1, part, &mut waiting),
                    self.turn::<false>(column + 2, part, &mut waiting),
                    self.turn::<false>(column + 3, part, &mut waiting),
                ];
                for (ahead, found) in found.into_iter().enumerate() {
                    self.put(column + ahead, part, found);
                }
                column += 4;
            }
            while column < self.columns {
                let found = self.turn::<true>(column, part, &mut waiting);
                self.put(column, part, found);
                column += 1;
            }
        }
    }

    /// A column of both rows.
    ///
    /// SAFETY: they have it, and without `EDGE` kept rows have those that are read ahead.
    #[inline(always)]
    unsafe fn turn<const EDGE: bool>(&self, column: usize, part: usize, waiting: &mut Waiting<V>) -> [V; 2] {
        let at = |column: usize| column * Self::PARTS + part;
        let (mut same, mut shifted) = ([V::zero(); 2], [V::zero(); 2]);
        for row in 0..2 {
            let ahead = Self::AHEAD[row];
            let read = column + ahead.max(0) as usize;
            // SAFETY: kept rows are as long as lost ones, whose column it is, unless it is read ahead, of which the
            // caller promised.
            let fresh =
                if EDGE { self.kept(row, read, part) } else { V::load(unsafe { &*self.kept[row].add(at(read)) }) };
            let oldest = pass(&mut waiting.kept[row], ahead.unsigned_abs(), fresh);
            (same[row], shifted[row]) = if ahead > 0 { (oldest, fresh) } else { (fresh, oldest) };
        }
        // SAFETY: parities are as long as the rows, the second by more than `FIRST` elements longer.
        let (flat, slope) =
            unsafe { (V::load(&*self.flat.add(at(column))), V::load(&*self.slope.add(at(column + FIRST)))) };
        let first = slope.xor3(shifted[0], shifted[1]).xor(waiting.second[0]);
        let second = flat.xor3(same[0], same[1]).xor(first);
        pass(&mut waiting.second, SECOND - FIRST, second);
        [first, second]
    }

    /// Writes a column of both rows.
    ///
    /// SAFETY: they have it.
    #[inline(always)]
    unsafe fn put(&self, column: usize, part: usize, found: [V; 2]) {
        for (lost, found) in self.lost.into_iter().zip(found) {
            // SAFETY: promised by the caller; lost rows were borrowed to be written.
            found.store(unsafe { &mut *lost.add(column * Self::PARTS + part) });
        }
    }

    /// A vector of a kept row, zeros where it has no such column.
    #[inline(always)]
    fn kept(&self, row: usize, column: usize, part: usize) -> V {
        if column < self.columns {
            // SAFETY: the row has it.
            V::load(unsafe { &*self.kept[row].add(column * Self::PARTS + part) })
        } else {
            V::zero()
        }
    }
}

/// Lets one in that waits for so many turns (1 to 3), and the one out that came so many turns ago.
#[inline(always)]
fn pass<V: Vector>(waiting: &mut [V; MOST], turns: usize, next: V) -> V {
    let oldest = waiting[0];
    // No loop: the compiler unrolls it too late to keep the list in registers.
    match turns {
        1 => waiting[0] = next,
        2 => (waiting[0], waiting[1]) = (waiting[1], next),
        _ => *waiting = [waiting[1], waiting[2], next],
    }
    oldest
}

/// From the two other rows to the first lost one.
const fn kept(first: usize, second: usize) -> [isize; 2] {
    let (mut kept, mut count, mut row) = ([0; 2], 0, 0);
    while row < K {
        if row != first && row != second {
            kept[count] = first as isize - row as isize;
            count += 1;
        }
        row += 1;
    }
    kept
}
