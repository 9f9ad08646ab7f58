//! API tokens in SQL.

use db::{Database, DbError, Query, Row};

use crate::model::account::{Account, AccountId};
use crate::model::client::Token;
use crate::queries::account::{COLUMNS, account_from};

/// A token as it is looked up by its secret.
#[derive(Clone, Debug)]
pub(crate) struct TokenFound {
    pub(crate) id: String,
    pub(crate) expires_ms: Option<i64>,
    /// What the path of a request has to begin with; `None`: it opens all.
    pub(crate) scope: Option<String>,
    pub(crate) account: Account,
}

/// The token with this secret, expired or not.
pub(crate) async fn token_find(db: &Database, secret_hash: &str) -> Result<Option<TokenFound>, DbError> {
    let sql = format!(
        "SELECT k.token_id, k.expires_ms, k.scope, {COLUMNS} FROM portal_token k \
         JOIN portal_account a ON a.account_id = k.account_id \
         JOIN portal_tenant t ON t.tenant_id = a.tenant_id WHERE k.secret_hash = ?"
    );
    let Some(row) = db.optional(Query::new(sql).bind(secret_hash)).await? else { return Ok(None) };
    let (id, expires_ms, scope) = (row.get("token_id")?, row.get("expires_ms")?, row.get("scope")?);
    Ok(Some(TokenFound { id, expires_ms, scope, account: account_from(&row)? }))
}

fn token_from(row: &Row) -> Result<Token, DbError> {
    Ok(Token {
        id: row.get("token_id")?,
        name: row.get("name")?,
        created_ms: row.get("created_ms")?,
        expires_ms: row.get("expires_ms")?,
        last_used_ms: row.get("last_used_ms")?,
    })
}

/// An account's tokens, newest first, at most `limit` made before the one named `before`.
pub(crate) async fn token_list(
    db: &Database,
    account: &AccountId,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<Token>, DbError> {
    let query = Query::new(
        "SELECT token_id, name, created_ms, expires_ms, last_used_ms FROM portal_token \
         WHERE account_id = ? AND token_id < ? ORDER BY token_id DESC LIMIT ?",
    )
    .bind(account.as_str())
    .bind(before.unwrap_or("~"))
    .bind(limit);
    db.all(query).await?.iter().map(token_from).collect()
}

/// How many tokens an account has.
pub(crate) async fn token_count(db: &Database, account: &AccountId) -> Result<i64, DbError> {
    let query = Query::new("SELECT COUNT(*) AS tokens FROM portal_token WHERE account_id = ?").bind(account.as_str());
    db.one(query).await?.get("tokens")
}

/// Inserts a token. `scope`: what the path of its requests has to begin with.
pub(crate) fn token_insert(token: &Token, account: &AccountId, secret_hash: &str, scope: Option<&str>) -> Query {
    Query::new(
        "INSERT INTO portal_token (token_id, secret_hash, name, account_id, created_ms, expires_ms, last_used_ms, \
         scope, user_agent, address) VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', '')",
    )
    .bind(token.id.as_str())
    .bind(secret_hash)
    .bind(token.name.as_str())
    .bind(account.as_str())
    .bind(token.created_ms)
    .bind(token.expires_ms)
    .bind(token.last_used_ms)
    .bind(scope)
}

/// Removes a token: anybody's, or only one of `owner`'s.
pub(crate) fn token_delete(id: &str, owner: Option<&AccountId>) -> Query {
    match owner {
        None => Query::new("DELETE FROM portal_token WHERE token_id = ?").bind(id),
        Some(owner) => {
            Query::new("DELETE FROM portal_token WHERE token_id = ? AND account_id = ?").bind(id).bind(owner.as_str())
        }
    }
}

/// Removes an account's tokens of that name.
pub(crate) fn token_delete_named(account: &AccountId, name: &str) -> Query {
    Query::new("DELETE FROM portal_token WHERE account_id = ? AND name = ?").bind(account.as_str()).bind(name)
}

/// Notes that a token was used; an older note changes nothing.
pub(crate) fn token_seen(id: &str, at_ms: i64, address: &str, agent: &str) -> Query {
    Query::new(
        "UPDATE portal_token SET last_used_ms = ?, address = ?, user_agent = ? \
         WHERE token_id = ? AND (last_used_ms IS NULL OR last_used_ms < ?)",
    )
    .bind(at_ms)
    .bind(address)
    .bind(agent)
    .bind(id)
    .bind(at_ms)
}

/// Removes tokens that ended before the given time (epoch ms).
pub(crate) fn token_prune(ended_before_ms: i64) -> Query {
    Query::new("DELETE FROM portal_token WHERE expires_ms IS NOT NULL AND expires_ms < ?").bind(ended_before_ms)
}
