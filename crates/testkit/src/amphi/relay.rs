//! A link over TCP that can be cut and mended, to one server or to whichever of several is there.

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
    state: watch::Sender<State>,
    broken: Arc<AtomicU32>,
    task: JoinHandle<()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Held,
    Cut,
}

impl Relay {
    /// Listens on a free port of its own. Errors: the system's.
    pub async fn start(server: SocketAddr) -> io::Result<Self> {
        Self::start_over(vec![server]).await
    }

    /// The same for several servers: each connection goes to the next one in turn that takes it. Errors: the system's.
    pub async fn start_over(servers: Vec<SocketAddr>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (state, seen) = watch::channel(State::Open);
        let broken = Arc::new(AtomicU32::new(0));
        let task = tokio::spawn(accept(listener, servers, seen, broken.clone()));
        Ok(Self { address, state, broken, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Passes nothing on any more, while both ends still believe in their connection: what they send is lost with it.
    /// Followed by [`Relay::cut`].
    pub fn hold(&self) {
        self.state.send_replace(State::Held);
    }

    /// Breaks every connection, and each new one until [`Relay::mend`].
    pub fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    /// Passes new connections on again.
    pub fn mend(&self) {
        self.state.send_replace(State::Open);
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

async fn accept(
    listener: TcpListener,
    mut servers: Vec<SocketAddr>,
    state: watch::Receiver<State>,
    broken: Arc<AtomicU32>,
) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        connections.spawn(pass(client, servers.clone(), state.clone(), broken.clone()));
        servers.rotate_left(1);
    }
}

async fn pass(
    mut client: TcpStream,
    servers: Vec<SocketAddr>,
    mut state: watch::Receiver<State>,
    broken: Arc<AtomicU32>,
) {
    let through = async {
        let mut server = TcpStream::connect(servers.as_slice()).await?;
        copy_bidirectional(&mut client, &mut server).await
    };
    tokio::select! {
        biased;
        _ = state.wait_for(|state| *state != State::Open) => {}
        _ = through => return,
    }
    let _ = state.wait_for(|state| *state == State::Cut).await;
    broken.fetch_add(1, Ordering::SeqCst);
}
