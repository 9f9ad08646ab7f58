//! The only door to SQL engines: SQLite, PostgreSQL and MariaDB behind one handle.
//!
//! A service hands over a [`Query`] to read, or a [`Write`] (a transaction as data) to change rows, both in
//! one portable subset of SQL; the differences between the engines live in `dialect` alone. No service sees a
//! driver, so that every query runs unchanged on all three.
//!
//! The portable subset, beyond standard SQL: `?` placeholders; `INSERT … ON CONFLICT (k) DO UPDATE SET a =
//! excluded.a` (without WHERE) and `ON CONFLICT DO NOTHING`; text compares by bytes, `LIKE` minds case and needs
//! its own `ESCAPE '!'`; where NULLs sort differs, so order by columns that have none; no `UPDATE … RETURNING`;
//! compare-and-swap (the old value in WHERE) instead of locks; rows that a statement brings along ([`Given`]).
//! In migrations: `VARCHAR(n)` for keys, else `TEXT`; `BIGINT`, `SMALLINT`, `DOUBLE PRECISION`, `BYTES`, `SERIAL_KEY`;
//! `CREATE INDEX … WHERE …` for an index over some rows, which has all of them on MariaDB: what is `UNIQUE` may only leave
//! out NULLs, and a query has to repeat the condition word for word.

mod clock;
mod database;
mod dialect;
mod driver;
mod error;
mod events;
mod given;
mod lease;
mod migrate;
mod network;
mod query;
mod retry;
mod row;
mod sqlite;
mod value;

pub use clock::{Clock, SystemClock};
pub use database::Database;
pub use dialect::Engine;
pub use error::DbError;
pub use events::{Events, Watch};
pub use given::{Given, Kind};
pub use lease::Lease;
pub use migrate::{Migration, Migrations};
pub use query::{Query, Write};
pub use row::{FromValue, Row};
pub use value::Value;
