//! Administration of accounts and tenants, and what the journal says of it.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::app::App;

const NOBODY_ID: &str = "01890000-0000-7000-8000-000000000000";

fn logins(answer: &Value) -> Vec<String> {
    answer["items"].as_array().unwrap().iter().map(|a| a["login"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn accounts_are_made_found_changed_and_deleted() {
    let app = App::start().await;
    let admin = app.admin();
    let (id, _) = app.account("ada", "teacher").await;
    app.account("bob", "learner").await;
    assert_eq!(logins(&admin.get("/api/v1/accounts?q=AD").await.json()), ["ada", "admin"]);
    assert_eq!(logins(&admin.get("/api/v1/accounts?role=learner").await.json()), ["bob"]);
    let first = admin.get("/api/v1/accounts?limit=2").await.json();
    assert_eq!(logins(&first), ["ada", "admin"]);
    let next = format!("/api/v1/accounts?limit=2&after={}", first["next"].as_str().unwrap());
    let second = admin.get(&next).await.json();
    assert_eq!((logins(&second), second.get("next")), (vec![String::from("bob")], None));

    let path = format!("/api/v1/accounts/{id}");
    let changed = admin.json("PATCH", &path, &json!({ "name": "Ada L.", "role": "operator" })).await.json();
    assert_eq!((&changed["name"], &changed["role"]), (&json!("Ada L."), &json!("operator")));
    let reset = admin.post(&format!("{path}/password"), &json!({})).await;
    assert_eq!(reset.status, StatusCode::OK, "{}", reset.text);
    app.sign_in("ada", reset.json()["password"].as_str().unwrap()).await;
    assert_eq!(admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(admin.get(&path).await.status, StatusCode::NOT_FOUND);

    let deeds = admin.get("/api/v1/audit?action=account.&target=ada").await.json();
    let deeds: Vec<&str> = deeds["items"].as_array().unwrap().iter().map(|e| e["action"].as_str().unwrap()).collect();
    assert_eq!(deeds, ["account.delete", "account.reset", "account.change", "account.create"]);
}

#[tokio::test]
async fn what_is_wrong_with_an_account_is_said() {
    let app = App::start().await;
    let admin = app.admin();
    app.account("ada", "learner").await;
    let refused = [
        (json!({ "login": "ada", "name": "A" }), 409, "login-taken"),
        (json!({ "login": "a b", "name": "A" }), 400, "login-invalid"),
        (json!({ "login": "eve", "name": "  " }), 400, "text-invalid"),
        (json!({ "login": "eve", "name": "E\u{0}" }), 400, "text-invalid"),
        (json!({ "login": "eve", "name": "E", "role": "king" }), 400, "invalid-field"),
        (json!({ "login": "eve", "name": "E", "password": "short" }), 400, "password-too-short"),
        (json!({ "login": "eve", "name": "E", "tenant": NOBODY_ID }), 404, "tenant-not-found"),
        (json!({ "login": "eve" }), 400, "missing-field"),
    ];
    for (body, status, code) in refused {
        let answer = admin.post("/api/v1/accounts", &body).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{body}");
    }
    for id in [NOBODY_ID, "nobody", "%00"] {
        assert_eq!(admin.delete(&format!("/api/v1/accounts/{id}")).await.status, StatusCode::NOT_FOUND, "{id}");
    }
}

#[tokio::test]
async fn the_last_admin_stays() {
    let app = App::start().await;
    let admin = app.admin();
    let own = format!("/api/v1/accounts/{}", admin.get("/api/v1/me").await.json()["id"].as_str().unwrap());
    assert_eq!(admin.delete(&own).await.code(), "last-admin");
    assert_eq!(admin.json("PATCH", &own, &json!({ "role": "learner" })).await.code(), "last-admin");
    assert_eq!(admin.json("PATCH", &own, &json!({ "disabled": true })).await.code(), "last-admin");
    app.account("second", "admin").await;
    assert_eq!(admin.json("PATCH", &own, &json!({ "role": "learner" })).await.status, StatusCode::OK);
}

#[tokio::test]
async fn tenants_are_made_renamed_and_deleted_when_empty() {
    let app = App::start().await;
    let admin = app.admin();
    let made = admin.post("/api/v1/tenants", &json!({ "name": "science", "title": "Sciences" })).await.json();
    let path = format!("/api/v1/tenants/{}", made["id"].as_str().unwrap());
    assert_eq!(
        admin.post("/api/v1/tenants", &json!({ "name": "science", "title": "x" })).await.code(),
        "tenant-name-taken"
    );
    let renamed = admin.json("PATCH", &path, &json!({ "title": "Faculty of Sciences" })).await.json();
    assert_eq!(renamed["title"], "Faculty of Sciences");
    let (id, ada) = app.account("ada", "learner").await;
    let account = format!("/api/v1/accounts/{id}");
    assert_eq!(admin.json("PATCH", &account, &json!({ "tenant": made["id"] })).await.status, StatusCode::OK);
    assert_eq!(ada.get("/api/v1/me").await.json()["tenant_title"], "Faculty of Sciences");
    assert_eq!(admin.delete(&path).await.code(), "tenant-not-empty");
    assert_eq!(admin.delete(&account).await.status, StatusCode::NO_CONTENT);
    assert_eq!(admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(admin.delete(&path).await.code(), "tenant-not-found");
}

#[tokio::test]
async fn who_deletes_an_account_deletes_all_that_is_its_own() {
    let app = App::start().await;
    let (id, ada) = app.account("ada", "learner").await;
    let made = ada.post("/api/v1/tokens", &json!({ "name": "t" })).await.json();
    let program = app.with_token(made["token"].as_str().unwrap());
    assert_eq!(app.admin().delete(&format!("/api/v1/accounts/{id}")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(program.get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(ada.get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
    for table in ["portal_session", "portal_token"] {
        let sql = format!("SELECT COUNT(*) AS n FROM {table} WHERE account_id = ?");
        let row = app.db.one(db::Query::new(sql).bind(id.as_str())).await.unwrap();
        assert_eq!(row.get::<i64>("n").unwrap(), 0, "{table}");
    }
}

/// From now on a statement that sets one of `columns` of an account fails, whatever the value.
async fn forbid_setting(app: &App, columns: &str) {
    let sql = format!(
        "CREATE TRIGGER forbidden BEFORE UPDATE OF {columns} ON portal_account BEGIN SELECT RAISE(ABORT, 'set'); END"
    );
    app.db.write(db::Write::new().step(db::Query::new(sql))).await.unwrap();
}

#[tokio::test]
async fn a_profile_change_sets_nothing_an_admin_decides() {
    let app = App::start().await;
    let (_, ada) = app.account("ada", "learner").await;
    forbid_setting(&app, "role_name, tenant_id, disabled").await;
    let named = ada.json("PATCH", "/api/v1/me", &json!({ "name": "Ada L." })).await;
    assert_eq!((named.status, &named.json()["name"]), (StatusCode::OK, &json!("Ada L.")), "{}", named.text);
    let french = ada.json("PATCH", "/api/v1/me", &json!({ "locale": "fr" })).await.json();
    assert_eq!((&french["name"], &french["locale"]), (&json!("Ada L."), &json!("fr")));
    assert_eq!(ada.form("/preferences", &[("locale", "en")]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(ada.form("/account/profile", &[("name", "Ada")]).await.status, StatusCode::SEE_OTHER);
    let me = ada.get("/api/v1/me").await.json();
    assert_eq!((&me["name"], &me["locale"], &me["role"]), (&json!("Ada"), &json!("en"), &json!("learner")));
}

#[tokio::test]
async fn an_admins_change_leaves_the_language_alone() {
    let app = App::start().await;
    let (id, ada) = app.account("ada", "learner").await;
    assert_eq!(ada.json("PATCH", "/api/v1/me", &json!({ "locale": "fr" })).await.status, StatusCode::OK);
    forbid_setting(&app, "locale").await;
    let path = format!("/api/v1/accounts/{id}");
    let changed = app.admin().json("PATCH", &path, &json!({ "role": "teacher" })).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    assert_eq!(ada.get("/api/v1/me").await.json()["locale"], "fr");
    assert_eq!(ada.json("PATCH", "/api/v1/me", &json!({ "locale": "en" })).await.status.as_u16(), 500);
}
