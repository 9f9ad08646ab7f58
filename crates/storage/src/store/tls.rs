//! How a node proves to clients who it is, and they to it: its certificate is the one it dials the control plane with,
//! in whatever renewal is in force when a client connects.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, VerifierBuilderError, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{RootCertStore, ServerConfig};
use tokio::sync::watch;
use wire::NodeIdentity;

use crate::frame;

/// Why the node's identity can't be served with.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The text is no PEM.
    #[error("reading the node's certificate, its key or its authority")]
    Pem(#[source] pem::Error),
    /// They don't fit together, or are of a kind that is not known.
    #[error("using the node's certificate")]
    Pair(#[source] rustls::Error),
    /// The authority can't be trusted in.
    #[error("using the node's authority")]
    Authority(#[source] VerifierBuilderError),
}

/// TLS for who shows a certificate of the node's authority, and nobody else.
///
/// # Errors
/// The identity in force can't be used.
pub(crate) fn server_config(identity: watch::Receiver<NodeIdentity>) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let present = identity.borrow().clone();
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(present.ca_pem.as_bytes()) {
        roots.add(certificate.map_err(TlsError::Pem)?).map_err(TlsError::Pair)?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let verifier = verifier.build().map_err(TlsError::Authority)?;
    let certified = Arc::new(certified(&present)?);
    let resolver = Arc::new(Renewed { identity, present: Mutex::new((present, certified)) });
    let versions = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13]);
    let mut config = versions.map_err(TlsError::Pair)?.with_client_cert_verifier(verifier).with_cert_resolver(resolver);
    config.alpn_protocols = vec![frame::PROTOCOL.to_vec()];
    // Nobody resumes, and where TLS is left nothing of it may follow.
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// Shows the certificate in force.
#[derive(Debug)]
struct Renewed {
    identity: watch::Receiver<NodeIdentity>,
    present: Mutex<(NodeIdentity, Arc<CertifiedKey>)>,
}

impl ResolvesServerCert for Renewed {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        let identity = self.identity.borrow();
        if *identity != present.0 {
            match certified(&identity) {
                Ok(certified) => *present = (identity.clone(), Arc::new(certified)),
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(error, "the renewed certificate can't be used; the former one is shown");
                }
            }
        }
        Some(Arc::clone(&present.1))
    }
}

fn certified(identity: &NodeIdentity) -> Result<CertifiedKey, TlsError> {
    let pem = identity.pair_pem.as_bytes();
    let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().map_err(TlsError::Pem)?;
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(TlsError::Pem)?;
    let key = ring::sign::any_supported_type(&key).map_err(TlsError::Pair)?;
    let certified = CertifiedKey::new(chain, key);
    certified.keys_match().map_err(TlsError::Pair)?;
    Ok(certified)
}
