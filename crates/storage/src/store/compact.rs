//! What is done to segments in the background: full ones are sealed, those of little use are emptied and removed.

use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use super::StoreError;
use super::engine::Store;
use super::record::{Header, Kind};
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

    /// Copies what is alive to the log's end, makes the copies safe, and removes the segment.
    fn compact(&self, segment: &Segment) -> Result<(), StoreError> {
        let disk = |source| StoreError::Disk { what: "compacting a segment", source };
        let mut copied = 0;
        for found in segment.content().map_err(disk)?.records {
            copied += self.copy(segment, &found)?;
            if copied >= BYTES_PER_SECOND / 16 {
                std::thread::sleep(Duration::from_secs(1) / 16);
                copied = 0;
            }
        }
        self.sync(None)?;
        self.index_change(|index| index.segments.remove(&segment.id));
        segment.remove().map_err(disk)
    }

    /// Copies one record when it still counts, and returns how many bytes that were. It keeps its order and, should it be
    /// damaged, its damage.
    fn copy(&self, segment: &Segment, found: &Found) -> Result<u64, StoreError> {
        let header = &found.header;
        let mut record = vec![0; header.record_bytes() as usize];
        let mut log = self.log();
        if !self.counts(segment, found) {
            return Ok(0);
        }
        if let Err(source) = segment.file.read_exact_at(&mut record, found.at) {
            return Err(StoreError::Disk { what: "reading a segment", source });
        }
        record[..super::record::HEADER_BYTES].copy_from_slice(&header.to_bytes());
        self.append(&mut log, header, &record)?;
        Ok(header.record_bytes())
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
