//! Sessions: delegation, what happens when two want the same, and what is refused.

use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};

use crate::plane::{Plane, add, file, remove, stripe};

#[tokio::test]
async fn one_that_is_alone_holds_the_space_until_another_comes() {
    let plane = Plane::new().await;
    plane.volume("films").await;
    let mut first = plane.mount(&plane.admin, "films").await;
    assert_eq!(first.opened["is_delegated"], true);
    assert_eq!(first.opened["stores"].as_array().unwrap().len(), 8);
    assert!(first.opened["certificate_pem"].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE"));
    // The second one's call waits until the first has given the space back.
    let holder = async {
        first.wanted().await;
        first.apply(file(first.root(), "kept", first.numbers(1).await[0])).await.expect(200);
        first.call("DELETE", "/delegation", Value::Null).await.expect(204);
    };
    let (mut second, ()) = tokio::join!(plane.mount(&plane.admin, "films"), holder);
    assert_eq!(second.opened["is_delegated"], false);
    assert_eq!(second.names(second.root(), 10).await, ["kept"]);
    assert_eq!(first.renew().await["is_delegated"], false);
    let ino = second.numbers(1).await[0];
    second.apply(file(second.root(), "of the second", ino)).await.expect(200);
    first.apply(file(first.root(), "of the first", first.numbers(1).await[0])).await.expect(200);
    first.call("DELETE", "", Value::Null).await.expect(204);
    first.call("DELETE", "", Value::Null).await.expect(204);
    assert_eq!(second.renew().await["is_delegated"], true);
    assert_eq!(first.call("PATCH", "", json!({})).await.problem(409), "stale");
}

#[tokio::test]
async fn one_that_does_not_answer_loses_the_space() {
    let plane = Plane::new().await;
    plane.volume("films").await;
    let mut silent = plane.mount(&plane.admin, "films").await;
    let ino = silent.numbers(1).await[0];
    let opening = plane.mount(&plane.admin, "films");
    tokio::pin!(opening);
    tokio::select! {
        _ = &mut opening => panic!("the holder is asked first"),
        () = silent.wanted() => {}
    }
    plane.clock.advance(Duration::from_secs(6));
    let early = tokio::time::timeout(Duration::from_millis(700), &mut opening).await;
    assert!(early.is_err(), "it has time to answer");
    plane.clock.advance(Duration::from_secs(2));
    let second = opening.await;
    assert_eq!(silent.apply(file(silent.root(), "late", ino)).await.problem(409), "stale");
    second.apply(file(second.root(), "in time", ino)).await.expect(200);
    silent.renew().await;
    assert_eq!(silent.names(silent.root(), 9).await, ["in time"]);
    let gone = silent.apply(vec![remove(silent.root(), "late", ino)]).await;
    assert_eq!(gone.problem(409), "changed");
}

#[tokio::test]
async fn one_that_is_not_renewed_is_over_and_holds_nobody_up() {
    let plane = Plane::new().await;
    plane.volume("films").await;
    let dead = plane.mount(&plane.admin, "films").await;
    plane.clock.advance(Duration::from_secs(16));
    let began = std::time::Instant::now();
    let next = plane.mount(&plane.admin, "films").await;
    assert!(began.elapsed() < Duration::from_secs(4), "nobody waits for a dead one");
    assert_eq!(next.opened["is_delegated"], true);
    assert!(next.epoch > dead.epoch);
    assert_eq!(dead.apply(vec![]).await.problem(409), "stale");
}

#[tokio::test]
async fn a_call_that_is_sent_again_is_done_once() {
    let plane = Plane::new().await;
    plane.volume("films").await;
    let mount = plane.mount(&plane.admin, "films").await;
    let ino = mount.numbers(1).await[0];
    let body = |number: i64, name: &str| {
        let effects = [file(mount.root(), name, ino), vec![stripe(ino, 0, ino, 9_000)]].concat();
        json!({ "epoch": mount.epoch, "number": number, "effects": effects })
    };
    let first = mount.call("POST", "/apply", body(1, "a")).await.expect(200);
    assert_eq!(mount.call("POST", "/apply", body(1, "a")).await.expect(200), first);
    assert_eq!(mount.call("POST", "/apply", body(2, "a")).await.problem(409), "exists");
    assert_eq!(mount.call("POST", "/apply", body(3, "b")).await.problem(409), "changed");
    assert_eq!(first["bytes"], 9_000);
}

#[tokio::test]
async fn a_session_is_its_account_s_and_a_reader_changes_nothing() {
    let plane = Plane::new().await;
    plane.volume("films").await;
    plane
        .admin("POST", "/api/v1/exports", json!({ "name": "course", "volume": "films", "tenant": "mine" }))
        .await
        .expect(201);
    let learner = plane.account("ada", "learner").await;
    let csr_pem = wire::authority::KeyRequest::generate().unwrap().csr_pem;
    let open = json!({ "what": "x", "csr_pem": csr_pem });
    let refused = plane.call(&learner, "POST", "/api/v1/exports/course/sessions", open).await;
    assert_eq!(refused.problem(403), "volume-shared", "the stores would show what is in films");
    plane.admin("DELETE", "/api/v1/exports/films", Value::Null).await.expect(204);
    let reader = plane.mount(&learner, "course").await;
    assert_eq!(reader.opened["read_only"], true);
    assert_eq!(reader.apply(file(reader.root(), "a", 5)).await.problem(403), "read-only");
    assert!(reader.names(reader.root(), 9).await.is_empty());
    let other = plane.account("tom", "teacher").await;
    let path = format!("/api/v1/exports/course/sessions/{}", reader.opened["id"].as_str().unwrap());
    assert_eq!(plane.call(&other, "PATCH", &path, json!({})).await.problem(409), "stale");
    let certify = json!({ "csr_pem": csr_pem });
    let certificate = format!("{path}/certificate");
    plane.call(&learner, "POST", &certificate, certify.clone()).await.expect(200);
    plane.admin("POST", "/api/v1/exports", json!({ "name": "exam", "volume": "films" })).await.expect(201);
    let refused = plane.call(&learner, "POST", &certificate, certify).await;
    assert_eq!(refused.problem(403), "volume-shared", "the stores would show what is in exam");
    plane.admin("DELETE", "/api/v1/exports/exam", Value::Null).await.expect(204);
    let open = json!({ "what": "x", "csr_pem": "no request" });
    assert_eq!(
        plane.call(&learner, "POST", "/api/v1/exports/course/sessions", open.clone()).await.problem(400),
        "certificate-request"
    );
    assert_eq!(
        plane.call(&learner, "POST", "/api/v1/exports/films/sessions", open).await.problem(404),
        "export-unknown"
    );
}

#[tokio::test]
async fn one_that_asks_for_no_more_only_reads() {
    let plane = Plane::new().await;
    plane.volume("films").await;
    let csr_pem = wire::authority::KeyRequest::generate().unwrap().csr_pem;
    let open = json!({ "what": "x", "csr_pem": csr_pem, "read_only": true });
    let opened = plane.admin("POST", "/api/v1/exports/films/sessions", open).await.expect(201);
    assert_eq!((&opened["read_only"], &opened["is_delegated"]), (&json!(true), &json!(false)));
    let apply = format!("/api/v1/exports/films/sessions/{}/apply", opened["id"].as_str().unwrap());
    let change = json!({ "epoch": opened["epoch"], "effects": file(opened["root"].as_i64().unwrap(), "a", 5) });
    assert_eq!(plane.admin("POST", &apply, change).await.problem(403), "read-only");
    let volume = opened["volume"].as_i64().unwrap();
    let pem = opened["certificate_pem"].as_str().unwrap().lines().filter(|line| !line.starts_with("-----"));
    let der = base64::engine::general_purpose::STANDARD.decode(pem.collect::<String>()).unwrap();
    let name = format!("reader-{volume}");
    assert!(der.windows(name.len()).any(|bytes| bytes == name.as_bytes()), "stores know it as one that only reads");
}

#[tokio::test]
async fn a_quota_that_is_reached_leaves_what_was_before() {
    let plane = Plane::new().await;
    plane.volume("films").await;
    plane.admin("PATCH", "/api/v1/exports/films", json!({ "bytes_hard": 20_000, "inodes_hard": 3 })).await.expect(200);
    let mount = plane.mount(&plane.admin, "films").await;
    let numbers = mount.numbers(9).await;
    let (root, ino) = (mount.root(), numbers[0]);
    mount.apply([file(root, "a", ino), vec![stripe(ino, 0, numbers[1], 10_000)]].concat()).await.expect(200);
    let both = vec![stripe(ino, 1, numbers[2], 9_000), stripe(ino, 2, numbers[3], 9_000)];
    assert_eq!(mount.apply(both).await.problem(507), "quota");
    let stripes = mount.read(json!({ "op": "stripes", "ino": ino, "number": 0, "limit": 9 })).await;
    assert_eq!(stripes.as_array().unwrap().len(), 1);
    let usage = mount.apply(vec![stripe(ino, 0, numbers[4], 20_000)]).await.expect(200);
    assert_eq!((&usage["bytes"], &usage["inodes"]), (&json!(20_000), &json!(2)));
    mount.apply(file(root, "b", numbers[5])).await.expect(200);
    assert_eq!(mount.apply(file(root, "c", numbers[6])).await.problem(507), "quota");
    let renamed = vec![
        remove(root, "b", numbers[5]),
        remove(root, "a", ino),
        add(root, "a", numbers[5]),
        json!({ "inode_remove": { "ino": ino } }),
    ];
    let usage = mount.apply(renamed.clone()).await.expect(200);
    assert_eq!((&usage["bytes"], &usage["inodes"]), (&json!(0), &json!(2)));
    assert_eq!(mount.apply(renamed).await.problem(409), "changed");
}
