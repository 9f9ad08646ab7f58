//! Migrations: each service's own list, run in order, once, whichever replica comes first.
//!
//! SQLite and PostgreSQL run a migration in one transaction with the row that records it. MariaDB commits at every
//! definition, so there the row counts the statements done and a migration cut short goes on where it stopped.

use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::database::{Backend, Database, START};
use crate::dialect::{self, Engine};
use crate::error::DbError;
use crate::network::Network;
use crate::query::{Query, Write};
use crate::retry::public;
use crate::row::Row;

/// One step of a schema, never changed once released.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Unique within the service and in order: `0001_start`.
    pub name: &'static str,
    /// Statements of the portable subset, each ending with `;` at a line's end.
    pub sql: &'static str,
}

/// All the steps of one service, oldest first.
#[derive(Clone, Copy, Debug)]
pub struct Migrations {
    /// The service, which also begins the names of its tables.
    pub service: &'static str,
    /// Oldest first.
    pub steps: &'static [Migration],
}

const OWN: Migrations = Migrations { service: "db", steps: &[Migration { name: "0001_start", sql: START }] };
const LEASE: &str = "migrations";
const LEASE_TTL: Duration = Duration::from_secs(60);
const LEASE_ROUND: Duration = Duration::from_millis(200);
/// How long a replica waits for another that migrates.
const PATIENCE: Duration = Duration::from_secs(600);
/// For one statement: building an index on a large table takes its time.
const STATEMENT_LIMIT: Duration = Duration::from_secs(600);

fn checksum(sql: &str) -> String {
    Sha256::digest(sql).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A step that is not done yet, and how many of its statements are.
struct Pending {
    service: &'static str,
    step: Migration,
    done: Option<usize>,
}

impl Database {
    /// Brings the schema up to date. Replicas may call it at the same time; one migrates, the others wait.
    /// Errors: `TooNew` when the database has steps this program lacks, `MigrationChanged` when one reads differently.
    pub async fn migrate(&self, services: &[Migrations]) -> Result<(), DbError> {
        let services: Vec<Migrations> = std::iter::once(OWN).chain(services.iter().copied()).collect();
        if self.pending(&services).await?.is_empty() {
            return Ok(());
        }
        match self.engine() {
            // One process owns the file, and a step and its record are one transaction.
            Engine::Sqlite => self.run_pending(&services).await,
            Engine::Postgres | Engine::Mariadb => self.run_under_lease(&services).await,
        }
    }

    async fn run_under_lease(&self, services: &[Migrations]) -> Result<(), DbError> {
        let owner = format!("{:032x}", rand::random::<u128>());
        let until = Instant::now() + PATIENCE;
        // Whoever loses the lease under its work waits like the others, and finds what is left to do.
        while Instant::now() < until {
            let work = Box::pin(self.run_pending(services));
            if let Some(result) = self.lease_while(LEASE, &owner, LEASE_TTL, work).await? {
                // Kept, it would make the others wait.
                if let Some(lease) = self.lease_acquire(LEASE, &owner, LEASE_TTL).await? {
                    self.lease_release(&lease).await?;
                }
                return result;
            }
            tokio::time::sleep(LEASE_ROUND).await;
        }
        Err(DbError::Unavailable { attempt: "waiting for the right to migrate", source: None })
    }

    async fn run_pending(&self, services: &[Migrations]) -> Result<(), DbError> {
        for pending in self.pending(services).await? {
            tracing::info!("migrating {} to {}", pending.service, pending.step.name);
            match self.backend() {
                Backend::Sqlite(_) | Backend::Postgres(..) => self.run_whole(&pending).await?,
                Backend::Mariadb(network, _) => self.run_stepwise(network, &pending).await?,
            }
        }
        Ok(())
    }

    /// What is still to do, oldest first for each service.
    async fn pending(&self, services: &[Migrations]) -> Result<Vec<Pending>, DbError> {
        let known = "SELECT service, name, checksum, statements, done_ms FROM db_migration ORDER BY service, name";
        let known = self.all(Query::new(known)).await?;
        let mut pending = Vec::new();
        for service in services {
            let mut run = Vec::new();
            for row in &known {
                if row.get::<String>("service")? == service.service {
                    run.push(row);
                }
            }
            pending.append(&mut compare(service, &run)?);
        }
        Ok(pending)
    }

    async fn run_whole(&self, pending: &Pending) -> Result<(), DbError> {
        let mut write = Write::new();
        if self.engine() == Engine::Postgres {
            write.push_step(Query::new("SET LOCAL statement_timeout = 0"));
        }
        for sql in dialect::migration(self.engine(), pending.step.sql) {
            write.push_step(Query::new(sql));
        }
        write.push_step(self.started(pending));
        write.push_step(self.finished(pending));
        self.write_within(write, STATEMENT_LIMIT).await.map(|_| ())
    }

    async fn run_stepwise(&self, network: &Network<sqlx::MySql>, pending: &Pending) -> Result<(), DbError> {
        if pending.done.is_none() {
            self.write(Write::new().step(self.started(pending))).await?;
        }
        let done = pending.done.unwrap_or(0);
        for (index, sql) in dialect::migration(self.engine(), pending.step.sql).into_iter().enumerate().skip(done) {
            let progress = "UPDATE db_migration SET statements = statements + 1 WHERE service = ? AND name = ?";
            let progress = Query::new(progress).bind(pending.service).bind(pending.step.name);
            if !defines(&sql) {
                self.write_within(Write::new().step(Query::new(sql)).step(progress), STATEMENT_LIMIT).await?;
                continue;
            }
            match network.define(sql, STATEMENT_LIMIT).await {
                Ok(()) => {}
                // The first one after a stop may have been done without having been counted.
                Err(error) if pending.done == Some(index) && is_done_already(&error) => {}
                Err(error) => return Err(public("migrating", error)),
            }
            self.write(Write::new().step(progress)).await?;
        }
        self.write(Write::new().step(self.finished(pending))).await.map(|_| ())
    }

    fn started(&self, pending: &Pending) -> Query {
        Query::new("INSERT INTO db_migration (service, name, checksum, statements) VALUES (?, ?, ?, 0)")
            .bind(pending.service)
            .bind(pending.step.name)
            .bind(checksum(pending.step.sql))
    }

    fn finished(&self, pending: &Pending) -> Query {
        Query::new("UPDATE db_migration SET done_ms = ? WHERE service = ? AND name = ?")
            .bind(self.clock().now_ms())
            .bind(pending.service)
            .bind(pending.step.name)
    }
}

/// The steps of `service` that `run` (its recorded ones) lacks.
fn compare(service: &Migrations, run: &[&Row]) -> Result<Vec<Pending>, DbError> {
    let mut pending = Vec::new();
    let mut recorded = run.iter();
    for step in service.steps {
        let Some(row) = recorded.next() else {
            pending.push(Pending { service: service.service, step: *step, done: None });
            continue;
        };
        let name: String = row.get("name")?;
        if name != step.name || row.get::<String>("checksum")? != checksum(step.sql) {
            return Err(DbError::MigrationChanged { service: service.service.to_owned(), migration: name });
        }
        if row.get::<Option<i64>>("done_ms")?.is_none() {
            let done = row.get::<u32>("statements")? as usize;
            pending.push(Pending { service: service.service, step: *step, done: Some(done) });
        }
    }
    match recorded.next() {
        None => Ok(pending),
        Some(row) => Err(DbError::TooNew { service: service.service.to_owned(), migration: row.get("name")? }),
    }
}

fn defines(sql: &str) -> bool {
    ["CREATE", "ALTER", "DROP", "RENAME"].iter().any(|word| sql.starts_with(word))
}

/// Table, column or index exists already; or is gone already.
fn is_done_already(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else { return false };
    let errno = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>().map(|error| error.number());
    matches!(errno, Some(1050 | 1060 | 1061 | 1051 | 1091))
}
