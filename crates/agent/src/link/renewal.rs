//! A new certificate for the same node, for a new key that is made here and never leaves.
//!
//! An answer is checked as the control plane will check it at the next connection: a wrong one must not take the place
//! of a pair that works, since only that pair can ask again.

use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime, pem};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use wire::authority::{AuthorityError, KeyRequest, expires_ms, is_node_server, node_id_of_pem};

use super::Link;
use crate::clock;
use crate::identity::{Identity, IdentityError};

/// Time before a certificate's end from which a new one is asked for, ms: a third of the 30 days of a new one are over.
const RENEW_BEFORE_MS: i64 = 20 * 86_400_000;

/// Why a certificate could not be renewed.
#[derive(Debug, thiserror::Error)]
pub(super) enum RenewalError {
    #[error("making a key, or reading the present certificate")]
    Request(#[source] AuthorityError),
    #[error("it can't be read")]
    Read(#[source] AuthorityError),
    #[error("it holds no PEM certificate")]
    Pem(#[source] pem::Error),
    #[error("it is another node's, {0}")]
    OtherNode(String),
    #[error("it does not hold longer than the present one")]
    NoLonger,
    #[error("the stored authority can't be used")]
    Authority(#[source] VerifierBuilderError),
    #[error("the stored authority did not sign it")]
    NotSigned(#[source] rustls::Error),
    #[error("it is not for the key that was asked for")]
    Pair(#[source] tonic::transport::Error),
    #[error("storing it")]
    Store(#[source] IdentityError),
}

impl Link {
    /// A request for a new certificate; `None` while the present one has long to go and is good for the node's parts.
    pub(super) fn renewal_request(&self) -> Result<Option<KeyRequest>, RenewalError> {
        let present = self.identity().clone();
        let left_ms = present.left_ms(clock::now_ms()).map_err(RenewalError::Request)?;
        if left_ms >= RENEW_BEFORE_MS && is_node_server(&present.pair_pem, &present.enrolment.node_id) {
            return Ok(None);
        }
        KeyRequest::generate().map(Some).map_err(RenewalError::Request)
    }

    /// Stores the certificate with its key and uses them from the next connection on. Errors: the present pair stays.
    pub(super) async fn renewal_keep(&self, certificate_pem: &str, key_pem: &str) -> Result<(), RenewalError> {
        let present = self.identity().clone();
        check(certificate_pem, &present)?;
        let renewed = Identity { pair_pem: certificate_pem.to_owned() + key_pem, ..present };
        self.endpoint_as(&renewed).map_err(RenewalError::Pair)?;
        let (home, pair_pem) = (Arc::clone(&self.home), renewed.pair_pem.clone());
        match tokio::task::spawn_blocking(move || home.pair_write(&pair_pem)).await {
            Ok(written) => written.map_err(RenewalError::Store)?,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
        self.shown.send_replace(renewed.shown());
        *self.identity() = renewed;
        Ok(())
    }
}

/// Whether the certificate is the same node's, by the same authority, and ends later than the present one.
fn check(certificate_pem: &str, present: &Identity) -> Result<(), RenewalError> {
    let node = node_id_of_pem(certificate_pem).map_err(RenewalError::Read)?;
    if node != node_id_of_pem(&present.pair_pem).map_err(RenewalError::Read)? {
        return Err(RenewalError::OtherNode(node));
    }
    let ends_ms = expires_ms(certificate_pem).map_err(RenewalError::Read)?;
    if ends_ms <= expires_ms(&present.pair_pem).map_err(RenewalError::Read)? {
        return Err(RenewalError::NoLonger);
    }
    let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).map_err(RenewalError::Pem);
    let mut roots = RootCertStore::empty();
    roots.add(der(&present.ca_pem)?).map_err(RenewalError::NotSigned)?;
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().map_err(RenewalError::Authority)?;
    // At its last second: this node's clock may be wrong, and the control plane's is the one that counts.
    let last = Duration::from_millis(u64::try_from(ends_ms - 1000).unwrap_or_default());
    let verified = verifier.verify_client_cert(&der(certificate_pem)?, &[], UnixTime::since_unix_epoch(last));
    verified.map(drop).map_err(RenewalError::NotSigned)
}
