//! The directories of rooms that have no root of their own: one in the temporary directory for each helper, one in it for
//! each slot, and in that one for each room.
//!
//! The helper's is locked as long as it or a process of its own lives. So the next helper, of whatever agent, tells what a
//! dead one left from what is in use, even where two of them don't see each other's processes.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::libc;
use nix::unistd::{Gid, Uid, chown, geteuid, mkdtemp};

const PREFIX: &str = "amphi-rooms-";
/// Until it is locked, so that another helper doesn't take it for a dead one's.
const UNLOCKED: &str = "amphi-new-rooms-";
/// Programs may be another user's; they pass, and see no names.
const PASSABLE: u32 = 0o711;

/// One helper's directory.
pub(super) struct Rooms {
    dir: PathBuf,
    /// Keepers and inits inherit it, programs don't.
    _lock: File,
}

impl Rooms {
    /// Makes the directory.
    pub(super) fn make() -> io::Result<Self> {
        let all = std::env::temp_dir();
        let new = made(&all.join(UNLOCKED))?;
        let lock = File::open(&new)?;
        lock.try_lock()?;
        fs::set_permissions(&new, Permissions::from_mode(PASSABLE))?;
        let name = new.to_string_lossy().replace(UNLOCKED, PREFIX);
        fs::rename(&new, &name)?;
        Ok(Self { dir: name.into(), _lock: lock })
    }

    /// The directory of slot `index`, without what an earlier keeper of the slot left.
    pub(super) fn slot(&self, index: usize) -> io::Result<PathBuf> {
        let dir = self.dir.join(index.to_string());
        // What can't be removed stays until the helper's end; rooms in there have names of their own.
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir)?;
        fs::set_permissions(&dir, Permissions::from_mode(PASSABLE))?;
        Ok(dir)
    }

    /// Removes all of it. What can't be removed stays for the next helper.
    pub(super) fn remove(&self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Removes what helpers of the same user left that were killed.
pub(super) fn sweep() {
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX)) {
            // What can't be removed now may be another time.
            let _ = sweep_one(&entry.path());
        }
    }
}

fn sweep_one(dir: &Path) -> io::Result<()> {
    // Anybody may make links there.
    let lock = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_DIRECTORY).open(dir)?;
    if lock.metadata()?.uid() == geteuid().as_raw() && lock.try_lock().is_ok() {
        fs::remove_dir_all(dir)?;
    }
    Ok(())
}

/// A directory for one room, in that of its slot. `owner` is whose it is, where it isn't the caller's.
pub(super) fn room_make(slot: &Path, owner: Option<u32>) -> io::Result<PathBuf> {
    let dir = made(&slot.join("room-"))?;
    if let Some(owner) = owner {
        chown(&dir, Some(Uid::from_raw(owner)), Some(Gid::from_raw(owner)))?;
    }
    Ok(dir)
}

/// A directory that nobody else has, with a name that starts with `prefix`.
fn made(prefix: &Path) -> io::Result<PathBuf> {
    let mut template = prefix.as_os_str().to_owned();
    template.push("XXXXXX");
    Ok(mkdtemp(template.as_os_str())?)
}
