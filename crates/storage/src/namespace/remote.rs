//! A name space over the REST API of sessions: how a mount, in its own process, reaches the control plane.
//!
//! A session that has ended (the control plane was away for longer than it lives) is opened anew by who keeps it; calls wait
//! for that for a while.

use std::ops::Range;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use rand::RngExt;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};

use super::session::{SessionCertificate, SessionNews, SessionRenewal, SessionView};
use super::{Entry, Namespace, NamespaceError, Placed, Usage};
use crate::model::effect::Effect;
use crate::model::inode::{Ino, Inode};
use crate::model::lock::{FileLocks, Held};
use crate::model::name::Name;
use crate::model::stripe::{Stripe, StripeId};
use crate::stripe::Damage;

mod calls;
mod server;

use calls::Calls;
pub use server::Server;
use server::client;

/// A call that changes much takes a while; one that reads is expected to be short.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
const APPLY_TIMEOUT: Duration = Duration::from_secs(30);
/// The server answers a wait after 20 s.
const WAIT_TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a call goes on trying when there is no answer.
const TRY_FOR: Duration = Duration::from_secs(30);
/// How long a call waits for a new session in the place of one that has ended.
const REOPEN_WAIT: Duration = Duration::from_secs(10);
/// Most bytes of an answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Why a call was not done.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The settings of the connection can't be used.
    #[error("the connection's settings can't be used")]
    Setup(#[source] reqwest::Error),
    /// There was no answer.
    #[error("the control plane does not answer")]
    Silent(#[source] reqwest::Error),
    /// The answer is none of Amphi's.
    #[error("the control plane gave an answer that is not Amphi's")]
    Answer(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It said no.
    #[error("{message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// What programs go by.
        code: String,
        /// A sentence for people.
        message: String,
    },
}

/// Which session calls are made in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Session {
    id: String,
    epoch: i64,
}

/// See the file's head.
pub(crate) struct Remote {
    http: reqwest::Client,
    server: Server,
    export: String,
    root: Ino,
    is_read_only: bool,
    session: watch::Sender<Session>,
    /// Told when the session may have ended, or has something to do again.
    pub(crate) is_doubtful: Notify,
    number: AtomicI64,
    calls: Calls,
}

#[derive(Serialize)]
struct Apply<'a> {
    epoch: i64,
    number: i64,
    effects: &'a [Effect],
}

#[derive(Deserialize)]
struct LockAnswer {
    against: Option<Held>,
}

#[derive(Deserialize)]
struct ProblemBody {
    code: String,
    message: String,
}

impl Remote {
    /// Opens a session.
    pub(crate) async fn open(
        server: Server,
        export: &str,
        what: &str,
        csr_pem: &str,
        is_read_only: bool,
    ) -> Result<(Self, SessionView), RemoteError> {
        let http = client(&server)?;
        let session = watch::Sender::new(Session { id: String::new(), epoch: 0 });
        let (is_doubtful, number) = (Notify::new(), AtomicI64::new(1));
        let export = export.to_owned();
        let calls = Calls::new();
        let mut remote = Self { http, server, export, root: 0, is_read_only, session, is_doubtful, number, calls };
        let opened = remote.open_again(what, csr_pem).await?;
        remote.root = opened.root;
        Ok((remote, opened))
    }

    /// Opens a session in the place of the one that has ended.
    pub(crate) async fn open_again(&self, what: &str, csr_pem: &str) -> Result<SessionView, RemoteError> {
        let body = json!({ "what": what, "csr_pem": csr_pem, "read_only": self.is_read_only }).to_string().into_bytes();
        let opened: SessionView = self.call(Method::POST, &["sessions"], Some(body), APPLY_TIMEOUT).await?;
        self.session.send_replace(Session { id: opened.id.clone(), epoch: opened.epoch });
        Ok(opened)
    }

    /// Prolongs the session, and tells of units that it found missing or damaged. `is_keeping`: the mount keeps what
    /// it read or changed, so that the session is not idle.
    pub(crate) async fn renew(&self, damage: &[Damage], is_keeping: bool) -> Result<SessionRenewal, RemoteError> {
        let id = self.session.borrow().id.clone();
        let body = json!({ "damage": damage, "is_idle": self.calls.tell(is_keeping) }).to_string().into_bytes();
        let renewed: SessionRenewal = self.call(Method::PATCH, &["sessions", &id], Some(body), READ_TIMEOUT).await?;
        self.session.send_if_modified(|session| {
            let is_news = session.id == id && session.epoch != renewed.epoch;
            if is_news {
                session.epoch = renewed.epoch;
            }
            is_news
        });
        Ok(renewed)
    }

    /// Has the key certified anew.
    pub(crate) async fn certify(&self, csr_pem: &str) -> Result<SessionCertificate, RemoteError> {
        let id = self.session.borrow().id.clone();
        let body = json!({ "csr_pem": csr_pem }).to_string().into_bytes();
        self.call(Method::POST, &["sessions", &id, "certificate"], Some(body), READ_TIMEOUT).await
    }

    /// Waits for something to happen, for about 20 s.
    pub(crate) async fn wait(&self) -> Result<SessionNews, RemoteError> {
        let id = self.session.borrow().id.clone();
        self.call(Method::GET, &["sessions", &id, "wait"], None, WAIT_TIMEOUT).await
    }

    /// Gives the delegation back.
    pub(crate) async fn delegation_end(&self) -> Result<(), RemoteError> {
        let id = self.session.borrow().id.clone();
        self.call(Method::DELETE, &["sessions", &id, "delegation"], None, READ_TIMEOUT).await
    }

    /// Ends the session.
    pub(crate) async fn close(&self) -> Result<(), RemoteError> {
        let id = self.session.borrow().id.clone();
        self.call(Method::DELETE, &["sessions", &id], None, READ_TIMEOUT).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        below: &[&str],
        body: Option<Vec<u8>>,
        timeout: Duration,
    ) -> Result<T, RemoteError> {
        let mut url = self.server.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", "v1", "exports", &self.export]).extend(below);
        }
        let mut request = self.http.request(method, url).timeout(timeout);
        if let Some(token) = &self.server.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let response = request.send().await.map_err(RemoteError::Silent)?;
        let status = response.status();
        let body = read(response).await?;
        if status.is_success() {
            let body: &[u8] = if body.is_empty() { b"null" } else { &body };
            return serde_json::from_slice(body).map_err(|error| RemoteError::Answer(error.into()));
        }
        let problem: Result<ProblemBody, _> = serde_json::from_slice(&body);
        let (code, message) = match problem {
            Ok(problem) => (problem.code, problem.message),
            Err(_) => ("unknown".to_owned(), format!("the server answered {status}")),
        };
        Err(RemoteError::Refused { status: status.as_u16(), code, message })
    }

    /// Does a call in the session, again when there is no answer, and in the next session when this one has ended. What
    /// changes something and got no answer is not said again in the next one, which knows nothing of it: it may be done.
    async fn in_session<T: DeserializeOwned>(
        &self,
        name: &str,
        is_change: bool,
        timeout: Duration,
        body: impl Fn(&Session) -> Result<Vec<u8>, serde_json::Error>,
    ) -> Result<T, NamespaceError> {
        let (_call, is_first) = self.calls.begin();
        if is_first {
            // The session is renewed at once, which may give it the delegation.
            self.is_doubtful.notify_one();
        }
        let until = tokio::time::Instant::now() + TRY_FOR;
        let mut pause_ms = 50;
        let mut is_unanswered = false;
        loop {
            let session = self.session.borrow().clone();
            let body = body(&session).map_err(|error| NamespaceError::Unavailable(error.into()))?;
            let called = self.call(Method::POST, &["sessions", &session.id, name], Some(body), timeout).await;
            let error = match called {
                Ok(answer) => return Ok(answer),
                Err(error) => refusal(error),
            };
            match error {
                NamespaceError::Stale => {
                    self.next_session(&session).await?;
                    if is_change && is_unanswered {
                        return Err(NamespaceError::Unavailable("the session ended before it answered".into()));
                    }
                }
                NamespaceError::Unavailable(error) if tokio::time::Instant::now() < until => {
                    tracing::debug!(error = &*error, "no answer to {name}; it is tried again");
                    is_unanswered = true;
                    let wait_ms = rand::rng().random_range(pause_ms / 2..=pause_ms);
                    tokio::time::sleep(Duration::from_millis(wait_ms)).await;
                    pause_ms = (pause_ms * 2).min(2_000);
                }
                error => return Err(error),
            }
        }
    }

    /// Waits until another session takes the place of `ended`. It stays stale when the session goes on: then somebody has
    /// taken the name space away from it. As long as nobody answers that, it may be either.
    async fn next_session(&self, ended: &Session) -> Result<(), NamespaceError> {
        let mut session = self.session.subscribe();
        self.is_doubtful.notify_one();
        let changed = session.wait_for(|now| now != ended);
        match tokio::time::timeout(REOPEN_WAIT, changed).await {
            Ok(Ok(now)) if now.id != ended.id => Ok(()),
            Ok(_) => Err(NamespaceError::Stale),
            Err(_) => Err(NamespaceError::Unavailable("the session ended, and no other was opened in time".into())),
        }
    }

    async fn ask<T: DeserializeOwned>(&self, question: Value) -> Result<T, NamespaceError> {
        self.in_session("read", false, READ_TIMEOUT, |_| serde_json::to_vec(&question)).await
    }
}

async fn read(mut response: reqwest::Response) -> Result<Vec<u8>, RemoteError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(RemoteError::Silent)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(RemoteError::Answer("it is too long".into()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What a refusal means for a name space.
fn refusal(error: RemoteError) -> NamespaceError {
    let RemoteError::Refused { status, code, message } = &error else {
        return NamespaceError::Unavailable(error.into());
    };
    match (status, code.as_str()) {
        (_, "changed") => NamespaceError::Changed,
        (_, "exists") => NamespaceError::Exists,
        (_, "stale") => NamespaceError::Stale,
        (_, "quota") => NamespaceError::Quota,
        (403, _) => NamespaceError::ReadOnly,
        (404 | 401, _) => NamespaceError::Gone,
        (400 | 413 | 422, _) => NamespaceError::Invalid(message.clone()),
        (_, _) => NamespaceError::Unavailable(error.into()),
    }
}

#[async_trait]
impl Namespace for Remote {
    fn root(&self) -> Ino {
        self.root
    }

    async fn lookup(&self, parent: Ino, name: &Name) -> Result<Option<Entry>, NamespaceError> {
        self.ask(json!({ "op": "lookup", "parent": parent, "name": name })).await
    }

    async fn inode(&self, ino: Ino) -> Result<Option<Inode>, NamespaceError> {
        self.ask(json!({ "op": "inode", "ino": ino })).await
    }

    async fn entries(&self, parent: Ino, after: Option<&Name>, limit: usize) -> Result<Vec<Entry>, NamespaceError> {
        self.ask(json!({ "op": "entries", "parent": parent, "after": after, "limit": limit })).await
    }

    async fn listings(&self, parents: &[Ino]) -> Result<Vec<Vec<Entry>>, NamespaceError> {
        self.ask(json!({ "op": "listings", "parents": parents })).await
    }

    async fn stripes(&self, ino: Ino, number: u64, limit: usize) -> Result<Vec<Placed>, NamespaceError> {
        self.ask(json!({ "op": "stripes", "ino": ino, "number": number, "limit": limit })).await
    }

    async fn stripe(&self, id: StripeId) -> Result<Option<Stripe>, NamespaceError> {
        self.ask(json!({ "op": "stripe", "id": id })).await
    }

    async fn xattrs(&self, ino: Ino) -> Result<Vec<(String, Vec<u8>)>, NamespaceError> {
        self.ask(json!({ "op": "xattrs", "ino": ino })).await
    }

    async fn apply(&self, effects: Vec<Effect>) -> Result<Usage, NamespaceError> {
        let number = self.number.fetch_add(1, Ordering::SeqCst);
        let body = |session: &Session| serde_json::to_vec(&Apply { epoch: session.epoch, number, effects: &effects });
        self.in_session("apply", true, APPLY_TIMEOUT, body).await
    }

    async fn numbers(&self, count: u32) -> Result<Range<i64>, NamespaceError> {
        self.ask(json!({ "op": "numbers", "count": count })).await
    }

    async fn usage(&self) -> Result<Usage, NamespaceError> {
        self.renew(&[], true).await.map(|renewed| renewed.usage).map_err(refusal)
    }

    async fn locks_set(&self, locks: Vec<FileLocks>) -> Result<Option<Held>, NamespaceError> {
        let call = json!({ "op": "set", "locks": locks });
        // It says all that is held, so that it may be said again in the next session.
        let answer: LockAnswer = self.in_session("locks", false, APPLY_TIMEOUT, |_| serde_json::to_vec(&call)).await?;
        Ok(answer.against)
    }

    async fn lock_against(&self, locks: FileLocks, wait: Duration) -> Result<Option<Held>, NamespaceError> {
        let call = json!({ "op": "look", "locks": locks, "wait_ms": wait.as_millis() as u64 });
        let timeout = wait + READ_TIMEOUT;
        let answer: LockAnswer = self.in_session("locks", false, timeout, |_| serde_json::to_vec(&call)).await?;
        Ok(answer.against)
    }
}

#[cfg(test)]
mod tests;
