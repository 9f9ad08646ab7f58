//! How batches are cancelled and deleted, with their elements.

use db::{Database, DbError, Query, Write};

use super::batch::STRANDED;
use super::parsed;
use super::submitter::elements_uncount;
use crate::model::batch::{Batch, BatchId};
use crate::model::job::JobId;
use crate::model::run::RunId;

/// Takes no more elements, and asks for the end of those that were taken. `Unmet` ("batch-open") when nothing is left
/// to cancel.
pub(crate) fn batch_cancel(write: &mut Write, batch: &Batch) {
    let id = batch.id;
    const LIVE: &str =
        "EXISTS (SELECT 1 FROM lab_job j WHERE j.batch = lab_batch.id AND j.state IN ('waiting', 'running'))";
    write.push_expect(
        "batch-open",
        Query::new(format!(
            "UPDATE lab_batch SET is_cancelled = 1, is_open = 0 WHERE id = ? AND is_cancelled = 0 AND (is_open = 1 OR {LIVE})"
        ))
        .bind(id.to_string()),
    );
    elements_uncount(write, batch);
    write.push_step(
        Query::new("UPDATE lab_job SET is_cancelled = 1 WHERE batch = ? AND state IN ('waiting', 'running')")
            .bind(id.to_string()),
    );
}

/// Takes no more elements of a batch whose own node was removed. `Unmet` ("batch-stranded") when it was not, or nothing
/// was left to take.
pub(crate) fn batch_end_stranded(write: &mut Write, batch: &Batch, now_ms: i64) {
    let id = batch.id.to_string();
    let sql = format!("UPDATE lab_batch SET is_stranded = 1, is_open = 0 WHERE id = ? AND is_open = 1 AND {STRANDED}");
    write.push_expect("batch-stranded", Query::new(sql).bind(id.as_str()));
    elements_uncount(write, batch);
    write.push_step(
        Query::new(
            "INSERT INTO lab_batch_tally (batch, done, failed, cancelled, last_ms) VALUES (?, 0, 0, 0, ?) \
             ON CONFLICT (batch) DO UPDATE SET last_ms = excluded.last_ms",
        )
        .bind(id)
        .bind(now_ms),
    );
}

/// Marks a batch to be deleted piece by piece; nobody sees it any more. `Unmet` ("batch-over") when it is not over, or an
/// element is pinned.
pub(crate) fn batch_delete_ask(write: &mut Write, id: BatchId) {
    let id = id.to_string();
    // The first locks the row, as `batch_lock` does; the second sees what was committed until then.
    for condition in [
        "is_open = 0 AND is_deleted = 0",
        "NOT EXISTS (SELECT 1 FROM lab_job j WHERE j.batch = lab_batch.id AND (j.pinned = 1 OR j.state IN ('waiting', 'running')))",
    ] {
        let sql = format!("UPDATE lab_batch SET is_deleted = 1, idempotency = NULL WHERE id = ? AND {condition}");
        write.push_expect("batch-over", Query::new(sql).bind(id.as_str()));
    }
}

/// Keeps a batch from being marked to be deleted until the transaction commits; to stand before what keeps an element.
pub(crate) fn batch_lock(write: &mut Write, id: BatchId) {
    write.push_step(Query::new("UPDATE lab_batch SET is_deleted = is_deleted WHERE id = ?").bind(id.to_string()));
}

/// Of a job: its batch is not being deleted.
pub(super) const STAYS: &str = "NOT EXISTS (SELECT 1 FROM lab_batch b WHERE b.id = lab_job.batch AND b.is_deleted = 1)";

/// Whether a batch is being deleted.
pub(crate) async fn batch_is_deleted(db: &Database, id: BatchId) -> Result<bool, DbError> {
    let query = Query::new("SELECT id FROM lab_batch WHERE id = ? AND is_deleted = 1").bind(id.to_string());
    Ok(db.optional(query).await?.is_some())
}

/// At most `limit` batches that are being deleted.
pub(crate) async fn batch_list_deleted(db: &Database, limit: u32) -> Result<Vec<BatchId>, DbError> {
    let query = Query::new("SELECT id FROM lab_batch WHERE is_deleted = 1 ORDER BY id LIMIT ?").bind(limit);
    db.all(query).await?.iter().map(|row| parsed(row, "id")).collect()
}

/// How many elements are pinned.
pub(crate) async fn batch_pinned(db: &Database, id: BatchId) -> Result<u32, DbError> {
    let query = Query::new("SELECT COUNT(*) AS n FROM lab_job WHERE batch = ? AND pinned = 1");
    db.one(query.bind(id.to_string())).await?.get("n")
}

/// At most `limit` elements that are jobs, those that are pinned last.
pub(crate) async fn element_list_ids(db: &Database, id: BatchId, limit: u32) -> Result<Vec<JobId>, DbError> {
    let query = Query::new("SELECT id FROM lab_job WHERE batch = ? ORDER BY pinned, id LIMIT ?");
    db.all(query.bind(id.to_string()).bind(limit)).await?.iter().map(|row| parsed(row, "id")).collect()
}

/// Values bound in one statement, at most: every engine takes as many.
const BOUND_MAX: usize = 10_000;

/// Lets nothing of these jobs go on or be started, so that no run of theirs is made after this.
pub(crate) fn jobs_stop(write: &mut Write, jobs: &[JobId]) {
    let marks = vec!["?"; jobs.len()].join(", ");
    let query = Query::new(format!("UPDATE lab_job SET is_cancelled = 1 WHERE id IN ({marks}) AND pinned = 0"));
    write.push_step(jobs.iter().fold(query, |query, job| query.bind(job.to_string())));
}

/// Deletes those of the jobs that are not pinned, with `runs`, which are all of theirs, and what those hold. A run that
/// is still on a node is told to stop, since its job is gone.
pub(crate) fn jobs_delete(write: &mut Write, jobs: &[JobId], runs: &[RunId]) {
    if jobs.is_empty() {
        return;
    }
    // This locks the rows: a job that is pinned at this moment either stays whole or is gone for that one.
    // Each statement after it sees which jobs are left.
    let marks = vec!["?"; jobs.len()].join(", ");
    let query = Query::new(format!("DELETE FROM lab_job WHERE id IN ({marks}) AND pinned = 0"));
    write.push_step(jobs.iter().fold(query, |query, job| query.bind(job.to_string())));
    runs_delete(write, runs);
}

/// Deletes those of the runs whose job is gone, with what they hold.
pub(super) fn runs_delete(write: &mut Write, runs: &[RunId]) {
    // Runs are named: MariaDB walks the whole table where a DELETE looks for them.
    for runs in runs.chunks(BOUND_MAX) {
        let marks = vec!["?"; runs.len()].join(", ");
        for (table, run) in [("lab_output", "run"), ("lab_input", "run"), ("lab_run", "id")] {
            let job = match table {
                "lab_run" => "SELECT 1 FROM lab_job j WHERE j.id = lab_run.job".to_owned(),
                _ => format!("SELECT 1 FROM lab_run r JOIN lab_job j ON j.id = r.job WHERE r.id = {table}.run"),
            };
            let query = Query::new(format!("DELETE FROM {table} WHERE {run} IN ({marks}) AND NOT EXISTS ({job})"));
            write.push_step(runs.iter().fold(query, |query, run| query.bind(run.to_string())));
        }
    }
}

/// Deletes a batch that was marked and whose elements are gone. `Unmet` ("batch-empty") otherwise.
pub(crate) fn batch_delete(write: &mut Write, id: BatchId) {
    let id = id.to_string();
    write.push_expect(
        "batch-empty",
        Query::new(
            "DELETE FROM lab_batch WHERE id = ? AND is_deleted = 1 \
             AND NOT EXISTS (SELECT 1 FROM lab_job j WHERE j.batch = lab_batch.id)",
        )
        .bind(id.as_str()),
    );
    for table in ["lab_batch_block", "lab_batch_tally"] {
        write.push_step(Query::new(format!("DELETE FROM {table} WHERE batch = ?")).bind(id.as_str()));
    }
}
