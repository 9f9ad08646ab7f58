//! Recordings, uploads and the quarantine over the REST API, by roles and tenants.

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};

use crate::archive::tests::{recording_tar, tar_of};
use crate::plane::{Plane, Reply};
use crate::task::spool::tests::{ID, plane_with_recording};

const LIST: &str = "/api/v1/conference/recordings";
const UPLOADS: &str = "/api/v1/conference/uploads";

async fn piece(plane: &Plane, path: &str, offset: &str, content: Vec<u8>) -> Reply {
    let request = Request::patch(path)
        .header(header::AUTHORIZATION, format!("Bearer {}", plane.admin))
        .header("upload-offset", offset)
        .body(Body::from(content));
    plane.send(request.unwrap()).await
}

#[tokio::test]
async fn teachers_have_their_tenants_recordings_and_operators_all() {
    let plane = plane_with_recording("").await;
    let law = plane.tenant("law").await;
    let (tea, lea) = (plane.account("tea", "teacher").await, plane.account("lea", "learner").await);
    let (other, ops) =
        (plane.account_in(&law, "uma", "teacher").await, plane.account_in(&law, "ops", "operator").await);
    let path = format!("{LIST}/{ID}");
    for token in [&tea, &ops] {
        let listed = plane.get(token, LIST).await.expect(200);
        assert_eq!(listed["items"][0]["id"], ID);
        let playback = json!([{ "format": "video", "url": format!("https://amphi.example.org/video/{ID}/index.html"),
            "minutes": 1, "bytes": 1_531_235 }]);
        assert_eq!(plane.get(token, &path).await.expect(200)["playbacks"], playback);
    }
    assert_eq!(plane.get(&other, LIST).await.expect(200)["items"], json!([]));
    for (method, body) in [("GET", Value::Null), ("PATCH", json!({ "published": false })), ("DELETE", Value::Null)] {
        assert_eq!(plane.call(&other, method, &path, body.clone()).await.problem(404), "recording-unknown");
        assert_eq!(plane.call(&lea, method, &path, body).await.problem(403), "role-needed");
    }
    let change = json!({ "name": " Week 1 ", "published": false, "protected": true, "metadata": { "Term": "s1" } });
    let changed = plane.patch(&tea, &path, change).await.expect(200);
    assert_eq!((&changed["name"], &changed["state"]), (&json!("Week 1"), &json!("unpublished")));
    assert_eq!((&changed["is_protected"], &changed["metadata"]["term"]), (&json!(true), &json!("s1")));
    assert_eq!(plane.patch(&tea, &path, json!({ "name": "" })).await.problem(400), "recording");
    assert_eq!(plane.patch(&tea, &path, json!({ "metadata": { "a b": "x" } })).await.problem(400), "recording");
    assert_eq!(plane.get(&tea, &format!("{LIST}?state=published")).await.expect(200)["items"], json!([]));
    assert_eq!(plane.get(&tea, &format!("{LIST}?meeting=none")).await.expect(200)["items"], json!([]));
    assert_eq!(plane.get(&tea, &format!("{LIST}?state=x")).await.problem(400), "recording");
    assert_eq!(plane.get(&tea, &format!("{LIST}?before=x")).await.problem(400), "cursor");
    plane.delete(&tea, &path).await.expect(204);
    assert_eq!(plane.get(&tea, &path).await.problem(404), "recording-unknown");
    assert_eq!(plane.get(&tea, &format!("{LIST}?state=deleted")).await.expect(200)["items"][0]["id"], ID);
}

#[tokio::test]
async fn an_upload_goes_on_where_it_was_cut() {
    let plane = Plane::new().await;
    let tea = plane.account("tea", "teacher").await;
    assert_eq!(plane.post(&tea, UPLOADS, json!({})).await.problem(403), "role-needed");
    let begun = plane.post(&plane.admin, UPLOADS, json!({ "name": "a.tar" })).await.expect(201);
    let path = format!("{UPLOADS}/{}", begun["id"].as_str().unwrap());
    let tar = recording_tar(ID, "video", "");
    let (first, second) = tar.split_at(700);
    assert_eq!(piece(&plane, &path, "0", first.to_vec()).await.expect(200)["offset"], 700);
    let wrong = piece(&plane, &path, "0", second.to_vec()).await;
    assert_eq!((wrong.problem(409), wrong.header("upload-offset")), ("upload-offset".into(), "700"));
    assert_eq!(piece(&plane, &path, "x", second.to_vec()).await.problem(400), "upload-offset-missing");
    assert_eq!(plane.get(&plane.admin, &path).await.expect(200)["offset"], 700);

    // A connection that breaks within a piece leaves what came of it.
    let cut: Vec<Result<Vec<u8>, std::io::Error>> = vec![Ok(second[..100].to_vec()), Err(std::io::Error::other("cut"))];
    let request = Request::patch(&path)
        .header(header::AUTHORIZATION, format!("Bearer {}", plane.admin))
        .header("upload-offset", "700")
        .body(Body::from_stream(futures::stream::iter(cut)));
    assert_eq!(plane.send(request.unwrap()).await.header("upload-offset"), "800");
    piece(&plane, &path, "800", second[100..].to_vec()).await.expect(200);
    let finish = format!("{path}/finish");
    let done = plane.post(&plane.admin, &finish, Value::Null).await.expect(200);
    assert_eq!(done["recordings"], json!([ID]));
    assert_eq!(plane.post(&plane.admin, &finish, Value::Null).await.problem(404), "upload-unknown");
    assert_eq!(plane.get(&plane.admin, &format!("{UPLOADS}/..%2fx")).await.problem(404), "upload-unknown");
    assert_eq!(std::fs::read_dir(plane.classroom.config().dir.join("uploads")).unwrap().count(), 0);
}

#[tokio::test]
async fn an_upload_that_is_no_recording_says_why() {
    let plane = Plane::new().await;
    let begun = plane.post(&plane.admin, UPLOADS, json!({ "name": "out.tar" })).await.expect(201);
    let path = format!("{UPLOADS}/{}", begun["id"].as_str().unwrap());
    piece(&plane, &path, "0", tar_of(&[("../evil", b"x")])).await.expect(200);
    let refused = plane.post(&plane.admin, &format!("{path}/finish"), Value::Null).await;
    assert_eq!(refused.problem(409), "recording-rejected");
    let sentence = "The archive holds \"../evil\", which leads out of its folder.";
    assert_eq!(refused.expect(409)["message"], sentence);
    let set_aside = plane.get(&plane.admin, "/api/v1/conference/quarantine").await.expect(200);
    assert_eq!(
        (&set_aside["items"][0]["file"], &set_aside["items"][0]["reason"]),
        (&json!("out.tar"), &json!(sentence))
    );
}

#[tokio::test]
async fn uploads_that_nobody_finishes_are_removed() {
    let plane = Plane::new().await;
    let begin = async || {
        let begun = plane.post(&plane.admin, UPLOADS, json!({})).await.expect(201);
        format!("{UPLOADS}/{}", begun["id"].as_str().unwrap())
    };
    let (given_up, old) = (begin().await, begin().await);
    plane.delete(&plane.admin, &given_up).await.expect(204);
    assert_eq!(plane.get(&plane.admin, &given_up).await.problem(404), "upload-unknown");
    plane.clock.advance(std::time::Duration::from_secs(7 * 86_400 + 1));
    let new = begin().await;
    plane.classroom.spool_turn().await.unwrap();
    assert_eq!(plane.get(&plane.admin, &old).await.problem(404), "upload-unknown");
    plane.get(&plane.admin, &new).await.expect(200);
}
