//! A segment: a file that records are appended to. Once it is full it is sealed: a sidecar beside it then lists its records,
//! so that a start reads the sidecar alone. Everything in the sidecar is in the segment as well.

use std::fs::{self, File};
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mojette::checksum;
use rustix::io::{Errno, pwritev};

use super::files::OpenFiles;
use super::record::{self, ALIGNMENT, HEADER_BYTES, Header, Kind};

/// A segment is full with this many bytes; its last record may reach over it.
pub const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;
/// Parts that the system takes in one call at most (`IOV_MAX`).
const PARTS_MAX: usize = 1_024;
const SIDECAR_MAGIC: [u8; 8] = *b"AMUNIDX1";
const SIDECAR_HEAD_BYTES: usize = 24;
const ENTRY_BYTES: usize = 8 + HEADER_BYTES;
/// Where a part of a disk can't be read, the rest is read in steps of this length.
const SECTOR_BYTES: usize = 4096;

/// Number of a segment within its store; later ones have higher numbers.
pub(super) type SegmentId = u64;

/// A record found in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) at: u64,
    pub(super) header: Header,
}

/// A segment, whose file is open while it is used.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) id: SegmentId,
    pub(super) path: PathBuf,
    files: Arc<OpenFiles>,
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
    pub(super) fn create(dir: &Path, id: SegmentId, files: &Arc<OpenFiles>) -> io::Result<Self> {
        let path = path_of(dir, id);
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        if let Err(error) = File::open(dir).and_then(|dir| dir.sync_all()) {
            // Its name has to be free when it is tried again.
            fs::remove_file(&path)?;
            return Err(error);
        }
        files.keep(id, &Arc::new(file));
        Ok(Self { id, path, files: Arc::clone(files) })
    }

    pub(super) fn open(dir: &Path, id: SegmentId, files: &Arc<OpenFiles>) -> Self {
        Self { id, path: path_of(dir, id), files: Arc::clone(files) }
    }

    /// Its file, to read and write.
    ///
    /// # Errors
    /// The system's, when it has to be opened and can't be: it was removed, perhaps.
    pub(super) fn file(&self) -> io::Result<Arc<File>> {
        self.files.get(self.id, &self.path)
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
        let file = self.file()?;
        let length = file.metadata()?.len();
        match self.sidecar_read(length) {
            Ok(Some(records)) => return Ok(Content { records, end: length, is_sealed: true }),
            Err(error) if error.kind() != io::ErrorKind::NotFound => self.unreadable(&error),
            Ok(None) | Err(_) => {}
        }
        Ok(self.scan(&file, length))
    }

    fn unreadable(&self, error: &io::Error) {
        let error: &dyn std::error::Error = error;
        tracing::error!(error, "a part of {} or of its index can't be read", self.path.display());
    }

    /// Reads all headers. Where one is damaged or can't be read the next good one is looked for: what lies behind it is not
    /// lost.
    fn scan(&self, file: &File, length: u64) -> Content {
        let (mut records, mut at) = (Vec::new(), 0);
        while let Some(found) = self.next(file, at, length) {
            at = found.at + found.header.record_bytes();
            records.push(found);
        }
        Content { records, end: at, is_sealed: false }
    }

    /// The first whole record at or after `at`.
    fn next(&self, file: &File, at: u64, length: u64) -> Option<Found> {
        let mut bytes = [0; HEADER_BYTES];
        if at + HEADER_BYTES as u64 > length {
            return None;
        }
        if file.read_exact_at(&mut bytes, at).is_ok()
            && let Some(header) = is_record(&bytes, at, length)
        {
            return Some(Found { at, header });
        }
        let rest = self.rest(file, at, length);
        (ALIGNMENT..rest.len()).step_by(ALIGNMENT).find_map(|skipped| {
            let at = at + skipped as u64;
            let header = is_record(rest.get(skipped..skipped + HEADER_BYTES)?, at, length)?;
            Some(Found { at, header })
        })
    }

    /// What is there from `at` on; zeros where it can't be read.
    fn rest(&self, file: &File, at: u64, length: u64) -> Vec<u8> {
        let mut rest = vec![0; (length - at) as usize];
        if let Err(error) = file.read_exact_at(&mut rest, at) {
            self.unreadable(&error);
            rest.fill(0);
            for (number, part) in rest.chunks_mut(SECTOR_BYTES).enumerate() {
                if file.read_exact_at(part, at + (number * SECTOR_BYTES) as u64).is_err() {
                    part.fill(0);
                }
            }
        }
        rest
    }

    /// The records that a crash may have left half written are cut off. Those before were not promised to anybody either,
    /// but they are whole.
    pub(super) fn torn_tail_cut(&self, content: &mut Content) -> io::Result<()> {
        let file = self.file()?;
        while let Some(last) = content.records.last() {
            if last.header.kind == Kind::Tombstone || is_whole(&file, last) {
                break;
            }
            content.end = last.at;
            content.records.pop();
        }
        if content.end < file.metadata()?.len() {
            file.set_len(content.end)?;
        }
        file.sync_all()
    }

    /// Writes the sidecar. Call it once the segment is safe on disk and full.
    pub(super) fn sidecar_write(&self, records: &[Found]) -> io::Result<()> {
        let length = self.file()?.metadata()?.len();
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
        self.files.forget(self.id);
        match fs::remove_file(self.sidecar()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        fs::remove_file(&self.path)
    }
}

/// Writes the parts one after the other, from `at` on.
pub(super) fn write_parts<'a>(file: &File, parts: impl Iterator<Item = &'a [u8]>, mut at: u64) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = parts.map(IoSlice::new).collect();
    let mut rest = slices.as_mut_slice();
    while !rest.is_empty() {
        let written = match pwritev(file, &rest[..rest.len().min(PARTS_MAX)], at) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => written,
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(errno.into()),
        };
        IoSlice::advance_slices(&mut rest, written);
        at += written as u64;
    }
    Ok(())
}

/// Whether a unit's record is there to its end and fits its checksums. One that can't be read was not torn by a crash.
fn is_whole(file: &File, found: &Found) -> bool {
    let bytes = found.header.bytes as usize;
    let mut stored = vec![0; record::sealed_bytes(bytes)];
    match file.read_exact_at(&mut stored, found.at + record::piece_at(0)) {
        Ok(()) => record::decode(&mut stored, &found.header.key, 0, bytes).is_some(),
        Err(_) => true,
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
