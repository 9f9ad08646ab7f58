//! A portal in one process, and clients that speak to it without a socket.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::routing::{get, post};
use axum::{Extension, Router};
use db::Database;
use http_body_util::BodyExt as _;
use portal::{Access, Caller, NavItem, Portal, PortalConfig, Problem, RouteAccess};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::clock::ManualClock;
use tower::ServiceExt as _;
use utoipa_axum::router::OpenApiRouter;

/// 2026-03-01T12:00:00Z.
pub const START_MS: i64 = 1_772_366_400_000;

pub struct App {
    pub portal: Portal,
    pub router: Router,
    pub db: Database,
    pub clock: ManualClock,
    pub admin_password: String,
    pub admin_token: String,
    pub dir: TempDir,
}

impl App {
    pub async fn start() -> App {
        let dir = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(START_MS);
        let url = format!("sqlite:{}/amphi.db", dir.path().display());
        let db = Database::open_with_clock(&url, Arc::new(clock.clone())).await.unwrap();
        db.migrate(&[portal::migrations()]).await.unwrap();
        App::over(db, clock, dir).await
    }

    pub async fn over(db: Database, clock: ManualClock, dir: TempDir) -> App {
        let config = PortalConfig {
            topics: |_, topic| (topic == "news").then(|| String::from("test.news")),
            nav: vec![NavItem { id: "lab", href: "/lab", icon: "bi-flask", label: "search", role: None }],
            ..PortalConfig::default()
        };
        let portal = Portal::open(db.clone(), config).unwrap();
        let first = portal.bootstrap(dir.path(), "a").await.unwrap().unwrap();
        let admin_token = std::fs::read_to_string(dir.path().join("admin.token")).unwrap().trim().to_owned();
        let router = routes(&portal);
        App { router, portal, db, clock, admin_password: first.password.expose().clone(), admin_token, dir }
    }

    /// A client with nothing.
    pub fn client(&self) -> Client {
        Client { router: self.router.clone(), token: None, cookies: Vec::new(), csrf: None }
    }

    pub fn with_token(&self, token: &str) -> Client {
        Client { token: Some(token.to_owned()), ..self.client() }
    }

    pub fn admin(&self) -> Client {
        self.with_token(&self.admin_token)
    }

    /// Makes an account and signs it in.
    pub async fn account(&self, login: &str, role: &str) -> (String, Client) {
        let password = "correct horse battery";
        let body = json!({ "login": login, "name": login, "role": role, "password": password });
        let made = self.admin().post("/api/v1/accounts", &body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        let client = self.sign_in(login, password).await;
        (made.json()["id"].as_str().unwrap().to_owned(), client)
    }

    pub async fn sign_in(&self, login: &str, password: &str) -> Client {
        let mut client = self.client();
        let answer = client.post("/api/v1/sessions", &json!({ "login": login, "password": password })).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        client.keep(&answer);
        client
    }
}

/// The portal's routes and a few of a test's own.
fn routes(portal: &Portal) -> Router {
    let (api, openapi) = OpenApiRouter::with_openapi(portal::openapi())
        .merge(portal::api().with_state(portal.clone()))
        .split_for_parts();
    let extra = Router::new()
        .route("/api/v1/test/panic", get(panics))
        .route("/api/v1/test/count", post(counts))
        .route("/api/v1/test/fails", post(fails))
        .route("/api/v1/test/caller", get(|caller: Caller| async { Extension(caller) }))
        .route("/forgotten", get(|| async { "never" }));
    let router = api
        .merge(portal::pages().with_state(portal.clone()))
        .merge(portal::openapi_route(&openapi).unwrap())
        .merge(extra);
    let mut table = portal::access();
    table.push(RouteAccess::new(Method::GET, "/api/v1/test/panic", Access::Public));
    table.push(RouteAccess::new(Method::POST, "/api/v1/test/count", Access::SignedIn));
    table.push(RouteAccess::new(Method::POST, "/api/v1/test/fails", Access::SignedIn));
    table.push(RouteAccess::new(Method::GET, "/api/v1/test/caller", Access::SignedIn));
    portal.layer(router, table)
}

async fn panics() -> &'static str {
    panic!("on purpose")
}

/// Answers another number each time, so that a repeated answer can be told from a second one.
async fn counts() -> String {
    static CALLS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    CALLS.fetch_add(1, std::sync::atomic::Ordering::SeqCst).to_string()
}

async fn fails() -> Problem {
    Problem::unavailable("away", "Not just now.")
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e} in {}", self.text))
    }

    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}

#[derive(Clone)]
pub struct Client {
    router: Router,
    pub token: Option<String>,
    pub cookies: Vec<(String, String)>,
    pub csrf: Option<String>,
}

impl Client {
    pub fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "lab.test");
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if !self.cookies.is_empty() {
            let line: Vec<String> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
            request = request.header(header::COOKIE, line.join("; "));
        }
        if let Some(csrf) = &self.csrf {
            request = request.header("x-csrf-token", csrf);
        }
        request
    }

    pub async fn raw(&self, mut request: Request<Body>) -> axum::response::Response {
        request.extensions_mut().insert(ConnectInfo(std::net::SocketAddr::from(([192, 0, 2, 7], 4000))));
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.raw(request).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path).body(Body::empty()).unwrap()).await
    }

    /// A browser's GET of a page.
    pub async fn page(&self, path: &str) -> Answer {
        self.send(self.request("GET", path).header(header::ACCEPT, "text/html").body(Body::empty()).unwrap()).await
    }

    pub async fn json(&self, method: &str, path: &str, body: &Value) -> Answer {
        let request = self.request(method, path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.json("POST", path, body).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request("DELETE", path).body(Body::empty()).unwrap()).await
    }

    /// A browser's form, with the session's CSRF token as a field.
    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        if let Some(csrf) = &self.csrf {
            form.append_pair("csrf_token", csrf);
        }
        let bare = Client { csrf: None, ..self.clone() };
        let request = bare
            .request("POST", path)
            .header(header::ACCEPT, "text/html")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(form.finish())).unwrap()).await
    }

    /// Keeps the cookies and the CSRF token of a sign-in's answer.
    pub fn keep(&mut self, answer: &Answer) {
        for line in answer.headers.get_all(header::SET_COOKIE) {
            let (name, value) = line.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(kept, _)| kept != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        if let Some(csrf) =
            serde_json::from_str::<Value>(&answer.text).ok().and_then(|v| v["csrf"].as_str().map(str::to_owned))
        {
            self.csrf = Some(csrf);
        }
    }
}
