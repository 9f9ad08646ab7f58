//! Several lost rows at once. What the kept rows add to a parity is taken out of it first, into the lost rows' own buffers; then the rows
//! are found from there in turns, each element from those that were found before. Both happen in pieces that stay in the first cache.
//!
//! Lost rows are bare pointers here, because what one turn writes is read again a few turns later, at another row's place.

use std::marker::PhantomData;
use std::ops::Range;

use super::Job;
use super::decode::{Left, Lost};
use super::gather::{NOTHING, Source, gather};
use super::steps::{Step, steps};
use super::vector::{Vector, width};
use super::word::Word;
use crate::{Element, MAX_FRAGMENTS};

/// Bytes of each row that are taken at once.
const PIECE: usize = 2048;

/// Rows of a code that the loops for two, three and four lost rows are for: their lists are short.
const FEW: usize = 8;

/// Lost rows for which there is such a loop, at most.
const FEW_LOST: usize = 4;

/// Recovers the lost rows, at least two. Their lengths and those of `left` have been checked against the geometry.
pub(crate) struct RecoverLines<'a, 'b, 'c> {
    pub(crate) left: &'a Left<'a>,
    pub(crate) lost: Lost<'c, 'b>,
}

impl Job for RecoverLines<'_, '_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        match self.left.geometry.element() {
            Element::Narrow => self.by_count::<V, Word, { Element::Narrow.bytes() }>(),
            Element::Wide => self.by_count::<V, V, { Element::Wide.bytes() }>(),
        }
    }
}

/// Calls the loop whose constant is this number.
macro_rules! constant {
    ($number:expr, $lines:ident, $vector:ident: $($known:literal)*) => {
        match $number {
            $($known => $lines.recover::<$vector, $known>(),)*
            _ => $lines.recover::<$vector, 0>(),
        }
    };
}

impl RecoverLines<'_, '_, '_> {
    #[inline(always)]
    fn by_count<V: Vector, P: Vector, const BYTES: usize>(self) {
        let Self { left, lost } = self;
        match lost.len() {
            2 if left.geometry.data() <= FEW => {
                let mut lines = Lines::<P, BYTES, 2, FEW>::new(left, lost);
                constant!(lines.near(), lines, V: 1)
            }
            3 if left.geometry.data() <= FEW => {
                let mut lines = Lines::<P, BYTES, 3, FEW>::new(left, lost);
                constant!(lines.near(), lines, V: 1 2 3 4 5 6 7)
            }
            4 if left.geometry.data() <= FEW => {
                let mut lines = Lines::<P, BYTES, 4, FEW>::new(left, lost);
                constant!(lines.near(), lines, V: 0x04 0x09 0x0d 0x12 0x16 0x1b 0x1f)
            }
            _ => Lines::<P, BYTES, MAX_FRAGMENTS, MAX_FRAGMENTS>::new(left, lost).recover::<V, 0>(),
        }
    }
}

/// The body for each number below `$count`, which is at most 4. The compiler gives up on loops of this size.
macro_rules! unrolled {
    ($number:ident < $count:expr => $body:block) => {
        unrolled!($number, $count, $body, 0, 1, 2, 3)
    };
    ($number:ident, $count:expr, $body:block, $($value:literal),*) => {
        $(if $value < $count {
            let $number = $value;
            $body
        })*
    };
}

/// The lost rows, E of them (at most E, where E is above `FEW_LOST`) of at most K rows, in pieces `P` of an element.
struct Lines<'a, P: Vector, const BYTES: usize, const E: usize, const K: usize> {
    columns: isize,
    count: usize,
    steps: [Step<'a>; E],
    rows: [*mut P::Bytes; E],
    /// Rows that are kept, and their numbers.
    kept: [(usize, &'a [u8]); K],
    kept_count: usize,
    borrowed: PhantomData<&'a mut [P::Bytes]>,
}

impl<'a, P: Vector, const BYTES: usize, const E: usize, const K: usize> Lines<'a, P, BYTES, E, K> {
    /// Panics where a row is shorter than another, or a parity too short for its row.
    #[inline(always)]
    fn new(left: &Left<'a>, lost: &'a mut [(usize, &mut [u8])]) -> Self {
        let Left { geometry, fragments, .. } = *left;
        let bytes = geometry.row_bytes();
        let columns = bytes / BYTES;
        let (count, steps) = (lost.len(), steps::<E>(left, lost));
        assert!(if E > FEW_LOST { count <= E } else { count == E });
        assert!(steps[..count].iter().all(|step| step.bins.len() >= (step.lead + columns) * BYTES));
        let mut rows = [std::ptr::null_mut(); E];
        for (pointer, (_, row)) in rows.iter_mut().zip(lost) {
            assert_eq!(row.len(), bytes);
            *pointer = row.as_mut_ptr().cast();
        }
        let (mut kept, mut kept_count) = ([(0, &[][..]); K], 0);
        for (row, &bytes) in fragments[..geometry.data()].iter().enumerate().filter(|(_, bytes)| !bytes.is_empty()) {
            kept[kept_count] = (row, bytes);
            kept_count += 1;
        }
        let columns = columns as isize;
        Self { columns, count, steps, rows, kept, kept_count, borrowed: PhantomData }
    }

    /// Pieces in an element.
    const PARTS: isize = (BYTES / width::<P>()) as isize;

    /// How many there are: known to the compiler where it is small.
    #[inline(always)]
    fn count(&self) -> usize {
        if E > FEW_LOST { self.count } else { E }
    }

    /// The turn before the one in which row `at` needs what was found of row `other`.
    #[inline(always)]
    fn lag(&self, at: usize, other: usize) -> isize {
        self.steps[other].ahead - self.steps[at].offset(self.steps[other].row)
    }

    /// Which elements are needed in the turn after they are found: see [`is_near`].
    #[inline(always)]
    fn near(&self) -> usize {
        let mut near = 0;
        for at in 0..E - 1 {
            near |= usize::from(self.lag(at, at + 1) == 1) << at;
        }
        for at in 2..E {
            near |= usize::from(self.lag(at, at - 2) == 1) << (E + at - 3);
        }
        near
    }

    /// `NEAR` is what `near` says, or fewer of its bits.
    #[inline(always)]
    fn recover<V: Vector, const NEAR: usize>(&mut self) {
        let steps = &self.steps[..self.count()];
        let [mut first, mut last, mut begin, mut end] = [0, self.columns, 0, self.columns];
        for step in steps {
            first = first.min(-step.ahead);
            last = last.max(self.columns - step.ahead);
            for other in steps {
                begin = begin.max(-step.offset(other.row));
                end = end.min(self.columns - step.offset(other.row));
            }
        }
        let mut before = [[P::zero(); FEW_LOST]; Element::Wide.bytes() / 8];
        let length = (PIECE / BYTES) as isize;
        let mut start = first;
        while start < last {
            let stop = last.min(start + length);
            for at in 0..self.count() {
                self.take_out::<V>(at, start..stop);
            }
            for part in 0..Self::PARTS {
                let before = &mut before[part as usize];
                let middle = begin.clamp(start, stop)..end.clamp(start, stop);
                let middle = if middle.is_empty() { start..start } else { middle };
                // SAFETY: with `EDGE` always; from `begin` to `end` every element exists, whichever row needs it.
                unsafe {
                    self.turns::<NEAR, true>(start..middle.start, part, before);
                    self.turns::<NEAR, false>(middle.clone(), part, before);
                    self.turns::<NEAR, true>(middle.end..stop, part, before);
                }
            }
            start = stop;
        }
    }

    /// Writes to row `at`, where it is found in these turns, its bins without the kept rows.
    #[inline(always)]
    fn take_out<V: Vector>(&mut self, at: usize, turns: Range<isize>) {
        let (step, bytes) = (&self.steps[at], BYTES as isize);
        let mut sources = [Source::default(); K];
        sources[0] = Source { bytes: step.bins, lead: -(step.lead as isize) * bytes };
        for (source, &(row, kept)) in sources[1..].iter_mut().zip(&self.kept[..self.kept_count]) {
            *source = Source { bytes: kept, lead: (row as isize - step.row as isize) * step.slope * bytes };
        }
        let byte = |turn: isize| ((turn + step.ahead).clamp(0, self.columns) * bytes) as usize;
        // SAFETY: the row has so many bytes, is borrowed to be written as long as `self` is there, and nothing else refers to it now.
        let row =
            unsafe { std::slice::from_raw_parts_mut(self.rows[at].cast::<u8>(), (self.columns * bytes) as usize) };
        gather::<V>(row, byte(turns.start)..byte(turns.end), &sources[..=self.kept_count]);
    }

    /// Finds what belongs to these turns, of one piece (below `PARTS`) of each element.
    ///
    /// SAFETY: without `EDGE`, every element that they need exists.
    #[inline(always)]
    unsafe fn turns<const NEAR: usize, const EDGE: bool>(
        &mut self,
        turns: Range<isize>,
        part: isize,
        before: &mut [P; FEW_LOST],
    ) {
        for turn in turns {
            if E > FEW_LOST {
                self.turn_of_many(turn, part);
            } else {
                // SAFETY: promised by the caller.
                unsafe { self.turn::<NEAR, EDGE>(turn, part, before) };
            }
        }
    }

    /// One turn. `before` is what the last turn found.
    ///
    /// SAFETY: without `EDGE`, every element that it needs exists.
    #[inline(always)]
    unsafe fn turn<const NEAR: usize, const EDGE: bool>(
        &mut self,
        turn: isize,
        part: isize,
        before: &mut [P; FEW_LOST],
    ) {
        let mut found = [P::zero(); FEW_LOST];
        unrolled!(at < E => {
            let step = &self.steps[at];
            let column = turn + step.ahead;
            if !EDGE || self.has(column) {
                // SAFETY: promised by the caller, here and for the other rows.
                let mut sum = unsafe { self.element::<EDGE>(at, column, part) };
                unrolled!(other < E => {
                    if other != at && other + 1 != at && !is_near::<E>(NEAR, at, other) {
                        let column = turn + step.offset(self.steps[other].row);
                        sum = sum.xor(unsafe { self.element::<EDGE>(other, column, part) });
                    }
                });
                unrolled!(other < E => {
                    if is_near::<E>(NEAR, at, other) {
                        sum = sum.xor(before[other]);
                    }
                });
                if at > 0 {
                    sum = sum.xor(found[at - 1]);
                }
                // SAFETY: the column exists, as was seen or promised.
                unsafe { self.put(at, column, part, sum) };
                found[at] = sum;
            }
        });
        *before = found;
    }

    /// One turn of any number of rows.
    #[inline(always)]
    fn turn_of_many(&mut self, turn: isize, part: isize) {
        for at in 0..self.count {
            let column = turn + self.steps[at].ahead;
            if !self.has(column) {
                continue;
            }
            // SAFETY: elements that don't exist are not read, here and below.
            let mut sum = unsafe { self.element::<true>(at, column, part) };
            for other in (0..self.count).filter(|other| *other != at) {
                let offset = self.steps[at].offset(self.steps[other].row);
                sum = sum.xor(unsafe { self.element::<true>(other, turn + offset, part) });
            }
            // SAFETY: the column exists, as was just seen.
            unsafe { self.put(at, column, part, sum) };
        }
    }

    #[inline(always)]
    fn has(&self, column: isize) -> bool {
        (0..self.columns).contains(&column)
    }

    /// A piece of lost row `at`; with `EDGE`, zeros where there is no such column.
    ///
    /// SAFETY: `at` is below the count, `part` below `PARTS`, and without `EDGE` the row has this column.
    #[inline(always)]
    unsafe fn element<const EDGE: bool>(&self, at: usize, column: isize, part: isize) -> P {
        debug_assert!(EDGE || self.has(column));
        let piece = self.rows[at].wrapping_offset(column * Self::PARTS + part).cast_const();
        let piece = if EDGE && !self.has(column) { NOTHING.as_ptr().cast() } else { piece };
        // SAFETY: the row has this column, as promised or seen, and is borrowed as long as `self` is there; or these are the zeros.
        P::load(unsafe { &*piece })
    }

    /// Writes a piece of lost row `at`.
    ///
    /// SAFETY: `at` is below the count, `part` below `PARTS`, and the row has this column.
    #[inline(always)]
    unsafe fn put(&mut self, at: usize, column: isize, part: isize, piece: P) {
        debug_assert!(self.has(column));
        // SAFETY: the row has this column, as promised, and is borrowed to be written as long as `self` is there.
        piece.store(unsafe { &mut *self.rows[at].offset(column * Self::PARTS + part) });
    }
}

/// Whether row `at` needs what the turn before found of row `other`, for these bits: first whether each row needs the next one's,
/// then whether each from the third on needs that of the last but one.
const fn is_near<const E: usize>(near: usize, at: usize, other: usize) -> bool {
    if other == at + 1 {
        near >> at & 1 == 1
    } else if other + 2 == at {
        near >> (E + at - 3) & 1 == 1
    } else {
        false
    }
}
