//! `/events`: who may hear what, what comes, when it ends.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{StatusCode, header};
use db::Write;
use futures::StreamExt as _;
use portal::{Caller, Portal};
use serde_json::json;

use crate::app::{App, Client};

async fn listen(client: &Client, query: &str) -> BodyDataStream {
    let request = client.request("GET", &format!("/events?{query}")).header(header::ACCEPT_ENCODING, "gzip");
    let response = client.raw(request.body(Body::empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    assert!(!response.headers().contains_key(header::CONTENT_ENCODING), "a compressed stream would be held back");
    response.into_body().into_data_stream()
}

async fn next(stream: &mut BodyDataStream) -> Option<String> {
    let within = tokio::time::timeout(Duration::from_secs(10), stream.next()).await.expect("an event in time");
    within.map(|chunk| String::from_utf8(chunk.unwrap().to_vec()).unwrap())
}

#[tokio::test]
async fn topics_are_sent_once_at_the_start_and_on_each_change() {
    let app = App::start().await;
    let (_, ada) = app.account("ada", "learner").await;
    let mut stream = listen(&ada, "topic=news").await;
    let first = next(&mut stream).await.unwrap();
    assert!(first.contains("event: news") && first.contains("id: 0") && first.contains("data: news"), "{first}");
    app.db.write(Write::new().event("test.news")).await.unwrap();
    let second = next(&mut stream).await.unwrap();
    assert!(second.contains("event: news") && second.contains("id: 1"), "{second}");
}

#[tokio::test]
async fn topics_that_are_not_for_the_caller_are_refused() {
    let app = App::start().await;
    let (_, ada) = app.account("ada", "learner").await;
    for topic in ["clients", "journal", "accounts", "portal.sessions", "nonsense"] {
        assert_eq!(ada.get(&format!("/events?topic={topic}")).await.code(), "topic-refused", "{topic}");
    }
    assert_eq!(ada.get("/events").await.code(), "topics-wrong");
    assert_eq!(app.client().get("/events?topic=news").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_stream_ends_with_its_session_and_with_the_program() {
    let app = App::start().await;
    let (id, ada) = app.account("ada", "learner").await;
    let mut stream = listen(&ada, "topic=news").await;
    next(&mut stream).await.unwrap();
    let disable = app.admin().json("PATCH", &format!("/api/v1/accounts/{id}"), &json!({ "disabled": true })).await;
    assert_eq!(disable.status, StatusCode::OK);
    assert_eq!(next(&mut stream).await, None);

    let mut stream = listen(&app.admin(), "topic=clients&topic=news").await;
    next(&mut stream).await.unwrap();
    next(&mut stream).await.unwrap();
    app.portal.closing().cancel();
    while next(&mut stream).await.is_some() {}
}

/// The caller as a handler gets it.
pub async fn caller_of(client: &Client) -> Caller {
    let request = client.request("GET", "/api/v1/test/caller").body(Body::empty()).unwrap();
    client.raw(request).await.extensions().get::<Caller>().cloned().expect("a caller")
}

#[tokio::test]
async fn a_caller_holds_until_role_tenant_or_credential_change() {
    let app = App::start().await;
    let admin = app.admin();
    let tenant = admin.post("/api/v1/tenants", &json!({ "name": "science", "title": "Sciences" })).await.json();
    let changes = [
        ("role", json!({ "role": "teacher" })),
        ("tenant", json!({ "tenant": tenant["id"] })),
        ("disabled", json!({ "disabled": true })),
    ];
    for (login, change) in changes {
        let (id, client) = app.account(login, "learner").await;
        let caller = caller_of(&client).await;
        let path = format!("/api/v1/accounts/{id}");
        assert_eq!(admin.json("PATCH", &path, &json!({ "name": "Another" })).await.status, StatusCode::OK);
        assert!(app.portal.still_holds(&caller).await, "{login}");
        let watch = app.db.events().watch(Portal::identity_topics().map(String::from));
        assert_eq!(admin.json("PATCH", &path, &change).await.status, StatusCode::OK);
        tokio::time::timeout(Duration::from_secs(10), watch.changed()).await.expect("told in time");
        assert!(!app.portal.still_holds(&caller).await, "{login}");
    }

    let (_, ada) = app.account("ada", "learner").await;
    let caller = caller_of(&ada).await;
    app.clock.advance(Duration::from_secs(31 * 24 * 3600));
    assert!(!app.portal.still_holds(&caller).await, "the session is over");
    let made = admin.post("/api/v1/tokens", &json!({ "name": "t", "days": 1 })).await.json();
    let caller = caller_of(&app.with_token(made["token"].as_str().unwrap())).await;
    assert!(app.portal.still_holds(&caller).await);
    app.clock.advance(Duration::from_secs(2 * 24 * 3600));
    assert!(!app.portal.still_holds(&caller).await, "the token has expired");
}
