//! Talks to a server's REST API: one connection's settings, requests with their timeouts, answers and refusals
//! decoded. It keeps types of its own rather than the services': the program may talk to a server of another version.

mod conference;
mod connection;
mod live;
mod model;
mod problem;
mod recording;
mod session;
mod sse;
mod trust;
mod volume;

use std::time::Duration;

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rand::RngExt;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

pub(crate) use conference::{Capacity, ConferenceServer, Meeting, SharedSecret, Usage};
pub(crate) use connection::{Connection, ConnectionError, Credentials, ca_from_environment, parse_url};
pub(crate) use live::{JobEnd, LiveEvent, LiveStream, OutputChunk, OutputStream, StateChange};
pub(crate) use model::{
    Account, AuditEntry, Batch, Element, ElementPage, Job, Language, Me, NewS3Key, NewToken, Node, NodeToken, S3Key,
    Source, SourceFile, Status, Store, Tenant, Token, Tool, ToolOption,
};
pub(crate) use problem::{ClientError, Problem};
pub(crate) use recording::{Quarantined, Recording, Upload};
pub(crate) use session::sign_in;
pub(crate) use trust::{fetch_authority, fingerprint};
pub(crate) use volume::{CareProgress, CareRates, Export, FileEntry, NodeMount, Share, Volume, VolumeHealth};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// A live stream carries a comment every 15 s, so this long without a byte means that the link is dead.
const IDLE_TIMEOUT: Duration = Duration::from_secs(40);
/// Largest JSON answer that is read, in bytes.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;
const SUBMIT_TRIES: u32 = 3;
/// What an address's segment has as it is: unreserved characters of RFC 3986.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Items asked for at once.
const PAGE_ITEMS: usize = 100;

/// How a listing is sorted, which decides what its cursor is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// By name: the next page comes `after`.
    Name,
    /// Newest first: the next page is from `before`.
    Newest,
}

impl Order {
    fn cursor(self) -> &'static str {
        match self {
            Self::Name => "after",
            Self::Newest => "before",
        }
    }
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Value>,
    #[serde(default)]
    next: Option<String>,
}

/// One server's API. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    connection: Connection,
    headers: HeaderMap,
}

impl Client {
    /// Errors: a CA certificate that can't be read, a token that can't stand in a header.
    pub(crate) fn new(connection: &Connection) -> Result<Self, ClientError> {
        let mut headers = HeaderMap::new();
        if let Some(token) = &connection.token {
            let mut value =
                HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| ClientError::TokenUnusable)?;
            value.set_sensitive(true);
            headers.insert(reqwest::header::AUTHORIZATION, value);
        }
        Self::with_headers(connection, headers)
    }

    fn with_headers(connection: &Connection, headers: HeaderMap) -> Result<Self, ClientError> {
        let http = Self::http(connection, headers.clone(), Some(IDLE_TIMEOUT))?;
        Ok(Self { http, base: connection.url.clone(), connection: connection.clone(), headers })
    }

    fn http(
        connection: &Connection,
        headers: HeaderMap,
        silence: Option<Duration>,
    ) -> Result<reqwest::Client, ClientError> {
        let mut http = reqwest::Client::builder()
            .http1_only()
            .user_agent(concat!("amphi/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            // The API never redirects; following one could carry the request to another server.
            .redirect(reqwest::redirect::Policy::none())
            .default_headers(headers);
        if let Some(silence) = silence {
            http = http.read_timeout(silence);
        }
        if connection.is_loopback() {
            http = http.no_proxy();
        }
        if let Some(pem) = &connection.ca_pem {
            http = http.tls_certs_only([trust::certificate(pem)?]);
        } else if connection.url.scheme() == "http" {
            // Loading the system's certificates takes longer than a whole request, and fails where none are installed.
            http = http.tls_certs_only([]);
        }
        http.build().map_err(|source| ClientError::Setup { source })
    }

    /// The server's address.
    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// `BASE/api/v1/SEGMENTS…`; a segment is any text but nothing, `.` and `..`, which addresses have other meanings for.
    pub(crate) fn url(&self, segments: &[&str]) -> Result<Url, ClientError> {
        let mut path = format!("{}/api/v1", self.base.path().trim_end_matches('/'));
        for segment in segments {
            if matches!(*segment, "" | "." | "..") {
                return Err(ClientError::Name { name: (*segment).to_owned() });
            }
            // All that is not plain is encoded: `Url` drops tabs and newlines that are not.
            path.push('/');
            path.extend(utf8_percent_encode(segment, NAME));
        }
        let mut url = self.base.clone();
        url.set_path(&path);
        Ok(url)
    }

    /// Reads JSON.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        query: &[(&str, String)],
    ) -> Result<T, ClientError> {
        let request = self.http.get(self.url(segments)?).query(query).timeout(REQUEST_TIMEOUT);
        self.decode(self.send(request).await?).await
    }

    /// The server's clock, to the second; `None` where it sends none. Proves that the address is an Amphi server's.
    pub(crate) async fn date(&self) -> Result<Option<Timestamp>, ClientError> {
        let response = self.send(self.http.get(self.url(&["status"])?).timeout(REQUEST_TIMEOUT)).await?;
        let date = response.headers().get(reqwest::header::DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()).map(|date| date.timestamp());
        self.decode::<Value>(response).await?;
        Ok(date)
    }

    /// Reads a listing's pages until `limit` items are there or it ends.
    pub(crate) async fn list(
        &self,
        segments: &[&str],
        query: &[(&str, String)],
        order: Order,
        limit: usize,
    ) -> Result<Vec<Value>, ClientError> {
        let mut items: Vec<Value> = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let wanted = (limit - items.len()).min(PAGE_ITEMS);
            let mut query = query.to_vec();
            query.push(("limit", wanted.to_string()));
            query.extend(cursor.map(|cursor| (order.cursor(), cursor)));
            let page: Page = self.get(segments, &query).await?;
            let is_empty = page.items.is_empty();
            items.extend(page.items);
            cursor = page.next;
            if cursor.is_none() || is_empty || items.len() >= limit {
                items.truncate(limit);
                return Ok(items);
            }
        }
    }

    /// Sends a change, with a body or without; `Null` when the server answers nothing.
    /// A POST carries a key of its own, so that a proxy that repeats it changes nothing twice.
    pub(crate) async fn change(
        &self,
        method: Method,
        segments: &[&str],
        body: Option<&Value>,
    ) -> Result<Value, ClientError> {
        let is_post = method == Method::POST;
        let mut request = self.http.request(method, self.url(segments)?).timeout(REQUEST_TIMEOUT);
        if is_post {
            request = request.header("idempotency-key", new_key());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        self.decode(self.send(request).await?).await
    }

    /// Submits a job.
    pub(crate) async fn job_submit(&self, body: &Value) -> Result<Value, ClientError> {
        self.post_once(&["jobs"], body).await
    }

    /// Sends a POST. When the connection fails the same request is sent again, at most three times, under one
    /// idempotency key, so that it is carried out at most once.
    pub(crate) async fn post_once(&self, segments: &[&str], body: &Value) -> Result<Value, ClientError> {
        let key = new_key();
        let mut tries = 1;
        loop {
            let request = self.http.post(self.url(segments)?).timeout(REQUEST_TIMEOUT);
            let failure = match self.send(request.header("idempotency-key", &key).json(body)).await {
                Ok(response) => match self.decode(response).await {
                    Ok(answer) => return Ok(answer),
                    Err(failure) => failure,
                },
                Err(failure) => failure,
            };
            if tries == SUBMIT_TRIES || !failure.is_connection() {
                return Err(failure);
            }
            let wait_ms = rand::rng().random_range(50..=200) * u64::from(tries);
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            tries += 1;
        }
    }

    /// Sends a file. `length` in bytes, where it is known.
    pub(crate) async fn upload(
        &self,
        segments: &[&str],
        body: reqwest::Body,
        length: Option<u64>,
    ) -> Result<Value, ClientError> {
        // The time without an answer counts from the request's beginning, and an upload may take hours.
        let http = Self::http(&self.connection, self.headers.clone(), None)?;
        let mut request = http.put(self.url(segments)?).body(body);
        if let Some(length) = length {
            request = request.header(reqwest::header::CONTENT_LENGTH, length);
        }
        self.decode(self.send(request).await?).await
    }

    /// Removes something.
    pub(crate) async fn remove(&self, segments: &[&str], query: &[(&str, &str)]) -> Result<Value, ClientError> {
        let request = self.http.delete(self.url(segments)?).query(query).timeout(REQUEST_TIMEOUT);
        self.decode(self.send(request).await?).await
    }

    /// Opens plain text of any length; the caller reads it chunk by chunk.
    pub(crate) async fn text(&self, segments: &[&str], query: &[(&str, String)]) -> Result<Response, ClientError> {
        self.send(self.http.get(self.url(segments)?).query(query)).await
    }

    /// Opens a stream of server-sent events behind `last_id`.
    async fn events(&self, segments: &[&str], last_id: Option<&str>) -> Result<Response, ClientError> {
        let mut request = self.http.get(self.url(segments)?).header(ACCEPT, "text/event-stream");
        if let Some(id) = last_id {
            request = request.header("last-event-id", id);
        }
        // No total timeout: a run may take hours. Connecting and silence have theirs.
        match tokio::time::timeout(REQUEST_TIMEOUT, self.send(request)).await {
            Ok(opened) => opened,
            Err(_) => Err(ClientError::Silent { server: self.base.to_string() }),
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let response = request.send().await.map_err(|source| self.broken(source))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(ClientError::Refused(problem::read(response).await))
    }

    async fn decode<T: DeserializeOwned>(&self, response: Response) -> Result<T, ClientError> {
        let body = self.body(response).await?;
        let body: &[u8] = if body.is_empty() { b"null" } else { &body };
        serde_json::from_slice(body).map_err(|source| ClientError::Answer { server: self.base.to_string(), source })
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, ClientError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|source| self.broken(source))? {
            if body.len() + chunk.len() > ANSWER_BYTES {
                return Err(ClientError::AnswerTooLong { server: self.base.to_string(), limit_bytes: ANSWER_BYTES });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// A request that got no answer, or half of one.
    pub(crate) fn broken(&self, source: reqwest::Error) -> ClientError {
        ClientError::from_transport(self.base.as_str(), source)
    }
}

fn new_key() -> String {
    uuid::Uuid::now_v7().to_string()
}
