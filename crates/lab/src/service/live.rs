//! A job as it goes on: its states and its output, from the beginning or from where a watcher left off.
//!
//! What is sent is read from the database, so it is the same on every replica, complete for who comes late, and never
//! more than what is safe. A wake says only that there may be something to read. A stream may outlast the right it was
//! opened by, so that is asked for again for as long as it lasts.

use std::time::Duration;

use futures::Stream;
use portal::{Caller, Portal};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::ServiceError;
use crate::Lab;
use crate::model::job::{Job, JobId, JobStatus};
use crate::model::run::{Role, RunId};
use crate::queries::output::{Chunk, output_list};
use crate::queries::run::run_list_of_job;

/// Chunks read at a time.
const BATCH: u32 = 64;
/// Events that may wait for a slow reader; then reading pauses.
const EVENTS_MAX: usize = 16;
/// Places in the queue change without the job's own events; they are read again this often.
const PLACE_INTERVAL: Duration = Duration::from_secs(2);
/// A session or token that runs out is no event; this often it is asked whether it has.
const RIGHT_INTERVAL: Duration = Duration::from_secs(60);

/// Where a watcher is: everything before this was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    State {
        /// The job.
        job: Box<Job>,
        /// Its place in the queue.
        place: Option<u32>,
    },
    /// Output of an attempt.
    Output {
        /// The attempt.
        attempt: i64,
        /// The chunk.
        chunk: Chunk,
    },
    /// The job is over and all its output was sent. Nothing follows.
    End(Box<Job>),
}

impl Lab {
    /// Watches a job. Errors: it is not there or not for the caller to see. The stream ends after `End`, when the job
    /// is deleted or no longer for the caller to see, when the caller's session or token no longer holds, when the
    /// program ends, and when the database can't be read (the watcher comes back with its position).
    pub(crate) async fn job_watch(
        &self,
        caller: &Caller,
        id: JobId,
        from: Position,
    ) -> Result<impl Stream<Item = LiveEvent> + Send + use<>, ServiceError> {
        self.job_view(caller, id).await?;
        let (events, receiver) = mpsc::channel(EVENTS_MAX);
        let (lab, caller) = (self.clone(), caller.clone());
        let mut watcher =
            Watcher { lab: lab.clone(), caller: caller.clone(), id, at: from, run: None, told: None, events };
        tokio::spawn(async move {
            let closing = lab.portal().closing();
            // Beside following, not within: it may wait for a slow reader for as long as that likes.
            let followed = tokio::select! {
                followed = watcher.follow() => followed,
                () = lab.right_ended(&caller) => Ok(()),
                () = closing.cancelled() => Ok(()),
            };
            if let Err(error) = followed {
                tracing::warn!(job.id = %id, error = &error as &dyn std::error::Error, "watching job {id} broke off");
            }
        });
        Ok(ReceiverStream::new(receiver))
    }

    /// Waits until the session or token of the caller no longer holds.
    async fn right_ended(&self, caller: &Caller) {
        let watch = self.db().events().watch(Portal::identity_topics());
        while self.portal().still_holds(caller).await {
            let _ = tokio::time::timeout(RIGHT_INTERVAL, watch.changed()).await;
        }
    }
}

/// How far the output was sent.
enum Sent {
    /// To its end, as it stood.
    All,
    /// One batch; there may be more.
    Batch,
    /// Nobody listens any more.
    ToNobody,
}

struct Watcher {
    lab: Lab,
    caller: Caller,
    id: JobId,
    at: Position,
    /// The near run of the attempt that `at` is in.
    run: Option<(i64, RunId)>,
    /// What was told of the job's state last.
    told: Option<(&'static str, Option<u32>, i64, Option<String>)>,
    events: mpsc::Sender<LiveEvent>,
}

impl Watcher {
    async fn follow(&mut self) -> Result<(), ServiceError> {
        // Watching begins before the first read, so that nothing falls between them. Jobs that leave with their account
        // are told of among the cancels alone.
        let watch = self.lab.db().events().watch([format!("job:{}", self.id), "cancels".to_owned()]);
        loop {
            let job = match self.lab.job_view(&self.caller, self.id).await {
                Err(ServiceError::JobUnknown) => return Ok(()),
                job => job?,
            };
            if !self.tell_state(&job).await? {
                return Ok(());
            }
            match self.tell_output(&job).await? {
                Sent::All => {}
                Sent::Batch => continue,
                Sent::ToNobody => return Ok(()),
            }
            if job.status.is_final() {
                // The job's row was read before its output, so the output is complete.
                let _ = self.events.send(LiveEvent::End(Box::new(job))).await;
                return Ok(());
            }
            tokio::select! {
                _ = watch.changed() => {}
                () = tokio::time::sleep(PLACE_INTERVAL), if job.status == JobStatus::Waiting => {}
                () = self.events.closed() => return Ok(()),
            }
        }
    }

    /// `false`: nobody listens any more.
    async fn tell_state(&mut self, job: &Job) -> Result<bool, ServiceError> {
        let place = self.lab.job_places(std::slice::from_ref(job)).await?.of(job);
        let now = (job.status.as_str(), place, job.attempt, job.node.clone());
        if job.status.is_final() || self.told.as_ref() == Some(&now) {
            return Ok(true);
        }
        self.told = Some(now);
        Ok(self.events.send(LiveEvent::State { job: Box::new(job.clone()), place }).await.is_ok())
    }

    /// Sends what came since; attempts that are past are sent to their end before the next one begins.
    async fn tell_output(&mut self, job: &Job) -> Result<Sent, ServiceError> {
        while self.at.attempt <= job.attempt {
            let Some(run) = self.run_of(self.at.attempt).await? else {
                if self.at.attempt == job.attempt {
                    return Ok(Sent::All);
                }
                self.at = Position { attempt: self.at.attempt + 1, seq: 0 };
                continue;
            };
            let chunks = output_list(self.lab.db(), run, self.at.seq, BATCH).await?;
            let is_all = chunks.len() < BATCH as usize;
            for chunk in chunks {
                self.at.seq = chunk.seq + 1;
                if self.events.send(LiveEvent::Output { attempt: self.at.attempt, chunk }).await.is_err() {
                    return Ok(Sent::ToNobody);
                }
            }
            if !is_all {
                return Ok(Sent::Batch);
            }
            if self.at.attempt == job.attempt {
                return Ok(Sent::All);
            }
            self.at = Position { attempt: self.at.attempt + 1, seq: 0 };
        }
        Ok(Sent::All)
    }

    async fn run_of(&mut self, attempt: i64) -> Result<Option<RunId>, ServiceError> {
        if let Some((_, run)) = self.run.filter(|(known, _)| *known == attempt) {
            return Ok(Some(run));
        }
        let runs = run_list_of_job(self.lab.db(), self.id).await?;
        let run = runs.into_iter().find(|run| run.attempt == attempt && run.role == Role::Near).map(|run| run.id);
        self.run = run.map(|run| (attempt, run));
        Ok(run)
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
