//! A server with a certificate authority of its own: trusted after its fingerprint was compared, and not before.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::routing::get;
use axum::serve::Listener;
use axum::{Json, Router};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use wire::authority::Authority;

use crate::program::Program;

struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (tcp, address) = self.tcp.accept().await.unwrap();
            // A client that doesn't trust us breaks off here.
            if let Ok(tls) = self.acceptor.accept(tcp).await {
                return (tls, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

/// Serves over TLS with a certificate of `authority`; gives the address.
async fn serve(authority: &Authority) -> String {
    let pair = authority.server_certificate(&["127.0.0.1".to_owned()]).unwrap();
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(pair.certificate_pem.as_bytes()).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(pair.key_pem.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", tcp.local_addr().unwrap());
    let ca_pem = authority.certificate_pem().to_owned();
    let router = Router::new()
        .route("/ca.pem", get(|| async move { ca_pem }))
        .route("/api/v1/me", get(|| async { Json(json!({ "login": "ada", "role": "learner" })) }))
        .route("/api/v1/tools", get(|| async { Json(json!([])) }));
    let listener = TlsListener { tcp, acceptor: TlsAcceptor::from(Arc::new(config)) };
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

#[tokio::test]
async fn an_authority_is_never_trusted_silently() {
    let dir = tempfile::tempdir().unwrap();
    let url = serve(&Authority::open_or_create(dir.path()).unwrap()).await;
    let done = Program::with_server(&url).run(&["tool", "list"]).await;
    assert_eq!(done.code, 3, "{}", done.stderr);
    assert!(done.stderr.contains("is not trusted"), "{}", done.stderr);
    let done = Program::without_server().run_with(&["login", &url, "--token-stdin"], "t").await;
    assert_eq!(done.code, 3);
    assert!(done.stderr.contains("--ca-fingerprint"), "{}", done.stderr);
}

#[tokio::test]
async fn the_right_fingerprint_pins_the_authority_and_another_does_not() {
    let (dir, other_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let authority = Authority::open_or_create(dir.path()).unwrap();
    let other = Authority::open_or_create(other_dir.path()).unwrap();
    let url = serve(&authority).await;
    let program = Program::without_server();
    let login = |fingerprint: String| {
        let url = url.clone();
        let program = &program;
        async move { program.run_with(&["login", &url, "--token-stdin", "--ca-fingerprint", &fingerprint], "t").await }
    };
    let done = login(other.fingerprint().to_string()).await;
    assert_eq!(done.code, 3, "{}", done.stderr);
    assert!(done.stderr.contains(&authority.fingerprint().to_string()), "{}", done.stderr);
    let done = login(authority.fingerprint().to_string()).await;
    assert_eq!(done.code, 0, "{}", done.stderr);
    // The authority is kept with the token.
    assert_eq!(program.run(&["tool", "list"]).await.code, 0);
}

#[tokio::test]
async fn a_person_is_shown_the_fingerprint_and_asked() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::open_or_create(dir.path()).unwrap();
    let url = serve(&authority).await;
    let program = Program::without_server();
    let mut running = program.start_on_terminal(&format!("login {url} --login ada"));
    running.until("Trust it? [y/N] ").await;
    running.type_in("n\n").await;
    let done = running.end().await;
    assert_eq!(done.code, 3, "{}", done.stdout);
    assert!(done.stdout.contains(&authority.fingerprint().to_string()), "{}", done.stdout);
    assert!(!done.stdout.contains("Password"), "{}", done.stdout);
}
