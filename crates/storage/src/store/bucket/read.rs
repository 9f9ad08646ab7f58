//! Reading from a bucket.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::remote::Fetched;
use super::units::Entry;
use super::{Bucket, object};
use crate::store::StoreError;
use crate::store::keeping::UnitRange;
use crate::store::read::{Read, Verified, range_within};
use crate::store::record::{self, HEADER_BYTES, Header, PIECE_BYTES, UnitKey};

/// Objects that one request reads at the same time.
const AT_ONCE: usize = 16;
/// A slice of a scrub ends after this: who asked for it waits for 10 s.
const VERIFY_TIME: Duration = Duration::from_secs(4);

impl Bucket {
    pub(super) fn units_get(&self, ranges: &[UnitRange], bytes_max: usize) -> Result<Vec<Read>, StoreError> {
        self.is_listed()?;
        let (mut found, mut bytes) = (Vec::with_capacity(ranges.len()), 0);
        self.runtime.block_on(async {
            let mut reads = stream::iter(ranges).map(|range| self.fetch(range)).buffered(AT_ONCE);
            while let Some(read) = reads.try_next().await? {
                bytes += read.bytes();
                if bytes > bytes_max {
                    return Err(StoreError::too_long(bytes_max));
                }
                found.push(read);
            }
            Ok(found)
        })
    }

    /// Reads a unit or a part of it.
    pub(super) async fn fetch(&self, (key, offset, length): &UnitRange) -> Result<Read, StoreError> {
        let mut before = None;
        loop {
            let Some(entry) = self.units().get(key).cloned() else { return Ok(Read::Not) };
            let bytes = range_within(entry.bytes, *offset, *length)?;
            let first = *offset as usize / PIECE_BYTES;
            let object = self.object(key, &entry, first, bytes).await?;
            let read = match &object {
                Some(object) => pieces(key, &entry, object, first, bytes),
                None => None,
            };
            if let Some((data, sums)) = read {
                return Ok(Read::Piece { data, sums, code: entry.code, unit_bytes: entry.bytes });
            }
            // Read twice the same, so it is not that it was put anew or deleted meanwhile.
            if before == Some(entry.put_ms) {
                return Ok(if object.is_some() { Read::Damaged } else { Read::Not });
            }
            before = Some(entry.put_ms);
        }
    }

    /// The whole object, where the whole unit is meant, or the pieces from `first` on; `None`: the bucket has it no more.
    async fn object(
        &self,
        key: &UnitKey,
        entry: &Entry,
        first: usize,
        bytes: usize,
    ) -> Result<Option<Bytes>, StoreError> {
        let (from, length) = (record::piece_at(first), record::sealed_bytes(bytes) as u64);
        let is_whole = bytes == entry.bytes as usize;
        if let Some(object) = &entry.waiting {
            let (from, end) = (from as usize, (from + length) as usize);
            return Ok(Some(if is_whole { object.clone() } else { object.slice(from..end) }));
        }
        let range = (!is_whole).then(|| from..from + length);
        let fetched = self.told(self.remote.get(&object::name(key, &entry.code), range).await)?;
        Ok(match fetched {
            Fetched::Bytes(bytes) => Some(bytes),
            Fetched::TooShort => Some(Bytes::new()),
            Fetched::Absent => None,
        })
    }

    pub(super) fn units_list(&self, volume: u64, after: Option<UnitKey>, limit: usize) -> Vec<(UnitKey, u32, i64)> {
        let before = |volume| UnitKey { volume, stripe: u64::MAX, index: u32::MAX };
        let first = volume.checked_sub(1).map(before);
        let units = self.units();
        let listed = units.after(after.max(first)).take_while(|(key, _)| volume == 0 || key.volume == volume);
        listed.take(limit).map(|(key, entry)| (*key, entry.bytes, entry.put_ms)).collect()
    }

    /// Reads units after `after`, until about `bytes_max` of data were read or it has taken long enough.
    pub(super) fn units_verify(&self, after: Option<UnitKey>, bytes_max: u64) -> Result<Verified, StoreError> {
        self.is_listed()?;
        let (begun, mut verified) = (Instant::now(), Verified { last: after, ..Verified::default() });
        while verified.bytes < bytes_max && begun.elapsed() < VERIFY_TIME {
            let next: Vec<_> = self.units_list(0, verified.last, AT_ONCE);
            let Some((last, ..)) = next.last() else {
                verified.is_end = true;
                break;
            };
            verified.last = Some(*last);
            let reads = next.into_iter().map(|(key, bytes, _)| async move {
                Ok::<_, StoreError>((key, bytes, self.fetch(&(key, 0, 0)).await?))
            });
            let reads = stream::iter(reads).buffered(AT_ONCE).try_collect::<Vec<_>>();
            for (key, bytes, read) in self.runtime.block_on(reads)? {
                verified.bytes += u64::from(bytes);
                // One that was deleted meanwhile is not missed.
                let is_known = self.units().get(&key).is_some();
                if is_known && matches!(read, Read::Damaged | Read::Not) {
                    verified.damaged.push(key);
                }
            }
        }
        Ok(verified)
    }
}

/// Data and sums; `None`: they are damaged.
fn pieces(key: &UnitKey, entry: &Entry, object: &Bytes, first: usize, bytes: usize) -> Option<(Vec<u8>, Vec<u32>)> {
    let is_whole = bytes == entry.bytes as usize;
    let mut stored = if is_whole {
        let header = Header::from_bytes(object.get(..HEADER_BYTES)?.try_into().ok()?)?;
        if (header.key, header.code, header.bytes) != (*key, entry.code, entry.bytes) {
            return None;
        }
        object[HEADER_BYTES..].to_vec()
    } else {
        object.to_vec()
    };
    if stored.len() != record::sealed_bytes(bytes) {
        return None;
    }
    let sums = record::decode(&mut stored, key, first, bytes)?;
    Some((stored, sums))
}
