//! Enrolment: a join token becomes a certificate. The private key is made here and never leaves.
//!
//! The authority's certificate may come over any connection, since the token names its fingerprint; the token's
//! secret is sent only to a server that this authority has certified.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Status};
use wire::authority::{AuthorityError, Fingerprint, KeyRequest};
use wire::proto::EnrollRequest;
use wire::proto::agents_client::AgentsClient;
use wire::token::{JoinToken, TokenError};

use crate::config::ControlPlane;
use crate::identity::{Enrolment, Identity};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// A PEM certificate of ours has about 600 bytes; more than this is not one.
const MAX_CA_BYTES: usize = 64 * 1024;

/// Why a node could not enrol.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnrollError {
    #[error(
        "no node has joined from {} and this agent was given no token; name the node's directory with --dir, or join with \
         the command that `amphi node token` prints",
        dir.display()
    )]
    NoToken { dir: PathBuf },
    #[error("the join token can't be read")]
    Token(#[source] TokenError),
    #[error("fetching the authority's certificate from {url}")]
    Fetch {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("{url} gave no certificate (HTTP status {status}); is this the address of an Amphi control plane?")]
    NotAControlPlane { url: String, status: u16 },
    #[error(
        "the control plane at {url} has the authority {found}, the token was made for {wanted}; check the URL and ask for a new token"
    )]
    WrongAuthority { url: String, found: Fingerprint, wanted: Fingerprint },
    #[error("the token was refused: {message}")]
    Refused { message: String },
    #[error("asking {url} for a certificate")]
    Call {
        url: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("making this node's key")]
    Key(#[source] AuthorityError),
}

impl EnrollError {
    /// Whether the same attempt may succeed a little later: the control plane is away, not unwilling.
    pub(crate) fn is_retryable(&self) -> bool {
        match self {
            Self::Fetch { .. } | Self::Call { .. } => true,
            // A front whose control plane is away answers 5xx.
            Self::NotAControlPlane { status, .. } => *status >= 500,
            Self::NoToken { .. }
            | Self::Token(_)
            | Self::WrongAuthority { .. }
            | Self::Refused { .. }
            | Self::Key(_) => false,
        }
    }
}

/// What the node says about itself when it enrols.
pub(crate) struct Introduction {
    pub(crate) name: String,
    pub(crate) hostname: String,
    pub(crate) labels: HashMap<String, String>,
    pub(crate) slots: u32,
}

/// Trades `token` for an identity. One attempt; may be dropped at any time, though a token can only be used once and
/// the control plane may have used it by then.
pub(crate) async fn enroll(
    place: &ControlPlane,
    token: &JoinToken,
    introduction: &Introduction,
) -> Result<Identity, EnrollError> {
    let ca_pem = authority_fetch(place, token.ca).await?;
    let key = KeyRequest::generate().map_err(EnrollError::Key)?;
    let request = EnrollRequest {
        protocol: wire::PROTOCOL,
        token: token.to_string(),
        name: introduction.name.clone(),
        hostname: introduction.hostname.clone(),
        csr_pem: key.csr_pem,
        labels: introduction.labels.clone(),
        slots: introduction.slots,
    };
    let channel = dial(place, &ca_pem).await?;
    let reply = AgentsClient::new(channel).enroll(request).await.map_err(|status| refusal(place, status))?;
    let reply = reply.into_inner();
    Ok(Identity {
        enrolment: Enrolment { node_id: reply.node_id, name: reply.name },
        pair_pem: reply.certificate_pem + &key.key_pem,
        ca_pem,
    })
}

async fn authority_fetch(place: &ControlPlane, wanted: Fingerprint) -> Result<String, EnrollError> {
    let url = place.authority_url();
    let failed = |source| EnrollError::Fetch { url: url.clone(), source };
    let client = reqwest::Client::builder()
        .http1_only()
        .tls_danger_accept_invalid_certs(true)
        .no_proxy()
        .timeout(REQUEST_TIMEOUT)
        .build()
        .map_err(failed)?;
    let mut response = client.get(&url).send().await.map_err(failed)?;
    let status = response.status().as_u16();
    let mut pem = Vec::new();
    while pem.len() <= MAX_CA_BYTES
        && let Some(part) = response.chunk().await.map_err(failed)?
    {
        pem.extend_from_slice(&part);
    }
    let pem = String::from_utf8(pem).unwrap_or_default();
    let (200, Ok(found)) = (status, Fingerprint::of_pem(&pem)) else {
        return Err(EnrollError::NotAControlPlane { url, status });
    };
    if found != wanted {
        return Err(EnrollError::WrongAuthority { url: place.to_string(), found, wanted });
    }
    Ok(pem)
}

async fn dial(place: &ControlPlane, ca_pem: &str) -> Result<Channel, EnrollError> {
    let failed = |source: tonic::transport::Error| EnrollError::Call { url: place.to_string(), source: source.into() };
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca_pem)).domain_name(wire::SERVER_NAME);
    let endpoint = Endpoint::from_shared(place.agents_url()).and_then(|e| e.tls_config(tls)).map_err(failed)?;
    endpoint.connect_timeout(REQUEST_TIMEOUT).timeout(REQUEST_TIMEOUT).connect().await.map_err(failed)
}

fn refusal(place: &ControlPlane, status: Status) -> EnrollError {
    match status.code() {
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::Unauthenticated
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented => EnrollError::Refused { message: status.message().to_owned() },
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => EnrollError::Call { url: place.to_string(), source: status.into() },
    }
}
