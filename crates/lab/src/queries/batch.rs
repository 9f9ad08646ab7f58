//! Batches, their parameters, and how many of their elements ended how.

use db::{Database, DbError, Given, Kind, Query, Row, Write};

use super::list::Visible;
use super::submitter::{ELEMENTS, SUBMISSIONS, hour_bind, submission_count};
use super::{parsed, parsed_opt, unreadable};
use crate::model::batch::{BLOCK, Batch, BatchId, Tally};
use crate::model::job::JobKind;

const COLUMNS: &str = "SELECT b.id AS id, b.tenant AS tenant, b.account AS account, b.owner AS owner, b.name AS name, \
     b.kind AS kind, b.tool AS tool, b.spec AS spec, b.args AS args, b.source AS source, b.command AS command, \
     b.wanted_node AS wanted_node, b.wanted_labels AS wanted_labels, b.first_index AS first_index, \
     b.elements AS elements, b.has_parameters AS has_parameters, b.has_inputs AS has_inputs, \
     b.is_each_node AS is_each_node, b.taken AS taken, b.is_cancelled AS is_cancelled, b.is_stranded AS is_stranded, \
     b.created_ms AS created_ms, t.done AS done, t.failed AS failed, t.cancelled AS cancelled, t.last_ms AS last_ms \
     FROM lab_batch b LEFT JOIN lab_batch_tally t ON t.batch = b.id";

fn batch(row: &Row) -> Result<Batch, DbError> {
    let json = |column: &'static str| row.get::<Option<String>>(column);
    let count = |column: &str| row.get::<Option<u32>>(column).map(Option::unwrap_or_default);
    let args = json("args")?.map(|text| serde_json::from_str(&text).map_err(|_| unreadable("args"))).transpose()?;
    let labels = json("wanted_labels")?;
    let labels = labels.map(|text| serde_json::from_str(&text).map_err(|_| unreadable("wanted_labels"))).transpose()?;
    Ok(Batch {
        id: parsed(row, "id")?,
        tenant: row.get("tenant")?,
        account: row.get("account")?,
        owner: row.get("owner")?,
        name: row.get("name")?,
        kind: parsed(row, "kind")?,
        tool: row.get("tool")?,
        spec: row.get("spec")?,
        args,
        source: row.get("source")?,
        command: row.get("command")?,
        wanted_node: parsed_opt(row, "wanted_node")?,
        wanted_labels: labels.unwrap_or_default(),
        first: row.get("first_index")?,
        count: row.get("elements")?,
        has_parameters: row.get("has_parameters")?,
        has_inputs: row.get("has_inputs")?,
        is_each_node: row.get("is_each_node")?,
        taken: row.get("taken")?,
        tally: Tally {
            done: count("done")?,
            failed: count("failed")?,
            cancelled: count("cancelled")?,
            last_ms: row.get("last_ms")?,
        },
        is_cancelled: row.get("is_cancelled")?,
        is_stranded: row.get("is_stranded")?,
        created_ms: row.get("created_ms")?,
    })
}

/// What an account may have waiting and submit; checked in the same statement that inserts.
pub(crate) struct ElementQuota {
    /// Elements that wait, and elements submitted within the hour.
    pub(crate) elements_max: u32,
    /// Submissions within the hour: a batch is one, as a job is.
    pub(crate) hourly_max: u32,
}

/// Elements of an account that wait: those that were not taken yet, and those that are jobs. Binds the account twice.
const WAITING: &str = "(SELECT COALESCE(SUM(elements - taken), 0) FROM lab_batch WHERE account = ? AND is_open = 1) \
     + (SELECT COUNT(*) FROM lab_job WHERE account = ? AND state = 'waiting' AND batch IS NOT NULL)";
/// Inserts a batch; `taken` says how many of its elements are jobs already. `Unmet` ("batch-quota") when the account has
/// as much as it may; `Duplicate` when its idempotency key was used before. `request` is a digest of what was asked for.
pub(crate) fn batch_insert(
    write: &mut Write,
    batch: &Batch,
    request: &str,
    idempotency: Option<&str>,
    quota: Option<&ElementQuota>,
) {
    const INSERT: &str = "INSERT INTO lab_batch (id, tenant, account, owner, name, kind, tool, spec, args, source, command, \
         wanted_node, wanted_labels, first_index, elements, has_parameters, has_inputs, is_each_node, taken, created_ms, request, \
         idempotency, is_open, is_cancelled, is_stranded, is_deleted)";
    let marks = vec!["?"; 23].join(", ");
    let Some(quota) = quota else {
        let query = Query::new(format!("{INSERT} VALUES ({marks}, 0, 0, 0)"));
        return write.push_step(values(query, batch, request, idempotency));
    };
    let account = batch.account.as_str();
    submission_count(write, account, batch.count, batch.created_ms);
    let query = Query::new(format!(
        "{INSERT} SELECT {marks}, 0, 0, 0 FROM (SELECT 1 AS one) AS once \
         WHERE {WAITING} + ? <= ? AND {ELEMENTS} <= ? AND {SUBMISSIONS} <= ?"
    ));
    let query = values(query, batch, request, idempotency)
        .bind(account)
        .bind(account)
        .bind(batch.count)
        .bind(quota.elements_max);
    let query = hour_bind(query, account, batch.created_ms).bind(quota.elements_max);
    write.push_expect("batch-quota", hour_bind(query, account, batch.created_ms).bind(quota.hourly_max));
}

fn values(query: Query, batch: &Batch, request: &str, idempotency: Option<&str>) -> Query {
    let labels = (!batch.wanted_labels.is_empty())
        .then(|| serde_json::to_string(&batch.wanted_labels).expect("a map of strings always serialises"));
    let args = batch.args.as_ref().map(|args| serde_json::to_string(args).expect("strings always serialise"));
    query
        .bind(batch.id.to_string())
        .bind(batch.tenant.as_str())
        .bind(batch.account.as_str())
        .bind(batch.owner.as_str())
        .bind(batch.name.as_str())
        .bind(batch.kind.as_str())
        .bind(batch.tool.as_str())
        .bind(batch.spec.as_str())
        .bind(args)
        .bind(batch.source.as_deref())
        .bind(batch.command.as_str())
        .bind(batch.wanted_node.map(|id| id.to_string()))
        .bind(labels)
        .bind(batch.first)
        .bind(batch.count)
        .bind(batch.has_parameters)
        .bind(batch.has_inputs)
        .bind(batch.is_each_node)
        .bind(batch.taken)
        .bind(batch.created_ms)
        .bind(request)
        .bind(idempotency)
        .bind(batch.taken < batch.count)
}

/// Stores the parameters of all elements, in their order.
pub(crate) fn batch_parameters_insert(write: &mut Write, id: BatchId, parameters: &[Vec<String>]) {
    const COLUMNS: &[(&str, Kind)] = &[("of_batch", Kind::Text), ("new_first", Kind::Int), ("new_data", Kind::Text)];
    let mut rows = Given::new(COLUMNS);
    for (first, block) in (0_u32..).step_by(BLOCK as usize).zip(parameters.chunks(BLOCK as usize)) {
        let data = serde_json::to_string(block).expect("strings always serialise");
        rows.push([id.to_string().into(), first.into(), data.into()]);
    }
    write.push_given_insert(
        "INSERT INTO lab_batch_block (batch, first_element, data) \
         SELECT given.of_batch, given.new_first, given.new_data FROM given",
        rows,
    );
}

/// Parameters of the block that begins with element `first`.
pub(crate) async fn batch_parameters(db: &Database, id: BatchId, first: u32) -> Result<Vec<Vec<String>>, DbError> {
    let query = Query::new("SELECT data FROM lab_batch_block WHERE batch = ? AND first_element = ?");
    super::document(&db.one(query.bind(id.to_string()).bind(first)).await?, "data")
}

/// `None` also for one that is being deleted.
pub(crate) async fn batch_get(db: &Database, id: BatchId) -> Result<Option<Batch>, DbError> {
    let query = Query::new(format!("{COLUMNS} WHERE b.id = ? AND b.is_deleted = 0")).bind(id.to_string());
    db.optional(query).await?.as_ref().map(batch).transpose()
}

/// The batch that an account submitted under an idempotency key, and the digest of that request.
pub(crate) async fn batch_get_by_idempotency(
    db: &Database,
    account: &str,
    value: &str,
) -> Result<Option<(BatchId, String)>, DbError> {
    let query = Query::new("SELECT id, request FROM lab_batch WHERE account = ? AND idempotency = ?");
    let row = db.optional(query.bind(account).bind(value)).await?;
    row.map(|row| Ok((parsed(&row, "id")?, row.get("request")?))).transpose()
}

/// At most `limit` visible batches before `before`, the newest first.
pub(crate) async fn batch_list(
    db: &Database,
    visible: &Visible,
    kind: Option<JobKind>,
    before: Option<BatchId>,
    limit: u32,
) -> Result<Vec<Batch>, DbError> {
    let (scope, whose) = match visible {
        Visible::Account { account, .. } => ("b.account = ? AND ", Some(account)),
        Visible::Tenant(tenant) => ("b.tenant = ? AND ", Some(tenant)),
        Visible::All => ("", None),
    };
    let of_kind = if kind.is_some() { "b.kind = ? AND " } else { "" };
    // Every id is less than this.
    let before = before.map_or_else(|| "g".to_owned(), |id| id.to_string());
    let query =
        Query::new(format!("{COLUMNS} WHERE {scope}{of_kind}b.is_deleted = 0 AND b.id < ? ORDER BY b.id DESC LIMIT ?"));
    let query = whose.into_iter().fold(query, |query, whose| query.bind(whose.as_str()));
    let query = kind.into_iter().fold(query, |query, kind| query.bind(kind.as_str()));
    db.all(query.bind(before).bind(limit)).await?.iter().map(batch).collect()
}

/// Batches of which elements are left to take: everybody's oldest, then everybody's second, and on.
pub(crate) async fn batch_list_open(db: &Database, limit: u32) -> Result<Vec<Batch>, DbError> {
    let query = Query::new(format!(
        "{COLUMNS} JOIN (SELECT id, ROW_NUMBER() OVER (PARTITION BY account ORDER BY id) AS place \
         FROM lab_batch WHERE is_open = 1) o ON o.id = b.id ORDER BY o.place, b.id LIMIT ?"
    ));
    db.all(query.bind(limit)).await?.iter().map(batch).collect()
}

/// Of a batch: its own node was removed.
pub(super) const STRANDED: &str =
    "wanted_node IS NOT NULL AND NOT EXISTS (SELECT 1 FROM lab_node n WHERE n.id = wanted_node)";

/// At most `limit` batches of which elements are left to take, and whose own node was removed.
pub(crate) async fn batch_list_stranded(db: &Database, limit: u32) -> Result<Vec<Batch>, DbError> {
    let query = Query::new(format!("{COLUMNS} WHERE b.is_open = 1 AND {STRANDED} ORDER BY b.id LIMIT ?")).bind(limit);
    db.all(query).await?.iter().map(batch).collect()
}

/// Elements of an account that wait, and those that it submitted within its hour.
pub(crate) async fn batch_counts(db: &Database, account: &str, now_ms: i64) -> Result<(u32, u32), DbError> {
    let query = Query::new(format!("SELECT {WAITING} AS waiting, {ELEMENTS} AS submitted"));
    let row = db.one(hour_bind(query.bind(account).bind(account), account, now_ms)).await?;
    Ok((row.get("waiting")?, row.get("submitted")?))
}

/// Elements of all batches that were not taken yet.
pub(crate) async fn batch_waiting_all(db: &Database) -> Result<u32, DbError> {
    let query = Query::new("SELECT COALESCE(SUM(elements - taken), 0) AS n FROM lab_batch WHERE is_open = 1");
    db.one(query).await?.get("n")
}
