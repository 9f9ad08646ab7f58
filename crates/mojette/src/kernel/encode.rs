//! Parities of all rows: sweeps for the named layouts, otherwise one projection after the other.

use std::hint::black_box;

use super::Job;
use super::gather::{Source, gather};
use super::sweep::{Outputs, Sweep, sum};
use super::vector::{Vector, width};
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
    let mut sources = [Source::default(); MAX_FRAGMENTS];
    for (row, (source, bytes)) in sources.iter_mut().zip(data).enumerate() {
        *source = Source { bytes, lead: geometry.lead(index, row) as isize };
    }
    gather::<V>(bins, &sources[..data.len()]);
}

/// The plain XOR of rows, all as long as `out`.
#[inline(always)]
pub(super) fn sum_rows<V: Vector, const K: usize>(out: &mut [u8], rows: [&[u8]; K]) {
    let (vectors, rest) = V::cut_mut(out);
    let cut: [&[V::Bytes]; K] = rows.map(|row| &V::cut(row).0[..vectors.len()]);
    for (at, bytes) in vectors.iter_mut().enumerate() {
        let column: [V; K] = std::array::from_fn(|row| V::load(&cut[row][at]));
        sum(column).store(bytes);
    }
    for (at, byte) in (size_of_val(vectors)..).zip(rest) {
        *byte = rows.iter().fold(0, |sum, row| sum ^ row[at]);
    }
}

/// Slopes 0 and 1 of four rows.
#[inline(always)]
fn four_two<V: Vector, const STRIDE: usize>(rows: [&[u8]; 4], flat: &mut [u8], up: &mut [u8]) {
    let rows = rows.map(|row| V::cut(row).0);
    let columns = rows[0].len();
    let mut sweep = Sweep::<V, 4, STRIDE>::new();
    let mut out = Outputs { flat: Some(V::cut_mut(flat).0), up: V::cut_mut(up).0, down: None };
    sweep.take(&rows, 0, columns, &mut out);
    sweep.finish(columns, &mut out);
}

/// Slopes 0, 1, −1 and −2 of eight rows, as two or three sweeps over pieces of the rows that stay in the first cache.
#[inline(always)]
fn eight_four<V: Vector, const STRIDE: usize, const STEEP: usize>(rows: [&[u8]; 8], parity: [&mut [u8]; 4]) {
    /// Bytes of a piece of one row.
    const PIECE: usize = 2048;
    // The bins under way are hidden from the compiler between pieces: it would keep some of them in registers, which the other
    // sweep needs.
    let rows = rows.map(|row| V::cut(row).0);
    let mut reversed = rows;
    reversed.reverse();
    let [flat, up, down, steep] = parity.map(|bins| V::cut_mut(bins).0);
    let columns = rows[0].len();
    let starts = (0..columns).step_by(PIECE / width::<V>());
    let piece = |start: usize| (start, columns.min(start + PIECE / width::<V>()));
    if V::REGISTERS < 32 {
        let mut outs = [Outputs { flat: Some(flat), up, down: None }, Outputs { flat: None, up: down, down: None }];
        let mut last = Outputs { flat: None, up: steep, down: None };
        let mut sweeps = [Sweep::<V, 8, STRIDE>::new(), Sweep::new()];
        let mut steep = Sweep::<V, 8, STEEP>::new();
        for (start, end) in starts.map(piece) {
            black_box(&mut sweeps[0]).take(&rows, start, end, &mut outs[0]);
            black_box(&mut sweeps[1]).take(&reversed, start, end, &mut outs[1]);
            black_box(&mut steep).take(&reversed, start, end, &mut last);
        }
        let [first, second] = sweeps;
        first.finish(columns, &mut outs[0]);
        second.finish(columns, &mut outs[1]);
        steep.finish(columns, &mut last);
    } else {
        let mut gentle_out = Outputs { flat: None, up, down: Some(down) };
        let mut steep_out = Outputs { flat: Some(flat), up: steep, down: None };
        let mut gentle = Sweep::<V, 8, STRIDE>::new();
        let mut steep = Sweep::<V, 8, STEEP>::new();
        for (start, end) in starts.map(piece) {
            black_box(&mut gentle).take(&rows, start, end, &mut gentle_out);
            black_box(&mut steep).take(&reversed, start, end, &mut steep_out);
        }
        gentle.finish(columns, &mut gentle_out);
        steep.finish(columns, &mut steep_out);
    }
}
