//! Parities of narrow elements in one pass, all or some: what a row adds to several of them at the same distance is loaded once.
//!
//! Where rows begin and end, copies of their edges with zeros beside them stand in for the rows, so that no bin has to ask which rows
//! have an element for it: asking took more than half of the time of a small block. Rows and bins are bare pointers, as in the sweeps.

#![expect(clippy::needless_range_loop, reason = "the numbers of rows and parities, not positions in one list")]

use std::mem::MaybeUninit;

use super::Job;
use super::rows::pointers;
use super::vector::{Vector, width};
use crate::{Element, Geometry};

/// The parities `WANTED` (bits) of K rows of narrow elements. Gives whether all lengths fit one another, and rows are not shorter than
/// a copy of their edge; otherwise nothing has been written.
pub(super) struct EncodeNarrow<'a, 'b, const K: usize, const M: usize, const WANTED: usize> {
    pub(super) rows: &'a [&'a [u8]; K],
    pub(super) bins: &'a mut [&'b mut [u8]; M],
}

/// Bytes of zeros beside a copy: no parity is longer than a row by more.
const ZEROS: usize = 128;

/// Bytes of a row's beginning that are copied: those of the bins in which some rows have not begun.
const FIRST: usize = ZEROS;

/// Bytes of a row's end that are copied: as many, and a vector.
const LAST: usize = ZEROS + 64;

impl<const K: usize, const M: usize, const WANTED: usize> Job for EncodeNarrow<'_, '_, K, M, WANTED> {
    type Output = bool;

    #[inline(always)]
    fn run<V: Vector>(self) -> bool {
        const { assert!(K.is_multiple_of(2) && edge::<K>(M - 1) <= ZEROS && width::<V>() <= 64) };
        let bytes = self.rows[0].len();
        let is_even = self.rows.iter().all(|row| row.len() == bytes);
        let fits =
            |(index, bins): (usize, &&mut [u8])| WANTED >> index & 1 == 0 || bins.len() == bytes + edge::<K>(index);
        if bytes < LAST || !is_even || !self.bins.iter().enumerate().all(fits) {
            return false;
        }
        let bins: [*mut u8; M] = std::array::from_fn(|index| self.bins[index].as_mut_ptr());
        // SAFETY: rows have `bytes` bytes, at least `LAST`, and wanted bins the edge of their slope more. All stay borrowed until the end,
        // bins to be written.
        unsafe { encode::<V, K, M, WANTED>(bytes, pointers(self.rows), bins) };
        true
    }
}

/// Bytes by which a parity of K rows is longer than a row.
const fn edge<const K: usize>(index: usize) -> usize {
    (K - 1) * Geometry::slope(index).unsigned_abs() * Element::Narrow.bytes()
}

/// SAFETY: rows may be read and wanted bins written, rows of so many bytes, at least `LAST`, bins of the edge of their slope more.
#[inline(always)]
unsafe fn encode<V: Vector, const K: usize, const M: usize, const WANTED: usize>(
    bytes: usize,
    rows: [*const u8; K],
    bins: [*mut u8; M],
) {
    let steepest = edge::<K>(M - 1);
    let is_wanted = |index: usize| WANTED >> index & 1 == 1;
    let begin = steepest.next_multiple_of(width::<V>());
    let mut first = [const { MaybeUninit::<[u8; ZEROS + FIRST]>::uninit() }; K];
    let mut last = [const { MaybeUninit::<[u8; LAST + ZEROS]>::uninit() }; K];
    // SAFETY: promised by the caller. What is read of a copy is at most an edge before its row's byte or behind it, and filled.
    unsafe {
        for row in 0..K {
            let (first, last): (*mut u8, *mut u8) = (first[row].as_mut_ptr().cast(), last[row].as_mut_ptr().cast());
            fill::<V>(first, None, ZEROS);
            fill::<V>(first.add(ZEROS), Some(rows[row]), FIRST);
            fill::<V>(last, Some(rows[row].add(bytes - LAST)), LAST);
            fill::<V>(last.add(LAST), None, ZEROS);
        }
        let mut at = begin;
        while at + width::<V>() <= bytes {
            add_up::<V, K, M>(rows, bins, |index| is_wanted(index).then_some(at as isize));
            at += width::<V>();
        }
        // By now the copies have left the store buffer.
        let rows = first.each_ref().map(|copy| copy.as_ptr().cast::<u8>().add(ZEROS));
        for at in (0..begin).step_by(width::<V>()) {
            add_up::<V, K, M>(rows, bins, |index| is_wanted(index).then_some(at as isize));
        }
        // From the rows' end: the last vector before it, and behind it those up to each parity's last byte.
        let rows = last.each_ref().map(|copy| copy.as_ptr().cast::<u8>().add(LAST));
        let bins = bins.map(|bins| bins.wrapping_add(bytes));
        let width = width::<V>() as isize;
        add_up::<V, K, M>(rows, bins, |index| is_wanted(index).then_some(-width));
        for at in (0..steepest as isize).step_by(width as usize) {
            add_up::<V, K, M>(rows, bins, |index| {
                let end = edge::<K>(index) as isize;
                (is_wanted(index) && at < end).then(|| at.min(end - width))
            });
        }
    }
}

/// Copies so many bytes, which are whole vectors, or writes as many zeros where there is nothing to copy.
///
/// SAFETY: they may be read and written.
#[inline(always)]
unsafe fn fill<V: Vector>(to: *mut u8, from: Option<*const u8>, bytes: usize) {
    for at in (0..bytes).step_by(width::<V>()) {
        // SAFETY: promised by the caller.
        unsafe {
            let vector = from.map_or(V::zero(), |from| V::load(&*from.add(at).cast()));
            vector.store(&mut *to.add(at).cast());
        }
    }
}

/// Writes a vector of each parity that has a `place` for it, a byte counted from where `bins` point.
///
/// SAFETY: bins may be written there, and rows read from there and from their edge before.
#[inline(always)]
unsafe fn add_up<V: Vector, const K: usize, const M: usize>(
    rows: [*const u8; K],
    bins: [*mut u8; M],
    place: impl Fn(usize) -> Option<isize>,
) {
    let mut sums = [V::zero(); M];
    for index in 0..M {
        let Some(at) = place(index) else { continue };
        let slope = Geometry::slope(index) * Element::Narrow.bytes() as isize;
        let lowest = if slope < 0 { (K as isize - 1) * slope } else { 0 };
        // SAFETY: promised by the caller, here and below.
        let load = |row: usize| V::load(unsafe { &*rows[row].offset(at + lowest - row as isize * slope).cast() });
        for pair in 0..K / 2 {
            sums[index] = sums[index].xor3(load(2 * pair), load(2 * pair + 1));
        }
    }
    for index in 0..M {
        let Some(at) = place(index) else { continue };
        sums[index].store(unsafe { &mut *bins[index].offset(at).cast() });
    }
}
