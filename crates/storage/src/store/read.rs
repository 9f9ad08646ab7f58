//! Reading a store: units and parts of them, lists, scrubs, and what there is in all.

use std::io::{ErrorKind, IoSliceMut};
use std::os::unix::fs::FileExt;

use rustix::io::{Errno, ReadWriteFlags, preadv2};

use super::StoreError;
use super::engine::Store;
use super::index::Entry;
use super::record::{self, PIECE_BYTES, UnitCode, UnitKey};
use super::room::Room;
use super::segment::Segment;

/// Longest range that is read without a thread of its own, in bytes: what is in memory is copied in less time than one takes
/// to wake.
const NOW_BYTES_MAX: usize = 64 * 1024;

/// What a read found.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    /// The bytes, checked.
    Piece {
        /// The range that was asked for.
        data: Vec<u8>,
        /// Checksum of each piece of it.
        sums: Vec<u32>,
        /// How the stripe is coded.
        code: UnitCode,
        /// Length of the whole unit.
        unit_bytes: u32,
    },
    /// There is no such unit.
    Not,
    /// What is there is not what was put.
    Damaged,
}

impl Read {
    /// Length of the data.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Piece { data, .. } => data.len(),
            Self::Not | Self::Damaged => 0,
        }
    }
}

/// What [`Store::verify`] has read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Units whose bytes are not what was put.
    pub damaged: Vec<UnitKey>,
    /// The last unit that was read.
    pub last: Option<UnitKey>,
    /// Data bytes read.
    pub bytes: u64,
    /// Whether there is none after it.
    pub is_end: bool,
}

/// Size and content of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// What it may take in all, bytes.
    pub capacity_bytes: u64,
    /// What it has taken, bytes.
    pub used_bytes: u64,
    /// What it would take now, bytes.
    pub free_bytes: u64,
    /// Units in it.
    pub units: u64,
}

impl Store {
    /// Reads `length` bytes from `offset` on, 0: to the end; both multiples of [`PIECE_BYTES`], but for the end.
    ///
    /// # Errors
    /// `Invalid` when the range is not within the unit; `Disk` when the system can't read now, for want of memory or descriptors.
    pub fn get(&self, key: &UnitKey, offset: u32, length: u32) -> Result<Read, StoreError> {
        let mut before = None;
        loop {
            let Some((entry, segment)) = self.index(|index| index.find(key)) else { return Ok(Read::Not) };
            // Read twice from the same place, so it is not that it was moved or deleted meanwhile.
            if before == Some(entry) {
                return Ok(Read::Damaged);
            }
            let bytes = range_within(entry.bytes, offset, length)?;
            if let Some((data, sums)) = read(&segment, &entry, key, offset, bytes)? {
                return Ok(Read::Piece { data, sums, code: entry.code, unit_bytes: entry.bytes });
            }
            before = Some(entry);
        }
    }

    /// The same for a short range, when nothing has to be waited for: it is in the system's memory, and whole. `None`: not
    /// so, or not known without waiting.
    pub fn get_now(&self, key: &UnitKey, offset: u32, length: u32) -> Option<Read> {
        let (entry, segment) = self.index(|index| index.find(key))?;
        let bytes = range_within(entry.bytes, offset, length).ok().filter(|bytes| *bytes <= NOW_BYTES_MAX)?;
        let first = offset as usize / PIECE_BYTES;
        let mut data = vec![0; record::sealed_bytes(bytes)];
        let at = u64::from(entry.at) + record::piece_at(first);
        let read =
            preadv2(&segment.file().ok()?, &mut [IoSliceMut::new(&mut data)], at, ReadWriteFlags::NOWAIT).ok()?;
        if read < data.len() {
            return None;
        }
        let sums = record::decode(&mut data, key, first, bytes)?;
        Some(Read::Piece { data, sums, code: entry.code, unit_bytes: entry.bytes })
    }

    /// Units of `volume` (0: all) after `after` in order, at most `limit`: key, bytes, when it was put.
    pub fn list(&self, volume: u64, after: Option<UnitKey>, limit: usize) -> Vec<(UnitKey, u32, i64)> {
        let before = |volume| UnitKey { volume, stripe: u64::MAX, index: u32::MAX };
        let first = volume.checked_sub(1).map(before);
        self.index(|index| {
            let units = index.after(after.max(first)).take_while(|(key, _)| volume == 0 || key.volume == volume);
            units.take(limit).map(|(key, entry)| (*key, entry.bytes, entry.put_ms)).collect()
        })
    }

    /// Reads units after `after`, until about `bytes_max` of data were read.
    ///
    /// A unit whose header alone is damaged is written anew: the next start would not find it.
    ///
    /// # Errors
    /// Those of [`Self::get`], and of writing.
    pub fn verify(&self, after: Option<UnitKey>, bytes_max: u64) -> Result<Verified, StoreError> {
        let mut verified = Verified { last: after, ..Verified::default() };
        while verified.bytes < bytes_max {
            let next = self.index(|index| index.after(verified.last).next().map(|(key, entry)| (*key, entry.bytes)));
            let Some((key, bytes)) = next else {
                verified.is_end = true;
                break;
            };
            if self.get(&key, 0, 0)? == Read::Damaged {
                verified.damaged.push(key);
            } else {
                self.header_mend(&key)?;
            }
            verified.bytes += u64::from(bytes);
            verified.last = Some(key);
        }
        Ok(verified)
    }

    /// Size and content.
    ///
    /// # Errors
    /// `Disk` when the file system does not say what it has.
    pub fn stat(&self) -> Result<Stat, StoreError> {
        let (used_bytes, units) = self.index(|index| (index.used_bytes(), index.len() as u64));
        let Room { capacity, free } = self.room()?;
        Ok(Stat { capacity_bytes: capacity, used_bytes, free_bytes: free, units })
    }
}

/// How many bytes of the unit are meant.
pub(super) fn range_within(unit_bytes: u32, offset: u32, length: u32) -> Result<usize, StoreError> {
    let end = if length == 0 { Some(unit_bytes) } else { offset.checked_add(length) };
    let piece = PIECE_BYTES as u32;
    match end {
        Some(end)
            if offset < end
                && end <= unit_bytes
                && offset.is_multiple_of(piece)
                && (end == unit_bytes || end.is_multiple_of(piece)) =>
        {
            Ok((end - offset) as usize)
        }
        _ => Err(StoreError::Invalid(format!(
            "a unit of {unit_bytes} bytes has no range of {length} bytes at {offset} that begins and ends with its pieces of {piece}"
        ))),
    }
}

/// Bytes, and the checksum of each piece of them.
type Checked = (Vec<u8>, Vec<u32>);

/// `None` when they are damaged, or the disk has them no more.
fn read(
    segment: &Segment,
    entry: &Entry,
    key: &UnitKey,
    offset: u32,
    bytes: usize,
) -> Result<Option<Checked>, StoreError> {
    let first = offset as usize / PIECE_BYTES;
    let mut stored = vec![0; record::sealed_bytes(bytes)];
    let at = u64::from(entry.at) + record::piece_at(first);
    if let Err(error) = segment.file().and_then(|file| file.read_exact_at(&mut stored, at)) {
        tracing::warn!(error = &error as &dyn std::error::Error, "reading {} failed", segment.path.display());
        let is_gone = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::UnexpectedEof);
        if is_gone || error.raw_os_error() == Some(Errno::IO.raw_os_error()) {
            return Ok(None);
        }
        return Err(StoreError::Disk { what: "reading a unit", source: error });
    }
    Ok(record::decode(&mut stored, key, first, bytes).map(|sums| (stored, sums)))
}
