//! A control plane in the test's process: storage and portal over SQLite in a directory of their own, a clock that only the
//! test moves, and requests that go through every layer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use db::{Database, Query, Write};
use http_body_util::BodyExt as _;
use portal::{Portal, PortalConfig, Seal};
use serde_json::{Value, json};
use storage::{NodeFacts, Nodes, Storage, StorageConfig};
use testkit::clock::ManualClock;
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt as _;
use utoipa_axum::router::OpenApiRouter;
use wire::authority::{Authority, KeyRequest};

/// Far more than anything here takes; a test that waits this long has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
/// A condition is looked at again after this long, for what no event tells of.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const NOW_MS: i64 = 1_790_000_000_000;
const PASSWORD: &str = "correct horse battery";

/// The control plane, and the admin's token.
pub(crate) struct Plane {
    pub(crate) db: Database,
    pub(crate) clock: ManualClock,
    pub(crate) admin: String,
    pub(crate) seal: Seal,
    router: Router,
    _dir: tempfile::TempDir,
    _shutdown_at_end: DropGuard,
}

/// There is one node, without a store.
struct OneNode;

#[async_trait::async_trait]
impl Nodes for OneNode {
    async fn node(&self, id: &str) -> Result<Option<NodeFacts>, Box<dyn std::error::Error + Send + Sync>> {
        Ok((id == "uid-a").then(|| NodeFacts { name: "lab-a".to_owned(), labels: BTreeMap::new() }))
    }

    async fn find(&self, node: &str) -> Result<Option<(String, String)>, Box<dyn std::error::Error + Send + Sync>> {
        Ok((node == "lab-a").then(|| ("uid-a".to_owned(), node.to_owned())))
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
    pub(crate) cookie: Option<String>,
}

impl Reply {
    /// The JSON, if the answer has this status.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status.as_u16(), status, "{text}");
        if self.body.is_empty() { Value::Null } else { serde_json::from_slice(&self.body).unwrap() }
    }

    /// The code of a problem, if the answer has this status and its message is a sentence.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16) -> String {
        let body = self.expect(status);
        let message = body["message"].as_str().unwrap_or_default();
        assert!(message.ends_with(['.', '!']) && message.contains(' '), "no sentence: {body}");
        body["code"].as_str().expect("a problem has a code").to_owned()
    }
}

impl Plane {
    /// A new one that knows eight stores.
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(NOW_MS);
        let url = format!("sqlite:{}/amphi.db", dir.path().display());
        let db = Database::open_with_clock(&url, Arc::new(clock.clone())).await.unwrap();
        db.migrate(&[portal::migrations(), storage::migrations()]).await.unwrap();
        let config = PortalConfig { removals: vec![storage::removal], ..PortalConfig::default() };
        let portal = Portal::open(db.clone(), config).unwrap();
        portal.bootstrap(dir.path(), "test").await.unwrap();
        let admin = std::fs::read_to_string(dir.path().join("admin.token")).unwrap().trim().to_owned();
        let config = StorageConfig {
            replica: "replica-1".into(),
            authority: Authority::open_or_create(dir.path()).unwrap(),
            seal: Seal::open_or_create(dir.path()).unwrap(),
            nodes: Arc::new(OneNode),
        };
        let storage = Storage::open(db.clone(), portal.clone(), config);
        let shutdown = CancellationToken::new();
        let _tasks = storage.spawn_tasks(&shutdown);
        let router = router(&portal, &storage);
        let seal = Seal::open_or_create(dir.path()).unwrap();
        let plane = Self { db, clock, admin, seal, router, _dir: dir, _shutdown_at_end: shutdown.drop_guard() };
        for id in 1..=8 {
            plane.store(id).await;
        }
        plane
    }

    /// Adds a store as if an agent had announced it; those of even number carry `site=b`.
    async fn store(&self, id: i64) {
        let labels = if id % 2 == 0 { r#"{"site":"b"}"# } else { "{}" };
        let sql = "INSERT INTO storage_store (id, uuid, kind, node, name, addresses, labels, state, health, capacity_bytes, \
             used_bytes, free_bytes, units, boot_id, detail, announced_ms, seen_ms, created_ms) \
             VALUES (?, ?, 'node', 'node', ?, '[\"192.0.2.1:1\"]', ?, 'enabled', 'up', 1000, 0, 1000, 0, 'b', '', 0, ?, 0)";
        let name = format!("store-{id}");
        let query = Query::new(sql).bind(id).bind(&name).bind(&name).bind(labels).bind(NOW_MS);
        self.db.write(Write::new().step(query)).await.unwrap();
    }

    pub(crate) async fn call(&self, token: &str, method: &str, path: &str, body: Value) -> Reply {
        self.send(request(token, method, path, body)).await
    }

    async fn send(&self, request: Request<Body>) -> Reply {
        let answer = tokio::time::timeout(DEADLINE, self.router.clone().oneshot(request));
        let (parts, body) = answer.await.expect("an answer in time").unwrap().into_parts();
        let cookie = parts.headers.get(header::SET_COOKIE).map(|value| value.to_str().unwrap().to_owned());
        Reply { status: parts.status, body: body.collect().await.unwrap().to_bytes().to_vec(), cookie }
    }

    /// As the admin.
    pub(crate) async fn admin(&self, method: &str, path: &str, body: Value) -> Reply {
        self.call(&self.admin, method, path, body).await
    }

    /// Makes a volume of layout 1.
    pub(crate) async fn volume(&self, name: &str) {
        self.admin("POST", "/api/v1/volumes", json!({ "name": name, "layout": 1 })).await.expect(201);
    }

    /// Makes an account in the admin's tenant and answers a token of its own.
    pub(crate) async fn account(&self, login: &str, role: &str) -> String {
        let new = json!({ "login": login, "name": login, "role": role, "password": PASSWORD });
        self.admin("POST", "/api/v1/accounts", new).await.expect(201);
        let sign_in = json!({ "login": login, "password": PASSWORD });
        let session = self.call("", "POST", "/api/v1/sessions", sign_in).await;
        let csrf = session.expect(201)["csrf"].as_str().unwrap().to_owned();
        let mut request = request("", "POST", "/api/v1/tokens", json!({ "name": "test" }));
        let cookie = session.cookie.unwrap().split(';').next().unwrap().to_owned();
        request.headers_mut().insert(header::COOKIE, cookie.parse().unwrap());
        request.headers_mut().insert("x-csrf-token", csrf.parse().unwrap());
        self.send(request).await.expect(201)["token"].as_str().unwrap().to_owned()
    }

    /// Rows of a table.
    pub(crate) async fn count(&self, table: &'static str) -> i64 {
        let query = Query::new(format!("SELECT COUNT(*) AS n FROM {table}"));
        self.db.one(query).await.unwrap().get("n").unwrap()
    }

    /// Waits until a table has so many rows.
    pub(crate) async fn count_is(&self, table: &'static str, rows: i64) {
        let waiting = async {
            while self.count(table).await != rows {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        let in_time = tokio::time::timeout(DEADLINE, waiting).await;
        assert!(in_time.is_ok(), "{table} has {} rows", self.count(table).await);
    }

    /// Opens a session.
    pub(crate) async fn mount(&self, token: &str, export: &str) -> Mount<'_> {
        let body = json!({ "what": "pc-1:/mnt", "csr_pem": KeyRequest::generate().unwrap().csr_pem });
        let opened = self.call(token, "POST", &format!("/api/v1/exports/{export}/sessions"), body).await.expect(201);
        let path = format!("/api/v1/exports/{export}/sessions/{}", opened["id"].as_str().unwrap());
        let epoch = opened["epoch"].as_i64().unwrap();
        Mount { plane: self, token: token.to_owned(), path, epoch, opened }
    }
}

/// A session, as a mount has it.
pub(crate) struct Mount<'a> {
    plane: &'a Plane,
    token: String,
    path: String,
    pub(crate) epoch: i64,
    /// What it was told when it was opened.
    pub(crate) opened: Value,
}

impl Mount<'_> {
    pub(crate) fn root(&self) -> i64 {
        self.opened["root"].as_i64().unwrap()
    }

    pub(crate) async fn call(&self, method: &str, tail: &str, body: Value) -> Reply {
        self.plane.call(&self.token, method, &format!("{}{tail}", self.path), body).await
    }

    pub(crate) async fn apply(&self, effects: Vec<Value>) -> Reply {
        self.call("POST", "/apply", json!({ "epoch": self.epoch, "effects": effects })).await
    }

    pub(crate) async fn read(&self, read: Value) -> Value {
        self.call("POST", "/read", read).await.expect(200)
    }

    /// Renews it and takes over the epoch.
    pub(crate) async fn renew(&mut self) -> Value {
        let renewed = self.call("PATCH", "", json!({})).await.expect(200);
        self.epoch = renewed["epoch"].as_i64().unwrap();
        renewed
    }

    /// Waits until somebody else wants the name space. Stores that announce themselves meanwhile are news as well.
    pub(crate) async fn wanted(&self) {
        while self.call("GET", "/wait", Value::Null).await.expect(200)["is_wanted"] != true {}
    }

    /// Numbers of its own.
    pub(crate) async fn numbers(&self, count: usize) -> Vec<i64> {
        let mut numbers = Vec::new();
        while numbers.len() < count {
            let range = self.read(json!({ "op": "numbers", "count": count - numbers.len() })).await;
            numbers.extend(range["start"].as_i64().unwrap()..range["end"].as_i64().unwrap());
        }
        numbers
    }

    /// The names in a directory, read in pages.
    pub(crate) async fn names(&self, parent: i64, limit: usize) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        loop {
            let page =
                self.read(json!({ "op": "entries", "parent": parent, "after": names.last(), "limit": limit })).await;
            let page = page.as_array().unwrap();
            if page.is_empty() {
                return names;
            }
            names.extend(page.iter().map(|entry| entry["name"].as_str().unwrap().to_owned()));
        }
    }
}

/// An inode of version 0.
pub(crate) fn inode(ino: i64, kind: &str) -> Value {
    json!({ "ino": ino, "kind": kind, "mode": 0o644, "uid": 0, "gid": 0, "nlink": 1, "size": 0, "atime_ns": 0,
        "mtime_ns": 0, "ctime_ns": 0, "version": 0 })
}

pub(crate) fn put(inode: Value) -> Value {
    json!({ "inode_put": inode })
}

pub(crate) fn add(parent: i64, name: &str, ino: i64) -> Value {
    json!({ "entry_add": { "parent": parent, "name": name, "ino": ino } })
}

pub(crate) fn remove(parent: i64, name: &str, ino: i64) -> Value {
    json!({ "entry_remove": { "parent": parent, "name": name, "ino": ino } })
}

/// A stripe of 4 + 2 units.
pub(crate) fn stripe(ino: i64, number: i64, id: i64, bytes: i64) -> Value {
    let code = json!({ "data": 4, "parity": 2, "element_bytes": 64, "bytes": bytes });
    json!({ "stripe_put": { "ino": ino, "number": number, "stripe": { "id": id, "code": code, "stores": [1, 2, 3, 4, 5, 6] } } })
}

/// A new file under a directory.
pub(crate) fn file(parent: i64, name: &str, ino: i64) -> Vec<Value> {
    vec![put(inode(ino, "file")), add(parent, name, ino)]
}

/// The wiring of the program, without its listener.
fn router(portal: &Portal, storage: &Storage) -> Router {
    let own_api = portal::api().with_state(portal.clone());
    let (api, _) = OpenApiRouter::with_openapi(portal::openapi()).merge(own_api).merge(storage.api()).split_for_parts();
    let pages = portal::pages().with_state(portal.clone()).merge(storage.pages());
    portal.layer(pages.merge(api), [portal::access(), storage::access()].concat())
}

/// A request with a JSON body, unless that is null.
fn request(token: &str, method: &str, path: &str, body: Value) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if !token.is_empty() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    if body.is_null() {
        return request.body(Body::empty()).unwrap();
    }
    request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string())).unwrap()
}
