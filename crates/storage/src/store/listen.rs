//! Where a node's stores are reached: TCP, TLS with certificates on both sides, HTTP/2.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
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
        .add_service(stores.service())
        .serve_with_incoming_shutdown(ReceiverStream::new(connections), shutdown.cancelled_owned());
    let ((), served) = tokio::join!(accept, server);
    if let Err(error) = served {
        tracing::error!(error = &error as &dyn std::error::Error, "the stores' listener ended abnormally");
    }
}

type Greeted = Result<TlsStream<TcpStream>, std::io::Error>;

/// Greets each connection in a task of its own, so that one that is slow holds up no other.
async fn accept(listener: TcpListener, tls: TlsAcceptor, greeted: mpsc::Sender<Greeted>, shutdown: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                tokio::spawn(greet(stream, peer, tls.clone(), greeted.clone()));
            }
            Err(error) => {
                // Out of file descriptors, most likely: room comes with time.
                tracing::warn!(error = &error as &dyn std::error::Error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn greet(stream: TcpStream, peer: SocketAddr, tls: TlsAcceptor, greeted: mpsc::Sender<Greeted>) {
    // A Sync is a few bytes that must not wait for more.
    let _ = stream.set_nodelay(true);
    match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
        Ok(Ok(stream)) => {
            // Nobody takes it any more once the server has ended.
            let _ = greeted.send(Ok(stream)).await;
        }
        Ok(Err(error)) => tracing::debug!(error = &error as &dyn std::error::Error, "TLS with {peer} failed"),
        Err(_) => tracing::debug!("TLS with {peer} took too long"),
    }
}
