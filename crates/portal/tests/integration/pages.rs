//! Pages: languages, themes, forms that keep what was typed, what a role sees.

use axum::body::Body;
use axum::http::{StatusCode, header};

use crate::app::App;
use crate::sign_in::{between, flush};

#[tokio::test]
async fn the_language_follows_the_browser_then_the_choice_then_the_account() {
    let app = App::start().await;
    let mut browser = app.client();
    let asked = browser.request("GET", "/sign-in").header(header::ACCEPT_LANGUAGE, "fr-CH, en;q=0.5");
    let page = browser.send(asked.body(Body::empty()).unwrap()).await.text;
    assert!(page.contains("<html lang=\"fr\"") && page.contains("Mot de passe"));
    let chosen = browser.form("/preferences", &[("locale", "fr"), ("next", "/sign-in")]).await;
    assert_eq!((chosen.status, chosen.header(header::LOCATION)), (StatusCode::SEE_OTHER, "/sign-in"));
    browser.keep(&chosen);
    assert!(browser.page("/sign-in").await.text.contains("Se connecter"));
    assert!(browser.page("/nowhere").await.text.contains("Introuvable"));

    let (_, ada) = app.account("ada", "learner").await;
    assert!(ada.page("/account").await.text.contains("API tokens"));
    ada.form("/preferences", &[("locale", "fr"), ("next", "/account")]).await;
    let elsewhere = app.sign_in("ada", "correct horse battery").await;
    let page = elsewhere.page("/account").await.text;
    assert!(page.contains("Jetons d’API") && page.contains("Apprenant"), "the account remembers");
    assert_eq!(elsewhere.get("/api/v1/me").await.json()["locale"], "fr");
}

#[tokio::test]
async fn the_theme_is_kept_and_no_redirect_leaves() {
    let app = App::start().await;
    let mut browser = app.client();
    assert!(browser.page("/sign-in").await.text.contains("data-theme=\"auto\""));
    let chosen = browser.form("/preferences", &[("theme", "dark"), ("next", "//evil.test/")]).await;
    assert_eq!(chosen.header(header::LOCATION), "/");
    browser.keep(&chosen);
    assert!(browser.page("/sign-in").await.text.contains("data-bs-theme=\"dark\""));
}

#[tokio::test]
async fn a_form_comes_back_with_what_was_typed_and_what_is_wrong() {
    let app = App::start().await;
    let browser = app.sign_in("admin", &app.admin_password).await;
    let tenant = between(&browser.page("/admin/accounts/new").await.text, "<option value=\"0", "\"");
    let tenant = format!("0{tenant}");
    let fields = [("login", "Bad Login"), ("name", "<Ada>"), ("role", "teacher"), ("tenant", tenant.as_str())];
    let page = browser.form("/admin/accounts", &fields).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(page.text.contains("value=\"Bad Login\"") && page.text.contains("id=\"new-login-wrong\""));
    assert!(page.text.contains("value=\"&#60;Ada&#62;\""), "escaped");
    assert!(page.text.contains("value=\"teacher\" selected"));

    let fields = [("login", "ada"), ("name", "Ada"), ("role", "teacher"), ("tenant", tenant.as_str())];
    let made = browser.form("/admin/accounts", &fields).await;
    assert_eq!(made.status, StatusCode::OK);
    let password = between(&made.text, "id=\"one-time\">", "<");
    let ada = app.sign_in("ada", &password).await;
    let page = ada
        .form("/account/password", &[("current", &password), ("new", "long enough words"), ("repeat", "other")])
        .await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(page.text.contains("The two new passwords differ."));
}

#[tokio::test]
async fn administration_by_forms() {
    let app = App::start().await;
    let browser = app.sign_in("admin", &app.admin_password).await;
    let (id, _) = app.account("ada", "learner").await;
    let made = browser.form("/admin/tenants", &[("name", "arts"), ("title", "Arts")]).await;
    assert_eq!(made.status, StatusCode::SEE_OTHER);
    let tenants = app.admin().get("/api/v1/tenants").await.json();
    let arts = tenants["items"][0]["id"].as_str().unwrap().to_owned();
    let edit = format!("/admin/accounts/{id}");
    let fields = [("name", "Ada"), ("role", "operator"), ("tenant", arts.as_str()), ("disabled", "yes")];
    assert_eq!(browser.form(&edit, &fields).await.status, StatusCode::SEE_OTHER);
    let list = browser.page(&format!("/admin/accounts?tenant={arts}")).await.text;
    assert!(list.contains(">ada</a>") && list.contains("Disabled") && !list.contains(">admin</a>"));
    assert!(browser.form(&format!("{edit}/password"), &[]).await.text.contains("id=\"one-time\""));
    let gone = browser.form(&format!("{edit}/delete"), &[]).await;
    assert_eq!((gone.status, gone.header(header::LOCATION)), (StatusCode::SEE_OTHER, "/admin/accounts"));
    assert_eq!(browser.page(&edit).await.status, StatusCode::NOT_FOUND);
    let journal = browser.page("/admin/journal?action=account.delete").await.text;
    assert!(journal.contains("account.delete") && !journal.contains("account.create"));
    assert_eq!(
        browser.form(&format!("/admin/tenants/{arts}"), &[("title", "Beaux-arts")]).await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(browser.form(&format!("/admin/tenants/{arts}/delete"), &[]).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn tokens_and_sessions_on_ones_own_page() {
    let app = App::start().await;
    let (_, ada) = app.account("ada", "learner").await;
    let page = ada.form("/account/tokens", &[("name", "laptop"), ("days", "30")]).await;
    let secret = between(&page.text, "id=\"fresh-token\">", "<");
    assert_eq!(app.with_token(&secret).get("/api/v1/me").await.status, StatusCode::OK);
    assert!(!ada.page("/account").await.text.contains(&secret));
    let bad = ada.form("/account/tokens", &[("name", "x"), ("days", "soon")]).await;
    assert!(bad.status == StatusCode::BAD_REQUEST && bad.text.contains("id=\"token-days-wrong\""));
    let id = between(&ada.page("/account").await.text, "/account/tokens/", "/");
    assert_eq!(ada.form(&format!("/account/tokens/{id}/delete"), &[]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(app.with_token(&secret).get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn operators_see_who_is_connected_and_can_end_it() {
    let app = App::start().await;
    let (_, ops) = app.account("ops", "operator").await;
    let (_, ada) = app.account("ada", "learner").await;
    let request =
        ada.request("GET", "/api/v1/me").header(header::USER_AGENT, "Netscape/4").body(Body::empty()).unwrap();
    ada.send(request).await;
    app.clock.advance(std::time::Duration::from_secs(1));
    let request =
        ada.request("GET", "/api/v1/me").header(header::USER_AGENT, "Netscape/4").body(Body::empty()).unwrap();
    ada.send(request).await;
    flush(&app).await;
    let page = ops.page("/clients").await.text;
    assert!(
        page.contains("Netscape/4")
            && page.contains("192.0.2.7")
            && page.contains("sse-connect=\"/events?topic=clients\"")
    );
    let rows = ops.get("/clients/rows").await.text;
    assert!(rows.contains("Netscape/4") && !rows.contains("<html"));
    let clients = ops.get("/api/v1/clients").await.json();
    let found = clients["items"].as_array().unwrap().iter().find(|c| c["login"] == "ada").unwrap();
    assert_eq!((&found["kind"], &found["connected"]), (&"browser".into(), &true.into()));
    let end = format!("/clients/{}/end", found["id"].as_str().unwrap());
    assert_eq!(ops.form(&end, &[]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(ada.get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_side_bar_shows_what_the_role_may_open() {
    let app = App::start().await;
    let (_, ada) = app.account("ada", "learner").await;
    let page = ada.page("/account").await.text;
    assert!(
        page.contains("href=\"/lab\"")
            && !page.contains("href=\"/admin/journal\"")
            && !page.contains("href=\"/clients\"")
    );
    let (_, ops) = app.account("ops", "operator").await;
    let page = ops.page("/account").await.text;
    assert!(page.contains("href=\"/admin/journal\"") && !page.contains("href=\"/admin/accounts\""));
    assert_eq!(ada.page("/admin/journal").await.status, StatusCode::FORBIDDEN);
}
