//! Parities of all rows: sweeps for the named layouts, otherwise one projection after the other.

use std::marker::PhantomData;

use super::gather::{Gather, Source};
use super::parities::Parities;
use super::rows::{Rows, one_by_one};
use super::sweep::sum;
use super::vector::{Vector, width};
use super::{Job, Kernel};
use crate::{Element, Geometry, MAX_FRAGMENTS};

/// Rows of the codes that have few.
const FEW: usize = 8;

impl Kernel {
    /// Writes all parities of a block, whose lengths have been checked. Returns whether this kernel has loops; otherwise nothing has been
    /// written.
    #[inline(always)]
    pub(crate) fn encode(self, geometry: Geometry, data: &[&[u8]], parity: &mut [&mut [u8]]) -> bool {
        match (geometry.element(), data, &mut *parity) {
            (_, &[a, b], [flat]) => return self.sum(flat, [a, b]),
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
        // Most codes are small, and a short list is made sooner.
        if data.len() <= FEW {
            self.gather(geometry, index, data, bins, &mut [Source::default(); FEW])
        } else {
            self.gather(geometry, index, data, bins, &mut [Source::default(); MAX_FRAGMENTS])
        }
    }

    #[inline(always)]
    fn gather<'a>(
        self,
        geometry: Geometry,
        index: usize,
        data: &[&'a [u8]],
        bins: &mut [u8],
        sources: &mut [Source<'a>],
    ) -> bool {
        for (row, (source, bytes)) in sources.iter_mut().zip(data).enumerate() {
            *source = Source { bytes, lead: geometry.lead(index, row) as isize };
        }
        self.run(Gather { out: bins, sources: &sources[..data.len()] }).is_ok()
    }

    /// Writes the XOR of rows as long as `out`. Returns whether they are, and this kernel has loops; otherwise nothing has been written.
    #[inline(always)]
    pub(crate) fn sum<const K: usize>(self, out: &mut [u8], rows: [&[u8]; K]) -> bool {
        Sum::new(out, rows).is_some_and(|sum| self.run(sum).is_ok())
    }

    /// The parities from number `first` on, which are among the first four, of wide elements.
    #[inline(always)]
    fn sweep<const K: usize>(self, rows: &[&[u8]; K], parity: &mut [&mut [u8]], first: usize) -> bool {
        let rows = Rows::new(rows, rows[0].len(), &mut []);
        let mut bins: [&mut [u8]; 4] = Default::default();
        for (bins, parity) in bins[first..].iter_mut().zip(parity) {
            *bins = parity;
        }
        self.run(Parities { rows: &rows, bins: &mut bins, ready: &mut |_| () }).is_ok()
    }
}

/// The plain XOR of rows.
pub(crate) struct Sum<'a, const K: usize> {
    bytes: usize,
    out: *mut u8,
    rows: [*const u8; K],
    borrowed: PhantomData<&'a mut [u8]>,
}

impl<'a, const K: usize> Sum<'a, K> {
    /// None where a row is not as long as `out`.
    #[inline(always)]
    pub(crate) fn new(out: &'a mut [u8], rows: [&'a [u8]; K]) -> Option<Self> {
        let is_even = rows.iter().fold(true, |is_even, row| is_even & (row.len() == out.len()));
        let (bytes, out) = (out.len(), out.as_mut_ptr());
        is_even.then(|| Self { bytes, out, rows: rows.map(<[u8]>::as_ptr), borrowed: PhantomData })
    }
}

impl<const K: usize> Job for Sum<'_, K> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        /// Vectors of output in a turn.
        const BLOCK: usize = 4;
        // Of their own, or the compiler reads them again after each store.
        let (columns, out, rows) = (self.bytes / width::<V>(), self.out, one_by_one(&self.rows));
        let take = |at: usize| {
            debug_assert!(at < columns);
            // SAFETY: every row has as many bytes as the output, hence as many vectors, and both loops stay below that number.
            let column = rows.map(|row| V::load(unsafe { &*row.cast::<V::Bytes>().add(at) }));
            // SAFETY: as above; the output was borrowed to be written.
            sum(column).store(unsafe { &mut *out.cast::<V::Bytes>().add(at) });
        };
        let mut at = 0;
        while at + BLOCK <= columns {
            (at..at + BLOCK).for_each(take);
            at += BLOCK;
        }
        (at..columns).for_each(take);
        for at in columns * width::<V>()..self.bytes {
            // SAFETY: every row has as many bytes as the output.
            unsafe { *out.add(at) = rows.iter().fold(0, |sum, row| sum ^ *row.add(at)) };
        }
    }
}
