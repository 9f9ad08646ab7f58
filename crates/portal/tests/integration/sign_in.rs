//! Signing in and out, wrong passwords, CSRF, sessions that end.

use std::time::Duration;

use axum::body::Body;
use axum::http::{StatusCode, header};
use serde_json::json;

use crate::app::App;

#[tokio::test]
async fn first_start_makes_one_admin_and_a_private_token() {
    use std::os::unix::fs::PermissionsExt as _;
    let app = App::start().await;
    let file = app.dir.path().join("admin.token");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(app.admin().get("/api/v1/me").await.json()["role"], "admin");
    assert!(app.portal.bootstrap(app.dir.path(), "a").await.unwrap().is_none());
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), app.admin_token);

    std::fs::remove_file(&file).unwrap();
    assert!(app.portal.bootstrap(app.dir.path(), "a").await.unwrap().is_none());
    let anew = std::fs::read_to_string(&file).unwrap().trim().to_owned();
    assert_ne!(anew, app.admin_token);
    assert_eq!(app.admin().get("/api/v1/me").await.code(), "token-invalid");
    assert_eq!(app.with_token(&anew).get("/api/v1/me").await.json()["login"], "admin");
}

#[tokio::test]
async fn another_replica_has_a_token_of_its_own() {
    let app = App::start().await;
    let dir = tempfile::tempdir().unwrap();
    assert!(app.portal.bootstrap(dir.path(), "b").await.unwrap().is_none());
    let other = std::fs::read_to_string(dir.path().join("admin.token")).unwrap();
    for token in [other.trim(), &app.admin_token] {
        assert_eq!(app.with_token(token).get("/api/v1/me").await.json()["login"], "admin");
    }
}

#[tokio::test]
async fn a_browser_signs_in_by_the_form_and_out_again() {
    let app = App::start().await;
    let mut browser = app.client();
    let asked = browser.page("/account").await;
    assert_eq!((asked.status, asked.header(header::LOCATION)), (StatusCode::SEE_OTHER, "/sign-in?next=%2Faccount"));
    assert!(browser.page("/sign-in?next=/account").await.text.contains("value=\"/account\""));
    let fields = [("login", " Admin "), ("password", app.admin_password.as_str()), ("next", "/account")];
    let signed = browser.form("/sign-in", &fields).await;
    assert_eq!((signed.status, signed.header(header::LOCATION)), (StatusCode::SEE_OTHER, "/account"));
    let cookie = signed.header(header::SET_COOKIE);
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/"), "{cookie}");
    browser.keep(&signed);
    let page = browser.page("/account").await;
    assert_eq!(page.status, StatusCode::OK);
    browser.csrf = Some(between(&page.text, "data-csrf=\"", "\""));
    let out = browser.form("/sign-out", &[]).await;
    assert_eq!(out.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED, "the old cookie is worth nothing");
}

pub fn between(text: &str, before: &str, after: &str) -> String {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split_once(after).unwrap().0.to_owned()
}

#[tokio::test]
async fn signing_in_again_ends_the_session_before() {
    let app = App::start().await;
    let first = app.sign_in("admin", &app.admin_password).await;
    let body = json!({ "login": "admin", "password": app.admin_password });
    let again = first.post("/api/v1/sessions", &body).await;
    assert_eq!(again.status, StatusCode::CREATED);
    assert_eq!(first.get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
    let mut second = first.clone();
    second.keep(&again);
    assert_eq!(second.get("/api/v1/me").await.status, StatusCode::OK);
}

#[tokio::test]
async fn wrong_passwords_are_slowed_down_and_unknown_logins_look_the_same() {
    let app = App::start().await;
    let client = app.client();
    for login in ["admin", "nobody"] {
        let body = json!({ "login": login, "password": "wrong wrong wrong" });
        for _ in 0..10 {
            let answer = client.post("/api/v1/sessions", &body).await;
            assert_eq!((answer.status, answer.code().as_str()), (StatusCode::UNAUTHORIZED, "sign-in-wrong"));
        }
        let answer = client.post("/api/v1/sessions", &body).await;
        assert_eq!((answer.status, answer.header(header::RETRY_AFTER)), (StatusCode::TOO_MANY_REQUESTS, "900"));
    }
    let right = json!({ "login": "admin", "password": app.admin_password });
    assert_eq!(client.post("/api/v1/sessions", &right).await.status, StatusCode::TOO_MANY_REQUESTS);
    let page = client.form("/sign-in", &[("login", "admin"), ("password", "x")]).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(page.text.contains("Too many wrong passwords") && page.text.contains("value=\"admin\""));
    app.clock.advance(Duration::from_secs(15 * 60));
    assert_eq!(client.post("/api/v1/sessions", &right).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn wrong_passwords_sent_at_once_are_slowed_down_as_well() {
    let app = App::start().await;
    let client = app.client();
    let body = json!({ "login": "admin", "password": "wrong wrong wrong" });
    let answers = futures::future::join_all((0..60).map(|_| client.post("/api/v1/sessions", &body))).await;
    let count = |status: StatusCode| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(StatusCode::UNAUTHORIZED), count(StatusCode::TOO_MANY_REQUESTS)), (10, 50));
}

#[tokio::test]
async fn the_right_password_makes_the_wrong_ones_before_it_forgotten() {
    let app = App::start().await;
    let (_, ada) = app.account("ada", "learner").await;
    let change = |current: &str| json!({ "current": current, "new": "another password" });
    for _ in 0..2 {
        for _ in 0..9 {
            let answer = ada.post("/api/v1/me/password", &change("wrong wrong wrong")).await;
            assert_eq!(answer.code(), "password-wrong");
        }
        // The right present password, whatever is said of the new one.
        let same = json!({ "current": "correct horse battery", "new": "correct horse battery" });
        assert_eq!(ada.post("/api/v1/me/password", &same).await.code(), "password-same");
    }
    for _ in 0..10 {
        ada.post("/api/v1/me/password", &change("wrong wrong wrong")).await;
    }
    let right = ada.post("/api/v1/me/password", &change("correct horse battery")).await;
    assert_eq!(right.code(), "too-many-sign-ins");
}

#[tokio::test]
async fn a_change_without_the_csrf_token_or_from_elsewhere_is_refused() {
    let app = App::start().await;
    let (_, browser) = app.account("ada", "learner").await;
    let token = json!({ "name": "mine" });
    let mut forged = browser.clone();
    forged.csrf = None;
    assert_eq!(forged.post("/api/v1/tokens", &token).await.code(), "csrf");
    forged.csrf = Some("0".repeat(43));
    assert_eq!(forged.post("/api/v1/tokens", &token).await.code(), "csrf");
    assert_eq!(forged.form("/account/profile", &[("name", "Eve")]).await.status, StatusCode::FORBIDDEN);
    let foreign = browser.request("POST", "/api/v1/tokens").header("sec-fetch-site", "cross-site");
    let foreign = foreign.header(header::CONTENT_TYPE, "application/json").body(Body::from(token.to_string())).unwrap();
    assert_eq!(browser.send(foreign).await.code(), "cross-site");
    let socket = browser.request("GET", "/api/v1/me").header(header::UPGRADE, "websocket");
    let socket = socket.header(header::ORIGIN, "https://evil.test").body(Body::empty()).unwrap();
    assert_eq!(browser.send(socket).await.code(), "cross-site", "what goes up a WebSocket changes things");
    let login = browser.request("POST", "/sign-in").header(header::ORIGIN, "https://evil.test");
    let login = login.header(header::ACCEPT, "text/html").body(Body::from("login=a&password=b")).unwrap();
    assert_eq!(app.client().send(login).await.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.post("/api/v1/tokens", &token).await.status, StatusCode::CREATED);
    assert_eq!(browser.form("/account/profile", &[("name", "Ada")]).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn sessions_end_by_disuse_and_by_age() {
    let app = App::start().await;
    let day = Duration::from_secs(24 * 3600);
    let (_, idle) = app.account("idle", "learner").await;
    let (_, busy) = app.account("busy", "learner").await;
    for _ in 0..6 {
        app.clock.advance(day);
        assert_eq!(busy.get("/api/v1/me").await.status, StatusCode::OK);
        flush(&app).await;
    }
    app.clock.advance(day + day);
    assert_eq!(busy.get("/api/v1/me").await.status, StatusCode::OK);
    assert_eq!(idle.get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
    for _ in 0..24 {
        flush(&app).await;
        app.clock.advance(day);
        busy.get("/api/v1/me").await;
    }
    assert_eq!(busy.get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED, "30 days are the end");
}

/// Runs the background duties until they have written what they hold.
pub async fn flush(app: &App) {
    let shutdown = tokio_util::sync::CancellationToken::new();
    shutdown.cancel();
    for task in portal::spawn_tasks(&app.portal, shutdown) {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn changing_the_password_ends_the_other_sessions() {
    let app = App::start().await;
    let (_, here) = app.account("ada", "learner").await;
    let there = app.sign_in("ada", "correct horse battery").await;
    let change = |current: &str, new: &str| json!({ "current": current, "new": new });
    let refused = [
        (change("wrong wrong wrong", "another password"), "password-wrong", "current"),
        (change("correct horse battery", "short"), "password-too-short", "new"),
        (change("correct horse battery", "correct horse battery"), "password-same", "new"),
    ];
    for (body, code, field) in refused {
        let answer = here.post("/api/v1/me/password", &body).await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::BAD_REQUEST, code));
        assert_eq!(answer.json()["field"], field);
    }
    let done = here.post("/api/v1/me/password", &change("correct horse battery", "another password")).await;
    assert_eq!(done.status, StatusCode::NO_CONTENT, "{}", done.text);
    assert_eq!(here.get("/api/v1/me").await.status, StatusCode::OK);
    assert_eq!(there.get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
    app.sign_in("ada", "another password").await;
}

#[tokio::test]
async fn a_one_time_password_opens_nothing_but_its_change() {
    let app = App::start().await;
    let made = app.admin().post("/api/v1/accounts", &json!({ "login": "eve", "name": "Eve" })).await;
    let password = made.json()["password"].as_str().unwrap().to_owned();
    let browser = app.sign_in("eve", &password).await;
    assert_eq!(browser.get("/api/v1/tokens").await.code(), "password-change-needed");
    let page = browser.page("/api/v1/tokens").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(browser.page("/account").await.text.contains("Choose one of your own"));
    let change = json!({ "current": password, "new": "a password of my own" });
    assert_eq!(browser.post("/api/v1/me/password", &change).await.status, StatusCode::NO_CONTENT);
    assert_eq!(browser.get("/api/v1/tokens").await.status, StatusCode::OK);
}
