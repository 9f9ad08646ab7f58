//! All the SQL of storage, noun-first. Reads run at once; writes are added to a transaction that the caller commits.

pub(crate) mod alert;
pub(crate) mod apply;
pub(crate) mod balance;
pub(crate) mod care;
pub(crate) mod damage;
pub(crate) mod inode;
pub(crate) mod lock;
pub(crate) mod node_mount;
pub(crate) mod number;
pub(crate) mod s3_key;
pub(crate) mod session;
pub(crate) mod share;
pub(crate) mod snapshot;
pub(crate) mod space;
pub(crate) mod store;
pub(crate) mod stripe;
pub(crate) mod volume;
pub(crate) mod work;

#[cfg(test)]
mod conformance;

use db::{DbError, Row};

/// A column that holds something this version can't read.
fn unreadable(column: &str) -> DbError {
    DbError::Decode { column: column.to_owned(), found: "what this version can't read", wanted: "a known form" }
}

/// Reads a stored word; what can't be read names its column.
fn parsed<T: std::str::FromStr>(row: &Row, column: &'static str) -> Result<T, DbError> {
    let text: String = row.get(column)?;
    text.parse().map_err(|_| unreadable(column))
}

/// Reads a number that its type bounds.
fn number<T: TryFrom<i64>>(row: &Row, column: &'static str) -> Result<T, DbError> {
    row.get::<i64>(column)?.try_into().map_err(|_| unreadable(column))
}
