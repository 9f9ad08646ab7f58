//! Output of all the nodes of this replica on its way into the database.
//!
//! A class of nodes that print a little each would be as many small statements, and each of them costs far more than its
//! rows do. So one Write at a time is under way, and what comes meanwhile goes into the next. That is all that the nodes
//! share: where the database refuses a Write, each one's part is written alone.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use db::{DbError, Write};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::Lab;
use crate::model::run::RunId;
use crate::queries::output::{Chunk, outputs_insert};
use crate::service::ServiceError;

/// Time from the beginning of a Write to that of the next, at least, for each chunk in it: where a thousand chunks and
/// more come in a second, a quick disk would otherwise be given a handful at a time. A few are waited for by nobody.
const CHUNK_PAUSE: Duration = Duration::from_millis(1);
/// The same for a whole Write, at most: nobody sees a line come this much later.
const PAUSE_MAX: Duration = Duration::from_millis(10);
/// Bytes in one Write, unless a single part is larger.
const WRITE_BYTES: usize = 8 << 20;
/// What a chunk counts beside its data: a row of one byte is no byte.
const ROW_BYTES: usize = 128;
/// A node whose output is not stored by then is sent away, whatever the database does; it comes back and sends it again.
const STORED_LIMIT: Duration = Duration::from_secs(30);

/// See the module's head. A cheap handle.
#[derive(Clone, Default)]
pub(crate) struct Intake(Arc<Mutex<Gathered>>);

#[derive(Default)]
struct Gathered {
    waiting: VecDeque<Part>,
    is_writing: bool,
}

/// What one node waits for.
struct Part {
    chunks: Vec<(RunId, Arc<Chunk>)>,
    topics: BTreeSet<String>,
    /// Whether it was stored.
    stored: oneshot::Sender<bool>,
}

/// The one who writes. Given up before its end, by a panic, it sends away who waits, and the next may begin.
struct Turn {
    intake: Intake,
    is_over: bool,
}

impl Intake {
    fn lock(&self) -> MutexGuard<'_, Gathered> {
        self.0.lock().expect("no holder of this lock panics")
    }

    /// Adds to what is written next. Where nobody writes, the caller has to see to it.
    fn add(&self, part: Part) -> Option<Turn> {
        let mut gathered = self.lock();
        gathered.waiting.push_back(part);
        let is_idle = !std::mem::replace(&mut gathered.is_writing, true);
        is_idle.then(|| Turn { intake: self.clone(), is_over: false })
    }

    /// Stores a part by `write`, which a task of `tracker` calls. Errors and cancellation: see [`Lab::outputs_store`].
    pub(crate) async fn store<F>(
        &self,
        tracker: &TaskTracker,
        chunks: Vec<(RunId, Arc<Chunk>)>,
        topics: BTreeSet<String>,
        write: impl Fn(Write) -> F + Send + Sync + 'static,
    ) -> Result<(), DbError>
    where
        F: Future<Output = Result<Vec<u64>, DbError>> + Send + 'static,
    {
        let (stored, answer) = oneshot::channel();
        if let Some(turn) = self.add(Part { chunks, topics, stored }) {
            // A task of its own: a node that leaves meanwhile must not take other nodes' output along.
            tracker.spawn(write_all(turn, write));
        }
        match tokio::time::timeout(STORED_LIMIT, answer).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false) | Err(_)) | Err(_) => Err(DbError::Unavailable { attempt: "storing output", source: None }),
        }
    }
}

impl Lab {
    /// Stores output, together with that of other nodes. Errors: `Unavailable`, and then whether it was stored is
    /// unknown. Cancellation: it is stored all the same.
    pub(super) async fn outputs_store(
        &self,
        chunks: Vec<(RunId, Arc<Chunk>)>,
        topics: BTreeSet<String>,
    ) -> Result<(), ServiceError> {
        let db = self.db().clone();
        let write = move |write| {
            let db = db.clone();
            async move { db.write(write).await }
        };
        Ok(self.intake().store(self.sessions(), chunks, topics, write).await?)
    }
}

impl Part {
    fn bytes(&self) -> usize {
        self.chunks.iter().map(|(_, chunk)| chunk.data.len() + ROW_BYTES).sum()
    }
}

impl Turn {
    /// What the next Write stores: the oldest parts, as many as are to go into one. `None`, and nobody writes any more,
    /// where there is nothing.
    fn next(&mut self) -> Option<Vec<Part>> {
        let mut gathered = self.intake.lock();
        let (mut parts, mut bytes) = (Vec::new(), 0);
        while let Some(part) = gathered.waiting.pop_front() {
            bytes += part.bytes();
            if bytes > WRITE_BYTES && !parts.is_empty() {
                gathered.waiting.push_front(part);
                break;
            }
            parts.push(part);
        }
        self.is_over = parts.is_empty();
        gathered.is_writing = !self.is_over;
        (!self.is_over).then_some(parts)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.is_over {
            let mut gathered = self.intake.lock();
            gathered.is_writing = false;
            gathered.waiting.clear();
        }
    }
}

/// How long after the beginning of this Write the next may begin.
fn pause(parts: &[Part]) -> Duration {
    let chunks: usize = parts.iter().map(|part| part.chunks.len()).sum();
    u32::try_from(chunks).map_or(PAUSE_MAX, |chunks| PAUSE_MAX.min(CHUNK_PAUSE.saturating_mul(chunks)))
}

/// Writes until nothing waits.
async fn write_all<F>(mut turn: Turn, write: impl Fn(Write) -> F)
where
    F: Future<Output = Result<Vec<u64>, DbError>>,
{
    while let Some(parts) = turn.next() {
        let (began, pause) = (Instant::now(), pause(&parts));
        let result = write(together(&parts)).await;
        match &result {
            Err(error) if parts.len() > 1 && !error.is_retryable() => write_apart(parts, &write).await,
            Ok(_) | Err(_) => answer(parts, &result),
        }
        let next = began + pause;
        // The runtime's clock goes by milliseconds: a time that is just past could still be waited for.
        if next > Instant::now() {
            tokio::time::sleep_until(next).await;
        }
    }
}

/// Writes each part alone, so that one that the database refuses fails nobody else. Where the database goes away
/// meanwhile, the rest is sent away: each further part would wait as long as this one did.
async fn write_apart<F>(parts: Vec<Part>, write: &impl Fn(Write) -> F)
where
    F: Future<Output = Result<Vec<u64>, DbError>>,
{
    for part in parts {
        let result = write(together(std::slice::from_ref(&part))).await;
        answer([part], &result);
        if result.is_err_and(|error| error.is_retryable()) {
            return;
        }
    }
}

fn together(parts: &[Part]) -> Write {
    let chunks: Vec<_> = parts.iter().flat_map(|part| part.chunks.iter().cloned()).collect();
    let mut write = Write::new();
    outputs_insert(&mut write, &chunks);
    parts.iter().flat_map(|part| &part.topics).for_each(|topic| write.push_event(topic));
    write
}

fn answer(parts: impl IntoIterator<Item = Part>, result: &Result<Vec<u64>, DbError>) {
    if let Err(error) = result {
        tracing::warn!(error = error as &dyn std::error::Error, "output could not be stored");
    }
    for part in parts {
        // Who left has no use for it.
        let _gone = part.stored.send(result.is_ok());
    }
}
