//! Where a node's stores are reached: TCP, and TLS with certificates on both sides.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use wire::NodeIdentity;

use super::caller::Caller;
use super::connection;
use super::serve::Stores;
use super::tls::{TlsError, server_config};
use crate::frame::{acceptor, prepared, served};

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Clients at the same time.
const CONNECTIONS_MAX: usize = 4_096;

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
    let tls = Arc::new(tls);
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS_MAX {
            tracing::warn!("{CONNECTIONS_MAX} clients are connected to the stores; others wait");
            let _ended = connections.join_next().await;
        }
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                connections.spawn(connection(stream, peer, tls.clone(), stores.clone(), shutdown.clone()));
            }
            Err(error) => {
                // Out of file descriptors, most likely: room comes with time.
                tracing::warn!(error = &error as &dyn std::error::Error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    while connections.join_next().await.is_some() {}
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Arc<ServerConfig>,
    stores: Stores,
    shutdown: CancellationToken,
) {
    let Ok(tls) = acceptor(&tls, &stream) else { return tracing::debug!("{peer} is gone") };
    let stream = match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(prepared(stream))).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            return tracing::debug!(error = &error as &dyn std::error::Error, "TLS with {peer} failed");
        }
        Err(_) => return tracing::debug!("TLS with {peer} took too long"),
    };
    let Some(caller) = Caller::of(stream.get_ref().1.peer_certificates().unwrap_or_default()) else {
        return tracing::warn!("{peer} has a certificate that is none of a store's client");
    };
    match served(stream).await {
        Ok((reader, writer)) => connection::serve(reader, writer, caller, stores, shutdown).await,
        Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, "{peer} broke off"),
    }
}
