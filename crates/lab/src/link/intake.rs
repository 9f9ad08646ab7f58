//! Output of all the nodes of this replica on its way into the database.
//!
//! A class of nodes that print a little each would be as many small statements, and each of them costs far more than its
//! rows do. So one Write at a time is under way, and what comes meanwhile goes into the next.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use db::{DbError, Write};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::Lab;
use crate::model::run::RunId;
use crate::queries::output::{Chunk, outputs_insert};
use crate::service::ServiceError;

/// Time from the beginning of one Write to that of the next, at least: nobody sees a line come this much later, and a
/// quick disk would otherwise be given a handful of lines at a time.
const PAUSE: Duration = Duration::from_millis(10);

/// See the module's head.
#[derive(Default)]
pub(crate) struct Intake(Mutex<Gathered>);

#[derive(Default)]
struct Gathered {
    chunks: Vec<(RunId, Arc<Chunk>)>,
    topics: BTreeSet<String>,
    /// Those who wait for it to be stored: whether it was.
    waiting: Vec<oneshot::Sender<bool>>,
    is_writing: bool,
}

impl Intake {
    fn lock(&self) -> MutexGuard<'_, Gathered> {
        self.0.lock().expect("no holder of this lock panics")
    }

    /// Adds to what the next Write stores. `true`: nobody writes, so the caller has to see to it.
    fn add(&self, chunks: Vec<(RunId, Arc<Chunk>)>, topics: BTreeSet<String>, waiting: oneshot::Sender<bool>) -> bool {
        let mut gathered = self.lock();
        gathered.chunks.extend(chunks);
        gathered.topics.extend(topics);
        gathered.waiting.push(waiting);
        !std::mem::replace(&mut gathered.is_writing, true)
    }

    /// What the next Write stores; `None`, and nobody writes any more, where there is nothing.
    fn take(&self) -> Option<Gathered> {
        let mut gathered = self.lock();
        gathered.is_writing = !gathered.waiting.is_empty();
        let is_writing = gathered.is_writing;
        is_writing.then(|| std::mem::replace(&mut *gathered, Gathered { is_writing, ..Gathered::default() }))
    }
}

impl Lab {
    /// Stores output, together with that of other nodes. Errors: the database failed, and then whether it was stored is
    /// unknown. Cancellation: it is stored all the same.
    pub(super) async fn outputs_store(
        &self,
        chunks: Vec<(RunId, Arc<Chunk>)>,
        topics: BTreeSet<String>,
    ) -> Result<(), ServiceError> {
        let (waiting, stored) = oneshot::channel();
        if self.intake().add(chunks, topics, waiting) {
            // A task of its own: a node that leaves meanwhile must not take other nodes' output along.
            self.sessions().spawn(write_all(self.clone()));
        }
        match stored.await {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(DbError::Unavailable { attempt: "storing output", source: None }.into()),
        }
    }
}

/// Writes until nothing waits.
async fn write_all(lab: Lab) {
    while let Some(gathered) = lab.intake().take() {
        let began = Instant::now();
        let mut write = Write::new();
        outputs_insert(&mut write, &gathered.chunks);
        gathered.topics.into_iter().for_each(|topic| write.push_event(topic));
        let result = lab.db().write(write).await;
        if let Err(error) = &result {
            tracing::warn!(error = error as &dyn std::error::Error, "output could not be stored");
        }
        for waiting in gathered.waiting {
            // Who left has no use for it.
            let _gone = waiting.send(result.is_ok());
        }
        tokio::time::sleep_until(began + PAUSE).await;
    }
}
