//! Duties that go on by themselves. Each reads what is stored, acts, and says how it went; a failure is tried again at
//! the next turn.

mod dispatch;
mod tend;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Lab;

/// Starts the lab's duties; they end with `shutdown`.
pub fn spawn_tasks(lab: &Lab, shutdown: &CancellationToken) -> TaskTracker {
    let tracker = TaskTracker::new();
    tracker.spawn(dispatch::run(lab.clone(), shutdown.clone()));
    tracker.spawn(tend::cancels(lab.clone(), shutdown.clone()));
    tracker.spawn(tend::inputs(lab.clone(), shutdown.clone()));
    tracker.spawn(tend::deletions(lab.clone(), shutdown.clone()));
    tracker.spawn(tend::sources(lab.clone(), shutdown.clone()));
    tracker.spawn(tend::settings(lab.clone(), shutdown.clone()));
    tracker.spawn(tend::heartbeats(lab.clone(), shutdown.clone()));
    tracker.spawn(tend::health(lab.clone(), shutdown.clone()));
    tracker.spawn(tend::lost(lab.clone(), shutdown.clone()));
    tracker.spawn(tend::overdue(lab.clone(), shutdown.clone()));
    tracker.close();
    tracker
}
