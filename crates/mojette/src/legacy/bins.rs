//! RozoFS's `.bins` files, from bytes that the caller has read: where each record is, what it holds, and the block of the
//! records that belong together.
//!
//! A file of a volume is one `.bins` file on each of its stores, under
//! `<root>/layout_<L>/spare_<0|1>/<sid-sid-…>/<file id>.bins`. It is a header of 8,192 bytes, then a record for each block of
//! 8,192 bytes: 16 bytes of header and the bins of one projection, padded to the layout's longest. All numbers are
//! little-endian. A spare's records may be of any projection, so a record itself says of which.
//!
//! | file header, bytes | what |
//! | --- | --- |
//! | 0 | layout |
//! | 1 … 36 | storage ids that the file is laid out over, the unused ones 0 |
//! | 37 … 72 | storage ids of the next layout; RozoFS 1.5 never uses them |
//! | 73 | version; RozoFS 1.5 never uses it |
//!
//! | record header, bytes | what |
//! | --- | --- |
//! | 0 … 7 | time of the write, µs since 1970 |
//! | 8 … 9 | bytes of the block that are data |
//! | 10 | projection |
//! | 11, 12 … 15 | version and filler; RozoFS 1.5 never uses them |
//!
//! A record whose header is zero is a hole: its block was never written, or is zero throughout.
//!
//! ```
//! use mojette::legacy::bins::{Assembled, FileHeader, Record, assemble, record_offset};
//! use mojette::legacy::{BLOCK_BYTES, Transform};
//!
//! /// Block `block` of a file, from what was read of its `.bins` files on the stores that answer.
//! fn read_block(files: &[&[u8]], block: u64) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
//!     let layout = FileHeader::parse(files.first().ok_or("no store answers")?)?.layout;
//!     let at = usize::try_from(record_offset(layout, block).ok_or("no such block")?)?;
//!     let mut records = Vec::new();
//!     for file in files {
//!         let record = file.get(at..).ok_or("the file ends before this block")?;
//!         records.push(Record::parse(layout, record)?);
//!     }
//!     let mut scratch = vec![0; Transform::rozofs(layout).scratch_bytes()];
//!     let mut data = vec![0; BLOCK_BYTES];
//!     match assemble(layout, &records, &mut scratch, &mut data)? {
//!         Assembled::Hole => {}
//!         Assembled::Written { effective_length, .. } => data.truncate(effective_length.into()),
//!     }
//!     Ok(data)
//! }
//!
//! // Two stores that hold one hole each.
//! let file = vec![0; 8192 + 4120];
//! assert_eq!(read_block(&[&file, &file], 0)?, [0; 8192]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! RozoFS believes whatever its disks return. [`assemble`] does not: a block comes only from projections that agree, and
//! where more than enough are given it finds those that do.

mod assemble;
mod record;

pub use assemble::{Assembled, assemble};
pub use record::{FILE_HEADER_BYTES, FileHeader, Record, Written, record_bytes, record_count, record_offset};

use super::{BLOCK_BYTES, TransformError};

/// Why a file, a record or a block could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BinsError {
    /// The bytes end before what they should hold.
    #[error("{what}: cut off after {have} of {need} bytes")]
    Cut {
        /// What was read.
        what: &'static str,
        /// Bytes given.
        have: u64,
        /// Bytes needed.
        need: u64,
    },
    /// The header names a layout that does not exist.
    #[error("reading the file header")]
    Header(#[source] TransformError),
    /// A record of more data than a block holds.
    #[error("effective length {length}: a block has {BLOCK_BYTES} bytes")]
    EffectiveLength {
        /// Bytes that the record claims.
        length: u16,
    },
    /// A record of a projection that the layout does not have.
    #[error("projection {index} in a record: the layout has {projections}, counted from 0")]
    Projection {
        /// The projection that the record claims.
        index: u8,
        /// Projections of the layout.
        projections: usize,
    },
    /// Not enough records are of one write.
    #[error("{have} projections of one write, {need} needed")]
    TooFew {
        /// The most that belong together.
        have: usize,
        /// Needed.
        need: usize,
    },
    /// Computing the block failed; of [`TransformError::Inconsistent`], whichever projections were taken.
    #[error("computing the block")]
    Compute(#[source] TransformError),
}
