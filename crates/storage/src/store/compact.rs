//! What is done to segments in the background: full ones are sealed, those of little use are emptied and removed.

use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use super::StoreError;
use super::engine::Store;
use super::record::{Header, Kind, UnitKey};
use super::segment::{Found, SEGMENT_BYTES, Segment};

/// Bytes a second that compaction copies at most, so that it leaves the disk to others.
const BYTES_PER_SECOND: u64 = 64 << 20;

impl Store {
    /// Seals what is full, and compacts one segment of which less than half is alive, if there is one. Returns whether
    /// there may be more to do. It sleeps between copies; a stop in the middle loses nothing.
    ///
    /// # Errors
    /// `Disk`, or `Failed`.
    pub fn care(&self) -> Result<bool, StoreError> {
        self.seal()?;
        let Some(segment) = self.index(|index| {
            let sealed = index.segments.values().filter(|segment| segment.is_sealed);
            let sparse = sealed.filter(|segment| segment.alive_bytes < segment.end / 2);
            let sparse = sparse.filter(|segment| segment.unreadable_bytes != Some(segment.alive_bytes));
            sparse.min_by_key(|segment| segment.alive_bytes).map(|segment| Arc::clone(&segment.file))
        }) else {
            return Ok(false);
        };
        self.compact(&segment).map(|()| true)
    }

    /// Writes the sidecars of the segments that were filled.
    fn seal(&self) -> Result<(), StoreError> {
        let disk = |source| StoreError::Disk { what: "sealing a segment", source };
        let full = self.index(|index| {
            let full = index.segments.values().rev().skip(1).filter(|segment| !segment.is_sealed);
            full.map(|segment| Arc::clone(&segment.file)).collect::<Vec<_>>()
        });
        if full.is_empty() {
            return Ok(());
        }
        self.sync(None)?;
        for segment in full {
            let content = segment.content().map_err(disk)?;
            segment.sidecar_write(&content.records).map_err(disk)?;
            self.index_change(|index| {
                if let Some(occupancy) = index.segments.get_mut(&segment.id) {
                    occupancy.is_sealed = true;
                }
            });
        }
        Ok(())
    }

    /// Copies what is alive to the log's end, makes the copies safe, and removes the segment. What can't be read stays in it:
    /// the scrub finds it damaged, and the segment goes once it was put anew.
    fn compact(&self, segment: &Segment) -> Result<(), StoreError> {
        let disk = |source| StoreError::Disk { what: "compacting a segment", source };
        let mut copied = 0;
        for found in segment.content().map_err(disk)?.records {
            copied += self.copy(segment, &found)?.unwrap_or(0);
            if copied >= BYTES_PER_SECOND / 16 {
                std::thread::sleep(Duration::from_secs(1) / 16);
                copied = 0;
            }
        }
        self.sync(None)?;
        let left = self.index_change(|index| {
            let occupancy = index.segments.get_mut(&segment.id).filter(|occupancy| occupancy.alive_bytes > 0)?;
            occupancy.unreadable_bytes = Some(occupancy.alive_bytes);
            occupancy.unreadable_bytes
        });
        if let Some(bytes) = left {
            tracing::error!("{bytes} bytes of units in {} can't be read; it is kept for now", segment.path.display());
            return Ok(());
        }
        self.index_change(|index| index.segments.remove(&segment.id));
        segment.remove().map_err(disk)
    }

    /// Copies one record when it still counts, and returns how many bytes that were; `None`: it can't be read. It keeps its
    /// order and, should it be damaged, its damage.
    fn copy(&self, segment: &Segment, found: &Found) -> Result<Option<u64>, StoreError> {
        let header = &found.header;
        let mut record = vec![0; header.record_bytes() as usize];
        let mut log = self.log();
        if !self.counts(segment, found) {
            return Ok(Some(0));
        }
        // A tombstone is nothing but its header.
        if header.kind == Kind::Unit
            && let Err(error) = segment.file().and_then(|file| file.read_exact_at(&mut record, found.at))
        {
            tracing::debug!(error = &error as &dyn std::error::Error, "a unit of {} is left", segment.path.display());
            return Ok(None);
        }
        record[..super::record::HEADER_BYTES].copy_from_slice(&header.to_bytes());
        self.append(&mut log, header, std::iter::once(record.as_slice()))?;
        Ok(Some(header.record_bytes()))
    }

    /// Writes a unit anew whose header at rest is not what is known of it: a start would not find it.
    pub(super) fn header_mend(&self, key: &UnitKey) -> Result<(), StoreError> {
        let Some((entry, segment)) = self.index(|index| index.find(key)) else { return Ok(()) };
        let (found, mut bytes) = (entry.found(key), [0; super::record::HEADER_BYTES]);
        let read = segment.file().and_then(|file| file.read_exact_at(&mut bytes, found.at));
        if read.is_ok() && Header::from_bytes(&bytes) != Some(found.header) && self.copy(&segment, &found)?.is_some() {
            tracing::error!("the head of a unit in {} was damaged; it was written anew", segment.path.display());
        }
        Ok(())
    }

    /// Whether the record is that of a unit alive, or of a deleted unit that an older segment may still hold.
    fn counts(&self, segment: &Segment, found: &Found) -> bool {
        let Header { kind, key, order, .. } = found.header;
        self.index(|index| match kind {
            Kind::Unit => {
                index.get(&key).is_some_and(|entry| entry.segment == segment.id && u64::from(entry.at) == found.at)
            }
            Kind::Tombstone => {
                index.get(&key).is_none()
                    && index.segments.values().any(|other| other.file.id != segment.id && other.order_min < order)
            }
        })
    }
}

// A record's place is kept in 32 bits.
const _: () = assert!(SEGMENT_BYTES < u32::MAX as u64);
