//! Hooks, the outbox and analytics, between stand-in servers and a client that may refuse.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::routing::any;
use serde_json::{Value, json};
use testkit::conference::{Conference, ConferencePlan, Fault};

use crate::model::checksum::{Algorithm, checksum};
use crate::model::jwt::{Hash, is_signed, sign};
use crate::model::outbox::CallKind;
use crate::model::parameters::Parameters;
use crate::plane::Plane;
use crate::queries::hook::hook_list;
use crate::queries::outbox::call_count;
use crate::service::server::ServerNew;

/// What a client got: query, the header `Authorization`, body.
type Got = (String, String, String);

/// The status that it answers, and what it got.
type Shared = Arc<Mutex<(u16, Vec<Got>)>>;

/// A client's address, which answers as it is told.
struct Receiver {
    url: String,
    shared: Shared,
}

impl Receiver {
    async fn start() -> Self {
        let shared = Arc::new(Mutex::new((200, Vec::new())));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/told", listener.local_addr().unwrap());
        let router = Router::new().route("/told", any(told)).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, shared }
    }

    fn answer(&self, status: u16) {
        self.shared.lock().unwrap().0 = status;
    }

    /// What it got since it was asked last.
    fn got(&self) -> Vec<Got> {
        std::mem::take(&mut self.shared.lock().unwrap().1)
    }
}

async fn told(State(shared): State<Shared>, RawQuery(query): RawQuery, headers: HeaderMap, body: String) -> StatusCode {
    let signed = headers.get(header::AUTHORIZATION).map_or("", |value| value.to_str().unwrap());
    let mut shared = shared.lock().unwrap();
    shared.1.push((query.unwrap_or_default(), signed.to_owned(), body));
    StatusCode::from_u16(shared.0).unwrap()
}

async fn server_add(plane: &Plane, id: &str) -> Conference {
    // Each has a secret of its own, so that it is told who signed.
    let conference =
        Conference::start(ConferencePlan { secret: format!("secret of {id}"), ..Default::default() }).await;
    let conference = conference.unwrap();
    let (url, secret) = (conference.url(), conference.secret().to_owned());
    let new = ServerNew { id: Some(id.to_owned()), url, secret, ..ServerNew::default() };
    let admin = plane.caller(&plane.admin).await;
    plane.classroom.server_add(&admin, new).await.unwrap();
    conference
}

fn secret(plane: &Plane) -> String {
    plane.first().secrets.last().unwrap().secret.expose().clone()
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Calls of hooks that a server got, without the listings: name, and where they lead.
fn hook_calls(conference: &Conference) -> Vec<String> {
    conference
        .calls()
        .iter()
        .map(|call| call.name.clone())
        .filter(|call| call.starts_with("hooks/") && call != "hooks/list")
        .collect()
}

#[tokio::test]
async fn a_hook_is_one_for_all_servers() {
    let plane = Plane::new().await;
    let a = server_add(&plane, "a").await;
    let query = format!("callbackURL={}", encoded("https://lms.example.org/hook?x=1"));
    let made = "<response><returncode>SUCCESS</returncode><hookID>1</hookID><permanentHook>false</permanentHook>\
                <rawData>false</rawData></response>";
    assert_eq!(plane.api("hooks/create", &query).await.expect_text(200), made);
    assert_eq!(hook_calls(&a), ["hooks/create"]);
    let again = plane.api("hooks/create", &query).await.expect_text(200);
    assert!(again.contains("<hookID>1</hookID><messageKey>duplicateWarning</messageKey>"), "{again}");
    assert_eq!(plane.count("classroom_hook").await, 1);
    let b = server_add(&plane, "b").await;
    plane.classroom.hooks_reconcile().await.unwrap();
    plane.classroom.hooks_reconcile().await.unwrap();
    assert_eq!((hook_calls(&a).len(), hook_calls(&b).len()), (1, 1), "a server that joins gets it, once");
    let listed = plane.api("hooks/list", "").await.expect_text(200);
    assert!(listed.contains("<callbackURL>https://lms.example.org/hook?x=1</callbackURL>"), "{listed}");
    assert!(!listed.contains("amphi.example.org"), "{listed}");

    assert!(plane.api("hooks/destroy", "").await.expect_text(200).contains("missingParamHookID"));
    assert!(plane.api("hooks/destroy", "hookID=9").await.expect_text(200).contains("destroyMissingHook"));
    assert!(plane.api("hooks/create", "").await.expect_text(200).contains("missingParamCallbackURL"));
    assert!(plane.api("hooks/create", "callbackURL=ftp:x").await.expect_text(200).contains("createHookError"));
    assert!(plane.api("hooks/destroy", "hookID=1").await.expect_text(200).contains("<removed>true</removed>"));
    assert_eq!(hook_calls(&a), ["hooks/create", "hooks/destroy"]);
    assert_eq!(hook_calls(&b), ["hooks/create", "hooks/destroy"]);
}

#[tokio::test]
async fn a_server_that_hangs_holds_no_client_up() {
    let plane = Plane::new().await;
    let (a, b) = (server_add(&plane, "a").await, server_add(&plane, "b").await);
    a.set_fault(Fault::Hang);
    let query = format!("callbackURL={}", encoded("https://lms.example.org/hook"));
    // The server itself is given up after five seconds.
    let made = tokio::time::timeout(Duration::from_secs(4), plane.api("hooks/create", &query)).await;
    assert!(made.expect("an answer before the server is given up").expect_text(200).contains("<hookID>1</hookID>"));
    assert_eq!(hook_calls(&b), ["hooks/create"]);
}

async fn create(plane: &Plane, more: &str) {
    let answer = plane.api("create", &format!("meetingID=course-7&name=Algebra{more}")).await.expect_text(200);
    assert!(answer.contains("<returncode>SUCCESS"), "{answer}");
}

fn event(meeting: &str, ts: i64) -> Value {
    json!({ "data": { "type": "event", "id": "user-joined", "attributes": {
        "meeting": { "internal-meeting-id": "i", "external-meeting-id": meeting } }, "event": { "ts": ts } } })
}

/// An event as a server delivers it, signed with its secret; the status.
async fn deliver(plane: &Plane, secret: &str, event: &Value) -> u16 {
    let hook = hook_list(&plane.db, None).await.unwrap().remove(0);
    let address = format!("https://amphi.example.org/bigbluebutton/hooks/{}", hook.token);
    let fields = [("domain", "bbb1"), ("event", &format!("[{event}]")), ("timestamp", "1532718316938")];
    let body = Parameters::from_iter(fields).encoded();
    let sum = checksum(Algorithm::Sha1, &[address.as_bytes(), body.as_bytes(), secret.as_bytes()]);
    let request = Request::post(format!("/bigbluebutton/hooks/{}?checksum={sum}", hook.token))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(body));
    plane.send(request.unwrap()).await.status.as_u16()
}

#[tokio::test]
async fn events_are_handed_on_once_and_signed_by_the_tenants_secret() {
    let plane = Plane::new().await;
    let (_a, receiver) = (server_add(&plane, "a").await, Receiver::start().await);
    plane.tenant("law").await;
    plane.api("hooks/create", &format!("callbackURL={}", encoded(&receiver.url))).await.expect_text(200);
    create(&plane, "").await;
    assert_eq!(deliver(&plane, "nobody's secret", &event("course-7", 1)).await, 403);
    assert_eq!(plane.post("", "/bigbluebutton/hooks/none", Value::Null).await.status, StatusCode::NOT_FOUND);
    assert_eq!(deliver(&plane, "secret of a", &event("course-7", 1)).await, 200);
    assert_eq!(deliver(&plane, "secret of a", &event("course-7", 1)).await, 200, "a repetition");
    assert_eq!(deliver(&plane, "secret of a", &event("of-another-tenant", 1)).await, 200);
    plane.classroom.outbox_turn().await.unwrap();
    let got = receiver.got();
    assert_eq!(got.len(), 1, "{got:?}");
    let (query, _, body) = &got[0];
    let parts: [&[u8]; 3] = [receiver.url.as_bytes(), body.as_bytes(), &secret(&plane).into_bytes()];
    assert_eq!(*query, format!("checksum={}", checksum(Algorithm::Sha1, &parts)));
    let form = Parameters::parse(body.as_bytes());
    assert_eq!((form.get("domain"), form.get("timestamp")), (Some("amphi.example.org"), Some("1532718316938")));
    assert_eq!(form.get("event").unwrap(), format!("[{}]", event("course-7", 1)));
    deliver(&plane, "secret of a", &event("course-7", 1)).await;
    plane.classroom.outbox_turn().await.unwrap();
    assert_eq!(receiver.got().len(), 0, "it came through a moment ago");
    plane.clock.advance(Duration::from_secs(601));
    plane.classroom.outbox_turn().await.unwrap();
    deliver(&plane, "secret of a", &event("course-7", 1)).await;
    plane.classroom.outbox_turn().await.unwrap();
    assert_eq!(receiver.got().len(), 1);
}

#[tokio::test]
async fn calls_wait_for_an_answer_and_keep_their_order() {
    let plane = Plane::new().await;
    let (receiver, tenant) = (Receiver::start().await, plane.first().settings.tenant.clone());
    let put = async |n: i64| {
        let body = json!({ "record_id": n }).to_string();
        plane.classroom.outbox_put(CallKind::Ready, tenant.clone(), receiver.url.clone(), body).await.unwrap();
    };
    put(1).await;
    put(2).await;
    receiver.answer(503);
    plane.classroom.outbox_turn().await.unwrap();
    plane.classroom.outbox_turn().await.unwrap();
    assert_eq!(receiver.got().len(), 1, "the second waits behind the first, and the first for ten seconds");
    plane.clock.advance(Duration::from_secs(10));
    receiver.answer(200);
    plane.classroom.outbox_turn().await.unwrap();
    let claims = |body: &str| {
        use base64::Engine as _;
        let token = body.strip_prefix("signed_parameters=").unwrap();
        assert!(is_signed(token, Hash::Hs256, &secret(&plane), 0));
        let claims = token.split('.').nth(1).unwrap();
        let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).unwrap();
        serde_json::from_slice::<Value>(&claims).unwrap()["record_id"].as_i64().unwrap()
    };
    let got: Vec<i64> = receiver.got().iter().map(|(_, _, body)| claims(body)).collect();
    assert_eq!(got, [1, 2]);
    put(3).await;
    receiver.answer(410);
    plane.classroom.outbox_turn().await.unwrap();
    assert_eq!((receiver.got().len(), call_count(&plane.db).await.unwrap()), (1, 0), "an address that is gone");
}

#[tokio::test]
async fn analytics_find_their_client_after_the_meeting() {
    let plane = Plane::new().await;
    let (_a, receiver) = (server_add(&plane, "a").await, Receiver::start().await);
    create(&plane, &format!("&meta_analytics-callback-url={}", encoded(&receiver.url))).await;
    let token = plane.classroom.meetings().all()[0].token.clone();
    plane.classroom.meeting_on_ended(&token).await.unwrap();
    let send = async |token: &str, bearer: String| {
        let request = Request::post(format!("/bigbluebutton/analytics/{token}"))
            .header(header::AUTHORIZATION, format!("Bearer {bearer}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(r#"{"meeting_id":"course-7"}"#));
        plane.send(request.unwrap()).await.status.as_u16()
    };
    let now_s = plane.classroom.now_ms() / 1_000;
    let signed = |hash, end_s: i64, secret: &str| sign(hash, &json!({ "exp": end_s }), secret);
    assert_eq!(send(&token, signed(Hash::Hs512, now_s + 9, "nobody's")).await, 401);
    assert_eq!(send(&token, signed(Hash::Hs256, now_s + 9, "secret of a")).await, 401);
    assert_eq!(send(&token, signed(Hash::Hs512, now_s, "secret of a")).await, 401, "it is over");
    assert_eq!(send("none", signed(Hash::Hs512, now_s + 9, "secret of a")).await, 404);
    assert_eq!(send(&token, signed(Hash::Hs512, now_s + 9, "secret of a")).await, 200);
    plane.classroom.outbox_turn().await.unwrap();
    let got = receiver.got();
    assert_eq!((got.len(), got[0].2.as_str()), (1, r#"{"meeting_id":"course-7"}"#));
    let bearer = got[0].1.strip_prefix("Bearer ").unwrap();
    assert!(is_signed(bearer, Hash::Hs512, &secret(&plane), plane.classroom.now_ms()));
}

#[tokio::test]
async fn hooks_are_listed_for_a_meeting_or_all_of_them() {
    let plane = Plane::new().await;
    let _server = server_add(&plane, "a").await;
    for query in ["callbackURL=https://a.example.org", "callbackURL=https://b.example.org&meetingID=algebra"] {
        plane.api("hooks/create", query).await.expect_text(200);
    }
    let listed = async |query: &str| plane.api("hooks/list", query).await.expect_text(200).matches("<hook>").count();
    assert_eq!(listed("").await, 2);
    assert_eq!(listed("meetingID=algebra").await, 2);
    assert_eq!(listed("meetingID=geometry").await, 1);
}
