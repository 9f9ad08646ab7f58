//! Sessions, and which of their calls were done.

use db::{Database, DbError, Given, Kind, Query, Row, Write};

use crate::model::inode::Ino;
use crate::model::name::Name;
use crate::model::session::Session;
use crate::model::space::topic;

/// Calls of a session that are remembered; more are never under way at the same time.
const REMEMBERED: i64 = 1_024;

const SESSION: &str =
    "SELECT id, space, account, what, is_read_only, is_idle, until_ms, created_ms FROM storage_session";

/// A session that was not cleared away.
pub(crate) async fn session_get(db: &Database, id: &str) -> Result<Option<Session>, DbError> {
    let query = Query::new(format!("{SESSION} WHERE id = ?")).bind(id);
    db.optional(query).await?.map(|row| session_read(&row)).transpose()
}

/// The sessions of a name space that are not over, oldest first.
pub(crate) async fn session_list(db: &Database, space: i64, now_ms: i64) -> Result<Vec<Session>, DbError> {
    let sql = format!("{SESSION} WHERE space = ? AND until_ms > ? ORDER BY created_ms, id");
    db.all(Query::new(sql).bind(space).bind(now_ms)).await?.iter().map(session_read).collect()
}

fn session_read(row: &Row) -> Result<Session, DbError> {
    Ok(Session {
        id: row.get("id")?,
        space: row.get("space")?,
        account: row.get("account")?,
        what: row.get("what")?,
        is_read_only: row.get("is_read_only")?,
        is_idle: row.get("is_idle")?,
        until_ms: row.get("until_ms")?,
        created_ms: row.get("created_ms")?,
    })
}

/// Adds a session.
pub(crate) fn session_insert(write: &mut Write, session: &Session) {
    let sql = "INSERT INTO storage_session (id, space, account, what, is_read_only, is_idle, until_ms, created_ms) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    write.push_step(
        Query::new(sql)
            .bind(&session.id)
            .bind(session.space)
            .bind(&session.account)
            .bind(&session.what)
            .bind(session.is_read_only)
            .bind(session.is_idle)
            .bind(session.until_ms)
            .bind(session.created_ms),
    );
}

/// Prolongs a session; [`STALE`](super::space::STALE) when it is gone, or was over with locks that others may have by now.
pub(crate) fn session_renew(write: &mut Write, id: &str, until_ms: i64, is_idle: bool, now_ms: i64) {
    let sql = "UPDATE storage_session SET until_ms = ?, is_idle = ? WHERE id = ? AND (until_ms > ? \
         OR NOT EXISTS (SELECT 1 FROM storage_lock l WHERE l.session = ?))";
    write.push_expect(super::space::STALE, Query::new(sql).bind(until_ms).bind(is_idle).bind(id).bind(now_ms).bind(id));
}

/// A session that was idle has something to do: from now on nobody else is given the space.
pub(crate) fn session_wake(write: &mut Write, id: &str) {
    let sql = "UPDATE storage_session SET is_idle = 0 WHERE id = ?";
    write.push_expect(super::space::STALE, Query::new(sql).bind(id));
}

/// Ends a session; what it holds becomes free.
pub(crate) fn session_delete(write: &mut Write, space: i64, id: &str) {
    delegation_return(write, space, id);
    for table in ["storage_applied WHERE session", "storage_lock WHERE session", "storage_session WHERE id"] {
        write.push_step(Query::new(format!("DELETE FROM {table} = ?")).bind(id));
    }
    write.push_event(super::lock::topic(space));
}

/// Whether there are sessions to clear away.
pub(crate) async fn sessions_are_over(db: &Database, now_ms: i64) -> Result<bool, DbError> {
    let sql = "SELECT id FROM storage_session WHERE until_ms <= ? LIMIT 1";
    Ok(db.optional(Query::new(sql).bind(now_ms)).await?.is_some())
}

/// Clears away sessions that are over, and takes back what they hold.
pub(crate) fn sessions_expire(write: &mut Write, now_ms: i64) {
    let spaces = "UPDATE storage_space SET holder = NULL, wanted_ms = NULL, epoch = epoch + 1 WHERE holder IS NOT NULL \
         AND NOT EXISTS (SELECT 1 FROM storage_session s WHERE s.id = storage_space.holder AND s.until_ms > ?)";
    let applied = "DELETE FROM storage_applied WHERE session IN (SELECT id FROM storage_session WHERE until_ms <= ?)";
    let locks = "DELETE FROM storage_lock WHERE session IN (SELECT id FROM storage_session WHERE until_ms <= ?)";
    let sessions = "DELETE FROM storage_session WHERE until_ms <= ?";
    for sql in [spaces, applied, locks, sessions] {
        write.push_step(Query::new(sql).bind(now_ms));
    }
}

/// Gives the space to a session that has something to do, unless somebody holds it: all others must be idle and hold no
/// locks. One that only reads is given nothing: whoever may change nothing must hold up nobody who may. After
/// [`space_touch`](super::space::space_touch), so that no session comes or wakes meanwhile.
pub(crate) fn delegation_grant(write: &mut Write, space: i64, session: &str, now_ms: i64) {
    let sql = "UPDATE storage_space SET holder = ?, wanted_ms = NULL WHERE id = ? AND is_removed = 0 AND holder IS NULL \
         AND EXISTS (SELECT 1 FROM storage_session s WHERE s.id = ? AND s.until_ms > ? AND s.is_read_only = 0 \
         AND s.is_idle = 0) AND NOT EXISTS (SELECT 1 FROM storage_session s WHERE s.space = ? AND s.id <> ? \
         AND s.until_ms > ? AND (s.is_idle = 0 OR EXISTS (SELECT 1 FROM storage_lock l WHERE l.session = s.id)))";
    let query = Query::new(sql).bind(session).bind(space).bind(session).bind(now_ms);
    write.push_step(query.bind(space).bind(session).bind(now_ms));
}

/// The holder gives the space back.
pub(crate) fn delegation_return(write: &mut Write, space: i64, session: &str) {
    let sql = "UPDATE storage_space SET holder = NULL, wanted_ms = NULL WHERE id = ? AND holder = ?";
    write.push_step(Query::new(sql).bind(space).bind(session));
    write.push_event(topic(space));
}

/// Notes that this call of the session is done; `Duplicate` when it was before.
pub(crate) fn applied_insert(write: &mut Write, session: &str, number: i64) {
    let insert = "INSERT INTO storage_applied (session, number) VALUES (?, ?)";
    write.push_step(Query::new(insert).bind(session).bind(number));
    let forget = "DELETE FROM storage_applied WHERE session = ? AND number < ?";
    write.push_step(Query::new(forget).bind(session).bind(number.saturating_sub(REMEMBERED)));
}

/// Whether that call was done.
pub(crate) async fn applied_is_there(db: &Database, session: &str, number: i64) -> Result<bool, DbError> {
    let sql = "SELECT number FROM storage_applied WHERE session = ? AND number = ?";
    Ok(db.optional(Query::new(sql).bind(session).bind(number)).await?.is_some())
}

/// Whether one of these names is taken.
pub(crate) async fn entries_are_there(
    db: &Database,
    space: i64,
    entries: &[(Ino, Name, Ino)],
) -> Result<bool, DbError> {
    let mut given = Given::new(&[("of_parent", Kind::Int), ("of_name", Kind::Text)]);
    entries.iter().for_each(|(parent, name, _)| given.push([(*parent).into(), name.as_str().into()]));
    let sql = "SELECT e.ino FROM given JOIN storage_entry e ON e.space = ? AND e.parent = given.of_parent \
         AND e.name = given.of_name";
    Ok(!db.all_given(Query::new(sql).bind(space), given).await?.is_empty())
}
