//! Volumes, limits, snapshots, removal.

use db::{Database, DbError, Query, Write};

use super::{NOW_MS, ROOT, SPACE, VOLUME, apply, change, count, file, inode, layout, name, prepare, space, stripe};
use crate::model::effect::Effect;
use crate::model::inode::{Inode, Kind};
use crate::model::space::Space;
use crate::model::volume::Volume;
use crate::namespace::Usage;
use crate::queries::care::nameless_list;
use crate::queries::inode::{entry_list, inode_get, xattr_list};
use crate::queries::share::{Share, share_delete, share_get, share_insert, share_list, share_prune, shares_delete};
use crate::queries::snapshot::{inodes_clear, pieces_clear, space_copy, space_delete, space_removed, space_replace};
use crate::queries::space::{
    root_insert, space_expect_unused, space_find, space_get, space_insert, space_limit, space_list, space_mark_removed,
    spaces_mark_removed,
};
use crate::queries::stripe::piece_list;
use crate::queries::volume::{
    BUSY, store_labels, volume_find, volume_get, volume_insert, volume_list, volume_mark_removed, volumes_delete,
};

testkit::for_each_engine!(crate::migrations(); volumes_are_made_and_removed, limits_are_set, a_copy_has_all_and_is_its_own,
    a_removed_space_is_cleared_in_portions, nameless_files_of_snapshots_stay, links_go_with_who_made_them);

fn is_busy<T: std::fmt::Debug>(result: Result<T, DbError>) {
    assert!(matches!(result, Err(DbError::Unmet { guard: BUSY })), "{result:?}");
}

async fn volumes_are_made_and_removed(db: Database) {
    prepare(&db).await;
    let labels = [("site".to_owned(), "é".to_owned())].into();
    let volume = Volume { id: 5, name: "films".into(), layout: layout(), labels, created_ms: NOW_MS };
    change(&db, |w| volume_insert(w, &volume)).await.unwrap();
    assert!(matches!(
        change(&db, |w| volume_insert(w, &Volume { id: 6, ..volume.clone() })).await,
        Err(DbError::Duplicate)
    ));
    assert_eq!(volume_get(&db, 5).await.unwrap().as_ref(), Some(&volume));
    assert_eq!(volume_list(&db).await.unwrap().iter().map(|v| v.id).collect::<Vec<_>>(), [5, VOLUME]);
    is_busy(change(&db, |w| volume_mark_removed(w, VOLUME)).await);
    change(&db, |w| volume_mark_removed(w, 5)).await.unwrap();
    assert!(volume_find(&db, "films").await.unwrap().is_none());
    let left = "INSERT INTO storage_stripe (id, volume, placed, data, parity, element_bytes, bytes) VALUES (1, 5, 1, 4, 2, 64, 9)";
    db.write(Write::new().step(Query::new(left))).await.unwrap();
    change(&db, volumes_delete).await.unwrap();
    assert_eq!(count(&db, "storage_volume").await, 2, "a stripe waits to be collected");
    db.write(Write::new().step(Query::new("DELETE FROM storage_stripe"))).await.unwrap();
    change(&db, volumes_delete).await.unwrap();
    assert_eq!(count(&db, "storage_volume").await, 1);
    assert!(store_labels(&db).await.unwrap().is_empty());
}

async fn limits_are_set(db: Database) {
    prepare(&db).await;
    let limits = Usage { bytes_soft: 1, bytes_hard: u64::MAX, inodes_hard: 3, ..Usage::default() };
    change(&db, |w| space_limit(w, SPACE, &limits)).await.unwrap();
    let usage = space_get(&db, SPACE).await.unwrap().unwrap().usage;
    assert_eq!(usage, Usage { bytes_hard: i64::MAX as u64, inodes: 1, ..limits });
    assert!(change(&db, |w| space_limit(w, 9, &limits)).await.is_err());
    change(&db, |w| root_insert(w, 9, 90, 7)).await.unwrap();
    let root = inode_get(&db, 9, 90).await.unwrap().unwrap();
    assert_eq!((root.kind, root.mode, root.nlink, root.mtime_ns), (Kind::Directory, 0o755, 2, 7));
}

async fn a_copy_has_all_and_is_its_own(db: Database) {
    prepare(&db).await;
    let xattr = Effect::XattrPut { ino: 100, name: "user.a".into(), value: vec![0, 255] };
    apply(&db, [file(100, "a"), vec![xattr]].concat()).await.unwrap();
    let copy = Space { id: 20, name: "home@one".into(), parent: Some(SPACE), ..space() };
    change(&db, |w| space_copy(w, SPACE, &copy)).await.unwrap();
    let stored = space_find(&db, "home@one").await.unwrap().unwrap();
    assert_eq!(stored, Space { usage: Usage { bytes: 8_192, inodes: 2, ..Usage::default() }, ..copy.clone() });
    let export = Space { id: 21, name: "again".into(), tenant: None, ..space() };
    change(&db, |w| space_copy(w, 20, &export)).await.unwrap();
    let again = space_find(&db, "again").await.unwrap().unwrap();
    assert_eq!(again, Space { usage: stored.usage, ..export });
    change(&db, |w| space_mark_removed(w, 21)).await.unwrap();
    assert_eq!(space_list(&db, Some(SPACE)).await.unwrap().len(), 1);
    assert_eq!(space_list(&db, None).await.unwrap().len(), 1);
    let gone = vec![Effect::EntryRemove { parent: ROOT, name: name("a"), ino: 100 }, Effect::InodeRemove { ino: 100 }];
    apply(&db, [gone, file(101, "b")].concat()).await.unwrap();
    let names = async |space| {
        let entries = entry_list(&db, space, ROOT, None, 9).await.unwrap();
        entries.into_iter().map(|entry| entry.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!((names(SPACE).await, names(20).await), (vec!["b".to_owned()], vec!["a".to_owned()]));
    is_busy(change(&db, |w| space_mark_removed(w, SPACE)).await);
    change(&db, |w| space_replace(w, &stored, SPACE, NOW_MS)).await.unwrap();
    assert_eq!(names(SPACE).await, ["a"]);
    assert_eq!(xattr_list(&db, SPACE, 100).await.unwrap(), [("user.a".to_owned(), vec![0, 255])]);
    assert_eq!(piece_list(&db, SPACE, 100, 0, 9).await.unwrap()[0].stripe, stripe(1_000, 8_192));
    assert_eq!(inode_get(&db, SPACE, 100).await.unwrap().unwrap(), inode(100, Kind::File, 1));
    let usage = space_get(&db, SPACE).await.unwrap().unwrap().usage;
    assert_eq!((usage.bytes, usage.inodes), (8_192, 2));
    assert_eq!(count(&db, "storage_trash").await, 2, "the collector finds that one of them is still referred to");
}

async fn a_removed_space_is_cleared_in_portions(db: Database) {
    prepare(&db).await;
    let xattr = |ino| Effect::XattrPut { ino, name: "user.a".into(), value: vec![] };
    let effects = (0..10).flat_map(|n| [file(100 + n, &format!("n{n}")), vec![xattr(100 + n)]].concat()).collect();
    apply(&db, effects).await.unwrap();
    let session = "INSERT INTO storage_session (id, space, account, what, is_read_only, is_idle, until_ms, created_ms) \
         VALUES ('s', 10, 'a', 'mount', 0, 0, 9, 0)";
    db.write(Write::new().step(Query::new(session))).await.unwrap();
    is_busy(change(&db, |w| space_expect_unused(w, SPACE, 8)).await);
    change(&db, |w| space_expect_unused(w, SPACE, 9)).await.unwrap();
    assert_eq!(space_removed(&db).await.unwrap(), None);
    change(&db, |w| space_mark_removed(w, SPACE)).await.unwrap();
    assert!(space_find(&db, "home").await.unwrap().is_none());
    assert_eq!(space_removed(&db).await.unwrap(), Some(SPACE));
    let mut portions = Vec::new();
    for _ in 0..4 {
        portions.push(pieces_clear(&db, SPACE, 4, NOW_MS).await.unwrap());
    }
    for _ in 0..3 {
        portions.push(inodes_clear(&db, SPACE, 8).await.unwrap());
    }
    assert_eq!(portions, [4, 4, 2, 0, 8, 3, 0]);
    change(&db, |w| space_delete(w, SPACE)).await.unwrap();
    for table in
        ["storage_space", "storage_session", "storage_inode", "storage_entry", "storage_piece", "storage_xattr"]
    {
        assert_eq!(count(&db, table).await, 0, "{table}");
    }
    assert_eq!(count(&db, "storage_trash").await, 10);
    let account = portal::AccountId::parse("01990000-0000-7000-8000-000000000000").unwrap();
    let own = Space { id: 30, name: "home-ada".into(), owner: Some(account.to_string()), ..space() };
    change(&db, |w| space_insert(w, &own)).await.unwrap();
    change(&db, |w| spaces_mark_removed(w, &account)).await.unwrap();
    assert_eq!(space_removed(&db).await.unwrap(), Some(30));
}

async fn nameless_files_of_snapshots_stay(db: Database) {
    prepare(&db).await;
    apply(&db, vec![Effect::InodePut(Inode { nlink: 0, ..inode(100, Kind::File, 0) })]).await.unwrap();
    let copy = Space { id: 20, name: "home@one".into(), parent: Some(SPACE), ..space() };
    change(&db, |w| space_copy(w, SPACE, &copy)).await.unwrap();
    assert_eq!(count(&db, "storage_inode WHERE nlink = 0").await, 2);
    assert_eq!(nameless_list(&db, 4, 0).await.unwrap(), [(SPACE, 100)]);
    assert_eq!(nameless_list(&db, 3, 0).await.unwrap(), []);
}

async fn links_go_with_who_made_them(db: Database) {
    let account = portal::AccountId::parse("01990000-0000-7000-8000-000000000000").unwrap();
    let share = |hash: &str, account: &str| Share {
        hash: hash.into(),
        id: format!("id-{hash}"),
        space: SPACE,
        path: "/é".into(),
        account: account.into(),
        created_ms: 1,
        expires_ms: 9,
    };
    prepare(&db).await;
    let (own, other) = (share("a", account.as_str()), share("b", "somebody"));
    change(&db, |w| [&own, &other].into_iter().for_each(|share| share_insert(w, share))).await.unwrap();
    assert_eq!(share_get(&db, "a", 8).await.unwrap(), Some(own.clone()));
    assert_eq!(share_get(&db, "a", 9).await.unwrap(), None);
    let both = [(own.clone(), "home".to_owned()), (other.clone(), "home".to_owned())];
    assert_eq!(share_list(&db, None, 8, 9).await.unwrap(), both);
    assert_eq!(share_list(&db, Some(&account), 8, 9).await.unwrap(), both[..1]);
    assert_eq!(share_list(&db, None, 9, 9).await.unwrap(), []);
    let revoked = db.write(Write::new().expect("share", share_delete("id-b", Some(&account)))).await;
    assert!(matches!(revoked, Err(db::DbError::Unmet { .. })), "it is somebody else's");
    change(&db, |w| shares_delete(w, &account)).await.unwrap();
    assert_eq!(share_get(&db, "a", 8).await.unwrap(), None);
    assert_eq!(share_get(&db, "b", 8).await.unwrap(), Some(other));
    change(&db, |w| w.push_step(share_delete("id-b", None))).await.unwrap();
    assert_eq!(share_get(&db, "b", 8).await.unwrap(), None);
    change(&db, |w| share_insert(w, &own)).await.unwrap();
    change(&db, |w| share_prune(w, 8)).await.unwrap();
    assert_eq!(count(&db, "storage_share").await, 1);
    change(&db, |w| share_prune(w, 9)).await.unwrap();
    assert_eq!(count(&db, "storage_share").await, 0);
}
