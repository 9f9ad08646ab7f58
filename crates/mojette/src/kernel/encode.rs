//! Parities of all rows: sweeps for the named layouts, otherwise one projection after the other.

#![expect(clippy::needless_range_loop, reason = "the numbers of rows and vectors, not positions in one list")]

use super::gather::{Gather, Source};
use super::narrow::EncodeNarrow;
use super::parities::{PIECE, Parities};
use super::rows::{Rows, pointers};
use super::sweep::Sweep;
use super::vector::{Strided, Vector, width};
use super::{Job, Kernel};
use crate::{Element, Geometry, MAX_FRAGMENTS};

/// Rows of the codes that have few.
const FEW: usize = 8;

impl Kernel {
    /// Writes all parities of a block of a layout, or of four or eight rows with wide elements.
    /// Returns whether it is such a block, all lengths are the geometry's and this kernel has loops; otherwise nothing
    /// has been written.
    #[inline(always)]
    pub(crate) fn encode(self, geometry: Geometry, data: &[&[u8]], parity: &mut [&mut [u8]]) -> bool {
        match (geometry.data(), geometry.parity(), geometry.element()) {
            (2, 1, _) => match (data.as_array::<2>(), parity) {
                (Some(rows), [flat]) if flat.len() == geometry.row_bytes() => self.sum(flat, rows),
                _ => false,
            },
            (4, 2, Element::Wide) if geometry.row_bytes() <= PIECE => self.encode_whole::<4, 2>(geometry, data, parity),
            (8, 4, Element::Wide) if geometry.row_bytes() <= PIECE => self.encode_whole::<8, 4>(geometry, data, parity),
            (4, 1..=4, Element::Wide) => self.encode_pieces::<4>(geometry, data, parity),
            (8, 1..=4, Element::Wide) => self.encode_pieces::<8>(geometry, data, parity),
            (4, 2, Element::Narrow) => self.encode_narrow::<4, 2>(geometry, data, parity),
            (8, 4, Element::Narrow) => self.encode_narrow::<8, 4>(geometry, data, parity),
            _ => false,
        }
    }

    /// In whole sweeps.
    #[inline(always)]
    fn encode_whole<const K: usize, const M: usize>(
        self,
        geometry: Geometry,
        data: &[&[u8]],
        parity: &mut [&mut [u8]],
    ) -> bool {
        match (data.as_array::<K>(), parity.as_mut_array::<M>()) {
            (Some(rows), Some(bins)) if rows[0].len() == geometry.row_bytes() => {
                self.run(Encode { rows, bins }) == Some(true)
            }
            _ => false,
        }
    }

    #[inline(never)]
    fn encode_narrow<const K: usize, const M: usize>(
        self,
        geometry: Geometry,
        data: &[&[u8]],
        parity: &mut [&mut [u8]],
    ) -> bool {
        match (data.as_array::<K>(), parity.as_mut_array::<M>()) {
            (Some(rows), Some(bins)) if rows[0].len() == geometry.row_bytes() => {
                self.run(EncodeNarrow::<K, M, { usize::MAX }> { rows, bins }) == Some(true)
            }
            _ => false,
        }
    }

    /// Writes the parities `wanted` (bits) of (4, 2) or (8, 4) with narrow elements. Returns whether it is such a code,
    /// all lengths fit and this kernel has loops; otherwise nothing has been written.
    pub(crate) fn encode_some(
        self,
        geometry: Geometry,
        wanted: usize,
        data: &[&[u8]],
        bins: &mut [&mut [u8]; 4],
    ) -> bool {
        macro_rules! some {
            ($rows:ident, $bins:expr, $k:literal, $m:literal: $($known:literal)*) => {
                match wanted {
                    $($known => {
                        self.run(EncodeNarrow::<$k, $m, $known> { rows: $rows, bins: $bins }) == Some(true)
                    })*
                    _ => false,
                }
            };
        }
        match (geometry.element(), geometry.parity(), data.as_array::<4>(), data.as_array::<8>()) {
            (Element::Narrow, 2, Some(rows), _) => {
                let [first, second, ..] = bins;
                some!(rows, &mut [first, second], 4, 2: 1 2 3)
            }
            (Element::Narrow, 4, _, Some(rows)) => some!(rows, bins, 8, 4: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15),
            _ => false,
        }
    }

    /// Piece by piece.
    #[inline(never)]
    fn encode_pieces<const K: usize>(self, geometry: Geometry, data: &[&[u8]], parity: &mut [&mut [u8]]) -> bool {
        let is_fine = parity.len() == geometry.parity()
            && parity.iter().enumerate().all(|(index, bins)| bins.len() == geometry.parity_bytes(index));
        match data.as_array::<K>() {
            Some(rows) if is_fine && rows[0].len() == geometry.row_bytes() => {
                self.sweep(rows, parity.iter_mut().map(|bins| &mut **bins), 0)
            }
            _ => false,
        }
    }

    /// Writes one parity. As [`encode`](Self::encode) otherwise.
    pub(crate) fn project(self, geometry: Geometry, index: usize, data: &[&[u8]], bins: &mut [u8]) -> bool {
        if geometry.element() == Element::Wide && index < 4 {
            if let Some(rows) = data.as_array::<4>() {
                return self.sweep(rows, std::iter::once(bins), index);
            }
            if let Some(rows) = data.as_array::<8>() {
                return self.sweep(rows, std::iter::once(bins), index);
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
        self.run(Gather { out: bins, sources: &sources[..data.len()] }).is_some()
    }

    /// Writes the XOR of rows as long as `out`. Returns whether they are, and this kernel has loops; otherwise nothing has been written.
    #[inline(always)]
    pub(crate) fn sum<const K: usize>(self, out: &mut &mut [u8], rows: &[&[u8]; K]) -> bool {
        self.run(Sum { out, rows }) == Some(true)
    }

    /// The parities from number `first` on, which are among the first four, of wide elements. Returns whether rows are
    /// as long as one another and this kernel has loops; otherwise nothing has been written.
    #[inline(always)]
    fn sweep<'a, const K: usize>(
        self,
        rows: &[&[u8]; K],
        parity: impl Iterator<Item = &'a mut [u8]>,
        first: usize,
    ) -> bool {
        let Some(rows) = Rows::<K>::new(rows[0].len(), rows.iter().copied().enumerate(), std::iter::empty()) else {
            return false;
        };
        let mut bins: [&mut [u8]; 4] = Default::default();
        for (bins, parity) in bins[first..].iter_mut().zip(parity) {
            *bins = parity;
        }
        self.run(&mut Parities { rows: &rows, bins: &mut bins, ready: &mut |_| () }).is_some()
    }
}

/// All M parities of K rows of wide elements.
///
/// As other jobs of small blocks no more than two references, which a call passes in registers.
struct Encode<'a, 'b, const K: usize, const M: usize> {
    rows: &'a [&'a [u8]; K],
    bins: &'a mut [&'b mut [u8]; M],
}

/// Bytes by which a parity of K rows of wide elements is longer than a row.
const fn edge<const K: usize>(index: usize) -> usize {
    (K - 1) * index.div_ceil(2) * Element::Wide.bytes()
}

impl<const K: usize, const M: usize> Job for Encode<'_, '_, K, M> {
    type Output = bool;

    #[inline(always)]
    fn run<V: Vector>(self) -> bool {
        let bytes = self.rows[0].len();
        let is_fine = self.rows.iter().all(|row| row.len() == bytes)
            && self.bins.iter().enumerate().all(|(index, bins)| bins.len() == bytes + edge::<K>(index));
        if is_fine {
            V::stride(self);
        }
        is_fine
    }
}

impl<const K: usize, const M: usize> Strided for Encode<'_, '_, K, M> {
    #[inline(always)]
    fn run_strided<V: Vector, const STRIDE: usize, const STEEP: usize>(self) {
        let columns = self.rows[0].len() / width::<V>();
        let rows = pointers(self.rows).map(<*const u8>::cast);
        let bins: [*mut V::Bytes; M] = std::array::from_fn(|index| self.bins[index].as_mut_ptr().cast());
        let mut flat = bins[0];
        // SAFETY: `run` has seen that all rows have so many vectors, and each parity the edge of its slope more. They
        // stay borrowed until all sweeps are done, parities to be written.
        unsafe {
            if M > 3 {
                Sweep::<V, K, STEEP, 1>::of(columns, rows, true, flat, [bins[3]]).whole();
                flat = std::ptr::null_mut();
            }
            if M > 2 && V::REGISTERS >= 32 {
                return Sweep::<V, K, STRIDE, 2>::of(columns, rows, false, flat, [bins[1], bins[2]]).whole();
            }
            Sweep::<V, K, STRIDE, 1>::of(columns, rows, false, flat, [bins[1]]).whole();
            if M > 2 {
                Sweep::<V, K, STRIDE, 1>::of(columns, rows, true, std::ptr::null_mut(), [bins[2]]).whole();
            }
        }
    }
}

/// The plain XOR of rows. Gives whether they are as long as the output; otherwise nothing has been written.
pub(crate) struct Sum<'a, 'b, const K: usize> {
    pub(crate) out: &'a mut &'b mut [u8],
    pub(crate) rows: &'a [&'a [u8]; K],
}

impl<const K: usize> Job for Sum<'_, '_, K> {
    type Output = bool;

    #[inline(always)]
    fn run<V: Vector>(self) -> bool {
        if self.rows.iter().any(|row| row.len() != self.out.len()) {
            return false;
        }
        // Of their own, or the compiler reads them again after each store.
        let (bytes, out, rows) = (self.out.len(), self.out.as_mut_ptr(), pointers(self.rows));
        let columns = bytes / width::<V>();
        let mut at = 0;
        // SAFETY: every row has as many bytes as the output, which was borrowed to be written, hence as many vectors.
        unsafe {
            while at + 8 <= columns {
                add_up::<V, K, 8>(out, rows, at);
                at += 8;
            }
            while at < columns {
                add_up::<V, K, 1>(out, rows, at);
                at += 1;
            }
        }
        for at in columns * width::<V>()..bytes {
            // SAFETY: every row has as many bytes as the output.
            unsafe { *out.add(at) = rows.iter().fold(0, |sum, row| sum ^ *row.add(at)) };
        }
        true
    }
}

/// Adds up `VECTORS` of each row, beginning with number `at`. Row after row: the first cache gives the same lines
/// sooner so than column after column, and while nothing is written.
///
/// SAFETY: the rows have these to be read, and the output to be written.
#[inline(always)]
unsafe fn add_up<V: Vector, const K: usize, const VECTORS: usize>(out: *mut u8, rows: [*const u8; K], at: usize) {
    let mut sums = [V::zero(); VECTORS];
    for row in 0..K {
        for vector in 0..VECTORS {
            // SAFETY: promised by the caller.
            let next = V::load(unsafe { &*rows[row].cast::<V::Bytes>().add(at + vector) });
            sums[vector] = if row == 0 { next } else { sums[vector].xor(next) };
        }
    }
    for vector in 0..VECTORS {
        // SAFETY: promised by the caller.
        sums[vector].store(unsafe { &mut *out.cast::<V::Bytes>().add(at + vector) });
    }
}
