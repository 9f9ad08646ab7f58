//! A server whose answers are a list that the test wrote; it keeps what it was asked.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::UnboundedReceiverStream;

/// One request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) headers: HeaderMap,
    pub(crate) query: String,
    pub(crate) body: Value,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

enum Answer {
    Whole(StatusCode, Vec<(&'static str, String)>, String),
    /// A body that the test writes piece by piece; `None` cuts the connection.
    Pieces(mpsc::UnboundedReceiver<Option<String>>),
}

#[derive(Default)]
struct Script {
    answers: Mutex<HashMap<String, VecDeque<Answer>>>,
    asked: Mutex<HashMap<String, Vec<Asked>>>,
}

pub(crate) struct FakeServer {
    pub(crate) url: String,
    script: Arc<Script>,
    changes: watch::Receiver<()>,
}

/// Writes a body while the program reads it. Dropping it ends the body in good order.
pub(crate) struct Pen(mpsc::UnboundedSender<Option<String>>);

impl Pen {
    pub(crate) fn write(&self, text: &str) {
        self.0.send(Some(text.to_owned())).unwrap();
    }

    pub(crate) fn event(&self, name: &str, id: Option<&str>, data: Value) {
        let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
        self.write(&format!("event: {name}\n{id}data: {data}\n\n"));
    }

    pub(crate) fn output(&self, attempt: u64, seq: u64, stream: &str, text: &str) {
        let data = json!({ "attempt": attempt, "seq": seq, "stream": stream, "text": text });
        self.event("output", Some(&format!("{attempt}.{seq}")), data);
    }

    pub(crate) fn end(&self, data: Value) {
        self.event("end", None, data);
    }

    /// Breaks the connection in the middle of the body.
    pub(crate) fn cut(self) {
        self.0.send(None).unwrap();
    }
}

impl FakeServer {
    pub(crate) async fn start() -> Self {
        let script = Arc::new(Script::default());
        let (changed, changes) = watch::channel(());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state((script.clone(), Arc::new(changed)));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, script, changes }
    }

    /// The next answer to `route`, such as `GET /api/v1/jobs`; the last one is given again and again.
    pub(crate) fn on(&self, route: &str, status: u16, body: Value) -> &Self {
        self.on_text(route, status, &[("content-type", "application/json")], &body.to_string())
    }

    pub(crate) fn on_text(&self, route: &str, status: u16, headers: &[(&'static str, &str)], body: &str) -> &Self {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.push(route, Answer::Whole(StatusCode::from_u16(status).unwrap(), headers, body.to_owned()));
        self
    }

    /// An answer that the test writes; used once.
    pub(crate) fn on_stream(&self, route: &str) -> Pen {
        let (pen, pieces) = mpsc::unbounded_channel();
        self.push(route, Answer::Pieces(pieces));
        Pen(pen)
    }

    fn push(&self, route: &str, answer: Answer) {
        self.script.answers.lock().unwrap().entry(route.to_owned()).or_default().push_back(answer);
    }

    /// What was asked of `route` so far.
    pub(crate) fn asked(&self, route: &str) -> Vec<Asked> {
        self.script.asked.lock().unwrap().get(route).cloned().unwrap_or_default()
    }

    /// Waits until `route` was asked `count` times.
    pub(crate) async fn wait_for(&self, route: &str, count: usize) -> Vec<Asked> {
        let mut changes = self.changes.clone();
        let reached = changes.wait_for(|()| self.asked(route).len() >= count);
        let reached = tokio::time::timeout(crate::program::DEADLINE, reached).await.is_ok();
        assert!(reached, "{route} was asked {} times, not {count}", self.asked(route).len());
        self.asked(route)
    }
}

async fn answer(State((script, changed)): State<(Arc<Script>, Arc<watch::Sender<()>>)>, request: Request) -> Response {
    let route = format!("{} {}", request.method(), request.uri().path());
    let headers = request.headers().clone();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    script.asked.lock().unwrap().entry(route.clone()).or_default().push(Asked { headers, query, body });
    changed.send_replace(());
    let mut answers = script.answers.lock().unwrap();
    let Some(queue) = answers.get_mut(&route) else {
        return (StatusCode::NOT_FOUND, format!("the test has no answer to {route}")).into_response();
    };
    match queue.pop_front() {
        Some(Answer::Whole(status, headers, text)) => {
            if queue.is_empty() {
                queue.push_back(Answer::Whole(status, headers.clone(), text.clone()));
            }
            let mut response = (status, text).into_response();
            for (name, value) in headers {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            response
        }
        Some(Answer::Pieces(pieces)) => {
            let pieces = UnboundedReceiverStream::new(pieces);
            let pieces = pieces.map(|piece| piece.map(Bytes::from).ok_or("cut by the test"));
            Response::builder().header("content-type", "text/event-stream").body(Body::from_stream(pieces)).unwrap()
        }
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// The error body of the API.
pub(crate) fn problem(code: &str, message: &str, field: Option<&str>) -> Value {
    let mut body = json!({ "code": code, "message": message, "request_id": "r-1" });
    if let Some(field) = field {
        body["field"] = json!(field);
    }
    body
}
