//! Parities of all rows: sweeps for the named layouts, otherwise one projection after the other.

use super::Job;
use super::gather::{Source, gather};
use super::sweep::{Sweep, reversed, sum};
use super::vector::{Vector, width};
use super::word::Word;
use crate::{Element, Geometry, MAX_FRAGMENTS};

/// All parities of a block. Lengths have been checked against the geometry.
pub(crate) struct Encode<'a, 'b> {
    pub(crate) geometry: Geometry,
    pub(crate) data: &'a [&'a [u8]],
    pub(crate) parity: &'a mut [&'b mut [u8]],
}

impl Job for Encode<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { geometry, data, parity } = self;
        match (geometry.element(), data, parity) {
            (_, &[a, b], [flat]) => sum_rows::<V, 2>(flat, [a, b]),
            (Element::Wide, &[a, b, c, d], [flat, up]) => {
                let rows = [a, b, c, d];
                match width::<V>() {
                    64 => four_two::<V, 1>(rows, flat, up),
                    32 => four_two::<V, 2>(rows, flat, up),
                    _ => four_two::<V, 4>(rows, flat, up),
                }
            }
            (Element::Wide, &[a, b, c, d, e, f, g, h], [flat, up, down, steep]) => {
                let rows = [a, b, c, d, e, f, g, h];
                match width::<V>() {
                    64 => eight_four::<V, 1, 2>(rows, [flat, up, down, steep]),
                    32 => eight_four::<V, 2, 4>(rows, [flat, up, down, steep]),
                    _ => eight_four::<V, 4, 8>(rows, [flat, up, down, steep]),
                }
            }
            (_, data, parity) => {
                for (index, bins) in parity.iter_mut().enumerate() {
                    project::<V>(geometry, index, data, bins);
                }
            }
        }
    }
}

/// One parity of a block.
pub(crate) struct Project<'a> {
    pub(crate) geometry: Geometry,
    pub(crate) index: usize,
    pub(crate) data: &'a [&'a [u8]],
    pub(crate) bins: &'a mut [u8],
}

impl Job for Project<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        project::<V>(self.geometry, self.index, self.data, self.bins);
    }
}

#[inline(always)]
fn project<V: Vector>(geometry: Geometry, index: usize, data: &[&[u8]], bins: &mut [u8]) {
    if let (Element::Wide, 0..4, &[a, b, c, d]) = (geometry.element(), index, data) {
        return project_wide::<V, 4>(index, [a, b, c, d], bins);
    }
    if let (Element::Wide, 0..4, &[a, b, c, d, e, f, g, h]) = (geometry.element(), index, data) {
        return project_wide::<V, 8>(index, [a, b, c, d, e, f, g, h], bins);
    }
    let mut sources = [Source::default(); MAX_FRAGMENTS];
    for (row, (source, bytes)) in sources.iter_mut().zip(data).enumerate() {
        *source = Source { bytes, lead: geometry.lead(index, row) as isize };
    }
    let (all, sources) = (0..bins.len(), &sources[..data.len()]);
    match geometry.element() {
        Element::Narrow => gather::<V, Word>(bins, all, sources),
        Element::Wide => gather::<V, V>(bins, all, sources),
    }
}

/// One of the first four parities.
#[inline(always)]
fn project_wide<V: Vector, const K: usize>(index: usize, rows: [&[u8]; K], bins: &mut [u8]) {
    let cut = rows.map(|row| V::cut(row).0);
    match (index, width::<V>()) {
        (0, _) => sum_rows::<V, K>(bins, rows),
        (1, 64) => slope::<V, K, 1>(cut, bins),
        (1, 32) => slope::<V, K, 2>(cut, bins),
        (1, _) => slope::<V, K, 4>(cut, bins),
        (2, 64) => slope::<V, K, 1>(reversed(cut), bins),
        (2, 32) => slope::<V, K, 2>(reversed(cut), bins),
        (2, _) => slope::<V, K, 4>(reversed(cut), bins),
        (_, 64) => slope::<V, K, 2>(reversed(cut), bins),
        (_, 32) => slope::<V, K, 4>(reversed(cut), bins),
        (_, _) => slope::<V, K, 8>(reversed(cut), bins),
    }
}

#[inline(always)]
fn slope<V: Vector, const K: usize, const STRIDE: usize>(rows: [&[V::Bytes]; K], bins: &mut [u8]) {
    Sweep::<V, K, STRIDE, 1, false>::new(rows, &mut [], [V::cut_mut(bins).0]).whole();
}

/// The plain XOR of rows, all as long as `out`.
pub(crate) struct Sum<'a, const K: usize> {
    pub(crate) out: &'a mut [u8],
    pub(crate) rows: [&'a [u8]; K],
}

impl<const K: usize> Job for Sum<'_, K> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        sum_rows::<V, K>(self.out, self.rows);
    }
}

#[inline(always)]
#[expect(unsafe_code, reason = "checks of each row at each step took more of the processor than the sum")]
fn sum_rows<V: Vector, const K: usize>(out: &mut [u8], rows: [&[u8]; K]) {
    /// Vectors of output in a turn.
    const BLOCK: usize = 4;
    assert!(rows.iter().all(|row| row.len() == out.len()));
    let (vectors, rest) = V::cut_mut(out);
    let columns = vectors.len();
    let cut = rows.map(|row| V::cut(row).0.as_ptr());
    // SAFETY: every row has as many bytes as the output, hence as many vectors, and both loops stay below that number.
    let column = |at: usize| {
        debug_assert!(at < columns);
        cut.map(|row| V::load(unsafe { &*row.add(at) }))
    };
    let mut at = 0;
    while at + BLOCK <= columns {
        for (next, bytes) in vectors[at..at + BLOCK].iter_mut().enumerate() {
            sum(column(at + next)).store(bytes);
        }
        at += BLOCK;
    }
    for (next, bytes) in vectors[at..].iter_mut().enumerate() {
        sum(column(at + next)).store(bytes);
    }
    for (at, byte) in (columns * width::<V>()..).zip(rest) {
        *byte = rows.iter().fold(0, |sum, row| sum ^ row[at]);
    }
}

/// Slopes 0 and 1 of four rows.
#[inline(always)]
fn four_two<V: Vector, const STRIDE: usize>(rows: [&[u8]; 4], flat: &mut [u8], up: &mut [u8]) {
    let rows = rows.map(|row| V::cut(row).0);
    Sweep::<V, 4, STRIDE, 1, true>::new(rows, V::cut_mut(flat).0, [V::cut_mut(up).0]).whole();
}

/// Slopes 0, 1, −1 and −2 of eight rows, as two sweeps where the processor has registers for two parities' bins.
#[inline(always)]
fn eight_four<V: Vector, const STRIDE: usize, const STEEP: usize>(rows: [&[u8]; 8], parity: [&mut [u8]; 4]) {
    /// Bytes of a row that are taken at once: eight rows of them fill half of the first cache.
    const PIECE: usize = 2048;
    let rows = rows.map(|row| V::cut(row).0);
    let upside_down = reversed(rows);
    let [flat, up, down, steep] = parity.map(|bins| V::cut_mut(bins).0);
    if V::REGISTERS < 32 {
        Sweep::<V, 8, STRIDE, 1, true>::new(rows, flat, [up]).whole();
        let gentle = Sweep::<V, 8, STRIDE, 1, false>::new(upside_down, &mut [], [down]);
        let steep = Sweep::<V, 8, STEEP, 1, false>::new(upside_down, &mut [], [steep]);
        gentle.in_turns_with(&steep, PIECE / width::<V>());
        return;
    }
    let gentle = Sweep::<V, 8, STRIDE, 2, false>::new(rows, &mut [], [up, down]);
    let steep = Sweep::<V, 8, STEEP, 1, true>::new(upside_down, flat, [steep]);
    if rows[0].len() <= PIECE / width::<V>() {
        gentle.whole();
        steep.whole();
    } else {
        gentle.in_turns_with(&steep, PIECE / width::<V>());
    }
}
