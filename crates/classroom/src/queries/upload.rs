//! Uploads under way, and archives that could not be taken in.

use db::{Database, DbError, Query, Row};
use portal::AccountId;

use super::unreadable;

/// An upload under way; how far it is says its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Upload {
    pub(crate) id: String,
    pub(crate) account: AccountId,
    /// The file's name where it comes from.
    pub(crate) name: String,
    pub(crate) created_ms: i64,
}

/// An archive that could not be taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Quarantined {
    pub(crate) id: String,
    /// The file's name where it came from.
    pub(crate) file: String,
    /// Why, in a sentence.
    pub(crate) reason: String,
    pub(crate) at_ms: i64,
}

fn upload_read(row: &Row) -> Result<Upload, DbError> {
    let account = AccountId::parse(&row.get::<String>("account")?).ok_or_else(|| unreadable("account"))?;
    Ok(Upload { id: row.get("id")?, account, name: row.get("name")?, created_ms: row.get("created_ms")? })
}

/// Begins an upload.
pub(crate) fn upload_insert(upload: &Upload) -> Query {
    Query::new("INSERT INTO classroom_upload (id, account, name, created_ms) VALUES (?, ?, ?, ?)")
        .bind(upload.id.as_str())
        .bind(upload.account.as_str())
        .bind(upload.name.as_str())
        .bind(upload.created_ms)
}

/// One upload.
pub(crate) async fn upload_get(db: &Database, id: &str) -> Result<Option<Upload>, DbError> {
    let query = Query::new("SELECT id, account, name, created_ms FROM classroom_upload WHERE id = ?").bind(id);
    db.optional(query).await?.as_ref().map(upload_read).transpose()
}

/// Uploads that were begun before, oldest first, 100 at most.
pub(crate) async fn upload_list_before(db: &Database, before_ms: i64) -> Result<Vec<Upload>, DbError> {
    let sql = "SELECT id, account, name, created_ms FROM classroom_upload WHERE created_ms < ? \
         ORDER BY created_ms, id LIMIT 100";
    db.all(Query::new(sql).bind(before_ms)).await?.iter().map(upload_read).collect()
}

/// Ends an upload.
pub(crate) fn upload_delete(id: &str) -> Query {
    Query::new("DELETE FROM classroom_upload WHERE id = ?").bind(id)
}

/// Notes an archive that could not be taken in.
pub(crate) fn quarantine_insert(quarantined: &Quarantined) -> Query {
    Query::new("INSERT INTO classroom_quarantine (id, file, reason, at_ms) VALUES (?, ?, ?, ?)")
        .bind(quarantined.id.as_str())
        .bind(quarantined.file.as_str())
        .bind(quarantined.reason.as_str())
        .bind(quarantined.at_ms)
}

/// The archives that could not be taken in, newest first, 500 at most.
pub(crate) async fn quarantine_list(db: &Database) -> Result<Vec<Quarantined>, DbError> {
    let sql = "SELECT id, file, reason, at_ms FROM classroom_quarantine ORDER BY at_ms DESC, id DESC LIMIT 500";
    let read = |row: &Row| {
        let (id, file) = (row.get("id")?, row.get("file")?);
        Ok(Quarantined { id, file, reason: row.get("reason")?, at_ms: row.get("at_ms")? })
    };
    db.all(Query::new(sql)).await?.iter().map(read).collect()
}
