//! A control plane in the test's process: lab and portal over SQLite in a directory of their own, a clock that only the
//! test moves, and requests that go through every layer.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use db::{Database, Engine};
use http_body_util::BodyExt as _;
use lab::{Lab, LabConfig};
use portal::{Portal, PortalConfig};
use serde_json::{Value, json};
use testkit::clock::ManualClock;
use testkit::conformance::Fresh;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use utoipa_axum::router::OpenApiRouter;
use wire::authority::Authority;

/// Far more than anything here takes; a test that waits this long has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
/// A condition is looked at again after this long, for what no event tells of.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
const NOW_MS: i64 = 1_790_000_000_000;
const PASSWORD: &str = "correct horse battery";

/// The control plane, and the admin's token.
pub(crate) struct Plane {
    pub(crate) db: Database,
    pub(crate) clock: ManualClock,
    pub(crate) lab: Lab,
    pub(crate) portal: Portal,
    pub(crate) admin: String,
    router: Router,
    shutdown: CancellationToken,
    tasks: TaskTracker,
    dir: Arc<tempfile::TempDir>,
    /// Of the database.
    url: String,
    _shutdown_at_end: DropGuard,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {:?}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The JSON, if the answer has this status.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// The code of a problem, if the answer has this status and its message is a sentence.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16) -> String {
        let body = self.expect(status);
        let message = body["message"].as_str().unwrap_or_default();
        assert!(message.ends_with(['.', '!']) && message.contains(' '), "no sentence: {body}");
        assert!(body["request_id"].is_string(), "{body}");
        body["code"].as_str().expect("a problem has a code").to_owned()
    }
}

impl Plane {
    /// A new one that refuses loopback, as `amphi serve` does.
    pub(crate) async fn new() -> Self {
        Self::on_sqlite(false).await
    }

    /// A new one that allows loopback, as `amphi up` does.
    pub(crate) async fn with_loopback() -> Self {
        Self::on_sqlite(true).await
    }

    async fn on_sqlite(allow_loopback: bool) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let url = format!("sqlite:{}/amphi.db", dir.path().display());
        Self::open(dir, url, "replica-1", ManualClock::at(NOW_MS), allow_loopback).await
    }

    /// A new one over a database that others can be opened over. `None` where the package is missing and that is allowed.
    pub(crate) async fn on_postgres() -> Option<Self> {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        match Fresh::new(Engine::Postgres).await {
            Ok(fresh) => Some(Self::open(dir, fresh.url, "replica-1", ManualClock::at(NOW_MS), false).await),
            Err(error) => {
                assert!(error.may_skip(), "{error}");
                eprintln!("skipped: {error}");
                None
            }
        }
    }

    /// Another replica over the same database.
    pub(crate) async fn another(&self) -> Self {
        Self::open(self.dir.clone(), self.url.clone(), "replica-2", self.clock.clone(), false).await
    }

    async fn open(
        dir: Arc<tempfile::TempDir>,
        url: String,
        replica: &str,
        clock: ManualClock,
        allow_loopback: bool,
    ) -> Self {
        let db = Database::open_with_clock(&url, Arc::new(clock.clone())).await.unwrap();
        db.migrate(&[portal::migrations(), lab::migrations()]).await.unwrap();
        let config = PortalConfig {
            catalogs: lab::catalogs(),
            nav: lab::navigation(),
            sub_nav: lab::sub_navigation(),
            assets: lab::assets(),
            topics: lab::topic,
            removals: vec![lab::removal],
            ..PortalConfig::default()
        };
        let portal = Portal::open(db.clone(), config).unwrap();
        portal.bootstrap(dir.path(), "test").await.unwrap();
        let admin = std::fs::read_to_string(dir.path().join("admin.token")).unwrap().trim().to_owned();
        let lab_config = LabConfig {
            replica: replica.into(),
            authority: Authority::open_or_create(dir.path()).unwrap(),
            join_url: "https://lab.example.org".into(),
            allow_loopback,
            languages: lab::model::language::Languages::built_in(),
        };
        let lab = Lab::open(db.clone(), portal.clone(), lab_config).await.unwrap();
        let shutdown = CancellationToken::new();
        let tasks = lab::spawn_tasks(&lab, &shutdown);
        let router = router(&portal, &lab);
        let _shutdown_at_end = shutdown.clone().drop_guard();
        Self { db, clock, lab, portal, admin, router, shutdown, tasks, dir, url, _shutdown_at_end }
    }

    /// Ends it and starts another one over the same database. Streams of agents are cut off.
    pub(crate) async fn restart(self) -> Self {
        self.shutdown.cancel();
        self.tasks.wait().await;
        self.db.close().await;
        Self::open(self.dir, self.url, "replica-1", self.clock, false).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.open_answer(request).await;
        let (parts, body) = response.into_parts();
        let body = tokio::time::timeout(DEADLINE, body.collect()).await.expect("an answer in time");
        Reply { status: parts.status, headers: parts.headers, body: body.unwrap().to_bytes().to_vec() }
    }

    /// The answer before its body is read.
    pub(crate) async fn open_answer(&self, request: Request<Body>) -> axum::response::Response {
        let answer = tokio::time::timeout(DEADLINE, self.router.clone().oneshot(request));
        answer.await.expect("an answer in time").expect("a router never fails")
    }

    pub(crate) async fn call(&self, token: &str, method: &str, path: &str, body: Value) -> Reply {
        self.send(request(token, method, path, body)).await
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Reply {
        self.call(token, "GET", path, Value::Null).await
    }

    /// Makes an account in the admin's tenant and answers a token of its own.
    pub(crate) async fn account(&self, login: &str, role: &str) -> String {
        let new = json!({ "login": login, "name": login, "role": role, "password": PASSWORD });
        self.call(&self.admin, "POST", "/api/v1/accounts", new).await.expect(201);
        self.token(login, Value::Null).await
    }

    /// A token of an account, `days` until it ends.
    pub(crate) async fn token(&self, login: &str, days: Value) -> String {
        let sign_in = json!({ "login": login, "password": PASSWORD });
        let session = self.call("", "POST", "/api/v1/sessions", sign_in).await;
        let csrf = session.expect(201)["csrf"].as_str().unwrap().to_owned();
        let cookie = session.headers[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        let mut wanted = json!({ "name": "test" });
        if !days.is_null() {
            wanted["days"] = days;
        }
        let mut request = request("", "POST", "/api/v1/tokens", wanted);
        request.headers_mut().insert(header::COOKIE, cookie.parse().unwrap());
        request.headers_mut().insert("x-csrf-token", csrf.parse().unwrap());
        self.send(request).await.expect(201)["token"].as_str().unwrap().to_owned()
    }

    /// Submits as the admin and answers the job's id.
    pub(crate) async fn submit(&self, body: Value) -> String {
        let job = self.call(&self.admin, "POST", "/api/v1/jobs", body).await.expect(202);
        job["id"].as_str().unwrap().to_owned()
    }

    /// Submits `ping` as the admin.
    pub(crate) async fn ping(&self) -> String {
        self.submit(json!({ "tool": "ping", "args": ["192.0.2.1"] })).await
    }

    pub(crate) async fn job(&self, id: &str) -> Value {
        self.get(&self.admin, &format!("/api/v1/jobs/{id}")).await.expect(200)
    }

    /// The job, once it has this status.
    pub(crate) async fn job_is(&self, id: &str, status: &str) -> Value {
        self.job_when(id, |job| job["status"] == status).await
    }

    /// The job, once the condition holds.
    pub(crate) async fn job_when(&self, id: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let watch = self.db.events().watch([format!("job:{id}")]);
        let mut last = Value::Null;
        let waiting = async {
            loop {
                last = self.job(id).await;
                if holds(&last) {
                    return;
                }
                let _ = tokio::time::timeout(LOOK_AGAIN, watch.changed()).await;
            }
        };
        let in_time = tokio::time::timeout(DEADLINE, waiting).await;
        assert!(in_time.is_ok(), "the job stays {last}");
        last
    }

    /// Changes the database behind the plane's back.
    pub(crate) async fn sql(&self, statement: &'static str) {
        self.db.write(db::Write::new().step(db::Query::new(statement))).await.unwrap();
    }

    /// A counter, 0 before anything was counted.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let text = self.get(&self.admin, "/metrics").await.text();
        let count = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        count.map_or(0, |count| count.parse().expect("a count"))
    }

    /// Waits until a duty of the lab has ended so once more.
    pub(crate) async fn duty_is(&self, duty: &str, result: &str) {
        let name = format!("amphi_lab_duty_total{{duty=\"{duty}\",result=\"{result}\"}}");
        let before = self.metric(&name).await;
        let waiting = async {
            while self.metric(&name).await == before {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        tokio::time::timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("{duty} never is {result}"));
    }

    /// Waits until a node has this health.
    pub(crate) async fn node_is(&self, name: &str, health: &str) {
        let waiting = async {
            while self.get(&self.admin, &format!("/api/v1/nodes/{name}")).await.expect(200)["health"] != health {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        tokio::time::timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("{name} never is {health}"));
    }

    pub(crate) async fn node_change(&self, name: &str, change: Value) {
        self.call(&self.admin, "PATCH", &format!("/api/v1/nodes/{name}"), change).await.expect(200);
    }

    pub(crate) async fn policy(&self, policy: Value) {
        self.call(&self.admin, "PUT", "/api/v1/policy", policy).await.expect(200);
    }

    /// A join token, whole.
    pub(crate) async fn join_token(&self) -> String {
        let made = self.call(&self.admin, "POST", "/api/v1/node-tokens", json!({})).await.expect(201);
        made["token"].as_str().unwrap().to_owned()
    }

    /// Rows of a table.
    pub(crate) async fn count(&self, table: &'static str) -> i64 {
        let query = db::Query::new(format!("SELECT COUNT(*) AS n FROM {table}"));
        self.db.one(query).await.unwrap().get("n").unwrap()
    }
}

/// The wiring of the program, without its listener.
fn router(portal: &Portal, lab: &Lab) -> Router {
    let own_api = portal::api().with_state(portal.clone());
    let (api, _) = OpenApiRouter::with_openapi(portal::openapi()).merge(own_api).merge(lab.api()).split_for_parts();
    let pages = portal::pages().with_state(portal.clone()).merge(lab.pages());
    portal.layer(pages.merge(api), [portal::access(), lab::access()].concat())
}

/// A request with a JSON body, unless that is null.
pub(crate) fn request(token: &str, method: &str, path: &str, body: Value) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if !token.is_empty() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    if body.is_null() {
        return request.body(Body::empty()).unwrap();
    }
    request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string())).unwrap()
}
