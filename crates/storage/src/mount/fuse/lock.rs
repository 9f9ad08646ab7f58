//! Calls about locks. The kernel keeps none: it asks for each, for `fcntl` and `flock` alike, and tells when who may hold some
//! closes the file.

use std::time::Duration;

use fuser::{INodeNo, ReplyEmpty, ReplyLock};
use nix::errno::Errno;
use nix::libc;

use super::{Kernel, shape};
use crate::model::inode::Ino;
use crate::model::lock::{Held, LAST_BYTE};
use crate::mount::core::{Against, Aim};
use crate::mount::locks::{Locker, Wish};

/// It is tried again after this long, whatever is told.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How often it is looked whether who waits has a signal to attend to.
const SIGNAL_AGAIN: Duration = Duration::from_millis(100);

/// A wish as the kernel says it; `None`: it is none.
pub(super) fn wish(ino: Ino, locker: Locker, (first, last): (u64, u64), kind: i32) -> Option<Wish> {
    let is_exclusive = match kind {
        libc::F_RDLCK => Some(false),
        libc::F_WRLCK => Some(true),
        libc::F_UNLCK => None,
        _ => return None,
    };
    (first <= last && last <= LAST_BYTE).then_some(Wish { ino, locker, first, last, is_exclusive })
}

fn kind(held: &Held) -> i32 {
    if held.is_exclusive { libc::F_WRLCK } else { libc::F_RDLCK }
}

impl Kernel {
    /// Locks or frees; `thread` is who asks, and waits if it has to.
    pub(super) fn set_lock(&self, wish: Option<Wish>, thread: Option<u32>, reply: ReplyEmpty) {
        let Some(wish) = wish else { return reply.error(shape::errno(Errno::EINVAL)) };
        if wish.is_exclusive.is_none() {
            return self.free(wish, reply);
        }
        match self.core.try_lock(&wish) {
            Some(Ok(())) if self.is_fresh_now(wish.ino) => return reply.ok(),
            Some(Err(_)) if thread.is_none() => return reply.error(shape::errno(Errno::EAGAIN)),
            Some(_) | None => {}
        }
        let kernel = self.clone();
        self.runtime.spawn(async move {
            let locked = match thread {
                Some(thread) => kernel.lock_waiting(&wish, thread).await,
                None => kernel.core.lock(&wish).await.and_then(|locked| locked.map_err(|_| Errno::EAGAIN)),
            };
            match locked {
                Ok(is_alone) => {
                    kernel.refresh(wish.ino, is_alone).await;
                    reply.ok();
                }
                Err(errno) => reply.error(shape::errno(errno)),
            }
        });
    }

    async fn lock_waiting(&self, wish: &Wish, thread: u32) -> Result<bool, Errno> {
        let locked = async {
            loop {
                let freed = self.core.lock_freed();
                tokio::pin!(freed);
                freed.as_mut().enable();
                match self.core.lock(wish).await? {
                    Ok(is_alone) => return Ok(is_alone),
                    Err(Against::Here(..)) => {
                        let _waits = self.core.lock_waits(wish)?;
                        let _again = tokio::time::timeout(LOOK_AGAIN, freed).await;
                    }
                    Err(Against::Elsewhere(_)) => {
                        self.core.lock_elsewhere(wish, true).await?;
                    }
                }
            }
        };
        tokio::select! {
            locked = locked => locked,
            () = signalled(thread) => {
                // It may have been granted in between.
                self.core.locks_tell(wish.ino).await;
                Err(Errno::EINTR)
            }
        }
    }

    fn free(&self, wish: Wish, reply: ReplyEmpty) {
        if self.core.is_delegated() && !self.core.unlock_range(&wish) {
            return reply.ok();
        }
        let kernel = self.clone();
        self.runtime.spawn(async move {
            // What was written through a mapping is written now, while it is locked.
            kernel.invalidate(wish.ino).await;
            if kernel.core.unlock_range(&wish) {
                kernel.core.locks_tell(wish.ino).await;
            }
            reply.ok();
        });
    }

    /// Who closes a file by one descriptor holds nothing of it any more by any: `then` answers him.
    pub(super) fn freed_then(&self, ino: Ino, owner: u64, then: impl FnOnce() + Send + 'static) {
        if !self.core.unlock(ino, |locker| locker.owner == owner) {
            return then();
        }
        let core = self.core.clone();
        self.runtime.spawn(async move {
            core.locks_tell(ino).await;
            then();
        });
    }

    /// Nobody can use what was opened any more.
    pub(super) fn free_handle(&self, ino: Ino, handle: u64) {
        if self.core.unlock(ino, |locker| locker.handle == handle) {
            let core = self.core.clone();
            self.runtime.spawn(async move { core.locks_tell(ino).await });
        }
    }

    /// Says who is against a lock.
    pub(super) fn show_lock(&self, wish: Option<Wish>, reply: ReplyLock) {
        let Some(wish) = wish else { return reply.error(shape::errno(Errno::EINVAL)) };
        let core = self.core.clone();
        self.runtime.spawn(async move {
            match core.lock_against(&wish).await {
                Ok(None) => reply.locked(wish.first, wish.last, libc::F_UNLCK, 0),
                Ok(Some(Against::Here(held, locker))) => reply.locked(held.first, held.last, kind(&held), locker.pid),
                Ok(Some(Against::Elsewhere(held))) => reply.locked(held.first, held.last, kind(&held), 0),
                Err(errno) => reply.error(shape::errno(errno)),
            }
        });
    }

    fn is_fresh_now(&self, ino: Ino) -> bool {
        matches!(self.core.try_run(Aim::Look, &mut |tree| tree.freshen(ino)), Some(Ok(true)))
    }

    /// Who has locked a file sees what others wrote before: the kernel forgets what it has of it.
    async fn refresh(&self, ino: Ino, is_alone: bool) {
        if !is_alone || self.core.run(Aim::Look, |tree| tree.freshen(ino)).await != Ok(true) {
            self.invalidate(ino).await;
        }
    }

    /// The kernel writes what is mapped and forgets the bytes and attributes it has of a file.
    async fn invalidate(&self, ino: Ino) {
        let (notifier, ino): (_, INodeNo) = (self.notifier.clone(), shape::ino_out(self.root, ino));
        let forgotten = tokio::task::spawn_blocking(move || {
            // An error means that the kernel has nothing of it.
            notifier.get().map(|notifier| notifier.inval_inode(ino, 0, 0))
        });
        if let Err(error) = forgotten.await {
            tracing::error!(error = &error as &dyn std::error::Error, "the kernel could not be told what changed");
        }
    }
}

/// Returns when a thread that waits has a signal to attend to. The kernel says that too, but `fuser` does not pass it on.
async fn signalled(thread: u32) {
    let mut seen = 0;
    // One that another thread of the process takes is gone when looked at again.
    while seen < 2 {
        tokio::time::sleep(SIGNAL_AGAIN).await;
        // Of a process that can't be seen from here nothing is known.
        let status = std::fs::read_to_string(format!("/proc/{thread}/status")).unwrap_or_default();
        seen = if has_signal(&status) { seen + 1 } else { 0 };
    }
}

fn has_signal(status: &str) -> bool {
    let set = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| u64::from_str_radix(line.trim_start_matches(':').trim(), 16).ok()).unwrap_or_default()
    };
    (set("SigPnd") | set("ShdPnd")) & !set("SigBlk") != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_that_wait_and_are_not_blocked_are_seen() {
        let status = |pending: &str, shared: &str| {
            format!(
                "Name:\tx\nSigQ:\t1/2\nSigPnd:\t{pending}\nShdPnd:\t{shared}\nSigBlk:\t0000000000010000\nSigIgn:\t0\n"
            )
        };
        assert!(has_signal(&status("0000000000000100", "0")) && has_signal(&status("0", "0000000000000002")));
        assert!(!has_signal(&status("0", "0000000000010000")) && !has_signal(""));
    }

    #[test]
    fn only_what_is_a_lock_is_a_wish() {
        let locker = Locker { owner: 1, handle: 1, pid: 1 };
        let is_wish = |range, kind| wish(7, locker, range, kind).is_some();
        assert!(is_wish((0, LAST_BYTE), libc::F_WRLCK) && is_wish((3, 3), libc::F_UNLCK));
        assert!(!is_wish((4, 3), libc::F_RDLCK) && !is_wish((0, u64::MAX), libc::F_RDLCK) && !is_wish((0, 1), 77));
    }
}
