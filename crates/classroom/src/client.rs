//! Calls to conference servers: signed by us, bounded in time, size and number.

mod http;
mod outside;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, Request};
use bytes::{Bytes, BytesMut};
use http_body_util::Full;
use tokio::sync::Semaphore;

use http::Http;
pub(crate) use outside::{Outside, Post};

use crate::model::checksum::{Algorithm, checksum};
use crate::model::parameters::Parameters;
use crate::model::server::{Server, ServerId};
use crate::xml::Sieve;

/// For a connection: a server that takes longer is not there.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// A connection that nothing goes over is closed after this.
const IDLE_FOR: Duration = Duration::from_secs(30);
/// Connections to one server that are kept open without a call.
const IDLE_MAX: usize = 16;
/// Calls to one server at the same time; further ones wait.
const CALLS_MAX: usize = 64;
/// Longest query; web servers refuse addresses of more than 8 KiB.
const QUERY_BYTES_MAX: usize = 6 << 10;
const FORM: &str = "application/x-www-form-urlencoded";
/// Largest answer: a thousand people in forty meetings are told of in about 25 MB.
const ANSWER_BYTES_MAX: usize = 32 << 20;

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// No connection: the server has not seen the call.
    #[error("no connection to the server")]
    Unreachable(#[source] hyper_util::client::legacy::Error),
    /// The call was sent, and there was no whole answer in time: it may have been done.
    #[error("the server did not answer within {0:?}")]
    Silent(Duration),
    /// The connection broke under the call: it may have been done.
    #[error("the connection broke")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The call can't be sent.
    #[error("the call can't be sent")]
    Form(#[source] axum::http::Error),
    /// Something that is no conference server answered, or one that can't.
    #[error("the server answered {0} where 200 was expected")]
    Status(u16),
    /// The answer is longer than is taken.
    #[error("the answer is longer than {ANSWER_BYTES_MAX} bytes")]
    TooLong,
}

impl CallError {
    /// Whether the server may have done what was asked.
    pub(crate) fn may_be_done(&self) -> bool {
        !matches!(self, Self::Unreachable(_) | Self::Form(_) | Self::Status(_))
    }
}

/// What goes with a POST.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub(crate) content_type: String,
    pub(crate) bytes: Bytes,
}

/// Calls conference servers; a cheap handle.
#[derive(Clone)]
pub(crate) struct Client {
    http: Http,
    lanes: Arc<Mutex<HashMap<ServerId, Arc<Lane>>>>,
}

/// What is open to one server, so that one that hangs takes no more than its own.
struct Lane {
    slots: Semaphore,
    /// Who holds it finds out whether the server is down.
    verdict: Arc<tokio::sync::Mutex<()>>,
}

impl Client {
    /// # Errors
    /// TLS can't be set up.
    pub(crate) fn new() -> Result<Self, rustls::Error> {
        Ok(Self { http: Http::new()?, lanes: Arc::default() })
    }

    fn lane(&self, server: &ServerId) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = || Arc::new(Lane { slots: Semaphore::new(CALLS_MAX), verdict: Arc::default() });
        lanes.entry(server.clone()).or_insert_with(lane).clone()
    }

    /// Held by the one who finds out whether a server is down; the others wait for it.
    pub(crate) fn verdict(&self, server: &ServerId) -> Arc<tokio::sync::Mutex<()>> {
        self.lane(server).verdict.clone()
    }

    /// The address of a call, signed with the server's secret.
    pub(crate) fn address(server: &Server, call: &str, parameters: &Parameters) -> String {
        let query = parameters.encoded();
        let parts: [&[u8]; 3] = [call.as_bytes(), query.as_bytes(), server.secret.expose().as_bytes()];
        let sum = checksum(Algorithm::Sha256, &parts);
        let join = if query.is_empty() { "" } else { "&" };
        format!("{}/{call}?{query}{join}checksum={sum}", server.url)
    }

    /// What the API's root says: the version. It takes no checksum.
    pub(crate) async fn version(&self, server: &Server, limit: Duration) -> Result<Bytes, CallError> {
        let request = Request::get(&server.url).body(Full::default()).map_err(CallError::Form)?;
        let call = self.http.answer(request, BytesMut::extend_from_slice);
        tokio::time::timeout(limit, call).await.unwrap_or(Err(CallError::Silent(limit)))
    }

    /// Calls a server; by POST where there is a body, or more parameters than an address holds. The whole call, its answer's
    /// body too, takes at most `limit`; so does its wait for others that the server has not answered.
    pub(crate) async fn call(
        &self,
        server: &Server,
        call: &str,
        parameters: &Parameters,
        body: Option<Body>,
        limit: Duration,
    ) -> Result<Bytes, CallError> {
        let address = Self::address(server, call, parameters);
        let request = match (body, address.split_once('?')) {
            (Some(body), _) => request(Method::POST, &address, Some((body.content_type, body.bytes))),
            (None, Some((address, form))) if form.len() > QUERY_BYTES_MAX => {
                request(Method::POST, address, Some((FORM.to_owned(), form.to_owned().into())))
            }
            (None, _) => request(Method::GET, &address, None),
        };
        self.call_into(server, request?, limit, BytesMut::extend_from_slice).await
    }

    /// Asks a server for its meetings, without the people in them: they are nine tenths of the answer, and are left out
    /// as it comes, so that the answers of hundreds of servers take no memory.
    pub(crate) async fn meetings(&self, server: &Server, limit: Duration) -> Result<Bytes, CallError> {
        let address = Self::address(server, "getMeetings", &Parameters::default());
        let mut sieve = Sieve::new("attendees");
        self.call_into(server, request(Method::GET, &address, None)?, limit, |kept, chunk| sieve.pass(chunk, kept))
            .await
    }

    async fn call_into(
        &self,
        server: &Server,
        request: Request<Full<Bytes>>,
        limit: Duration,
        keep: impl FnMut(&mut BytesMut, &[u8]),
    ) -> Result<Bytes, CallError> {
        let lane = self.lane(&server.id);
        let done = async {
            // The semaphore is never closed.
            let _slot = lane.slots.acquire().await;
            self.http.answer(request, keep).await
        };
        tokio::time::timeout(limit, done).await.unwrap_or(Err(CallError::Silent(limit)))
    }
}

/// A request with a body of that type, where there is one.
fn request(method: Method, address: &str, body: Option<(String, Bytes)>) -> Result<Request<Full<Bytes>>, CallError> {
    let mut request = Request::builder().method(method).uri(address);
    if let Some((content_type, _)) = &body {
        request = request.header(CONTENT_TYPE, content_type);
    }
    let body = body.map(|(_, bytes)| Full::new(bytes)).unwrap_or_default();
    request.body(body).map_err(CallError::Form)
}
