//! Several lost rows at once: what the other rows add to a bin and the way back through the lost ones, in one sweep.
//!
//! Rows and bins are bare pointers, because the rows being written are read again a few columns later.

#![expect(clippy::needless_range_loop, reason = "the numbers of rows and parities, not positions in one list")]

use std::marker::PhantomData;

use super::Job;
use super::pattern::{Input, Pattern};
use super::sweep::sum;
use super::vector::{Vector, width};
use crate::Element;

/// Recovers the rows `LOST` (bits), E of K, of wide elements, from the E parities `PARITIES` (bits). Its maker has seen that
/// `rows` are as long as the geometry says and `bins` are the parities of the pattern.
pub(crate) struct Recover<'a, 'b, const LOST: usize, const PARITIES: usize, const K: usize, const E: usize> {
    /// What is left; empty where a row is lost.
    pub(crate) rows: [&'a [u8]; K],
    /// The parities, in the pattern's order.
    pub(crate) bins: [&'a [u8]; E],
    /// The lost rows, ascending.
    pub(crate) lost: &'a mut [(usize, &'b mut [u8])],
}

impl<const LOST: usize, const PARITIES: usize, const K: usize, const E: usize> Job
    for Recover<'_, '_, LOST, PARITIES, K, E>
{
    /// Whether there is such a loop. Kernels with few registers have one for the first parities alone, to be built in less time.
    type Output = bool;

    #[inline(always)]
    fn run<V: Vector>(self) -> bool {
        if V::REGISTERS < 32 && PARITIES != (1 << E) - 1 {
            return false;
        }
        let pattern = const { &Pattern::<K, E>::new(LOST, PARITIES) };
        let turns = Turns::<V, K, E>::new(pattern, self.rows, self.bins, self.lost);
        // As many as there are registers for.
        if K == 4 {
            turns.run::<4>(pattern)
        } else {
            turns.run::<2>(pattern)
        }
        true
    }
}

/// The body for each number below `$count`, which is at most 8. The compiler gives up on loops of this size.
macro_rules! unrolled {
    ($number:ident < $count:expr => $body:block) => {
        unrolled!($number, $count, $body, 0, 1, 2, 3, 4, 5, 6, 7)
    };
    ($number:ident, $count:expr, $body:block, $($value:literal),*) => {
        $(if $value < $count {
            let $number = $value;
            $body
        })*
    };
}

/// Keeps what it was made of borrowed: the lost rows to be written, the rest to be read.
struct Turns<'a, V: Vector, const K: usize, const E: usize> {
    columns: isize,
    rows: [*mut V::Bytes; K],
    bins: [*const V::Bytes; E],
    borrowed: PhantomData<&'a mut [V::Bytes]>,
}

impl<'a, V: Vector, const K: usize, const E: usize> Turns<'a, V, K, E> {
    /// Vectors in an element.
    const PARTS: isize = (Element::Wide.bytes() / width::<V>()) as isize;

    /// Panics where a slice is shorter than the pattern needs.
    #[inline(always)]
    fn new(
        pattern: &Pattern<K, E>,
        rows: [&'a [u8]; K],
        bins: [&'a [u8]; E],
        lost: &'a mut [(usize, &mut [u8])],
    ) -> Self {
        let bytes = lost[0].1.len();
        let columns = (bytes / Element::Wide.bytes()) as isize;
        // Rows that are kept are only read.
        let mut pointers = rows.map(|row| row.as_ptr().cast_mut().cast());
        assert!(lost.len() == E && lost.iter().all(|(_, row)| row.len() == bytes));
        for (at, (_, row)) in lost.iter_mut().enumerate() {
            pointers[pattern.rows[at]] = row.as_mut_ptr().cast();
        }
        assert!((0..K).all(|row| pattern.position(row) < E || rows[row].len() == bytes));
        for at in 0..E {
            let end = (pattern.bin[at] - pattern.ahead[at] + columns) as usize * Element::Wide.bytes();
            assert!(bins[at].len() >= end);
        }
        Self { columns, rows: pointers, bins: bins.map(|bins| bins.as_ptr().cast()), borrowed: PhantomData }
    }

    /// Takes all turns, where possible `BLOCK` at once.
    #[inline(always)]
    fn run<const BLOCK: usize>(self, pattern: &Pattern<K, E>) {
        let [first, begin, end, last] = pattern.turns(self.columns);
        for part in 0..Self::PARTS {
            let mut before = [V::zero(); E];
            for turn in first..begin {
                self.edge(pattern, turn, part, &mut before);
            }
            let mut turn = begin;
            while turn + BLOCK as isize <= end {
                // SAFETY: between `begin` and `end` every element of the pattern exists.
                unsafe { self.block::<BLOCK>(pattern, turn, part, &mut before) };
                turn += BLOCK as isize;
            }
            for turn in turn..last {
                self.edge(pattern, turn, part, &mut before);
            }
        }
    }

    /// One turn where some elements may lie outside their rows. `before` is what the last turn found.
    #[inline(always)]
    fn edge(&self, pattern: &Pattern<K, E>, turn: isize, part: isize, before: &mut [V; E]) {
        let inside = |column: isize| (0..self.columns).contains(&column);
        let mut found = [V::zero(); E];
        unrolled!(at < E => {
            if inside(turn + pattern.ahead[at]) {
                // SAFETY: the element exists, hence its bin does.
                let mut sum = unsafe { self.bin(at, turn + pattern.bin[at], part) };
                unrolled!(input < K - 1 => {
                    let Input { row, offset, other, lag } = pattern.order[at][input];
                    if inside(turn + offset) {
                        sum = sum.xor(match lag {
                            0 => found[other],
                            1 => before[other],
                            // SAFETY: the column exists.
                            _ => unsafe { self.element(row, turn + offset, part) },
                        });
                    }
                });
                // SAFETY: the element exists.
                unsafe { self.put(pattern.rows[at], turn + pattern.ahead[at], part, sum) };
                found[at] = sum;
            }
        });
        *before = found;
    }

    /// `BLOCK` turns where all elements exist. What they find is passed on in registers, and written at the end.
    ///
    /// SAFETY: they do exist.
    #[inline(always)]
    unsafe fn block<const BLOCK: usize>(&self, pattern: &Pattern<K, E>, turn: isize, part: isize, before: &mut [V; E]) {
        let mut found = [[V::zero(); E]; BLOCK];
        unrolled!(ahead < BLOCK => {
            let turn = turn + ahead as isize;
            unrolled!(at < E => {
                // SAFETY: promised by the caller.
                let mut inputs = [unsafe { self.bin(at, turn + pattern.bin[at], part) }; K];
                unrolled!(input < K - 1 => {
                    let Input { row, offset, other, lag } = pattern.order[at][input];
                    inputs[input + 1] = if lag <= ahead as isize {
                        found[ahead - lag as usize][other]
                    } else if lag == ahead as isize + 1 {
                        before[other]
                    } else {
                        // SAFETY: promised by the caller.
                        unsafe { self.element(row, turn + offset, part) }
                    };
                });
                found[ahead][at] = sum(inputs);
            });
        });
        unrolled!(ahead < BLOCK => {
            unrolled!(at < E => {
                let column = turn + ahead as isize + pattern.ahead[at];
                // SAFETY: promised by the caller.
                unsafe { self.put(pattern.rows[at], column, part, found[ahead][at]) };
            });
        });
        *before = found[BLOCK - 1];
    }

    /// SAFETY: the parity has this bin.
    #[inline(always)]
    unsafe fn bin(&self, at: usize, bin: isize, part: isize) -> V {
        // SAFETY: promised by the caller.
        V::load(unsafe { &*self.bins[at].offset(bin * Self::PARTS + part) })
    }

    /// SAFETY: the row has this column.
    #[inline(always)]
    unsafe fn element(&self, row: usize, column: isize, part: isize) -> V {
        // SAFETY: promised by the caller.
        V::load(unsafe { &*self.rows[row].offset(column * Self::PARTS + part) })
    }

    /// SAFETY: the row is lost and has this column.
    #[inline(always)]
    unsafe fn put(&self, row: usize, column: isize, part: isize, found: V) {
        // SAFETY: promised by the caller; lost rows were borrowed to be written.
        found.store(unsafe { &mut *self.rows[row].offset(column * Self::PARTS + part) });
    }
}
