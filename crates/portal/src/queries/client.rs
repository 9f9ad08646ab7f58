//! Signed-in browsers and programs in SQL.

use db::{Database, DbError, Query, Row};

use crate::model::account::AccountId;
use crate::model::caller::Via;
use crate::model::client::{Client, ClientKind, SESSION_IDLE_MS, SESSION_MAX_MS};

fn client_from(row: &Row) -> Result<Client, DbError> {
    let kind: i64 = row.get("is_program")?;
    Ok(Client {
        id: row.get("client_id")?,
        kind: if kind == 0 { ClientKind::Browser } else { ClientKind::Program },
        login: row.get("login")?,
        name: row.get("name")?,
        address: row.get("address")?,
        agent: row.get("user_agent")?,
        created_ms: row.get("created_ms")?,
        seen_ms: row.get("seen_ms")?,
    })
}

/// Browsers and programs, last seen first: of one account or all, seen since `since_ms` (epoch ms), at most `limit`.
pub(crate) async fn client_list(
    db: &Database,
    owner: Option<&AccountId>,
    since_ms: i64,
    limit: i64,
) -> Result<Vec<Client>, DbError> {
    let owned = if owner.is_some() { " AND a.account_id = ?" } else { "" };
    let sql = format!(
        "SELECT s.session_id AS client_id, 0 AS is_program, a.login, '' AS name, s.address, s.user_agent, \
         s.created_ms, s.last_seen_ms AS seen_ms FROM portal_session s \
         JOIN portal_account a ON a.account_id = s.account_id WHERE s.last_seen_ms >= ?{owned} \
         UNION ALL \
         SELECT k.token_id AS client_id, 1 AS is_program, a.login, k.name, k.address, k.user_agent, \
         k.created_ms, k.last_used_ms AS seen_ms FROM portal_token k \
         JOIN portal_account a ON a.account_id = k.account_id WHERE k.last_used_ms >= ?{owned} \
         ORDER BY seen_ms DESC, client_id LIMIT ?"
    );
    let mut query = Query::new(sql);
    for _ in 0..2 {
        query.push_bind(since_ms);
        if let Some(owner) = owner {
            query.push_bind(owner.as_str());
        }
    }
    query.push_bind(limit);
    db.all(query).await?.iter().map(client_from).collect()
}

/// Whether the session or token is there and not over at `now_ms` (epoch ms).
pub(crate) async fn credential_holds(db: &Database, via: &Via, now_ms: i64) -> Result<bool, DbError> {
    let query = match via {
        Via::Session { id } => Query::new(
            "SELECT 1 AS found FROM portal_session WHERE session_id = ? AND last_seen_ms >= ? AND created_ms >= ?",
        )
        .bind(id.as_str())
        .bind(now_ms - SESSION_IDLE_MS)
        .bind(now_ms - SESSION_MAX_MS),
        Via::Token { id } => Query::new(
            "SELECT 1 AS found FROM portal_token WHERE token_id = ? AND (expires_ms IS NULL OR expires_ms > ?)",
        )
        .bind(id.as_str())
        .bind(now_ms),
    };
    Ok(db.optional(query).await?.is_some())
}
