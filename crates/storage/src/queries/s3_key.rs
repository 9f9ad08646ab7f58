//! Keys for S3 in SQL.

use db::{Database, DbError, Query, Row};
use portal::AccountId;

use crate::s3::key::S3Key;

fn key_from(row: &Row) -> Result<S3Key, DbError> {
    Ok(S3Key { id: row.get("id")?, name: row.get("name")?, created_ms: row.get("created_ms")? })
}

/// An account's keys, newest first.
pub(crate) async fn s3_key_list(db: &Database, account: &AccountId) -> Result<Vec<S3Key>, DbError> {
    let sql = "SELECT id, name, created_ms FROM storage_s3_key WHERE account = ? ORDER BY created_ms DESC, id";
    db.all(Query::new(sql).bind(account.as_str())).await?.iter().map(key_from).collect()
}

/// Whose key that is, and its sealed secret.
pub(crate) async fn s3_key_find(db: &Database, id: &str) -> Result<Option<(AccountId, String)>, DbError> {
    let query = Query::new("SELECT account, secret FROM storage_s3_key WHERE id = ?").bind(id);
    let Some(row) = db.optional(query).await? else { return Ok(None) };
    let (account, secret): (String, String) = (row.get("account")?, row.get("secret")?);
    Ok(AccountId::parse(&account).map(|account| (account, secret)))
}

/// Inserts a key.
pub(crate) fn s3_key_insert(key: &S3Key, account: &AccountId, sealed: &str) -> Query {
    Query::new("INSERT INTO storage_s3_key (id, account, name, secret, created_ms) VALUES (?, ?, ?, ?, ?)")
        .bind(key.id.as_str())
        .bind(account.as_str())
        .bind(key.name.as_str())
        .bind(sealed)
        .bind(key.created_ms)
}

/// Removes one of the account's keys.
pub(crate) fn s3_key_delete(id: &str, account: &AccountId) -> Query {
    Query::new("DELETE FROM storage_s3_key WHERE id = ? AND account = ?").bind(id).bind(account.as_str())
}

/// Removes all of an account's keys.
pub(crate) fn s3_key_delete_of_account(account: &AccountId) -> Query {
    Query::new("DELETE FROM storage_s3_key WHERE account = ?").bind(account.as_str())
}
