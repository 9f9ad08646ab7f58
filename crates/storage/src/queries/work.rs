//! Work that moves data about, how far it has come, and how fast operators let it go.

use db::{Database, DbError, Query, Row, Write};

use super::{number, parsed};

/// What moves data about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WorkKind {
    /// From stores that are lost or to be emptied.
    Rebuild,
    /// From full stores to empty ones.
    Rebalance,
}

/// The word is no kind.
#[derive(Debug, thiserror::Error)]
#[error("unknown kind of work")]
pub(crate) struct UnknownKind;

impl WorkKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Rebuild => "rebuild",
            Self::Rebalance => "rebalance",
        }
    }
}

impl std::str::FromStr for WorkKind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, UnknownKind> {
        [Self::Rebuild, Self::Rebalance].into_iter().find(|kind| kind.as_str() == word).ok_or(UnknownKind)
    }
}

/// How far one has come. User bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) kind: WorkKind,
    pub(crate) volume: i64,
    pub(crate) begun_ms: i64,
    pub(crate) seen_ms: i64,
    pub(crate) done_bytes: u64,
    pub(crate) total_bytes: u64,
}

/// All that goes on, or did when its replica was killed.
pub(crate) async fn work_list(db: &Database) -> Result<Vec<Work>, DbError> {
    let sql = "SELECT kind, volume, begun_ms, seen_ms, done_bytes, total_bytes FROM storage_work ORDER BY volume, kind";
    let read = |row: &Row| {
        Ok(Work {
            kind: parsed(row, "kind")?,
            volume: row.get("volume")?,
            begun_ms: row.get("begun_ms")?,
            seen_ms: row.get("seen_ms")?,
            done_bytes: number(row, "done_bytes")?,
            total_bytes: number(row, "total_bytes")?,
        })
    };
    db.all(Query::new(sql)).await?.iter().map(read).collect()
}

/// Notes how far it has come.
pub(crate) fn work_put(write: &mut Write, work: &Work) {
    let sql = "INSERT INTO storage_work (kind, volume, begun_ms, seen_ms, done_bytes, total_bytes) \
         VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (kind, volume) DO UPDATE SET begun_ms = excluded.begun_ms, \
         seen_ms = excluded.seen_ms, done_bytes = excluded.done_bytes, total_bytes = excluded.total_bytes";
    let [done, total] = [work.done_bytes, work.total_bytes].map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
    let query = Query::new(sql).bind(work.kind.as_str()).bind(work.volume).bind(work.begun_ms).bind(work.seen_ms);
    write.push_step(query.bind(done).bind(total));
}

/// It is over.
pub(crate) fn work_end(write: &mut Write, kind: WorkKind, volume: i64) {
    let sql = "DELETE FROM storage_work WHERE kind = ? AND volume = ?";
    write.push_step(Query::new(sql).bind(kind.as_str()).bind(volume));
}

/// A setting of all of storage, if an operator made one.
pub(crate) async fn setting_get(db: &Database, name: &'static str) -> Result<Option<i64>, DbError> {
    let query = Query::new("SELECT setting FROM storage_setting WHERE name = ?").bind(name);
    db.optional(query).await?.map(|row| row.get("setting")).transpose()
}

/// Makes a setting.
pub(crate) fn setting_put(write: &mut Write, name: &'static str, setting: i64) {
    let sql = "INSERT INTO storage_setting (name, setting) VALUES (?, ?) \
         ON CONFLICT (name) DO UPDATE SET setting = excluded.setting";
    write.push_step(Query::new(sql).bind(name).bind(setting));
}
