//! Calls to conference servers: signed by us, bounded in time, size and number.

mod outside;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use tokio::sync::Semaphore;

pub(crate) use outside::{Outside, Post};

use crate::model::checksum::{Algorithm, checksum};
use crate::model::parameters::Parameters;
use crate::model::server::{Server, ServerId};

/// For a connection: a server that takes longer is not there.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
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
    Unreachable(#[source] reqwest::Error),
    /// The call was sent, and there was no whole answer in time: it may have been done.
    #[error("the server did not answer within {0:?}")]
    Silent(Duration),
    /// The connection broke under the call: it may have been done.
    #[error("the connection broke")]
    Broken(#[source] reqwest::Error),
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
        !matches!(self, Self::Unreachable(_) | Self::Status(_))
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
    http: reqwest::Client,
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
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .http1_only()
            .connect_timeout(CONNECT_WITHIN)
            .redirect(Policy::none())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(16)
            .build()?;
        Ok(Self { http, lanes: Arc::default() })
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
        let call = answer(self.http.get(&server.url));
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
            (Some(body), _) => self.http.post(address).header(CONTENT_TYPE, body.content_type).body(body.bytes),
            (None, Some((address, form))) if form.len() > QUERY_BYTES_MAX => {
                self.http.post(address).header(CONTENT_TYPE, FORM).body(form.to_owned())
            }
            (None, _) => self.http.get(address),
        };
        let lane = self.lane(&server.id);
        let done = async {
            // The semaphore is never closed.
            let _slot = lane.slots.acquire().await;
            answer(request).await
        };
        tokio::time::timeout(limit, done).await.unwrap_or(Err(CallError::Silent(limit)))
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Bytes, CallError> {
    // An error must not show the address, which is signed.
    let mut response = request.send().await.map_err(|error| fault(error.without_url()))?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(CallError::Status(response.status().as_u16()));
    }
    let mut bytes = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| fault(error.without_url()))? {
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(CallError::TooLong);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

fn fault(error: reqwest::Error) -> CallError {
    if error.is_connect() { CallError::Unreachable(error) } else { CallError::Broken(error) }
}
