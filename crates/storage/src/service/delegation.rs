//! Delegation: one session may keep changes to itself for a while, until somebody else wants the name space.

use std::time::Duration;

use db::{DbError, Write};

use super::ServiceError;
use crate::Storage;
use crate::model::session::SESSION_LIFE;
use crate::model::space::{Space, topic};
use crate::queries::session::session_get;
use crate::queries::space::{space_force, space_get, space_want};

/// How long a holder has to store what it has kept, as long as it renews its session.
const RECALL_LIMIT: Duration = Duration::from_secs(20);
/// How long a holder has to show up, which renews its session every 5 s.
const SILENCE_LIMIT: Duration = Duration::from_secs(7);
/// The row is read again after this long, whatever events tell.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

impl Storage {
    /// Waits until nobody holds the space, and takes it away from a holder that is silent, or not done in time. Cancellation:
    /// the holder is asked all the same, and the next call goes on where this one was.
    pub(crate) async fn delegation_take(&self, space: i64) -> Result<(), ServiceError> {
        self.sessions_sweep().await?;
        let watch = self.db().events().watch([topic(space)]);
        let held = space_get(self.db(), space).await?;
        let Some(holder) = held.and_then(|space| space.holder) else { return Ok(()) };
        let mut write = Write::new();
        space_want(&mut write, space, self.db().time_ms().await?);
        self.db().write(write).await?;
        while let Some(since_ms) = space_get(self.db(), space).await?.and_then(|held| wanted_from(&holder, &held)) {
            if self.is_overdue(&holder, since_ms).await? {
                tracing::warn!(
                    space.id = space,
                    "session {holder} did not give name space {space} back in time; it was taken away"
                );
                let mut write = Write::new();
                space_force(&mut write, space, &holder);
                self.db().write(write).await?;
                break;
            }
            let _again = tokio::time::timeout(LOOK_AGAIN, watch.changed()).await;
        }
        Ok(())
    }

    /// Whether a holder that was asked at `since_ms` has had its time.
    async fn is_overdue(&self, holder: &str, since_ms: i64) -> Result<bool, DbError> {
        let now_ms = self.db().time_ms().await?;
        let waited = Duration::from_millis(u64::try_from(now_ms - since_ms).unwrap_or_default());
        let session = session_get(self.db(), holder).await?.filter(|session| session.until_ms > now_ms);
        Ok(session.is_none_or(|session| {
            let is_silent = session.until_ms <= since_ms + SESSION_LIFE.as_millis() as i64;
            waited >= if is_silent { SILENCE_LIMIT } else { RECALL_LIMIT }
        }))
    }
}

/// Since when it is wanted from that holder; `None`: the holder gave it back.
fn wanted_from(holder: &str, space: &Space) -> Option<i64> {
    space.wanted_ms.filter(|_| space.holder.as_deref() == Some(holder))
}

#[cfg(test)]
mod tests;
