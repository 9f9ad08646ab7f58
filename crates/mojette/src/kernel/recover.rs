//! Several lost rows at once: what the other rows add to a bin and the way back through the lost ones, in one sweep.
//!
//! Rows and bins are bare pointers, because the rows being written are read again a few columns later.

#![expect(clippy::needless_range_loop, reason = "the numbers of rows and parities, not positions in one list")]

use std::hint::select_unpredictable;
use std::marker::PhantomData;
use std::ops::Range;

use super::Job;
use super::gather::NOTHING;
use super::pattern::{Input, Pattern};
use super::rows::Rows;
use super::sweep::sum;
use super::vector::{Vector, width};
use crate::Element;

/// Recovers the rows `LOST` (bits), E of K, of wide elements, from the E parities `PARITIES` (bits). Its maker has seen that `bins` are
/// the parities of the pattern.
pub(crate) struct Recover<'a, const LOST: usize, const PARITIES: usize, const K: usize, const E: usize> {
    /// All rows.
    pub(crate) rows: &'a Rows<'a, K>,
    /// The parities, in the pattern's order.
    pub(crate) bins: [&'a [u8]; E],
    /// Columns up to which each lost row is to be found now, and up to which it was before.
    pub(crate) columns: Range<usize>,
}

impl<const LOST: usize, const PARITIES: usize, const K: usize, const E: usize> Job
    for Recover<'_, LOST, PARITIES, K, E>
{
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        if V::REGISTERS < 32 && PARITIES != (1 << E) - 1 {
            // Never asked for (see `Kernel::finder`), and left out to be built in less time.
            return;
        }
        assert_eq!(self.rows.lost(), LOST);
        let pattern = const { &Pattern::<K, E>::new(LOST, PARITIES) };
        let turns = Turns::<V, K, E>::new(pattern, self.rows, self.bins);
        // As many as there are registers for.
        if K == 4 { turns.run::<4>(pattern, self.columns) } else { turns.run::<2>(pattern, self.columns) }
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
    fn run<const BLOCK: usize>(self, pattern: &Pattern<K, E>, found: Range<usize>) {
        let [first, begin, end, _] = pattern.turns(self.columns);
        let behind = pattern.behind();
        let start = if found.start == 0 { first } else { found.start as isize + behind };
        let stop = found.end.min(self.columns as usize) as isize + behind;
        let (begin, end) = (begin.clamp(start, stop), end.clamp(start, stop));
        for part in 0..Self::PARTS {
            let mut before = self.before(pattern, start, part);
            let mut turn = start;
            while turn < stop {
                if turn >= begin && turn + BLOCK as isize <= end {
                    // SAFETY: between `begin` and `end` every element of the pattern exists.
                    unsafe { self.block::<BLOCK>(pattern, turn, part, &mut before) };
                    turn += BLOCK as isize;
                } else {
                    self.edge(pattern, turn, part, &mut before);
                    turn += 1;
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
                let [low, high] = pattern.reach[at];
                let known = [&found, &*before];
                // SAFETY: the element exists, hence its bin does, and in the first case all that are in that bin do.
                let sum = unsafe {
                    if column + low >= 0 && column + high < self.columns {
                        self.element_from::<false>(pattern, at, turn, part, known)
                    } else {
                        self.element_from::<true>(pattern, at, turn, part, known)
                    }
                };
                // SAFETY: the element exists.
                unsafe { self.put(pattern.rows[at], column, part, sum) };
                found[at] = sum;
            }
        });
        *before = found;
    }

    /// One element from its bin. `known` is what this turn and the one before have found, zero where that is nothing.
    ///
    /// SAFETY: the element exists, and without `EDGE` all others that are in its bin.
    #[inline(always)]
    unsafe fn element_from<const EDGE: bool>(
        &self,
        pattern: &Pattern<K, E>,
        at: usize,
        turn: isize,
        part: isize,
        known: [&[V; E]; 2],
    ) -> V {
        // SAFETY: the element exists, hence its bin does.
        let mut sum = unsafe { self.bin(at, turn + pattern.bin[at], part) };
        unrolled!(input < K - 1 => {
            let Input { row, offset, other, lag } = pattern.order[at][input];
            let distance = offset - pattern.ahead[at];
            sum = sum.xor(if lag == 0 || lag == 1 {
                known[lag as usize][other]
            } else {
                let place = self.rows[row].wrapping_offset((turn + offset) * Self::PARTS + part).cast_const();
                let column = turn + offset;
                let is_inside = if distance < 0 { column >= 0 } else { column < self.columns };
                if !EDGE || distance == 0 {
                    // SAFETY: the row has this column, as was promised.
                    V::load(unsafe { &*place })
                } else if E == 3 {
                    // Of so many branches too many are mispredicted; of four rows' even more, but there a choice takes as long.
                    let place = select_unpredictable(is_inside, place, NOTHING.as_ptr().cast());
                    // SAFETY: the row has this column, or these are the zeros.
                    V::load(unsafe { &*place })
                } else if is_inside {
                    // SAFETY: the row has this column.
                    V::load(unsafe { &*place })
                } else {
                    V::zero()
                }
            });
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
