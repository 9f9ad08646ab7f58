//! Which errors pass by themselves, and how long a call keeps trying before it says so.

use std::io;
use std::time::{Duration, Instant};

use sqlx::mysql::MySqlDatabaseError;
use sqlx::postgres::PgDatabaseError;

use crate::error::DbError;

/// No attempt starts later than this after the first: longer than a Galera cluster needs to drop a dead node (3 s).
const BUDGET: Duration = Duration::from_secs(4);
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// A statement that takes longer counts as a lost connection.
pub(crate) const STATEMENT_LIMIT: Duration = Duration::from_secs(10);
/// For a connection from the pool, and for a place in SQLite's queue.
pub(crate) const ACQUIRE_LIMIT: Duration = Duration::from_secs(3);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A conflict with another transaction, a lost connection, an engine that is away: the same call may succeed.
    Passing,
    Duplicate,
    /// The statement itself is wrong.
    Lasting,
}

/// Sorts an error by its code, never by its text.
pub(crate) fn fault(error: &sqlx::Error) -> Fault {
    match error {
        sqlx::Error::Database(error) => {
            if let Some(error) = error.try_downcast_ref::<PgDatabaseError>() {
                postgres(error.code())
            } else if let Some(error) = error.try_downcast_ref::<MySqlDatabaseError>() {
                mariadb(error.number())
            } else {
                Fault::Lasting
            }
        }
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Fault::Passing,
        // sqlx's enum is open; anything else is a mistake in the statement or in its values.
        _ => Fault::Lasting,
    }
}

/// Source: PostgreSQL manual, appendix A. Class 08 connection, 53 resources (disk full too), 57P shutdown and start.
fn postgres(sqlstate: &str) -> Fault {
    match sqlstate {
        "23505" => Fault::Duplicate,
        // serialization failure, deadlock, lock not available, timeout or cancelled, read-only standby, I/O error
        "40001" | "40P01" | "55P03" | "57014" | "25006" | "58030" => Fault::Passing,
        code if code.starts_with("08") || code.starts_with("53") || code.starts_with("57P") => Fault::Passing,
        _ => Fault::Lasting,
    }
}

/// Source: MariaDB knowledge base, "MariaDB Error Codes".
fn mariadb(errno: u16) -> Fault {
    match errno {
        1022 | 1062 | 1586 => Fault::Duplicate,
        1205 | 1213 | 1180 => Fault::Passing, // lock wait, deadlock, certification at commit
        1047 => Fault::Passing,               // Galera: this node is not part of the primary component
        1040 | 1203 | 1226 => Fault::Passing, // too many connections
        1053 | 1077 | 1927 | 2006 | 2013 => Fault::Passing, // server or connection going away
        1158..=1161 => Fault::Passing,        // network errors seen by the server
        1021 | 1114 | 1026 => Fault::Passing, // disk or table full, error writing
        1290 | 1836 => Fault::Passing,        // read-only node
        1317 | 1969 => Fault::Passing,        // interrupted, max_statement_time
        _ => Fault::Lasting,
    }
}

/// Source: <https://www.sqlite.org/rescode.html>. The low byte is the primary code.
fn sqlite(extended: i32) -> Fault {
    match (extended, extended & 0xff) {
        (1555 | 2067 | 2579, _) => Fault::Duplicate,
        // busy, locked, no memory, read-only, I/O error, full, cannot open
        (_, 5 | 6 | 7 | 8 | 10 | 13 | 14) => Fault::Passing,
        _ => Fault::Lasting,
    }
}

/// The public form of a driver's error.
pub(crate) fn public(attempt: &'static str, error: sqlx::Error) -> DbError {
    sorted(attempt, fault(&error), error.into())
}

/// The same of SQLite's. What has no code of SQLite's is a mistake in the statement or in its values.
pub(crate) fn public_sqlite(attempt: &'static str, error: rusqlite::Error) -> DbError {
    let fault = error.sqlite_error().map_or(Fault::Lasting, |error| sqlite(error.extended_code));
    sorted(attempt, fault, error.into())
}

fn sorted(attempt: &'static str, fault: Fault, source: Box<dyn std::error::Error + Send + Sync>) -> DbError {
    match fault {
        Fault::Passing => DbError::Unavailable { attempt, source: Some(source) },
        Fault::Duplicate => DbError::Duplicate,
        Fault::Lasting => DbError::Engine { attempt, source },
    }
}

/// Bounds a call to the driver. The connection is in an unknown state afterwards and must not be used again.
pub(crate) async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    tokio::time::timeout(limit, call).await.unwrap_or_else(|_| {
        Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "no answer from the database")))
    })
}

/// The pauses between attempts: doubling, capped, each drawn between nothing and its full length so that
/// replicas that met in one conflict do not meet again.
pub(crate) struct Backoff {
    start: Instant,
    pause: Duration,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), pause: FIRST_PAUSE }
    }

    /// Waits and says true when another attempt is worth it.
    pub(crate) async fn again(&mut self, error: &sqlx::Error) -> bool {
        if fault(error) != Fault::Passing || matches!(error, sqlx::Error::PoolClosed) {
            return false;
        }
        self.rest().await
    }

    /// As `again`, for a statement that two replicas may run at once and that harms nothing when run twice.
    pub(crate) async fn again_after_collision(&mut self, error: &sqlx::Error) -> bool {
        // PostgreSQL: duplicate_table and duplicate_object come from catalogue rows that both insert.
        let collided = matches!(error, sqlx::Error::Database(e) if matches!(e.code().as_deref(), Some("42P07" | "42710" | "XX000")));
        if collided || fault(error) == Fault::Duplicate { self.rest().await } else { self.again(error).await }
    }

    async fn rest(&mut self) -> bool {
        let pause = self.pause.mul_f64(rand::random::<f64>());
        if self.start.elapsed() + pause > BUDGET {
            return false;
        }
        tokio::time::sleep(pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted() {
        for code in ["40001", "40P01", "08006", "57P01", "57P03", "53300"] {
            assert_eq!(postgres(code), Fault::Passing, "{code}");
        }
        for errno in [1213, 1205, 1047, 2006, 2013] {
            assert_eq!(mariadb(errno), Fault::Passing, "{errno}");
        }
        assert_eq!([sqlite(5), sqlite(517), sqlite(13), sqlite(3338)], [Fault::Passing; 4]);
        assert_eq!([postgres("23505"), mariadb(1062), sqlite(2067), sqlite(1555)], [Fault::Duplicate; 4]);
        assert_eq!([postgres("42601"), mariadb(1064), sqlite(1), sqlite(787)], [Fault::Lasting; 4]);
    }

    #[tokio::test]
    async fn attempts_end_and_a_lasting_error_is_not_repeated() {
        let mut backoff = Backoff::new();
        assert!(!backoff.again(&sqlx::Error::RowNotFound).await);
        assert!(backoff.again(&sqlx::Error::PoolTimedOut).await);
        backoff.start -= BUDGET;
        assert!(!backoff.again(&sqlx::Error::PoolTimedOut).await);
    }
}
