//! One process owns an SQLite file. Two would not hear each other's events.
//!
//! The lock is the kernel's, so it goes however the process ends. It is on a file beside the database: a handle of the
//! database itself, when closed, would end SQLite's own locks. That file stays, since removing it would let two in.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use crate::error::DbError;

/// How long to wait for a handle that was dropped and still writes, or for a process that is just ending.
const LIMIT: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Locks the database `path` for as long as the answer is kept. Errors: `Open` when somebody else has it.
pub(super) async fn lock(path: &Path) -> Result<File, DbError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let cannot = |source: io::Error| DbError::Open {
        reason: format!("the lock file {} can't be locked", name.display()),
        source: Some(source.into()),
    };
    let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&name).map_err(cannot)?;
    let locked = async {
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(LOOK_AGAIN).await,
                Err(TryLockError::Error(source)) => return Err(cannot(source)),
            }
        }
    };
    tokio::time::timeout(LIMIT, locked).await.unwrap_or_else(|_| {
        let reason = format!(
            "{} is in use by another process; stop that one, or take PostgreSQL or MariaDB to run several",
            path.display()
        );
        Err(DbError::Open { reason, source: None })
    })?;
    Ok(file)
}
