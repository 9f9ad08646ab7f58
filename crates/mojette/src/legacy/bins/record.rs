//! The bytes of a file header and of a record.

use super::BinsError;
use crate::legacy::{BLOCK_BYTES, Layout, Transform};

/// Bytes before the first record.
pub const FILE_HEADER_BYTES: u64 = 8192;
/// Bytes of a record before its bins.
const RECORD_HEADER_BYTES: usize = 16;

/// Storage ids in each list of the file header.
const DISTRIBUTION: usize = 36;

/// What a `.bins` file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileHeader {
    /// How its blocks are projected.
    pub layout: Layout,
    /// Storage ids that the file is laid out over, in the order of the projections, then the spares, then zeros.
    pub distribution: [u8; DISTRIBUTION],
}

impl FileHeader {
    /// Reads the header at the start of `file`; what comes after it is not looked at.
    ///
    /// Errors: [`BinsError::Cut`] below [`FILE_HEADER_BYTES`], [`BinsError::Header`].
    pub fn parse(file: &[u8]) -> Result<Self, BinsError> {
        let have = file.len() as u64;
        let (Some((&number, rest)), true) = (file.split_first(), have >= FILE_HEADER_BYTES) else {
            return Err(BinsError::Cut { what: "file header", have, need: FILE_HEADER_BYTES });
        };
        let layout = Layout::try_from(number).map_err(BinsError::Header)?;
        let mut distribution = [0; DISTRIBUTION];
        distribution.copy_from_slice(&rest[..DISTRIBUTION]);
        Ok(Self { layout, distribution })
    }
}

/// Bytes of every record of `layout`, its padding included.
pub const fn record_bytes(layout: Layout) -> usize {
    // Projection 0 has the steepest slope, and so the most bins.
    match Transform::rozofs(layout).projection_bytes(0) {
        Some(bytes) => RECORD_HEADER_BYTES + bytes,
        None => unreachable!(),
    }
}

/// Where in a file the record of `block` begins, bytes; none past the end of what 64 bits count.
pub const fn record_offset(layout: Layout, block: u64) -> Option<u64> {
    match block.checked_mul(record_bytes(layout) as u64) {
        Some(offset) => offset.checked_add(FILE_HEADER_BYTES),
        None => None,
    }
}

/// How many records a file of `file_bytes` has.
///
/// Errors: [`BinsError::Cut`] when the header or the last record is not whole.
pub fn record_count(layout: Layout, file_bytes: u64) -> Result<u64, BinsError> {
    let Some(bytes) = file_bytes.checked_sub(FILE_HEADER_BYTES) else {
        return Err(BinsError::Cut { what: "file header", have: file_bytes, need: FILE_HEADER_BYTES });
    };
    let need = record_bytes(layout) as u64;
    match bytes % need {
        0 => Ok(bytes / need),
        have => Err(BinsError::Cut { what: "last record", have, need }),
    }
}

/// What a store holds of one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// Nothing was written, or zeros.
    Hole,
    /// One projection of it.
    Written(Written<'a>),
}

/// One projection of a block, as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written<'a> {
    /// When, µs since 1970. All projections of one write have the same.
    pub timestamp_us: u64,
    /// Bytes of the block that are data, at most [`BLOCK_BYTES`].
    pub effective_length: u16,
    /// Which projection of the layout.
    pub projection: u8,
    /// Its bins, without the padding.
    pub bins: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads the record at the start of `bytes`; what comes after it is not looked at.
    ///
    /// Errors: [`BinsError::Cut`], [`BinsError::EffectiveLength`], [`BinsError::Projection`].
    pub fn parse(layout: Layout, bytes: &'a [u8]) -> Result<Self, BinsError> {
        let need = record_bytes(layout);
        let cut = BinsError::Cut { what: "record", have: bytes.len() as u64, need: need as u64 };
        let (header, bins) = bytes.get(..need).and_then(<[u8]>::split_first_chunk::<RECORD_HEADER_BYTES>).ok_or(cut)?;
        let &[t0, t1, t2, t3, t4, t5, t6, t7, l0, l1, projection, ..] = header;
        let timestamp_us = u64::from_le_bytes([t0, t1, t2, t3, t4, t5, t6, t7]);
        let effective_length = u16::from_le_bytes([l0, l1]);
        if timestamp_us == 0 && effective_length == 0 {
            return Ok(Self::Hole);
        }
        if usize::from(effective_length) > BLOCK_BYTES {
            return Err(BinsError::EffectiveLength { length: effective_length });
        }
        let projections = layout.projections();
        let bins_bytes = Transform::rozofs(layout)
            .projection_bytes(projection.into())
            .ok_or(BinsError::Projection { index: projection, projections })?;
        Ok(Self::Written(Written { timestamp_us, effective_length, projection, bins: &bins[..bins_bytes] }))
    }
}
