//! Locks: decided here alone while the name space is delegated to this mount, else together with the other mounts.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use tokio::sync::futures::Notified;

use super::{Core, namespace_errno};
use crate::model::inode::Ino;
use crate::model::lock::{FILES_MAX, FileLocks, Held, RANGES_MAX};
use crate::mount::locks::{Locker, Locks, Wish};
use crate::namespace::NamespaceError;

/// How long other mounts are waited for in one call.
const WAIT: Duration = Duration::from_secs(20);

/// Who is against a lock.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Against {
    /// A program in this mount.
    Here(Held, Locker),
    /// Somebody in another mount.
    Elsewhere(Held),
}

/// A program waits for a lock, until this is dropped.
pub(crate) struct Waits<'a> {
    core: &'a Core,
    wait: u64,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.core.locks().wait_end(self.wait);
    }
}

impl Core {
    fn locks(&self) -> MutexGuard<'_, Locks> {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn turn(&self, ino: Ino) -> tokio::sync::MutexGuard<'_, ()> {
        self.lock_turns[ino as usize % self.lock_turns.len()].lock().await
    }

    /// Grants a lock or refuses it, if this mount may decide alone.
    pub(crate) fn try_lock(&self, wish: &Wish) -> Option<Result<(), Against>> {
        let _open = self.gate.try_read().ok()?;
        self.is_delegated().then(|| self.grant_here(wish))
    }

    fn grant_here(&self, wish: &Wish) -> Result<(), Against> {
        self.locks().grant(wish).map_err(|(held, locker)| Against::Here(held, locker))
    }

    /// Grants a lock or refuses it; `true`: nobody else works in the name space. Cancelled, others may think that it is held
    /// until [`Core::locks_tell`].
    pub(crate) async fn lock(&self, wish: &Wish) -> Result<Result<bool, Against>, Errno> {
        let _open = self.gate.read().await;
        if self.is_delegated() {
            return Ok(self.grant_here(wish).map(|()| true));
        }
        let _turn = self.turn(wish.ino).await;
        let held = {
            let locks = self.locks();
            if let Some((held, locker)) = locks.against(wish) {
                return Ok(Err(Against::Here(held, locker)));
            }
            locks.together_with(wish)
        };
        if held.len() > RANGES_MAX {
            return Err(Errno::ENOLCK);
        }
        let against = self.lock_stored(FileLocks { ino: wish.ino, held }).await.map_err(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "other mounts could not be asked for a lock");
            namespace_errno(&error)
        })?;
        if let Some(held) = against {
            return Ok(Err(Against::Elsewhere(held)));
        }
        self.locks().set(wish);
        Ok(Ok(false))
    }

    /// Stores what is held of a file, unless another mount is against it.
    async fn lock_stored(&self, file: FileLocks) -> Result<Option<Held>, NamespaceError> {
        if self.locks().is_stored(file.ino, &file.held) {
            return Ok(None);
        }
        let was_known = self.locks().doubt(file.ino);
        let against = self.namespace.locks_set(vec![file.clone()]).await?;
        match against {
            None => self.locks().stored(file),
            Some(_) if was_known => self.locks().trust(file.ino),
            Some(_) => {}
        }
        Ok(against)
    }

    /// Frees what some hold of a file. `true`: other mounts have to be told, by [`Core::locks_tell`].
    pub(crate) fn unlock(&self, ino: Ino, goes: impl Fn(&Locker) -> bool) -> bool {
        let is_less = self.locks().drop_of(ino, goes);
        is_less && self.unlocked(ino)
    }

    /// Frees a range. `true`: other mounts have to be told, by [`Core::locks_tell`].
    pub(crate) fn unlock_range(&self, wish: &Wish) -> bool {
        self.locks().set(wish);
        self.unlocked(wish.ino)
    }

    fn unlocked(&self, ino: Ino) -> bool {
        self.lock_freed.notify_waiters();
        let locks = self.locks();
        !self.is_delegated() && !locks.is_stored(ino, &locks.together(ino))
    }

    /// Told when something in this mount is free.
    pub(crate) fn lock_freed(&self) -> Notified<'_> {
        self.lock_freed.notified()
    }

    /// A program begins to wait for another one here.
    ///
    /// # Errors
    /// `EDEADLK`: that one waits for it.
    pub(crate) fn lock_waits(&self, wish: &Wish) -> Result<Waits<'_>, Errno> {
        let wait = self.locks().wait(wish).ok_or(Errno::EDEADLK)?;
        Ok(Waits { core: self, wait })
    }

    /// Waits for a while until no other mount is against a lock. Who is then is answered.
    pub(crate) async fn lock_elsewhere(&self, wish: &Wish, waits: bool) -> Result<Option<Held>, Errno> {
        let file = FileLocks { ino: wish.ino, held: self.locks().together_with(wish) };
        let wait = if waits { WAIT } else { Duration::ZERO };
        self.namespace.lock_against(file, wait).await.map_err(|error| namespace_errno(&error))
    }

    /// Who is against a lock now.
    pub(crate) async fn lock_against(&self, wish: &Wish) -> Result<Option<Against>, Errno> {
        if let Some((held, locker)) = self.locks().against(wish) {
            return Ok(Some(Against::Here(held, locker)));
        }
        if self.is_delegated() {
            return Ok(None);
        }
        Ok(self.lock_elsewhere(wish, false).await?.map(Against::Elsewhere))
    }

    /// Tells other mounts what is held of a file. What fails is told again by [`Core::locks_mend`].
    pub(crate) async fn locks_tell(&self, ino: Ino) {
        let _open = self.gate.read().await;
        if self.is_delegated() {
            return;
        }
        let _turn = self.turn(ino).await;
        let file = FileLocks { ino, held: self.locks().together(ino) };
        if let Err(error) = self.lock_stored(file).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "other mounts could not be told of a lock that is free"
            );
        }
    }

    /// Other mounts know of no lock here: the session is a new one.
    pub(crate) fn locks_unknown(&self) {
        self.locks().unknown();
    }

    /// Tells other mounts what they don't know, if they have to.
    pub(crate) async fn locks_mend(&self) {
        if self.state().tree.is_some() || self.locks().differing().is_empty() {
            return;
        }
        let _closed = self.gate.write().await;
        if self.state().tree.is_none() {
            self.locks_tell_all().await;
        }
    }

    /// The same; nobody may lock meanwhile.
    pub(super) async fn locks_tell_all(&self) {
        let files = self.locks().differing();
        for files in files.chunks(FILES_MAX) {
            if let Err(error) = self.locks_told(files).await {
                let error: &dyn std::error::Error = &error;
                return tracing::warn!(
                    error,
                    "other mounts could not be told of the locks held here; it is tried again"
                );
            }
        }
    }

    async fn locks_told(&self, files: &[FileLocks]) -> Result<(), NamespaceError> {
        if self.namespace.locks_set(files.to_vec()).await?.is_none() {
            files.iter().for_each(|file| self.locks().stored(file.clone()));
            return Ok(());
        }
        for file in files {
            if self.lock_stored(file.clone()).await?.is_some() {
                self.lock_lost(file.ino).await?;
            }
        }
        Ok(())
    }

    /// Somebody else was given what was held here, as the session had ended: who held it learns that when he syncs.
    async fn lock_lost(&self, ino: Ino) -> Result<(), NamespaceError> {
        tracing::error!("locks on file {ino} were lost: the session ended, and another mount has them");
        self.locks().drop_of(ino, |_| true);
        self.state().fail(vec![ino], Errno::EIO, false);
        self.locks().doubt(ino);
        self.lock_stored(FileLocks { ino, held: Vec::new() }).await.map(|_| ())
    }
}
