//! Sessions and who holds a name space.

use db::{Database, DbError, Write};

use super::{NOW_MS, SPACE, change, prepare};
use crate::model::lock::{FileLocks, Held};
use crate::model::session::Session;
use crate::queries::lock::locks_set;
use crate::queries::session::{
    applied_insert, applied_is_there, delegation_grant, delegation_return, session_delete, session_get, session_insert,
    session_list, session_renew, session_wake, sessions_are_over, sessions_expire,
};
use crate::queries::space::{STALE, space_get, space_touch, space_want};

testkit::for_each_engine!(crate::migrations(); sessions_are_renewed_and_end, one_that_is_alone_is_given_the_space,
    one_that_works_beside_idle_ones_is_given_the_space);

pub(super) fn session(id: &str, until_ms: i64) -> Session {
    Session {
        id: id.into(),
        space: SPACE,
        account: "ada".into(),
        what: "pc-1:/mnt/é".into(),
        is_read_only: false,
        is_idle: false,
        until_ms,
        created_ms: NOW_MS,
    }
}

async fn holder(db: &Database) -> (Option<String>, i64) {
    let space = space_get(db, SPACE).await.unwrap().unwrap();
    (space.holder, space.epoch)
}

async fn sessions_are_renewed_and_end(db: Database) {
    prepare(&db).await;
    change(&db, |w| space_touch(w, SPACE)).await.unwrap();
    assert!(matches!(change(&db, |w| space_touch(w, 9)).await, Err(DbError::Unmet { guard: STALE })));
    for (id, until) in [("a", 10), ("b", 20)] {
        change(&db, |w| session_insert(w, &session(id, until))).await.unwrap();
        change(&db, |w| applied_insert(w, id, 1)).await.unwrap();
    }
    assert_eq!(session_get(&db, "a").await.unwrap(), Some(session("a", 10)));
    assert_eq!(session_list(&db, SPACE, 10).await.unwrap(), [session("b", 20)]);
    assert!(!sessions_are_over(&db, 9).await.unwrap() && sessions_are_over(&db, 10).await.unwrap());
    change(&db, |w| session_renew(w, "a", 30, true, 12)).await.unwrap();
    assert!(matches!(
        change(&db, |w| session_renew(w, "c", 30, false, 12)).await,
        Err(DbError::Unmet { guard: STALE })
    ));
    change(&db, |w| sessions_expire(w, 25)).await.unwrap();
    assert_eq!(session_list(&db, SPACE, 0).await.unwrap(), [Session { is_idle: true, ..session("a", 30) }]);
    change(&db, |w| session_wake(w, "a")).await.unwrap();
    assert!(matches!(change(&db, |w| session_wake(w, "c")).await, Err(DbError::Unmet { guard: STALE })));
    assert_eq!(session_list(&db, SPACE, 0).await.unwrap(), [session("a", 30)]);
    assert!(applied_is_there(&db, "a", 1).await.unwrap() && !applied_is_there(&db, "b", 1).await.unwrap());
    change(&db, |w| session_delete(w, SPACE, "a")).await.unwrap();
    assert!(session_get(&db, "a").await.unwrap().is_none() && !applied_is_there(&db, "a", 1).await.unwrap());
}

async fn one_that_is_alone_is_given_the_space(db: Database) {
    prepare(&db).await;
    let grant = |id: &'static str| move |w: &mut Write| delegation_grant(w, SPACE, id, 5);
    change(&db, grant("a")).await.unwrap();
    assert_eq!(holder(&db).await, (None, 1), "no such session");
    let reader = Session { is_read_only: true, ..session("r", 10) };
    change(&db, |w| session_insert(w, &reader)).await.unwrap();
    change(&db, grant("r")).await.unwrap();
    assert_eq!(holder(&db).await, (None, 1), "it only reads");
    change(&db, |w| session_delete(w, SPACE, "r")).await.unwrap();
    change(&db, |w| session_insert(w, &session("a", 10))).await.unwrap();
    change(&db, grant("a")).await.unwrap();
    assert_eq!(holder(&db).await, (Some("a".into()), 1));
    change(&db, |w| session_insert(w, &session("b", 10))).await.unwrap();
    change(&db, |w| delegation_return(w, SPACE, "b")).await.unwrap();
    change(&db, grant("b")).await.unwrap();
    assert_eq!(holder(&db).await, (Some("a".into()), 1));
    change(&db, |w| delegation_return(w, SPACE, "a")).await.unwrap();
    change(&db, grant("b")).await.unwrap();
    assert_eq!(holder(&db).await, (None, 1), "it is not alone");
    change(&db, |w| session_delete(w, SPACE, "a")).await.unwrap();
    change(&db, grant("b")).await.unwrap();
    assert_eq!(holder(&db).await, (Some("b".into()), 1));
    change(&db, |w| sessions_expire(w, 9)).await.unwrap();
    assert_eq!(holder(&db).await, (Some("b".into()), 1));
    change(&db, |w| sessions_expire(w, 10)).await.unwrap();
    assert_eq!(holder(&db).await, (None, 2), "what it still wants to store is refused");
}

async fn one_that_works_beside_idle_ones_is_given_the_space(db: Database) {
    prepare(&db).await;
    for id in ["a", "b"] {
        change(&db, |w| session_insert(w, &session(id, 10))).await.unwrap();
    }
    let grant = |id: &'static str| move |w: &mut Write| delegation_grant(w, SPACE, id, 5);
    let idle = |id: &'static str| move |w: &mut Write| session_renew(w, id, 10, true, 5);
    change(&db, idle("b")).await.unwrap();
    let files = [FileLocks { ino: 20, held: vec![Held { first: 0, last: 9, is_exclusive: false }] }];
    change(&db, |w| locks_set(w, SPACE, "b", &files, 5)).await.unwrap();
    change(&db, grant("a")).await.unwrap();
    assert_eq!(holder(&db).await, (None, 1), "others' locks have to be looked at");
    let free = [FileLocks { ino: 20, held: Vec::new() }];
    change(&db, |w| locks_set(w, SPACE, "b", &free, 5)).await.unwrap();
    change(&db, grant("b")).await.unwrap();
    assert_eq!(holder(&db).await, (None, 1), "it has nothing to do");
    change(&db, grant("a")).await.unwrap();
    assert_eq!(holder(&db).await, (Some("a".into()), 1));
    change(&db, |w| session_wake(w, "b")).await.unwrap();
    change(&db, |w| space_want(w, SPACE, 6)).await.unwrap();
    change(&db, |w| space_want(w, SPACE, 7)).await.unwrap();
    assert_eq!(space_get(&db, SPACE).await.unwrap().unwrap().wanted_ms, Some(6), "since it was wanted first");
    change(&db, |w| delegation_return(w, SPACE, "a")).await.unwrap();
    assert_eq!(space_get(&db, SPACE).await.unwrap().unwrap().wanted_ms, None);
    change(&db, grant("a")).await.unwrap();
    assert_eq!(holder(&db).await, (None, 1), "the other one works");
}
