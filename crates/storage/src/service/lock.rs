//! Locks between sessions of one name space.

use std::time::Duration;

use db::{DbError, Write};

use crate::Storage;
use crate::model::lock::{FILES_MAX, FileLocks, Held};
use crate::namespace::NamespaceError;
use crate::queries::lock::{LOCKED, lock_against, locks_set, topic};
use crate::queries::session::session_get;
use crate::queries::space::{STALE, space_get};

/// How long a call waits for a lock to become free, at most.
const WAIT_LIMIT: Duration = Duration::from_secs(20);
/// It is looked again after this long: a session that is over tells nobody.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How often a lock is tried that turns out to have become free, or a name space that somebody holds.
const ATTEMPTS: usize = 3;

impl Storage {
    /// See [`Namespace::locks_set`](crate::namespace::Namespace::locks_set).
    pub(crate) async fn locks_set(
        &self,
        space: i64,
        session: &str,
        locks: &[FileLocks],
    ) -> Result<Option<Held>, NamespaceError> {
        checked(locks)?;
        let mut against = None;
        for _ in 0..ATTEMPTS {
            let now_ms = self.db().time_ms().await?;
            let mut write = Write::new();
            locks_set(&mut write, space, session, locks, now_ms);
            match self.db().write(write).await {
                Ok(_) => return Ok(None),
                Err(DbError::Unmet { guard: LOCKED }) => {
                    against = lock_against(self.db(), space, session, locks, now_ms).await?;
                    if against.is_some() {
                        break;
                    }
                }
                // Who holds the name space knows its own locks alone, so these have to wait for it.
                Err(DbError::Unmet { guard: STALE }) if self.is_live(session, now_ms).await? => {
                    self.delegation_take(space).await?;
                }
                Err(DbError::Unmet { guard: STALE }) => return Err(NamespaceError::Stale),
                Err(error) => return Err(error.into()),
            }
        }
        match against {
            Some(held) => Ok(Some(held)),
            None if space_get(self.db(), space).await?.is_none() => Err(NamespaceError::Gone),
            None => Err(NamespaceError::Unavailable("others set locks all the time".into())),
        }
    }

    async fn is_live(&self, session: &str, now_ms: i64) -> Result<bool, DbError> {
        Ok(session_get(self.db(), session).await?.is_some_and(|session| session.until_ms > now_ms))
    }

    /// See [`Namespace::lock_against`](crate::namespace::Namespace::lock_against). It waits for 20 s at most.
    pub(crate) async fn lock_against(
        &self,
        space: i64,
        session: &str,
        locks: &FileLocks,
        wait: Duration,
    ) -> Result<Option<Held>, NamespaceError> {
        let locks = std::slice::from_ref(locks);
        checked(locks)?;
        let watch = self.db().events().watch([topic(space)]);
        let until = tokio::time::Instant::now() + wait.min(WAIT_LIMIT);
        let closing = self.portal().closing();
        loop {
            let now_ms = self.db().time_ms().await?;
            let against = lock_against(self.db(), space, session, locks, now_ms).await?;
            if against.is_none() || tokio::time::Instant::now() >= until {
                return Ok(against);
            }
            tokio::select! {
                () = closing.cancelled() => return Ok(against),
                _ = watch.changed() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }
}

fn checked(locks: &[FileLocks]) -> Result<(), NamespaceError> {
    let invalid = |fault: &str| Err(NamespaceError::Invalid(fault.to_owned()));
    let mut inos: Vec<_> = locks.iter().map(|file| file.ino).collect();
    inos.sort_unstable();
    inos.dedup();
    if inos.len() < locks.len() {
        return invalid("a file is named twice");
    }
    if locks.len() > FILES_MAX {
        return invalid("there are too many files");
    }
    locks.iter().find_map(FileLocks::fault).map_or(Ok(()), invalid)
}
