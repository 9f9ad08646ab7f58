//! The stores as a part of an agent: opened, served, cared for, and announced to the control plane.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};
use wire::authority::is_node_server;
use wire::store::store_registry_client::StoreRegistryClient;
use wire::store::{AnnounceReply, AnnounceRequest, Offer};
use wire::{NodeIdentity, NodePart, NodeSite};

use super::StoreError;
use super::bucket::{Bucket, BucketKey, BucketKeyError};
use super::engine::Store;
use super::keeping::Keeping;
use super::listen::serve_stores;
use super::offer::StoreOffer;
use super::serve::Stores;
use super::tls::TlsError;
use crate::frame::keep_memory;

/// How often the stores are announced.
const ANNOUNCE_INTERVAL: Duration = Duration::from_secs(30);
/// The same while the control plane does not answer; half of it is chance.
const ANNOUNCE_AGAIN: Duration = Duration::from_secs(4);
const ANNOUNCE_TIMEOUT: Duration = Duration::from_secs(5);
/// How often stores are looked after.
const CARE_INTERVAL: Duration = Duration::from_secs(1);

/// Why a node could not offer its stores.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// One of the stores can't be used.
    #[error("{0}")]
    Store(String, #[source] StoreError),
    /// There is no key for a bucket.
    #[error(transparent)]
    Key(#[from] BucketKeyError),
    /// Two of them hold one store.
    #[error("two of the directories or buckets hold the store {0}: one is a copy; offer one of them")]
    Twice(uuid::Uuid),
    /// The address can't be listened on.
    #[error("listening for clients of the stores on {0}: choose another address with --store-listen")]
    Listen(SocketAddr, #[source] std::io::Error),
    /// The node's identity can't be served with.
    #[error("the node's certificate can't be used for its stores")]
    Tls(#[source] TlsError),
}

/// Why an announcement was not heard.
#[derive(Debug, thiserror::Error)]
enum AnnounceError {
    #[error("the control plane can't be reached")]
    Dial(#[source] tonic::transport::Error),
    #[error("the control plane did not take the stores")]
    Call(#[source] Box<tonic::Status>),
    #[error("keeping a store's number")]
    Number(#[source] StoreError),
}

/// See [`store_part`].
#[derive(Debug)]
pub struct StorePart {
    offers: Vec<StoreOffer>,
    credentials: Option<PathBuf>,
    listen: Option<SocketAddr>,
}

/// The part of an agent that offers stores. They are served on `listen`, or on any free port: on all addresses, or on loopback
/// where the control plane is on this machine. The keys of buckets are in the file `credentials`, or else in the environment.
pub fn store_part(offers: Vec<StoreOffer>, credentials: Option<PathBuf>, listen: Option<SocketAddr>) -> StorePart {
    StorePart { offers, credentials, listen }
}

#[tonic::async_trait]
impl NodePart for StorePart {
    async fn run(&self, site: NodeSite, shutdown: CancellationToken) -> Result<(), Box<dyn Error + Send + Sync>> {
        keep_memory();
        let (offers, credentials, runtime) = (self.offers.clone(), self.credentials.clone(), Handle::current());
        let opened = tokio::task::spawn_blocking(move || open(offers, credentials.as_deref(), &runtime)).await??;
        let address = self.listen.unwrap_or_else(|| SocketAddr::new(listen_on(&site.control_url), 0));
        let failed = |source| PartError::Listen(address, source);
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let local = listener.local_addr().map_err(failed)?;
        let stores = Stores::new(opened, Arc::new(db::SystemClock));
        let served = serve_stores(listener, site.identity.clone(), stores.clone(), shutdown.clone());
        let served = served.map_err(PartError::Tls)?;
        tracing::info!("{} stores are served on {local}", stores.stores().len());
        let announcer = Announcer { site, local, stores: stores.clone() };
        tokio::join!(served, announcer.keep(&shutdown), care(&stores, &shutdown),);
        Ok(())
    }
}

fn open(
    offers: Vec<StoreOffer>,
    credentials: Option<&Path>,
    runtime: &Handle,
) -> Result<Vec<Arc<dyn Keeping>>, PartError> {
    let mut opened: Vec<Arc<dyn Keeping>> = Vec::with_capacity(offers.len());
    for offer in offers {
        let store: Arc<dyn Keeping> = match offer {
            StoreOffer::Directory(dir) => {
                let failed = |source: StoreError| PartError::Store(format!("offering {}", dir.path.display()), source);
                Arc::new(Store::open(&dir.path, dir.size).map_err(failed)?)
            }
            StoreOffer::Bucket(offer) => {
                let key = BucketKey::find(&offer, credentials, |name| std::env::var(name).ok())?;
                let what = format!("offering the bucket {}", offer.bucket);
                let failed = |source: StoreError| PartError::Store(what, source);
                Arc::new(Bucket::new(offer, &key, runtime.clone()).map_err(failed)?)
            }
        };
        if opened.iter().any(|other| other.uuid() == store.uuid()) {
            return Err(PartError::Twice(store.uuid()));
        }
        opened.push(store);
    }
    Ok(opened)
}

/// Loopback, where the control plane is reached there.
fn listen_on(control_url: &str) -> IpAddr {
    let is_local = url::Url::parse(control_url).is_ok_and(|url| match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    });
    if is_local { Ipv4Addr::LOCALHOST.into() } else { Ipv4Addr::UNSPECIFIED.into() }
}

/// Tells the control plane what is offered here, and learns the stores' numbers.
struct Announcer {
    site: NodeSite,
    local: SocketAddr,
    stores: Stores,
}

impl Announcer {
    async fn keep(&self, shutdown: &CancellationToken) {
        let (mut identity, mut is_told) = (self.site.identity.clone(), false);
        loop {
            let present = identity.borrow_and_update().clone();
            if !is_node_server(&present.pair_pem, &present.node_id) && !is_told {
                tracing::warn!(
                    "the node's certificate is of an older version and not good for stores; it is renewed once the node has connected"
                );
                is_told = true;
            }
            let pause = match self.announce(&present).await {
                Ok(()) => ANNOUNCE_INTERVAL,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn Error, "the stores could not be announced; trying again");
                    ANNOUNCE_AGAIN.mul_f64(0.5 + rand::random::<f64>() / 2.0)
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
                changed = identity.changed() => if changed.is_err() { return },
            }
        }
    }

    async fn announce(&self, identity: &NodeIdentity) -> Result<(), AnnounceError> {
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(&identity.ca_pem))
            .identity(Identity::from_pem(&identity.pair_pem, &identity.pair_pem))
            .domain_name(wire::SERVER_NAME);
        let endpoint =
            Endpoint::from_shared(self.site.control_url.clone()).and_then(|endpoint| endpoint.tls_config(tls));
        let endpoint =
            endpoint.map_err(AnnounceError::Dial)?.connect_timeout(ANNOUNCE_TIMEOUT).timeout(ANNOUNCE_TIMEOUT);
        let channel = endpoint.connect().await.map_err(AnnounceError::Dial)?;
        let reply = StoreRegistryClient::new(channel).announce(self.request()).await;
        let AnnounceReply { numbers } = reply.map_err(|status| AnnounceError::Call(Box::new(status)))?.into_inner();
        for number in numbers {
            let store = self.stores.stores().iter().find(|store| store.uuid().to_string() == number.uuid);
            if let Some(store) = store {
                store.number_set(number.store).map_err(AnnounceError::Number)?;
            }
        }
        Ok(())
    }

    fn request(&self) -> AnnounceRequest {
        let own = self.local.ip();
        let addresses = if own.is_unspecified() { self.site.addresses.clone() } else { vec![own.to_string()] };
        let offered = self.stores.stores().iter().filter(|store| store.is_offered());
        let offers = offered.map(|store| Offer {
            uuid: store.uuid().to_string(),
            name: store.name(),
            capacity_bytes: store.stat().map_or(0, |stat| stat.capacity_bytes),
            provider: store.provider().unwrap_or_default(),
        });
        AnnounceRequest { port: self.local.port().into(), addresses, offers: offers.collect() }
    }
}

/// Looks after each store by itself, so that none waits for another's disk or provider.
async fn care(stores: &Stores, shutdown: &CancellationToken) {
    let mut carers = JoinSet::new();
    for store in stores.stores() {
        carers.spawn(store_care(Arc::clone(store), shutdown.clone()));
    }
    while carers.join_next().await.is_some() {}
}

async fn store_care(store: Arc<dyn Keeping>, shutdown: CancellationToken) {
    loop {
        let cared = Arc::clone(&store);
        let is_more = match tokio::task::spawn_blocking(move || cared.care()).await {
            Ok(Ok(is_more)) => is_more,
            Ok(Err(error)) => {
                tracing::warn!(error = &error as &dyn Error, "store {} could not be tidied", store.uuid());
                false
            }
            Err(_) => false,
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(if is_more { Duration::ZERO } else { CARE_INTERVAL }) => {}
        }
    }
}
