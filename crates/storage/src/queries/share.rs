//! Links to files.

use db::{Database, DbError, Query, Write};

/// A link as stored.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// SHA-256 of the secret in the link, hexadecimal.
    pub(crate) hash: String,
    /// The export's name.
    pub(crate) export: String,
    pub(crate) path: String,
    /// Who made it.
    pub(crate) account: String,
    pub(crate) expires_ms: i64,
}

pub(crate) fn share_insert(write: &mut Write, share: &Share) {
    write.push_step(
        Query::new("INSERT INTO storage_share (hash, export, path, account, expires_ms) VALUES (?, ?, ?, ?, ?)")
            .bind(share.hash.as_str())
            .bind(share.export.as_str())
            .bind(share.path.as_str())
            .bind(share.account.as_str())
            .bind(share.expires_ms),
    );
}

/// The link, unless it is over.
pub(crate) async fn share_get(db: &Database, hash: &str, now_ms: i64) -> Result<Option<Share>, DbError> {
    let query =
        Query::new("SELECT export, path, account, expires_ms FROM storage_share WHERE hash = ? AND expires_ms > ?");
    let row = db.optional(query.bind(hash).bind(now_ms)).await?;
    row.map(|row| {
        Ok(Share {
            hash: hash.to_owned(),
            export: row.get("export")?,
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
