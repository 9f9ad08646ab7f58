//! Sessions in SQL.

use db::{Database, DbError, Query};

use crate::model::account::{Account, AccountId};
use crate::queries::account::{COLUMNS, account_from};

/// A session as it is looked up by its secret.
#[derive(Clone, Debug)]
pub(crate) struct SessionFound {
    pub(crate) id: String,
    pub(crate) csrf: String,
    pub(crate) created_ms: i64,
    pub(crate) last_seen_ms: i64,
    pub(crate) account: Account,
}

/// A session to insert.
pub(crate) struct NewSession<'a> {
    pub(crate) id: &'a str,
    pub(crate) secret_hash: &'a str,
    pub(crate) account: &'a AccountId,
    pub(crate) csrf: &'a str,
    pub(crate) now_ms: i64,
    pub(crate) agent: &'a str,
    pub(crate) address: &'a str,
}

/// The session with this secret, whatever its age.
pub(crate) async fn session_find(db: &Database, secret_hash: &str) -> Result<Option<SessionFound>, DbError> {
    let sql = format!(
        "SELECT s.session_id, s.csrf, s.created_ms AS session_created_ms, s.last_seen_ms, {COLUMNS} \
         FROM portal_session s JOIN portal_account a ON a.account_id = s.account_id \
         JOIN portal_tenant t ON t.tenant_id = a.tenant_id WHERE s.secret_hash = ?"
    );
    let Some(row) = db.optional(Query::new(sql).bind(secret_hash)).await? else { return Ok(None) };
    Ok(Some(SessionFound {
        id: row.get("session_id")?,
        csrf: row.get("csrf")?,
        created_ms: row.get("session_created_ms")?,
        last_seen_ms: row.get("last_seen_ms")?,
        account: account_from(&row)?,
    }))
}

/// Inserts a session.
pub(crate) fn session_insert(session: &NewSession<'_>) -> Query {
    Query::new(
        "INSERT INTO portal_session (session_id, secret_hash, account_id, csrf, created_ms, last_seen_ms, user_agent, \
         address) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(session.id)
    .bind(session.secret_hash)
    .bind(session.account.as_str())
    .bind(session.csrf)
    .bind(session.now_ms)
    .bind(session.now_ms)
    .bind(session.agent)
    .bind(session.address)
}

/// Ends the session with this secret, if there is one.
pub(crate) fn session_delete_by_secret(secret_hash: &str) -> Query {
    Query::new("DELETE FROM portal_session WHERE secret_hash = ?").bind(secret_hash)
}

/// Ends a session: anybody's, or only one of `owner`'s.
pub(crate) fn session_delete(id: &str, owner: Option<&AccountId>) -> Query {
    match owner {
        None => Query::new("DELETE FROM portal_session WHERE session_id = ?").bind(id),
        Some(owner) => Query::new("DELETE FROM portal_session WHERE session_id = ? AND account_id = ?")
            .bind(id)
            .bind(owner.as_str()),
    }
}

/// Ends all sessions of an account but `kept` (an empty id keeps none).
pub(crate) fn session_delete_others(account: &AccountId, kept: &str) -> Query {
    Query::new("DELETE FROM portal_session WHERE account_id = ? AND session_id <> ?").bind(account.as_str()).bind(kept)
}

/// Notes that a session was seen; an older note changes nothing.
pub(crate) fn session_seen(id: &str, at_ms: i64, address: &str, agent: &str) -> Query {
    Query::new(
        "UPDATE portal_session SET last_seen_ms = ?, address = ?, user_agent = ? WHERE session_id = ? AND last_seen_ms < ?",
    )
    .bind(at_ms)
    .bind(address)
    .bind(agent)
    .bind(id)
    .bind(at_ms)
}

/// Removes sessions last seen, or made, before the given times (epoch ms).
pub(crate) fn session_prune(seen_before_ms: i64, created_before_ms: i64) -> Query {
    Query::new("DELETE FROM portal_session WHERE last_seen_ms < ? OR created_ms < ?")
        .bind(seen_before_ms)
        .bind(created_before_ms)
}
