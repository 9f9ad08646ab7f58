//! Sources of programs, each stored once under its digest.

use db::{Database, DbError, Query, Write};

/// Stores a source, or notes that it is wanted once more.
pub(crate) fn source_insert(write: &mut Write, digest: &str, data: &[u8], now_ms: i64) {
    write.push_step(
        Query::new(
            "INSERT INTO lab_source (digest, data, used_ms) VALUES (?, ?, ?) \
             ON CONFLICT (digest) DO UPDATE SET used_ms = excluded.used_ms",
        )
        .bind(digest)
        .bind(data)
        .bind(now_ms),
    );
}

pub(crate) async fn source_get(db: &Database, digest: &str) -> Result<Option<Vec<u8>>, DbError> {
    let row = db.optional(Query::new("SELECT data FROM lab_source WHERE digest = ?").bind(digest)).await?;
    row.as_ref().map(|row| row.get("data")).transpose()
}

/// Deletes sources that no job or batch has and that nobody submitted since `before_ms`: a submission under way may have found
/// its source there and not be visible yet.
pub(crate) fn source_delete_unused(write: &mut Write, before_ms: i64) {
    write.push_step(
        Query::new(
            "DELETE FROM lab_source WHERE used_ms < ? \
             AND NOT EXISTS (SELECT 1 FROM lab_job j WHERE j.source = lab_source.digest) \
             AND NOT EXISTS (SELECT 1 FROM lab_batch b WHERE b.source = lab_source.digest)",
        )
        .bind(before_ms),
    );
}
