//! Duties that go on by themselves: each reads what is stored, does a bounded piece of work, and says how it went; a failure
//! is tried again at the next turn. Each is single among the replicas, by a lease.

mod collect;
mod expire_sessions;
mod pace;
mod poll;
mod rebalance;
mod rebuild;
mod remove_space;
mod scrub;
mod uploads;

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Storage;
use crate::service::ServiceError;

/// A store that was away for this long is given up, ms: what it had is put on others.
pub(crate) const REBUILD_AFTER_MS: i64 = 600_000;
/// A lease holds this much longer than the time between two turns.
const LEASE: Duration = Duration::from_secs(120);
/// Stores and what is at risk are looked at this often.
const STORES: Duration = Duration::from_secs(2);
const COLLECT: Duration = Duration::from_secs(30);
const SURVEY: Duration = Duration::from_secs(3_600);
const UPLOADS: Duration = Duration::from_secs(3_600);
const REBUILD: Duration = Duration::from_secs(5);
/// What could not be repaired is not tried again at once.
const REPAIR_AGAIN: Duration = Duration::from_secs(10);
const SCRUB: Duration = Duration::from_secs(10);
const REBALANCE: Duration = Duration::from_secs(15);
const MOUNTS: Duration = Duration::from_secs(30);
const ALERTS: Duration = Duration::from_secs(10);

/// Starts storage's duties; they end with `shutdown`.
pub(crate) fn spawn_tasks(storage: &Storage, shutdown: &CancellationToken) -> TaskTracker {
    let tracker = TaskTracker::new();
    tracker.spawn(shared(
        "stores",
        STORES,
        storage.clone(),
        shutdown.clone(),
        |s| async move { s.stores_reload().await },
    ));
    tracker.spawn(shared("repair", REBUILD, storage.clone(), shutdown.clone(), |s| async move {
        if s.repairs_do().await? {
            tokio::time::sleep(REPAIR_AGAIN).await;
        }
        Ok(())
    }));
    tracker.spawn(single("collect", COLLECT, storage.clone(), shutdown.clone(), |s| async move { s.collect().await }));
    tracker.spawn(single("survey", SURVEY, storage.clone(), shutdown.clone(), |s| async move { s.survey().await }));
    tracker.spawn(single(
        "uploads",
        UPLOADS,
        storage.clone(),
        shutdown.clone(),
        |s| async move { s.uploads_sweep().await },
    ));
    tracker.spawn(single("rebuild", REBUILD, storage.clone(), shutdown.clone(), |s| async move { s.rebuild().await }));
    tracker.spawn(single("scrub", SCRUB, storage.clone(), shutdown.clone(), |s| async move { s.scrub().await }));
    tracker.spawn(single(
        "rebalance",
        REBALANCE,
        storage.clone(),
        shutdown.clone(),
        |s| async move { s.rebalance().await },
    ));
    tracker.spawn(single(
        "alerts",
        ALERTS,
        storage.clone(),
        shutdown.clone(),
        |s| async move { s.alerts_tell().await },
    ));
    tracker.spawn(shared("measures", ALERTS, storage.clone(), shutdown.clone(), |s| async move {
        s.alerts_measure().await
    }));
    tracker.spawn(single("mounts", MOUNTS, storage.clone(), shutdown.clone(), |s| async move {
        s.node_mounts_sweep().await
    }));
    tracker.spawn(remove_space::run(storage.clone(), shutdown.clone()));
    tracker.spawn(expire_sessions::run(storage.clone(), shutdown.clone()));
    tracker.spawn(poll::run(storage.clone(), shutdown.clone()));
    tracker.close();
    tracker
}

/// A duty of every replica.
async fn shared<F>(
    what: &'static str,
    every: Duration,
    storage: Storage,
    shutdown: CancellationToken,
    turn: impl Fn(Storage) -> F,
) where
    F: Future<Output = Result<(), ServiceError>>,
{
    let mut interval = tokio::time::interval(every);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let work = async {
            interval.tick().await;
            report(what, Instant::now(), turn(storage.clone()).await);
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = work => {}
        }
    }
}

/// A duty of one replica at a time.
async fn single<F>(
    what: &'static str,
    every: Duration,
    storage: Storage,
    shutdown: CancellationToken,
    turn: impl Fn(Storage) -> F,
) where
    F: Future<Output = Result<(), ServiceError>>,
{
    let turn = &turn;
    shared(what, every, storage, shutdown, |storage: Storage| async move {
        let (name, owner) = (format!("storage-{what}"), &storage.config().replica);
        let done = storage.db().lease_while(&name, owner, LEASE, Box::pin(turn(storage.clone()))).await?;
        done.unwrap_or(Ok(()))
    })
    .await;
}

fn report(what: &'static str, begun: Instant, result: Result<(), ServiceError>) {
    metrics::histogram!("amphi_storage_duty_seconds", "duty" => what).record(begun.elapsed().as_secs_f64());
    match result {
        Ok(()) => metrics::counter!("amphi_storage_duty_done_total", "duty" => what).increment(1),
        Err(error) => {
            metrics::counter!("amphi_storage_duty_failed_total", "duty" => what).increment(1);
            tracing::warn!(error = &error as &dyn std::error::Error, "the duty {what} failed; it is tried again");
        }
    }
}

#[cfg(test)]
mod tests;
