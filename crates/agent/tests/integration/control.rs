//! The control plane of the tests: one port for plain HTTP, HTTPS and gRPC as in the real one, a switch to cut every
//! connection, and sessions handed to the test.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agent::AgentConfig;
use futures::Stream;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::{ReceiverStream, UnboundedReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};
use tonic::{Request, Response, Status, Streaming};
use wire::authority::{Authority, node_id_of};
use wire::proto::agents_server::{Agents, AgentsServer};
use wire::proto::{EnrollReply, EnrollRequest, FromAgent, ToAgent};
use wire::token::JoinToken;

use crate::session::Session;

/// Far more than anything here takes; a test that waits this long has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
const YEARS: Duration = Duration::from_secs(20 * 365 * 86_400);

pub(crate) struct ControlPlane {
    pub(crate) authority: Arc<Authority>,
    pub(crate) port: u16,
    tokens: Arc<Mutex<Vec<String>>>,
    pub(crate) enrolled: Arc<Mutex<HashMap<String, EnrollRequest>>>,
    valid: Arc<Mutex<Duration>>,
    sessions: mpsc::UnboundedReceiver<Session>,
    is_up: watch::Sender<bool>,
    _dir: tempfile::TempDir,
}

struct Service {
    authority: Arc<Authority>,
    tokens: Arc<Mutex<Vec<String>>>,
    enrolled: Arc<Mutex<HashMap<String, EnrollRequest>>>,
    valid: Arc<Mutex<Duration>>,
    sessions: mpsc::UnboundedSender<Session>,
}

#[tonic::async_trait]
impl Agents for Service {
    type ConnectStream = Pin<Box<dyn Stream<Item = Result<ToAgent, Status>> + Send>>;

    async fn enroll(&self, request: Request<EnrollRequest>) -> Result<Response<EnrollReply>, Status> {
        let request = request.into_inner();
        assert_eq!(request.protocol, wire::PROTOCOL);
        let token: JoinToken = request.token.parse().map_err(|_| Status::invalid_argument("no token"))?;
        let mut tokens = self.tokens.lock().unwrap();
        let Some(known) = tokens.iter().position(|hash| *hash == token.secret_hash()) else {
            return Err(Status::unauthenticated("this token is unknown, used or too old"));
        };
        tokens.remove(known);
        let mut enrolled = self.enrolled.lock().unwrap();
        let node_id = format!("node-{}", enrolled.len());
        let certificate_pem = self
            .authority
            .node_certificate(&request.csr_pem, &node_id, *self.valid.lock().unwrap(), wall_ms())
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        enrolled.insert(node_id.clone(), request);
        Ok(Response::new(EnrollReply { name: node_id.clone(), node_id, certificate_pem }))
    }

    async fn connect(&self, request: Request<Streaming<FromAgent>>) -> Result<Response<Self::ConnectStream>, Status> {
        let info = request.extensions().get::<TlsConnectInfo<TcpConnectInfo>>().unwrap();
        let certificates = info.peer_certs().ok_or_else(|| Status::unauthenticated("no certificate"))?;
        let node_id = node_id_of(&certificates[0]).unwrap();
        let (outbound, commands) = mpsc::channel(64);
        let certificate = certificates[0].to_vec();
        self.sessions.send(Session::new(node_id, certificate, request.into_inner(), outbound)).unwrap();
        Ok(Response::new(Box::pin(ReceiverStream::new(commands))))
    }
}

impl ControlPlane {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let authority = Arc::new(Authority::open_or_create(dir.path()).unwrap());
        let (sessions, taken) = mpsc::unbounded_channel();
        let (tokens, enrolled) = (Arc::default(), Arc::default());
        let valid = Arc::new(Mutex::new(YEARS));
        let service = Service {
            authority: Arc::clone(&authority),
            tokens: Arc::clone(&tokens),
            enrolled: Arc::clone(&enrolled),
            valid: Arc::clone(&valid),
            sessions,
        };
        let inner = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let inner_port = inner.local_addr().unwrap().port();
        let (connections, incoming) = mpsc::unbounded_channel();
        tokio::spawn(
            Server::builder()
                .add_service(AgentsServer::new(service))
                .serve_with_incoming(UnboundedReceiverStream::new(incoming)),
        );
        tokio::spawn(serve(inner, tls(&authority), authority.certificate_pem().to_owned(), connections));
        let outer = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = outer.local_addr().unwrap().port();
        let is_up = watch::Sender::new(true);
        tokio::spawn(relay(outer, inner_port, is_up.subscribe()));
        Self { authority, port, tokens, enrolled, valid, sessions: taken, is_up, _dir: dir }
    }

    /// A token that this control plane takes once.
    pub(crate) fn token(&self) -> String {
        let token = JoinToken::generate(self.authority.fingerprint()).unwrap();
        self.tokens.lock().unwrap().push(token.secret_hash());
        token.to_string()
    }

    /// Certificates of nodes that enrol from now on hold this long.
    pub(crate) fn enrol_for(&self, valid: Duration) {
        *self.valid.lock().unwrap() = valid;
    }

    pub(crate) fn config(&self, dir: &Path) -> AgentConfig {
        AgentConfig {
            join: format!("http://127.0.0.1:{}", self.port),
            token: Some(self.token()),
            slots: Some(2),
            dir: dir.to_path_buf(),
            ..AgentConfig::default()
        }
    }

    /// The next stream that an agent opens.
    pub(crate) async fn session(&mut self) -> Session {
        timeout(DEADLINE, self.sessions.recv()).await.expect("no agent connected in time").unwrap()
    }

    /// Cuts every connection and accepts no other until [`Self::restore`].
    pub(crate) fn cut(&self) {
        self.is_up.send_replace(false);
    }

    pub(crate) fn restore(&self) {
        self.is_up.send_replace(true);
    }
}

/// The wall clock, which agents judge their certificates by.
pub(crate) fn wall_ms() -> i64 {
    i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap()
}

/// The agent in this process.
pub(crate) struct Agent {
    pub(crate) shutdown: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Agent {
    pub(crate) fn start(config: AgentConfig) -> Self {
        let shutdown = CancellationToken::new();
        Self { task: tokio::spawn(agent::run(config, shutdown.clone())), shutdown }
    }

    pub(crate) async fn ended(self) -> anyhow::Result<()> {
        timeout(DEADLINE, self.task).await.expect("the agent did not end in time").unwrap()
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.ended().await.unwrap();
    }
}

fn tls(authority: &Authority) -> TlsAcceptor {
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.certificate_pem().as_bytes()).unwrap()).unwrap();
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .allow_unauthenticated()
        .build()
        .unwrap();
    let pair = authority.server_certificate(&[]).unwrap();
    let chain = CertificateDer::pem_slice_iter(pair.certificate_pem.as_bytes()).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(pair.key_pem.as_bytes()).unwrap();
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// TLS or not by the first byte; behind TLS gRPC or HTTP/1.1 by what was agreed.
async fn serve(
    listener: TcpListener,
    tls: TlsAcceptor,
    ca_pem: String,
    connections: mpsc::UnboundedSender<io::Result<TlsStream<TcpStream>>>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, ca_pem, connections) = (tls.clone(), ca_pem.clone(), connections.clone());
        tokio::spawn(async move {
            stream.set_nodelay(true).unwrap();
            let mut first = [0];
            if stream.peek(&mut first).await.unwrap_or(0) == 0 {
                return;
            }
            if first[0] != 0x16 {
                return answer(stream, &ca_pem).await;
            }
            let Ok(stream) = tls.accept(stream).await else { return };
            if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                let _ = connections.send(Ok(stream));
            } else {
                answer(stream, &ca_pem).await;
            }
        });
    }
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, ca_pem: &str) {
    let mut request = vec![0; 4096];
    let count = stream.read(&mut request).await.unwrap_or(0);
    let (status, body) =
        if request[..count].starts_with(b"GET /ca.pem ") { ("200 OK", ca_pem) } else { ("404 Not Found", "") };
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = stream.write_all((head + body).as_bytes()).await;
    let _ = stream.shutdown().await;
}

async fn relay(listener: TcpListener, to: u16, is_up: watch::Receiver<bool>) {
    while let Ok((mut outer, _)) = listener.accept().await {
        let mut is_up = is_up.clone();
        if !*is_up.borrow_and_update() {
            continue;
        }
        tokio::spawn(async move {
            let mut inner = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
            // Nagle's wait for an acknowledgement that the other side delays would add 40 ms to every command.
            inner.set_nodelay(true).unwrap();
            outer.set_nodelay(true).unwrap();
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut outer, &mut inner) => {}
                _ = is_up.wait_for(|is_up| !is_up) => {}
            }
        });
    }
}
