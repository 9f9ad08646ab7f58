//! A store's directory: `store.json` (who it is), `lock` (held while it is open) and `segments/`.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::StoreError;

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Identity {
    version: u32,
    uuid: Uuid,
    /// The number that the control plane gave it; none before it was first announced.
    number: Option<u64>,
}

/// A locked directory. Dropping it gives the lock back.
#[derive(Debug)]
pub(super) struct Home {
    dir: PathBuf,
    uuid: Uuid,
    _lock: File,
}

impl Home {
    /// Makes the directory when it is missing, and locks it. The number is the one kept, if any.
    pub(super) fn open(dir: &Path) -> Result<(Self, Option<u64>), StoreError> {
        let at = |path: &Path| {
            let path = path.to_path_buf();
            move |source| StoreError::Directory { path, source }
        };
        let segments = dir.join("segments");
        fs::create_dir_all(&segments).map_err(at(&segments))?;
        let path = dir.join("lock");
        let lock = File::options().write(true).create(true).truncate(false).open(&path).map_err(at(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse(dir.to_path_buf())),
            Err(TryLockError::Error(source)) => return Err(at(&path)(source)),
        }
        let path = dir.join("store.json");
        let identity = match fs::read(&path) {
            Ok(json) => read(&json).map_err(at(&path))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let identity = Identity { version: VERSION, uuid: Uuid::now_v7(), number: None };
                write(&path, &identity).map_err(at(&path))?;
                identity
            }
            Err(error) => return Err(at(&path)(error)),
        };
        Ok((Self { dir: dir.to_path_buf(), uuid: identity.uuid, _lock: lock }, identity.number))
    }

    pub(super) fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// The directory's last part.
    pub(super) fn name(&self) -> String {
        let dir = std::path::absolute(&self.dir).unwrap_or_else(|_| self.dir.clone());
        dir.file_name().map_or_else(|| dir.display().to_string(), |name| name.to_string_lossy().into_owned())
    }

    pub(super) fn segments(&self) -> PathBuf {
        self.dir.join("segments")
    }

    /// Keeps the number, so that the store can be served before the control plane is reached.
    pub(super) fn number_write(&self, number: u64) -> Result<(), StoreError> {
        let path = self.dir.join("store.json");
        let identity = Identity { version: VERSION, uuid: self.uuid, number: Some(number) };
        write(&path, &identity).map_err(|source| StoreError::Directory { path, source })
    }
}

fn read(json: &[u8]) -> io::Result<Identity> {
    let identity: Identity = serde_json::from_slice(json)?;
    if identity.version == VERSION { Ok(identity) } else { Err(io::Error::other("it is of a newer version")) }
}

/// Writes beside and renames, so that a crash leaves the old text or the new one.
fn write(path: &Path, identity: &Identity) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(&serde_json::to_vec(identity)?)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(path.parent().unwrap_or(path))?.sync_all()
}
