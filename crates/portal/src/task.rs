//! Background duties: forget looked-up identities when they change, write when clients were seen, remove what is over.
//! Each reads back what is stored; none takes input.

use std::time::Duration;

use db::Write;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::model::client::{SESSION_IDLE_MS, SESSION_MAX_MS};
use crate::portal::Portal;
use crate::queries::idempotency::kept_prune;
use crate::queries::session::session_prune;
use crate::queries::token::token_prune;
use crate::service::{SESSIONS, TOKENS};

const SEEN_EVERY: Duration = Duration::from_secs(20);
const PRUNE_EVERY: Duration = Duration::from_secs(600);
/// How long answers for an `Idempotency-Key` are kept, ms.
const KEPT_MS: i64 = 24 * 3_600_000;

/// Starts the duties; they end when `shutdown` is cancelled, after the last notes are written. Streams end with them.
pub fn spawn_tasks(portal: &Portal, shutdown: CancellationToken) -> Vec<JoinHandle<()>> {
    vec![
        tokio::spawn(close(portal.clone(), shutdown.clone())),
        tokio::spawn(forget(portal.clone(), shutdown.clone())),
        tokio::spawn(write_seen(portal.clone(), shutdown.clone())),
        tokio::spawn(prune(portal.clone(), shutdown)),
    ]
}

async fn close(portal: Portal, shutdown: CancellationToken) {
    shutdown.cancelled().await;
    portal.0.closing.cancel();
}

async fn forget(portal: Portal, shutdown: CancellationToken) {
    let watch = portal.0.db.events().watch([SESSIONS, TOKENS]);
    loop {
        tokio::select! {
            _ = watch.changed() => portal.0.identities.clear(),
            () = shutdown.cancelled() => return,
        }
    }
}

async fn write_seen(portal: Portal, shutdown: CancellationToken) {
    let mut tick = interval(SEEN_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_over = false;
    while !is_over {
        tokio::select! {
            _ = tick.tick() => {}
            () = shutdown.cancelled() => is_over = true,
        }
        if let Err(error) = portal.seen_write().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "when clients were last seen could not be written"
            );
        }
    }
}

async fn prune(portal: Portal, shutdown: CancellationToken) {
    let mut tick = interval(PRUNE_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = shutdown.cancelled() => return,
        }
        let now = portal.now_ms();
        let write = Write::new()
            .step(session_prune(now - SESSION_IDLE_MS, now - SESSION_MAX_MS))
            .step(token_prune(now))
            .step(kept_prune(now - KEPT_MS));
        match portal.0.db.write(write).await {
            Ok(removed) => metrics::counter!("amphi_portal_pruned_rows_total").increment(removed.iter().sum()),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "what is over could not be removed");
            }
        }
    }
}
