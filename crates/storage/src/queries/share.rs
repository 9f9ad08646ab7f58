//! Links to files.

use db::{Database, DbError, Query, Row, Write};
use portal::AccountId;

/// A link as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// SHA-256 of the secret in the link, hexadecimal.
    pub(crate) hash: String,
    /// What it is called by those who may revoke it.
    pub(crate) id: String,
    /// The export.
    pub(crate) space: i64,
    pub(crate) path: String,
    /// Who made it.
    pub(crate) account: String,
    pub(crate) created_ms: i64,
    pub(crate) expires_ms: i64,
}

pub(crate) fn share_insert(write: &mut Write, share: &Share) {
    let sql = "INSERT INTO storage_share (hash, id, space, path, account, created_ms, expires_ms) VALUES (?, ?, ?, ?, ?, ?, ?)";
    let query = Query::new(sql).bind(share.hash.as_str()).bind(share.id.as_str()).bind(share.space);
    let query = query.bind(share.path.as_str()).bind(share.account.as_str());
    write.push_step(query.bind(share.created_ms).bind(share.expires_ms));
}

const SHARE: &str = "SELECT x.hash, x.id, x.space, x.path, x.account, x.created_ms, x.expires_ms, p.name AS export \
     FROM storage_share x JOIN storage_space p ON p.id = x.space AND p.is_removed = 0";

fn share_read(row: &Row) -> Result<Share, DbError> {
    Ok(Share {
        hash: row.get("hash")?,
        id: row.get("id")?,
        space: row.get("space")?,
        path: row.get("path")?,
        account: row.get("account")?,
        created_ms: row.get("created_ms")?,
        expires_ms: row.get("expires_ms")?,
    })
}

/// The link, unless it is over.
pub(crate) async fn share_get(db: &Database, hash: &str, now_ms: i64) -> Result<Option<Share>, DbError> {
    let query = Query::new(format!("{SHARE} WHERE x.hash = ? AND x.expires_ms > ?")).bind(hash).bind(now_ms);
    db.optional(query).await?.as_ref().map(share_read).transpose()
}

/// The links that hold, of one account or of all, newest first, each with its export's name; at most `limit`.
pub(crate) async fn share_list(
    db: &Database,
    account: Option<&AccountId>,
    now_ms: i64,
    limit: i64,
) -> Result<Vec<(Share, String)>, DbError> {
    let whose = if account.is_some() { "AND x.account = ?" } else { "" };
    let sql = format!("{SHARE} WHERE x.expires_ms > ? {whose} ORDER BY x.created_ms DESC, x.id LIMIT ?");
    let query = Query::new(sql).bind(now_ms);
    let query = match account {
        Some(account) => query.bind(account.as_str()),
        None => query,
    };
    let rows = db.all(query.bind(limit)).await?;
    rows.iter().map(|row| Ok((share_read(row)?, row.get("export")?))).collect()
}

/// Removes a link: anybody's, or only one of `account`'s.
pub(crate) fn share_delete(id: &str, account: Option<&AccountId>) -> Query {
    match account {
        None => Query::new("DELETE FROM storage_share WHERE id = ?").bind(id),
        Some(account) => {
            Query::new("DELETE FROM storage_share WHERE id = ? AND account = ?").bind(id).bind(account.as_str())
        }
    }
}

pub(crate) fn share_prune(write: &mut Write, now_ms: i64) {
    write.push_step(Query::new("DELETE FROM storage_share WHERE expires_ms <= ?").bind(now_ms));
}

/// Removes the links that an account has made.
pub(crate) fn shares_delete(write: &mut Write, account: &AccountId) {
    write.push_step(Query::new("DELETE FROM storage_share WHERE account = ?").bind(account.as_str()));
}
