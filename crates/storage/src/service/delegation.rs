//! Delegation: one session may keep changes to itself for a while, until somebody else wants the name space.

use std::time::Duration;

use db::Write;

use super::ServiceError;
use crate::Storage;
use crate::model::space::topic;
use crate::queries::space::{space_force, space_get, space_want};

/// How long a holder has to store what it has kept.
const RECALL_LIMIT: Duration = Duration::from_secs(5);
/// The row is read again after this long, whatever events tell.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

impl Storage {
    /// Waits until nobody holds the space, and takes it away after [`RECALL_LIMIT`]. Cancellation: the holder is asked
    /// all the same.
    pub(crate) async fn delegation_take(&self, space: i64) -> Result<(), ServiceError> {
        self.sessions_sweep().await?;
        let watch = self.db().events().watch([topic(space)]);
        let Some(holder) = self.holder(space).await? else { return Ok(()) };
        let mut write = Write::new();
        space_want(&mut write, space);
        self.db().write(write).await?;
        let given_back = async {
            while self.holder(space).await?.as_ref() == Some(&holder) {
                let _again = tokio::time::timeout(LOOK_AGAIN, watch.changed()).await;
            }
            Ok::<(), ServiceError>(())
        };
        if let Ok(done) = tokio::time::timeout(RECALL_LIMIT, given_back).await {
            return done;
        }
        tracing::warn!(
            space.id = space,
            "session {holder} did not give name space {space} back in time; it was taken away"
        );
        let mut write = Write::new();
        space_force(&mut write, space, &holder);
        self.db().write(write).await?;
        Ok(())
    }

    async fn holder(&self, space: i64) -> Result<Option<String>, ServiceError> {
        Ok(space_get(self.db(), space).await?.and_then(|space| space.holder))
    }
}
