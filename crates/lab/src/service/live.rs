//! A job as it goes on: its states and its output, from the beginning or from where a watcher left off.
//!
//! What is told is stored first, so nobody is shown what a crash could take back. Watchers who keep up are given it
//! from memory ([`feed`]); who comes late, falls behind or watches at another replica is given it from the database,
//! and the numbers of the chunks join the two without a gap or a repetition. A stream may outlast the right it was
//! opened by, so that is asked for again for as long as it lasts.

mod feed;
mod seats;
mod tail;
mod watcher;

use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use portal::{Caller, Portal};

pub(crate) use feed::{Feeds, Printed, REMOVALS, Standing, output_topic};
use seats::Seat;
pub(crate) use seats::Seats;
use watcher::{Following, Watcher};

use super::ServiceError;
use crate::Lab;
use crate::model::job::JobId;
use crate::queries::output::Chunk;

/// Chunks read at a time.
const BATCH: u32 = 32;
/// A session or token that runs out is no event; this often it is asked whether it has.
const RIGHT_INTERVAL: Duration = Duration::from_secs(60);
/// Everybody's signing in and out is one event: a right is asked for no more often than this.
const RIGHT_PAUSE: Duration = Duration::from_secs(1);

/// Where a watcher is: everything before this was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// Number of the attempt.
    pub(crate) attempt: i64,
    /// Number of the next chunk of it.
    pub(crate) seq: i64,
}

impl Position {
    /// The beginning.
    pub(crate) const START: Self = Self { attempt: 1, seq: 0 };

    /// Reads the id of the last event seen, `ATTEMPT.SEQ`.
    pub(crate) fn after(id: &str) -> Option<Self> {
        let (attempt, seq) = id.split_once('.')?;
        let (attempt, seq) = (attempt.parse().ok()?, seq.parse::<i64>().ok()?);
        (attempt >= 1 && seq >= 0).then_some(Self { attempt, seq: seq.checked_add(1)? })
    }
}

/// Something a watcher is told.
#[derive(Clone, Debug)]
pub(crate) enum LiveEvent {
    /// Where the job stands, whenever that changed.
    State(Arc<Standing>),
    /// Output of an attempt.
    Output {
        /// The attempt.
        attempt: i64,
        /// The chunk.
        chunk: Arc<Chunk>,
    },
    /// The job is over and all its output was sent. Nothing follows.
    End(Arc<Standing>),
}

impl Lab {
    /// Watches a job. Errors: it is not there or not for the caller to see; the caller, or all together, have as many
    /// streams as they may. The stream ends after `End`, when the job is deleted or no longer for the caller to see,
    /// when the caller's session or token no longer holds, when the program ends, and when the database can't be read
    /// (the watcher comes back with its position).
    pub(crate) async fn job_watch(
        &self,
        caller: &Caller,
        id: JobId,
        from: Position,
    ) -> Result<impl Stream<Item = LiveEvent> + Send + use<>, ServiceError> {
        self.job_view(caller, id).await?;
        let seat = self.seats().take(caller.account.as_str())?;
        let (lab, right) = (self.clone(), caller.clone());
        let leave = Box::pin(async move {
            let closing = lab.portal().closing();
            tokio::select! {
                () = lab.right_ended(&right) => {}
                () = closing.cancelled() => {}
            }
        });
        let watcher = Watcher { leave, following: Following::new(self.clone(), caller.clone(), id, from, seat) };
        Ok(futures::stream::unfold(watcher, async |mut watcher| {
            let event = watcher.next().await?;
            Some((event, watcher))
        }))
    }

    /// Waits until the session or token of the caller no longer holds.
    async fn right_ended(&self, caller: &Caller) {
        let watch = self.db().events().watch(Portal::identity_topics());
        while self.portal().still_holds(caller).await {
            tokio::time::sleep(RIGHT_PAUSE).await;
            let _ = tokio::time::timeout(RIGHT_INTERVAL, watch.changed()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_from_event_ids() {
        assert_eq!(Position::after("2.41"), Some(Position { attempt: 2, seq: 42 }));
        for bad in ["", "2", "2.", "0.1", "-1.2", "1.-1", "1.x", "1.9223372036854775807"] {
            assert_eq!(Position::after(bad), None, "{bad}");
        }
    }
}
