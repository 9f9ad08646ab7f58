//! The one writer of an SQLite file: all the Writes that wait are committed with one flush to disk.
//!
//! A group runs without savepoints, since nearly every Write succeeds. When one fails, the group is rolled back and
//! runs again with a savepoint for each Write, so that only the failing one sees its error and there is still one
//! flush. Only when that can't be committed either does each Write get a transaction of its own.

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::connection;
use crate::dialect::{Engine, translate};
use crate::error::DbError;
use crate::events::Events;
use crate::query::{Query, Write};
use crate::retry::{ACQUIRE_LIMIT, public_sqlite};

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
    thread: Mutex<Option<JoinHandle<()>>>,
}

fn take<T>(slot: &Mutex<Option<T>>) -> Option<T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl Writer {
    /// The lock on the database is kept until the last of what is queued is written.
    pub(super) fn start(connection: Connection, lock: File, events: Events) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new().name("db-writer".to_owned());
        let thread = thread.spawn(move || run(&connection, lock, receiver, &events))?;
        Ok(Self { queue: Mutex::new(Some(sender)), thread: Mutex::new(Some(thread)) })
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
        if let Some(thread) = take(&self.thread)
            && let Ok(Err(_)) = tokio::task::spawn_blocking(move || thread.join()).await
        {
            tracing::error!("the database writer ended with a panic");
        }
    }
}

fn run(connection: &Connection, lock: File, mut queue: mpsc::Receiver<Job>, events: &Events) {
    let mut group = Vec::with_capacity(GROUP);
    while queue.blocking_recv_many(&mut group, GROUP) > 0 {
        metrics::histogram!("amphi_db_group_writes").record(group.len() as f64);
        settle(connection, &mut group, events);
    }
    drop(lock);
}

/// Answers every Write of the group and leaves it empty.
fn settle(connection: &Connection, group: &mut Vec<Job>, events: &Events) {
    if group.len() > 1 {
        for isolation in [Isolation::None, Isolation::Savepoint] {
            if let Ok(answers) = commit(connection, group, isolation) {
                group.drain(..).zip(answers).for_each(|(job, answer)| finish(job, answer, events));
                return;
            }
        }
    }
    for job in group.drain(..) {
        let answers = commit(connection, std::slice::from_ref(&job), Isolation::None);
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
fn commit(connection: &Connection, group: &[Job], isolation: Isolation) -> Result<Vec<Answer>, DbError> {
    // IMMEDIATE: a transaction that turns from reading to writing later fails at once instead of waiting.
    execute(connection, &Query::new("BEGIN IMMEDIATE"))?;
    let result = group_steps(connection, group, isolation).and_then(|answers| {
        execute(connection, &Query::new("COMMIT"))?;
        Ok(answers)
    });
    if result.is_err()
        && let Err(error) = execute(connection, &Query::new("ROLLBACK"))
    {
        // After some errors (a full disk) SQLite has rolled back by itself.
        tracing::debug!(%error, "nothing to roll back: {error}");
    }
    result
}

fn group_steps(connection: &Connection, group: &[Job], isolation: Isolation) -> Result<Vec<Answer>, DbError> {
    group
        .iter()
        .map(|job| match isolation {
            Isolation::None => steps(connection, &job.write).map(Ok),
            Isolation::Savepoint => apart(connection, &job.write),
        })
        .collect()
}

/// One Write of a transaction, undone alone when it fails. `Err`: the transaction can't go on.
fn apart(connection: &Connection, write: &Write) -> Result<Answer, DbError> {
    execute(connection, &Query::new("SAVEPOINT w"))?;
    let answer = steps(connection, write);
    if answer.is_err() {
        // Fails when SQLite has rolled back the whole transaction, and the savepoint with it.
        execute(connection, &Query::new("ROLLBACK TO w"))?;
    }
    execute(connection, &Query::new("RELEASE w"))?;
    Ok(answer)
}

fn steps(connection: &Connection, write: &Write) -> Answer {
    let mut changed = Vec::with_capacity(write.steps.len());
    for step in &write.steps {
        let rows = execute(connection, &translate(Engine::Sqlite, step.query.clone()))?;
        if let Some(guard) = step.unmet(rows) {
            return Err(DbError::Unmet { guard });
        }
        changed.push(rows);
    }
    Ok(changed)
}

fn execute(connection: &Connection, query: &Query) -> Result<u64, DbError> {
    connection::execute(connection, query).map_err(|error| public_sqlite("writing", error))
}
