//! All the SQL of classrooms, noun-first. Reads run at once; writes are statements for a transaction that the caller commits.

pub(crate) mod hook;
pub(crate) mod meeting;
pub(crate) mod outbox;
pub(crate) mod recording;
pub(crate) mod room;
pub(crate) mod server;
pub(crate) mod tenant;
pub(crate) mod upload;
pub(crate) mod usage;
pub(crate) mod view;

#[cfg(test)]
mod conformance;

use db::{DbError, Row};
use portal::TenantId;

/// A column that holds something this version can't read.
fn unreadable(column: &str) -> DbError {
    DbError::Decode { column: column.to_owned(), found: "what this version can't read", wanted: "a known form" }
}

/// Reads a tenant's id.
fn tenant(row: &Row, column: &'static str) -> Result<TenantId, DbError> {
    TenantId::parse(&row.get::<String>(column)?).ok_or_else(|| unreadable(column))
}

/// Reads what is stored as JSON.
fn json<T: serde::de::DeserializeOwned>(row: &Row, column: &'static str) -> Result<T, DbError> {
    serde_json::from_str(&row.get::<String>(column)?).map_err(|_| unreadable(column))
}

/// A limit as stored: 0 for none.
fn limit(row: &Row, column: &'static str) -> Result<Option<u32>, DbError> {
    Ok(Some(row.get::<u32>(column)?).filter(|limit| *limit > 0))
}
