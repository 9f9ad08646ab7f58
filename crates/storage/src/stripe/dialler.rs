//! The connection to a store that all calls share: made when needed, kept, and made anew after it broke.

use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::TLS13;
use rustls::{CipherSuite, ClientConfig};
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;
use wire::authority::node_server_name;

use super::line::Line;
use super::link::LinkError;
use super::{Credentials, StoreAddress};
use crate::begin::on_its_own;
use crate::frame;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A connection is given up for another one before the store closes it.
const LINE_AGE_MAX: Duration = frame::AGE_MAX.saturating_sub(Duration::from_secs(60));
/// After a failed attempt to connect nobody tries again for this long.
const CONNECT_PAUSE: Duration = Duration::from_millis(500);

/// See the module's head.
pub(super) struct Dialler {
    address: StoreAddress,
    /// Those in force when a connection is made count.
    credentials: watch::Receiver<Credentials>,
    /// The connection, and when it was made.
    kept: StdMutex<Option<(Instant, Arc<Line>)>>,
    /// How the last attempt failed, and when. Whoever connects holds it: one does so at a time.
    failed: Mutex<Option<(Instant, LinkError)>>,
}

impl Dialler {
    pub(super) fn new(address: StoreAddress, credentials: watch::Receiver<Credentials>) -> Self {
        Self { address, credentials, kept: StdMutex::default(), failed: Mutex::default() }
    }

    /// The connection; `true`: it was there before.
    pub(super) async fn line(self: &Arc<Self>) -> Result<(Arc<Line>, bool), LinkError> {
        if let Some(line) = self.usable() {
            return Ok((line, true));
        }
        // Whoever comes to hold the lock is polled, even where its caller is not.
        on_its_own(self.clone().made()).await.unwrap_or(Err(LinkError::Slow(self.address.id)))
    }

    /// The next call dials anew, perhaps at another address; unless somebody has done so meanwhile.
    pub(super) fn give_up(&self, line: &Arc<Line>) {
        self.kept().take_if(|(_, kept)| Arc::ptr_eq(kept, line));
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Option<(Instant, Arc<Line>)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn usable(&self) -> Option<Arc<Line>> {
        let kept = self.kept();
        let (made, line) = kept.as_ref()?;
        (made.elapsed() < LINE_AGE_MAX && !line.is_broken()).then(|| line.clone())
    }

    async fn made(self: Arc<Self>) -> Result<(Arc<Line>, bool), LinkError> {
        let mut failed = self.failed.lock().await;
        if let Some(line) = self.usable() {
            return Ok((line, true));
        }
        if let Some((at, error)) = &*failed
            && at.elapsed() < CONNECT_PAUSE
        {
            return Err(error.clone());
        }
        match self.dial().await {
            Ok(line) => {
                let line = Arc::new(line);
                *self.kept() = Some((Instant::now(), line.clone()));
                *failed = None;
                Ok((line, false))
            }
            Err(error) => {
                *failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    async fn dial(&self) -> Result<Line, LinkError> {
        let tls = tls(&self.credentials.borrow()).map_err(|error| self.unreachable(error))?;
        let name = node_server_name(&self.address.node);
        let name = ServerName::try_from(name).map_err(|error| self.unreachable(error))?;
        let mut failed = self.unreachable(NoAddress);
        for address in &self.address.addresses {
            let attempt = Line::dial(address, tls.clone(), name.clone());
            match tokio::time::timeout(CONNECT_TIMEOUT, attempt).await {
                Ok(Ok(line)) => return Ok(line),
                Ok(Err(error)) => failed = self.unreachable(error),
                Err(elapsed) => failed = self.unreachable(elapsed),
            }
        }
        Err(failed)
    }

    fn unreachable(&self, error: impl std::error::Error + Send + Sync + 'static) -> LinkError {
        LinkError::Unreachable(self.address.id, Arc::new(error))
    }
}

/// TLS with who has a certificate of the authority, showing the client's own.
fn tls(credentials: &Credentials) -> Result<ClientConfig, CredentialsError> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(credentials.ca_pem.as_bytes()) {
        roots.add(certificate?)?;
    }
    let pair = credentials.pair_pem.as_bytes();
    let chain = CertificateDer::pem_slice_iter(pair).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(pair)?;
    let mut provider = ring::default_provider();
    // Ten rounds a block instead of fourteen, for all that is written and read; nobody breaks either.
    provider.cipher_suites.sort_by_key(|suite| suite.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256);
    let versions = ClientConfig::builder_with_provider(Arc::new(provider));
    let versions = versions.with_protocol_versions(&[&TLS13])?.with_root_certificates(roots);
    Ok(versions.with_client_auth_cert(chain, key)?)
}

#[derive(Debug, thiserror::Error)]
enum CredentialsError {
    #[error("the certificate for stores can't be read")]
    Pem(#[from] rustls::pki_types::pem::Error),
    #[error("the certificate for stores can't be used")]
    Pair(#[from] rustls::Error),
}

#[derive(Debug, thiserror::Error)]
#[error("no address of it is known")]
struct NoAddress;
