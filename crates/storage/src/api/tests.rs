//! Files through every layer.

use axum::body::Body;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use md5::Digest as _;

use crate::plane::{Plane, content};

const FILE: &str = "/api/v1/exports/v/files/a%20b";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_goes_up_and_comes_down_in_parts() {
    let plane = Plane::new(1, 6).await;
    // More than a body may otherwise have.
    let data = content(6_000_000, 1);
    let pieces = data.chunks(60_000).map(|piece| Ok::<_, std::io::Error>(data.slice_ref(piece))).collect::<Vec<_>>();
    let md5 = STANDARD.encode(md5::Md5::digest(&data));
    let body = Body::from_stream(futures::stream::iter(pieces));
    let put = plane.ask("PUT", FILE, &[("content-md5", &md5)], body).await;
    assert_eq!(put.status, StatusCode::CREATED, "{:?}", put.body);
    assert_eq!((put.json()["path"].as_str(), put.json()["size"].as_u64()), (Some("a b"), Some(6_000_000)));
    let whole = plane.ask("GET", FILE, &[("accept-encoding", "gzip")], Body::empty()).await;
    assert_eq!((whole.status, &whole.body), (StatusCode::OK, &data));
    assert_eq!(whole.headers["content-length"], "6000000");
    assert_eq!(whole.headers["content-disposition"], "attachment; filename*=UTF-8''a%20b");
    let etag = whole.headers["etag"].to_str().unwrap();
    let part = plane.ask("GET", FILE, &[("range", "bytes=300000-300009")], Body::empty()).await;
    assert_eq!((part.status, &part.body[..]), (StatusCode::PARTIAL_CONTENT, &data[300_000..300_010]));
    assert_eq!(part.headers["content-range"], "bytes 300000-300009/6000000");
    let none = plane.ask("GET", FILE, &[("if-none-match", etag)], Body::empty()).await;
    assert_eq!((none.status, none.body.len()), (StatusCode::NOT_MODIFIED, 0));
    let behind = plane.ask("GET", FILE, &[("range", "bytes=6000000-")], Body::empty()).await;
    assert_eq!(behind.status, StatusCode::RANGE_NOT_SATISFIABLE);
    let head = plane.ask("HEAD", FILE, &[], Body::empty()).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert_eq!(head.headers["content-length"], "6000000");
    let again = plane.ask("PUT", FILE, &[("if-none-match", "*")], Body::from("x")).await;
    assert_eq!((again.status, again.json()["code"].as_str()), (StatusCode::PRECONDITION_FAILED, Some("precondition")));
    let again = plane.ask("PUT", FILE, &[("if-match", etag)], Body::from("x")).await;
    assert_eq!(again.status, StatusCode::OK);
    assert_ne!(again.headers["etag"].to_str().unwrap(), etag);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_is_cut_off_or_wrong_leaves_nothing() {
    let plane = Plane::new(0, 3).await;
    let cut = futures::stream::iter([Ok(Bytes::from_static(b"half")), Err(std::io::Error::other("cut"))]);
    let reply = plane.ask("PUT", FILE, &[], Body::from_stream(cut)).await;
    assert_eq!((reply.status, reply.json()["code"].as_str()), (StatusCode::BAD_REQUEST, Some("body-broken")));
    let short = plane
        .ask(
            "PUT",
            FILE,
            &[("content-length", "9")],
            Body::from_stream(futures::stream::iter([Ok::<_, std::io::Error>("half")])),
        )
        .await;
    assert_eq!((short.status, short.json()["code"].as_str()), (StatusCode::BAD_REQUEST, Some("body-broken")));
    let wrong = STANDARD.encode(md5::Md5::digest(b"another"));
    let sha = format!("sha-256=:{}:", STANDARD.encode(<sha2::Sha256 as sha2::Digest>::digest(b"another")));
    for (name, value) in [("content-md5", &wrong), ("content-digest", &sha), ("repr-digest", &sha)] {
        let reply = plane.ask("PUT", FILE, &[(name, value)], Body::from("this")).await;
        assert_eq!((reply.status, reply.json()["code"].as_str()), (StatusCode::BAD_REQUEST, Some("digest")), "{name}");
    }
    let unreadable = plane.ask("PUT", FILE, &[("content-md5", "?")], Body::from("this")).await;
    assert_eq!(unreadable.json()["code"], "digest-form");
    assert_eq!(plane.ask("GET", FILE, &[], Body::empty()).await.status, StatusCode::NOT_FOUND);
    assert_eq!(plane.count("storage_entry").await, 0);
    let right = plane.ask("PUT", FILE, &[("content-digest", &sha)], Body::from("another")).await;
    assert_eq!(right.status, StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paths_are_changed_and_listed_page_by_page() {
    let plane = Plane::new(0, 3).await;
    let post = async |what: &str, body: serde_json::Value| {
        let json = [("content-type", "application/json")];
        plane.ask("POST", &format!("/api/v1/exports/v/{what}"), &json, Body::from(body.to_string())).await
    };
    let made = post("mkdir", serde_json::json!({"path": "d/e", "parents": true})).await;
    assert_eq!((made.status, made.json()["kind"].as_str()), (StatusCode::CREATED, Some("directory")));
    for name in ["1", "2", "3"] {
        let path = format!("/api/v1/exports/v/files/d/{name}");
        assert_eq!(plane.ask("PUT", &path, &[], Body::from(name)).await.status, StatusCode::CREATED);
    }
    let renamed = post("rename", serde_json::json!({"from": "d/1", "to": "d/9"})).await;
    assert_eq!((renamed.status, renamed.json()["path"].as_str()), (StatusCode::OK, Some("d/9")));
    assert_eq!(post("copy", serde_json::json!({"from": "d/9", "to": "d/8"})).await.status, StatusCode::CREATED);
    let list =
        async |query: &str| plane.ask("GET", &format!("/api/v1/exports/v/entries?{query}"), &[], Body::empty()).await;
    let first = list("path=d&limit=3").await.json();
    let names = |page: &serde_json::Value| {
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!((names(&first), first["next"].as_str()), (["2", "3", "8"].map(String::from).to_vec(), Some("8")));
    let second = list("path=d&limit=3&after=8").await.json();
    assert_eq!((names(&second), second["next"].as_str()), (["9", "e"].map(String::from).to_vec(), None));
    assert_eq!(list("path=d/9").await.json()["items"][0]["path"], "d/9");
    let delete =
        async |path: &str| plane.ask("DELETE", &format!("/api/v1/exports/v/files/{path}"), &[], Body::empty()).await;
    assert_eq!(delete("d").await.json()["code"], "not-empty");
    assert_eq!(delete("d?recursive=true").await.status, StatusCode::NO_CONTENT);
    assert_eq!(list("path=d").await.status, StatusCode::NOT_FOUND);
    for (path, code) in [("a%00", "file-name"), ("%FF", "not-found"), ("a/../b", "file-name")] {
        assert_eq!(delete(path).await.json()["code"], code, "{path}");
    }
    let deep = vec!["d"; 1_001].join("/");
    assert_eq!(delete(&deep).await.json()["code"], "path-too-deep");
    let long = "n".repeat(256);
    assert_eq!(delete(&long).await.json()["code"], "file-name");
}

/// `AMPHI_TEST_ENTRIES` says how many, a million where it does not. All are names of one file: that is what a directory
/// is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_of_millions_is_listed_page_by_page() {
    let entries = std::env::var("AMPHI_TEST_ENTRIES").map_or(1_000_000, |text| text.parse::<u64>().unwrap());
    let plane = Plane::new(0, 3).await;
    plane.put("n", &Bytes::from_static(b"x")).await;
    let names = "WITH RECURSIVE many (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM many WHERE n + 1 < ?) \
         INSERT INTO storage_entry (space, parent, name, ino) \
         SELECT e.space, e.parent, printf('n%08d', many.n), e.ino FROM many, storage_entry e WHERE e.name = 'n'";
    let mut write = db::Write::new();
    write.push_step(db::Query::new(names).bind(entries as i64));
    plane.storage.db().write(write).await.unwrap();
    let begun = std::time::Instant::now();
    let page = async |after: &str| {
        let path = format!("/api/v1/exports/v/entries?limit=1000&after={after}");
        let page = plane.ask("GET", &path, &[], Body::empty()).await.json();
        let names = page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned());
        (names.collect::<Vec<_>>(), page["next"].as_str().map(str::to_owned))
    };
    let (first, next) = page("%20").await;
    assert_eq!((first.len(), first[0].as_str(), next.as_deref()), (1_000, "n", Some("n00000998")));
    let middle = entries / 2;
    let (inside, _) = page(&format!("n{middle:08}")).await;
    let expected: Vec<_> = (middle + 1..=middle + 1_000).map(|n| format!("n{n:08}")).collect();
    assert_eq!(inside, expected);
    let (last, next) = page(&format!("n{:08}", entries - 3)).await;
    assert_eq!((last.len(), next), (2, None));
    println!("three pages of {entries} entries in {:?}", begun.elapsed());
    let reply = plane.ask("GET", &format!("/api/v1/exports/v/files/n{middle:08}"), &[], Body::empty()).await;
    assert_eq!((reply.status, &reply.body[..]), (StatusCode::OK, &b"x"[..]));
}
