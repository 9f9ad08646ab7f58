//! Requests that are wrong before anybody looks at the experiment, callers who are nobody, and a database that is away.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::plane::{Plane, request};

fn submission(content_type: Option<&str>, body: impl Into<Body>, token: &str) -> Request<Body> {
    let request = Request::post("/api/v1/jobs").header(header::AUTHORIZATION, format!("Bearer {token}"));
    let request = match content_type {
        Some(content_type) => request.header(header::CONTENT_TYPE, content_type),
        None => request,
    };
    request.body(body.into()).unwrap()
}

#[tokio::test]
async fn bodies_are_checked() {
    let plane = Plane::new().await;
    let _agent = Agent::join(&plane, "lab-a", 1).await;
    let good = r#"{"tool":"ping","args":["192.0.2.1"]}"#;
    let json = Some("application/json");
    let ten_megabytes = format!(r#"{{"tool":"ping","args":["{}"]}}"#, "a".repeat(10 << 20));
    // A body whose length is not known beforehand.
    let pieces = futures::stream::iter((0..640).map(|_| Ok::<_, std::io::Error>(vec![b' '; 16 << 10])));
    let cases: Vec<(&str, Option<&str>, Body, u16, &str)> = vec![
        ("10 MB", json, ten_megabytes.into(), 413, "body-too-large"),
        ("10 MB in pieces", json, Body::from_stream(pieces), 413, "body-too-large"),
        ("form", Some("application/x-www-form-urlencoded"), good.into(), 415, "unsupported-type"),
        ("text", Some("text/plain"), good.into(), 415, "unsupported-type"),
        ("no type", None, good.into(), 415, "unsupported-type"),
        ("nothing", json, "".into(), 400, "json-broken"),
        ("cut off", json, r#"{"tool":"ping","#.into(), 400, "json-broken"),
        ("two values", json, format!("{good}{good}").into(), 400, "json-broken"),
        ("no UTF-8", json, b"{\"tool\":\"\xff\"}".to_vec().into(), 400, "json-broken"),
        ("list", json, "[]".into(), 400, "request"),
        ("wrong type", json, r#"{"tool":"ping","args":"192.0.2.1"}"#.into(), 400, "invalid-field"),
        ("unknown field", json, r#"{"tool":"ping","args":["192.0.2.1"],"nodes":"x"}"#.into(), 400, "unknown-field"),
        ("no tool", json, r#"{"args":["192.0.2.1"]}"#.into(), 400, "request"),
    ];
    for (case, content_type, body, status, code) in cases {
        let reply = plane.send(submission(content_type, body, &plane.admin)).await;
        assert_eq!(reply.problem(status), code, "{case}: {}", reply.text());
    }
    let unknown = r#"{"tool":"ping","args":["192.0.2.1"],"nodes":"x"}"#;
    let reply = plane.send(submission(json, unknown, &plane.admin)).await;
    assert_eq!(reply.json()["field"], "nodes");
    assert!(reply.text().contains("nodes"));
    let wrong = plane.send(submission(json, r#"{"tool":"ping","args":[1]}"#, &plane.admin)).await;
    assert_eq!(wrong.json()["field"], "args[0]");
    assert_eq!(plane.count("lab_job").await, 0);
    plane.send(submission(json, good, &plane.admin)).await.expect(202);
}

#[tokio::test]
async fn queries_and_names_are_checked() {
    let plane = Plane::new().await;
    let _agent = Agent::join(&plane, "lab-a", 1).await;
    let id = plane.ping().await;
    for (path, code, field) in [
        ("/api/v1/jobs?limit=0", "request", "limit"),
        ("/api/v1/jobs?limit=201", "request", "limit"),
        ("/api/v1/jobs?limit=many", "invalid-query", "limit"),
        ("/api/v1/jobs?status=done", "request", "status"),
        ("/api/v1/jobs?scope=world", "request", "scope"),
        ("/api/v1/jobs?before=p1", "cursor", "before"),
        ("/api/v1/jobs?before=%00", "cursor", "before"),
        ("/api/v1/jobs?sort=name", "invalid-query", "sort"),
    ] {
        let reply = plane.get(&plane.admin, path).await;
        assert_eq!((reply.problem(400).as_str(), reply.json()["field"].as_str()), (code, Some(field)), "{path}");
    }
    for (query, field) in [("stream=stdin", "stream"), ("attempt=2", "attempt"), ("attempt=0", "attempt")] {
        let reply = plane.get(&plane.admin, &format!("/api/v1/jobs/{id}/output?{query}")).await;
        assert_eq!((reply.problem(400).as_str(), reply.json()["field"].as_str()), ("request", Some(field)));
    }
    let path = format!("/api/v1/jobs/{id}");
    for (change, code) in [
        (json!({ "name": "x".repeat(121) }), "name-too-long"),
        (json!({ "name": "a\nb" }), "name-control"),
        (json!({ "state": "completed" }), "unknown-field"),
    ] {
        assert_eq!(plane.call(&plane.admin, "PATCH", &path, change).await.problem(400), code);
    }
    let renamed = plane.call(&plane.admin, "PATCH", &path, json!({ "name": " é 😀 " })).await.expect(200);
    assert_eq!(renamed["name"], "é 😀");
}

#[tokio::test]
async fn a_token_that_does_not_hold_is_refused() {
    let plane = Plane::new().await;
    let _agent = Agent::join(&plane, "lab-a", 1).await;
    let ada = plane.account("ada", "learner").await;
    let a_day = plane.token("ada", json!(1)).await;
    let stolen = plane.token("ada", Value::Null).await;
    let submit = json!({ "tool": "ping", "args": ["192.0.2.1"] });
    for token in [&ada, &a_day, &stolen] {
        plane.call(token, "POST", "/api/v1/jobs", submit.clone()).await.expect(202);
    }
    // Its owner notices and deletes it: newest first, so it is the first of the list.
    let tokens = plane.get(&ada, "/api/v1/tokens").await.expect(200);
    let id = tokens["items"][0]["id"].as_str().unwrap().to_owned();
    plane.call(&ada, "DELETE", &format!("/api/v1/tokens/{id}"), Value::Null).await.expect(204);
    plane.clock.advance(Duration::from_secs(86_401));
    let made_up = format!("{}x", &ada[..ada.len() - 1]);
    for (case, token) in [("revoked", &stolen), ("expired", &a_day), ("made up", &made_up), ("no token", &"x".into())] {
        let reply = plane.call(token, "POST", "/api/v1/jobs", submit.clone()).await;
        assert_eq!(reply.problem(401), "token-invalid", "{case}");
        assert!(reply.headers.contains_key(header::WWW_AUTHENTICATE));
    }
    assert_eq!(plane.call("", "POST", "/api/v1/jobs", submit.clone()).await.problem(401), "not-signed-in");
    let account = plane.get(&ada, "/api/v1/me").await.expect(200)["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/accounts/{account}");
    plane.call(&plane.admin, "PATCH", &path, json!({ "disabled": true })).await.expect(200);
    assert_eq!(plane.call(&ada, "POST", "/api/v1/jobs", submit).await.problem(401), "token-invalid");
    assert_eq!(plane.count("lab_job").await, 3);
}

#[tokio::test]
async fn with_the_database_away_nothing_is_half_done() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 2).await;
    let id = plane.ping().await;
    let start = agent.start().await;
    plane.db.close().await;
    // The status was read already, and is answered from memory for a second.
    plane.clock.advance(Duration::from_secs(1));
    let job = format!("/api/v1/jobs/{id}");
    for (method, path, body) in [
        ("POST", "/api/v1/jobs", json!({ "tool": "ping", "args": ["192.0.2.1"] })),
        ("GET", "/api/v1/jobs", Value::Null),
        ("GET", &job, Value::Null),
        ("PATCH", &job, json!({ "name": "x" })),
        ("POST", &format!("{job}/cancel"), Value::Null),
        ("DELETE", &job, Value::Null),
        ("GET", &format!("{job}/output"), Value::Null),
        ("GET", "/api/v1/nodes", Value::Null),
        ("GET", "/api/v1/status", Value::Null),
    ] {
        let reply = plane.send(request(&plane.admin, method, path, body)).await;
        assert_eq!(reply.problem(503), "database-unavailable", "{method} {path}");
        assert!(reply.headers.contains_key(header::RETRY_AFTER));
    }
    // The agent's message can't be stored, so it is not acknowledged: the stream ends and the agent sends it again.
    agent.send(wire::proto::from_agent::Message::Ended(crate::agent::end(&start, wire::proto::Reason::Exited))).await;
    assert!(agent.link.next().await.is_none());
    let plane = plane.restart().await;
    agent.reconnect(&plane).await;
    assert_eq!(plane.job(&id).await["status"], "running");
    agent.exited(&start, 0).await;
    plane.job_is(&id, "completed").await;
    assert_eq!((plane.count("lab_job").await, plane.count("lab_run").await), (1, 1));
}
