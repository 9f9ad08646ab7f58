//! What can go wrong between this program and a server, and the server's own error body.

use std::error::Error;
use std::io;

use serde::Deserialize;

/// Largest error body that is read, in bytes.
const PROBLEM_BYTES: usize = 64 * 1024;

/// A refusal as the server states it: `{code, message, field?, request_id}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// HTTP status.
    pub(crate) status: u16,
    /// Kebab-case, stable.
    pub(crate) code: String,
    /// A sentence for people.
    pub(crate) message: String,
    /// The input it concerns.
    pub(crate) field: Option<String>,
    /// What an operator finds the request by.
    pub(crate) request_id: Option<String>,
    /// Seconds after which another try makes sense.
    pub(crate) retry_after_s: Option<u64>,
}

/// A request that was not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// The server answered with an error status.
    #[error("{}", .0.message)]
    Refused(Problem),
    /// No connection, or it broke before an answer began.
    #[error("no connection to {server}")]
    Connect {
        server: String,
        #[source]
        source: reqwest::Error,
    },
    /// The server's certificate is not trusted.
    #[error("the certificate of {server} is not trusted")]
    Untrusted {
        server: String,
        #[source]
        source: reqwest::Error,
    },
    /// The server took too long.
    #[error("{server} did not answer in time")]
    Timeout {
        server: String,
        #[source]
        source: reqwest::Error,
    },
    /// The server opened a connection and said nothing.
    #[error("{server} did not answer in time")]
    Silent { server: String },
    /// The answer ended in the middle.
    #[error("the connection to {server} broke")]
    Broken {
        server: String,
        #[source]
        source: reqwest::Error,
    },
    /// JSON of another shape, or no JSON.
    #[error("{server} gave an answer that is not Amphi's")]
    Answer {
        server: String,
        #[source]
        source: serde_json::Error,
    },
    /// More than anything in the API takes.
    #[error("{server} gave an answer longer than {limit_bytes} bytes")]
    AnswerTooLong { server: String, limit_bytes: usize },
    /// An event stream that breaks the rules of event streams.
    #[error("{server} sent an event that can't be read")]
    Event {
        server: String,
        #[source]
        source: super::sse::SseError,
    },
    /// An address can't hold it as a name.
    #[error("{name:?} is no name")]
    Name { name: String },
    /// The token holds characters that no token has.
    #[error("the token holds characters that no token has")]
    TokenUnusable,
    /// A CA certificate that is none.
    #[error("the CA certificate can't be read")]
    CaUnreadable {
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The HTTP client could not be made, mostly for lack of system certificates.
    #[error("setting up the connection")]
    Setup {
        #[source]
        source: reqwest::Error,
    },
}

impl ClientError {
    pub(super) fn from_transport(server: &str, source: reqwest::Error) -> Self {
        let server = server.to_owned();
        if is_tls(&source) {
            Self::Untrusted { server, source }
        } else if source.is_timeout() {
            Self::Timeout { server, source }
        } else if source.is_body() || source.is_decode() {
            Self::Broken { server, source }
        } else {
            Self::Connect { server, source }
        }
    }

    /// The request may not have arrived, or its answer got lost; sending it again may help.
    pub(crate) fn is_connection(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::Timeout { .. } | Self::Silent { .. } | Self::Broken { .. })
    }

    /// The status the server refused with.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(problem) => Some(problem.status),
            _ => None,
        }
    }
}

/// Does a TLS error stand anywhere below? `io::Error` hides what it wraps from `source`, hence the second look.
fn is_tls(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<rustls::Error>() {
            return true;
        }
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if wrapped.is_some_and(|inner| is_tls(inner)) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[derive(Deserialize)]
struct ProblemBody {
    code: String,
    message: String,
    #[serde(default)]
    field: Option<String>,
    #[serde(default)]
    request_id: Option<String>,
}

/// Reads an error answer; one that isn't Amphi's (a proxy's page) is described by its status.
pub(super) async fn read(mut response: reqwest::Response) -> Problem {
    let status = response.status();
    let retry_after_s =
        response.headers().get("retry-after").and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > PROBLEM_BYTES {
            break;
        }
    }
    match serde_json::from_slice::<ProblemBody>(&body) {
        Ok(ProblemBody { code, message, field, request_id }) => {
            Problem { status: status.as_u16(), code, message, field, request_id, retry_after_s }
        }
        Err(_) => Problem {
            status: status.as_u16(),
            code: "unknown".to_owned(),
            message: format!("the server answered {status}"),
            field: None,
            request_id: None,
            retry_after_s,
        },
    }
}
