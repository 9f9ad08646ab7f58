//! Duties that go on by themselves. Each reads what is stored, acts, and says how it went; a failure is tried again at
//! the next turn.

mod expire_sessions;
mod poll;
mod remove_space;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Storage;

/// Starts storage's duties; they end with `shutdown`.
pub(crate) fn spawn(storage: &Storage, shutdown: &CancellationToken) -> TaskTracker {
    let tasks = TaskTracker::new();
    tasks.spawn(remove_space::run(storage.clone(), shutdown.clone()));
    tasks.spawn(expire_sessions::run(storage.clone(), shutdown.clone()));
    tasks.spawn(poll::run(storage.clone(), shutdown.clone()));
    tasks.close();
    tasks
}
