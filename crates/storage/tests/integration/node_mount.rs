//! Exports mounted on nodes: asked for, refused, opened by a token that opens nothing else.

use db::Query;
use serde_json::{Value, json};
use wire::authority::KeyRequest;

use crate::plane::Plane;

const MOUNTS: &str = "/api/v1/nodes/lab-a/mounts";

#[tokio::test]
async fn a_mount_waits_for_its_node_and_goes_when_that_never_spoke() {
    let plane = Plane::new().await;
    plane.volume("films").await;
    let wanted = json!({ "export": "films", "directory": "/mnt/films/" });
    let made = plane.admin("POST", MOUNTS, wanted.clone()).await.expect(201);
    assert_eq!((&made["directory"], &made["state"]), (&json!("/mnt/films"), &json!("waiting")));
    assert_eq!(plane.admin("POST", MOUNTS, wanted).await.problem(409), "directory-taken");
    for (body, status, code) in [
        (json!({ "export": "films", "directory": "mnt" }), 400, "mount-directory"),
        (json!({ "export": "films", "directory": "/a/../b" }), 400, "mount-directory"),
        (json!({ "export": "none", "directory": "/a" }), 404, "export-unknown"),
    ] {
        assert_eq!(plane.admin("POST", MOUNTS, body).await.problem(status), code);
    }
    assert_eq!(plane.admin("GET", "/api/v1/nodes/lab-z/mounts", Value::Null).await.problem(404), "node-unknown");
    let teacher = plane.account("tom", "teacher").await;
    assert_eq!(plane.call(&teacher, "GET", MOUNTS, Value::Null).await.problem(403), "role-needed");

    let listed = plane.admin("GET", MOUNTS, Value::Null).await.expect(200);
    let path = format!("{MOUNTS}/{}", listed["items"][0]["id"].as_str().unwrap());
    plane.admin("DELETE", &path, Value::Null).await.expect(202);
    assert_eq!(plane.admin("DELETE", &path, Value::Null).await.problem(404), "mount-unknown");
    assert_eq!(plane.count("storage_node_mount").await, 0);
    assert_eq!(plane.count("portal_token WHERE scope IS NOT NULL").await, 0);
}

#[tokio::test]
async fn its_token_opens_the_sessions_of_its_export_alone() {
    let plane = Plane::new().await;
    plane.volume("films").await;
    plane.volume("other").await;
    plane.admin("POST", MOUNTS, json!({ "export": "films", "directory": "/mnt/films" })).await.expect(201);
    let row = plane.db.one(Query::new("SELECT id, token FROM storage_node_mount")).await.unwrap();
    let (id, sealed): (String, String) = (row.get("id").unwrap(), row.get("token").unwrap());
    let token = plane.seal.open(&id, &sealed).unwrap().expose().clone();
    let open = json!({ "what": "lab-a:/mnt", "csr_pem": KeyRequest::generate().unwrap().csr_pem });
    let sessions = |export: &str| format!("/api/v1/exports/{export}/sessions");
    let opened = plane.call(&token, "POST", &sessions("films"), open.clone()).await.expect(201);
    let session = format!("{}/{}", sessions("films"), opened["id"].as_str().unwrap());
    plane.call(&token, "PATCH", &session, json!({})).await.expect(200);
    assert_eq!(plane.call(&token, "POST", &sessions("other"), open).await.problem(403), "token-scope");
    for path in ["/api/v1/exports", "/api/v1/exports/films", "/api/v1/me", "/api/v1/tokens"] {
        assert_eq!(plane.call(&token, "GET", path, Value::Null).await.problem(403), "token-scope", "{path}");
    }
}
