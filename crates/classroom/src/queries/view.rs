//! Tokens that opened a protected recording: each does so once.

use db::Query;

use crate::model::recording::{Format, RecordingId};

/// Notes that a token was used, by its hash; `DbError::Duplicate` when it was before. It is over at `until_ms`.
pub(crate) fn view_use(hash: &str, recording: &RecordingId, format: &Format, until_ms: i64) -> Query {
    let sql = "INSERT INTO classroom_view (hash, recording, format, until_ms) VALUES (?, ?, ?, ?)";
    Query::new(sql).bind(hash).bind(recording.as_str()).bind(format.as_str()).bind(until_ms)
}

/// Forgets tokens that are over.
pub(crate) fn view_prune(now_ms: i64) -> Query {
    Query::new("DELETE FROM classroom_view WHERE until_ms <= ?").bind(now_ms)
}
