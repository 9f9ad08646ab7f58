//! How batches are cancelled and deleted, with their elements.

use db::{Database, DbError, Query, Write};

use super::parsed;
use crate::model::batch::BatchId;
use crate::model::job::JobId;

/// Takes no more elements, and asks for the end of those that were taken. `Unmet` ("batch-open") when nothing is left
/// to cancel.
pub(crate) fn batch_cancel(write: &mut Write, id: BatchId) {
    const LIVE: &str =
        "EXISTS (SELECT 1 FROM lab_job j WHERE j.batch = lab_batch.id AND j.state IN ('waiting', 'running'))";
    write.push_expect(
        "batch-open",
        Query::new(format!(
            "UPDATE lab_batch SET is_cancelled = 1, is_open = 0 WHERE id = ? AND is_cancelled = 0 AND (is_open = 1 OR {LIVE})"
        ))
        .bind(id.to_string()),
    );
    write.push_step(
        Query::new("UPDATE lab_job SET is_cancelled = 1 WHERE batch = ? AND state IN ('waiting', 'running')")
            .bind(id.to_string()),
    );
}

/// How many elements are pinned.
pub(crate) async fn batch_pinned(db: &Database, id: BatchId) -> Result<u32, DbError> {
    let query = Query::new("SELECT COUNT(*) AS n FROM lab_job WHERE batch = ? AND pinned = 1");
    db.one(query.bind(id.to_string())).await?.get("n")
}

/// At most `limit` elements that are jobs.
pub(crate) async fn element_list_ids(db: &Database, id: BatchId, limit: u32) -> Result<Vec<JobId>, DbError> {
    let query = Query::new("SELECT id FROM lab_job WHERE batch = ? ORDER BY pinned, id LIMIT ?");
    db.all(query.bind(id.to_string()).bind(limit)).await?.iter().map(|row| parsed(row, "id")).collect()
}

/// Deletes those of the jobs that are over and not pinned, with their runs and output.
pub(crate) fn jobs_delete(write: &mut Write, ids: &[JobId]) {
    if ids.is_empty() {
        return;
    }
    let over = format!(
        "state IN ('completed', 'error', 'cancelled') AND pinned = 0 AND id IN ({})",
        vec!["?"; ids.len()].join(", ")
    );
    let jobs = format!("SELECT id FROM lab_job WHERE {over}");
    for sql in [
        format!("DELETE FROM lab_output WHERE run IN (SELECT id FROM lab_run WHERE job IN ({jobs}))"),
        format!("DELETE FROM lab_run WHERE job IN ({jobs})"),
        format!("DELETE FROM lab_job WHERE {over}"),
    ] {
        write.push_step(ids.iter().fold(Query::new(sql), |query, id| query.bind(id.to_string())));
    }
}

/// Deletes a batch whose elements are gone. `Unmet` ("batch-empty") when it has some, or is to get some.
pub(crate) fn batch_delete(write: &mut Write, id: BatchId) {
    let id = id.to_string();
    write.push_expect(
        "batch-empty",
        Query::new(
            "DELETE FROM lab_batch WHERE id = ? AND is_open = 0 \
             AND NOT EXISTS (SELECT 1 FROM lab_job j WHERE j.batch = lab_batch.id)",
        )
        .bind(id.as_str()),
    );
    for table in ["lab_batch_block", "lab_batch_tally"] {
        write.push_step(Query::new(format!("DELETE FROM {table} WHERE batch = ?")).bind(id.as_str()));
    }
}

/// Deletes an account's batches; their elements are jobs and go as those do.
pub(crate) fn batch_delete_of_account(write: &mut Write, account: &str) {
    const BATCHES: &str = "SELECT id FROM lab_batch WHERE account = ?";
    for sql in [
        format!("DELETE FROM lab_batch_block WHERE batch IN ({BATCHES})"),
        format!("DELETE FROM lab_batch_tally WHERE batch IN ({BATCHES})"),
        "DELETE FROM lab_batch WHERE account = ?".to_owned(),
    ] {
        write.push_step(Query::new(sql).bind(account));
    }
}
