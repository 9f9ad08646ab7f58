//! Clears away sessions that were not renewed, so that what they hold becomes free.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::Storage;

/// How often.
const PERIOD: Duration = Duration::from_secs(5);

pub(super) async fn run(storage: Storage, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
        if let Err(error) = storage.sessions_sweep().await {
            tracing::warn!(%error, "clearing away sessions that are over: {error}");
        }
    }
}
