//! Calls to clients that have to come through.

use db::{Database, DbError, Given, Kind, Query, Row, Write};
use portal::TenantId;

use super::{tenant, unreadable};
use crate::model::meeting::Callback;
use crate::model::outbox::{CallKind, OutboxCall};

const CALL: &str = "SELECT o.number, o.id, o.line, o.kind, o.tenant, o.url, o.body, o.attempts, o.created_ms \
     FROM classroom_outbox o";

fn call_read(row: &Row) -> Result<OutboxCall, DbError> {
    Ok(OutboxCall {
        id: row.get("id")?,
        line: row.get("line")?,
        kind: CallKind::parse(&row.get::<String>("kind")?).ok_or_else(|| unreadable("kind"))?,
        tenant: tenant(row, "tenant")?,
        url: row.get("url")?,
        body: row.get("body")?,
        attempts: row.get("attempts")?,
        created_ms: row.get("created_ms")?,
    })
}

/// Puts a call behind the others of its address; nothing when the same is there, or so many wait there already.
pub(crate) fn call_put(write: &mut Write, call: &OutboxCall, most: i64) {
    let mut given = Given::new(&[
        ("given_id", Kind::Text),
        ("given_line", Kind::Text),
        ("given_kind", Kind::Text),
        ("given_tenant", Kind::Text),
        ("given_url", Kind::Text),
        ("given_body", Kind::Text),
        ("at_ms", Kind::Int),
    ]);
    let (kind, tenant) = (call.kind.as_str().into(), call.tenant.as_str().into());
    let [id, line, url, body] = [&call.id, &call.line, &call.url, &call.body].map(|text| text.as_str().into());
    given.push([id, line, kind, tenant, url, body, call.created_ms.into()]);
    let sql = "INSERT INTO classroom_outbox (id, line, kind, tenant, url, body, is_done, attempts, due_ms, created_ms) \
         SELECT given_id, given_line, given_kind, given_tenant, given_url, given_body, 0, 0, at_ms, at_ms FROM given \
         WHERE (SELECT COUNT(*) FROM classroom_outbox o WHERE o.line = given_line AND o.is_done = 0) < ? ON CONFLICT DO NOTHING";
    write.push_given(Query::new(sql).bind(most), given);
}

/// Calls that are due, of each address the first alone, since they keep their order.
pub(crate) async fn call_list_due(db: &Database, now_ms: i64, limit: u32) -> Result<Vec<OutboxCall>, DbError> {
    let query = format!(
        "{CALL} WHERE o.is_done = 0 AND o.due_ms <= ? AND NOT EXISTS (SELECT 1 FROM classroom_outbox e \
         WHERE e.line = o.line AND e.is_done = 0 AND e.number < o.number) ORDER BY o.due_ms, o.number LIMIT ?"
    );
    db.all(Query::new(query).bind(now_ms).bind(limit)).await?.iter().map(call_read).collect()
}

/// The first call of an address that is not done.
pub(crate) async fn call_next(db: &Database, line: &str) -> Result<Option<OutboxCall>, DbError> {
    let query = Query::new(format!("{CALL} WHERE o.line = ? AND o.is_done = 0 ORDER BY o.number LIMIT 1")).bind(line);
    db.optional(query).await?.as_ref().map(call_read).transpose()
}

/// A call was answered, or given up. Until then the same is known.
pub(crate) fn call_done(id: &str, known_until_ms: i64) -> Query {
    let sql = "UPDATE classroom_outbox SET is_done = 1, body = '', due_ms = ? WHERE id = ?";
    Query::new(sql).bind(known_until_ms).bind(id)
}

/// A call got no good answer.
pub(crate) fn call_again(id: &str, due_ms: i64) -> Query {
    Query::new("UPDATE classroom_outbox SET attempts = attempts + 1, due_ms = ? WHERE id = ?").bind(due_ms).bind(id)
}

/// Forgets what is done long enough.
pub(crate) fn calls_prune(now_ms: i64) -> Query {
    Query::new("DELETE FROM classroom_outbox WHERE is_done = 1 AND due_ms <= ?").bind(now_ms)
}

/// How many wait.
pub(crate) async fn call_count(db: &Database) -> Result<i64, DbError> {
    db.one(Query::new("SELECT COUNT(*) AS calls FROM classroom_outbox WHERE is_done = 0")).await?.get("calls")
}

/// Keeps an address that a client wants called for a meeting.
pub(crate) fn callback_put(token: &str, kind: Callback, tenant: &TenantId, url: &str, now_ms: i64) -> Query {
    let sql = "INSERT INTO classroom_callback (token, kind, tenant, url, created_ms) VALUES (?, ?, ?, ?, ?) \
         ON CONFLICT (token, kind) DO UPDATE SET url = excluded.url, created_ms = excluded.created_ms";
    Query::new(sql).bind(token).bind(kind.as_str()).bind(tenant.as_str()).bind(url).bind(now_ms)
}

/// The address that comes with this token, and whose client it is.
pub(crate) async fn callback_get(
    db: &Database,
    token: &str,
    kind: Callback,
) -> Result<Option<(TenantId, String)>, DbError> {
    let query = Query::new("SELECT tenant, url FROM classroom_callback WHERE token = ? AND kind = ?");
    let Some(row) = db.optional(query.bind(token).bind(kind.as_str())).await? else { return Ok(None) };
    Ok(Some((tenant(&row, "tenant")?, row.get("url")?)))
}

/// Forgets an address: it was called.
pub(crate) fn callback_delete(token: &str, kind: Callback) -> Query {
    Query::new("DELETE FROM classroom_callback WHERE token = ? AND kind = ?").bind(token).bind(kind.as_str())
}

/// Forgets the addresses of meetings that began before.
pub(crate) fn callback_prune(before_ms: i64) -> Query {
    Query::new("DELETE FROM classroom_callback WHERE created_ms < ?").bind(before_ms)
}
