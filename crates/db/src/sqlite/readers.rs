//! The connections that read an SQLite file: a few, each used by one at a time, on the runtime's threads for what blocks.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, InterruptHandle};
use tokio::sync::Semaphore;
use tokio::task::JoinError;

use super::connection;
use crate::dialect::{Engine, translate};
use crate::error::DbError;
use crate::query::Query;
use crate::retry::{STATEMENT_LIMIT, public_sqlite};
use crate::row::Row;

const READERS: usize = 4;
const ATTEMPT: &str = "reading";

/// See the module's head.
pub(super) struct Readers {
    path: PathBuf,
    places: Arc<Semaphore>,
    /// Those that nobody uses; opened when they are wanted for the first time.
    idle: Arc<Mutex<Vec<Connection>>>,
}

/// Ends the statement under way when whoever asked for it does not wait any more.
struct Interrupt(Option<InterruptHandle>);

impl Drop for Interrupt {
    fn drop(&mut self) {
        if let Some(handle) = self.0.take() {
            handle.interrupt();
        }
    }
}

fn lock(idle: &Mutex<Vec<Connection>>) -> MutexGuard<'_, Vec<Connection>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        let places = Arc::new(Semaphore::new(READERS));
        Self { path: path.to_owned(), places, idle: Arc::default() }
    }

    /// Errors: `Unavailable` also where no connection is free or no answer there for `STATEMENT_LIMIT`.
    /// Cancellation: the statement is given up.
    pub(super) async fn all(&self, query: Query) -> Result<Vec<Row>, DbError> {
        // The file is not away, there are only many who read: waiting brings them all an answer.
        let place = tokio::time::timeout(STATEMENT_LIMIT, self.places.clone().acquire_owned());
        let place = place.await.map_err(|_| late())?.map_err(|_| DbError::closed())?;
        let idle = lock(&self.idle).pop();
        let reader = match idle {
            Some(reader) => reader,
            None => self.open().await?,
        };
        let query = translate(Engine::Sqlite, query);
        let mut interrupt = Interrupt(Some(reader.get_interrupt_handle()));
        let idle = self.idle.clone();
        let read = tokio::task::spawn_blocking(move || {
            let rows = connection::fetch(&reader, &query);
            lock(&idle).push(reader);
            drop(place);
            rows.map_err(|error| public_sqlite(ATTEMPT, error))
        });
        let rows = tokio::time::timeout(STATEMENT_LIMIT, read).await.map_err(|_| late())?;
        interrupt.0 = None;
        rows.map_err(broken)?
    }

    async fn open(&self) -> Result<Connection, DbError> {
        let path = self.path.clone();
        let opened = tokio::task::spawn_blocking(move || connection::open(&path, &[("query_only", "ON")])).await;
        opened.map_err(broken)?.map_err(|error| public_sqlite(ATTEMPT, error))
    }

    /// Waits for what is being read; nothing is read any more.
    pub(super) async fn close(&self) {
        let _all = self.places.acquire_many(READERS as u32).await;
        self.places.close();
        lock(&self.idle).clear();
    }
}

/// The thread's call ended in a panic, or the program ends.
fn broken(error: JoinError) -> DbError {
    DbError::Unavailable { attempt: ATTEMPT, source: Some(error.into()) }
}

fn late() -> DbError {
    DbError::Unavailable { attempt: ATTEMPT, source: None }
}
