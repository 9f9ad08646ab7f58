//! SQLite: one writer with group commit, a few readers.
//!
//! One process owns the file, so there are no other replicas: events go straight to the watchers and no event row
//! is written. Time for leases is the handle's clock.

mod lock;
mod writer;

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{Sqlite, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};

use crate::dialect::{Engine, translate};
use crate::driver;
use crate::error::DbError;
use crate::events::Events;
use crate::query::{Query, Write};
use crate::retry::{STATEMENT_LIMIT, public, within};
use crate::row::Row;
use writer::Writer;

const READERS: u32 = 4;
/// How long a statement waits for another process (a backup) that holds the file.
const BUSY_LIMIT: Duration = Duration::from_secs(5);
/// Prepared statements kept per connection.
const STATEMENTS: usize = 500;
/// Pages of the log after which they are copied into the file (32 MB). Copied eight times as often, as by default, most
/// pages are copied again at once: thousands of runs that print write the same thousands of pages all the time.
const CHECKPOINT_PAGES: &str = "8000";
/// The writer's page cache, KiB as a negative number: it holds the pages that those runs write to.
const WRITER_CACHE: &str = "-8192";

pub(crate) struct SqliteBackend {
    readers: SqlitePool,
    writer: Writer,
}

impl SqliteBackend {
    pub(crate) async fn open(path: &Path, events: Events) -> Result<Self, DbError> {
        let cannot = |reason: String, source| DbError::Open { reason, source: Some(source) };
        // Made here, since SQLite would give the file the process's default mode. Its -wal and -shm take after it.
        let made = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path);
        // One file has one lock, whatever links lead to it.
        let path = &made.and_then(|_| path.canonicalize()).map_err(|source| {
            cannot(format!("the file {} must be writable and its directory must exist", path.display()), source.into())
        })?;
        let lock = lock::lock(path).await?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_LIMIT)
            .statement_cache_capacity(STATEMENTS)
            .pragma("case_sensitive_like", "ON")
            .disable_statement_logging();
        let mut first = options
            .clone()
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            .pragma("cache_size", WRITER_CACHE)
            .connect()
            .await
            .map_err(|source| cannot(format!("{} is not a usable SQLite database", path.display()), source.into()))?;
        first.ping().await.map_err(|error| public("opening the file", error))?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            // The file is not away, there are only many who read: waiting brings them all an answer.
            .acquire_timeout(STATEMENT_LIMIT)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_lazy_with(options.pragma("query_only", "ON"));
        Ok(Self { readers, writer: Writer::start(first, lock, events) })
    }

    pub(crate) async fn all(&self, query: Query) -> Result<Vec<Row>, DbError> {
        let attempt = "reading";
        let mut connection = self.readers.acquire().await.map_err(|error| public(attempt, error))?;
        let result =
            within(STATEMENT_LIMIT, driver::fetch::<Sqlite>(&mut connection, translate(Engine::Sqlite, query))).await;
        driver::give_back(connection, &result);
        result.map_err(|error| public(attempt, error))
    }

    pub(crate) async fn write(&self, write: Write) -> Result<Vec<u64>, DbError> {
        self.writer.write(write).await
    }

    pub(crate) async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
    }
}
