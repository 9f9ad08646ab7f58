//! A web server that counts who asked for what: how often a run was carried out, seen from outside the lab.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

type Counts = Arc<Mutex<HashMap<String, u64>>>;

/// Ends when dropped.
pub(super) struct Witness {
    address: SocketAddr,
    counts: Counts,
    task: JoinHandle<()>,
}

impl Witness {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let counts = Counts::default();
        let task = tokio::spawn(accept(listener, counts.clone()));
        Self { address, counts, task }
    }

    /// Where a run under `key` is counted.
    pub(super) fn url(&self, key: &str) -> String {
        format!("http://{}/{key}", self.address)
    }

    /// How often a run under `key` was carried out.
    pub(super) fn count(&self, key: &str) -> u64 {
        self.counts.lock().unwrap().get(key).copied().unwrap_or_default()
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, counts: Counts) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(answer(client, counts.clone()));
    }
}

async fn answer(client: TcpStream, counts: Counts) {
    let mut client = BufReader::new(client);
    let mut head = String::new();
    // One that was killed in the middle of its request has done nothing.
    while !head.ends_with("\r\n\r\n") {
        if !matches!(client.read_line(&mut head).await, Ok(1..)) {
            return;
        }
    }
    let key = head.split(' ').nth(1).and_then(|path| path.strip_prefix('/')).unwrap_or_default();
    *counts.lock().unwrap().entry(key.to_owned()).or_default() += 1;
    let _ = client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
}
