//! A server with a certificate authority of its own: fetching that authority's certificate so that a person, or a
//! fingerprint given beforehand, can decide whether to trust it. Nothing else is ever asked over such a connection.

use reqwest::Certificate;
use url::Url;
use wire::authority::Fingerprint;

use super::problem::ClientError;
use super::{CONNECT_TIMEOUT, REQUEST_TIMEOUT};

/// A CA certificate is about 1 KiB.
const CA_BYTES: usize = 64 * 1024;

/// Reads `URL/ca.pem` without checking who answers. The caller must compare the [`fingerprint`] before trusting it.
pub(crate) async fn fetch_authority(url: &Url) -> Result<String, ClientError> {
    let server = url.as_str();
    let http = reqwest::Client::builder()
        .http1_only()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .tls_danger_accept_invalid_certs(true)
        .build()
        .map_err(|source| ClientError::Setup { source })?;
    let mut address = url.clone();
    if let Ok(mut path) = address.path_segments_mut() {
        path.pop_if_empty().push("ca.pem");
    }
    let mut response = http.get(address).send().await.map_err(|source| ClientError::from_transport(server, source))?;
    if !response.status().is_success() {
        return Err(ClientError::Refused(super::problem::read(response).await));
    }
    let mut pem = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|source| ClientError::from_transport(server, source))? {
        pem.extend_from_slice(&chunk);
        if pem.len() > CA_BYTES {
            return Err(ClientError::AnswerTooLong { server: server.to_owned(), limit_bytes: CA_BYTES });
        }
    }
    String::from_utf8(pem).map_err(|source| ClientError::CaUnreadable { source: Box::new(source) })
}

/// What a person compares before trusting a certificate authority.
pub(crate) fn fingerprint(pem: &str) -> Result<Fingerprint, ClientError> {
    Fingerprint::of_pem(pem).map_err(|source| ClientError::CaUnreadable { source: Box::new(source) })
}

pub(super) fn certificate(pem: &str) -> Result<Certificate, ClientError> {
    Certificate::from_pem(pem.as_bytes()).map_err(|source| ClientError::CaUnreadable { source: Box::new(source) })
}
