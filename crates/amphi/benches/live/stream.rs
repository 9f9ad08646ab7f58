//! One watcher: a connection of its own, TLS and HTTP/2 as a browser has them, that reads server-sent events.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

/// How to reach the control plane.
#[derive(Clone)]
pub(crate) struct Door {
    address: SocketAddr,
    tls: TlsConnector,
}

impl Door {
    pub(crate) fn new(address: SocketAddr, ca_pem: &str) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).context("reading the authority")?)?;
        let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self { address, tls: TlsConnector::from(Arc::new(config)) })
    }
}

/// An open stream of events; dropping it cuts its connection.
pub(crate) struct Stream {
    body: Incoming,
    text: Vec<u8>,
    /// Up to where `text` was taken.
    taken: usize,
    connection: JoinHandle<()>,
    // The connection ends with its last sender.
    _sender: http2::SendRequest<Empty<Bytes>>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// An event as it matters here.
pub(crate) enum Event {
    /// A line, with the number of its chunk.
    Line {
        seq: u64,
        text: String,
    },
    State,
    End,
}

impl Stream {
    /// Opens the stream of a job, behind the event of this number.
    pub(crate) async fn open(door: &Door, token: &str, job: &str, last: Option<u64>) -> anyhow::Result<Self> {
        let tcp = TcpStream::connect(door.address).await.context("connecting")?;
        tcp.set_nodelay(true).context("turning Nagle's algorithm off")?;
        let name = ServerName::try_from(wire::SERVER_NAME).context("naming the server")?;
        let tls = door.tls.connect(name, tcp).await.context("greeting")?;
        let (mut sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(tls)).await.context("beginning HTTP/2")?;
        let connection = tokio::spawn(async move {
            // Its end is seen by who reads the body.
            let _ended = connection.await;
        });
        let mut request = Request::get(format!("https://{}/api/v1/jobs/{job}/live", wire::SERVER_NAME))
            .header("authorization", format!("Bearer {token}"))
            .header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", format!("1.{last}"));
        }
        let answer = sender.send_request(request.body(Empty::new())?).await.context("asking for the stream")?;
        ensure!(answer.status() == 200, "no stream but {}", answer.status());
        Ok(Self { body: answer.into_body(), text: Vec::new(), taken: 0, connection, _sender: sender })
    }

    /// The next event. Errors: the stream ended before the job.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Event> {
        loop {
            let rest = &self.text[self.taken..];
            if let Some(end) = rest.windows(2).position(|pair| pair == b"\n\n") {
                let event = std::str::from_utf8(&rest[..end]).context("an event is no text")?;
                let event = parse(event);
                self.taken += end + 2;
                match event? {
                    Some(event) => return Ok(event),
                    None => continue,
                }
            }
            self.text.drain(..self.taken);
            self.taken = 0;
            let frame = self.body.frame().await.context("the stream ended early")?.context("reading the stream")?;
            if let Some(data) = frame.data_ref() {
                self.text.extend_from_slice(data);
            }
        }
    }
}

/// `None` for a sign of life.
fn parse(event: &str) -> anyhow::Result<Option<Event>> {
    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
    Ok(match field("event: ") {
        None => None,
        Some("state") => Some(Event::State),
        Some("end") => Some(Event::End),
        Some("output") => {
            let seq = field("id: 1.").and_then(|seq| seq.parse().ok()).context("output without a number")?;
            let text =
                field("data: ").and_then(|data| data.split_once("\"text\":\"")).context("output without text")?;
            let text = text.1.split("\\n").next().unwrap_or_default().to_owned();
            Some(Event::Line { seq, text })
        }
        Some(other) => bail!("an event {other}"),
    })
}
