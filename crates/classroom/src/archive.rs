//! Archives of recordings, as Scalelite's script on a conference server packs them: `FORMAT/RECORDING/…` with a
//! `metadata.xml` in each. They are read as a stream and unpacked beside where they go; nothing of them is trusted.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use tar::{Archive, EntryType};

use crate::model::metadata::{Description, DescriptionError};
use crate::model::recording::{Format, RecordingId};

/// The file that describes a recording.
const METADATA: &str = "metadata.xml";
const METADATA_BYTES_MAX: u64 = 4 << 20;
/// A header that has a long name in it, at most.
const EXTENSION_BYTES_MAX: u64 = 64 << 10;
/// Where captions are kept, beside the formats.
const TRACKS: &str = "tracks";

/// How much an archive may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) entries: u64,
    /// Unpacked.
    pub(crate) bytes: u64,
}

impl Limits {
    pub(crate) const USUAL: Self = Self { entries: 100_000, bytes: 20 << 30 };
}

/// Why an archive is not taken. `Display` says it in words that follow "The archive".
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    #[error("is cut off, or is no tar")]
    CutOff(#[source] Option<io::Error>),
    #[error("holds {0:?}, which leads out of its folder")]
    Path(String),
    #[error("holds {0:?}, which is neither a file nor a folder")]
    Kind(String),
    #[error("holds {0:?}, which is not where a recording's files are: FORMAT/RECORDING/…")]
    Place(String),
    #[error("holds more than {0} entries")]
    Entries(u64),
    #[error("holds more than {0} bytes")]
    Bytes(u64),
    #[error("holds no recording")]
    Empty,
    #[error("has no metadata.xml for {0}")]
    NoMetadata(String),
    #[error("has a metadata.xml for {place} that can't be read: {source}")]
    Metadata {
        place: String,
        #[source]
        source: DescriptionError,
    },
    #[error("has a metadata.xml for {place} that describes the recording {found}")]
    OtherRecording { place: String, found: String },
    /// Our disk, not the archive.
    #[error("could not be unpacked")]
    Disk(#[source] io::Error),
}

/// A recording in one format, unpacked.
#[derive(Debug)]
pub(crate) struct Part {
    /// The folder it was packed in, which its addresses begin with.
    pub(crate) folder: Format,
    pub(crate) description: Description,
    /// Where its files are now.
    pub(crate) path: PathBuf,
}

/// Unpacks an archive into the folder `into`, which is there and empty, and makes it durable. It blocks.
///
/// # Errors
/// See [`ArchiveError`]; what was unpacked until then stays in `into`.
pub(crate) fn unpack(mut archive: impl Read + Seek, into: &Path, limits: Limits) -> Result<Vec<Part>, ArchiveError> {
    ends_whole(&mut archive)?;
    headers_check(&mut archive, limits)?;
    let cut_off = |error| ArchiveError::CutOff(Some(error));
    let mut places: BTreeMap<(Format, RecordingId), PathBuf> = BTreeMap::new();
    let (mut entries, mut bytes) = (0u64, 0u64);
    let mut archive = Archive::new(archive);
    for entry in archive.entries().map_err(cut_off)? {
        let mut entry = entry.map_err(cut_off)?;
        entries += 1;
        if entries > limits.entries {
            return Err(ArchiveError::Entries(limits.entries));
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let kind = entry.header().entry_type();
        if kind == EntryType::XGlobalHeader {
            continue;
        }
        if !matches!(kind, EntryType::Regular | EntryType::Continuous | EntryType::Directory) {
            return Err(ArchiveError::Kind(name));
        }
        let parts = parts_of(&name)?;
        let is_folder = kind == EntryType::Directory;
        let Some(place) = place_of(&name, &parts, is_folder)? else { continue };
        let path = parts.iter().fold(into.to_owned(), |path, part| path.join(part));
        places.entry(place).or_insert_with(|| into.join(parts[0]).join(parts[1]));
        if is_folder {
            std::fs::create_dir_all(&path).map_err(|error| disk(error, &name))?;
            continue;
        }
        bytes = bytes.saturating_add(entry.size());
        if bytes > limits.bytes {
            return Err(ArchiveError::Bytes(limits.bytes));
        }
        file_write(&mut entry, &path, &name)?;
    }
    let parts: Result<Vec<Part>, _> = places.into_iter().map(part_read).collect();
    let parts = parts?;
    if parts.is_empty() {
        return Err(ArchiveError::Empty);
    }
    // One call for all files: a presentation has thousands.
    File::open(into).and_then(|folder| Ok(rustix::fs::syncfs(&folder)?)).map_err(ArchiveError::Disk)?;
    Ok(parts)
}

/// A tar ends with two blocks of zeros: one that was cut off between two entries lacks them.
fn ends_whole(archive: &mut (impl Read + Seek)) -> Result<(), ArchiveError> {
    let cut_off = |error| ArchiveError::CutOff(Some(error));
    let mut end = [1u8; 1024];
    archive.seek(SeekFrom::End(-(end.len() as i64))).map_err(cut_off)?;
    archive.read_exact(&mut end).map_err(cut_off)?;
    archive.seek(SeekFrom::Start(0)).map_err(cut_off)?;
    if end.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(ArchiveError::CutOff(None)) }
}

/// Refuses headers that are made to fill the memory: those with long names in them are read whole.
fn headers_check(archive: &mut (impl Read + Seek), limits: Limits) -> Result<(), ArchiveError> {
    use EntryType as T;
    let cut_off = |error| ArchiveError::CutOff(Some(error));
    let mut entries = 0;
    for entry in Archive::new(&mut *archive).entries_with_seek().map_err(cut_off)?.raw(true) {
        let entry = entry.map_err(cut_off)?;
        let kind = entry.header().entry_type();
        let is_extension = matches!(kind, T::GNULongName | T::GNULongLink | T::XHeader | T::XGlobalHeader);
        if is_extension && entry.size() > EXTENSION_BYTES_MAX {
            return Err(ArchiveError::Kind("a header of its own".to_owned()));
        }
        entries += 1;
        // Each entry may have two of them.
        if entries > limits.entries.saturating_mul(3) {
            return Err(ArchiveError::Entries(limits.entries));
        }
    }
    archive.seek(SeekFrom::Start(0)).map_err(cut_off)?;
    Ok(())
}

/// The parts of an entry's path, `./` in front left out.
fn parts_of(name: &str) -> Result<Vec<&str>, ArchiveError> {
    let part = |component| match component {
        Component::Normal(part) => part.to_str().filter(|part| !part.contains(['\0', '\u{fffd}'])),
        Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => None,
    };
    let components = Path::new(name).components().filter(|component| *component != Component::CurDir);
    let parts: Option<Vec<&str>> = components.map(part).collect();
    parts.ok_or_else(|| ArchiveError::Path(name.to_owned()))
}

/// The recording that an entry belongs to; `None` for the folders above it.
fn place_of(name: &str, parts: &[&str], is_folder: bool) -> Result<Option<(Format, RecordingId)>, ArchiveError> {
    let refused = || ArchiveError::Place(name.to_owned());
    let least = if is_folder { 2 } else { 3 };
    if parts.len() < least {
        return if is_folder { Ok(None) } else { Err(refused()) };
    }
    let format = Format::parse(parts[0]).filter(|_| parts[0] != TRACKS).ok_or_else(refused)?;
    Ok(Some((format, RecordingId::parse(parts[1]).ok_or_else(refused)?)))
}

/// Names that no file system takes, and those that are a file and a folder, are the archive's fault; the rest is the disk's.
fn disk(error: io::Error, name: &str) -> ArchiveError {
    use io::ErrorKind as E;
    match error.kind() {
        E::InvalidFilename | E::NotADirectory | E::IsADirectory | E::AlreadyExists => {
            ArchiveError::Place(name.chars().take(200).collect())
        }
        _ => ArchiveError::Disk(error),
    }
}

fn file_write(entry: &mut tar::Entry<'_, impl Read>, path: &Path, name: &str) -> Result<(), ArchiveError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| disk(error, name))?;
    }
    let mut file = File::create(path).map_err(|error| disk(error, name))?;
    let size = entry.size();
    match io::copy(entry, &mut file) {
        Ok(copied) if copied == size => Ok(()),
        Ok(_) => Err(ArchiveError::CutOff(None)),
        Err(error) => Err(ArchiveError::Disk(error)),
    }
}

fn part_read(((folder, id), path): ((Format, RecordingId), PathBuf)) -> Result<Part, ArchiveError> {
    let place = format!("{}/{id}", folder.as_str());
    let file = match File::open(path.join(METADATA)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(ArchiveError::NoMetadata(place)),
        Err(error) => return Err(disk(error, &place)),
    };
    let mut xml = Vec::new();
    file.take(METADATA_BYTES_MAX).read_to_end(&mut xml).map_err(|error| disk(error, &place))?;
    let description = match Description::parse(&xml) {
        Ok(description) => description,
        Err(source) => return Err(ArchiveError::Metadata { place, source }),
    };
    if description.id != id {
        return Err(ArchiveError::OtherRecording { place, found: description.id.to_string() });
    }
    Ok(Part { folder, description, path })
}

#[cfg(test)]
pub(crate) mod tests;
