//! What becomes of runs whose node goes away, of runs nobody wants any more, and of those that wait too long.
//!
//! A run ends once: whoever ends it names the state it must be in, in the same statement. A lost run and the attempt
//! that takes its place are one transaction, so that a job never stands without either.

use db::{DbError, Write};
use wire::proto::{Cancel, to_agent};

use super::ServiceError;
use super::submit::first_run;
use crate::Lab;
use crate::link::wire_epoch;
use crate::model::job::{ErrorReason, JobStatus};
use crate::model::node::{AdminState, Health, Node, NodeId};
use crate::model::run::{AfterLoss, Outcome, Role, Run, RunId, RunState, after_loss};
use crate::model::work::is_safe_to_repeat;
use crate::queries::input::inputs_delete;
use crate::queries::job::{GOES_ON, job_end, job_get, job_next_attempt};
use crate::queries::node::{node_list, node_must_be_silent};
use crate::queries::run::{
    ON_NODE, QUEUED, RunEnd, run_cancel_waiting, run_insert, run_list_live, run_list_oldest, run_list_on,
    run_list_to_cancel, run_list_without, run_must_end,
};
use crate::queries::told::Attempt;

/// How long a run waits for a chosen node that is down. Milliseconds.
const NODE_DOWN_GRACE_MS: i64 = 30_000;
/// A job can change twice while a loss is decided: it is cancelled, and it ends. Then the run has ended too.
const LOSS_LOOKS: u32 = 3;
/// Runs that waited too long, or for a node that is away, that are ended in one go.
const OVERDUE_AT_ONCE: u32 = 500;

/// How a node lost a run.
#[derive(Clone, Copy)]
pub(crate) enum Loss<'a> {
    /// It was last heard of before this time, epoch milliseconds.
    Silence { seen_before_ms: i64 },
    /// It has it no more, or may not go on with it.
    Gone,
    /// It says so, and maybe how.
    Told(Option<&'a str>),
}

impl Lab {
    /// Ends a run that its node lost; its job is tried again if it may be. `Unmet` ("node-silent"): the node is heard
    /// of again.
    pub(crate) async fn run_lost(&self, run: &Run, loss: Loss<'_>) -> Result<(), ServiceError> {
        tracing::warn!(run.id = %run.id, job.id = %run.job, "run {} of job {} was lost with its node", run.id, run.job);
        for _ in 0..LOSS_LOOKS {
            match self.run_lose(run, loss).await {
                // The job was cancelled, or somebody else opened its next attempt, since it was looked at.
                Err(ServiceError::Db(DbError::Unmet { guard: "job-attempt" })) => {}
                // Somebody else ended the run.
                Err(ServiceError::Db(DbError::Unmet { guard: "run-state" })) => return Ok(()),
                other => return other,
            }
        }
        Ok(())
    }

    async fn run_lose(&self, run: &Run, loss: Loss<'_>) -> Result<(), ServiceError> {
        let Some(job) = job_get(self.db(), run.job).await? else { return Ok(()) };
        let now_ms = self.now_ms();
        let is_current = job.attempt == run.attempt && !job.status.is_final();
        let mut write = Write::new();
        let detail = match (loss, run.node) {
            (Loss::Silence { seen_before_ms }, Some(node)) => {
                node_must_be_silent(&mut write, node, seen_before_ms);
                None
            }
            (Loss::Silence { .. } | Loss::Gone, _) => None,
            (Loss::Told(detail), _) => detail.map(str::to_owned),
        };
        let end = |outcome| RunEnd { detail: detail.clone(), ..RunEnd::untold(outcome, now_ms) };
        run_must_end(&mut write, run.id, ON_NODE, &end(Outcome::Lost));
        inputs_delete(&mut write, &[run.id]);
        let near_is_under_way = run.role == Role::Far && job.status == JobStatus::Running;
        if is_current && !near_is_under_way {
            match after_loss(run.attempt, is_safe_to_repeat(&job), job.is_cancelled) {
                AfterLoss::TryAgain => {
                    job_next_attempt(&mut write, job.id, run.attempt, GOES_ON);
                    run_insert(&mut write, &first_run(&job, run.attempt + 1, now_ms));
                }
                AfterLoss::GiveUp => {
                    let outcome = if job.is_cancelled { Outcome::Cancelled } else { Outcome::Lost };
                    job_end(&mut write, Attempt::new(job.id, run.attempt), &end(outcome));
                    // The near end of a lost far end.
                    run_cancel_waiting(&mut write, job.id, now_ms);
                }
            }
        }
        for topic in [format!("job:{}", job.id), "jobs".into(), "queue".into(), "cancels".into()] {
            write.push_event(topic);
        }
        self.db().write(write).await?;
        Ok(())
    }

    /// Takes its runs away from a node: each is stopped there and tried again elsewhere if it may be.
    pub(crate) async fn runs_take_away(&self, node: NodeId, epoch: i64) -> Result<(), ServiceError> {
        for run in run_list_on(self.db(), node).await? {
            self.run_lost(&run, Loss::Gone).await?;
            self.cancel_send(node, run.id, epoch);
        }
        Ok(())
    }

    /// Tells the nodes of this replica to stop what has nothing to go on for.
    pub(crate) async fn runs_cancel_wanted(&self) -> Result<(), ServiceError> {
        for run in run_list_to_cancel(self.db(), self.replica()).await? {
            let (RunState::Leased { node, epoch } | RunState::Running { node, epoch }) = run.state else { continue };
            let epoch = self.fleet().with(node, |session| session.epoch).unwrap_or(epoch);
            self.cancel_send(node, run.id, epoch);
        }
        // Those that were lost meanwhile have ended already; those of an account that was deleted have no row any more.
        for (node, epoch, runs) in self.fleet().booked() {
            let live = run_list_live(self.db(), &runs).await?;
            runs.into_iter().filter(|run| !live.contains(run)).for_each(|run| self.cancel_send(node, run, epoch));
        }
        Ok(())
    }

    pub(super) fn cancel_send(&self, node: NodeId, run: RunId, epoch: i64) {
        let cancel = Cancel { run_id: run.to_string(), epoch: wire_epoch(epoch) };
        self.fleet().send(node, to_agent::Message::Cancel(cancel));
    }

    /// Ends waiting runs whose chosen node has been down or out for too long, and those that waited longer than the
    /// policy allows.
    pub(crate) async fn runs_overdue(&self) -> Result<u32, ServiceError> {
        let now_ms = self.now_ms();
        let waiting_max_ms = i64::from(self.policy().waiting_max_s) * 1_000;
        let nodes = node_list(self.db()).await?;
        let there: Vec<_> = nodes.iter().filter(|node| !is_gone(Some(node), now_ms)).map(|node| node.id).collect();
        // Ids grow with time: where the oldest have not waited too long, nobody has.
        let oldest = run_list_oldest(self.db(), OVERDUE_AT_ONCE).await?;
        let late = oldest.into_iter().filter(|run| now_ms - run.created_ms >= waiting_max_ms);
        let stuck = run_list_without(self.db(), &there, now_ms - NODE_DOWN_GRACE_MS, OVERDUE_AT_ONCE).await?;
        let stuck = stuck.into_iter().map(|run| {
            let is_known = nodes.iter().any(|node| Some(node.id) == run.wanted_node);
            (run, if is_known { ErrorReason::NodeDown } else { ErrorReason::NodeGone })
        });
        let mut count = 0;
        for (run, reason) in late.map(|run| (run, ErrorReason::TooBusy)).chain(stuck) {
            self.run_give_up(run.id, Attempt::new(run.job, run.attempt), reason, None, now_ms).await?;
            count += 1;
        }
        Ok(count)
    }

    /// Ends a waiting run and its job.
    pub(super) async fn run_give_up(
        &self,
        run: RunId,
        attempt: Attempt,
        reason: ErrorReason,
        detail: Option<&str>,
        at_ms: i64,
    ) -> Result<(), ServiceError> {
        let mut write = Write::new();
        let detail = detail.map(str::to_owned);
        let end = RunEnd { detail, ..RunEnd::untold(Outcome::Failed(reason), at_ms) };
        run_must_end(&mut write, run, QUEUED, &end);
        job_end(&mut write, attempt, &end);
        for topic in [format!("job:{}", attempt.job), "jobs".into(), "queue".into(), "cancels".into()] {
            write.push_event(topic);
        }
        match self.db().write(write).await {
            // It has just left the queue.
            Ok(_) | Err(DbError::Unmet { guard: "run-state" }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether a node that was chosen by name is not to be waited for any longer.
pub(super) fn is_gone(node: Option<&Node>, now_ms: i64) -> bool {
    node.is_none_or(|node| {
        let is_down = node.health(now_ms) == Health::Down && now_ms - node.last_seen_ms >= NODE_DOWN_GRACE_MS;
        node.state == AdminState::Disabled || is_down
    })
}
