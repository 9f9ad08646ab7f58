//! Locks: what sessions hold of files.

use db::{Database, DbError, Given, Kind, Query, Row, Write};

use super::space::STALE;
use super::unreadable;
use crate::model::lock::{FileLocks, Held};

/// Guard of locks: another session holds something that is at odds with them.
pub(crate) const LOCKED: &str = "locked";

/// What watchers of a name space's locks wait for.
pub(crate) fn topic(space: i64) -> String {
    format!("storage.lock:{space}")
}

/// Sets all that a session holds of these files; [`STALE`] when the session is over or another one holds the name space,
/// [`LOCKED`] when another one holds what is at odds with it.
pub(crate) fn locks_set(write: &mut Write, space: i64, session: &str, locks: &[FileLocks], now_ms: i64) {
    // First, so that two who set locks at the same time do it one after the other and see each other's.
    let sql = "UPDATE storage_space SET epoch = epoch WHERE id = ? AND is_removed = 0 AND (holder IS NULL OR holder = ?) \
         AND EXISTS (SELECT 1 FROM storage_session s WHERE s.id = ? AND s.until_ms > ?)";
    write.push_expect(STALE, Query::new(sql).bind(space).bind(session).bind(session).bind(now_ms));
    let mut files = Given::new(&[("of_ino", Kind::Int)]);
    locks.iter().for_each(|file| files.push([file.ino.into()]));
    let sql = "DELETE FROM storage_lock USING given WHERE storage_lock.space = ? AND storage_lock.ino = given.of_ino \
         AND storage_lock.session = ?";
    write.push_given(Query::new(sql).bind(space).bind(session), files);
    let sql = "INSERT INTO storage_lock (space, ino, session, first_byte, last_byte, is_exclusive) SELECT given.of_space, \
         given.of_ino, given.of_session, given.of_first, given.of_last, given.of_kind FROM given WHERE NOT EXISTS (\
         SELECT 1 FROM storage_lock l JOIN storage_session s ON s.id = l.session AND s.until_ms > ? \
         WHERE l.space = given.of_space AND l.ino = given.of_ino AND l.session <> given.of_session \
         AND l.first_byte <= given.of_last AND l.last_byte >= given.of_first \
         AND l.is_exclusive + given.of_kind > 0)";
    write.push_given_expect(LOCKED, Query::new(sql).bind(now_ms), given(space, session, locks));
    write.push_event(topic(space));
}

fn given(space: i64, session: &str, locks: &[FileLocks]) -> Given {
    let mut given = Given::new(&[
        ("of_space", Kind::Int),
        ("of_session", Kind::Text),
        ("of_ino", Kind::Int),
        ("of_first", Kind::Int),
        ("of_last", Kind::Int),
        ("of_kind", Kind::Int),
    ]);
    for FileLocks { ino, held } in locks {
        for range in held {
            let [first, last] = [range.first, range.last].map(|byte| i64::try_from(byte).unwrap_or(i64::MAX));
            let kind = i64::from(range.is_exclusive);
            given.push([space.into(), session.into(), (*ino).into(), first.into(), last.into(), kind.into()]);
        }
    }
    given
}

/// Something that another session holds and that is at odds with these.
pub(crate) async fn lock_against(
    db: &Database,
    space: i64,
    session: &str,
    locks: &[FileLocks],
    now_ms: i64,
) -> Result<Option<Held>, DbError> {
    let sql = "SELECT l.first_byte, l.last_byte, l.is_exclusive FROM given JOIN storage_lock l \
         ON l.space = given.of_space AND l.ino = given.of_ino AND l.session <> given.of_session \
         AND l.first_byte <= given.of_last AND l.last_byte >= given.of_first \
         AND l.is_exclusive + given.of_kind > 0 \
         JOIN storage_session s ON s.id = l.session AND s.until_ms > ?";
    let found = db.all_given(Query::new(sql).bind(now_ms), given(space, session, locks)).await?;
    found.iter().map(held_read).min_by_key(|held| held.as_ref().map_or(0, |held| held.first)).transpose()
}

fn held_read(row: &Row) -> Result<Held, DbError> {
    let byte = |column: &str| u64::try_from(row.get::<i64>(column)?).map_err(|_| unreadable(column));
    Ok(Held { first: byte("first_byte")?, last: byte("last_byte")?, is_exclusive: row.get("is_exclusive")? })
}
