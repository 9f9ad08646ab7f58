//! Every query of the portal on every engine, through the operations that use them.

use std::time::Duration;

use axum::body::Body;
use axum::http::{StatusCode, header};
use db::{Database, Query};
use serde_json::json;
use testkit::clock::ManualClock;

use crate::app::{App, START_MS};
use crate::events::caller_of;
use crate::sign_in::flush;

testkit::for_each_engine!(portal::migrations();
    accounts_and_tenants, sessions_and_tokens, idempotency_and_pruning, journal_pages);

async fn app(db: Database) -> App {
    App::over(db, ManualClock::at(START_MS), tempfile::tempdir().unwrap()).await
}

async fn accounts_and_tenants(db: Database) {
    let app = app(db).await;
    let admin = app.admin();
    assert!(app.portal.bootstrap(app.dir.path(), "a").await.unwrap().is_none());
    let tenant = admin.post("/api/v1/tenants", &json!({ "name": "arts", "title": "Arts é 𝄞" })).await.json();
    let path = format!("/api/v1/tenants/{}", tenant["id"].as_str().unwrap());
    assert_eq!(
        admin.post("/api/v1/tenants", &json!({ "name": "arts", "title": "x" })).await.code(),
        "tenant-name-taken"
    );
    let (id, _) = app.account("ada", "learner").await;
    assert_eq!(admin.post("/api/v1/accounts", &json!({ "login": "ada", "name": "x" })).await.code(), "login-taken");
    let account = format!("/api/v1/accounts/{id}");
    let change = json!({ "tenant": tenant["id"], "role": "admin", "name": "100%_!" });
    assert_eq!(admin.json("PATCH", &account, &change).await.status, StatusCode::OK);
    let query = format!("/api/v1/accounts?q=0%25_!&role=admin&tenant={}", tenant["id"].as_str().unwrap());
    assert_eq!(admin.get(&query).await.json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(admin.get(&path).await.json()["accounts"], 1);
    assert_eq!(admin.delete(&path).await.code(), "tenant-not-empty");
    assert_eq!(admin.json("PATCH", &path, &json!({ "title": "Arts" })).await.status, StatusCode::OK);
    assert_eq!(admin.json("PATCH", &path, &json!({ "title": "Arts" })).await.status, StatusCode::OK, "again");
    assert_eq!(admin.json("PATCH", &account, &json!({ "role": "learner" })).await.status, StatusCode::OK);
    let own = format!("/api/v1/accounts/{}", admin.get("/api/v1/me").await.json()["id"].as_str().unwrap());
    assert_eq!(admin.delete(&own).await.code(), "last-admin");
    assert_eq!(admin.delete(&account).await.status, StatusCode::NO_CONTENT);
    assert_eq!(admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(admin.get("/api/v1/tenants?limit=1&after=d").await.json()["items"].as_array().unwrap().len(), 1);
}

async fn sessions_and_tokens(db: Database) {
    let app = app(db).await;
    let (_, ada) = app.account("ada", "learner").await;
    let (_, ops) = app.account("ops", "operator").await;
    let made = ada.post("/api/v1/tokens", &json!({ "name": "t", "days": 1 })).await.json();
    let program = app.with_token(made["token"].as_str().unwrap());
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(program.get("/api/v1/me").await.status, StatusCode::OK);
    assert_eq!(ada.get("/api/v1/me").await.status, StatusCode::OK);
    for change in [json!({ "name": "Ada é 𝄞" }), json!({ "locale": "fr" }), json!({})] {
        assert_eq!(ada.json("PATCH", "/api/v1/me", &change).await.status, StatusCode::OK, "{change}");
    }
    let me = ada.get("/api/v1/me").await.json();
    assert_eq!((&me["name"], &me["locale"], &me["role"]), (&json!("Ada é 𝄞"), &json!("fr"), &json!("learner")));
    for client in [&ada, &program] {
        assert!(app.portal.still_holds(&caller_of(client).await).await);
    }
    flush(&app).await;
    assert!(ada.get("/api/v1/tokens").await.json()["items"][0]["last_used"].is_string());
    let own = ada.get("/api/v1/sessions").await.json();
    assert_eq!(own["items"].as_array().unwrap().len(), 2, "{own}");
    let all = ops.get("/api/v1/clients").await.json();
    let kinds = |kind: &str| all["items"].as_array().unwrap().iter().filter(|c| c["kind"] == kind).count();
    assert_eq!((kinds("browser"), kinds("program")), (2, 2), "{all}");
    let again = ada.post("/api/v1/sessions", &json!({ "login": "ada", "password": "correct horse battery" })).await;
    assert_eq!(again.status, StatusCode::CREATED);
    let mut ada = ada;
    ada.keep(&again);
    let change = json!({ "current": "correct horse battery", "new": "another password" });
    assert_eq!(ada.post("/api/v1/me/password", &change).await.status, StatusCode::NO_CONTENT);
    let token = format!("/api/v1/tokens/{}", made["id"].as_str().unwrap());
    assert_eq!(ops.delete(&token).await.status, StatusCode::NOT_FOUND);
    assert_eq!(ada.delete(&token).await.status, StatusCode::NO_CONTENT);
    assert_eq!(ada.delete("/api/v1/sessions/current").await.status, StatusCode::NO_CONTENT);
}

async fn idempotency_and_pruning(db: Database) {
    let app = app(db).await;
    let send = |key: &'static str| {
        let request = app.admin().request("POST", "/api/v1/test/count").header("idempotency-key", key);
        let request = request.header(header::CONTENT_TYPE, "application/json").body(Body::from("{}")).unwrap();
        let admin = app.admin();
        async move { admin.send(request).await }
    };
    let first = send("k").await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text);
    assert_eq!(send("k").await.text, first.text);
    app.sign_in("admin", &app.admin_password).await;
    assert_eq!(portal_rows(&app).await, (1, 1, 1));
    // The engines' databases run on the real clock, so it is the rows that age.
    let age = db::Write::new()
        .step(Query::new("UPDATE portal_idempotency SET created_ms = 0"))
        .step(Query::new("UPDATE portal_session SET last_seen_ms = 0"))
        .step(Query::new("UPDATE portal_token SET expires_ms = 1"));
    app.db.write(age).await.unwrap();
    let shutdown = tokio_util::sync::CancellationToken::new();
    let tasks = portal::spawn_tasks(&app.portal, shutdown.clone());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while portal_rows(&app).await != (0, 0, 0) {
        assert!(tokio::time::Instant::now() < deadline, "what is over is still there");
        tokio::task::yield_now().await;
    }
    shutdown.cancel();
    for task in tasks {
        task.await.unwrap();
    }
}

async fn portal_rows(app: &App) -> (i64, i64, i64) {
    let count = async |table: &str| {
        let row = app.db.one(Query::new(format!("SELECT COUNT(*) AS n FROM {table}"))).await.unwrap();
        row.get::<i64>("n").unwrap()
    };
    (count("portal_idempotency").await, count("portal_session").await, count("portal_token").await)
}

async fn journal_pages(db: Database) {
    let app = app(db).await;
    let admin = app.admin();
    for name in ["a", "b", "c"] {
        assert_eq!(
            admin.post("/api/v1/tenants", &json!({ "name": name, "title": name })).await.status,
            StatusCode::CREATED
        );
    }
    let first = admin.get("/api/v1/audit?limit=2&login=admin&action=tenant.").await.json();
    assert_eq!(first["items"][0]["target"], "c");
    let next = format!("/api/v1/audit?limit=2&login=admin&action=tenant.&before={}", first["next"].as_str().unwrap());
    let second = admin.get(&next).await.json();
    assert_eq!((second["items"].as_array().unwrap().len(), &second["items"][0]["target"]), (1, &json!("a")));
    let exact = admin.get("/api/v1/audit?action=tenant.create&target=B").await.json();
    assert_eq!(exact["items"].as_array().unwrap().len(), 1);
}
