//! Snapshots: what was, kept while the export goes on; restored; removed.

use serde_json::{Value, json};

use crate::plane::{Plane, file, remove, stripe};

#[tokio::test]
async fn a_snapshot_keeps_what_was_and_gives_it_back() {
    let plane = Plane::new().await;
    plane.volume("films").await;
    let snapshots = "/api/v1/exports/films/snapshots";
    let mount = plane.mount(&plane.admin, "films").await;
    let n = mount.numbers(9).await;
    let root = mount.root();
    mount.apply([file(root, "a", n[0]), vec![stripe(n[0], 0, n[1], 9_000)]].concat()).await.expect(200);
    let holder = async {
        mount.wanted().await;
        mount.apply(file(root, "kept until now", n[2])).await.expect(200);
        mount.call("DELETE", "/delegation", Value::Null).await.expect(204);
    };
    let (taken, ()) = tokio::join!(plane.admin("POST", snapshots, json!({ "name": "monday" })), holder);
    let taken = taken.expect(201);
    assert_eq!(
        (&taken["name"], &taken["read_only"], &taken["usage"]["bytes"]),
        (&json!("films@monday"), &json!(true), &json!(9_000))
    );
    assert_eq!(plane.admin("POST", snapshots, json!({ "name": "monday" })).await.problem(409), "storage-name-taken");
    assert_eq!(plane.admin("POST", snapshots, json!({ "name": "../x" })).await.problem(400), "storage-name");

    mount
        .apply(vec![
            stripe(n[0], 0, n[3], 100),
            remove(root, "kept until now", n[2]),
            json!({ "inode_remove": { "ino": n[2] } }),
        ])
        .await
        .expect(200);
    let old = plane.mount(&plane.admin, "films@monday").await;
    assert_eq!((&old.opened["read_only"], &old.opened["is_delegated"]), (&json!(true), &json!(true)));
    assert_eq!(old.names(old.root(), 9).await, ["a", "kept until now"]);
    let kept = old.read(json!({ "op": "stripes", "ino": n[0], "number": 0, "limit": 1 })).await;
    assert_eq!(kept[0]["stripe"]["id"], n[1]);
    assert_eq!(old.apply(file(root, "b", n[4])).await.problem(403), "read-only");

    let restore = "/api/v1/exports/films/snapshots/monday/restore";
    assert_eq!(plane.admin("POST", restore, json!({})).await.problem(409), "export-busy");
    let again = plane.admin("POST", restore, json!({ "to": "films-again" })).await.expect(200);
    assert_eq!((&again["usage"]["bytes"], &again["read_only"]), (&json!(9_000), &json!(false)));
    mount.call("DELETE", "", Value::Null).await.expect(204);
    let restored = plane.admin("POST", restore, json!({})).await.expect(200);
    assert_eq!(restored["usage"], taken["usage"]);
    let mount = plane.mount(&plane.admin, "films").await;
    assert_eq!(mount.names(mount.root(), 9).await, ["a", "kept until now"]);
    mount.apply(file(mount.root(), "new", n[5])).await.expect(200);

    assert_eq!(plane.admin("DELETE", "/api/v1/exports/films", Value::Null).await.problem(409), "export-busy");
    mount.call("DELETE", "", Value::Null).await.expect(204);
    assert_eq!(plane.admin("DELETE", "/api/v1/exports/films", Value::Null).await.problem(409), "export-has-snapshots");
    let one = "/api/v1/exports/films/snapshots/monday";
    assert_eq!(plane.admin("DELETE", one, Value::Null).await.problem(409), "export-busy");
    old.call("DELETE", "", Value::Null).await.expect(204);
    plane.admin("DELETE", one, Value::Null).await.expect(204);
    assert_eq!(plane.admin("DELETE", one, Value::Null).await.problem(404), "snapshot-unknown");
    plane.count_is("storage_space", 2).await;
    assert_eq!(plane.admin("GET", snapshots, Value::Null).await.expect(200)["items"], json!([]));
    plane.admin("DELETE", "/api/v1/exports/films", Value::Null).await.expect(204);
}

#[tokio::test]
async fn an_export_has_so_many_snapshots_and_no_more() {
    let plane = Plane::new().await;
    plane.volume("films").await;
    let snapshots = "/api/v1/exports/films/snapshots";
    for number in 0..64 {
        plane.admin("POST", snapshots, json!({ "name": format!("s{number}") })).await.expect(201);
    }
    assert_eq!(plane.admin("POST", snapshots, json!({ "name": "more" })).await.problem(409), "snapshots-too-many");
    plane.admin("DELETE", "/api/v1/exports/films/snapshots/s7", Value::Null).await.expect(204);
    plane.admin("POST", snapshots, json!({ "name": "more" })).await.expect(201);
}
