//! Empties name spaces that were removed: their stripes go to the trash, then their rows. In portions, so that a large
//! one holds nobody up; one replica at a time does it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::Storage;
use crate::queries::space::REMOVED;
use crate::service::ServiceError;

/// Looked for this often, whatever events tell.
const PERIOD: Duration = Duration::from_secs(30);

pub(super) async fn run(storage: Storage, shutdown: CancellationToken) {
    let watch = storage.db().events().watch([REMOVED]);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            done = turn(&storage) => if let Err(error) = done {
                tracing::warn!(%error, "emptying removed name spaces: {error}");
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = watch.changed() => {}
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}

/// How long one replica may be at it before another one may.
const LEASE: Duration = Duration::from_secs(30);

async fn turn(storage: &Storage) -> Result<(), ServiceError> {
    let (db, owner) = (storage.db(), &storage.config().replica);
    let Some(lease) = db.lease_acquire("storage-remove-space", owner, LEASE).await? else { return Ok(()) };
    while storage.space_clear().await? {
        if !db.lease_renew(&lease, LEASE).await? {
            return Ok(());
        }
    }
    storage.volumes_clear().await?;
    Ok(db.lease_release(&lease).await?)
}
