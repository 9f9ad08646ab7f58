//! The one writer of an SQLite file: all the Writes that wait are committed with one flush to disk.
//!
//! A group runs without savepoints, since nearly every Write succeeds. When one fails, the group is rolled back and
//! runs again with a savepoint for each Write, so that only the failing one sees its error and there is still one
//! flush. Only when that can't be committed either does each Write get a transaction of its own.

#[cfg(test)]
mod tests;

use std::fs::File;
use std::sync::{Mutex, PoisonError};

use sqlx::Connection;
use sqlx::sqlite::{Sqlite, SqliteConnection};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::dialect::{Engine, translate};
use crate::driver;
use crate::error::DbError;
use crate::events::Events;
use crate::query::{Query, Write};
use crate::retry::{ACQUIRE_LIMIT, public};

/// Writes that may wait; more wait for a place, for at most `ACQUIRE_LIMIT`.
const QUEUE: usize = 1024;
/// Writes in one commit. Larger groups gain little and let the first of them wait longer.
const GROUP: usize = 256;

type Answer = Result<Vec<u64>, DbError>;

struct Job {
    write: Write,
    answer: oneshot::Sender<Answer>,
}

/// What keeps the Writes of one transaction apart.
#[derive(Clone, Copy)]
enum Isolation {
    /// Nothing: the first failure fails them all.
    None,
    Savepoint,
}

/// The queue's handle.
pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Job>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

fn take<T>(slot: &Mutex<Option<T>>) -> Option<T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl Writer {
    /// The lock on the database is kept until the last of what is queued is written.
    pub(super) fn start(connection: SqliteConnection, lock: File, events: Events) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let task = tokio::spawn(run(connection, lock, receiver, events));
        Self { queue: Mutex::new(Some(sender)), task: Mutex::new(Some(task)) }
    }

    /// Cancellation: once queued a Write is done even when the caller stops waiting.
    pub(super) async fn write(&self, write: Write) -> Answer {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(DbError::closed)?;
        let (answer, result) = oneshot::channel();
        queue
            .send_timeout(Job { write, answer }, ACQUIRE_LIMIT)
            .await
            .map_err(|_| DbError::Unavailable { attempt: "waiting for a place among the writes", source: None })?;
        drop(queue); // else close() would wait for this call
        result.await.unwrap_or_else(|_| Err(DbError::closed()))
    }

    /// Lets everything queued be written, then ends.
    pub(super) async fn close(&self) {
        drop(take(&self.queue));
        if let Some(task) = take(&self.task)
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the database writer ended with a panic: {error}");
        }
    }
}

async fn run(mut connection: SqliteConnection, lock: File, mut queue: mpsc::Receiver<Job>, events: Events) {
    let mut group = Vec::with_capacity(GROUP);
    while queue.recv_many(&mut group, GROUP).await > 0 {
        metrics::histogram!("amphi_db_group_writes").record(group.len() as f64);
        settle(&mut connection, &mut group, &events).await;
    }
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "closing the database file: {error}");
    }
    drop(lock);
}

/// Answers every Write of the group and leaves it empty.
async fn settle(connection: &mut SqliteConnection, group: &mut Vec<Job>, events: &Events) {
    if group.len() > 1 {
        for isolation in [Isolation::None, Isolation::Savepoint] {
            if let Ok(answers) = commit(connection, group, isolation).await {
                group.drain(..).zip(answers).for_each(|(job, answer)| finish(job, answer, events));
                return;
            }
        }
    }
    for job in group.drain(..) {
        let answers = commit(connection, std::slice::from_ref(&job), Isolation::None).await;
        finish(job, answers.and_then(|mut answers| answers.pop().unwrap_or(Ok(Vec::new()))), events);
    }
}

fn finish(job: Job, answer: Answer, events: &Events) {
    if answer.is_ok() {
        events.wake(&job.write.topics);
    }
    // The caller may have stopped waiting; the Write is done all the same.
    let _gone = job.answer.send(answer);
}

/// One transaction for the whole group. `Err`: nothing of it was written. Answers are true only once it is committed.
async fn commit(
    connection: &mut SqliteConnection,
    group: &[Job],
    isolation: Isolation,
) -> Result<Vec<Answer>, DbError> {
    // IMMEDIATE: a transaction that turns from reading to writing later fails at once instead of waiting.
    execute(connection, Query::new("BEGIN IMMEDIATE")).await?;
    let result = async {
        let mut answers = Vec::with_capacity(group.len());
        for job in group {
            answers.push(match isolation {
                Isolation::None => Ok(steps(connection, &job.write).await?),
                Isolation::Savepoint => apart(connection, &job.write).await?,
            });
        }
        execute(connection, Query::new("COMMIT")).await?;
        Ok(answers)
    };
    let result = result.await;
    if result.is_err()
        && let Err(error) = execute(connection, Query::new("ROLLBACK")).await
    {
        // After some errors (a full disk) SQLite has rolled back by itself.
        tracing::debug!(%error, "nothing to roll back: {error}");
    }
    result
}

/// One Write of a transaction, undone alone when it fails. `Err`: the transaction can't go on.
async fn apart(connection: &mut SqliteConnection, write: &Write) -> Result<Answer, DbError> {
    execute(connection, Query::new("SAVEPOINT w")).await?;
    let answer = steps(connection, write).await;
    if answer.is_err() {
        // Fails when SQLite has rolled back the whole transaction, and the savepoint with it.
        execute(connection, Query::new("ROLLBACK TO w")).await?;
    }
    execute(connection, Query::new("RELEASE w")).await?;
    Ok(answer)
}

async fn steps(connection: &mut SqliteConnection, write: &Write) -> Answer {
    let mut changed = Vec::with_capacity(write.steps.len());
    for step in &write.steps {
        let rows = execute(connection, translate(Engine::Sqlite, step.query.clone())).await?;
        if let Some(guard) = step.unmet(rows) {
            return Err(DbError::Unmet { guard });
        }
        changed.push(rows);
    }
    Ok(changed)
}

async fn execute(connection: &mut SqliteConnection, query: Query) -> Result<u64, DbError> {
    driver::execute::<Sqlite>(connection, query).await.map_err(|error| public("writing", error))
}
