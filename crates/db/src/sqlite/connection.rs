//! One connection to an SQLite file. Its calls block: each is made on a thread that may wait for the disk.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, Error, OpenFlags, Statement};

use crate::driver::Stopwatch;
use crate::query::Query;
use crate::row::Row;
use crate::value::Value;

/// How long a statement waits for another process (a backup) that holds the file.
const BUSY_LIMIT: Duration = Duration::from_secs(5);
/// Prepared statements kept per connection.
const STATEMENTS: usize = 500;

/// Opens a file that is there; `pragmas` are set besides those that every connection has.
pub(super) fn open(path: &Path, pragmas: &[(&str, &str)]) -> Result<Connection, Error> {
    // No mutex: whoever has the connection is the only one.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_LIMIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    let every =
        [("journal_mode", "WAL"), ("synchronous", "FULL"), ("foreign_keys", "ON"), ("case_sensitive_like", "ON")];
    for (name, value) in every.iter().chain(pragmas) {
        fetch(&connection, &Query::new(format!("PRAGMA {name} = {value}")))?;
    }
    Ok(connection)
}

/// All rows of a statement.
pub(super) fn fetch(connection: &Connection, query: &Query) -> Result<Vec<Row>, Error> {
    let watch = Stopwatch::start(query);
    let mut statement = connection.prepare_cached(&query.sql)?;
    bind(&mut statement, &query.values)?;
    let (mut columns, mut found) = (None::<Arc<[String]>>, Vec::new());
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        // Known only now: the first step may prepare the statement anew, for columns that were added meanwhile.
        let columns =
            columns.get_or_insert_with(|| row.as_ref().column_names().iter().map(ToString::to_string).collect());
        let values = (0..columns.len()).map(|index| value(row.get_ref(index)?, index)).collect::<Result<_, Error>>()?;
        found.push(Row { columns: columns.clone(), values });
    }
    watch.stop();
    Ok(found)
}

/// Runs a statement and answers the number of rows changed.
pub(super) fn execute(connection: &Connection, query: &Query) -> Result<u64, Error> {
    let watch = Stopwatch::start(query);
    let mut statement = connection.prepare_cached(&query.sql)?;
    bind(&mut statement, &query.values)?;
    let changed = statement.raw_execute()?;
    watch.stop();
    Ok(changed as u64)
}

fn bind(statement: &mut Statement<'_>, values: &[Value]) -> Result<(), Error> {
    values.iter().zip(1..).try_for_each(|(value, index)| statement.raw_bind_parameter::<usize, _>(index, value))
}

impl ToSql for Value {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>, Error> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Float(number) => ValueRef::Real(*number),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// The value of one column: each carries its own type.
fn value(raw: ValueRef<'_>, index: usize) -> Result<Value, Error> {
    Ok(match raw {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Real(number) => Value::Float(number),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Value::Text(text.to_owned()),
            Err(error) => return Err(Error::Utf8Error(index, error)),
        },
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
    })
}
