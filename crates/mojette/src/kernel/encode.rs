//! Parities of all rows: sweeps for the named layouts, otherwise one projection after the other.

use super::gather::{Gather, Source};
use super::parities::Parities;
use super::rows::Rows;
use super::sweep::sum;
use super::vector::{Vector, width};
use super::{Job, Kernel};
use crate::{Element, Geometry, MAX_FRAGMENTS};

impl Kernel {
    /// Writes all parities of a block, whose lengths have been checked. Returns whether this kernel has loops; otherwise nothing has been
    /// written.
    pub(crate) fn encode(self, geometry: Geometry, data: &[&[u8]], parity: &mut [&mut [u8]]) -> bool {
        match (geometry.element(), data, &mut *parity) {
            (_, &[a, b], [flat]) => return self.run(Sum { out: flat, rows: [a, b] }).is_ok(),
            (Element::Wide, data, [_] | [_, _] | [_, _, _] | [_, _, _, _]) => {
                if let Some(rows) = data.as_array::<4>() {
                    return self.sweep(rows, parity, 0);
                }
                if let Some(rows) = data.as_array::<8>() {
                    return self.sweep(rows, parity, 0);
                }
            }
            _ => {}
        }
        parity.iter_mut().enumerate().all(|(index, bins)| self.project(geometry, index, data, bins))
    }

    /// Writes one parity. As [`encode`](Self::encode) otherwise.
    pub(crate) fn project(self, geometry: Geometry, index: usize, data: &[&[u8]], bins: &mut [u8]) -> bool {
        if geometry.element() == Element::Wide && index < 4 {
            if let Some(rows) = data.as_array::<4>() {
                return self.sweep(rows, &mut [bins], index);
            }
            if let Some(rows) = data.as_array::<8>() {
                return self.sweep(rows, &mut [bins], index);
            }
        }
        let mut sources = [Source::default(); MAX_FRAGMENTS];
        for (row, (source, bytes)) in sources.iter_mut().zip(data).enumerate() {
            *source = Source { bytes, lead: geometry.lead(index, row) as isize };
        }
        self.run(Gather { element: geometry.element(), out: bins, sources: &sources[..data.len()] }).is_ok()
    }

    /// The parities from number `first` on, which are among the first four, of wide elements.
    fn sweep<const K: usize>(self, rows: &[&[u8]; K], parity: &mut [&mut [u8]], first: usize) -> bool {
        let rows = Rows::new(rows, rows[0].len(), &mut []);
        let mut bins: [&mut [u8]; 4] = Default::default();
        for (bins, parity) in bins[first..].iter_mut().zip(parity) {
            *bins = parity;
        }
        self.run(Parities { rows: &rows, bins: &mut bins, ready: &mut |_| () }).is_ok()
    }
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
