//! Calls to conference servers: signed by us, bounded in time and size.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use portal::Secret;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;

use crate::model::checksum::{Algorithm, checksum};
use crate::model::parameters::Parameters;
use crate::model::server::Server;

/// For a connection: a server that takes longer is not there.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
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

/// What is posted to an address that a client gave.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    content_type: &'static str,
    /// Behind the address's query.
    checksum: Option<String>,
    bearer: Option<Secret<String>>,
    body: String,
}

impl Post {
    pub(crate) fn form(body: String) -> Self {
        Self { content_type: "application/x-www-form-urlencoded", checksum: None, bearer: None, body }
    }

    pub(crate) fn json(body: String, bearer: String) -> Self {
        Self { content_type: "application/json", checksum: None, bearer: Some(Secret::new(bearer)), body }
    }

    /// The same with a checksum in the address.
    #[must_use]
    pub(crate) fn with_checksum(self, checksum: String) -> Self {
        Self { checksum: Some(checksum), ..self }
    }
}

/// Calls conference servers; a cheap handle.
#[derive(Clone)]
pub(crate) struct Client(reqwest::Client);

impl Client {
    /// # Errors
    /// TLS can't be set up.
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .redirect(Policy::none())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(16)
            .build()?;
        Ok(Self(client))
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
        let call = answer(self.0.get(&server.url));
        tokio::time::timeout(limit, call).await.unwrap_or(Err(CallError::Silent(limit)))
    }

    /// Calls an address that a client gave, and reads nothing of the answer.
    pub(crate) async fn tell(&self, url: &str, limit: Duration) {
        let told = tokio::time::timeout(limit, self.0.get(url).send()).await;
        if !matches!(&told, Ok(Ok(response)) if response.status().is_success()) {
            tracing::info!("an address that a client gave did not answer");
        }
    }

    /// Posts to an address that a client gave, and reads nothing but the status; `None`: there was no answer.
    pub(crate) async fn post(&self, url: &str, post: Post, limit: Duration) -> Option<u16> {
        let join = if url.contains('?') { '&' } else { '?' };
        let url = post.checksum.map_or_else(|| url.to_owned(), |sum| format!("{url}{join}checksum={sum}"));
        let mut request = self.0.post(url).header(CONTENT_TYPE, post.content_type).body(post.body);
        if let Some(bearer) = post.bearer {
            request = request.bearer_auth(bearer.expose());
        }
        let sent = tokio::time::timeout(limit, request.send()).await;
        sent.ok()?.ok().map(|response| response.status().as_u16())
    }

    /// Calls a server; by POST where there is a body. The whole call, its answer's body too, takes at most `limit`.
    pub(crate) async fn call(
        &self,
        server: &Server,
        call: &str,
        parameters: &Parameters,
        body: Option<Body>,
        limit: Duration,
    ) -> Result<Bytes, CallError> {
        let address = Self::address(server, call, parameters);
        let request = match body {
            None => self.0.get(address),
            Some(body) => self.0.post(address).header(CONTENT_TYPE, body.content_type).body(body.bytes),
        };
        tokio::time::timeout(limit, answer(request)).await.unwrap_or(Err(CallError::Silent(limit)))
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
