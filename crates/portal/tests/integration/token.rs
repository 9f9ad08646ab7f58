//! API tokens: stolen, expired, another's.

use std::time::Duration;

use axum::body::Body;
use axum::http::{StatusCode, header};
use db::Query;
use serde_json::json;

use crate::app::App;

#[tokio::test]
async fn a_token_is_shown_once_and_stored_as_a_hash() {
    let app = App::start().await;
    let (_, ada) = app.account("ada", "learner").await;
    let made = ada.post("/api/v1/tokens", &json!({ "name": "laptop", "days": 30 })).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let secret = made.json()["token"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("amphi_"));
    assert_eq!(app.with_token(&secret).get("/api/v1/me").await.json()["via"], "token");
    assert!(!ada.get("/api/v1/tokens").await.text.contains(&secret));
    let rows = app.db.all(Query::new("SELECT secret_hash, name FROM portal_token")).await.unwrap();
    assert!(rows.iter().all(|row| row.get::<String>("secret_hash").unwrap().len() == 64));
}

#[tokio::test]
async fn expired_deleted_and_invented_tokens_are_refused() {
    let app = App::start().await;
    let (_, ada) = app.account("ada", "learner").await;
    let made = ada.post("/api/v1/tokens", &json!({ "name": "short", "days": 1 })).await.json();
    let short = app.with_token(made["token"].as_str().unwrap());
    let made = ada.post("/api/v1/tokens", &json!({ "name": "long" })).await.json();
    let long = app.with_token(made["token"].as_str().unwrap());
    assert_eq!(short.get("/api/v1/me").await.status, StatusCode::OK);
    app.clock.advance(Duration::from_secs(24 * 3600));
    let refused = short.get("/api/v1/me").await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::UNAUTHORIZED, "token-invalid"));
    assert!(refused.header(header::WWW_AUTHENTICATE).starts_with("Bearer"));

    assert_eq!(long.get("/api/v1/me").await.status, StatusCode::OK);
    let id = made["id"].as_str().unwrap();
    assert_eq!(ada.delete(&format!("/api/v1/tokens/{id}")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(long.get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED, "refused at once, not after the cache");

    for invented in ["amphi_", "amphi_0000000000000000000000000000000000000000000", "x", ""] {
        assert_eq!(app.with_token(invented).get("/api/v1/me").await.code(), "token-invalid", "{invented:?}");
    }
    let basic = app.client().request("GET", "/api/v1/me").header(header::AUTHORIZATION, "Basic YTpi");
    assert_eq!(app.client().send(basic.body(Body::empty()).unwrap()).await.code(), "token-invalid");
}

#[tokio::test]
async fn anothers_token_and_session_are_not_there() {
    let app = App::start().await;
    let (_, ada) = app.account("ada", "teacher").await;
    let (_, bob) = app.account("bob", "learner").await;
    let token = bob.post("/api/v1/tokens", &json!({ "name": "bob's" })).await.json()["id"].as_str().unwrap().to_owned();
    let session = bob.get("/api/v1/sessions").await.json()["items"][0]["id"].as_str().unwrap().to_owned();
    for path in
        [format!("/api/v1/tokens/{token}"), format!("/api/v1/sessions/{session}"), format!("/api/v1/sessions/{token}")]
    {
        assert_eq!(ada.delete(&path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(ada.delete("/api/v1/tokens/not-an-id").await.status, StatusCode::NOT_FOUND);
    assert_eq!(bob.get("/api/v1/tokens").await.json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(bob.delete("/api/v1/sessions/current").await.status, StatusCode::NO_CONTENT);
    assert_eq!(bob.get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_disabled_account_loses_token_and_session_at_once() {
    let app = App::start().await;
    let (id, ada) = app.account("ada", "operator").await;
    let made = ada.post("/api/v1/tokens", &json!({ "name": "t" })).await.json();
    let program = app.with_token(made["token"].as_str().unwrap());
    assert_eq!(program.get("/api/v1/clients").await.status, StatusCode::OK);
    let path = format!("/api/v1/accounts/{id}");
    assert_eq!(app.admin().json("PATCH", &path, &json!({ "role": "learner" })).await.status, StatusCode::OK);
    assert_eq!(program.get("/api/v1/clients").await.status, StatusCode::FORBIDDEN);
    assert_eq!(app.admin().json("PATCH", &path, &json!({ "disabled": true })).await.status, StatusCode::OK);
    assert_eq!(program.get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(ada.get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
    let body = json!({ "login": "ada", "password": "correct horse battery" });
    assert_eq!(app.client().post("/api/v1/sessions", &body).await.code(), "sign-in-wrong");
}
