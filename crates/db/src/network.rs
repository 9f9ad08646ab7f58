//! PostgreSQL and MariaDB: servers reached over a network and shared by replicas.
//!
//! A connection can break while COMMIT is under way, and then nobody knows whether it happened. So each Write first
//! inserts an id of its own into `db_write`: when the Write is repeated and that id is there already, it had been
//! committed, and it is not done twice. (An attempt still in flight holds the id's lock, so the repeat waits for it.)

mod connect;
mod tail;

use std::collections::BTreeSet;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Connection, Pool};
use tokio::task::JoinHandle;

use crate::dialect::{Engine, translate};
use crate::driver::{self, Driver};
use crate::error::DbError;
use crate::events::Events;
use crate::query::{Query, Write};
use crate::retry::{Backoff, Fault, STATEMENT_LIMIT, fault, public, within};
use crate::row::Row;

pub(crate) use connect::{mariadb, postgres};
pub(crate) use tail::tail;

pub(crate) struct Network<D: Driver> {
    pub(crate) engine: Engine,
    pub(crate) db_pool: Pool<D>,
    pub(crate) events: Events,
}

/// Why one attempt at a Write ended.
enum Stop {
    Driver(sqlx::Error),
    Unmet(&'static str),
    /// An earlier attempt had been committed, with these rows changed.
    Done(Vec<u64>),
}

impl From<sqlx::Error> for Stop {
    fn from(error: sqlx::Error) -> Self {
        Self::Driver(error)
    }
}

impl<D: Driver> Network<D> {
    pub(crate) fn new(engine: Engine, db_pool: Pool<D>, events: Events) -> Self {
        Self { engine, db_pool, events }
    }

    pub(crate) async fn all(&self, query: Query) -> Result<Vec<Row>, DbError> {
        let query = translate(self.engine, query);
        let mut backoff = Backoff::new();
        loop {
            match self.fetch(query.clone()).await {
                Ok(rows) => return Ok(rows),
                Err(error) if backoff.again(&error).await => {}
                Err(error) => return Err(public("reading", error)),
            }
        }
    }

    async fn fetch(&self, query: Query) -> Result<Vec<Row>, sqlx::Error> {
        let mut connection = self.db_pool.acquire().await?;
        let result = within(STATEMENT_LIMIT, driver::fetch::<D>(&mut connection, query)).await;
        driver::give_back(connection, &result);
        result
    }

    /// Runs one statement outside any transaction and without repeating it, as MariaDB does with definitions anyway.
    pub(crate) async fn define(&self, sql: String, limit: Duration) -> Result<(), sqlx::Error> {
        let mut connection = self.db_pool.acquire().await?;
        if self.engine == Engine::Mariadb {
            driver::execute::<D>(&mut connection, Query::new("SET SESSION max_statement_time = 0")).await?;
        }
        let result = within(limit, driver::execute::<D>(&mut connection, Query::new(sql))).await;
        // Not given back: its settings were changed.
        connection.close_on_drop();
        result.map(|_| ())
    }

    /// Repeats the Write until its outcome is known or the time is up.
    pub(crate) async fn write(&self, write: Write, limit: Duration) -> Result<Vec<u64>, DbError> {
        let attempt = "writing";
        let write = self.translated(write);
        let id = format!("{:032x}", rand::random::<u128>());
        let mut backoff = Backoff::new();
        let mut reached = None;
        let result = loop {
            match self.attempt(&id, &write, limit, &mut reached).await {
                Ok(changed) | Err(Stop::Done(changed)) => break Ok(changed),
                Err(Stop::Unmet(guard)) => break Err(DbError::Unmet { guard }),
                Err(Stop::Driver(error)) if backoff.again(&error).await => {}
                Err(Stop::Driver(error)) => break Err(public(attempt, error)),
            }
        };
        match &result {
            // Unavailable: it may have been committed all the same, and a wake too many does no harm.
            Ok(_) | Err(DbError::Unavailable { .. }) => self.events.wake(&write.topics),
            Err(_) => {}
        }
        result
    }

    fn translated(&self, mut write: Write) -> Write {
        for step in &mut write.steps {
            let query = std::mem::replace(&mut step.query, Query::new(""));
            step.query = translate(self.engine, query);
        }
        write
    }

    async fn attempt(
        &self,
        id: &str,
        write: &Write,
        limit: Duration,
        reached: &mut Option<Vec<u64>>,
    ) -> Result<Vec<u64>, Stop> {
        let mut connection = self.db_pool.acquire().await?;
        let result = self.transaction(&mut connection, id, write, limit, reached).await;
        match result {
            Err(Stop::Driver(error)) => {
                let result: Result<(), _> = Err(error);
                driver::give_back(connection, &result);
                result.map(|()| Vec::new()).map_err(Stop::Driver)
            }
            other => other,
        }
    }

    async fn transaction(
        &self,
        connection: &mut PoolConnection<D>,
        id: &str,
        write: &Write,
        limit: Duration,
        reached: &mut Option<Vec<u64>>,
    ) -> Result<Vec<u64>, Stop> {
        // Dropped before its commit, it is rolled back.
        let mut transaction = within(limit, connection.begin()).await?;
        let started = within(limit, driver::execute::<D>(&mut transaction, self.started(id))).await;
        match started {
            Err(error) if fault(&error) == Fault::Duplicate && reached.is_some() => {
                return Err(Stop::Done(reached.take().unwrap_or_default()));
            }
            // Any other error says nothing about the earlier attempt, so what it reached is kept.
            other => other?,
        };
        *reached = None; // our id was free: no earlier attempt had been committed
        let mut changed = Vec::with_capacity(write.steps.len());
        for step in &write.steps {
            let rows = within(limit, driver::execute::<D>(&mut transaction, step.query.clone())).await?;
            if let Some(guard) = step.unmet(rows) {
                return Err(Stop::Unmet(guard));
            }
            changed.push(rows);
        }
        // Last, so that the time between an event's id and its commit is short.
        if let Some(events) = self.told(&write.topics) {
            within(limit, driver::execute::<D>(&mut transaction, events)).await?;
        }
        *reached = Some(changed.clone());
        within(limit, transaction.commit()).await?;
        Ok(changed)
    }

    fn started(&self, id: &str) -> Query {
        let now = self.engine.now_ms();
        translate(self.engine, Query::new(format!("INSERT INTO db_write (id, at_ms) VALUES (?, {now})")).bind(id))
    }

    fn told(&self, topics: &BTreeSet<String>) -> Option<Query> {
        if topics.is_empty() {
            return None;
        }
        let rows = vec![format!("(?, {})", self.engine.now_ms()); topics.len()].join(", ");
        let mut query = Query::new(format!("INSERT INTO db_event (topic, at_ms) VALUES {rows}"));
        topics.iter().for_each(|topic| query.push_bind(topic.as_str()));
        Some(translate(self.engine, query))
    }

    pub(crate) async fn close(&self) {
        self.db_pool.close().await;
    }
}

/// A task that ends with its owner.
pub(crate) struct Task(pub(crate) JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
