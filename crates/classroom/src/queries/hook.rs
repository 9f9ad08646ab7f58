//! Hooks: addresses that clients want called when something happens in a meeting.

use db::{Database, DbError, Query, Row};
use portal::TenantId;

use super::tenant;
use crate::model::hook::Hook;

const HOOK: &str = "SELECT id, tenant, url, meeting_id, event_ids, is_raw, token, created_ms FROM classroom_hook";

fn hook_read(row: &Row) -> Result<Hook, DbError> {
    let meeting_id: String = row.get("meeting_id")?;
    Ok(Hook {
        id: row.get("id")?,
        tenant: tenant(row, "tenant")?,
        url: row.get("url")?,
        meeting_id: Some(meeting_id).filter(|id| !id.is_empty()),
        event_ids: row.get("event_ids")?,
        is_raw: row.get("is_raw")?,
        token: row.get("token")?,
        created_ms: row.get("created_ms")?,
    })
}

/// All hooks, or a tenant's, oldest first.
pub(crate) async fn hook_list(db: &Database, of: Option<&TenantId>) -> Result<Vec<Hook>, DbError> {
    let query = match of {
        Some(tenant) => Query::new(format!("{HOOK} WHERE tenant = ? ORDER BY id")).bind(tenant.as_str()),
        None => Query::new(format!("{HOOK} ORDER BY id")),
    };
    db.all(query).await?.iter().map(hook_read).collect()
}

/// The hook that is the same wish as this one.
pub(crate) async fn hook_same(db: &Database, hook: &Hook) -> Result<Option<Hook>, DbError> {
    let query = Query::new(format!("{HOOK} WHERE same = ?")).bind(hook.same());
    db.optional(query).await?.as_ref().map(hook_read).transpose()
}

/// The hook that servers call with this token.
pub(crate) async fn hook_by_token(db: &Database, token: &str) -> Result<Option<Hook>, DbError> {
    let query = Query::new(format!("{HOOK} WHERE token = ?")).bind(token);
    db.optional(query).await?.as_ref().map(hook_read).transpose()
}

/// The number that the next hook gets.
pub(crate) async fn hook_next_id(db: &Database) -> Result<i64, DbError> {
    db.one(Query::new("SELECT COALESCE(MAX(id), 0) + 1 AS next FROM classroom_hook")).await?.get("next")
}

/// Inserts a hook; `DbError::Duplicate` when its number or its wish is there.
pub(crate) fn hook_insert(hook: &Hook) -> Query {
    let sql = "INSERT INTO classroom_hook (id, tenant, url, meeting_id, event_ids, is_raw, token, same, created_ms) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    Query::new(sql)
        .bind(hook.id)
        .bind(hook.tenant.as_str())
        .bind(hook.url.as_str())
        .bind(hook.meeting_id.as_deref().unwrap_or_default())
        .bind(hook.event_ids.as_deref())
        .bind(hook.is_raw)
        .bind(hook.token.as_str())
        .bind(hook.same())
        .bind(hook.created_ms)
}

/// Removes a tenant's hook.
pub(crate) fn hook_delete(tenant: &TenantId, id: i64) -> Query {
    Query::new("DELETE FROM classroom_hook WHERE tenant = ? AND id = ?").bind(tenant.as_str()).bind(id)
}
