//! Duties that go on by themselves. Each reads what is stored, does a bounded piece of work, and is tried again at its next
//! turn. Those that change what others see are single among the replicas, by a lease.

mod measure;
mod poll;
mod reconcile;
pub(crate) mod spool;
mod tally;

use std::time::{Duration, Instant};

use db::Engine;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use measure::Measured;

use crate::Classroom;
use crate::service::{MEETINGS, MOVED, SERVERS, ServiceError, TENANTS};

/// All is read anew this often, whatever wake-ups came.
const RELOAD: Duration = Duration::from_secs(30);
/// Meetings that begin within this time are read together.
const GATHER: Duration = Duration::from_secs(1);
const OUTBOX: Duration = Duration::from_secs(2);
const HOOKS: Duration = Duration::from_secs(60);
const SPOOL: Duration = Duration::from_secs(10);
const TALLY: Duration = Duration::from_secs(60);

/// Starts the duties; they end with `shutdown`.
pub(crate) fn spawn_tasks(classroom: &Classroom, shutdown: &CancellationToken) -> TaskTracker {
    let tracker = TaskTracker::new();
    let poll = classroom.poll_interval();
    let start = |what, every, turn: Turn, is_single| {
        tracker.spawn(run(Duty { what, every, turn, is_single }, classroom.clone(), shutdown.clone()));
    };
    start("poll", poll, |c| Box::pin(async move { c.servers_poll().await }), false);
    start("reload", RELOAD, |c| Box::pin(async move { c.reload().await }), false);
    start("reconcile", poll, |c| Box::pin(async move { c.reconcile().await }), true);
    start("outbox", OUTBOX, |c| Box::pin(async move { c.outbox_turn().await }), true);
    start("hooks", HOOKS, |c| Box::pin(async move { c.hooks_reconcile().await }), true);
    start("spool", SPOOL, |c| Box::pin(async move { c.spool_turn().await }), true);
    let measure: Turn = |c| {
        c.measure();
        Box::pin(std::future::ready(Ok(())))
    };
    start("measure", poll, measure, false);
    start("begun", TALLY, |c| Box::pin(async move { c.begun_write().await }), false);
    start("tally", TALLY, |c| Box::pin(async move { c.tally().await }), true);
    tracker.spawn(follow(classroom.clone(), shutdown.clone()));
    tracker.close();
    tracker
}

type Turn = fn(Classroom) -> futures::future::BoxFuture<'static, Result<(), ServiceError>>;

struct Duty {
    what: &'static str,
    every: Duration,
    turn: Turn,
    is_single: bool,
}

async fn run(duty: Duty, classroom: Classroom, shutdown: CancellationToken) {
    let mut interval = tokio::time::interval(duty.every);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let work = async {
            interval.tick().await;
            let begun = Instant::now();
            let done =
                if duty.is_single { single(&duty, &classroom).await } else { (duty.turn)(classroom.clone()).await };
            report(duty.what, begun, done);
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = work => {}
        }
    }
}

/// Does a duty unless another replica has it.
async fn single(duty: &Duty, classroom: &Classroom) -> Result<(), ServiceError> {
    let name = format!("classroom-{}", duty.what);
    let owner = &classroom.config().replica;
    // Short enough for another replica to go on soon.
    let ttl = 3 * duty.every + Duration::from_secs(10);
    let done = classroom.db().lease_while(&name, owner, ttl, (duty.turn)(classroom.clone())).await?;
    done.unwrap_or(Ok(()))
}

fn report(what: &'static str, begun: Instant, done: Result<(), ServiceError>) {
    metrics::histogram!("amphi_classroom_duty_seconds", "duty" => what).record(begun.elapsed().as_secs_f64());
    match done {
        Ok(()) => metrics::counter!("amphi_classroom_duty_done_total", "duty" => what).increment(1),
        Err(error) => {
            metrics::counter!("amphi_classroom_duty_failed_total", "duty" => what).increment(1);
            tracing::warn!(error = &error as &dyn std::error::Error, "the duty {what} failed; it is tried again");
        }
    }
}

/// Reads anew what another replica changed.
async fn follow(classroom: Classroom, shutdown: CancellationToken) {
    let mut topics = vec![SERVERS, TENANTS];
    // On SQLite there is no other replica, and what meetings this one has it knows.
    if classroom.db().engine() != Engine::Sqlite {
        topics.extend([MOVED, MEETINGS]);
    }
    let watch = classroom.db().events().watch(topics);
    loop {
        let topic = tokio::select! {
            () = shutdown.cancelled() => return,
            topic = watch.changed() => topic,
        };
        let read = match topic.as_str() {
            SERVERS => classroom.servers_reload().await,
            TENANTS => classroom.directory_reload().await,
            MOVED => classroom.meetings_reload().await,
            _ => {
                // Many begin together, at the full hour: they are read together.
                tokio::time::sleep(GATHER).await;
                classroom.meetings_reload().await
            }
        };
        if let Err(error) = read {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "{topic} could not be read anew; tried again soon"
            );
        }
    }
}

impl Classroom {
    async fn reload(&self) -> Result<(), ServiceError> {
        self.directory_reload().await?;
        self.servers_reload().await?;
        self.meetings_reload().await
    }
}
