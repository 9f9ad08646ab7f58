//! One watcher: where it is, what it was told, and what it is told next.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

use portal::Caller;
use tokio::sync::watch;

use super::feed::{Known, Reading, Standing};
use super::tail::Next;
use super::{BATCH, LiveEvent, Position, Seat};
use crate::Lab;
use crate::model::job::JobId;
use crate::model::run::{Role, RunId};
use crate::queries::output::{Chunk, output_list};
use crate::queries::run::run_list_of_job;
use crate::service::ServiceError;
use crate::service::job::is_visible;

/// Tells nothing more once this is over.
pub(super) type Leave = Pin<Box<dyn Future<Output = ()> + Send>>;

/// See the module's head.
pub(super) struct Watcher {
    /// Asked first, so that who lost the right is told nothing more.
    pub(super) leave: Leave,
    pub(super) following: Following,
}

impl Watcher {
    /// The next event; `None` when nothing follows. It is asked no sooner than its reader has room, so slow readers
    /// hold up nobody and cost no memory.
    pub(super) async fn next(&mut self) -> Option<LiveEvent> {
        tokio::select! {
            biased;
            () = &mut self.leave => None,
            event = self.following.next() => event,
        }
    }
}

pub(super) struct Following {
    lab: Lab,
    caller: Caller,
    id: JobId,
    known: watch::Receiver<Known>,
    at: Position,
    /// The near run of the attempt that was read last.
    run: Option<(i64, RunId)>,
    /// What was read and not told yet.
    read: VecDeque<Chunk>,
    /// What was told of the job's state last.
    told: Option<Arc<Standing>>,
    is_over: bool,
    /// One of the places there are for watchers.
    _seat: Seat,
}

enum Step {
    Tell(LiveEvent),
    /// Only the database has what comes next.
    Read,
    Wait,
    /// The job is gone or not for the caller any more.
    Over,
}

impl Following {
    pub(super) fn new(lab: Lab, caller: Caller, id: JobId, at: Position, seat: Seat) -> Self {
        let known = lab.feed(id);
        let read = VecDeque::new();
        Self { lab, caller, id, known, at, run: None, read, told: None, is_over: false, _seat: seat }
    }

    async fn next(&mut self) -> Option<LiveEvent> {
        while !self.is_over {
            let is_stuck = match self.step() {
                Step::Tell(event) => return Some(event),
                Step::Over => return None,
                Step::Wait => true,
                Step::Read => match self.read().await {
                    Ok(has_moved) => !has_moved,
                    Err(error) => {
                        let id = self.id;
                        tracing::warn!(job.id = %id, error = &error as &dyn std::error::Error, "watching job {id} broke off");
                        return None;
                    }
                },
            };
            if is_stuck && self.known.changed().await.is_err() {
                return None;
            }
        }
        None
    }

    fn step(&mut self) -> Step {
        let known = self.known.borrow_and_update();
        let standing = match &known.standing {
            Reading::Unread => return Step::Wait,
            Reading::Over => return Step::Over,
            Reading::There(standing) => standing,
        };
        if !self.told.as_ref().is_some_and(|told| Arc::ptr_eq(told, standing)) {
            if !is_visible(&standing.job, &self.caller) {
                return Step::Over;
            }
            let is_news = !standing.job.status.is_final()
                && self.told.as_ref().is_none_or(|told| summary(told) != summary(standing));
            self.told = Some(standing.clone());
            if is_news {
                return Step::Tell(LiveEvent::State(standing.clone()));
            }
        }
        let chunk = match self.read.pop_front() {
            Some(chunk) => Arc::new(chunk),
            None => match known.tail.next(self.at) {
                Next::Chunk(chunk) => chunk,
                Next::Stored => return Step::Read,
                Next::Nothing if standing.job.status.is_final() => {
                    self.is_over = true;
                    return Step::Tell(LiveEvent::End(standing.clone()));
                }
                Next::Nothing => return Step::Wait,
            },
        };
        self.at.seq = chunk.seq + 1;
        Step::Tell(LiveEvent::Output { attempt: self.at.attempt, chunk })
    }

    /// Reads what is stored from here on; an attempt that is past to its end before the next one begins. `false`: there
    /// was nothing, though something is known to be; it is being deleted.
    async fn read(&mut self) -> Result<bool, ServiceError> {
        let newest = self.known.borrow().tail.end().map_or(self.at.attempt, |end| end.attempt);
        let chunks = match self.run_of(self.at.attempt).await? {
            Some(run) => output_list(self.lab.db(), run, self.at.seq, BATCH).await?,
            None => Vec::new(),
        };
        let is_past = self.at.attempt < newest;
        if chunks.is_empty() && is_past {
            self.at = Position { attempt: self.at.attempt + 1, seq: 0 };
        }
        self.read = chunks.into();
        Ok(is_past || !self.read.is_empty())
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

/// What of a job's standing is told.
fn summary(standing: &Standing) -> (&'static str, Option<u32>, i64, Option<&str>) {
    let job = &standing.job;
    (job.status.as_str(), standing.place, job.attempt, job.node.as_deref())
}
