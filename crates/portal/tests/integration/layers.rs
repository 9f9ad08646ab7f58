//! Headers, limits, bad bodies, panics, the database away.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use portal::{Portal, PortalConfig};
use serde_json::json;
use tower::ServiceExt as _;

use crate::app::App;
use crate::sign_in::between;

#[tokio::test]
async fn every_answer_has_the_security_headers_and_an_id() {
    let app = App::start().await;
    for path in ["/sign-in", "/api/v1/me", "/nowhere", "/health", "/api/v1/test/panic"] {
        let answer = app.client().page(path).await;
        let csp = answer.header(header::CONTENT_SECURITY_POLICY);
        for part in [
            "default-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "object-src 'none'",
        ] {
            assert!(csp.contains(part), "{path}: {csp}");
        }
        assert!(!csp.contains("unsafe"), "{path}: {csp}");
        assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert_eq!(answer.header(header::REFERRER_POLICY), "same-origin");
        assert!(answer.header("x-request-id").len() >= 8, "{path}");
    }
}

#[tokio::test]
async fn browsers_are_bound_to_https_where_cookies_are() {
    let app = App::start().await;
    assert_eq!(app.client().page("/sign-in").await.header(header::STRICT_TRANSPORT_SECURITY), "");
    let config = PortalConfig { secure_cookies: true, ..PortalConfig::default() };
    let router = Portal::open(app.db.clone(), config).unwrap().layer(Router::new(), Vec::new());
    let answer = router.oneshot(Request::get("/nowhere").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    assert_eq!(answer.headers()[header::STRICT_TRANSPORT_SECURITY], "max-age=31536000");
}

#[tokio::test]
async fn pages_have_no_inline_script_or_style() {
    let app = App::start().await;
    let browser = app.sign_in("admin", &app.admin_password).await;
    for path in [
        "/sign-in",
        "/account",
        "/admin/accounts",
        "/admin/accounts/new",
        "/admin/tenants",
        "/admin/journal",
        "/clients",
    ] {
        let page = browser.page(path).await.text;
        assert!(!page.contains("style=") && !page.contains("<style") && !page.contains(" onclick"), "{path}");
        assert!(!page.contains("http://") && !page.contains("https://"), "{path} names another place");
        for script in page.split("<script").skip(1) {
            assert!(script.starts_with(" src=\"/static/"), "{path}: {}", &script[..40]);
        }
    }
}

#[tokio::test]
async fn static_files_are_compressed_immutable_and_bound_to_their_hash() {
    let app = App::start().await;
    let page = app.client().page("/sign-in").await.text;
    let css = format!("/static/{}", between(&page, "href=\"/static/", "\""));
    let request = app.client().request("GET", &css).header(header::ACCEPT_ENCODING, "gzip, br");
    let answer = app.client().raw(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()[header::CONTENT_ENCODING], "gzip");
    assert!(answer.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
    let plain = app.client().get(&css).await;
    assert!(plain.text.contains("Bootstrap") && plain.header(header::CONTENT_TYPE).starts_with("text/css"));
    assert_eq!(app.client().get("/static/0000000000000000/bootstrap.css").await.status, StatusCode::NOT_FOUND);
    for name in ["app.js", "htmx.js", "icons.svg"] {
        assert_eq!(app.client().get(&app.portal.asset(name)).await.status, StatusCode::OK, "{name}");
    }
}

#[tokio::test]
async fn bad_bodies_are_told_what_would_be_right() {
    let app = App::start().await;
    let admin = app.admin();
    let send = |content_type: &'static str, body: String| {
        let request = admin.request("POST", "/api/v1/tenants").header(header::CONTENT_TYPE, content_type);
        admin.send(request.body(Body::from(body)).unwrap())
    };
    let huge = send("application/json", format!("{{\"name\":\"{}\"}}", "x".repeat(10 << 20))).await;
    assert_eq!((huge.status, huge.code().as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "body-too-large"));
    let text = send("text/plain", String::from("{}")).await;
    assert_eq!((text.status, text.code().as_str()), (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-type"));
    let broken = send("application/json", String::from("{\"name\":")).await;
    assert_eq!((broken.status, broken.code().as_str()), (StatusCode::BAD_REQUEST, "json-broken"));
    let unknown = send("application/json", json!({ "name": "a", "title": "A", "colour": "red" }).to_string()).await;
    assert_eq!((unknown.status, unknown.code().as_str()), (StatusCode::BAD_REQUEST, "unknown-field"));
    assert_eq!(unknown.json()["field"], "colour");
    assert!(unknown.json()["request_id"].as_str().unwrap().len() >= 8);
    let wrong = send("application/json", json!({ "name": 7, "title": "A" }).to_string()).await;
    assert_eq!((wrong.code().as_str(), &wrong.json()["field"]), ("invalid-field", &json!("name")));
}

#[tokio::test]
async fn a_body_that_lies_about_its_length_is_cut_off() {
    let app = App::start().await;
    let chunks = (0..100).map(|_| Ok::<_, std::io::Error>(vec![b' '; 64 << 10]));
    let body = Body::from_stream(futures::stream::iter(chunks));
    let request = app.admin().request("POST", "/api/v1/tenants").header(header::CONTENT_TYPE, "application/json");
    let answer = app.admin().send(request.body(body).unwrap()).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "body-too-large"));
}

#[tokio::test]
async fn bad_queries_name_the_field() {
    let app = App::start().await;
    for (path, field) in
        [("/api/v1/accounts?limit=x", "limit"), ("/api/v1/accounts?limit=0", "limit"), ("/api/v1/audit?nose=1", "nose")]
    {
        let answer = app.admin().get(path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(answer.json()["field"], field, "{path}");
    }
}

#[tokio::test]
async fn unknown_addresses_answer_in_the_readers_form() {
    let app = App::start().await;
    let api = app.client().get("/api/v1/nowhere").await;
    assert_eq!((api.status, api.code().as_str()), (StatusCode::NOT_FOUND, "not-found"));
    let page = app.client().page("/nowhere").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.header(header::CONTENT_TYPE).starts_with("text/html") && page.text.contains("Not found"));
    let fragment = app.client().request("GET", "/nowhere").header("hx-request", "true").header("accept-language", "fr");
    let fragment = app.client().send(fragment.body(Body::empty()).unwrap()).await;
    assert!(fragment.json()["message"].as_str().unwrap().starts_with("Il n’y a rien"));
}

#[tokio::test]
async fn a_panic_is_a_bug_that_tells_nothing() {
    let app = App::start().await;
    let answer = app.client().get("/api/v1/test/panic").await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::INTERNAL_SERVER_ERROR, "bug"));
    assert!(!answer.text.contains("on purpose"));
}

#[tokio::test]
async fn without_the_database_it_says_so_and_what_needs_none_works() {
    let app = App::start().await;
    let browser = app.sign_in("admin", &app.admin_password).await;
    assert_eq!(app.client().get("/ready").await.status, StatusCode::OK);
    app.db.close().await;
    assert_eq!(app.client().get("/health").await.status, StatusCode::OK);
    assert_eq!(app.client().get("/ready").await.status, StatusCode::SERVICE_UNAVAILABLE);
    let me = app.admin().get("/api/v1/me").await;
    assert_eq!((me.status, me.code().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "database-unavailable"));
    assert_eq!(me.header(header::RETRY_AFTER), "2");
    let page = browser.page("/admin/accounts").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.text.contains("be reached just now"), "{}", page.text);
    assert_eq!(browser.page("/sign-in").await.status, StatusCode::OK);
    let body = json!({ "login": "admin", "password": app.admin_password });
    assert_eq!(app.client().post("/api/v1/sessions", &body).await.status, StatusCode::SERVICE_UNAVAILABLE);
}
