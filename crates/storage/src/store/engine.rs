//! One store: units in segments, found by an index in memory.
//!
//! Everything here blocks; callers run it off the runtime. Writers take turns at the log, and one sync serves all who
//! wait for it: whoever has to wait for another's sync most often finds afterwards that it covered him as well.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use mojette::damaged_unit;
use nix::fcntl::{FallocateFlags, fallocate};
use uuid::Uuid;

use super::StoreError;
use super::files::OpenFiles;
use super::home::Home;
use super::index::Index;
use super::read::Read;
use super::record::{self, Header, Kind, PIECE_BYTES, UNIT_BYTES_MAX, UnitCode, UnitKey};
use super::room::{self, Room};
use super::segment::{Found, SEGMENT_BYTES, Segment, SegmentId, write_parts};

/// A unit that is there and was put longer ago than this is written anew when it is put again, ms.
pub(super) const PUT_AGAIN_MS: i64 = 900_000;

/// A unit to store.
pub struct NewUnit {
    /// Its name.
    pub key: UnitKey,
    /// How its stripe is coded.
    pub code: UnitCode,
    /// Its bytes: at least one, at most [`UNIT_BYTES_MAX`].
    pub data: bytes::Bytes,
    /// CRC-32C of each [`PIECE_BYTES`] of the data.
    pub sums: Vec<u32>,
}

/// Where the next record goes.
#[derive(Debug)]
pub(super) struct Log {
    segment: Arc<Segment>,
    /// Its file, which stays open.
    file: Arc<File>,
    end: u64,
    order: u64,
}

/// An open store.
pub struct Store {
    pub(super) home: Home,
    size: Option<u64>,
    boot_id: String,
    files: Arc<OpenFiles>,
    log: Mutex<Log>,
    pub(super) index: RwLock<Index>,
    /// Written since they were last synced.
    dirty: Mutex<BTreeMap<SegmentId, Arc<File>>>,
    /// Records appended since the start.
    written: AtomicU64,
    /// How many of them are safe. Held by whoever syncs.
    synced: Mutex<u64>,
    /// A sync failed: nobody knows what the disk has, so nothing is promised any more until the next start.
    has_failed: AtomicBool,
    number: AtomicU64,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("home", &self.home).field("boot_id", &self.boot_id).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store in `dir`, or makes one, which takes at most `size` bytes, or what the disk has.
    ///
    /// # Errors
    /// `InUse`; `Directory` when it can't be read or written.
    pub fn open(dir: &Path, size: Option<u64>) -> Result<Self, StoreError> {
        let (home, number) = Home::open(dir)?;
        let at = |source| StoreError::Directory { path: home.segments(), source };
        let files = Arc::default();
        let (index, order) = load(&home.segments(), &files).map_err(at)?;
        let last =
            index.segments.last_key_value().filter(|(_, segment)| !segment.is_sealed && segment.end < SEGMENT_BYTES);
        let (segment, end) = match last {
            Some((_, last)) => (Arc::clone(&last.file), last.end),
            None => {
                let id = index.segments.last_key_value().map_or(0, |(id, _)| id + 1);
                (Arc::new(Segment::create(&home.segments(), id, &files).map_err(at)?), 0)
            }
        };
        let file = segment.file().map_err(at)?;
        let mut index = index;
        if end == 0 {
            index.segment_add(Arc::clone(&segment));
        }
        Ok(Self {
            size,
            boot_id: Uuid::now_v7().to_string(),
            files,
            log: Mutex::new(Log { segment, file, end, order }),
            index: RwLock::new(index),
            dirty: Mutex::default(),
            written: AtomicU64::new(0),
            synced: Mutex::new(0),
            has_failed: AtomicBool::new(false),
            number: AtomicU64::new(number.unwrap_or(0)),
            home,
        })
    }

    /// Who it is, wherever its directory is moved.
    pub fn uuid(&self) -> Uuid {
        self.home.uuid()
    }

    /// What people know it by: its directory's last part.
    pub fn name(&self) -> String {
        self.home.name()
    }

    /// New each time the store is opened: what was put under another one and not synced may be gone.
    pub fn boot_id(&self) -> &str {
        &self.boot_id
    }

    /// The number that the control plane gave it.
    pub fn number(&self) -> Option<u64> {
        Some(self.number.load(Ordering::Relaxed)).filter(|number| *number != 0)
    }

    /// Keeps the number that the control plane gave it.
    ///
    /// # Errors
    /// `Directory` when it can't be written.
    pub fn number_set(&self, number: u64) -> Result<(), StoreError> {
        if self.number() == Some(number) {
            return Ok(());
        }
        self.home.number_write(number)?;
        self.number.store(number, Ordering::Relaxed);
        Ok(())
    }

    /// Stores all units, or none of those from the first on that can't be. They are safe after [`Self::sync`].
    ///
    /// # Errors
    /// `Invalid`; `Conflict` when other bytes have the name; `Full`; `Disk`.
    pub fn put(&self, units: Vec<NewUnit>, now_ms: i64) -> Result<(), StoreError> {
        let headers = units.iter().map(|unit| new_header(unit, now_ms)).collect::<Result<Vec<_>, _>>()?;
        let wanted = headers.iter().map(Header::record_bytes).sum::<u64>();
        self.is_working()?;
        let mut log = self.log();
        let room = self.room()?;
        if room.free < wanted {
            return Err(StoreError::Full { free: room.free });
        }
        for (header, unit) in headers.into_iter().zip(&units) {
            if !self.is_there(unit, now_ms)? {
                self.append_new(&mut log, header, &unit.data, &unit.sums)?;
            }
        }
        Ok(())
    }

    /// Whether the very same unit is there and whole. A damaged one is not: putting it again mends it. Nor is one that was put
    /// long ago: whoever thinks by its age that it belongs to nothing has to see that somebody wants it.
    fn is_there(&self, unit: &NewUnit, now_ms: i64) -> Result<bool, StoreError> {
        let Some(entry) = self.index(|index| index.get(&unit.key)) else { return Ok(false) };
        if entry.bytes as usize != unit.data.len() || entry.code != unit.code {
            return Err(StoreError::Conflict(unit.key));
        }
        match self.get(&unit.key, 0, 0)? {
            Read::Piece { sums, .. } if sums == unit.sums => Ok(now_ms - entry.put_ms < PUT_AGAIN_MS),
            Read::Piece { .. } => Err(StoreError::Conflict(unit.key)),
            Read::Not | Read::Damaged => Ok(false),
        }
    }

    fn append_new(&self, log: &mut Log, header: Header, data: &[u8], sums: &[u32]) -> Result<(), StoreError> {
        let header = Header { order: log.order + 1, ..header };
        let (head, seals) = (header.to_bytes(), record::seals(&header.key, sums));
        self.append(log, &header, record::parts(&head, data, &seals))
    }

    /// Appends a whole record, whose parts these are.
    pub(super) fn append<'a>(
        &self,
        log: &mut Log,
        header: &Header,
        record: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), StoreError> {
        if log.end >= SEGMENT_BYTES {
            self.segment_begin(log).map_err(not_appended)?;
        }
        if let Err(error) = write_parts(&log.file, record, log.end) {
            // What is there of it would be taken for a record that was torn by a crash.
            log.file.set_len(log.end).map_err(not_appended)?;
            return Err(not_appended(error));
        }
        let found = Found { at: log.end, header: *header };
        log.end += header.record_bytes();
        log.order = log.order.max(header.order);
        self.index_change(|index| index.on_appended(log.segment.id, &found));
        lock(&self.dirty).insert(log.segment.id, Arc::clone(&log.file));
        // Last: whoever sees this count finds the segment among those to sync.
        self.written.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    /// The log goes on in a new segment.
    fn segment_begin(&self, log: &mut Log) -> io::Result<()> {
        let segment = Arc::new(Segment::create(&self.home.segments(), log.segment.id + 1, &self.files)?);
        let file = segment.file()?;
        self.index_change(|index| index.segment_add(Arc::clone(&segment)));
        (log.segment, log.file, log.end) = (segment, file, 0);
        Ok(())
    }

    /// Everything that was put or deleted before the call is safe when it returns.
    ///
    /// # Errors
    /// `OtherBoot` when what the caller has put, he put before the last start; `Disk`: nothing is certain.
    pub fn sync(&self, boot_id: Option<&str>) -> Result<(), StoreError> {
        if boot_id.is_some_and(|boot_id| boot_id != self.boot_id) {
            return Err(StoreError::OtherBoot);
        }
        let wanted = self.written.load(Ordering::SeqCst);
        let mut synced = lock(&self.synced);
        self.is_working()?;
        if *synced >= wanted {
            return Ok(());
        }
        let written = self.written.load(Ordering::SeqCst);
        for (id, file) in std::mem::take(&mut *lock(&self.dirty)) {
            file.sync_data().map_err(|source| {
                self.has_failed.store(true, Ordering::SeqCst);
                tracing::error!(
                    "segment {id:x} of {} could not be synced; this store takes nothing more until it is started again",
                    self.home.segments().display()
                );
                StoreError::Disk { what: "syncing a segment", source }
            })?;
        }
        *synced = written;
        Ok(())
    }

    /// Deletes the units that are there, durably, and gives their room back. One that was put at another time than is said
    /// with it stays.
    ///
    /// # Errors
    /// `Disk`: which ones are gone is not known; it may be asked again.
    pub fn delete(&self, units: &[(UnitKey, Option<i64>)], now_ms: i64) -> Result<(), StoreError> {
        self.is_working()?;
        let mut freed = Vec::new();
        for (key, put_ms) in units {
            let mut log = self.log();
            let found = self.index(|index| index.find(key));
            if let Some(found) = found.filter(|(entry, _)| put_ms.is_none_or(|put_ms| put_ms == entry.put_ms)) {
                let header = Header::tombstone(*key, now_ms);
                self.append_new(&mut log, header, &[], &[])?;
                freed.push(found);
            }
        }
        self.sync(None)?;
        for (entry, segment) in freed {
            let (from, length) = entry.pages();
            if length == 0 {
                continue;
            }
            let punch = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
            // Where that fails, the room comes back when the segment is compacted.
            let file = segment.file();
            let punched = file.map(|file| fallocate(&*file, punch, from.cast_signed(), length.cast_signed()));
            if !matches!(punched, Ok(Ok(()))) {
                tracing::debug!("{} keeps what was deleted: {punched:?}", segment.path.display());
            }
        }
        Ok(())
    }

    pub(super) fn room(&self) -> Result<Room, StoreError> {
        let used = self.index(Index::used_bytes);
        room::room(&self.home.segments(), self.size, used)
            .map_err(|errno| StoreError::Disk { what: "asking for free space", source: errno.into() })
    }

    pub(super) fn index<T>(&self, read: impl FnOnce(&Index) -> T) -> T {
        read(&self.index.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn index_change<T>(&self, change: impl FnOnce(&mut Index) -> T) -> T {
        change(&mut self.index.write().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn log(&self) -> MutexGuard<'_, Log> {
        lock(&self.log)
    }

    pub(super) fn is_working(&self) -> Result<(), StoreError> {
        if self.has_failed.load(Ordering::SeqCst) { Err(StoreError::Failed) } else { Ok(()) }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads all segments; what a crash left half written in the last one is cut off.
fn load(dir: &Path, files: &Arc<OpenFiles>) -> io::Result<(Index, u64)> {
    let ids = Segment::all(dir)?;
    let mut contents = Vec::with_capacity(ids.len());
    for id in &ids {
        let segment = Segment::open(dir, *id, files);
        let mut content = segment.content()?;
        if !content.is_sealed {
            // What a killed process wrote is in the system's memory: it must be safe before it counts as there.
            segment.file()?.sync_all()?;
        }
        if ids.last() == Some(id) && !content.is_sealed {
            segment.torn_tail_cut(&mut content)?;
        }
        contents.push((Arc::new(segment), content));
    }
    Ok(Index::load(contents))
}

fn not_appended(source: io::Error) -> StoreError {
    match source.kind() {
        io::ErrorKind::StorageFull => StoreError::Full { free: 0 },
        _ => StoreError::Disk { what: "appending to a segment", source },
    }
}

/// Checks a unit and makes its record's header, which lacks its order.
fn new_header(unit: &NewUnit, now_ms: i64) -> Result<Header, StoreError> {
    let bytes = unit.data.len();
    if !(1..=UNIT_BYTES_MAX).contains(&bytes) {
        return Err(StoreError::Invalid(format!("a unit has 1 to {UNIT_BYTES_MAX} bytes, not {bytes}")));
    }
    if !matches!(damaged_unit(&unit.data, PIECE_BYTES, &unit.sums), Ok(None)) {
        return Err(StoreError::Invalid("the bytes are not those of their checksums".to_owned()));
    }
    Ok(Header { kind: Kind::Unit, key: unit.key, code: unit.code, bytes: bytes as u32, put_ms: now_ms, order: 0 })
}

/// The same, with the record.
pub(super) fn new_record(unit: &NewUnit, now_ms: i64) -> Result<(Header, Vec<u8>), StoreError> {
    let header = new_header(unit, now_ms)?;
    Ok((header, record::encode(&header, &unit.data, &unit.sums)))
}
