//! From bytes to units and back.
//!
//! Rows are slices of the caller's buffer where they fit it whole, so that data is not copied on its way to the stores;
//! only the parities, and a last row that has to be padded, get a buffer of their own.

use bytes::Bytes;
use mojette::{Code, Geometry};
use wire::store::{Unit, UnitKey};

use crate::model::stripe::{StripeCode, StripeId};

/// Checksums are kept of pieces of this many bytes, and reads are aligned to them.
pub(crate) const PIECE_BYTES: usize = 4096;

/// Fragments begin at multiples of a cache line: the code's kernels are fastest so.
const LINE_BYTES: usize = 64;

/// The units of one stripe, in their order.
pub(crate) fn encode(
    volume: i64,
    id: StripeId,
    (data, parity): (u8, u8),
    bytes: &Bytes,
) -> Result<(StripeCode, Vec<Unit>), mojette::Error> {
    let code = StripeCode::for_bytes(data, parity, u32::try_from(bytes.len()).unwrap_or(u32::MAX))?;
    let geometry = code.geometry()?;
    let rows: Vec<Bytes> = (0..geometry.data()).map(|row| self::row(&geometry, row, bytes)).collect();
    let parities = parities(geometry, &rows)?;
    let units = rows.into_iter().chain(parities).enumerate();
    Ok((code, units.map(|(index, data)| unit(volume, id, code, index, data)).collect()))
}

/// A unit with its checksums.
pub(crate) fn unit(volume: i64, id: StripeId, code: StripeCode, index: usize, data: Bytes) -> Unit {
    let sums = sums(&data);
    Unit { key: Some(key(volume, id, index)), code: Some(code_told(code)), data, sums }
}

/// The checksum of each piece.
fn sums(data: &[u8]) -> Vec<u32> {
    let mut sums = vec![0; data.len().div_ceil(PIECE_BYTES)];
    // There is one for each.
    let _fits = mojette::checksums(data, PIECE_BYTES, &mut sums);
    sums
}

/// How stores name a unit.
pub(crate) fn key(volume: i64, id: StripeId, index: usize) -> UnitKey {
    UnitKey { volume: volume as u64, stripe: id as u64, index: index as u32 }
}

/// How a stripe is coded, as stores are told.
pub(crate) fn code_told(code: StripeCode) -> wire::store::Code {
    wire::store::Code {
        data: code.data.into(),
        parity: code.parity.into(),
        element_bytes: code.element_bytes.into(),
        block_bytes: code.bytes,
    }
}

/// Computes units `lost` from those at hand: (index, whole unit), at least k of them.
pub(crate) fn recover(
    geometry: Geometry,
    have: &[(usize, Bytes)],
    lost: &[usize],
) -> Result<Vec<(usize, Bytes)>, mojette::Error> {
    let has = |index: usize| have.iter().any(|(other, _)| *other == index);
    // Recovering one row passes through all rows that are missing.
    let all =
        (0..geometry.fragments()).filter(|index| !has(*index) && (*index < geometry.data() || lost.contains(index)));
    let mut buffers: Vec<(usize, Vec<u8>)> =
        all.map(|index| (index, vec![0; geometry.fragment_bytes(index).unwrap_or(0)])).collect();
    let given: Vec<(usize, &[u8])> = have.iter().map(|(index, bytes)| (*index, bytes.as_ref())).collect();
    let mut out: Vec<(usize, &mut [u8])> = buffers.iter_mut().map(|(index, bytes)| (*index, bytes.as_mut())).collect();
    Code::new(geometry).decode(&given, &mut out)?;
    buffers.retain(|(index, _)| lost.contains(index));
    Ok(buffers.into_iter().map(|(index, bytes)| (index, Bytes::from(bytes))).collect())
}

fn row(geometry: &Geometry, row: usize, bytes: &Bytes) -> Bytes {
    let start = (row * geometry.row_bytes()).min(bytes.len());
    let end = (start + geometry.row_bytes()).min(bytes.len());
    if end - start == geometry.row_bytes() {
        return bytes.slice(start..end);
    }
    let mut padded = vec![0; geometry.row_bytes()];
    padded[..end - start].copy_from_slice(&bytes[start..end]);
    padded.into()
}

fn parities(geometry: Geometry, rows: &[Bytes]) -> Result<Vec<Bytes>, mojette::Error> {
    // The projections of a single row are that row.
    if let [row] = rows {
        return Ok(vec![row.clone(); geometry.parity()]);
    }
    let sizes = (geometry.data()..geometry.fragments()).filter_map(|index| geometry.fragment_bytes(index));
    let sizes: Vec<usize> = sizes.collect();
    let room: usize = sizes.iter().map(|bytes| bytes.next_multiple_of(LINE_BYTES)).sum();
    let mut buffer = vec![0; room + LINE_BYTES];
    let first = buffer.as_ptr().align_offset(LINE_BYTES).min(LINE_BYTES);
    let mut rest = &mut buffer[first..];
    let mut out = Vec::with_capacity(sizes.len());
    for bytes in &sizes {
        let (this, after) = rest.split_at_mut(bytes.next_multiple_of(LINE_BYTES));
        out.push(&mut this[..*bytes]);
        rest = after;
    }
    let rows: Vec<&[u8]> = rows.iter().map(AsRef::as_ref).collect();
    Code::new(geometry).encode(&rows, &mut out)?;
    let buffer = Bytes::from(buffer);
    let starts = sizes.iter().scan(first, |at, bytes| {
        let start = *at;
        *at += bytes.next_multiple_of(LINE_BYTES);
        Some(start..start + bytes)
    });
    Ok(starts.map(|range| buffer.slice(range)).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_m_units_may_be_lost(layout in 0_u8..3, bytes in 1_usize..262_145, seed: u64) {
            let (data, parity) = (2 << layout, 1 << layout);
            let content: Bytes = (0..bytes).map(|n| (n as u64).wrapping_mul(seed | 1).to_be_bytes()[2]).collect();
            let (code, units) = encode(1, 2, (data, parity), &content).unwrap();
            let geometry = code.geometry().unwrap();
            let mut order: Vec<usize> = (0..units.len()).collect();
            order.sort_by_key(|index| (*index as u64 + 1).wrapping_mul(seed | 1));
            let (lost, kept) = order.split_at(parity.into());
            let have: Vec<_> = kept.iter().map(|index| (*index, units[*index].data.clone())).collect();
            for (index, bytes) in recover(geometry, &have, lost).unwrap() {
                prop_assert_eq!(&bytes, &units[index].data);
            }
        }
    }
}
