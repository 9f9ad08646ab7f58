//! A control plane in a test's process: classrooms and portal over SQLite in a directory of their own, a clock that only the
//! test moves, and requests that go through every layer. Duties are not started: tests call them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use db::{Database, Query};
use http_body_util::BodyExt as _;
use portal::{AccountId, Caller, Portal, PortalConfig, Seal, TenantId};
use serde_json::{Value, json};
use testkit::clock::ManualClock;
use tower::ServiceExt as _;
use utoipa_axum::router::OpenApiRouter;

use crate::directory::TenantEntry;
use crate::model::checksum::{Algorithm, checksum};
use crate::{Classroom, ClassroomConfig, Settings};

/// Far more than anything here takes; a test that waits this long has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
/// Where the clock stands at first, epoch ms.
pub(crate) const NOW_MS: i64 = 1_790_000_000_000;
const PASSWORD: &str = "correct horse battery";

/// The control plane, and the admin's token.
pub(crate) struct Plane {
    pub(crate) classroom: Classroom,
    pub(crate) db: Database,
    pub(crate) clock: ManualClock,
    pub(crate) admin: String,
    pub(crate) dir: tempfile::TempDir,
    router: Router,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// What a browser that signed in has.
pub(crate) struct Session {
    pub(crate) cookie: String,
    pub(crate) csrf: String,
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value; empty when it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The text, if the answer has this status.
    #[track_caller]
    pub(crate) fn expect_text(&self, status: u16) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self.text()
    }

    /// The JSON, if the answer has this status.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        let text = self.expect_text(status);
        if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() }
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
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    /// One whose operator set something.
    pub(crate) async fn with(settings: Settings) -> Self {
        // The program does this at its start; a second test of one process finds it done.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(NOW_MS);
        let url = format!("sqlite:{}/amphi.db", dir.path().display());
        let db = Database::open_with_clock(&url, Arc::new(clock.clone())).await.unwrap();
        db.migrate(&[portal::migrations(), crate::migrations()]).await.unwrap();
        let config = PortalConfig {
            catalogs: crate::catalogs(),
            nav: crate::navigation(),
            sub_nav: crate::sub_navigation(),
            assets: crate::assets(),
            topics: crate::topic,
            removals: vec![crate::removal],
            ..PortalConfig::default()
        };
        let portal = Portal::open(db.clone(), config).unwrap();
        portal.bootstrap(dir.path(), "test").await.unwrap();
        let admin = std::fs::read_to_string(dir.path().join("admin.token")).unwrap().trim().to_owned();
        let config = ClassroomConfig {
            replica: "replica-1".into(),
            seal: Seal::open_or_create(dir.path()).unwrap(),
            url: "https://amphi.example.org".into(),
            dir: dir.path().join("classroom"),
            volume: None,
            allow_loopback: true,
            settings,
        };
        let classroom = Classroom::open(db.clone(), portal.clone(), config).await.unwrap();
        let router = router(&portal, &classroom);
        Self { classroom, db, clock, admin, dir, router }
    }

    /// A request through every layer.
    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let answer = tokio::time::timeout(DEADLINE, self.router.clone().oneshot(request));
        let (parts, body) = answer.await.expect("an answer in time").unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// A call of the REST API; an empty token for nobody, a null body for none.
    pub(crate) async fn call(&self, token: &str, method: &str, path: &str, body: Value) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if body.is_null() {
            return self.send(request.body(Body::empty()).unwrap()).await;
        }
        let request = request.header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Reply {
        self.call(token, "GET", path, Value::Null).await
    }

    pub(crate) async fn post(&self, token: &str, path: &str, body: Value) -> Reply {
        self.call(token, "POST", path, body).await
    }

    pub(crate) async fn patch(&self, token: &str, path: &str, body: Value) -> Reply {
        self.call(token, "PATCH", path, body).await
    }

    pub(crate) async fn delete(&self, token: &str, path: &str) -> Reply {
        self.call(token, "DELETE", path, Value::Null).await
    }

    /// Makes a tenant.
    pub(crate) async fn tenant(&self, name: &str) -> TenantId {
        let made = self.post(&self.admin, "/api/v1/tenants", json!({ "name": name, "title": name })).await.expect(201);
        self.classroom.directory_reload().await.unwrap();
        TenantId::parse(made["id"].as_str().unwrap()).unwrap()
    }

    /// Makes an account in the first tenant and answers a token of its own.
    pub(crate) async fn account(&self, login: &str, role: &str) -> String {
        self.account_in(&self.first().settings.tenant, login, role).await
    }

    /// Makes an account in a tenant and answers a token of its own.
    pub(crate) async fn account_in(&self, tenant: &TenantId, login: &str, role: &str) -> String {
        let new =
            json!({ "login": login, "name": login, "role": role, "password": PASSWORD, "tenant": tenant.as_str() });
        self.post(&self.admin, "/api/v1/accounts", new).await.expect(201);
        let session = self.session(login).await;
        let request = Request::post("/api/v1/tokens")
            .header(header::COOKIE, &session.cookie)
            .header("x-csrf-token", &session.csrf)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(r#"{"name":"test"}"#));
        self.send(request.unwrap()).await.expect(201)["token"].as_str().unwrap().to_owned()
    }

    /// Signs in as somebody that [`Plane::account`] made.
    pub(crate) async fn session(&self, login: &str) -> Session {
        let answer = self.post("", "/api/v1/sessions", json!({ "login": login, "password": PASSWORD })).await;
        let csrf = answer.expect(201)["csrf"].as_str().unwrap().to_owned();
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        Session { cookie, csrf }
    }

    /// Who has a token, as services see them.
    pub(crate) async fn caller(&self, token: &str) -> Caller {
        let me = self.get(token, "/api/v1/me").await.expect(200);
        let account = AccountId::parse(me["id"].as_str().unwrap()).unwrap();
        self.classroom.portal().account_caller(&account, "test", "request").await.unwrap().unwrap()
    }

    /// A page, as a browser with these cookies gets it; empty for none.
    pub(crate) async fn page(&self, cookie: &str, path: &str) -> Reply {
        let request = Request::get(path).header(header::ACCEPT, "text/html").header(header::COOKIE, cookie);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// A form that a page posts.
    pub(crate) async fn form(&self, session: &Session, path: &str, fields: &[(&str, &str)]) -> Reply {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields).append_pair("csrf_token", &session.csrf);
        let request = Request::post(path)
            .header(header::ACCEPT, "text/html")
            .header(header::COOKIE, &session.cookie)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(form.finish())).unwrap()).await
    }

    /// The tenant that was there first, whose secret signs [`Plane::api`].
    pub(crate) fn first(&self) -> Arc<TenantEntry> {
        let entries = self.classroom.directory().entries();
        entries.tenant(entries.first().unwrap()).unwrap().clone()
    }

    /// The path of a call of the conference API, signed by the first tenant.
    pub(crate) fn signed(&self, call: &str, query: &str) -> String {
        signed_by(self.first().secrets[0].secret.expose(), call, query)
    }

    /// A call of the conference API, signed by the first tenant.
    pub(crate) async fn api(&self, call: &str, query: &str) -> Reply {
        self.get("", &self.signed(call, query)).await
    }

    /// The folder that recordings are kept in.
    pub(crate) fn recordings_dir(&self) -> std::path::PathBuf {
        self.dir.path().join("classroom/recordings")
    }

    /// Rows of a table.
    pub(crate) async fn count(&self, table: &'static str) -> i64 {
        let query = Query::new(format!("SELECT COUNT(*) AS n FROM {table}"));
        self.db.one(query).await.unwrap().get("n").unwrap()
    }
}

/// The path of a call of the conference API, signed with a secret.
pub(crate) fn signed_by(secret: &str, call: &str, query: &str) -> String {
    let sum = checksum(Algorithm::Sha256, &[call.as_bytes(), query.as_bytes(), secret.as_bytes()]);
    let join = if query.is_empty() { "" } else { "&" };
    format!("/bigbluebutton/api/{call}?{query}{join}checksum={sum}")
}

/// The wiring of the program, without its listener.
fn router(portal: &Portal, classroom: &Classroom) -> Router {
    let own_api = portal::api().with_state(portal.clone());
    let (api, _) =
        OpenApiRouter::with_openapi(portal::openapi()).merge(own_api).merge(classroom.api()).split_for_parts();
    let pages = portal::pages().with_state(portal.clone()).merge(classroom.pages());
    portal.layer(pages.merge(api), [portal::access(), crate::access()].concat()).merge(classroom.conferences())
}

#[tokio::test]
async fn everybody_comes_through_every_layer() {
    let plane = Plane::new().await;
    let law = plane.tenant("law").await;
    let (ada, tea) = (plane.account("ada", "learner").await, plane.account_in(&law, "tea", "teacher").await);
    assert_eq!(plane.caller(&ada).await.tenant, plane.first().settings.tenant);
    assert_eq!(plane.caller(&tea).await.tenant, law);
    plane.patch(&ada, "/api/v1/me", json!({ "name": "Ada" })).await.expect(200);
    assert_eq!(plane.delete(&ada, "/api/v1/accounts/x").await.problem(403), "role-needed");

    let session = plane.session("ada").await;
    assert!(plane.page(&session.cookie, "/account").await.expect_text(200).contains("Ada"));
    assert_eq!(plane.form(&session, "/account/profile", &[("name", "Bea")]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(plane.caller(&ada).await.name, "Bea");
    let stale = Session { csrf: "x".to_owned(), ..session };
    plane.form(&stale, "/account/profile", &[("name", "Eve")]).await.expect_text(403);

    assert!(plane.api("isMeetingRunning", "meetingID=none").await.expect_text(200).contains("<running>false"));
    let forged = signed_by("no secret of anybody", "isMeetingRunning", "meetingID=none");
    assert!(plane.get("", &forged).await.expect_text(200).contains("checksumError"));
    plane.clock.advance(Duration::from_secs(1));
    assert_eq!(plane.classroom.now_ms(), NOW_MS + 1_000);
    assert_eq!((plane.count("classroom_secret").await, plane.count("classroom_server").await), (1, 0));
    assert!(plane.dir.path().join("amphi.db").exists());
    plane.classroom.servers_poll().await.unwrap();
    plane.classroom.reconcile().await.unwrap();
}
