//! The one port: it speaks TLS to agents, browsers and programs, and plain HTTP where only this machine can reach it.
//! The first byte of a connection tells which (22 begins every TLS handshake, RFC 8446 section 5.1).

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::ConnectInfo;
use axum::extract::Request;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use wire::PeerCertificate;
use wire::authority::{Authority, KeyPairPem, SERVER_NAME};

use crate::open_files::open_files_raise;

/// Connections at the same time; further ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 10_000;
/// How long a new connection may take to say what it speaks.
const GREETING_TIMEOUT: Duration = Duration::from_secs(10);
/// How long open requests may go on after the end was asked for.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// First byte of a TLS handshake record.
const TLS_HANDSHAKE: u8 = 22;

/// Takes the address. Errors: it is taken, or not this machine's.
pub(crate) async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.with_context(|| format!("listening on {address}: choose another address with --listen"))
}

/// Reads an address with its port.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080".to_owned())
}

/// What is served where.
pub(crate) struct Listener {
    socket: TcpListener,
    tls: TlsAcceptor,
    /// Whether plain HTTP is answered, rather than sent on to HTTPS.
    plain: bool,
}

impl Listener {
    /// Binds the address. Errors: it can't be had, or the certificates can't be used.
    pub(crate) async fn bind(
        address: SocketAddr,
        authority: &Authority,
        names: &[String],
        given: Option<KeyPairPem>,
    ) -> anyhow::Result<Self> {
        let tls = TlsAcceptor::from(Arc::new(tls_config(authority, names, given)?));
        open_files_raise(2 * CONNECTIONS_MAX as u64);
        let socket = bind(address).await?;
        Ok(Self { socket, tls, plain: address.ip().is_loopback() })
    }

    /// The address in force; its port is known even where 0 was asked for.
    pub(crate) fn address(&self) -> anyhow::Result<SocketAddr> {
        self.socket.local_addr().context("reading the listening address")
    }

    /// Serves until `shutdown`, then lets open requests finish for a while.
    pub(crate) async fn serve(self, router: Router, shutdown: CancellationToken) {
        let (http, agents) = (Arc::new(http()), Arc::new(http_of_agents()));
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let open = GracefulShutdown::new();
        let plain = if self.plain { router.clone() } else { Router::new().fallback(to_https) };
        loop {
            let accepted = tokio::select! {
                () = shutdown.cancelled() => break,
                accepted = self.socket.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: room comes with time.
                    tracing::warn!(error = &error as &dyn std::error::Error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let place = tokio::select! {
                () = shutdown.cancelled() => break,
                place = places.clone().acquire_owned() => place,
            };
            let Ok(place) = place else { break };
            let (tls, http, agents, open) = (self.tls.clone(), http.clone(), agents.clone(), open.watcher());
            let (router, plain) = (router.clone(), plain.clone());
            tokio::spawn(async move {
                greet(Connection { stream, peer, http, agents, open }, tls, router, plain).await;
                drop(place);
            });
        }
        drop(self.socket);
        if tokio::time::timeout(DRAIN_TIMEOUT, open.shutdown()).await.is_err() {
            tracing::warn!("some requests were still open after {DRAIN_TIMEOUT:?}");
        }
    }
}

struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    http: Arc<Builder<TokioExecutor>>,
    agents: Arc<Builder<TokioExecutor>>,
    open: Watcher,
}

/// How browsers and programs are spoken to.
fn http() -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(30));
    http.http2().timer(TokioTimer::new()).keep_alive_interval(Duration::from_secs(10));
    http
}

/// How who shows a node's certificate is spoken to.
fn http_of_agents() -> Builder<TokioExecutor> {
    let mut http = http();
    let mut windows = http.http2();
    windows.initial_stream_window_size(wire::STREAM_WINDOW).initial_connection_window_size(wire::CONNECTION_WINDOW);
    http
}

/// Finds out what the connection speaks and serves it to its end.
async fn greet(connection: Connection, tls: TlsAcceptor, router: Router, plain: Router) {
    let Connection { stream, peer, http, agents, open } = connection;
    // Small answers, such as one line of live output, must not wait for more.
    let _ = stream.set_nodelay(true);
    let mut first = [0];
    let greeted = tokio::time::timeout(GREETING_TIMEOUT, stream.peek(&mut first)).await;
    if !matches!(greeted, Ok(Ok(1))) {
        return;
    }
    if first[0] != TLS_HANDSHAKE {
        return serve_http(&http, open, TokioIo::new(stream), plain, peer, None).await;
    }
    match tokio::time::timeout(GREETING_TIMEOUT, tls.accept(stream)).await {
        Ok(Ok(stream)) => {
            let certificates = stream.get_ref().1.peer_certificates();
            let peer_certificate = certificates.and_then(<[_]>::first).map(|c| PeerCertificate(c.to_vec()));
            let http = if peer_certificate.is_some() { agents } else { http };
            serve_http(&http, open, TokioIo::new(stream), router, peer, peer_certificate).await;
        }
        Ok(Err(error)) => tracing::debug!(error = &error as &dyn std::error::Error, "TLS with {peer} failed"),
        Err(_) => tracing::debug!("TLS with {peer} took too long"),
    }
}

async fn serve_http<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    http: &Builder<TokioExecutor>,
    open: Watcher,
    stream: TokioIo<S>,
    router: Router,
    peer: SocketAddr,
    certificate: Option<PeerCertificate>,
) {
    let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let mut request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        if let Some(certificate) = &certificate {
            request.extensions_mut().insert(certificate.clone());
        }
        router.clone().oneshot(request)
    });
    let connection = open.watch(http.serve_connection_with_upgrades(stream, service).into_owned());
    if let Err(error) = connection.await {
        tracing::debug!(error = error.as_ref() as &dyn std::error::Error, "the connection with {peer} broke off");
    }
}

/// Sends a plain request on to the same address over TLS.
async fn to_https(request: Request) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    match format!("https://{host}{path}").parse::<Uri>() {
        Ok(uri) if uri.host().is_some() => {
            (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, uri.to_string())]).into_response()
        }
        _ => (StatusCode::BAD_REQUEST, "This port speaks HTTPS.\n").into_response(),
    }
}

/// Our own authority's certificate for agents, who ask for [`SERVER_NAME`]; for everybody else the given one, if any.
#[derive(Debug)]
struct ByName {
    own: Arc<CertifiedKey>,
    given: Option<Arc<CertifiedKey>>,
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let for_agents = hello.server_name() == Some(SERVER_NAME);
        Some(self.given.as_ref().filter(|_| !for_agents).unwrap_or(&self.own).clone())
    }
}

fn tls_config(
    authority: &Authority,
    names: &[String],
    given: Option<KeyPairPem>,
) -> anyhow::Result<rustls::ServerConfig> {
    let own = authority.server_certificate(names).context("making the control plane's certificate")?;
    let own = Arc::new(certified(&own)?);
    let given = given.map(|pair| certified(&pair).map(Arc::new)).transpose()?;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.certificate_pem().as_bytes())?)?;
    // Browsers show no certificate; what an agent shows must be ours.
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).allow_unauthenticated().build()?;
    let mut config = rustls::ServerConfig::builder()
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(ByName { own, given }));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn certified(pair: &KeyPairPem) -> anyhow::Result<CertifiedKey> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pair.certificate_pem.as_bytes())
        .collect::<Result<_, _>>()
        .context("reading the certificate")?;
    let key = PrivateKeyDer::from_pem_slice(pair.key_pem.as_bytes()).context("reading the certificate's key")?;
    let key = rustls::crypto::ring::sign::any_supported_type(&key).context("using the certificate's key")?;
    let certified = CertifiedKey::new(chain, key);
    certified.keys_match().context("the certificate and its key don't belong together")?;
    Ok(certified)
}

/// Reads a certificate chain and its key from two files.
pub(crate) fn key_pair_read(certificate: &Path, key: &Path) -> anyhow::Result<KeyPairPem> {
    let read = |path: &Path| std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()));
    Ok(KeyPairPem { certificate_pem: read(certificate)?, key_pem: read(key)? })
}
