//! Several lost rows at once: what the other rows add to a bin and the way back through the lost ones, in one sweep.
//!
//! Rows and bins are bare pointers, because the rows being written are read again a few columns later.

#![expect(clippy::needless_range_loop, reason = "the numbers of rows and parities, not positions in one list")]

use std::marker::PhantomData;
use std::ops::Range;

use super::Job;
use super::pattern::{Input, Pattern};
use super::rows::Rows;
use super::sweep::sum;
use super::vector::{Vector, width};
use crate::Element;

/// Recovers the rows `LOST` (bits), E of K, of wide elements, from the E parities `PARITIES` (bits).
pub(crate) struct Recover<'a, const LOST: usize, const PARITIES: usize, const K: usize, const E: usize> {
    pub(crate) given: &'a Given<'a, K>,
    /// Columns up to which each lost row is to be found now, and up to which it was before.
    pub(crate) columns: &'a Range<usize>,
}

/// All rows, and the parities from which the lost ones are found, by ascending number.
pub(crate) struct Given<'a, const K: usize> {
    pub(crate) rows: Rows<'a, K>,
    pub(crate) bins: &'a [&'a [u8]],
}

impl<const LOST: usize, const PARITIES: usize, const K: usize, const E: usize> Job
    for Recover<'_, LOST, PARITIES, K, E>
{
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        if V::REGISTERS < 32 && PARITIES != (1 << E) - 1 {
            // Never asked for (see `Way::of`), and left out to be built in less time.
            return;
        }
        let Self { given: Given { rows, bins }, columns } = self;
        assert_eq!(rows.lost(), LOST);
        let pattern = const { &Pattern::<K, E>::new(LOST, PARITIES) };
        let bins = pattern.parities.map(|parity| bins[(PARITIES & ((1 << parity) - 1)).count_ones() as usize]);
        Turns::<V, K, E>::new(pattern, rows, bins).run::<2>(pattern, columns);
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
    borrowed: PhantomData<&'a [V::Bytes]>,
}

impl<'a, V: Vector, const K: usize, const E: usize> Turns<'a, V, K, E> {
    /// Vectors in an element.
    const PARTS: isize = (Element::Wide.bytes() / width::<V>()) as isize;

    /// Panics where a parity is shorter than the pattern needs.
    #[inline(always)]
    fn new(pattern: &Pattern<K, E>, rows: &'a Rows<'_, K>, bins: [&'a [u8]; E]) -> Self {
        let columns = (rows.bytes() / Element::Wide.bytes()) as isize;
        for at in 0..E {
            let end = (pattern.bin[at] - pattern.ahead[at] + columns) as usize * Element::Wide.bytes();
            assert!(bins[at].len() >= end);
        }
        let rows = rows.pointers().map(|row| row.cast());
        Self { columns, rows, bins: bins.map(|bins| bins.as_ptr().cast()), borrowed: PhantomData }
    }

    /// Takes the turns that find these columns, where possible `BLOCK` at once.
    #[inline(always)]
    fn run<const BLOCK: usize>(self, pattern: &Pattern<K, E>, found: &Range<usize>) {
        let start = if found.start == 0 { -pattern.front } else { found.start as isize + pattern.behind };
        let stop = found.end.min(self.columns as usize) as isize + pattern.behind;
        // Between these every element exists.
        let begin = (-pattern.offsets[0]).clamp(start, stop);
        let end = (self.columns - pattern.offsets[1]).clamp(begin, stop);
        for part in 0..Self::PARTS {
            let mut before = self.before(pattern, start, part);
            let mut turn = start;
            // In two rounds, so that there is one copy of each loop.
            for edge in [begin, stop] {
                while turn < edge {
                    self.edge(pattern, turn, part, &mut before);
                    turn += 1;
                }
                while turn + BLOCK as isize <= end {
                    // SAFETY: between `begin` and `end` every element of the pattern exists.
                    unsafe { self.block::<BLOCK>(pattern, turn, part, &mut before) };
                    turn += BLOCK as isize;
                }
            }
        }
    }

    /// What the turn before this one found.
    #[inline(always)]
    fn before(&self, pattern: &Pattern<K, E>, turn: isize, part: isize) -> [V; E] {
        let mut before = [V::zero(); E];
        for at in 0..E {
            let column = turn - 1 + pattern.ahead[at];
            if (0..self.columns).contains(&column) {
                // SAFETY: the column exists.
                before[at] = unsafe { self.element(pattern.rows[at], column, part) };
            }
        }
        before
    }

    /// One turn where some elements may lie outside their rows. `before` is what the last turn found.
    #[inline(always)]
    fn edge(&self, pattern: &Pattern<K, E>, turn: isize, part: isize, before: &mut [V; E]) {
        let mut found = [V::zero(); E];
        unrolled!(at < E => {
            let column = turn + pattern.ahead[at];
            if (0..self.columns).contains(&column) {
                // SAFETY: the element exists.
                unsafe {
                    let sum = self.element_from(pattern, at, turn, part, [&found, &*before]);
                    self.put(pattern.rows[at], column, part, sum);
                    found[at] = sum;
                }
            }
        });
        *before = found;
    }

    /// One element from its bin. `known` is what this turn and the one before have found, zero where that is nothing.
    ///
    /// SAFETY: the element exists.
    #[inline(always)]
    unsafe fn element_from(
        &self,
        pattern: &Pattern<K, E>,
        at: usize,
        turn: isize,
        part: isize,
        known: [&[V; E]; 2],
    ) -> V {
        let column = turn + pattern.ahead[at];
        let [low, high] = pattern.reach[at];
        // SAFETY: the element exists, hence its bin does; on a side where the farthest element exists, all do.
        let mut sum = unsafe {
            let sum = self.bin(at, turn + pattern.bin[at], part);
            let sum = if column + low >= 0 {
                self.side::<false, false>(pattern, at, turn, part, sum)
            } else {
                self.side::<false, true>(pattern, at, turn, part, sum)
            };
            if column + high < self.columns {
                self.side::<true, false>(pattern, at, turn, part, sum)
            } else {
                self.side::<true, true>(pattern, at, turn, part, sum)
            }
        };
        unrolled!(input < K - 1 => {
            let Input { other, lag, .. } = pattern.order[at][input];
            if lag == 0 || lag == 1 {
                sum = sum.xor(known[lag as usize][other]);
            }
        });
        sum
    }

    /// Adds the elements of a bin that lie behind the one wanted, or else those before it and beside it.
    ///
    /// SAFETY: without `EDGE`, all of them exist.
    #[inline(always)]
    unsafe fn side<const BEHIND: bool, const EDGE: bool>(
        &self,
        pattern: &Pattern<K, E>,
        at: usize,
        turn: isize,
        part: isize,
        mut sum: V,
    ) -> V {
        unrolled!(input < K - 1 => {
            let Input { row, offset, lag, .. } = pattern.order[at][input];
            if lag != 0 && lag != 1 && (offset > pattern.ahead[at]) == BEHIND {
                // Compared with constants, which takes one instruction.
                let is_inside = if BEHIND { turn - self.columns < -offset } else { turn >= -offset };
                if !EDGE || is_inside {
                    // SAFETY: the row has this column, as was promised or seen.
                    sum = sum.xor(unsafe { self.element(row, turn + offset, part) });
                }
            }
        });
        sum
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
