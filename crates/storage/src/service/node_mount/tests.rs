//! What is kept of mounts on nodes, and for how long.

use std::time::Duration;

use axum::body::Body;
use db::Write;
use serde_json::json;
use wire::store::{MountTold, MountsReport, MountsWanted};

use crate::model::node_mount::NodeMount;
use crate::plane::Plane;
use crate::queries::node_mount::{node_mount_insert, node_mount_list};

const NODE: &str = "uid-a";
const MOUNTS: &str = "/api/v1/nodes/lab-a/mounts";
const TOKENS: &str = "portal_token WHERE scope IS NOT NULL";
/// Far less than a node is made to wait when nothing changes.
const AT_ONCE: Duration = Duration::from_secs(10);

/// Has export `v` mounted on a node; its id.
async fn mount(plane: &Plane, directory: &str) -> String {
    let wanted = json!({ "export": "v", "directory": directory }).to_string();
    let made = plane.ask("POST", MOUNTS, &[("content-type", "application/json")], wanted.into()).await;
    assert_eq!(made.status, 201, "{:?}", made.body);
    made.json()["id"].as_str().unwrap().to_owned()
}

async fn unmount(plane: &Plane, id: &str) {
    assert_eq!(plane.ask("DELETE", &format!("{MOUNTS}/{id}"), &[], Body::empty()).await.status, 202);
}

fn told(id: &str, is_ending: bool) -> MountsReport {
    MountsReport { mounts: vec![MountTold { id: id.into(), is_mounted: true, is_ending, ..MountTold::default() }] }
}

/// What the node is answered at once; `None`: it is made to wait.
async fn answer(plane: &Plane, report: &MountsReport, within: Duration) -> Option<MountsWanted> {
    let answer = tokio::time::timeout(within, plane.storage.node_mounts_sync(NODE, report)).await;
    answer.ok().map(Result::unwrap)
}

#[tokio::test]
async fn a_silent_node_may_still_store_what_its_mount_kept() {
    let plane = Plane::new(1, 6).await;
    let id = mount(&plane, "/a").await;
    assert_eq!(answer(&plane, &MountsReport::default(), AT_ONCE).await.unwrap().mounts[0].id, id);
    assert_eq!(answer(&plane, &told(&id, false), Duration::ZERO).await, None);
    plane.storage.node_mounts_told(NODE, &told(&id, false).mounts).await.unwrap();
    plane.clock.advance(Duration::from_secs(3_600));
    unmount(&plane, &id).await;
    plane.storage.node_mounts_sweep().await.unwrap();
    assert_eq!((plane.count("storage_node_mount").await, plane.count(TOKENS).await), (1, 1));
    plane.clock.advance(Duration::from_secs(601));
    plane.storage.node_mounts_sweep().await.unwrap();
    assert_eq!((plane.count("storage_node_mount").await, plane.count(TOKENS).await), (0, 0));
}

#[tokio::test]
async fn a_mount_that_takes_long_to_end_is_not_asked_for_in_a_loop() {
    let plane = Plane::new(1, 6).await;
    let id = mount(&plane, "/a").await;
    plane.storage.node_mounts_told(NODE, &told(&id, false).mounts).await.unwrap();
    unmount(&plane, &id).await;
    assert_eq!(answer(&plane, &told(&id, false), AT_ONCE).await, Some(MountsWanted::default()));
    assert_eq!(answer(&plane, &told(&id, true), Duration::from_millis(300)).await, None);
    let next = mount(&plane, "/b").await;
    assert_eq!(answer(&plane, &told(&id, true), AT_ONCE).await.unwrap().mounts[0].id, next);
    plane.storage.node_mounts_told(NODE, &[]).await.unwrap();
    let left = node_mount_list(plane.storage.db(), NODE).await.unwrap();
    assert_eq!(left.iter().map(|mount| &mount.id).collect::<Vec<_>>(), [&next]);
}

#[tokio::test]
async fn mounts_of_a_node_that_was_removed_go() {
    let plane = Plane::new(1, 6).await;
    let kept = mount(&plane, "/a").await;
    mount(&plane, "/b").await;
    let mounts = node_mount_list(plane.storage.db(), NODE).await.unwrap();
    let of_kept = mounts.iter().find(|mount| mount.id == kept).unwrap().clone();
    let mut write = Write::new();
    node_mount_insert(&mut write, &NodeMount { id: "gone".into(), node: "uid-gone".into(), ..of_kept }, 9);
    plane.storage.db().write(write).await.unwrap();
    plane.storage.node_mounts_sweep().await.unwrap();
    assert_eq!(plane.count("storage_node_mount WHERE node = 'uid-gone'").await, 0);
    assert_eq!(plane.count("storage_node_mount").await, 2);
    assert_eq!(plane.count(TOKENS).await, 1, "its token went with it");
}

#[tokio::test]
async fn mounts_rest_before_stores_end() {
    let plane = Plane::new(1, 6).await;
    let id = mount(&plane, "/a").await;
    plane.storage.node_mounts_told(NODE, &told(&id, false).mounts).await.unwrap();
    let rested = tokio::spawn({
        let storage = plane.storage.clone();
        async move { storage.node_mounts_rest().await }
    });
    let waiting = told(&id, false);
    assert_eq!(answer(&plane, &waiting, AT_ONCE).await, Some(MountsWanted::default()));
    assert!(!rested.is_finished(), "the mount has not said that it ended");
    plane.storage.node_mounts_told(NODE, &[]).await.unwrap();
    tokio::time::timeout(AT_ONCE, rested).await.unwrap().unwrap().unwrap();
    assert_eq!(plane.count("storage_node_mount WHERE is_wanted = 1").await, 1, "it is mounted again next time");
}
