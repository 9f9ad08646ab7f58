//! Runs: the queue's entries, attempts and far ends.

use db::{Database, DbError, Query, Row, Write};

use super::element::{batch_count_all_ended, batch_count_ended};
use super::{parsed, parsed_opt, unreadable};
use crate::model::batch::BatchId;
use crate::model::job::{ErrorReason, JobId, JobStatus};
use crate::model::node::NodeId;
use crate::model::run::{Outcome, Role, Run, RunId, RunState, Usage};

const COLUMNS: &str = "SELECT id, job, attempt, role, wanted_node, node, node_name, state, reason, detail, epoch, port, \
     argv, exit_code, cpu_ms, memory_peak_bytes, fences, created_ms, started_ms, ended_ms FROM lab_run";

fn run(row: &Row) -> Result<Run, DbError> {
    let argv: Option<String> = row.get("argv")?;
    let port: Option<i64> = row.get("port")?;
    Ok(Run {
        id: parsed(row, "id")?,
        job: parsed(row, "job")?,
        attempt: row.get("attempt")?,
        role: parsed(row, "role")?,
        wanted_node: parsed_opt(row, "wanted_node")?,
        node_name: row.get("node_name")?,
        node: parsed_opt(row, "node")?,
        state: state(row)?,
        detail: row.get("detail")?,
        port: port.and_then(|p| u16::try_from(p).ok()),
        argv: match argv {
            Some(text) => serde_json::from_str(&text).map_err(|_| unreadable("argv"))?,
            None => Vec::new(),
        },
        exit_code: row.get("exit_code")?,
        usage: usage(row)?,
        created_ms: row.get("created_ms")?,
        started_ms: row.get("started_ms")?,
        ended_ms: row.get("ended_ms")?,
    })
}

fn usage(row: &Row) -> Result<Usage, DbError> {
    let fences: Option<String> = row.get("fences")?;
    Ok(Usage {
        cpu_ms: row.get("cpu_ms")?,
        memory_peak_bytes: row.get("memory_peak_bytes")?,
        fences: match fences {
            Some(text) => serde_json::from_str(&text).map_err(|_| unreadable("fences"))?,
            None => Vec::new(),
        },
    })
}

fn state(row: &Row) -> Result<RunState, DbError> {
    let word: String = row.get("state")?;
    let node = || parsed::<NodeId>(row, "node");
    Ok(match word.as_str() {
        "waiting" => RunState::Waiting,
        "leased" => RunState::Leased { node: node()?, epoch: row.get("epoch")? },
        "running" => RunState::Running { node: node()?, epoch: row.get("epoch")? },
        "exited" => RunState::Ended(Outcome::Exited(row.get("exit_code")?)),
        "failed" => RunState::Ended(Outcome::Failed(parsed(row, "reason")?)),
        "lost" => RunState::Ended(Outcome::Lost),
        "cancelled" => RunState::Ended(Outcome::Cancelled),
        _ => return Err(unreadable("state")),
    })
}

/// Puts a run in the queue.
pub(crate) fn run_insert(write: &mut Write, run: &Run) {
    write.push_step(
        Query::new(
            "INSERT INTO lab_run (id, job, attempt, role, wanted_node, state, epoch, input_seq, port, created_ms) \
             VALUES (?, ?, ?, ?, ?, 'waiting', 0, 0, ?, ?)",
        )
        .bind(run.id.to_string())
        .bind(run.job.to_string())
        .bind(run.attempt)
        .bind(run.role.as_str())
        .bind(run.wanted_node.map(|id| id.to_string()))
        .bind(run.port.map(i64::from))
        .bind(run.created_ms),
    );
}

/// Puts the near end of an attempt in the queue. `Unmet` ("job-attempt") when the job does not wait for it any more,
/// `Duplicate` when it is there.
pub(crate) fn run_insert_near(write: &mut Write, run: &Run) {
    write.push_expect(
        "job-attempt",
        Query::new(
            "INSERT INTO lab_run (id, job, attempt, role, wanted_node, state, epoch, input_seq, port, created_ms) \
             SELECT ?, j.id, j.attempt, ?, ?, 'waiting', 0, 0, ?, ? FROM lab_job j \
             WHERE j.id = ? AND j.attempt = ? AND j.is_cancelled = 0 AND j.state IN ('waiting', 'running')",
        )
        .bind(run.id.to_string())
        .bind(run.role.as_str())
        .bind(run.wanted_node.map(|id| id.to_string()))
        .bind(run.port.map(i64::from))
        .bind(run.created_ms)
        .bind(run.job.to_string())
        .bind(run.attempt),
    );
}

/// Runs that wait, the oldest first.
pub(crate) async fn run_list_oldest(db: &Database, limit: u32) -> Result<Vec<Run>, DbError> {
    let query = Query::new(format!("{COLUMNS} WHERE state = 'waiting' ORDER BY id LIMIT ?"));
    db.all(query.bind(limit)).await?.iter().map(run).collect()
}

/// Runs that have waited since `created_ms` or longer for a node that is none of these.
pub(crate) async fn run_list_without(
    db: &Database,
    nodes: &[NodeId],
    created_ms: i64,
    limit: u32,
) -> Result<Vec<Run>, DbError> {
    let others = if nodes.is_empty() {
        String::new()
    } else {
        format!(" AND wanted_node NOT IN ({})", vec!["?"; nodes.len()].join(", "))
    };
    let query = Query::new(format!(
        "{COLUMNS} WHERE state = 'waiting' AND wanted_node IS NOT NULL{others} AND created_ms <= ? \
         ORDER BY wanted_node, id LIMIT ?"
    ));
    let query = nodes.iter().fold(query, |query, node| query.bind(node.to_string()));
    db.all(query.bind(created_ms).bind(limit)).await?.iter().map(run).collect()
}

/// Runs leased to a node or running on it.
pub(crate) async fn run_list_on(db: &Database, node: NodeId) -> Result<Vec<Run>, DbError> {
    let query = Query::new(format!("{COLUMNS} WHERE node = ? AND state IN ('leased', 'running') ORDER BY id"));
    db.all(query.bind(node.to_string())).await?.iter().map(run).collect()
}

/// All runs of a job, oldest first.
pub(crate) async fn run_list_of_job(db: &Database, job: JobId) -> Result<Vec<Run>, DbError> {
    let query = Query::new(format!("{COLUMNS} WHERE job = ? ORDER BY attempt, id"));
    db.all(query.bind(job.to_string())).await?.iter().map(run).collect()
}

/// All runs of these jobs, in no order.
pub(crate) async fn run_ids_of_jobs(db: &Database, jobs: &[JobId]) -> Result<Vec<RunId>, DbError> {
    let marks = vec!["?"; jobs.len()].join(", ");
    let query = Query::new(format!("SELECT id FROM lab_run WHERE job IN ({marks})"));
    let query = jobs.iter().fold(query, |query, job| query.bind(job.to_string()));
    db.all(query).await?.iter().map(|row| parsed(row, "id")).collect()
}

/// Runs on the nodes of one replica that have nothing to go on for: their job was cancelled or is over, or a newer
/// attempt took their place.
pub(crate) async fn run_list_to_cancel(db: &Database, replica: &str) -> Result<Vec<Run>, DbError> {
    let query = Query::new(format!(
        "{COLUMNS} WHERE state IN ('leased', 'running') AND EXISTS (SELECT 1 FROM lab_job j WHERE j.id = lab_run.job \
         AND (j.is_cancelled = 1 OR j.state NOT IN ('waiting', 'running') OR j.attempt <> lab_run.attempt)) \
         AND EXISTS (SELECT 1 FROM lab_node n WHERE n.id = lab_run.node AND n.replica = ? AND n.connected = 1)"
    ));
    db.all(query.bind(replica)).await?.iter().map(run).collect()
}

/// Runs on nodes, but for those under the present lease of their node, which may keep others too.
pub(crate) async fn run_list_astray(db: &Database) -> Result<Vec<Run>, DbError> {
    let query = Query::new(format!(
        "{COLUMNS} WHERE state IN ('leased', 'running') AND NOT EXISTS \
         (SELECT 1 FROM lab_node n WHERE n.id = lab_run.node AND n.epoch = lab_run.epoch) ORDER BY id"
    ));
    db.all(query).await?.iter().map(run).collect()
}

/// Those of the runs that were neither lost nor deleted with their job, in no order. What ended otherwise ended on its
/// node.
pub(crate) async fn run_list_live(db: &Database, runs: &[RunId]) -> Result<Vec<RunId>, DbError> {
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let marks = vec!["?"; runs.len()].join(", ");
    let query = Query::new(format!("SELECT id FROM lab_run WHERE id IN ({marks}) AND state <> 'lost'"));
    let query = runs.iter().fold(query, |query, run| query.bind(run.to_string()));
    db.all(query).await?.iter().map(|row| parsed(row, "id")).collect()
}

/// How many runs are on nodes, over all nodes.
pub(crate) async fn run_count_in_flight(db: &Database) -> Result<u32, DbError> {
    let query = Query::new("SELECT COUNT(*) AS n FROM lab_run WHERE state IN ('leased', 'running')");
    db.one(query).await?.get("n")
}

/// How many runs wait, over all nodes.
pub(crate) async fn run_count_waiting(db: &Database) -> Result<u32, DbError> {
    db.one(Query::new("SELECT COUNT(*) AS n FROM lab_run WHERE state = 'waiting'")).await?.get("n")
}

/// A node, and the lease epoch under which a replica holds it.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    pub(crate) node: NodeId,
    pub(crate) name: String,
    pub(crate) epoch: i64,
}

/// Ends a run that is in one of the states `from` (SQL words). `Unmet` ("run-state") when it has moved on since it was
/// read.
pub(crate) fn run_must_end(write: &mut Write, run: RunId, from: &'static str, end: &RunEnd) {
    let reason = match &end.outcome {
        Outcome::Failed(reason) => Some(*reason),
        Outcome::Exited(_) | Outcome::Lost | Outcome::Cancelled => None,
    };
    let fences = (!end.usage.fences.is_empty())
        .then(|| serde_json::to_string(&end.usage.fences).expect("strings always serialise"));
    let query = Query::new(format!(
        "UPDATE lab_run SET state = ?, reason = ?, detail = ?, exit_code = ?, cpu_ms = ?, memory_peak_bytes = ?, \
         fences = ?, ended_ms = ? WHERE id = ? AND state IN ({from})"
    ))
    .bind(RunState::Ended(end.outcome.clone()).as_str())
    .bind(reason.map(ErrorReason::as_str))
    .bind(end.detail.as_deref())
    .bind(end.exit_code)
    .bind(end.usage.cpu_ms)
    .bind(end.usage.memory_peak_bytes)
    .bind(fences)
    .bind(end.at_ms)
    .bind(run.to_string());
    write.push_expect("run-state", query);
}

/// How a run ended.
pub(crate) struct RunEnd {
    pub(crate) outcome: Outcome,
    /// Also of a program that was stopped.
    pub(crate) exit_code: Option<i64>,
    pub(crate) detail: Option<String>,
    pub(crate) usage: Usage,
    /// Command of the step that ended it, where it is not the one that was told with the start.
    pub(crate) argv: Option<Vec<String>>,
    pub(crate) at_ms: i64,
}

impl RunEnd {
    /// An end that no node told: nothing more is known of it.
    pub(crate) fn untold(outcome: Outcome, at_ms: i64) -> Self {
        Self { outcome, exit_code: None, detail: None, usage: Usage::default(), argv: None, at_ms }
    }

    /// How the job stands that ended so.
    pub(super) fn of_job(&self) -> (JobStatus, Option<ErrorReason>) {
        match &self.outcome {
            Outcome::Exited(_) => (JobStatus::Completed, None),
            Outcome::Failed(reason) => (JobStatus::Error, Some(*reason)),
            Outcome::Lost => (JobStatus::Error, Some(ErrorReason::NodeLost)),
            Outcome::Cancelled => (JobStatus::Cancelled, None),
        }
    }
}

/// States a run may be in when its node ends it.
pub(crate) const ON_NODE: &str = "'leased', 'running'";
/// The state of a run in the queue.
pub(crate) const QUEUED: &str = "'waiting'";

/// Cancels whatever of a job's attempt still waits in the queue.
pub(crate) fn run_cancel_waiting(write: &mut Write, job: JobId, at_ms: i64) {
    write.push_step(
        Query::new("UPDATE lab_run SET state = 'cancelled', ended_ms = ? WHERE job = ? AND state = 'waiting'")
            .bind(at_ms)
            .bind(job.to_string()),
    );
}

/// Ends a job that somebody wants cancelled and that has nothing on a node.
pub(crate) fn job_cancel_idle(write: &mut Write, job: JobId, at_ms: i64) {
    let ended_in = rand::random::<i64>();
    write.push_step(cancel_idle("id", job.to_string(), ended_in, at_ms));
    batch_count_ended(write, &[job], ended_in, at_ms);
}

/// The same for all elements of a batch; their runs that wait are cancelled first.
pub(crate) fn batch_cancel_idle(write: &mut Write, batch: BatchId, at_ms: i64) {
    let ended_in = rand::random::<i64>();
    let waiting = "UPDATE lab_run SET state = 'cancelled', ended_ms = ? WHERE state = 'waiting' \
         AND job IN (SELECT id FROM lab_job WHERE batch = ? AND is_cancelled = 1)";
    write.push_step(Query::new(waiting).bind(at_ms).bind(batch.to_string()));
    write.push_step(cancel_idle("batch", batch.to_string(), ended_in, at_ms));
    batch_count_all_ended(write, batch, ended_in, at_ms);
}

fn cancel_idle(column: &'static str, value: String, ended_in: i64, at_ms: i64) -> Query {
    Query::new(format!(
        "UPDATE lab_job SET state = 'cancelled', completed_ms = ?, ended_in = ? WHERE {column} = ? AND is_cancelled = 1 \
         AND state IN ('waiting', 'running') AND NOT EXISTS \
         (SELECT 1 FROM lab_run r WHERE r.job = lab_job.id AND r.state IN ('leased', 'running'))"
    ))
    .bind(at_ms)
    .bind(ended_in)
    .bind(value)
}

/// A new waiting run.
pub(crate) fn run_new(job: JobId, attempt: i64, role: Role, wanted_node: Option<NodeId>, now_ms: i64) -> Run {
    Run {
        id: RunId::generate(),
        job,
        attempt,
        role,
        wanted_node,
        node_name: None,
        node: None,
        state: RunState::Waiting,
        detail: None,
        port: None,
        argv: Vec::new(),
        exit_code: None,
        usage: Usage::default(),
        created_ms: now_ms,
        started_ms: None,
        ended_ms: None,
    }
}
