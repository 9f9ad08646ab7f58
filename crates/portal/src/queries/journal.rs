//! The journal in SQL.

use db::{Database, DbError, Query, Row};

use crate::model::journal::Entry;
use crate::queries::like_anywhere;

/// What the journal is narrowed to.
#[derive(Clone, Debug, Default)]
pub(crate) struct EntryFilter {
    /// Exactly this login.
    pub(crate) login: Option<String>,
    /// Exactly this deed, or all that start with it when it ends in a dot.
    pub(crate) deed: Option<String>,
    /// Part of the target.
    pub(crate) target: Option<String>,
    /// Only entries before this one (keyset).
    pub(crate) before: Option<String>,
    /// At most this many.
    pub(crate) limit: i64,
}

fn entry_from(row: &Row) -> Result<Entry, DbError> {
    Ok(Entry {
        id: row.get("audit_id")?,
        at_ms: row.get("at_ms")?,
        login: row.get("login")?,
        deed: row.get("deed")?,
        target: row.get("target")?,
        detail: row.get("detail")?,
        request_id: row.get("request_id")?,
    })
}

/// Journal entries, newest first.
pub(crate) async fn entry_list(db: &Database, filter: &EntryFilter) -> Result<Vec<Entry>, DbError> {
    let mut sql = String::from(
        "SELECT audit_id, at_ms, login, deed, target, detail, request_id FROM portal_audit WHERE audit_id < ?",
    );
    let mut values = vec![filter.before.clone().unwrap_or_else(|| String::from("~"))];
    if let Some(login) = &filter.login {
        sql.push_str(" AND login = ?");
        values.push(login.clone());
    }
    if let Some(deed) = &filter.deed {
        sql.push_str(" AND deed LIKE ? ESCAPE '!'");
        let pattern = like_anywhere(deed);
        let exact = pattern.trim_matches('%').to_owned();
        values.push(if deed.ends_with('.') { format!("{exact}%") } else { exact });
    }
    if let Some(target) = &filter.target {
        sql.push_str(" AND LOWER(target) LIKE ? ESCAPE '!'");
        values.push(like_anywhere(target));
    }
    sql.push_str(" ORDER BY audit_id DESC LIMIT ?");
    let mut query = Query::new(sql);
    for value in values {
        query.push_bind(value);
    }
    query.push_bind(filter.limit);
    db.all(query).await?.iter().map(entry_from).collect()
}

/// Inserts an entry; `detail` is JSON text.
pub(crate) fn entry_insert(entry: &Entry, account: &str, tenant: &str) -> Query {
    Query::new(
        "INSERT INTO portal_audit (audit_id, at_ms, account_id, login, tenant_id, deed, target, detail, request_id) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(entry.id.as_str())
    .bind(entry.at_ms)
    .bind(account)
    .bind(entry.login.as_str())
    .bind(tenant)
    .bind(entry.deed.as_str())
    .bind(entry.target.as_str())
    .bind(entry.detail.as_str())
    .bind(entry.request_id.as_str())
}
