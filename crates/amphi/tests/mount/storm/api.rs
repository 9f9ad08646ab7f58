//! The REST API, as far as a storm needs it.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

/// An answer that takes longer counts as none.
const LIMIT: Duration = Duration::from_secs(60);
/// The same for what is only to be tried.
const SHORT: Duration = Duration::from_secs(1);

/// Why there is no answer to use: a sentence.
pub(super) type Trouble = String;

#[derive(Clone)]
pub(super) struct Api {
    http: Client,
    url: String,
    token: String,
}

impl Api {
    pub(super) fn new(url: String, token: String) -> Self {
        // Fails only when another test of this program was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder().no_proxy().timeout(LIMIT).connect_timeout(LIMIT / 20).build().unwrap();
        Self { http, url, token }
    }

    pub(super) async fn json(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, Trouble> {
        let body = body.map(|body| body.to_string().into_bytes());
        let (status, answer) = self.send(method, path, body, "application/json").await?;
        if !status.is_success() {
            return Err(format!("{status}: {}", String::from_utf8_lossy(&answer)));
        }
        Ok(serde_json::from_slice(&answer).unwrap_or(Value::Null))
    }

    /// Has all that is at rest compared. Answers late or never where the control plane is away.
    pub(super) async fn scrub(&self, volume: &str) -> Result<(), Trouble> {
        let path = format!("volumes/{volume}/scrub");
        let asked = self.json("POST", &path, None);
        tokio::time::timeout(SHORT, asked).await.unwrap_or_else(|_| Err("no answer".to_owned())).map(drop)
    }

    /// The bytes of a file; `None`: there is none.
    pub(super) async fn file_get(&self, export: &str, name: &str) -> Result<Option<Vec<u8>>, Trouble> {
        match self.send("GET", &format!("exports/{export}/files/{name}"), None, "").await? {
            (StatusCode::OK, bytes) => Ok(Some(bytes)),
            (StatusCode::NOT_FOUND, _) => Ok(None),
            (status, answer) => Err(format!("{status}: {}", String::from_utf8_lossy(&answer))),
        }
    }

    pub(super) async fn file_put(&self, export: &str, name: &str, bytes: Vec<u8>) -> Result<(), Trouble> {
        let path = format!("exports/{export}/files/{name}");
        match self.send("PUT", &path, Some(bytes), "application/octet-stream").await? {
            (StatusCode::OK | StatusCode::CREATED, _) => Ok(()),
            (status, answer) => Err(format!("{status}: {}", String::from_utf8_lossy(&answer))),
        }
    }

    pub(super) async fn file_delete(&self, export: &str, name: &str) -> Result<(), Trouble> {
        match self.send("DELETE", &format!("exports/{export}/files/{name}"), None, "").await? {
            (StatusCode::NO_CONTENT, _) => Ok(()),
            (status, answer) => Err(format!("{status}: {}", String::from_utf8_lossy(&answer))),
        }
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<Vec<u8>>,
        kind: &str,
    ) -> Result<(StatusCode, Vec<u8>), Trouble> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.http.request(method, format!("{}/api/v1/{path}", self.url)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.header("content-type", kind).body(body);
        }
        let response = request.send().await.map_err(|error| format!("no answer: {error}"))?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(|error| format!("half an answer: {error}"))?;
        Ok((status, bytes.to_vec()))
    }
}
