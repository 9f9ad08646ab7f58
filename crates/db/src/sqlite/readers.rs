//! The connections that read an SQLite file: a few, each used by one at a time, on the runtime's threads for what
//! blocks.

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

/// Ends the statement under way when whoever asked for it does not wait any more. Not the next one on that connection,
/// which is another's: so it is noted, before the connection is free, that the statement is over.
struct Interrupt {
    handle: InterruptHandle,
    is_over: Arc<Mutex<bool>>,
}

impl Interrupt {
    fn send(&self) {
        let is_over = lock(&self.is_over);
        if !*is_over {
            self.handle.interrupt();
        }
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        self.send();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        let is_over = Arc::new(Mutex::new(false));
        let _interrupt = Interrupt { handle: reader.get_interrupt_handle(), is_over: is_over.clone() };
        let idle = self.idle.clone();
        let read = tokio::task::spawn_blocking(move || {
            let rows = connection::fetch(&reader, &query);
            *lock(&is_over) = true;
            lock(&idle).push(reader);
            drop(place);
            rows.map_err(|error| public_sqlite(ATTEMPT, error))
        });
        tokio::time::timeout(STATEMENT_LIMIT, read).await.map_err(|_| late())?.map_err(broken)?
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads for a while, and is interrupted all the time by whoever read before, or for whom it reads.
    fn read_interrupted(is_over: bool) -> bool {
        let reader = Connection::open_in_memory().unwrap();
        let interrupt = Interrupt { handle: reader.get_interrupt_handle(), is_over: Arc::new(Mutex::new(is_over)) };
        let count =
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT COUNT(*) FROM n";
        let reading = std::thread::spawn(move || connection::fetch(&reader, &Query::new(count)).is_ok());
        while !reading.is_finished() {
            interrupt.send();
            std::thread::yield_now();
        }
        reading.join().unwrap()
    }

    #[test]
    fn an_interrupt_ends_its_own_statement_and_no_later_one() {
        assert!(!read_interrupted(false));
        assert!(read_interrupted(true));
    }
}
