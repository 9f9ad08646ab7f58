//! The two servers' connection pools, and the session settings that make them behave alike.

use std::str::FromStr;
use std::time::Duration;

use sqlx::mysql::{MySql, MySqlConnectOptions};
use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, Postgres};
use sqlx::{ConnectOptions, Database, Pool};

use crate::error::DbError;
use crate::retry::{ACQUIRE_LIMIT, STATEMENT_LIMIT};

/// Connections per replica.
const CONNECTIONS: u32 = 16;
const IDLE_LIMIT: Duration = Duration::from_secs(300);

/// `||` joins texts, `"` quotes names, `\` is an ordinary character, and a value that does not fit is an error.
/// READ COMMITTED as on PostgreSQL. `max_error_count`: every warning of an INSERT IGNORE must be seen.
const MARIADB_SESSION: &str = "SET SESSION \
    sql_mode = 'STRICT_ALL_TABLES,PIPES_AS_CONCAT,ANSI_QUOTES,NO_BACKSLASH_ESCAPES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO', \
    tx_isolation = 'READ-COMMITTED', max_error_count = 65535";

fn options<D: Database>() -> PoolOptions<D> {
    // No test before use: sqlx tests each connection when it comes back, and a call on a dead one is repeated.
    PoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE_LIMIT)
        .idle_timeout(IDLE_LIMIT)
        .test_before_acquire(false)
}

fn unusable(source: sqlx::Error) -> DbError {
    DbError::Open {
        reason: "the URL is not of the form postgres://USER:PASSWORD@HOST:PORT/NAME or mysql://…".into(),
        source: Some(source.into()),
    }
}

pub(crate) fn postgres(url: &str) -> Result<Pool<Postgres>, DbError> {
    let limit_ms = STATEMENT_LIMIT.as_millis().to_string();
    let connect = PgConnectOptions::from_str(url)
        .map_err(unusable)?
        .application_name("amphi")
        .options([
            ("statement_timeout", limit_ms.as_str()),
            ("idle_in_transaction_session_timeout", limit_ms.as_str()),
            ("default_transaction_isolation", "read committed"),
            ("TimeZone", "UTC"),
        ])
        .disable_statement_logging();
    Ok(options().connect_lazy_with(connect))
}

pub(crate) fn mariadb(url: &str) -> Result<Pool<MySql>, DbError> {
    let connect = MySqlConnectOptions::from_str(url).map_err(unusable)?.charset("utf8mb4").disable_statement_logging();
    let session = format!("{MARIADB_SESSION}, max_statement_time = {}", STATEMENT_LIMIT.as_secs());
    let pool = options().after_connect(move |connection, _| {
        let session = session.clone();
        Box::pin(async move { sqlx::raw_sql(sqlx::AssertSqlSafe(session)).execute(connection).await.map(|_| ()) })
    });
    Ok(pool.connect_lazy_with(connect))
}
