//! What this replica knows of the jobs that somebody watches here: one reader for each job, however many watch it.
//!
//! A feed begins with its first watcher and ends with its last. Where the job stands is read again when somebody says
//! that it changed; output that comes from a node of this replica is handed on once it is stored, and that of another
//! replica's node is read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use db::Engine;
use tokio::sync::watch;

use super::tail::Tail;
use super::{BATCH, Position};
use crate::Lab;
use crate::model::job::{Job, JobId, JobStatus};
use crate::model::node::NodeId;
use crate::model::run::{Role, RunId, RunState};
use crate::queries::job::job_get;
use crate::queries::output::{Chunk, output_end, output_list};
use crate::queries::run::run_list_of_job;
use crate::service::ServiceError;

/// Places in the queue change without the job's own events; they are read again this often.
const PLACE_INTERVAL: Duration = Duration::from_secs(2);
/// Jobs that leave with their account are told of by this topic alone.
pub(crate) const REMOVALS: &str = "removals";

/// The topic that tells other replicas of a job's output.
pub(crate) fn output_topic(job: JobId) -> String {
    format!("output:{job}")
}

/// Where a job stands.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) job: Job,
    /// Its place in the queue.
    pub(crate) place: Option<u32>,
}

/// What a feed tells its watchers.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) standing: Reading,
    pub(super) tail: Tail,
}

/// How far the job was read.
#[derive(Debug, Default)]
pub(super) enum Reading {
    /// Not yet.
    #[default]
    Unread,
    /// So it stands.
    There(Arc<Standing>),
    /// The job is gone, or can't be read: its watchers are to come back.
    Over,
}

/// A chunk of a job's output that was stored just now.
pub(crate) struct Printed {
    pub(crate) job: JobId,
    pub(crate) attempt: i64,
    pub(crate) chunk: Arc<Chunk>,
}

type Feed = Arc<watch::Sender<Known>>;

/// The feeds of this replica.
#[derive(Default)]
pub(crate) struct Feeds(Mutex<HashMap<JobId, Feed>>);

impl Feeds {
    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, Feed>> {
        self.0.lock().expect("no holder of this lock panics")
    }

    /// Hands on output that was stored just now, to those who watch.
    pub(crate) fn print(&self, printed: Vec<Printed>) {
        let feeds = self.lock();
        if feeds.is_empty() {
            return;
        }
        for Printed { job, attempt, chunk } in printed {
            if let Some(feed) = feeds.get(&job) {
                feed.send_if_modified(|known| known.tail.push(attempt, chunk));
            }
        }
    }

    /// Forgets a feed that nobody watches. `false`: somebody does.
    fn close(&self, job: JobId) -> bool {
        let mut feeds = self.lock();
        let is_unwatched = feeds.get(&job).is_none_or(|feed| feed.receiver_count() == 0);
        if is_unwatched {
            feeds.remove(&job);
        }
        is_unwatched
    }
}

impl Lab {
    /// Joins the feed of a job, which begins with that if nobody watched the job before.
    pub(super) fn feed(&self, job: JobId) -> watch::Receiver<Known> {
        let mut feeds = self.feeds().lock();
        if let Some(feed) = feeds.get(&job) {
            return feed.subscribe();
        }
        let (feed, receiver) = watch::channel(Known::default());
        let feed = Arc::new(feed);
        feeds.insert(job, feed.clone());
        tokio::spawn(Reader { lab: self.clone(), id: job, run: None, feed }.follow());
        receiver
    }
}

/// Keeps one feed.
struct Reader {
    lab: Lab,
    id: JobId,
    /// The near run of the newest attempt.
    run: Option<Near>,
    feed: Feed,
}

struct Near {
    attempt: i64,
    id: RunId,
    /// The node it is on, unless it waits or is over.
    node: Option<NodeId>,
}

impl Reader {
    async fn follow(mut self) {
        // Watching begins before the first read, so that nothing falls between them.
        let mut topics = vec![format!("job:{}", self.id), REMOVALS.to_owned()];
        let output = output_topic(self.id);
        if self.lab.db().engine() != Engine::Sqlite {
            topics.push(output.clone());
        }
        let watch = self.lab.db().events().watch(topics);
        loop {
            let is_waiting = match self.read().await {
                Ok(Some(status)) => status == JobStatus::Waiting,
                Ok(None) => return self.end(),
                Err(error) => {
                    let id = self.id;
                    tracing::warn!(job.id = %id, error = &error as &dyn std::error::Error, "watching job {id} broke off");
                    return self.end();
                }
            };
            loop {
                tokio::select! {
                    // What a node of this replica printed is handed on without being read.
                    topic = watch.changed() => if topic != output || !self.is_ours() { break },
                    () = tokio::time::sleep(PLACE_INTERVAL), if is_waiting => break,
                    () = self.feed.closed() => if self.lab.feeds().close(self.id) { return },
                }
            }
        }
    }

    fn end(&self) {
        self.lab.feeds().lock().remove(&self.id);
        self.feed.send_modify(|known| known.standing = Reading::Over);
    }

    fn is_ours(&self) -> bool {
        let near = self.run.as_ref();
        near.is_some_and(|near| near.node.is_some_and(|node| self.lab.fleet().holds(node, near.id)))
    }

    /// Reads where the job stands, then the output that is not known: so what is known when the job is over is all.
    async fn read(&mut self) -> Result<Option<JobStatus>, ServiceError> {
        let Some(job) = job_get(self.lab.db(), self.id).await? else { return Ok(None) };
        let place = self.lab.job_places(std::slice::from_ref(&job)).await?.of(&job);
        self.run_read(&job).await?;
        self.output_read(&job).await?;
        let status = job.status;
        self.feed.send_modify(|known| known.standing = Reading::There(Arc::new(Standing { job, place })));
        Ok(Some(status))
    }

    async fn run_read(&mut self, job: &Job) -> Result<(), ServiceError> {
        let runs = run_list_of_job(self.lab.db(), self.id).await?;
        let near = runs.into_iter().find(|run| run.attempt == job.attempt && run.role == Role::Near);
        self.run = near.map(|run| Near {
            attempt: run.attempt,
            id: run.id,
            node: match run.state {
                RunState::Leased { node, .. } | RunState::Running { node, .. } => Some(node),
                RunState::Waiting | RunState::Ended(_) => None,
            },
        });
        Ok(())
    }

    async fn output_read(&mut self, job: &Job) -> Result<(), ServiceError> {
        let Some(Near { attempt, id, .. }) = self.run else {
            let end = Position { attempt: job.attempt, seq: 0 };
            self.feed.send_if_modified(|known| {
                known.tail.extend_to(end);
                false
            });
            return Ok(());
        };
        loop {
            let known = self.feed.borrow().tail.end().filter(|end| end.attempt == attempt);
            let Some(from) = known else {
                // Late joiners read what came before by themselves, each from where it is.
                let end = Position { attempt, seq: output_end(self.lab.db(), id).await? };
                self.feed.send_modify(|known| known.tail.extend_to(end));
                return Ok(());
            };
            let chunks = output_list(self.lab.db(), id, from.seq, BATCH).await?;
            let is_all = chunks.len() < BATCH as usize;
            if !chunks.is_empty() {
                self.feed.send_modify(|known| {
                    for chunk in chunks {
                        known.tail.push(attempt, Arc::new(chunk));
                    }
                });
            }
            if is_all {
                return Ok(());
            }
        }
    }
}
