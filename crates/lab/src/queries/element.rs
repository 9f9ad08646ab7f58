//! Elements of batches: how they become jobs, and how they are counted when they end.

use db::{Given, Kind, Query, Write};

use super::run::Holder;
use crate::model::batch::{Batch, BatchId};
use crate::model::job::{JobId, JobStatus};
use crate::model::node::NodeId;
use crate::model::run::{Role, RunId};

/// An element on its way to a node.
pub(crate) struct Taken {
    pub(crate) job: JobId,
    pub(crate) run: RunId,
    pub(crate) index: i64,
    pub(crate) name: String,
    /// Where they differ from the batch's.
    pub(crate) spec: Option<String>,
    pub(crate) command: Option<String>,
    /// The node that its destination names.
    pub(crate) far: Option<NodeId>,
    /// Which end its first run is.
    pub(crate) role: Role,
    /// Of a far end.
    pub(crate) port: Option<u16>,
    pub(crate) holder: Holder,
}

/// Takes the next elements: each becomes a job with a run that is leased to its node. `Unmet` ("batch-next") when
/// another replica was faster, the batch was cancelled, or a node is not held any more.
pub(crate) fn batch_take(write: &mut Write, batch: &Batch, elements: &[Taken], now_ms: i64) {
    let taken = batch.taken + u32::try_from(elements.len()).unwrap_or(u32::MAX);
    let mut nodes: Vec<(NodeId, i64)> = elements.iter().map(|e| (e.holder.node, e.holder.epoch)).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let held = vec!["(n.id = ? AND n.epoch = ?)"; nodes.len()].join(" OR ");
    let mut query = Query::new(format!(
        "UPDATE lab_batch SET taken = ?, is_open = ? WHERE id = ? AND taken = ? AND is_open = 1 \
         AND (SELECT COUNT(*) FROM lab_node n WHERE n.state = 'enabled' AND ({held})) = ?"
    ))
    .bind(taken)
    .bind(taken < batch.count)
    .bind(batch.id.to_string())
    .bind(batch.taken);
    for (node, epoch) in &nodes {
        query = query.bind(node.to_string()).bind(*epoch);
    }
    write.push_expect("batch-next", query.bind(i64::try_from(nodes.len()).unwrap_or(i64::MAX)));
    elements_insert(write, batch.id, elements, now_ms);
}

fn elements_insert(write: &mut Write, batch: BatchId, elements: &[Taken], now_ms: i64) {
    jobs_insert(write, batch, elements, now_ms);
    runs_insert(write, elements, now_ms);
}

fn jobs_insert(write: &mut Write, batch: BatchId, elements: &[Taken], now_ms: i64) {
    const COLUMNS: &[(&str, Kind)] = &[
        ("new_job", Kind::Text),
        ("of_batch", Kind::Text),
        ("new_index", Kind::Int),
        ("new_name", Kind::Text),
        ("new_spec", Kind::Text),
        ("new_command", Kind::Text),
        ("for_far", Kind::Text),
        ("new_node", Kind::Text),
        ("new_state", Kind::Text),
        ("at_ms", Kind::Int),
    ];
    let mut jobs = Given::new(COLUMNS);
    for element in elements {
        // A job runs when its near end does.
        let (node, state) = match element.role {
            Role::Near => (Some(element.holder.name.as_str()), JobStatus::Running),
            Role::Far => (None, JobStatus::Waiting),
        };
        jobs.push([
            element.job.to_string().into(),
            batch.to_string().into(),
            element.index.into(),
            element.name.as_str().into(),
            element.spec.as_deref().into(),
            element.command.as_deref().into(),
            element.far.map(|far| far.to_string()).into(),
            node.into(),
            state.as_str().into(),
            now_ms.into(),
        ]);
    }
    write.push_given_insert(
        "INSERT INTO lab_job (id, tenant, account, owner, name, kind, tool, spec, source, command, wanted_node, \
         wanted_labels, far_node, node, state, pinned, shared, attempt, is_cancelled, batch, batch_index, created_ms) \
         SELECT given.new_job, b.tenant, b.account, b.owner, given.new_name, b.kind, b.tool, \
         COALESCE(given.new_spec, b.spec), b.source, COALESCE(given.new_command, b.command), b.wanted_node, \
         b.wanted_labels, given.for_far, given.new_node, given.new_state, 0, 0, 1, 0, b.id, given.new_index, given.at_ms \
         FROM given JOIN lab_batch b ON b.id = given.of_batch",
        jobs,
    );
}

fn runs_insert(write: &mut Write, elements: &[Taken], now_ms: i64) {
    const COLUMNS: &[(&str, Kind)] = &[
        ("new_run", Kind::Text),
        ("new_job", Kind::Text),
        ("new_role", Kind::Text),
        ("new_node", Kind::Text),
        ("new_name", Kind::Text),
        ("new_epoch", Kind::Int),
        ("new_port", Kind::Int),
        ("at_ms", Kind::Int),
    ];
    let mut runs = Given::new(COLUMNS);
    for element in elements {
        runs.push([
            element.run.to_string().into(),
            element.job.to_string().into(),
            element.role.as_str().into(),
            element.holder.node.to_string().into(),
            element.holder.name.as_str().into(),
            element.holder.epoch.into(),
            element.port.map(i64::from).into(),
            now_ms.into(),
        ]);
    }
    write.push_given_insert(
        "INSERT INTO lab_run (id, job, attempt, role, node, node_name, state, epoch, port, input_seq, created_ms) \
         SELECT given.new_run, given.new_job, 1, given.new_role, given.new_node, given.new_name, 'leased', given.new_epoch, \
         given.new_port, 0, given.at_ms FROM given",
        runs,
    );
}

/// Counts the elements among these jobs that this Write ended, as `ended_in` tells.
pub(crate) fn batch_count_ended(write: &mut Write, jobs: &[JobId], ended_in: i64, at_ms: i64) {
    if jobs.is_empty() {
        return;
    }
    // Powers of two, so that few different statements are prepared; a repeated id is counted once.
    let width = jobs.len().next_power_of_two();
    let which = format!("j.id IN ({}) AND j.batch IS NOT NULL", vec!["?"; width].join(", "));
    let last = jobs.last().copied().into_iter().cycle().take(width - jobs.len());
    count_ended(write, &which, jobs.iter().copied().chain(last).map(|job| job.to_string()), ended_in, at_ms);
}

/// The same among all elements of a batch.
pub(crate) fn batch_count_all_ended(write: &mut Write, id: BatchId, ended_in: i64, at_ms: i64) {
    count_ended(write, "j.batch = ?", std::iter::once(id.to_string()), ended_in, at_ms);
}

fn count_ended(write: &mut Write, which: &str, values: impl Iterator<Item = String>, ended_in: i64, at_ms: i64) {
    let query = Query::new(format!(
        "INSERT INTO lab_batch_tally (batch, done, failed, cancelled, last_ms) SELECT j.batch, \
         SUM(CASE WHEN j.state = 'completed' AND j.exit_code = 0 THEN 1 ELSE 0 END), \
         SUM(CASE WHEN j.state = 'error' OR (j.state = 'completed' AND j.exit_code <> 0) THEN 1 ELSE 0 END), \
         SUM(CASE WHEN j.state = 'cancelled' THEN 1 ELSE 0 END), ? \
         FROM lab_job j WHERE {which} AND j.ended_in = ? GROUP BY j.batch \
         ON CONFLICT (batch) DO UPDATE SET done = lab_batch_tally.done + excluded.done, \
         failed = lab_batch_tally.failed + excluded.failed, \
         cancelled = lab_batch_tally.cancelled + excluded.cancelled, last_ms = excluded.last_ms"
    ));
    write.push_step(values.fold(query.bind(at_ms), Query::bind).bind(ended_in));
}

/// An element that ended without being done is tried again: it is not over any more.
pub(crate) fn batch_count_reopened(write: &mut Write, id: BatchId, was_cancelled: bool) {
    let column = if was_cancelled { "cancelled" } else { "failed" };
    let sql = format!("UPDATE lab_batch_tally SET {column} = {column} - 1 WHERE batch = ?");
    write.push_step(Query::new(sql).bind(id.to_string()));
}

/// An element that waits for one node.
pub(crate) struct Placed {
    pub(crate) job: JobId,
    pub(crate) run: RunId,
    pub(crate) index: i64,
    pub(crate) name: String,
    /// Where they differ from the batch's.
    pub(crate) spec: Option<String>,
    pub(crate) command: Option<String>,
    pub(crate) node: NodeId,
    /// The node that its destination names.
    pub(crate) far: Option<NodeId>,
    /// Which end its first run is.
    pub(crate) role: Role,
}

impl Placed {
    /// The node that its first run is for.
    fn first_node(&self) -> NodeId {
        match self.role {
            Role::Near => self.node,
            Role::Far => self.far.unwrap_or(self.node),
        }
    }
}

/// Puts elements in the queue, each for its own node.
pub(crate) fn elements_place(write: &mut Write, batch: BatchId, elements: &[Placed], now_ms: i64) {
    const COLUMNS: &[(&str, Kind)] = &[
        ("new_job", Kind::Text),
        ("new_run", Kind::Text),
        ("of_batch", Kind::Text),
        ("new_index", Kind::Int),
        ("new_name", Kind::Text),
        ("new_spec", Kind::Text),
        ("new_command", Kind::Text),
        ("for_node", Kind::Text),
        ("for_far", Kind::Text),
        ("new_role", Kind::Text),
        ("for_run", Kind::Text),
        ("at_ms", Kind::Int),
    ];
    let mut rows = Given::new(COLUMNS);
    for element in elements {
        rows.push([
            element.job.to_string().into(),
            element.run.to_string().into(),
            batch.to_string().into(),
            element.index.into(),
            element.name.as_str().into(),
            element.spec.as_deref().into(),
            element.command.as_deref().into(),
            element.node.to_string().into(),
            element.far.map(|far| far.to_string()).into(),
            element.role.as_str().into(),
            element.first_node().to_string().into(),
            now_ms.into(),
        ]);
    }
    write.push_given_insert(
        "INSERT INTO lab_job (id, tenant, account, owner, name, kind, tool, spec, source, command, wanted_node, \
         wanted_labels, far_node, state, pinned, shared, attempt, is_cancelled, batch, batch_index, created_ms) \
         SELECT given.new_job, b.tenant, b.account, b.owner, given.new_name, b.kind, b.tool, \
         COALESCE(given.new_spec, b.spec), b.source, COALESCE(given.new_command, b.command), given.for_node, \
         b.wanted_labels, given.for_far, 'waiting', 0, 0, 1, 0, b.id, given.new_index, given.at_ms \
         FROM given JOIN lab_batch b ON b.id = given.of_batch",
        rows.clone(),
    );
    write.push_given_insert(
        "INSERT INTO lab_run (id, job, attempt, role, wanted_node, state, epoch, input_seq, created_ms) \
         SELECT given.new_run, given.new_job, 1, given.new_role, given.for_run, 'waiting', 0, 0, given.at_ms FROM given",
        rows,
    );
}
