//! Where a node's stores are reached: TCP, TLS with certificates on both sides, HTTP/2.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::Connected;
use tower::limit::GlobalConcurrencyLimitLayer;
use wire::NodeIdentity;

use super::serve::Stores;
use super::tls::{TlsError, server_config};

/// Bytes of one request that may be under way before the store has taken them: enough for a fast link's round trip.
pub const STREAM_WINDOW: u32 = 8 * 1024 * 1024;
/// The same for all requests of a connection.
pub const CONNECTION_WINDOW: u32 = 32 * 1024 * 1024;
const FRAME_BYTES: u32 = 256 * 1024;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections whose handshake is done and that wait to be served.
const GREETED_MAX: usize = 64;
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// Connections at the same time; others wait to be accepted. A client has one for each store.
const CONNECTIONS_MAX: usize = 1024;
/// Requests of one connection at the same time.
const STREAMS_MAX: u32 = 128;
/// Requests of all connections that are being taken or answered, so that their bytes stay within 2 GiB.
const REQUESTS_MAX: usize = 128;
/// A request that is not sent to its end and answered within this is given up; clients wait for 10 s.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Then a client has to connect anew, with a certificate that holds.
const CONNECTION_AGE: Duration = Duration::from_secs(3_600);

/// Serves `stores` to who shows a certificate of the node's authority, until `shutdown`; what is at work then is finished.
///
/// # Errors
/// The identity can't be used; nothing is served then.
pub fn serve_stores(
    listener: TcpListener,
    identity: watch::Receiver<NodeIdentity>,
    stores: Stores,
    shutdown: CancellationToken,
) -> Result<impl Future<Output = ()> + Send + 'static, TlsError> {
    Ok(serve(listener, server_config(identity)?, stores, shutdown))
}

async fn serve(listener: TcpListener, tls: ServerConfig, stores: Stores, shutdown: CancellationToken) {
    let (greeted, connections) = mpsc::channel(GREETED_MAX);
    let accept = accept(listener, TlsAcceptor::from(Arc::new(tls)), greeted, shutdown.clone());
    let server = Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME_BYTES)
        .http2_keepalive_interval(Some(PING_INTERVAL))
        .http2_keepalive_timeout(Some(PING_INTERVAL))
        .max_concurrent_streams(STREAMS_MAX)
        .max_connection_age(CONNECTION_AGE)
        .timeout(REQUEST_TIMEOUT)
        .layer(GlobalConcurrencyLimitLayer::new(REQUESTS_MAX))
        .add_service(stores.service())
        .serve_with_incoming_shutdown(ReceiverStream::new(connections), shutdown.cancelled_owned());
    let ((), served) = tokio::join!(accept, server);
    if let Err(error) = served {
        tracing::error!(error = &error as &dyn std::error::Error, "the stores' listener ended abnormally");
    }
}

type Greeted = Result<Counted, io::Error>;

/// A connection that takes its place among [`CONNECTIONS_MAX`] until it is closed.
struct Counted {
    stream: TlsStream<TcpStream>,
    _place: OwnedSemaphorePermit,
}

impl Connected for Counted {
    type ConnectInfo = <TlsStream<TcpStream> as Connected>::ConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Greets each connection in a task of its own, so that one that is slow holds up no other.
async fn accept(listener: TcpListener, tls: TlsAcceptor, greeted: mpsc::Sender<Greeted>, shutdown: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return,
            accepted = accepted => accepted,
        };
        match accepted {
            (Ok(place), Ok((stream, peer))) => {
                tokio::spawn(greet(stream, peer, place, tls.clone(), greeted.clone()));
            }
            // Nobody closes it.
            (Err(_), _) => return,
            (_, Err(error)) => {
                // Out of file descriptors, most likely: room comes with time.
                tracing::warn!(error = &error as &dyn std::error::Error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn greet(
    stream: TcpStream,
    peer: SocketAddr,
    place: OwnedSemaphorePermit,
    tls: TlsAcceptor,
    greeted: mpsc::Sender<Greeted>,
) {
    // A Sync is a few bytes that must not wait for more.
    let _ = stream.set_nodelay(true);
    match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
        Ok(Ok(stream)) => {
            // Nobody takes it any more once the server has ended.
            let _ = greeted.send(Ok(Counted { stream, _place: place })).await;
        }
        Ok(Err(error)) => tracing::debug!(error = &error as &dyn std::error::Error, "TLS with {peer} failed"),
        Err(_) => tracing::debug!("TLS with {peer} took too long"),
    }
}
