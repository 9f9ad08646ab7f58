//! Tokens that open a protected recording once.

use db::{Database, DbError, Query, Write};

use super::unreadable;
use crate::model::recording::{Format, RecordingId};

/// Keeps a token, by its hash.
pub(crate) fn view_insert(write: &mut Write, hash: &str, recording: &RecordingId, format: &Format, until_ms: i64) {
    let sql = "INSERT INTO classroom_view (hash, recording, format, until_ms) VALUES (?, ?, ?, ?)";
    let query = Query::new(sql).bind(hash).bind(recording.as_str()).bind(format.as_str());
    write.push_step(query.bind(until_ms));
}

/// What a token opens that is not over.
pub(crate) async fn view_get(db: &Database, hash: &str, now_ms: i64) -> Result<Option<(RecordingId, Format)>, DbError> {
    let sql = "SELECT recording, format FROM classroom_view WHERE hash = ? AND until_ms > ?";
    let Some(row) = db.optional(Query::new(sql).bind(hash).bind(now_ms)).await? else { return Ok(None) };
    let recording = RecordingId::parse(&row.get::<String>("recording")?).ok_or_else(|| unreadable("recording"))?;
    let format = Format::parse(&row.get::<String>("format")?).ok_or_else(|| unreadable("format"))?;
    Ok(Some((recording, format)))
}

/// Consumes a token.
pub(crate) fn view_delete(hash: &str) -> Query {
    Query::new("DELETE FROM classroom_view WHERE hash = ?").bind(hash)
}

/// Forgets tokens that are over.
pub(crate) fn view_prune(now_ms: i64) -> Query {
    Query::new("DELETE FROM classroom_view WHERE until_ms <= ?").bind(now_ms)
}
