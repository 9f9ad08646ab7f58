//! Locks of sessions that are at odds.

use db::{Database, DbError, Write};

use super::session::session;
use super::{SPACE, change, prepare};
use crate::model::lock::{FileLocks, Held, LAST_BYTE};
use crate::queries::lock::{LOCKED, lock_against, locks_set};
use crate::queries::session::{delegation_grant, session_delete, session_insert, session_renew, sessions_expire};
use crate::queries::space::STALE;

testkit::for_each_engine!(crate::migrations(); one_of_two_who_are_at_odds_is_refused, locks_end_with_their_session);

const FILE: i64 = 77;

fn held(first: u64, last: u64, is_exclusive: bool) -> Held {
    Held { first, last, is_exclusive }
}

fn of(ino: i64, held: &[Held]) -> FileLocks {
    FileLocks { ino, held: held.to_vec() }
}

async fn sessions(db: &Database) {
    prepare(db).await;
    for (id, until_ms) in [("a", 100), ("b", 200)] {
        change(db, |w| session_insert(w, &session(id, until_ms))).await.unwrap();
    }
}

fn set(session: &'static str, locks: Vec<FileLocks>) -> impl Fn(&mut Write) {
    move |w| locks_set(w, SPACE, session, &locks, 50)
}

async fn one_of_two_who_are_at_odds_is_refused(db: Database) {
    sessions(&db).await;
    let locks = vec![of(FILE, &[held(0, 9, true), held(20, LAST_BYTE, false)]), of(FILE + 1, &[])];
    change(&db, set("a", locks)).await.unwrap();
    let refused = [held(9, 10, false), held(0, LAST_BYTE, true), held(LAST_BYTE, LAST_BYTE, true)];
    for range in refused {
        let both = vec![of(FILE, &[range]), of(FILE + 1, &[held(0, 0, true)])];
        let answer = change(&db, set("b", both.clone())).await;
        assert!(matches!(answer, Err(DbError::Unmet { guard: LOCKED })), "{range:?}: {answer:?}");
        assert!(lock_against(&db, SPACE, "b", &both, 50).await.unwrap().is_some());
        assert_eq!(lock_against(&db, SPACE, "a", &both, 50).await.unwrap(), None, "its own are none");
    }
    let all = [of(FILE, &[held(0, LAST_BYTE, true)])];
    assert_eq!(lock_against(&db, SPACE, "b", &all, 50).await.unwrap(), Some(held(0, 9, true)));
    let granted = vec![of(FILE, &[held(10, 19, true), held(20, 30, false)]), of(FILE + 2, &[held(0, 9, true)])];
    change(&db, set("b", granted)).await.unwrap();
    let upgrade = change(&db, set("a", vec![of(FILE, &[held(20, 20, true)])])).await;
    assert!(matches!(upgrade, Err(DbError::Unmet { guard: LOCKED })), "the other one shares it");
    change(&db, set("b", vec![of(FILE, &[])])).await.unwrap();
    change(&db, set("a", vec![of(FILE, &[held(20, 20, true)])])).await.unwrap();
    assert_eq!(lock_against(&db, SPACE, "b", &[of(FILE, &[held(0, 19, true)])], 50).await.unwrap(), None);
    let kept = [of(FILE + 2, &[held(0, 0, false)])];
    assert_eq!(lock_against(&db, SPACE, "a", &kept, 50).await.unwrap(), Some(held(0, 9, true)));
}

async fn locks_end_with_their_session(db: Database) {
    sessions(&db).await;
    let all = || vec![of(FILE, &[held(0, LAST_BYTE, true)])];
    change(&db, set("a", all())).await.unwrap();
    assert!(lock_against(&db, SPACE, "b", &all(), 99).await.unwrap().is_some());
    assert_eq!(lock_against(&db, SPACE, "b", &all(), 100).await.unwrap(), None, "it is over");
    let late = change(&db, |w| locks_set(w, SPACE, "a", &all(), 100)).await;
    assert!(matches!(late, Err(DbError::Unmet { guard: STALE })));
    let late = change(&db, |w| session_renew(w, "a", 300, false, 100)).await;
    assert!(matches!(late, Err(DbError::Unmet { guard: STALE })), "others may have its locks by now");
    change(&db, |w| locks_set(w, SPACE, "b", &all(), 100)).await.unwrap();
    change(&db, |w| session_renew(w, "b", 200, false, 199)).await.unwrap();
    change(&db, |w| sessions_expire(w, 150)).await.unwrap();
    change(&db, |w| session_delete(w, SPACE, "b")).await.unwrap();
    let left = db.all(db::Query::new("SELECT ino FROM storage_lock")).await.unwrap();
    assert!(left.is_empty());
    sessions_and_a_holder(&db).await;
}

/// Who holds the name space keeps locks to itself, so that others can't have any.
async fn sessions_and_a_holder(db: &Database) {
    for id in ["c", "d"] {
        change(db, |w| session_insert(w, &session(id, 400))).await.unwrap();
        change(db, |w| delegation_grant(w, SPACE, "c", 1)).await.unwrap();
    }
    let other = change(db, set("d", vec![of(FILE, &[])])).await;
    assert!(matches!(other, Err(DbError::Unmet { guard: STALE })));
    change(db, set("c", vec![of(FILE, &[held(1, 1, true)])])).await.unwrap();
}
