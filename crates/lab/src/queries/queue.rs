//! The queue: which runs wait, and how they are given to nodes, many in a statement.

use std::collections::{BTreeMap, HashSet};

use db::{Database, DbError, Given, Kind, Query, Row, Write};

use super::run::Holder;
use super::{parsed, parsed_opt, unreadable};
use crate::model::job::{Job, JobId};
use crate::model::node::NodeId;
use crate::model::run::{Role, Run, RunId};

/// A run in the queue, with what decides on its turn and its node.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) run: RunId,
    pub(crate) job: JobId,
    pub(crate) attempt: i64,
    pub(crate) role: Role,
    /// The node that this run has to be on.
    pub(crate) wanted_node: Option<NodeId>,
    pub(crate) port: Option<u16>,
    pub(crate) tenant: String,
    pub(crate) account: String,
    pub(crate) tool: String,
    /// The node that the job's near run has to be on.
    pub(crate) near_node: Option<NodeId>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) far_node: Option<NodeId>,
    pub(crate) is_element: bool,
}

impl Waiting {
    /// What the queue has of a job's run.
    pub(crate) fn of(run: &Run, job: &Job) -> Self {
        Self {
            run: run.id,
            job: job.id,
            attempt: run.attempt,
            role: run.role,
            wanted_node: run.wanted_node,
            port: run.port,
            tenant: job.tenant.clone(),
            account: job.account.clone(),
            tool: job.tool.clone(),
            near_node: job.wanted_node,
            labels: job.wanted_labels.clone(),
            far_node: job.far_node,
            is_element: job.batch.is_some(),
        }
    }
}

/// Runs that wait, oldest first, those younger than `after` alone, and none of the accounts `without`.
pub(crate) async fn run_list_queue(
    db: &Database,
    after: Option<RunId>,
    without: &[&str],
    limit: u32,
) -> Result<Vec<Waiting>, DbError> {
    let others = match without {
        [] => String::new(),
        some => format!(" AND j.account NOT IN ({})", vec!["?"; some.len()].join(", ")),
    };
    let sql = format!(
        "SELECT r.id AS id, r.job AS job, r.attempt AS attempt, r.role AS role, r.wanted_node AS wanted_node, \
         r.port AS port, j.tenant AS tenant, j.account AS account, j.tool AS tool, j.wanted_node AS near_node, \
         j.wanted_labels AS wanted_labels, j.far_node AS far_node, j.batch AS batch \
         FROM lab_run r JOIN lab_job j ON j.id = r.job WHERE r.state = 'waiting' AND r.id > ?{others} \
         ORDER BY r.id LIMIT ?",
    );
    let query = Query::new(sql).bind(after.map(|run| run.to_string()).unwrap_or_default());
    let query = without.iter().fold(query, |query, account| query.bind(*account));
    db.all(query.bind(limit)).await?.iter().map(waiting).collect()
}

fn waiting(row: &Row) -> Result<Waiting, DbError> {
    let labels: Option<String> = row.get("wanted_labels")?;
    let port: Option<i64> = row.get("port")?;
    Ok(Waiting {
        run: parsed(row, "id")?,
        job: parsed(row, "job")?,
        attempt: row.get("attempt")?,
        role: parsed(row, "role")?,
        wanted_node: parsed_opt(row, "wanted_node")?,
        port: port.and_then(|port| u16::try_from(port).ok()),
        tenant: row.get("tenant")?,
        account: row.get("account")?,
        tool: row.get("tool")?,
        near_node: parsed_opt(row, "near_node")?,
        labels: match labels {
            Some(text) => serde_json::from_str(&text).map_err(|_| unreadable("wanted_labels"))?,
            None => BTreeMap::new(),
        },
        far_node: parsed_opt(row, "far_node")?,
        is_element: row.get::<Option<String>>("batch")?.is_some(),
    })
}

/// How many runs are on nodes other than these.
pub(crate) async fn run_count_elsewhere(db: &Database, nodes: &[NodeId]) -> Result<u32, DbError> {
    let others = if nodes.is_empty() {
        String::new()
    } else {
        format!(" AND node NOT IN ({})", vec!["?"; nodes.len()].join(", "))
    };
    let sql = format!("SELECT COUNT(*) AS n FROM lab_run WHERE state IN ('leased', 'running'){others}");
    let query = nodes.iter().fold(Query::new(sql), |query, node| query.bind(node.to_string()));
    db.one(query).await?.get("n")
}

/// A waiting run that is to be given to a node.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    pub(crate) run: RunId,
    pub(crate) job: JobId,
    pub(crate) attempt: i64,
    pub(crate) role: Role,
    pub(crate) holder: Holder,
    pub(crate) port: Option<u16>,
}

/// Gives each waiting run to its node, if this replica still holds that under this epoch, its job goes on and this is its
/// newest attempt; changes nothing of the others. The jobs of near runs are running then. The rows changed by the first
/// `n` statements added are the runs that were given, `n` being what is returned.
pub(crate) fn runs_lease(write: &mut Write, leases: &[Lease]) -> usize {
    const COLUMNS: &[(&str, Kind)] = &[
        ("of_run", Kind::Text),
        ("of_job", Kind::Text),
        ("of_attempt", Kind::Int),
        ("new_node", Kind::Text),
        ("new_name", Kind::Text),
        ("new_epoch", Kind::Int),
        ("new_port", Kind::Int),
    ];
    let given = |role: Option<Role>| {
        let mut given = Given::new(COLUMNS);
        for lease in leases.iter().filter(|lease| role.is_none_or(|role| role == lease.role)) {
            given.push([
                lease.run.to_string().into(),
                lease.job.to_string().into(),
                lease.attempt.into(),
                lease.holder.node.to_string().into(),
                lease.holder.name.as_str().into(),
                lease.holder.epoch.into(),
                lease.port.map(i64::from).into(),
            ]);
        }
        given
    };
    let before = write.len();
    write.push_given_update(
        "UPDATE lab_run SET state = 'leased', node = given.new_node, node_name = given.new_name, epoch = given.new_epoch, \
         port = COALESCE(given.new_port, lab_run.port) FROM given WHERE lab_run.id = given.of_run \
         AND lab_run.state = 'waiting' AND EXISTS (SELECT 1 FROM lab_node n WHERE n.id = given.new_node \
         AND n.epoch = given.new_epoch AND n.state = 'enabled') AND EXISTS (SELECT 1 FROM lab_job j \
         WHERE j.id = lab_run.job AND j.is_cancelled = 0 AND j.attempt = lab_run.attempt \
         AND j.state IN ('waiting', 'running'))",
        given(None),
    );
    let statements = write.len() - before;
    write.push_given_update(
        "UPDATE lab_job SET state = 'running', node = given.new_name FROM given WHERE lab_job.id = given.of_job \
         AND lab_job.attempt = given.of_attempt AND lab_job.state = 'waiting' AND EXISTS (SELECT 1 FROM lab_run r \
         WHERE r.id = given.of_run AND r.state = 'leased' AND r.node = given.new_node AND r.epoch = given.new_epoch)",
        given(Some(Role::Near)),
    );
    statements
}

/// Those of the runs that are leased to the node under the epoch named with them.
pub(crate) async fn runs_leased(db: &Database, leases: &[Lease]) -> Result<HashSet<RunId>, DbError> {
    let marks = vec!["?"; leases.len()].join(", ");
    let sql = format!("SELECT id, node, epoch FROM lab_run WHERE id IN ({marks}) AND state = 'leased'");
    let query = leases.iter().fold(Query::new(sql), |query, lease| query.bind(lease.run.to_string()));
    let mut held = HashSet::new();
    for row in db.all(query).await? {
        held.insert((parsed::<RunId>(&row, "id")?, parsed::<NodeId>(&row, "node")?, row.get::<i64>("epoch")?));
    }
    let is_held = |lease: &&Lease| held.contains(&(lease.run, lease.holder.node, lease.holder.epoch));
    Ok(leases.iter().filter(is_held).map(|lease| lease.run).collect())
}

/// A leased run goes back to the queue.
pub(crate) fn run_give_back(write: &mut Write, run: RunId, epoch: i64) {
    write.push_step(
        Query::new(
            "UPDATE lab_run SET state = 'waiting', node = NULL, node_name = NULL \
             WHERE id = ? AND epoch = ? AND state = 'leased'",
        )
        .bind(run.to_string())
        .bind(epoch),
    );
}
