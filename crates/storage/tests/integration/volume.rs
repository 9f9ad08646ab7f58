//! Volumes and exports: made, limited, seen by whom they are for, removed.

use serde_json::{Value, json};

use crate::plane::{Plane, file, stripe};

#[tokio::test]
async fn a_volume_needs_as_many_stores_as_its_layout_has_units() {
    let plane = Plane::new().await;
    let create = |body: Value| plane.admin("POST", "/api/v1/volumes", body);
    let made = create(json!({ "name": "films", "layout": 1 })).await.expect(201);
    assert_eq!((&made["stores_writable"], &made["exports"]), (&json!(8), &json!(["films"])));
    let refused = create(json!({ "name": "large", "layout": 2 })).await;
    assert_eq!(refused.problem(409), "too-few-stores");
    let message = refused.expect(409)["message"].as_str().unwrap().to_owned();
    assert!(message.contains("needs 12 stores; 8 "), "{message}");
    let labelled = json!({ "name": "site-b", "layout": 1, "stores": { "site": "b" } });
    assert_eq!(create(labelled).await.problem(409), "too-few-stores");
    create(json!({ "name": "site-b", "layout": 0, "stores": { "site": "b" } })).await.expect(201);
    assert_eq!(create(json!({ "name": "films", "layout": 0 })).await.problem(409), "storage-name-taken");
    assert_eq!(create(json!({ "name": "Films", "layout": 0 })).await.problem(400), "storage-name");
    assert_eq!(create(json!({ "name": "other", "layout": 3 })).await.problem(400), "layout-unknown");
    let listed = plane.admin("GET", "/api/v1/volumes", Value::Null).await.expect(200);
    let names: Vec<_> = listed["items"].as_array().unwrap().iter().map(|volume| volume["name"].clone()).collect();
    assert_eq!(names, ["films", "site-b"]);
    assert_eq!(plane.admin("GET", "/api/v1/volumes/none", Value::Null).await.problem(404), "volume-unknown");
}

#[tokio::test]
async fn exports_are_open_to_those_they_are_for() {
    let plane = Plane::new().await;
    plane.volume("films").await;
    let course = json!({ "name": "course", "volume": "films", "tenant": "mine", "limits": { "bytes_hard": 1000 } });
    plane.admin("POST", "/api/v1/exports", course).await.expect(201);
    let (learner, teacher) = (plane.account("ada", "learner").await, plane.account("tom", "teacher").await);
    for (token, seen) in [(&learner, json!(["course"])), (&plane.admin, json!(["course", "films"]))] {
        let volume = plane.call(token, "GET", "/api/v1/volumes/films", Value::Null).await.expect(200);
        assert_eq!(volume["exports"], seen);
        let listed = plane.call(token, "GET", "/api/v1/volumes", Value::Null).await.expect(200);
        assert_eq!(listed["items"], json!([volume]));
    }
    for (token, path, read_only) in [
        (&learner, "course", Some(true)),
        (&teacher, "course", Some(false)),
        (&learner, "films", None),
        (&teacher, "films", None),
        (&plane.admin, "films", Some(false)),
        (&learner, "none", None),
    ] {
        let reply = plane.call(token, "GET", &format!("/api/v1/exports/{path}"), Value::Null).await;
        match read_only {
            Some(read_only) => assert_eq!(reply.expect(200)["read_only"], read_only, "{path}"),
            None => assert_eq!(reply.problem(404), "export-unknown", "{path}"),
        }
    }
    let new = json!({ "name": "own", "volume": "films" });
    assert_eq!(plane.call(&teacher, "POST", "/api/v1/exports", new).await.problem(403), "role-needed");
    let limits = json!({ "bytes_soft": 2000, "bytes_hard": 1000 });
    assert_eq!(plane.admin("PATCH", "/api/v1/exports/course", limits).await.problem(400), "limits");
    let limits = json!({ "bytes_hard": 0, "inodes_hard": 5 });
    let usage = plane.admin("PATCH", "/api/v1/exports/course", limits).await.expect(200)["usage"].clone();
    assert_eq!(usage, json!({ "bytes": 0, "inodes": 1, "bytes_soft": 0, "bytes_hard": 0, "inodes_hard": 5 }));
}

#[tokio::test]
async fn everybody_has_a_home_once_there_is_a_volume_for_it() {
    let plane = Plane::new().await;
    let learner = plane.account("ada", "learner").await;
    let home = "/api/v1/exports/home-ada";
    assert_eq!(plane.call(&learner, "GET", home, Value::Null).await.problem(404), "export-unknown");
    plane.volume("home").await;
    let made = plane.call(&learner, "GET", home, Value::Null).await.expect(200);
    assert_eq!((&made["read_only"], &made["usage"]["bytes_hard"]), (&json!(false), &json!(1 << 30)));
    let other = plane.account("ben", "learner").await;
    assert_eq!(plane.call(&other, "GET", home, Value::Null).await.problem(404), "export-unknown");
    let listed = plane.call(&other, "GET", "/api/v1/exports", Value::Null).await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    let accounts = plane.admin("GET", "/api/v1/accounts", Value::Null).await.expect(200);
    let ada = accounts["items"].as_array().unwrap().iter().find(|account| account["login"] == "ada").unwrap();
    let path = format!("/api/v1/accounts/{}", ada["id"].as_str().unwrap());
    plane.admin("DELETE", &path, Value::Null).await.expect(204);
    plane.count_is("storage_space", 2).await;
}

#[tokio::test]
async fn what_is_removed_is_emptied_and_its_stripes_go_to_the_trash() {
    let plane = Plane::new().await;
    plane.volume("films").await;
    plane.admin("POST", "/api/v1/exports", json!({ "name": "extra", "volume": "films" })).await.expect(201);
    let mount = plane.mount(&plane.admin, "films").await;
    let numbers = mount.numbers(5_000).await;
    for inos in numbers.chunks(2_000) {
        let one =
            |ino: &i64| [file(mount.root(), &format!("f{ino}"), *ino), vec![stripe(*ino, 0, *ino, 9_000)]].concat();
        mount.apply(inos.iter().flat_map(one).collect()).await.expect(200);
    }
    let remove = || plane.admin("DELETE", "/api/v1/volumes/films", Value::Null);
    assert_eq!(remove().await.problem(409), "volume-has-exports");
    plane.admin("DELETE", "/api/v1/exports/extra", Value::Null).await.expect(204);
    assert_eq!(remove().await.problem(409), "export-busy");
    mount.call("DELETE", "", Value::Null).await.expect(204);
    remove().await.expect(204);
    plane.count_is("storage_space", 0).await;
    for (table, rows) in [("storage_inode", 0), ("storage_entry", 0), ("storage_piece", 0), ("storage_trash", 5_000)] {
        assert_eq!(plane.count(table).await, rows, "{table}");
    }
    plane.volume("films").await;
    assert_eq!(plane.count("storage_volume").await, 2, "the one before has stripes that wait to be collected");
}
