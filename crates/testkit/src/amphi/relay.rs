//! A link over TCP that can be cut and mended.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Passes on what goes to a server. Ends when dropped.
pub struct Relay {
    address: SocketAddr,
    is_cut: watch::Sender<bool>,
    broken: Arc<AtomicU32>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Listens on a free port of its own. Errors: the system's.
    pub async fn start(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (is_cut, cut) = watch::channel(false);
        let broken = Arc::new(AtomicU32::new(0));
        let task = tokio::spawn(accept(listener, server, cut, broken.clone()));
        Ok(Self { address, is_cut, broken, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Breaks every connection, and each new one until [`Relay::mend`].
    pub fn cut(&self) {
        self.is_cut.send_replace(true);
    }

    /// Passes new connections on again.
    pub fn mend(&self) {
        self.is_cut.send_replace(false);
    }

    /// Connections that were broken in the middle or refused.
    pub fn broken(&self) -> u32 {
        self.broken.load(Ordering::SeqCst)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, cut: watch::Receiver<bool>, broken: Arc<AtomicU32>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        connections.spawn(pass(client, server, cut.clone(), broken.clone()));
    }
}

async fn pass(mut client: TcpStream, server: SocketAddr, mut cut: watch::Receiver<bool>, broken: Arc<AtomicU32>) {
    let through = async {
        let mut server = TcpStream::connect(server).await?;
        copy_bidirectional(&mut client, &mut server).await
    };
    tokio::select! {
        biased;
        _ = cut.wait_for(|is_cut| *is_cut) => {
            broken.fetch_add(1, Ordering::SeqCst);
        }
        _ = through => {}
    }
}
