//! Which unit is where, in memory. It is made again from the segments at each start.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use super::record::{self, Header, Kind, UnitCode, UnitKey};
use super::segment::{Content, Found, Segment, SegmentId};

/// Size of the pages that a disk gives back.
const PAGE_BYTES: u64 = 4096;

/// Where a unit is, and what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) segment: SegmentId,
    /// Where in the segment its record begins.
    pub(super) at: u32,
    pub(super) bytes: u32,
    pub(super) code: UnitCode,
    pub(super) put_ms: i64,
    pub(super) order: u64,
}

impl Entry {
    pub(super) fn new(segment: SegmentId, at: u64, header: &Header) -> Self {
        // A segment's last record begins below 64 MiB.
        let at = at as u32;
        Self { segment, at, bytes: header.bytes, code: header.code, put_ms: header.put_ms, order: header.order }
    }

    /// The record that it was made of.
    pub(super) fn found(&self, key: &UnitKey) -> Found {
        let Self { code, bytes, put_ms, order, .. } = *self;
        let header = Header { kind: Kind::Unit, key: *key, code, bytes, put_ms, order };
        Found { at: self.at.into(), header }
    }

    /// The whole pages of its data, as offset and length: what can be given back to the disk once it is deleted.
    pub(super) fn pages(&self) -> (u64, u64) {
        let from = (u64::from(self.at) + record::piece_at(0)).next_multiple_of(PAGE_BYTES);
        let end = (u64::from(self.at) + record::record_bytes(self.bytes)) / PAGE_BYTES * PAGE_BYTES;
        (from, end.saturating_sub(from))
    }
}

/// What a segment holds.
#[derive(Debug)]
pub(super) struct Occupancy {
    pub(super) file: Arc<Segment>,
    /// Bytes written.
    pub(super) end: u64,
    /// Bytes of records of units that are alive.
    pub(super) alive_bytes: u64,
    /// Bytes given back to the disk.
    punched_bytes: u64,
    /// The lowest order of its units, alive or not.
    pub(super) order_min: u64,
    pub(super) is_sealed: bool,
    /// What of it was alive when it was to be compacted and could not all be read.
    pub(super) unreadable_bytes: Option<u64>,
}

/// See the module's head.
#[derive(Debug, Default)]
pub(super) struct Index {
    units: BTreeMap<UnitKey, Entry>,
    pub(super) segments: BTreeMap<SegmentId, Occupancy>,
}

impl Index {
    pub(super) fn len(&self) -> usize {
        self.units.len()
    }

    /// Bytes on disk.
    pub(super) fn used_bytes(&self) -> u64 {
        self.segments.values().map(|segment| segment.end.saturating_sub(segment.punched_bytes)).sum()
    }

    pub(super) fn get(&self, key: &UnitKey) -> Option<Entry> {
        self.units.get(key).copied()
    }

    /// The unit's place with the open file.
    pub(super) fn find(&self, key: &UnitKey) -> Option<(Entry, Arc<Segment>)> {
        let entry = self.get(key)?;
        Some((entry, Arc::clone(&self.segments.get(&entry.segment)?.file)))
    }

    /// Units after `after`, in order.
    pub(super) fn after(&self, after: Option<UnitKey>) -> impl Iterator<Item = (&UnitKey, &Entry)> {
        self.units.range((after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded))
    }

    pub(super) fn segment_add(&mut self, file: Arc<Segment>) {
        let empty = Occupancy {
            file: Arc::clone(&file),
            end: 0,
            alive_bytes: 0,
            punched_bytes: 0,
            order_min: u64::MAX,
            is_sealed: false,
            unreadable_bytes: None,
        };
        self.segments.insert(file.id, empty);
    }

    /// A record was appended.
    pub(super) fn on_appended(&mut self, segment: SegmentId, found: &Found) {
        if let Some(occupancy) = self.segments.get_mut(&segment) {
            occupancy.end = found.at + found.header.record_bytes();
            if found.header.kind == Kind::Unit {
                occupancy.order_min = occupancy.order_min.min(found.header.order);
            }
        }
        match found.header.kind {
            Kind::Unit => self.insert(found.header.key, Entry::new(segment, found.at, &found.header)),
            Kind::Tombstone => {
                self.remove(&found.header.key);
            }
        }
    }

    fn insert(&mut self, key: UnitKey, entry: Entry) {
        if let Some(former) = self.units.insert(key, entry) {
            self.release(&former);
        }
        if let Some(occupancy) = self.segments.get_mut(&entry.segment) {
            occupancy.alive_bytes += record::record_bytes(entry.bytes);
        }
    }

    fn remove(&mut self, key: &UnitKey) {
        if let Some(former) = self.units.remove(key) {
            self.release(&former);
        }
    }

    fn release(&mut self, entry: &Entry) {
        if let Some(occupancy) = self.segments.get_mut(&entry.segment) {
            occupancy.alive_bytes = occupancy.alive_bytes.saturating_sub(record::record_bytes(entry.bytes));
            occupancy.punched_bytes += entry.pages().1;
        }
    }

    /// Makes the index of what was found in all segments, in their order, and the highest order of a record.
    pub(super) fn load(contents: Vec<(Arc<Segment>, Content)>) -> (Self, u64) {
        let mut index = Self::default();
        let (mut highest, mut dead) = (0, HashMap::<UnitKey, u64>::new());
        for (_, content) in &contents {
            for Found { header, .. } in &content.records {
                highest = highest.max(header.order);
                if header.kind == Kind::Tombstone {
                    let order = dead.entry(header.key).or_default();
                    *order = header.order.max(*order);
                }
            }
        }
        for (file, content) in contents {
            let id = file.id;
            index.segment_add(file);
            for found in content.records.iter().filter(|found| found.header.kind == Kind::Unit) {
                let header = &found.header;
                let is_dead = dead.get(&header.key).is_some_and(|order| *order > header.order);
                let is_old = index.get(&header.key).is_some_and(|entry| entry.order > header.order);
                let entry = Entry::new(id, found.at, header);
                if is_dead || is_old {
                    index.release(&entry);
                } else {
                    index.insert(header.key, entry);
                }
            }
            let Some(occupancy) = index.segments.get_mut(&id) else { continue };
            let units = content.records.iter().filter(|found| found.header.kind == Kind::Unit);
            occupancy.order_min = units.map(|found| found.header.order).min().unwrap_or(u64::MAX);
            (occupancy.end, occupancy.is_sealed) = (content.end, content.is_sealed);
        }
        (index, highest)
    }
}
