//! Mounts on nodes.

use db::{Database, DbError};

use super::{NOW_MS, change};
use crate::model::node_mount::NodeMount;
use crate::queries::node_mount::{
    FULL, node_mount_all, node_mount_delete, node_mount_insert, node_mount_list, node_mount_told, node_mount_unwant,
};

testkit::for_each_engine!(crate::migrations(); a_mount_is_kept_until_it_is_gone, a_directory_is_mounted_on_once);

fn mount(id: &str, directory: &str) -> NodeMount {
    NodeMount {
        id: id.into(),
        node: "node-1".into(),
        export: "films@monday".into(),
        directory: directory.into(),
        is_read_only: true,
        is_wanted: true,
        is_mounted: false,
        detail: String::new(),
        login: "ada".into(),
        token_id: "t".into(),
        token: "sealed".into(),
        seen_ms: 0,
        created_ms: NOW_MS,
    }
}

async fn a_mount_is_kept_until_it_is_gone(db: Database) {
    let (a, b) = (mount("1", "/mnt/é"), mount("2", "/a"));
    change(&db, |w| [&a, &b].into_iter().for_each(|mount| node_mount_insert(w, mount, 2))).await.unwrap();
    let told = NodeMount { is_mounted: true, detail: "so".into(), seen_ms: 7, ..a.clone() };
    change(&db, |w| node_mount_told(w, &told)).await.unwrap();
    assert_eq!(node_mount_list(&db, "node-1").await.unwrap(), [b.clone(), told.clone()]);
    assert_eq!(node_mount_list(&db, "node-2").await.unwrap(), []);
    assert_eq!(node_mount_all(&db).await.unwrap(), [told.clone(), b.clone()]);
    change(&db, |w| node_mount_unwant(w, &a, 9)).await.unwrap();
    let unwanted = NodeMount { is_wanted: false, seen_ms: 9, ..told };
    assert_eq!(node_mount_list(&db, "node-1").await.unwrap(), [b.clone(), unwanted]);
    change(&db, |w| node_mount_delete(w, "1")).await.unwrap();
    assert_eq!(node_mount_list(&db, "node-1").await.unwrap(), [b]);
    assert!(matches!(change(&db, |w| node_mount_unwant(w, &a, 9)).await, Err(DbError::Unmet { .. })));
}

async fn a_directory_is_mounted_on_once(db: Database) {
    change(&db, |w| node_mount_insert(w, &mount("1", "/a"), 2)).await.unwrap();
    assert!(matches!(change(&db, |w| node_mount_insert(w, &mount("2", "/a"), 2)).await, Err(DbError::Duplicate)));
    let elsewhere = NodeMount { node: "node-2".into(), ..mount("3", "/a") };
    change(&db, |w| node_mount_insert(w, &elsewhere, 2)).await.unwrap();
    change(&db, |w| node_mount_insert(w, &mount("4", "/b"), 2)).await.unwrap();
    let full = change(&db, |w| node_mount_insert(w, &mount("5", "/c"), 2)).await;
    assert!(matches!(full, Err(DbError::Unmet { guard: FULL })), "the node has two");
}
