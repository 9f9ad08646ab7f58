//! All the SQL of the lab, noun-first. Reads run at once; writes are added to a transaction that the caller commits.

pub(crate) mod batch;
pub(crate) mod batch_change;
pub(crate) mod element;
pub(crate) mod input;
pub(crate) mod job;
pub(crate) mod leaver;
pub(crate) mod list;
pub(crate) mod node;
pub(crate) mod output;
pub(crate) mod policy;
pub(crate) mod queue;
pub(crate) mod run;
pub(crate) mod source;
mod submitter;
pub(crate) mod told;

#[cfg(test)]
mod conformance;

use db::{DbError, Row};

/// A column that holds something this version can't read.
fn unreadable(column: &str) -> DbError {
    DbError::Decode { column: column.to_owned(), found: "text that this version can't read", wanted: "a known form" }
}

/// Reads a stored word or document; what can't be read names its column.
fn parsed<T: std::str::FromStr>(row: &Row, column: &'static str) -> Result<T, DbError> {
    let text: String = row.get(column)?;
    text.parse().map_err(|_| unreadable(column))
}

fn parsed_opt<T: std::str::FromStr>(row: &Row, column: &'static str) -> Result<Option<T>, DbError> {
    let text: Option<String> = row.get(column)?;
    text.map(|t| t.parse().map_err(|_| unreadable(column))).transpose()
}

fn document<T: serde::de::DeserializeOwned>(row: &Row, column: &'static str) -> Result<T, DbError> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|_| unreadable(column))
}
