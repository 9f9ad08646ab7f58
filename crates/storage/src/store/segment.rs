//! A segment: a file that records are appended to. Once it is full it is sealed: a sidecar beside it then lists its records,
//! so that a start reads the sidecar alone. Everything in the sidecar is in the segment as well.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use mojette::checksum;

use super::record::{self, ALIGNMENT, HEADER_BYTES, Header, Kind};

/// A segment is full with this many bytes; its last record may reach over it.
pub const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;
const SIDECAR_MAGIC: [u8; 8] = *b"AMUNIDX1";
const SIDECAR_HEAD_BYTES: usize = 24;
const ENTRY_BYTES: usize = 8 + HEADER_BYTES;

/// Number of a segment within its store; later ones have higher numbers.
pub(super) type SegmentId = u64;

/// A record found in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) at: u64,
    pub(super) header: Header,
}

/// An open segment.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) id: SegmentId,
    pub(super) file: File,
    pub(super) path: PathBuf,
}

/// What a segment holds.
pub(super) struct Content {
    pub(super) records: Vec<Found>,
    /// Where the next record goes.
    pub(super) end: u64,
    /// Whether a sidecar said so: then it is sealed, and safe on disk.
    pub(super) is_sealed: bool,
}

impl Segment {
    /// Makes a new, empty one. Its name is safe on disk once the directory was synced.
    pub(super) fn create(dir: &Path, id: SegmentId) -> io::Result<Self> {
        let path = path_of(dir, id);
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        File::open(dir)?.sync_all()?;
        Ok(Self { id, file, path })
    }

    pub(super) fn open(dir: &Path, id: SegmentId) -> io::Result<Self> {
        let path = path_of(dir, id);
        let file = File::options().read(true).write(true).open(&path)?;
        Ok(Self { id, file, path })
    }

    /// The numbers of all segments in `dir`, in order.
    pub(super) fn all(dir: &Path) -> io::Result<Vec<SegmentId>> {
        let mut ids = Vec::new();
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "seg") {
                ids.extend(path.file_stem().and_then(|stem| SegmentId::from_str_radix(stem.to_str()?, 16).ok()));
            }
        }
        ids.sort_unstable();
        Ok(ids)
    }

    /// Reads what it holds: from the sidecar, or where there is none, or one that can't be right, from the records.
    pub(super) fn content(&self) -> io::Result<Content> {
        let length = self.file.metadata()?.len();
        match self.sidecar_read(length) {
            Ok(Some(records)) => Ok(Content { records, end: length, is_sealed: true }),
            Ok(None) => self.scan(length),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.scan(length),
            Err(error) => Err(error),
        }
    }

    /// Reads all headers. Where one is damaged the next good one is looked for: what lies behind it is not lost.
    fn scan(&self, length: u64) -> io::Result<Content> {
        let (mut records, mut at) = (Vec::new(), 0);
        while let Some(found) = self.next(at, length)? {
            at = found.at + found.header.record_bytes();
            records.push(found);
        }
        Ok(Content { records, end: at, is_sealed: false })
    }

    /// The first whole record at or after `at`.
    fn next(&self, at: u64, length: u64) -> io::Result<Option<Found>> {
        if let Some(found) = self.record_at(at, length)? {
            return Ok(Some(found));
        }
        if at + HEADER_BYTES as u64 >= length {
            return Ok(None);
        }
        let mut rest = vec![0; (length - at) as usize];
        self.file.read_exact_at(&mut rest, at)?;
        for skipped in (ALIGNMENT..rest.len()).step_by(ALIGNMENT) {
            let Some(bytes) = rest.get(skipped..skipped + HEADER_BYTES) else { break };
            if is_record(bytes, at + skipped as u64, length).is_some() {
                return self.record_at(at + skipped as u64, length);
            }
        }
        Ok(None)
    }

    fn record_at(&self, at: u64, length: u64) -> io::Result<Option<Found>> {
        if at + HEADER_BYTES as u64 > length {
            return Ok(None);
        }
        let mut bytes = [0; HEADER_BYTES];
        self.file.read_exact_at(&mut bytes, at)?;
        Ok(is_record(&bytes, at, length).map(|header| Found { at, header }))
    }

    /// The records that a crash may have left half written are cut off. Those before were not promised to anybody either,
    /// but they are whole.
    pub(super) fn torn_tail_cut(&self, content: &mut Content) -> io::Result<()> {
        while let Some(last) = content.records.last() {
            if last.header.kind == Kind::Tombstone || self.unit_read(last)?.is_some() {
                break;
            }
            content.end = last.at;
            content.records.pop();
        }
        if content.end < self.file.metadata()?.len() {
            self.file.set_len(content.end)?;
        }
        self.file.sync_all()
    }

    /// The data and sums of a unit; `None` where it is damaged.
    fn unit_read(&self, found: &Found) -> io::Result<Option<Vec<u32>>> {
        let bytes = found.header.bytes as usize;
        let mut stored = vec![0; record::sealed_bytes(bytes)];
        self.file.read_exact_at(&mut stored, found.at + record::piece_at(0))?;
        Ok(record::decode(&mut stored, &found.header.key, 0, bytes))
    }

    /// Writes the sidecar. Call it once the segment is safe on disk and full.
    pub(super) fn sidecar_write(&self, records: &[Found]) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        let mut bytes = Vec::with_capacity(SIDECAR_HEAD_BYTES + records.len() * ENTRY_BYTES + 4);
        bytes.extend_from_slice(&SIDECAR_MAGIC);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&(records.len() as u64).to_le_bytes());
        for found in records {
            bytes.extend_from_slice(&found.at.to_le_bytes());
            bytes.extend_from_slice(&found.header.to_bytes());
        }
        let sum = checksum(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        let (path, new) = (self.sidecar(), self.path.with_extension("new"));
        let file = File::create(&new)?;
        file.write_all_at(&bytes, 0)?;
        file.sync_all()?;
        fs::rename(&new, path)
    }

    /// `None`: it is damaged, or not this segment's.
    fn sidecar_read(&self, length: u64) -> io::Result<Option<Vec<Found>>> {
        let bytes = fs::read(self.sidecar())?;
        let Some(body) = bytes.len().checked_sub(4).map(|end| &bytes[..end]) else { return Ok(None) };
        let is_ours = body.len() >= SIDECAR_HEAD_BYTES
            && body[..8] == SIDECAR_MAGIC
            && checksum(body) == record::u32_at(&bytes, body.len())
            && record::u64_at(body, 8) == length
            && record::u64_at(body, 16) as usize * ENTRY_BYTES == body.len() - SIDECAR_HEAD_BYTES;
        if !is_ours {
            tracing::warn!("the index {} is damaged; reading the segment instead", self.sidecar().display());
            return Ok(None);
        }
        let entries = body[SIDECAR_HEAD_BYTES..].chunks_exact(ENTRY_BYTES);
        Ok(entries
            .map(|entry| {
                is_record(&entry[8..], record::u64_at(entry, 0), length)
                    .map(|header| Found { at: record::u64_at(entry, 0), header })
            })
            .collect())
    }

    fn sidecar(&self) -> PathBuf {
        self.path.with_extension("idx")
    }

    /// Removes segment and sidecar. Who has it open reads on.
    pub(super) fn remove(&self) -> io::Result<()> {
        match fs::remove_file(self.sidecar()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        fs::remove_file(&self.path)
    }
}

/// The header, when the record at `at` lies within the segment.
fn is_record(bytes: &[u8], at: u64, length: u64) -> Option<Header> {
    let header = Header::from_bytes(bytes.first_chunk()?)?;
    (at + header.record_bytes() <= length).then_some(header)
}

fn path_of(dir: &Path, id: SegmentId) -> PathBuf {
    dir.join(format!("{id:012x}.seg"))
}
