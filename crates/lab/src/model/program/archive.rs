//! Unpacking an uploaded zip in memory. Nothing that the archive says of its sizes is believed: reading stops at the
//! bound, so a bomb costs no more than a plain upload of the same bound, however it is nested or overlapped.

use std::io::Read;

use flate2::bufread::DeflateDecoder;
use rawzip::{CompressionMethod, ZipArchive, ZipFileHeaderRecord, ZipSliceArchive};

use super::check::mib;
use super::{FILES_MAX, SOURCE_BYTES, SourceFile};
use crate::model::refusal::{Refusal, quotable};

/// Where macOS puts what is no content, in every zip it makes.
const NO_CONTENT: &str = "__MACOSX/";

/// The files of a zip, at most `room` bytes of them. Folders are left out, since paths say them.
pub(super) fn unpack(zip: &[u8], room: usize) -> Result<Vec<SourceFile>, Refusal> {
    let archive = ZipArchive::from_slice(zip).map_err(|_| Refusal::ZipInvalid {})?;
    let (mut entries, mut files, mut left) = (archive.entries(), Vec::new(), room);
    while let Some(entry) = entries.next_entry().map_err(|_| Refusal::ZipInvalid {})? {
        let path = std::str::from_utf8(entry.file_path().as_bytes()).map_err(|_| Refusal::ZipInvalid {})?;
        if entry.is_dir() || path.starts_with(NO_CONTENT) {
            continue;
        }
        if files.len() == FILES_MAX {
            return Err(Refusal::TooManyFiles { limit: FILES_MAX.to_string().into() });
        }
        let data = read(&archive, &entry, path, left)?;
        left -= data.len();
        files.push(SourceFile { path: path.to_owned(), data: data.into() });
    }
    Ok(files)
}

fn read(
    archive: &ZipSliceArchive<&[u8]>,
    entry: &ZipFileHeaderRecord<'_>,
    path: &str,
    left: usize,
) -> Result<Vec<u8>, Refusal> {
    if entry.mode().is_symlink() {
        return Err(Refusal::ZipLink { file: quotable(path) });
    }
    let method = entry.compression_method();
    let is_known = method == CompressionMethod::STORE || method == CompressionMethod::DEFLATE;
    if !is_known || entry.flags().is_encrypted() {
        return Err(Refusal::ZipMethod { file: quotable(path) });
    }
    let broken = || Refusal::ZipBroken { file: quotable(path) };
    let local = archive.get_entry(entry.wayfinder()).map_err(|_| broken())?;
    let unpacked: Box<dyn Read + '_> = match method == CompressionMethod::STORE {
        true => Box::new(local.data()),
        false => Box::new(DeflateDecoder::new(local.data())),
    };
    let mut data = Vec::new();
    // One byte more than there is room for tells that it is too much.
    let bounded = unpacked.take(left as u64 + 1);
    match local.verifying_reader(bounded).read_to_end(&mut data) {
        Ok(_) if data.len() <= left => Ok(data),
        // Cut short, it does not fit its checksum either.
        Ok(_) => Err(too_large()),
        Err(_) if data.len() > left => Err(too_large()),
        Err(_) => Err(broken()),
    }
}

fn too_large() -> Refusal {
    Refusal::SourceTooLarge { limit: mib(SOURCE_BYTES) }
}
