//! The REST API as a client sees it whose server may go away at any time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

/// An answer that takes longer counts as none.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Why there is no answer to use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// Nobody answered, or not to the end.
    #[error("no answer")]
    Away(#[source] reqwest::Error),
    /// 4xx or 5xx, with what it says.
    #[error("status {0}: {1}")]
    Status(u16, Value),
}

impl Trouble {
    /// Whether the same request may be answered a little later.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Away(_) => true,
            Self::Status(status, _) => *status >= 500,
        }
    }

    /// The code of a refusal.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Away(_) => "",
            Self::Status(_, body) => body["code"].as_str().unwrap_or_default(),
        }
    }
}

/// One account's view of one server, or of several that have to be as good as one.
#[derive(Clone)]
pub(crate) struct Api {
    http: reqwest::Client,
    urls: Vec<String>,
    turn: Arc<AtomicUsize>,
    token: String,
}

impl Api {
    pub(crate) fn new(url: &str, token: String) -> Self {
        Self::over(vec![url.to_owned()], token)
    }

    /// Asks each in turn.
    pub(crate) fn over(urls: Vec<String>, token: String) -> Self {
        // Fails only when another test of this program was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { http, urls, turn: Arc::default(), token }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = &self.urls[self.turn.fetch_add(1, Ordering::Relaxed) % self.urls.len()];
        self.http.request(method, format!("{url}/api/v1/{path}")).bearer_auth(&self.token)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Trouble> {
        let response = request.send().await.map_err(Trouble::Away)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.json().await.unwrap_or(Value::Null);
        Err(Trouble::Status(status.as_u16(), body))
    }

    async fn value(&self, request: RequestBuilder) -> Result<Value, Trouble> {
        self.send(request.timeout(ANSWER_LIMIT)).await?.json().await.map_err(Trouble::Away)
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value, Trouble> {
        self.value(self.request(Method::GET, path)).await
    }

    /// Submits under an idempotency key; the job's id.
    pub(crate) async fn submit(&self, key: &str, body: &Value) -> Result<String, Trouble> {
        let request = self.request(Method::POST, "jobs").header("Idempotency-Key", key).json(body);
        let job = self.value(request).await?;
        Ok(job["id"].as_str().expect("an accepted job has an id").to_owned())
    }

    /// Types into a running program, under an idempotency key.
    pub(crate) async fn input(&self, id: &str, key: &str, text: &str) -> Result<(), Trouble> {
        let request = self.request(Method::POST, &format!("jobs/{id}/input")).header("Idempotency-Key", key);
        self.send(request.json(&json!({ "input": text })).timeout(ANSWER_LIMIT)).await.map(drop)
    }

    /// Cancels; the job as the answer shows it.
    pub(crate) async fn cancel(&self, id: &str) -> Result<Value, Trouble> {
        self.value(self.request(Method::POST, &format!("jobs/{id}/cancel"))).await
    }

    pub(crate) async fn job(&self, id: &str) -> Result<Value, Trouble> {
        self.get(&format!("jobs/{id}")).await
    }

    /// What an attempt printed to standard output.
    pub(crate) async fn output(&self, id: &str, attempt: u64) -> Result<String, Trouble> {
        let request = self.request(Method::GET, &format!("jobs/{id}/output?attempt={attempt}"));
        self.send(request.timeout(ANSWER_LIMIT)).await?.text().await.map_err(Trouble::Away)
    }

    /// Every job there is.
    pub(crate) async fn jobs(&self) -> Result<Vec<Value>, Trouble> {
        let mut jobs = Vec::new();
        let mut path = "jobs?limit=200".to_owned();
        loop {
            let mut page = self.get(&path).await?;
            jobs.append(page["items"].as_array_mut().expect("a list has items"));
            match page["next"].as_str() {
                Some(next) => path = format!("jobs?limit=200&before={next}"),
                None => return Ok(jobs),
            }
        }
    }

    pub(crate) async fn nodes(&self) -> Result<Vec<Value>, Trouble> {
        let mut page = self.get("nodes").await?;
        Ok(std::mem::take(page["items"].as_array_mut().expect("a list has items")))
    }

    /// A token with which one node can join.
    pub(crate) async fn node_token(&self) -> Result<String, Trouble> {
        let answer = self.value(self.request(Method::POST, "node-tokens").json(&json!({}))).await?;
        Ok(answer["token"].as_str().expect("a node token").to_owned())
    }

    pub(crate) async fn node_remove(&self, name: &str) -> Result<(), Trouble> {
        let request = self.request(Method::DELETE, &format!("nodes/{name}"));
        self.send(request.timeout(ANSWER_LIMIT)).await.map(drop)
    }

    /// The events of a job as they come.
    pub(crate) async fn live(&self, id: &str) -> Result<Live, Trouble> {
        let request = self.request(Method::GET, &format!("jobs/{id}/live"));
        Ok(Live { response: self.send(request).await?, read: String::new() })
    }
}

/// A stream of server-sent events.
pub(crate) struct Live {
    response: Response,
    read: String,
}

impl Live {
    /// The next event's name and data; `None` when the stream is over, however that came.
    pub(crate) async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.read = rest;
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                if let (Some(name), Some(data)) = (field("event:"), field("data:")) {
                    return Some((name.to_owned(), serde_json::from_str(data).expect("an event's data is JSON")));
                }
                continue;
            }
            let piece = self.response.chunk().await.ok()??;
            self.read.push_str(std::str::from_utf8(&piece).expect("events are text, and ping writes ASCII"));
        }
    }
}
