//! Lists of jobs by keyset pages: pinned ones first, then newest first.

use std::ops::RangeInclusive;

use db::{Database, DbError, Query, Value};

use portal::{Caller, Scope};

use super::job::{COLUMNS, job};
use crate::model::batch::BatchId;
use crate::model::job::{Job, JobId, JobKind, JobStatus};

/// Which jobs a caller may see.
#[derive(Clone, Debug)]
pub(crate) enum Visible {
    /// One account's own and the pinned ones of its tenant.
    Account {
        /// Its tenant.
        tenant: String,
        /// The account.
        account: String,
    },
    /// Everything of a tenant.
    Tenant(String),
    /// Everything.
    All,
}

impl Visible {
    /// What this caller may see.
    pub(crate) fn to(caller: &Caller) -> Self {
        match caller.scope() {
            Scope::All => Self::All,
            Scope::Tenant { tenant } => Self::Tenant(tenant.to_string()),
            Scope::Account { tenant, account } => {
                Self::Account { tenant: tenant.to_string(), account: account.to_string() }
            }
        }
    }
}

/// Which part of the visible jobs is wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct JobFilter {
    pub(crate) tenant: Option<String>,
    pub(crate) account: Option<String>,
    pub(crate) pinned: Option<bool>,
    /// Elements of this batch; without it, what is pinned or no element of any.
    pub(crate) batch: Option<BatchId>,
    pub(crate) kind: Option<JobKind>,
    pub(crate) tool: Option<String>,
    pub(crate) node: Option<String>,
    pub(crate) status: Option<JobStatus>,
    /// Only what ended otherwise than with exit status 0.
    pub(crate) is_failed: bool,
    /// Part of the name, the command or the owner's login; case counts as the engine has it.
    pub(crate) text: Option<String>,
}

/// The last row of the page before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) pinned: bool,
    pub(crate) id: JobId,
}

/// At most `limit` visible jobs after `cursor`.
///
/// Pinned and other jobs are read apart, so that each read walks one index in order.
pub(crate) async fn job_list(
    db: &Database,
    visible: &Visible,
    filter: &JobFilter,
    cursor: Option<Cursor>,
    limit: u32,
) -> Result<Vec<Job>, DbError> {
    let mut jobs = Vec::new();
    if filter.pinned != Some(false) && cursor.is_none_or(|c| c.pinned) {
        let after = cursor.map(|c| c.id);
        jobs = page(db, visible, filter, true, after, limit).await?;
    }
    let room = limit.saturating_sub(u32::try_from(jobs.len()).unwrap_or(u32::MAX));
    if filter.pinned != Some(true) && room > 0 {
        let after = cursor.filter(|c| !c.pinned).map(|c| c.id);
        jobs.extend(page(db, visible, filter, false, after, room).await?);
    }
    Ok(jobs)
}

/// Ended otherwise than with exit status 0.
const FAILED: &str = " AND (state = 'error' OR (state = 'completed' AND exit_code <> 0))";

/// The first `limit` elements of a batch that failed. It reads no further than to the last of them, so `limit` should not
/// be more than there are.
pub(crate) async fn element_list_failed(db: &Database, batch: BatchId, limit: u32) -> Result<Vec<Job>, DbError> {
    let query = Query::new(format!("{COLUMNS} WHERE batch = ?{FAILED} ORDER BY pinned, id LIMIT ?"));
    db.all(query.bind(batch.to_string()).bind(limit)).await?.iter().map(job).collect()
}

/// The elements of a batch that are jobs, by their index, from one to another.
pub(crate) async fn element_list(
    db: &Database,
    batch: BatchId,
    indices: RangeInclusive<i64>,
) -> Result<Vec<Job>, DbError> {
    let query =
        Query::new(format!("{COLUMNS} WHERE batch = ? AND batch_index >= ? AND batch_index <= ? ORDER BY batch_index"));
    let query = query.bind(batch.to_string()).bind(*indices.start()).bind(*indices.end());
    db.all(query).await?.iter().map(job).collect()
}

async fn page(
    db: &Database,
    visible: &Visible,
    filter: &JobFilter,
    pinned: bool,
    after: Option<JobId>,
    limit: u32,
) -> Result<Vec<Job>, DbError> {
    let mut clause = Clause::default();
    // Written out: SQLite takes an index of pinned jobs alone for no other query.
    clause.text.push_str(if pinned { "pinned = 1" } else { "pinned = 0" });
    // Elements of batches are listed with their batch alone, unless somebody pinned them for all to see.
    match filter.batch {
        Some(batch) => clause.and("batch = ?", batch.to_string()),
        None if pinned => {}
        None => clause.text.push_str(" AND batch IS NULL"),
    }
    match visible {
        Visible::Account { tenant, account } => {
            clause.and("tenant = ?", tenant.as_str());
            if !pinned {
                clause.and("account = ?", account.as_str());
            }
        }
        Visible::Tenant(tenant) => clause.and("tenant = ?", tenant.as_str()),
        Visible::All => {}
    }
    clause.and_some("tenant = ?", filter.tenant.as_deref());
    clause.and_some("account = ?", filter.account.as_deref());
    clause.and_some("kind = ?", filter.kind.map(JobKind::as_str));
    clause.and_some("tool = ?", filter.tool.as_deref());
    clause.and_some("node = ?", filter.node.as_deref());
    clause.and_some("state = ?", filter.status.map(JobStatus::as_str));
    if filter.is_failed {
        clause.text.push_str(FAILED);
    }
    clause.and_some("id < ?", after.map(|id| id.to_string()));
    if let Some(text) = &filter.text {
        let pattern = format!("%{}%", escaped(text));
        clause
            .and("(name LIKE ? ESCAPE '!' OR command LIKE ? ESCAPE '!' OR owner LIKE ? ESCAPE '!')", pattern.as_str());
        clause.values.push(pattern.as_str().into());
        clause.values.push(pattern.as_str().into());
    }
    let sql = format!("{COLUMNS} WHERE {} ORDER BY id DESC LIMIT ?", clause.text);
    let query = clause.values.into_iter().fold(Query::new(sql), Query::bind).bind(limit);
    db.all(query).await?.iter().map(job).collect()
}

/// Conditions joined by AND, and their values in order.
#[derive(Default)]
struct Clause {
    text: String,
    values: Vec<Value>,
}

impl Clause {
    fn and(&mut self, condition: &str, value: impl Into<Value>) {
        if !self.text.is_empty() {
            self.text.push_str(" AND ");
        }
        self.text.push_str(condition);
        self.values.push(value.into());
    }

    fn and_some(&mut self, condition: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.and(condition, value);
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}
