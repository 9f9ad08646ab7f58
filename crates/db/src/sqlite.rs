//! SQLite: one writer with group commit, a few readers.
//!
//! One process owns the file, so there are no other replicas: events go straight to the watchers and no event row
//! is written. Time for leases is the handle's clock.
//!
//! Not by sqlx as the other engines: there each statement goes to the connection's thread and back, and what a thread
//! takes to wake up is more than most statements take. Here a whole group of Writes is one such way, and so is a read.

mod connection;
mod lock;
mod readers;
mod writer;

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use tokio::task::JoinError;

use crate::error::DbError;
use crate::events::Events;
use crate::query::{Query, Write};
use crate::row::Row;
use readers::Readers;
use writer::Writer;

/// Pages of the log after which they are copied into the file (32 MB). Copied eight times as often, as by default, most
/// pages are copied again at once: thousands of runs that print write the same thousands of pages all the time.
const CHECKPOINT_PAGES: &str = "8000";
/// The writer's page cache, KiB as a negative number: it holds the pages that those runs write to.
const WRITER_CACHE: &str = "-8192";

pub(crate) struct SqliteBackend {
    readers: Readers,
    writer: Writer,
}

impl SqliteBackend {
    pub(crate) async fn open(path: &Path, events: Events) -> Result<Self, DbError> {
        let cannot = |reason: String, source| DbError::Open { reason, source: Some(source) };
        // Made here, since SQLite would give the file the process's default mode. Its -wal and -shm take after it.
        let made = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path);
        // One file has one lock, whatever links lead to it.
        let path = made.and_then(|_| path.canonicalize()).map_err(|source| {
            cannot(format!("the file {} must be writable and its directory must exist", path.display()), source.into())
        })?;
        let lock = lock::lock(&path).await?;
        let readers = Readers::new(&path);
        let settings = [("wal_autocheckpoint", CHECKPOINT_PAGES), ("cache_size", WRITER_CACHE)];
        let opening = tokio::task::spawn_blocking(move || {
            let first = connection::open(&path, &settings);
            first.map_err(|source| cannot(format!("{} is not a usable SQLite database", path.display()), source.into()))
        });
        let broken =
            |error: JoinError| DbError::Unavailable { attempt: "opening the file", source: Some(error.into()) };
        let first = opening.await.map_err(broken)??;
        let writer = Writer::start(first, lock, events)
            .map_err(|source| cannot("no thread could be started for the one who writes".to_owned(), source.into()))?;
        Ok(Self { readers, writer })
    }

    pub(crate) async fn all(&self, query: Query) -> Result<Vec<Row>, DbError> {
        self.readers.all(query).await
    }

    pub(crate) async fn write(&self, write: Write) -> Result<Vec<u64>, DbError> {
        self.writer.write(write).await
    }

    pub(crate) async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
    }
}
