//! How much a store may take: what its operator set, and what its disk has.

use std::path::Path;

use nix::sys::statvfs::statvfs;

/// Of a store that may use the whole disk, the part that is left: as the file system itself reserves, but no more than this.
const RESERVE_BYTES_MAX: u64 = 10 << 30;
const RESERVE_PART: u64 = 20;
/// Left on the disk of a store with a size, so that it can still write down what is deleted.
const SIZED_RESERVE_BYTES: u64 = 64 << 20;

/// What a store may take, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) capacity: u64,
    pub(super) free: u64,
}

/// The room of a store on the disk of `dir` that has `used` bytes there; `size` is the most it may use.
pub(super) fn room(dir: &Path, size: Option<u64>, used: u64) -> nix::Result<Room> {
    let disk = statvfs(dir)?;
    let unit = disk.fragment_size();
    let available = disk.blocks_available() * unit;
    let reserve = match size {
        Some(_) => SIZED_RESERVE_BYTES,
        None => (disk.blocks() * unit / RESERVE_PART).min(RESERVE_BYTES_MAX),
    };
    let on_disk = available.saturating_sub(reserve);
    let capacity = size.unwrap_or(used + on_disk);
    Ok(Room { capacity, free: on_disk.min(capacity.saturating_sub(used)) })
}
