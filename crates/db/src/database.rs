//! The handle that services hold.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::mysql::MySql;
use sqlx::postgres::Postgres;

use crate::clock::{Clock, SystemClock};
use crate::dialect::{Engine, migration};
use crate::driver::Driver;
use crate::error::DbError;
use crate::events::Events;
use crate::given::Given;
use crate::network::{self, Network, Task, tail};
use crate::query::{Query, Write, parts};
use crate::retry::{Backoff, STATEMENT_LIMIT, public};
use crate::row::Row;
use crate::sqlite::SqliteBackend;

/// A database; a cheap handle. When the last one is dropped the connections end, but only [`Database::close`] waits
/// until what is queued is written.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

struct Inner {
    backend: Backend,
    clock: Arc<dyn Clock>,
    events: Events,
}

pub(crate) enum Backend {
    Sqlite(SqliteBackend),
    Postgres(Arc<Network<Postgres>>, Task),
    Mariadb(Arc<Network<MySql>>, Task),
}

/// The tables of `db` itself. They are made when the database is opened, since leases and writes need them.
pub(crate) const START: &str = include_str!("../migrations/0001_start.sql");

impl Database {
    /// Opens `sqlite:PATH` (the file is made when missing, mode 0600), `postgres://…` or `mysql://…`.
    /// An SQLite file has one owner at a time, by a lock on `PATH.lock`; it is waited for, at most 5 s.
    /// Errors: `Open` for a URL or file that can't be used or has an owner, `Unavailable` when the server can't be
    /// reached.
    pub async fn open(url: &str) -> Result<Self, DbError> {
        Self::open_with_clock(url, Arc::new(SystemClock)).await
    }

    /// [`Database::open`] with a clock of the caller's. On PostgreSQL and MariaDB leases go by the server's time.
    pub async fn open_with_clock(url: &str, clock: Arc<dyn Clock>) -> Result<Self, DbError> {
        let events = Events::default();
        let backend = match url.split_once(':') {
            Some(("sqlite", path)) => {
                let path = Path::new(path.strip_prefix("//").unwrap_or(path));
                Backend::Sqlite(sqlite(path, events.clone()).await?)
            }
            Some(("postgres" | "postgresql", _)) => {
                let (network, task) = start(Engine::Postgres, network::postgres(url)?, events.clone()).await?;
                Backend::Postgres(network, task)
            }
            Some(("mysql" | "mariadb", _)) => {
                let (network, task) = start(Engine::Mariadb, network::mariadb(url)?, events.clone()).await?;
                Backend::Mariadb(network, task)
            }
            _ => {
                let reason = "the URL must begin with sqlite:, postgres:// or mysql://".to_owned();
                return Err(DbError::Open { reason, source: None });
            }
        };
        Ok(Self { inner: Arc::new(Inner { backend, clock, events }) })
    }

    /// Which engine this is.
    pub fn engine(&self) -> Engine {
        match self.backend() {
            Backend::Sqlite(_) => Engine::Sqlite,
            Backend::Postgres(..) => Engine::Postgres,
            Backend::Mariadb(..) => Engine::Mariadb,
        }
    }

    /// The clock given at opening.
    pub fn clock(&self) -> &dyn Clock {
        &*self.inner.clock
    }

    /// The same, to be kept.
    pub fn clock_shared(&self) -> Arc<dyn Clock> {
        self.inner.clock.clone()
    }

    /// The wake-ups of committed Writes.
    pub fn events(&self) -> &Events {
        &self.inner.events
    }

    pub(crate) fn backend(&self) -> &Backend {
        &self.inner.backend
    }

    /// All rows of a SELECT. Repeated by itself when a connection is lost. Errors: `Unavailable`, `Engine`, `Decode`.
    pub async fn all(&self, query: Query) -> Result<Vec<Row>, DbError> {
        // Boxed: a driver's call is some 18 KB, and whoever waits for anything at all would have room for it all the time.
        match self.backend() {
            Backend::Sqlite(sqlite) => Box::pin(sqlite.all(query)).await,
            Backend::Postgres(network, _) => Box::pin(network.all(query)).await,
            Backend::Mariadb(network, _) => Box::pin(network.all(query)).await,
        }
    }

    /// All rows of a SELECT over rows that it brings along. Many of them make several SELECTs, so an order holds only within
    /// some of the rows. Errors: as [`Database::all`].
    pub async fn all_given(&self, query: Query, given: Given) -> Result<Vec<Row>, DbError> {
        let mut rows = Vec::new();
        for part in parts(query, given) {
            rows.append(&mut self.all(part).await?);
        }
        Ok(rows)
    }

    /// The first row, if there is one.
    pub async fn optional(&self, query: Query) -> Result<Option<Row>, DbError> {
        Ok(self.all(query).await?.into_iter().next())
    }

    /// The first row. Errors: `NotFound` when there is none.
    pub async fn one(&self, query: Query) -> Result<Row, DbError> {
        self.optional(query).await?.ok_or(DbError::NotFound)
    }

    /// Runs one durable transaction and answers the rows changed by each step. An UPDATE counts the rows it matched;
    /// of an upsert only zero or not zero is the same on all engines.
    /// It is repeated by itself after a conflict or a lost connection, and is never done twice.
    /// Errors: `Unmet`, `Duplicate` and `Engine`: nothing was written. `Unavailable`: all or nothing was, unknown which.
    /// Cancellation: the Write goes on and is done or not.
    pub async fn write(&self, write: Write) -> Result<Vec<u64>, DbError> {
        self.write_within(write, STATEMENT_LIMIT).await
    }

    /// `limit` is for each statement; SQLite has no network to bound.
    pub(crate) async fn write_within(&self, write: Write, limit: Duration) -> Result<Vec<u64>, DbError> {
        let start = Instant::now();
        let result = match self.backend() {
            Backend::Sqlite(sqlite) => sqlite.write(write).await,
            Backend::Postgres(network, _) => undisturbed(network.clone(), write, limit).await,
            Backend::Mariadb(network, _) => undisturbed(network.clone(), write, limit).await,
        };
        metrics::histogram!("amphi_db_write_seconds").record(start.elapsed().as_secs_f64());
        result
    }

    /// Asks the engine for a sign of life. Errors: `Unavailable`.
    pub async fn ping(&self) -> Result<(), DbError> {
        self.all(Query::new("SELECT 1 AS alive")).await.map(|_| ())
    }

    /// The time that leases go by, in ms since 1970: the engine's where replicas share it, else the handle's clock.
    pub async fn time_ms(&self) -> Result<i64, DbError> {
        match self.engine() {
            Engine::Sqlite => Ok(self.clock().now_ms()),
            engine @ (Engine::Postgres | Engine::Mariadb) => {
                self.one(Query::new(format!("SELECT {} AS now_ms", engine.now_ms()))).await?.get("now_ms")
            }
        }
    }

    /// Writes what is queued and ends the connections; every call after it is `Unavailable`.
    pub async fn close(&self) {
        match self.backend() {
            Backend::Sqlite(sqlite) => sqlite.close().await,
            Backend::Postgres(network, task) => {
                task.0.abort();
                network.close().await;
            }
            Backend::Mariadb(network, task) => {
                task.0.abort();
                network.close().await;
            }
        }
    }
}

/// On a task of its own, so that a caller who goes away leaves no half-known transaction and no unheard event.
async fn undisturbed<D: Driver>(network: Arc<Network<D>>, write: Write, limit: Duration) -> Result<Vec<u64>, DbError> {
    let task = tokio::spawn(async move { network.write(write, limit).await });
    task.await.unwrap_or_else(|error| Err(DbError::Unavailable { attempt: "writing", source: Some(error.into()) }))
}

async fn sqlite(path: &Path, events: Events) -> Result<SqliteBackend, DbError> {
    let backend = SqliteBackend::open(path, events).await?;
    let mut tables = Write::new();
    migration(Engine::Sqlite, START).into_iter().for_each(|sql| tables.push_step(Query::new(sql)));
    backend.write(tables).await?;
    Ok(backend)
}

async fn start<D: Driver>(
    engine: Engine,
    db_pool: sqlx::Pool<D>,
    events: Events,
) -> Result<(Arc<Network<D>>, Task), DbError> {
    let network = Arc::new(Network::new(engine, db_pool, events));
    let mut backoff = Backoff::new();
    // The last of the tables stands for all: defining anew at each start would hold up a whole Galera cluster.
    let is_there = network.all(Query::new("SELECT service FROM db_migration WHERE service = ''")).await;
    if matches!(is_there, Err(DbError::Engine { .. })) {
        for sql in migration(engine, START) {
            // Two replicas that start at once may collide in spite of IF NOT EXISTS; the second try finds the table.
            while let Err(error) = network.define(sql.clone(), STATEMENT_LIMIT).await {
                if !backoff.again_after_collision(&error).await {
                    return Err(public("making the first tables", error));
                }
            }
        }
    } else {
        is_there?;
    }
    let tail = tail(Arc::downgrade(&network)).await?;
    Ok((network, Task(tokio::spawn(tail))))
}
