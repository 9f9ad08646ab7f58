//! A link between a client and a server that breaks where the test says.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

/// Passes on what goes over a server's Unix socket. Ends when dropped.
pub struct FlakyLink {
    dir: TempDir,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    server: PathBuf,
    cut_after: Mutex<VecDeque<&'static [u8]>>,
    cuts: AtomicU32,
}

impl FlakyLink {
    /// Listens on a socket of the same name as the server's, in a directory of its own.
    pub async fn start(server: &Path) -> io::Result<Self> {
        let dir = tempfile::tempdir()?;
        let name = server.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let listener = UnixListener::bind(dir.path().join(name))?;
        let shared = Shared { server: server.to_owned(), cut_after: Mutex::default(), cuts: AtomicU32::new(0) };
        let shared = Arc::new(shared);
        let task = tokio::spawn(accept(listener, shared.clone()));
        Ok(Self { dir, shared, task })
    }

    /// The directory of the link's socket.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The next time a client sends `bytes`, the server gets them, but its answer is lost and the connection cut.
    /// Told several times, it cuts once for each, in this order.
    pub fn cut_after(&self, bytes: &'static [u8]) {
        self.shared.cut_after.lock().unwrap_or_else(PoisonError::into_inner).push_back(bytes);
    }

    /// How often a connection was cut.
    pub fn cuts(&self) -> u32 {
        self.shared.cuts.load(Ordering::SeqCst)
    }
}

impl Drop for FlakyLink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: UnixListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let Ok(server) = UnixStream::connect(&shared.server).await else { continue };
        tokio::spawn(pass(client, server, shared.clone()));
    }
}

async fn pass(client: UnixStream, server: UnixStream, shared: Arc<Shared>) {
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let is_cut = AtomicBool::new(false);
    let up = async {
        // Once cut, the server's side stays open until its answer is there: only then has it done what it was told.
        if requests(from_client, to_server, &shared, &is_cut).await.is_ok_and(|is_cut| is_cut) {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = up => {}
        _ = answers(from_server, to_client, &is_cut) => {}
    }
}

/// True when the connection is to be cut.
async fn requests(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    shared: &Shared,
    is_cut: &AtomicBool,
) -> io::Result<bool> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = client.read(&mut buffer).await?;
        if length == 0 {
            return Ok(false);
        }
        let request = &buffer[..length];
        let is_last = shared.is_last(request);
        is_cut.store(is_last, Ordering::SeqCst);
        server.write_all(request).await?;
        if is_last {
            // The server must stay reachable, else it might notice before it acts.
            server.forget();
            return Ok(true);
        }
    }
}

async fn answers(mut server: OwnedReadHalf, mut client: OwnedWriteHalf, is_cut: &AtomicBool) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = server.read(&mut buffer).await?;
        if length == 0 || is_cut.load(Ordering::SeqCst) {
            return Ok(());
        }
        client.write_all(&buffer[..length]).await?;
    }
}

impl Shared {
    fn is_last(&self, request: &[u8]) -> bool {
        let mut cut_after = self.cut_after.lock().unwrap_or_else(PoisonError::into_inner);
        let is_last = cut_after.front().is_some_and(|bytes| request.windows(bytes.len()).any(|part| part == *bytes));
        if is_last {
            cut_after.pop_front();
            self.cuts.fetch_add(1, Ordering::SeqCst);
        }
        is_last
    }
}
