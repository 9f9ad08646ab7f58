//! Single jobs and the queue; lists are in `list`.

use db::{Database, DbError, Query, Row, Write};

use super::batch_change::{STAYS, runs_delete};
use super::submitter::{SUBMISSIONS, hour_bind, submission_count};
use super::told::{Attempt, Told};
use super::{parsed, parsed_opt, unreadable};
use crate::model::job::{Job, JobId};
use crate::model::run::RunId;
use crate::queries::run::RunEnd;

pub(super) const COLUMNS: &str = "SELECT id, tenant, account, owner, name, kind, tool, spec, source, command, wanted_node, \
     wanted_labels, far_node, node, state, reason, detail, pinned, shared, attempt, is_cancelled, batch, \
     batch_index, exit_code, cpu_ms, memory_peak_bytes, created_ms, started_ms, completed_ms FROM lab_job";

pub(super) fn job(row: &Row) -> Result<Job, DbError> {
    let labels: Option<String> = row.get("wanted_labels")?;
    Ok(Job {
        id: parsed(row, "id")?,
        tenant: row.get("tenant")?,
        account: row.get("account")?,
        owner: row.get("owner")?,
        name: row.get("name")?,
        kind: parsed(row, "kind")?,
        tool: row.get("tool")?,
        spec: row.get("spec")?,
        source: row.get("source")?,
        command: row.get("command")?,
        wanted_node: parsed_opt(row, "wanted_node")?,
        wanted_labels: match labels {
            Some(text) => serde_json::from_str(&text).map_err(|_| unreadable("wanted_labels"))?,
            None => Default::default(),
        },
        far_node: parsed_opt(row, "far_node")?,
        node: row.get("node")?,
        status: parsed(row, "state")?,
        reason: parsed_opt(row, "reason")?,
        detail: row.get("detail")?,
        pinned: row.get("pinned")?,
        shared: row.get("shared")?,
        attempt: row.get("attempt")?,
        is_cancelled: row.get("is_cancelled")?,
        batch: parsed_opt(row, "batch")?,
        batch_index: row.get("batch_index")?,
        exit_code: row.get("exit_code")?,
        cpu_ms: row.get("cpu_ms")?,
        memory_peak_bytes: row.get("memory_peak_bytes")?,
        created_ms: row.get("created_ms")?,
        started_ms: row.get("started_ms")?,
        completed_ms: row.get("completed_ms")?,
    })
}

/// What an account may have and submit; checked in the same statement that inserts.
pub(crate) struct Quota {
    pub(crate) waiting_max: u32,
    pub(crate) hourly_max: u32,
}

/// Jobs of an account that wait; elements of batches have a count of their own. Binds the account.
const WAITING: &str = "(SELECT COUNT(*) FROM lab_job WHERE account = ? AND state = 'waiting' AND batch IS NULL)";
/// Inserts a waiting job. `Unmet` ("job-quota") when the account has as much as it may;
/// `Duplicate` when its idempotency key was used before.
pub(crate) fn job_insert(write: &mut Write, job: &Job, idempotency: Option<&str>, quota: Option<&Quota>) {
    const INSERT: &str = "INSERT INTO lab_job (id, tenant, account, owner, name, kind, tool, spec, source, \
         command, wanted_node, wanted_labels, far_node, created_ms, idempotency, state, pinned, shared, attempt, \
         is_cancelled)";
    let labels = (!job.wanted_labels.is_empty())
        .then(|| serde_json::to_string(&job.wanted_labels).expect("a map of strings always serialises"));
    let values = |query: Query| {
        query
            .bind(job.id.to_string())
            .bind(job.tenant.as_str())
            .bind(job.account.as_str())
            .bind(job.owner.as_str())
            .bind(job.name.as_str())
            .bind(job.kind.as_str())
            .bind(job.tool.as_str())
            .bind(job.spec.as_str())
            .bind(job.source.as_deref())
            .bind(job.command.as_str())
            .bind(job.wanted_node.map(|id| id.to_string()))
            .bind(labels.as_deref())
            .bind(job.far_node.map(|id| id.to_string()))
            .bind(job.created_ms)
            .bind(idempotency)
    };
    let Some(quota) = quota else {
        let sql = format!("{INSERT} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting', 0, 0, 1, 0)");
        return write.push_step(values(Query::new(sql)));
    };
    let sql = format!(
        "{INSERT} SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting', 0, 0, 1, 0 FROM (SELECT 1 AS one) AS once \
         WHERE {WAITING} < ? AND {SUBMISSIONS} <= ?"
    );
    let account = job.account.as_str();
    let query = values(Query::new(sql)).bind(account).bind(quota.waiting_max);
    submission_count(write, account, 0, job.created_ms);
    write.push_expect("job-quota", hour_bind(query, account, job.created_ms).bind(quota.hourly_max));
}

pub(crate) async fn job_get(db: &Database, id: JobId) -> Result<Option<Job>, DbError> {
    let query = Query::new(format!("{COLUMNS} WHERE id = ?")).bind(id.to_string());
    db.optional(query).await?.as_ref().map(job).transpose()
}

/// Jobs by their ids, in no order.
pub(crate) async fn job_list_by_id(db: &Database, ids: &[JobId]) -> Result<Vec<Job>, DbError> {
    let marks = vec!["?"; ids.len()].join(", ");
    let query = Query::new(format!("{COLUMNS} WHERE id IN ({marks})"));
    let query = ids.iter().fold(query, |query, id| query.bind(id.to_string()));
    db.all(query).await?.iter().map(job).collect()
}

/// The job that an account submitted under an idempotency key.
pub(crate) async fn job_get_by_idempotency(db: &Database, account: &str, value: &str) -> Result<Option<Job>, DbError> {
    let query = Query::new(format!("{COLUMNS} WHERE account = ? AND idempotency = ?")).bind(account).bind(value);
    db.optional(query).await?.as_ref().map(job).transpose()
}

/// Jobs of an account that wait, and what it submitted within its hour, as quotas count them.
pub(crate) async fn job_counts(db: &Database, account: &str, now_ms: i64) -> Result<(u32, u32), DbError> {
    let query = Query::new(format!("SELECT {WAITING} AS waiting, {SUBMISSIONS} AS hourly")).bind(account);
    let row = db.one(hour_bind(query, account, now_ms)).await?;
    Ok((row.get("waiting")?, row.get("hourly")?))
}

pub(crate) fn job_name_set(write: &mut Write, id: JobId, name: &str) {
    write.push_expect("job", Query::new("UPDATE lab_job SET name = ? WHERE id = ?").bind(name).bind(id.to_string()));
}

/// Pins or unpins a job. `Unmet` ("job") when it is gone, or its batch is being deleted.
pub(crate) fn job_pinned_set(write: &mut Write, id: JobId, pinned: bool) {
    let query = Query::new(format!("UPDATE lab_job SET pinned = ? WHERE id = ? AND {STAYS}"));
    write.push_expect("job", query.bind(pinned).bind(id.to_string()));
}

/// Sets whether everybody in the tenant who has the job's address sees it.
pub(crate) fn job_shared_set(write: &mut Write, id: JobId, shared: bool) {
    write
        .push_expect("job", Query::new("UPDATE lab_job SET shared = ? WHERE id = ?").bind(shared).bind(id.to_string()));
}

/// Deletes a job that is over, with `runs`, which are all of its, and what those hold. `Unmet` ("job-over") when it is
/// not.
pub(crate) fn job_delete(write: &mut Write, id: JobId, runs: &[RunId]) {
    write.push_expect(
        "job-over",
        Query::new("DELETE FROM lab_job WHERE id = ? AND state IN ('completed', 'error', 'cancelled')")
            .bind(id.to_string()),
    );
    runs_delete(write, runs);
}

/// Notes that somebody wants the job cancelled. `Unmet` ("job-open") when it is over.
pub(crate) fn job_cancel_ask(write: &mut Write, id: JobId) {
    write.push_expect(
        "job-open",
        Query::new("UPDATE lab_job SET is_cancelled = 1 WHERE id = ? AND state IN ('waiting', 'running')")
            .bind(id.to_string()),
    );
}

/// The near run of this attempt goes back to the queue.
pub(crate) fn job_waiting(write: &mut Write, id: JobId, attempt: i64) {
    write.push_step(
        Query::new(
            "UPDATE lab_job SET state = 'waiting', node = NULL WHERE id = ? AND attempt = ? AND state = 'running'",
        )
        .bind(id.to_string())
        .bind(attempt),
    );
}

/// Ends the job as its run ended, if this attempt is its newest and it is not over; an element is counted in its batch.
pub(crate) fn job_end(write: &mut Write, attempt: Attempt, end: &RunEnd) {
    let mut told = Told::new();
    told.job_ended(attempt, end, None);
    told.push(write);
}

/// A job that goes on by itself: [`job_next_attempt`] from there must not undo a cancellation.
pub(crate) const GOES_ON: &str = "state IN ('waiting', 'running') AND is_cancelled = 0";
/// A job that somebody wants to be tried again.
pub(crate) const RETRYABLE: &str = "state IN ('error', 'cancelled')";

/// Opens the next attempt of a job that is as `from` says. `Unmet` ("job-attempt") when it is not, when this attempt is
/// not the newest, or when its batch is being deleted.
pub(crate) fn job_next_attempt(write: &mut Write, id: JobId, attempt: i64, from: &'static str) {
    write.push_expect(
        "job-attempt",
        Query::new(format!(
            "UPDATE lab_job SET state = 'waiting', attempt = attempt + 1, node = NULL, reason = NULL, detail = NULL, \
             exit_code = NULL, cpu_ms = NULL, memory_peak_bytes = NULL, started_ms = NULL, completed_ms = NULL, is_cancelled = 0, ended_in = NULL \
             WHERE id = ? AND attempt = ? AND {from} AND {STAYS}"
        ))
        .bind(id.to_string())
        .bind(attempt),
    );
}

/// For each of these jobs that has a run in the queue: how many runs that could take its node come before it.
pub(crate) async fn job_places(db: &Database, ids: &[JobId]) -> Result<Vec<(JobId, u32)>, DbError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    // Each of the three counts is a range of one index; an OR of them would read the rows themselves.
    const AHEAD: &str = "SELECT COUNT(*) FROM lab_run ahead WHERE ahead.state = 'waiting' AND ahead.id < mine.id";
    let marks = vec!["?"; ids.len()].join(", ");
    let query = Query::new(format!(
        "SELECT mine.job AS job, CASE WHEN mine.wanted_node IS NULL THEN ({AHEAD}) \
         ELSE ({AHEAD} AND ahead.wanted_node IS NULL) + ({AHEAD} AND ahead.wanted_node = mine.wanted_node) END AS ahead \
         FROM lab_run mine WHERE mine.job IN ({marks}) AND mine.state = 'waiting'"
    ));
    let query = ids.iter().fold(query, |query, id| query.bind(id.to_string()));
    db.all(query).await?.iter().map(|row| Ok((parsed(row, "job")?, row.get("ahead")?))).collect()
}
