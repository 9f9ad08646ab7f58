//! Tenants in SQL.

use db::{Database, DbError, Query, Row};

use crate::model::tenant::{Tenant, TenantId};

const SELECT: &str = "SELECT t.tenant_id, t.name, t.title, t.created_ms, \
     (SELECT COUNT(*) FROM portal_account a WHERE a.tenant_id = t.tenant_id) AS accounts FROM portal_tenant t";

fn tenant_from(row: &Row) -> Result<Tenant, DbError> {
    Ok(Tenant {
        id: TenantId::stored(row.get("tenant_id")?),
        name: row.get("name")?,
        title: row.get("title")?,
        created_ms: row.get("created_ms")?,
        accounts: row.get("accounts")?,
    })
}

/// All tenants by name, at most `limit` after `after`.
pub(crate) async fn tenant_list(db: &Database, after: &str, limit: i64) -> Result<Vec<Tenant>, DbError> {
    let query = Query::new(format!("{SELECT} WHERE t.name > ? ORDER BY t.name LIMIT ?")).bind(after).bind(limit);
    db.all(query).await?.iter().map(tenant_from).collect()
}

/// One tenant.
pub(crate) async fn tenant_get(db: &Database, id: &TenantId) -> Result<Option<Tenant>, DbError> {
    let query = Query::new(format!("{SELECT} WHERE t.tenant_id = ?")).bind(id.as_str());
    db.optional(query).await?.as_ref().map(tenant_from).transpose()
}

/// Inserts a tenant; `DbError::Duplicate` when the name is taken.
pub(crate) fn tenant_insert(tenant: &Tenant) -> Query {
    Query::new("INSERT INTO portal_tenant (tenant_id, name, title, created_ms) VALUES (?, ?, ?, ?)")
        .bind(tenant.id.as_str())
        .bind(tenant.name.as_str())
        .bind(tenant.title.as_str())
        .bind(tenant.created_ms)
}

/// Sets a tenant's title.
pub(crate) fn tenant_set_title(id: &TenantId, title: &str) -> Query {
    Query::new("UPDATE portal_tenant SET title = ? WHERE tenant_id = ?").bind(title).bind(id.as_str())
}

/// Removes a tenant that no account belongs to.
pub(crate) fn tenant_delete_empty(id: &TenantId) -> Query {
    Query::new(
        "DELETE FROM portal_tenant WHERE tenant_id = ? AND NOT EXISTS \
         (SELECT 1 FROM portal_account a WHERE a.tenant_id = portal_tenant.tenant_id)",
    )
    .bind(id.as_str())
}
