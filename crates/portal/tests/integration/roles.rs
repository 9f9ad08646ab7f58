//! Every route of the table with every role; the table and the OpenAPI name the same operations.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use portal::{Access, Role, RouteAccess};
use serde_json::{Value, json};

use crate::app::{Answer, App, Client};

const NOBODY_ID: &str = "01890000-0000-7000-8000-000000000000";

fn path_of(route: &RouteAccess) -> String {
    route.path.replace("{id}", NOBODY_ID).replace("{hash}", "0").replace("{file}", "none")
}

/// Calls the route with an empty body of the right kind: enough to see whether the caller is let in.
async fn call(client: &Client, route: &RouteAccess) -> StatusCode {
    let request = client.request(route.method.as_str(), &path_of(route));
    let request = if route.path.starts_with("/api/") {
        request.header(header::CONTENT_TYPE, "application/json").body(Body::from("{}"))
    } else {
        request
            .header(header::ACCEPT, "text/html")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::empty())
    };
    client.raw(request.unwrap()).await.status()
}

fn expected(access: Access, role: Option<Role>) -> Result<(), StatusCode> {
    match (access, role) {
        (Access::Public, _) | (Access::SignedIn, Some(_)) => Ok(()),
        (Access::Role(needed), Some(role)) if role >= needed => Ok(()),
        (Access::Role(_), Some(_)) => Err(StatusCode::FORBIDDEN),
        (_, None) => Err(StatusCode::UNAUTHORIZED),
    }
}

#[tokio::test]
async fn every_route_lets_in_exactly_whom_the_table_says() {
    let app = App::start().await;
    let mut callers = vec![(None, app.client())];
    for role in Role::ALL {
        let (_, session) = app.account(&format!("one-{}", role.word()), role.word()).await;
        let token =
            session.post("/api/v1/tokens", &json!({ "name": "t" })).await.json()["token"].as_str().unwrap().to_owned();
        callers.push((Some(role), app.with_token(&token)));
    }
    for route in portal::access() {
        if route.path == "/metrics" {
            continue; // its handler decides: the next test
        }
        for (role, client) in &callers {
            let status = call(client, &route).await;
            let who = format!("{} {} as {role:?}: {status}", route.method, route.path);
            match expected(route.access, *role) {
                Ok(()) => {
                    assert!(status != StatusCode::FORBIDDEN && !status.is_server_error(), "{who}");
                    let is_sign_in = route.path.ends_with("/sessions") || route.path == "/sign-in";
                    assert!(status != StatusCode::UNAUTHORIZED || is_sign_in, "{who}");
                    assert!(status != StatusCode::METHOD_NOT_ALLOWED, "{who}");
                }
                // A page sends who isn't signed in to the form.
                Err(StatusCode::UNAUTHORIZED) if !route.path.starts_with("/api/") && route.path != "/events" => {
                    assert_eq!(status, StatusCode::SEE_OTHER, "{who}");
                }
                Err(refusal) => assert_eq!(status, refusal, "{who}"),
            }
        }
    }
}

#[tokio::test]
async fn metrics_are_for_operators_unless_made_public() {
    let app = App::start().await;
    assert_eq!(app.client().get("/metrics").await.status, StatusCode::UNAUTHORIZED);
    let (_, teacher) = app.account("tea", "teacher").await;
    assert_eq!(teacher.get("/metrics").await.status, StatusCode::FORBIDDEN);
    let (_, operator) = app.account("ops", "operator").await;
    let answer = operator.get("/metrics").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.text.contains("amphi_http_requests_total{"), "{}", answer.text);
}

#[tokio::test]
async fn the_openapi_and_the_table_name_the_same_operations() {
    let app = App::start().await;
    let served = app.client().get("/api/v1/openapi.json").await.json();
    let mut described = BTreeSet::new();
    for (path, item) in served["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            described.insert(format!("{} {path}", method.to_uppercase()));
            for status in ["401", "403", "404", "500", "503"] {
                assert!(operation["responses"].get(status).is_some(), "{method} {path} lacks {status}");
            }
        }
    }
    let listed: BTreeSet<String> = portal::access()
        .iter()
        .filter(|route| route.path.starts_with("/api/") && route.path != "/api/v1/openapi.json")
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    assert_eq!(described, listed);
    for reference in served.to_string().split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(served["components"]["schemas"].get(name).is_some(), "{name} is described nowhere");
    }
}

#[tokio::test]
async fn every_listed_route_exists() {
    let app = App::start().await;
    for route in portal::access().iter().filter(|route| route.method == Method::GET) {
        let answer: Answer = match route.path {
            "/events" => continue, // never ends
            _ => app.admin().page(&path_of(route)).await,
        };
        let is_fallback = answer.status == StatusCode::NOT_FOUND && answer.text.contains("There is nothing here");
        assert!(!is_fallback || route.path.starts_with("/static/"), "{} is served by nobody", route.path);
    }
}

#[tokio::test]
async fn a_route_that_no_table_names_is_closed_to_all() {
    let app = App::start().await;
    let answer = app.admin().get("/forgotten").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(!answer.text.contains("never"));
}

#[tokio::test]
async fn another_method_is_not_allowed_and_says_which_are() {
    let app = App::start().await;
    let answer = app.admin().json("PUT", "/api/v1/accounts", &Value::Null).await;
    assert_eq!((answer.status, answer.header(header::ALLOW)), (StatusCode::METHOD_NOT_ALLOWED, "GET, POST, HEAD"));
    assert_eq!(answer.code(), "method-not-allowed");
}
