//! `Idempotency-Key`: repeated answers, conflicts, secrets, failures.

use axum::body::Body;
use axum::http::{StatusCode, header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::app::{Answer, App, Client};

async fn post(client: &Client, path: &str, key: &str, body: &Value) -> Answer {
    let request = client.request("POST", path).header("idempotency-key", key);
    let request = request.header(header::CONTENT_TYPE, "application/json");
    client.send(request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn the_same_request_gets_the_same_answer_and_is_done_once() {
    let app = App::start().await;
    let admin = app.admin();
    let first = post(&admin, "/api/v1/test/count", "k1", &json!({})).await;
    let again = post(&admin, "/api/v1/test/count", "k1", &json!({})).await;
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert_eq!((first.header("idempotency-replayed"), again.header("idempotency-replayed")), ("", "true"));
    assert_ne!(post(&admin, "/api/v1/test/count", "k2", &json!({})).await.text, first.text);
    let (_, other) = app.account("ada", "learner").await;
    assert_ne!(post(&other, "/api/v1/test/count", "k1", &json!({})).await.text, first.text, "keys are per account");
}

#[tokio::test]
async fn a_key_for_another_request_is_a_conflict() {
    let app = App::start().await;
    let admin = app.admin();
    let tenant = |name: &str| json!({ "name": name, "title": "T" });
    let made = post(&admin, "/api/v1/tenants", "k", &tenant("one")).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let replayed = post(&admin, "/api/v1/tenants", "k", &tenant("one")).await;
    assert_eq!((replayed.status, replayed.header(header::LOCATION)), (made.status, made.header(header::LOCATION)));
    assert_eq!(post(&admin, "/api/v1/tenants", "k", &tenant("two")).await.code(), "idempotency-key-reused");
    assert_eq!(post(&admin, "/api/v1/tenants", "", &tenant("two")).await.code(), "idempotency-key-invalid");
    assert_eq!(admin.get("/api/v1/tenants").await.json()["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn secrets_are_not_kept_and_failures_may_be_repeated() {
    let app = App::start().await;
    let admin = app.admin();
    let token = json!({ "name": "t" });
    assert_eq!(post(&admin, "/api/v1/tokens", "s", &token).await.status, StatusCode::CREATED);
    assert_eq!(post(&admin, "/api/v1/tokens", "s", &token).await.code(), "secret-shown-once");
    for _ in 0..2 {
        assert_eq!(post(&admin, "/api/v1/test/fails", "f", &json!({})).await.code(), "away");
    }
    let wrong = json!({ "name": "", "title": "T" });
    assert_eq!(post(&admin, "/api/v1/tenants", "w", &wrong).await.code(), "tenant-name-invalid");
    let right = json!({ "name": "w", "title": "T" });
    assert_eq!(post(&admin, "/api/v1/tenants", "w", &right).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn what_is_kept_can_not_be_recomputed_from_the_request() {
    let app = App::start().await;
    let password = "correct horse battery";
    let kept = async |key: &'static str| -> String {
        let query = db::Query::new("SELECT fingerprint FROM portal_idempotency WHERE idem_key = ?").bind(key);
        app.db.one(query).await.unwrap().get("fingerprint").unwrap()
    };
    let hash = |text: String| Sha256::digest(text).iter().map(|b| format!("{b:02x}")).collect::<String>();
    let account = json!({ "login": "ada", "name": "Ada", "password": password });
    assert_eq!(post(&app.admin(), "/api/v1/accounts", "a", &account).await.status, StatusCode::CREATED);
    let bare = [format!("/api/v1/accounts\0{account}"), format!("\0/api/v1/accounts\0{account}")];
    assert!(!bare.map(hash).contains(&kept("a").await));

    let ada = app.sign_in("ada", password).await;
    let there = app.sign_in("ada", password).await;
    assert_eq!(post(&there, "/api/v1/test/count", "c", &json!({})).await.status, StatusCode::OK);
    assert_eq!(post(&ada, "/api/v1/test/count", "c", &json!({})).await.code(), "idempotency-key-reused");
    let change = json!({ "current": password, "new": "another password" });
    assert_eq!(post(&ada, "/api/v1/me/password", "p", &change).await.status, StatusCode::NO_CONTENT);
    let bare = [format!("/api/v1/me/password\0{change}"), format!("\0/api/v1/me/password\0{change}")];
    assert!(!bare.map(hash).contains(&kept("p").await));
}
