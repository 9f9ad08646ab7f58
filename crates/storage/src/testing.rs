//! Stores in this process, for tests of what talks to them: real directories, real TLS on loopback, one authority.

mod audit;
#[cfg(test)]
pub(crate) mod provider;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wire::NodeIdentity;
use wire::authority::{Authority, KeyRequest};

use crate::store::{Keeping, Store, Stores, serve_stores};

pub use audit::{Audit, Probe};

const DAY: Duration = Duration::from_secs(86_400);

/// Opens a store.
pub type Opener = Box<dyn Fn() -> BoxFuture<'static, Arc<dyn Keeping>> + Send + Sync>;

/// Stores with the numbers 1, 2 …, each on a node of its own.
pub struct TestStores {
    dir: TempDir,
    authority: Authority,
    size: u64,
    nodes: Vec<Node>,
}

struct Node {
    address: String,
    /// Whom it lies with, as it said when it was last started.
    provider: Option<String>,
    running: Option<Running>,
    /// Opens the store, where it is none of the directories here.
    opener: Option<Opener>,
}

impl Node {
    fn new(opener: Option<Opener>) -> Self {
        Self { address: "127.0.0.1:0".to_owned(), provider: None, running: None, opener }
    }
}

struct Running {
    keeping: Arc<dyn Keeping>,
    /// The same, where it is a directory.
    store: Option<Arc<Store>>,
    shutdown: CancellationToken,
    server: JoinHandle<()>,
}

impl TestStores {
    /// Starts `count` stores of at most `size` bytes each.
    pub async fn start(count: usize, size: u64) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let authority = Authority::open_or_create(&dir.path().join("authority")).expect("an authority");
        let mut stores = Self { dir, authority, size, nodes: Vec::new() };
        for number in 1..=count as u64 {
            stores.nodes.push(Node::new(None));
            stores.start_again(number).await;
        }
        stores
    }

    /// Starts one more, which `opener` opens.
    pub async fn add(&mut self, opener: Opener) {
        self.nodes.push(Node::new(Some(opener)));
        self.start_again(self.nodes.len() as u64).await;
    }

    /// Their numbers.
    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        1..=self.nodes.len() as u64
    }

    /// `host:port` of the store with this number; the same after a restart.
    pub fn address(&self, number: u64) -> String {
        self.nodes[number as usize - 1].address.clone()
    }

    /// UID of the node it is on: its server name is [`wire::authority::node_server_name`] of it.
    pub fn node(number: u64) -> String {
        format!("node-{number}")
    }

    /// Its directory.
    pub fn dir(&self, number: u64) -> PathBuf {
        self.dir.path().join(format!("s{number}"))
    }

    /// Whom its units lie with; `None`: its node.
    pub fn provider(&self, number: u64) -> Option<String> {
        self.nodes[number as usize - 1].provider.clone()
    }

    /// The running store itself, to look into it.
    pub fn store(&self, number: u64) -> Arc<Store> {
        let running = self.nodes[number as usize - 1].running.as_ref();
        Arc::clone(running.expect("the store was stopped").store.as_ref().expect("the store is no directory"))
    }

    /// The same, whatever keeps its units.
    pub fn keeping(&self, number: u64) -> Arc<dyn Keeping> {
        let running = self.nodes[number as usize - 1].running.as_ref();
        Arc::clone(&running.expect("the store was stopped").keeping)
    }

    /// Certificate and key of a caller with this name (`control`, `volume-7`), and the authority's certificate; all PEM.
    pub fn credentials(&self, common_name: &str) -> (String, String) {
        let request = KeyRequest::generate().expect("a key");
        let signed = self.authority.client_certificate(&request.csr_pem, common_name, DAY, now_ms());
        (signed.expect("a certificate") + &request.key_pem, self.authority.certificate_pem().to_owned())
    }

    /// Ends a store's server: its connections break, and nobody answers at its address.
    pub async fn stop(&mut self, number: u64) {
        let Some(running) = self.nodes[number as usize - 1].running.take() else { return };
        running.shutdown.cancel();
        // Open connections are dropped with it, as those of a killed process are.
        running.server.abort();
        let _ = running.server.await;
        // Whoever still works for a request holds the store's lock a moment longer.
        drop(running.store);
        while Arc::strong_count(&running.keeping) > 1 {
            tokio::task::yield_now().await;
        }
    }

    /// Starts a stopped one again on the same directory and address, with a new boot id.
    pub async fn start_again(&mut self, number: u64) {
        let directory = self.dir(number);
        let at = &mut self.nodes[number as usize - 1];
        let (keeping, store): (Arc<dyn Keeping>, _) = match &at.opener {
            Some(open) => (open().await, None),
            None => {
                let store = Arc::new(Store::open(&directory, Some(self.size)).expect("a store"));
                (Arc::clone(&store) as Arc<dyn Keeping>, Some(store))
            }
        };
        keeping.number_set(number).expect("a number");
        at.provider = keeping.provider();
        let listener = TcpListener::bind(&at.address).await.expect("an address");
        at.address = listener.local_addr().expect("an address").to_string();
        let (node_id, request) = (Self::node(number), KeyRequest::generate().expect("a key"));
        let signed = self.authority.node_certificate(&request.csr_pem, &node_id, DAY, now_ms()).expect("a certificate");
        let ca_pem = self.authority.certificate_pem().to_owned();
        let (_, identity) = watch::channel(NodeIdentity { node_id, pair_pem: signed + &request.key_pem, ca_pem });
        let shutdown = CancellationToken::new();
        let stores = Stores::new(vec![Arc::clone(&keeping)], Arc::new(db::SystemClock));
        let served = serve_stores(listener, identity, stores, shutdown.clone()).expect("an identity");
        at.running = Some(Running { keeping, store, shutdown, server: tokio::spawn(served) });
    }
}

fn now_ms() -> i64 {
    db::Clock::now_ms(&db::SystemClock)
}
