//! Effects: all of them or none, what is used, what goes to the trash.

use db::{Database, DbError, Query, Write};

use super::{ROOT, SPACE, apply, count, file, inode, name, prepare, stripe};
use crate::model::effect::Effect;
use crate::model::inode::{Ino, Inode, Kind};
use crate::namespace::Usage;
use crate::queries::inode::{entry_get, inode_get};
use crate::queries::session::{applied_insert, applied_is_there, entries_are_there};
use crate::queries::space::{
    STALE, space_expect_free, space_expect_session, space_find, space_force, space_get, space_want, usage_get,
};
use crate::queries::stripe::piece_list;

testkit::for_each_engine!(crate::migrations(); files_come_and_go_and_are_counted, what_was_read_has_to_hold_still,
    a_quota_ends_a_change_whole, a_directory_is_empty_or_not, thousands_change_at_once, a_call_is_remembered,
    a_space_is_held_by_one, a_known_stripe_is_what_was_said, trash_is_young_again, parts_become_one_file);

async fn usage(db: &Database) -> (u64, u64) {
    let usage = usage_get(db, SPACE).await.unwrap().unwrap();
    (usage.bytes, usage.inodes)
}

async fn trash(db: &Database) -> Vec<i64> {
    let rows = db.all(Query::new("SELECT stripe FROM storage_trash ORDER BY stripe")).await.unwrap();
    rows.iter().map(|row| row.get("stripe").unwrap()).collect()
}

fn remove(text: &str, ino: Ino) -> Vec<Effect> {
    vec![Effect::EntryRemove { parent: ROOT, name: name(text), ino }, Effect::InodeRemove { ino }]
}

fn put(ino: Ino, number: u64, id: i64, bytes: u32) -> Effect {
    Effect::StripePut { ino, number, stripe: stripe(id, bytes) }
}

fn is_unmet<T: std::fmt::Debug>(result: Result<T, DbError>, name: &str) {
    assert!(matches!(result, Err(DbError::Unmet { guard }) if guard == name), "{name}: {result:?}");
}

async fn files_come_and_go_and_are_counted(db: Database) {
    prepare(&db).await;
    apply(&db, [file(100, "a"), file(101, "b")].concat()).await.unwrap();
    assert_eq!(usage(&db).await, (16_384, 3));
    apply(&db, vec![put(100, 0, 1, 100), put(100, 1, 2, 200), put(100, 5, 3, 300)]).await.unwrap();
    assert_eq!(usage(&db).await, (8_192 + 600, 3));
    assert_eq!(trash(&db).await, [1_000]);
    apply(&db, vec![put(100, 5, 4, 50), Effect::StripeCut { ino: 100, number: 1, end: Some(6) }]).await.unwrap();
    assert_eq!(usage(&db).await, (8_192 + 100, 3));
    assert_eq!(trash(&db).await, [2, 3, 4, 1_000]);
    assert_eq!(piece_list(&db, SPACE, 100, 0, 9).await.unwrap().len(), 1);
    apply(&db, [remove("a", 100), remove("b", 101)].concat()).await.unwrap();
    assert_eq!(usage(&db).await, (0, 1));
    assert_eq!(trash(&db).await, [1, 2, 3, 4, 1_000, 1_010]);
    for (table, rows) in [("storage_entry", 0), ("storage_piece", 0), ("storage_inode", 1), ("storage_stripe", 6)] {
        assert_eq!(count(&db, table).await, rows, "{table}");
    }
    apply(&db, vec![Effect::InodeRemove { ino: 100 }]).await.unwrap();
    assert_eq!(usage(&db).await, (0, 1), "what is not there is no fault");
}

async fn what_was_read_has_to_hold_still(db: Database) {
    prepare(&db).await;
    apply(&db, file(100, "a")).await.unwrap();
    let before = usage(&db).await;
    let changed = |version| Effect::InodePut(Inode { mode: 0o600, ..inode(100, Kind::File, version) });
    let refused = [
        vec![changed(2)],
        vec![Effect::InodePut(inode(100, Kind::Directory, 1))],
        vec![Effect::InodePut(inode(101, Kind::File, 1))],
        vec![Effect::EntryRemove { parent: ROOT, name: name("A"), ino: 100 }],
        vec![Effect::EntryRemove { parent: ROOT, name: name("a"), ino: 101 }],
        vec![Effect::EntryAdd { parent: 999, name: name("b"), ino: 100 }],
        vec![Effect::EntryAdd { parent: 100, name: name("b"), ino: 100 }],
        vec![Effect::EntryAdd { parent: ROOT, name: name("b"), ino: 999 }],
        vec![put(999, 0, 1, 100)],
        vec![put(ROOT, 0, 1, 100)],
        vec![Effect::XattrPut { ino: 999, name: "user.a".into(), value: vec![] }],
        vec![Effect::InodePut(Inode { nlink: 0, ..inode(100, Kind::File, 7) }), Effect::InodeRemove { ino: 100 }],
        [file(102, "c"), vec![changed(9)]].concat(),
    ];
    for effects in refused {
        is_unmet(apply(&db, effects).await, "changed");
    }
    let taken = [file(102, "a"), file(100, "b")];
    for effects in taken {
        assert!(matches!(apply(&db, effects).await, Err(DbError::Duplicate)));
    }
    assert!(entries_are_there(&db, SPACE, &[(ROOT, name("x"), 1), (ROOT, name("a"), 1)]).await.unwrap());
    assert!(!entries_are_there(&db, SPACE, &[(ROOT, name("x"), 1), (SPACE, name("a"), 1)]).await.unwrap());
    assert_eq!(usage(&db).await, before);
    assert_eq!(inode_get(&db, SPACE, 100).await.unwrap().unwrap(), inode(100, Kind::File, 1));
    apply(&db, vec![changed(1)]).await.unwrap();
    let stored = inode_get(&db, SPACE, 100).await.unwrap().unwrap();
    assert_eq!((stored.mode, stored.version), (0o600, 2));
    // A rename over another file.
    apply(&db, file(103, "b")).await.unwrap();
    let mut renamed = vec![Effect::EntryRemove { parent: ROOT, name: name("a"), ino: 100 }];
    renamed.extend(remove("b", 103));
    renamed.push(Effect::EntryAdd { parent: ROOT, name: name("b"), ino: 100 });
    apply(&db, renamed.clone()).await.unwrap();
    assert_eq!(entry_get(&db, SPACE, ROOT, &name("b")).await.unwrap().unwrap().inode.ino, 100);
    is_unmet(apply(&db, renamed).await, "changed");
}

async fn a_quota_ends_a_change_whole(db: Database) {
    prepare(&db).await;
    let limit = "UPDATE storage_space SET bytes_hard = 20000, inodes_hard = 3";
    db.write(Write::new().step(Query::new(limit))).await.unwrap();
    apply(&db, [file(100, "a"), file(101, "b")].concat()).await.unwrap();
    is_unmet(apply(&db, file(102, "c")).await, "quota");
    is_unmet(apply(&db, vec![put(100, 1, 1, 3_617)]).await, "quota");
    apply(&db, vec![put(100, 1, 2, 3_616)]).await.unwrap();
    apply(&db, vec![put(100, 1, 3, 3_616)]).await.unwrap();
    assert_eq!(usage(&db).await, (20_000, 3));
    let lower = "UPDATE storage_space SET bytes_hard = 10, inodes_hard = 1";
    db.write(Write::new().step(Query::new(lower))).await.unwrap();
    apply(&db, remove("b", 101)).await.unwrap();
    assert_eq!(usage(&db).await, (8_192 + 3_616, 2));
}

async fn a_directory_is_empty_or_not(db: Database) {
    prepare(&db).await;
    let directory = |ino, text: &str| {
        vec![Effect::InodePut(inode(ino, Kind::Directory, 0)), Effect::EntryAdd { parent: ROOT, name: name(text), ino }]
    };
    apply(&db, [directory(100, "d"), directory(101, "e")].concat()).await.unwrap();
    let inside = |ino| Effect::EntryAdd { parent: 100, name: name("x"), ino };
    apply(&db, vec![Effect::InodePut(inode(102, Kind::File, 0)), inside(102)]).await.unwrap();
    let rmdir = |ino, text| [vec![Effect::DirectoryEmpty { ino }], remove(text, ino)].concat();
    is_unmet(apply(&db, [rmdir(101, "e"), rmdir(100, "d")].concat()).await, "changed");
    is_unmet(apply(&db, vec![Effect::DirectoryEmpty { ino: 102 }]).await, "changed");
    let mut whole =
        vec![Effect::EntryRemove { parent: 100, name: name("x"), ino: 102 }, Effect::InodeRemove { ino: 102 }];
    whole.extend([rmdir(101, "e"), rmdir(100, "d")].concat());
    apply(&db, whole).await.unwrap();
    assert_eq!(usage(&db).await, (0, 1));
    let both = [directory(103, "f"), rmdir(103, "f")].concat();
    apply(&db, both).await.unwrap();
    assert_eq!(count(&db, "storage_inode").await, 1);
}

async fn thousands_change_at_once(db: Database) {
    prepare(&db).await;
    let all = || 0..1_300_i64;
    apply(&db, all().flat_map(|n| file(100 + n, &format!("n{n}"))).collect()).await.unwrap();
    assert_eq!(usage(&db).await, (1_300 * 8_192, 1_301));
    let change = |n: i64| [put(100 + n, 0, 50_000 + n, 10), Effect::InodePut(inode(100 + n, Kind::File, 1))];
    apply(&db, all().flat_map(change).collect()).await.unwrap();
    assert_eq!(usage(&db).await, (13_000, 1_301));
    apply(&db, all().flat_map(|n| remove(&format!("n{n}"), 100 + n)).collect()).await.unwrap();
    assert_eq!(usage(&db).await, (0, 1));
    assert_eq!(count(&db, "storage_trash").await, 2_600);
}

async fn a_call_is_remembered(db: Database) {
    let call = async |number| {
        let mut write = Write::new();
        applied_insert(&mut write, "s", number);
        db.write(write).await.map(|_| ())
    };
    call(1).await.unwrap();
    assert!(matches!(call(1).await, Err(DbError::Duplicate)));
    assert!(applied_is_there(&db, "s", 1).await.unwrap());
    assert!(!applied_is_there(&db, "t", 1).await.unwrap());
    call(1_000_000).await.unwrap();
    assert!(!applied_is_there(&db, "s", 1).await.unwrap());
}

async fn a_space_is_held_by_one(db: Database) {
    prepare(&db).await;
    let stored = space_find(&db, "home").await.unwrap().unwrap();
    assert_eq!(stored, super::Space { usage: Usage { inodes: 1, ..Usage::default() }, ..super::space() });
    assert_eq!(space_find(&db, "Home").await.unwrap(), None);
    let write = async |fill: fn(&mut Write)| {
        let mut write = Write::new();
        fill(&mut write);
        db.write(write).await.map(|_| ())
    };
    write(|w| space_expect_free(w, SPACE)).await.unwrap();
    is_unmet(write(|w| space_expect_session(w, SPACE, "s", 1)).await, STALE);
    let session = "INSERT INTO storage_session (id, space, account, what, is_read_only, is_idle, until_ms, created_ms) \
         VALUES ('s', 10, 'a', 'mount', 0, 0, 0, 0)";
    db.write(Write::new().step(Query::new(session))).await.unwrap();
    write(|w| space_expect_session(w, SPACE, "s", 1)).await.unwrap();
    write(|w| space_want(w, SPACE, 3)).await.unwrap();
    assert_eq!(space_get(&db, SPACE).await.unwrap().unwrap().wanted_ms, None, "nobody holds it");
    db.write(Write::new().step(Query::new("UPDATE storage_space SET holder = 's'"))).await.unwrap();
    write(|w| space_expect_session(w, SPACE, "s", 1)).await.unwrap();
    is_unmet(write(|w| space_expect_session(w, SPACE, "t", 1)).await, STALE);
    is_unmet(write(|w| space_expect_free(w, SPACE)).await, STALE);
    write(|w| space_want(w, SPACE, 3)).await.unwrap();
    assert_eq!(space_get(&db, SPACE).await.unwrap().unwrap().wanted_ms, Some(3));
    write(|w| space_force(w, SPACE, "other")).await.unwrap();
    assert_eq!(space_get(&db, SPACE).await.unwrap().unwrap().epoch, 1);
    write(|w| space_force(w, SPACE, "s")).await.unwrap();
    let taken = space_get(&db, SPACE).await.unwrap().unwrap();
    assert_eq!((taken.epoch, taken.holder, taken.wanted_ms), (2, None, None));
    is_unmet(write(|w| space_expect_session(w, SPACE, "s", 1)).await, STALE);
    write(|w| space_expect_session(w, SPACE, "s", 2)).await.unwrap();
    write(|w| space_expect_free(w, SPACE)).await.unwrap();
}

async fn a_known_stripe_is_what_was_said(db: Database) {
    prepare(&db).await;
    apply(&db, [file(100, "a"), file(101, "b")].concat()).await.unwrap();
    is_unmet(apply(&db, vec![put(101, 1, 1_000, 1)]).await, "changed");
    is_unmet(apply(&db, vec![put(101, 1, 50, 10), put(101, 2, 50, 11)]).await, "changed");
    apply(&db, vec![put(101, 1, 1_000, 8_192), put(101, 2, 1_000, 8_192)]).await.unwrap();
    assert_eq!(usage(&db).await, (4 * 8_192, 3));
    db.write(Write::new().step(Query::new("UPDATE storage_stripe SET volume = 1 WHERE id = 1000"))).await.unwrap();
    is_unmet(apply(&db, vec![put(100, 1, 1_000, 8_192)]).await, "changed");
    db.write(Write::new().step(Query::new("UPDATE storage_space SET used_bytes = -1"))).await.unwrap();
    assert_eq!(usage(&db).await, (0, 3));
}

async fn trash_is_young_again(db: Database) {
    prepare(&db).await;
    apply(&db, file(100, "a")).await.unwrap();
    apply(&db, vec![put(100, 1, 1_000, 8_192)]).await.unwrap();
    let old = "INSERT INTO storage_trash (stripe, since_ms) VALUES (1000, 5)";
    db.write(Write::new().step(Query::new(old))).await.unwrap();
    apply(&db, remove("a", 100)).await.unwrap();
    assert_eq!(count(&db, "storage_trash WHERE since_ms > 5").await, 1);
    assert_eq!(count(&db, "storage_trash").await, 1);
}

async fn parts_become_one_file(db: Database) {
    prepare(&db).await;
    apply(&db, [file(100, "a"), file(101, "b")].concat()).await.unwrap();
    apply(&db, vec![put(100, 1, 1, 100), put(101, 1, 2, 200)]).await.unwrap();
    let before = usage(&db).await;
    let limit = "UPDATE storage_space SET bytes_hard = 10, inodes_hard = 100";
    db.write(Write::new().step(Query::new(limit))).await.unwrap();
    let moved = |from, number| Effect::StripesMove { from, to: 102, number };
    let mut joined = vec![Effect::InodePut(inode(102, Kind::File, 0)), moved(100, 0), moved(101, 2)];
    joined.push(Effect::EntryAdd { parent: ROOT, name: name("c"), ino: 102 });
    let guard = |version| vec![Effect::InodePut(inode(101, Kind::File, version))];
    let whole = |version| [joined.clone(), remove("a", 100), guard(version), remove("b", 101)].concat();
    is_unmet(apply(&db, whole(2)).await, "changed");
    assert_eq!(piece_list(&db, SPACE, 101, 0, 9).await.unwrap().len(), 2, "a list that is refused moves nothing");
    apply(&db, whole(1)).await.unwrap();
    let pieces = piece_list(&db, SPACE, 102, 0, 9).await.unwrap();
    let pieces: Vec<_> = pieces.iter().map(|placed| (placed.number, placed.stripe.id)).collect();
    assert_eq!(pieces, [(0, 1_000), (1, 1), (2, 1_010), (3, 2)]);
    assert_eq!(usage(&db).await, (before.0, before.1 - 1), "nothing is counted anew");
    assert_eq!((trash(&db).await.len(), count(&db, "storage_piece").await), (0, 4));
    assert!(apply(&db, whole(1)).await.is_err(), "they are gone");
}
