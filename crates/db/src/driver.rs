//! How the two sqlx drivers bind and read the portable values. Everything else is written once over this trait.

mod mariadb;
mod postgres;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::error::BoxDynError;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Column, Row as _};

use crate::query::Query;
use crate::row::Row;
use crate::value::Value;

/// A statement that takes longer is logged, without its values.
const SLOW: Duration = Duration::from_millis(500);

pub(crate) trait Driver: sqlx::Database {
    /// The values of the placeholders, in order.
    fn arguments(values: Vec<Value>) -> Result<Self::Arguments, BoxDynError>;

    /// The value of one column.
    fn value(row: &Self::Row, index: usize) -> Result<Value, sqlx::Error>;

    /// Runs a statement of this engine and answers all its rows.
    fn fetch(
        connection: &mut Self::Connection,
        query: Query,
    ) -> impl Future<Output = Result<Vec<Row>, sqlx::Error>> + Send;

    /// Runs a statement of this engine and answers the number of rows changed.
    fn execute(
        connection: &mut Self::Connection,
        query: Query,
    ) -> impl Future<Output = Result<u64, sqlx::Error>> + Send;
}

/// The text for sqlx. It is safe: services write it as constants and bind what users say.
fn text(sql: Cow<'static, str>) -> AssertSqlSafe<Cow<'static, str>> {
    AssertSqlSafe(sql)
}

/// Turns the driver's rows into ours.
fn rows<D: Driver>(rows: Vec<D::Row>) -> Result<Vec<Row>, sqlx::Error> {
    let Some(first) = rows.first() else { return Ok(Vec::new()) };
    let columns: Arc<[String]> = first.columns().iter().map(|column| column.name().to_owned()).collect();
    rows.iter()
        .map(|row| {
            let values = (0..columns.len()).map(|index| D::value(row, index)).collect::<Result<_, _>>()?;
            Ok(Row { columns: columns.clone(), values })
        })
        .collect()
}

/// Fetches, and logs what was slow.
pub(crate) async fn fetch<D: Driver>(connection: &mut D::Connection, query: Query) -> Result<Vec<Row>, sqlx::Error> {
    let watch = Stopwatch::start(&query);
    let result = D::fetch(connection, query).await;
    watch.stop();
    result
}

/// Executes, and logs what was slow.
pub(crate) async fn execute<D: Driver>(connection: &mut D::Connection, query: Query) -> Result<u64, sqlx::Error> {
    let watch = Stopwatch::start(&query);
    let result = D::execute(connection, query).await;
    watch.stop();
    result
}

/// A connection whose call broke or was given up is closed instead of reused.
pub(crate) fn give_back<D: Driver, T>(mut connection: PoolConnection<D>, result: &Result<T, sqlx::Error>) {
    if let Err(sqlx::Error::Io(_) | sqlx::Error::Protocol(_)) = result {
        connection.close_on_drop();
    }
}

/// Times a statement.
pub(crate) struct Stopwatch {
    sql: Cow<'static, str>,
    start: Instant,
}

impl Stopwatch {
    pub(crate) fn start(query: &Query) -> Self {
        Self { sql: query.sql.clone(), start: Instant::now() }
    }

    /// Logs what was slow.
    pub(crate) fn stop(self) {
        let took = self.start.elapsed();
        if took > SLOW {
            tracing::warn!(duration_ms = took.as_millis(), sql = %self.sql, "slow statement: {} ms", took.as_millis());
        }
    }
}

/// The error of a column whose type is outside the portable subset.
fn not_portable(column: &str, type_name: &str) -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: format!("column type {type_name} is not one of text, 64-bit integer, float, bytes").into(),
    }
}
