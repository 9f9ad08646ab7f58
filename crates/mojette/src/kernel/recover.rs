//! Several lost rows at once: what the other rows add to a bin and the way back through the lost ones, in one sweep.
//!
//! Rows and bins are bare pointers, because the rows being written are read again a few columns later.

#![expect(clippy::needless_range_loop, reason = "the numbers of rows and parities, not positions in one list")]

use super::Job;
use super::pattern::Pattern;
use super::sweep::sum;
use super::vector::{Vector, width};
use crate::Element;

/// Recovers E lost rows of K, of wide elements. Its maker has seen that `rows` are as long as the geometry says and `bins` are the
/// parities of the pattern.
pub(crate) struct Recover<'a, 'b, P, const K: usize, const E: usize> {
    pub(crate) pattern: P,
    /// What is left; empty where a row is lost.
    pub(crate) rows: [&'a [u8]; K],
    /// The parities, in the pattern's order.
    pub(crate) bins: [&'a [u8]; E],
    /// The lost rows, ascending.
    pub(crate) lost: &'a mut [(usize, &'b mut [u8])],
}

/// A pattern known to the compiler: lost rows as bits, all of the first E parities available.
pub(crate) struct Fixed<const LOST: usize>;

/// A pattern known at run time.
pub(crate) struct Varying<const K: usize, const E: usize>(pub(crate) Pattern<K, E>);

impl<const LOST: usize, const K: usize, const E: usize> Job for Recover<'_, '_, Fixed<LOST>, K, E> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let pattern = const { Pattern::<K, E>::new(LOST, (1 << E) - 1) };
        Turns::<V, K, E>::new(&pattern, self.rows, self.bins, self.lost).run::<true>(&pattern);
    }
}

impl<const K: usize, const E: usize> Job for Recover<'_, '_, Varying<K, E>, K, E> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let Varying(pattern) = self.pattern;
        Turns::<V, K, E>::new(&pattern, self.rows, self.bins, self.lost).run::<false>(&pattern);
    }
}

/// Turns that are taken at once.
const BLOCK: usize = 2;

struct Turns<V: Vector, const K: usize, const E: usize> {
    columns: isize,
    rows: [*mut V::Bytes; K],
    bins: [*const V::Bytes; E],
}

impl<V: Vector, const K: usize, const E: usize> Turns<V, K, E> {
    /// Vectors in an element.
    const PARTS: isize = (Element::Wide.bytes() / width::<V>()) as isize;

    /// Panics where a slice is shorter than the pattern needs.
    #[inline(always)]
    fn new(pattern: &Pattern<K, E>, rows: [&[u8]; K], bins: [&[u8]; E], lost: &mut [(usize, &mut [u8])]) -> Self {
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
        Self { columns, rows: pointers, bins: bins.map(|bins| bins.as_ptr().cast()) }
    }

    /// Takes all turns. `FIXED` is for a pattern that the compiler knows.
    #[inline(always)]
    fn run<const FIXED: bool>(self, pattern: &Pattern<K, E>) {
        let [first, begin, end, last] = pattern.turns(self.columns);
        for part in 0..Self::PARTS {
            for turn in first..begin {
                self.edge(pattern, turn, part);
            }
            let mut turn = begin;
            if FIXED {
                while turn + BLOCK as isize <= end {
                    // SAFETY: between `begin` and `end` every element of the pattern exists.
                    unsafe { self.block(pattern, turn, part) };
                    turn += BLOCK as isize;
                }
            }
            while turn < end {
                // SAFETY: as above.
                unsafe { self.turn(pattern, turn, part) };
                turn += 1;
            }
            for turn in end..last {
                self.edge(pattern, turn, part);
            }
        }
    }

    /// One turn where some elements lie outside their rows.
    #[inline(always)]
    fn edge(&self, pattern: &Pattern<K, E>, turn: isize, part: isize) {
        let inside = 0..self.columns;
        for at in 0..E {
            if !inside.contains(&(turn + pattern.ahead[at])) {
                continue;
            }
            // SAFETY: the element exists, hence its bin does; so do the other elements of the bin that are inside.
            unsafe {
                let mut found = self.bin(at, turn + pattern.bin[at], part);
                for row in 0..K {
                    let column = turn + pattern.offset[at][row];
                    if row != pattern.rows[at] && inside.contains(&column) {
                        found = found.xor(self.element(row, column, part));
                    }
                }
                self.put(pattern.rows[at], turn + pattern.ahead[at], part, found);
            }
        }
    }

    /// One turn where all elements exist.
    ///
    /// SAFETY: they do.
    #[inline(always)]
    unsafe fn turn(&self, pattern: &Pattern<K, E>, turn: isize, part: isize) {
        for at in 0..E {
            // SAFETY: promised by the caller.
            unsafe {
                let mut inputs = [self.bin(at, turn + pattern.bin[at], part); K];
                for input in 1..K {
                    let row = pattern.order[at][input - 1];
                    inputs[input] = self.element(row, turn + pattern.offset[at][row], part);
                }
                self.put(pattern.rows[at], turn + pattern.ahead[at], part, sum(inputs));
            }
        }
    }

    /// `BLOCK` turns where all elements exist. What is found stays in registers until the end, where the next turns find it.
    ///
    /// SAFETY: they do.
    #[inline(always)]
    unsafe fn block(&self, pattern: &Pattern<K, E>, turn: isize, part: isize) {
        let mut found = [[V::zero(); E]; BLOCK];
        for ahead in 0..BLOCK {
            let turn = turn + ahead as isize;
            for at in 0..E {
                // SAFETY: promised by the caller.
                let mut inputs = [unsafe { self.bin(at, turn + pattern.bin[at], part) }; K];
                for input in 1..K {
                    let row = pattern.order[at][input - 1];
                    let other = pattern.position(row);
                    inputs[input] = if other < E && pattern.lag(at, other) <= ahead as isize {
                        found[ahead - pattern.lag(at, other) as usize][other]
                    } else {
                        // SAFETY: promised by the caller.
                        unsafe { self.element(row, turn + pattern.offset[at][row], part) }
                    };
                }
                found[ahead][at] = sum(inputs);
            }
        }
        for (ahead, found) in found.into_iter().enumerate() {
            for (at, found) in found.into_iter().enumerate() {
                // SAFETY: promised by the caller.
                unsafe { self.put(pattern.rows[at], turn + ahead as isize + pattern.ahead[at], part, found) };
            }
        }
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
