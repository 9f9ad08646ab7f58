//! A session that ends while a change is under way.

use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};

use super::*;

/// The sessions that were opened, and those in which something was to be changed.
#[derive(Default)]
struct Seen {
    opened: usize,
    applied: Vec<String>,
}

type Shared = State<Arc<Mutex<Seen>>>;

fn usage() -> Value {
    json!({ "bytes": 0, "inodes": 1, "bytes_soft": 0, "bytes_hard": 0, "inodes_hard": 0 })
}

async fn open(State(seen): Shared) -> (StatusCode, Json<Value>) {
    let mut seen = seen.lock().unwrap();
    seen.opened += 1;
    let session = json!({
        "id": format!("s{}", seen.opened), "space": 1, "root": 1, "volume": 1, "layout": 1, "epoch": seen.opened,
        "is_delegated": true, "read_only": false, "usage": usage(), "certificate_pem": "", "ca_pem": "", "stores": [],
    });
    (StatusCode::CREATED, Json(session))
}

/// The first session answers once that it does not know, and is over then.
async fn apply(State(seen): Shared, Path((_, session)): Path<(String, String)>) -> (StatusCode, Json<Value>) {
    let mut seen = seen.lock().unwrap();
    seen.applied.push(session.clone());
    let problem = |code| json!({ "code": code, "message": "" });
    match (session.as_str(), seen.applied.len()) {
        ("s1", 1) => (StatusCode::SERVICE_UNAVAILABLE, Json(problem("unavailable"))),
        ("s1", _) => (StatusCode::CONFLICT, Json(problem("stale"))),
        (_, _) => (StatusCode::OK, Json(usage())),
    }
}

#[tokio::test]
async fn a_change_without_an_answer_is_not_repeated_in_the_next_session() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let router = Router::new().route("/api/v1/exports/{export}/sessions", post(open));
    let router = router.route("/api/v1/exports/{export}/sessions/{id}/apply", post(apply)).with_state(seen.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let server = Server { url, token: None, ca_pem: None, addresses: Vec::new() };
    let (remote, opened) = Remote::open(server, "films", "test", "", false).await.unwrap();
    assert_eq!(opened.id, "s1");
    let reopen = async {
        remote.is_doubtful.notified().await;
        remote.open_again("test", "").await.unwrap();
    };
    let (applied, ()) = tokio::join!(remote.apply(Vec::new()), reopen);
    assert!(matches!(applied, Err(NamespaceError::Unavailable(_))), "it may have been done: {applied:?}");
    assert_eq!(seen.lock().unwrap().applied, ["s1", "s1"]);
    // What comes later is said in it.
    remote.apply(Vec::new()).await.unwrap();
    assert_eq!(seen.lock().unwrap().applied, ["s1", "s1", "s2"]);
}
