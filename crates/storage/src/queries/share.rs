//! Links to files.

use db::{Database, DbError, Query, Write};
use portal::AccountId;

/// A link as stored.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// SHA-256 of the secret in the link, hexadecimal.
    pub(crate) hash: String,
    /// The export.
    pub(crate) space: i64,
    pub(crate) path: String,
    /// Who made it.
    pub(crate) account: String,
    pub(crate) expires_ms: i64,
}

pub(crate) fn share_insert(write: &mut Write, share: &Share) {
    write.push_step(
        Query::new("INSERT INTO storage_share (hash, space, path, account, expires_ms) VALUES (?, ?, ?, ?, ?)")
            .bind(share.hash.as_str())
            .bind(share.space)
            .bind(share.path.as_str())
            .bind(share.account.as_str())
            .bind(share.expires_ms),
    );
}

/// The link, unless it is over.
pub(crate) async fn share_get(db: &Database, hash: &str, now_ms: i64) -> Result<Option<Share>, DbError> {
    let query =
        Query::new("SELECT space, path, account, expires_ms FROM storage_share WHERE hash = ? AND expires_ms > ?");
    let row = db.optional(query.bind(hash).bind(now_ms)).await?;
    row.map(|row| {
        Ok(Share {
            hash: hash.to_owned(),
            space: row.get("space")?,
            path: row.get("path")?,
            account: row.get("account")?,
            expires_ms: row.get("expires_ms")?,
        })
    })
    .transpose()
}

pub(crate) fn share_prune(write: &mut Write, now_ms: i64) {
    write.push_step(Query::new("DELETE FROM storage_share WHERE expires_ms <= ?").bind(now_ms));
}

/// Removes the links that an account has made.
pub(crate) fn shares_delete(write: &mut Write, account: &AccountId) {
    write.push_step(Query::new("DELETE FROM storage_share WHERE account = ?").bind(account.as_str()));
}
