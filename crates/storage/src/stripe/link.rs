//! The connection to one store, and how fast it answers.

use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio::time::Instant;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Response, Status};
use wire::store::stores_client::StoresClient;
use wire::store::{
    DeleteRequest, GetRequest, ListRequest, Listed, Piece, PutRequest, Range, StatReply, StatRequest, SyncRequest,
    Unit, UnitKey, VerifyReply, VerifyRequest,
};

use super::{Credentials, StoreAddress};
use crate::model::stripe::StoreId;

/// A unit that is not taken within this goes to another store.
const PUT_TIMEOUT: Duration = Duration::from_secs(5);
const DATA_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// After a failed attempt to connect nobody tries again for this long.
const CONNECT_PAUSE: Duration = Duration::from_millis(500);
/// Bytes of one message: what stores take and answer is 8 MiB, and its frame.
const MESSAGE_BYTES_MAX: usize = 9 << 20;
/// What may be on its way before it is taken: less would make a store far away a slow one.
const STREAM_WINDOW: u32 = 8 << 20;

/// Why a store did not do what it was asked to.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LinkError {
    /// No answer in time.
    #[error("store {0} does not answer")]
    Slow(StoreId),
    /// No connection.
    #[error("store {0} can't be reached")]
    Unreachable(StoreId, #[source] Arc<dyn std::error::Error + Send + Sync>),
    /// It has no room.
    #[error("store {0} is full")]
    Full(StoreId),
    /// It has started anew since: what was put before is to be put again.
    #[error("store {0} has restarted")]
    Restarted(StoreId),
    /// It answered with a refusal.
    #[error("store {0} refused")]
    Refused(StoreId, #[source] Status),
}

/// The connection to one store: made when needed, kept, and made anew after it broke.
pub(crate) struct Link {
    address: StoreAddress,
    /// Those in force when a connection is made count.
    credentials: watch::Receiver<Credentials>,
    dialled: Mutex<Dialled>,
    pace: StdMutex<Pace>,
}

#[derive(Default)]
struct Dialled {
    channel: Option<Channel>,
    failed: Option<(Instant, LinkError)>,
}

impl Link {
    pub(crate) fn new(address: StoreAddress, credentials: watch::Receiver<Credentials>) -> Self {
        Self { address, credentials, dialled: Mutex::default(), pace: StdMutex::default() }
    }

    /// Whether it leads to where `address` says.
    pub(crate) fn leads_to(&self, address: &StoreAddress) -> bool {
        self.address.node == address.node && self.address.addresses == address.addresses
    }

    pub(crate) fn id(&self) -> StoreId {
        self.address.id
    }

    /// Puts units; answers the store's boot id.
    pub(crate) async fn put(&self, units: Vec<Unit>) -> Result<Arc<str>, LinkError> {
        let request = PutRequest { store: self.address.id as u64, units };
        let reply = self.call(PUT_TIMEOUT, |mut client| async move { client.put(request).await }).await?;
        Ok(reply.boot_id.into())
    }

    /// Makes safe what was put under this boot id.
    pub(crate) async fn sync(&self, boot_id: &str) -> Result<(), LinkError> {
        let request = SyncRequest { store: self.address.id as u64, boot_id: boot_id.to_owned() };
        let reply = self.call(DATA_TIMEOUT, |mut client| async move { client.sync(request).await }).await?;
        if reply.boot_id == boot_id { Ok(()) } else { Err(LinkError::Restarted(self.address.id)) }
    }

    pub(crate) async fn get(&self, ranges: Vec<Range>) -> Result<Vec<Piece>, LinkError> {
        let request = GetRequest { store: self.address.id as u64, ranges };
        let begun = Instant::now();
        let reply = self.call(DATA_TIMEOUT, |mut client| async move { client.get(request).await }).await?;
        self.pace().answered(begun.elapsed());
        Ok(reply.pieces)
    }

    pub(crate) async fn delete(&self, keys: Vec<UnitKey>) -> Result<(), LinkError> {
        self.delete_of(keys, Vec::new()).await
    }

    /// Deletes units as they were listed; one that was put again since stays.
    pub(crate) async fn delete_listed(&self, listed: Vec<Listed>) -> Result<(), LinkError> {
        let (keys, put_ms) = listed.into_iter().filter_map(|unit| Some((unit.key?, unit.put_ms))).unzip();
        self.delete_of(keys, put_ms).await
    }

    async fn delete_of(&self, keys: Vec<UnitKey>, put_ms: Vec<i64>) -> Result<(), LinkError> {
        let request = DeleteRequest { store: self.address.id as u64, keys, put_ms };
        self.call(DATA_TIMEOUT, |mut client| async move { client.delete(request).await }).await.map(|_| ())
    }

    /// Units of a volume above `after`, in order, at most `limit`.
    pub(crate) async fn list(&self, volume: i64, after: Option<UnitKey>, limit: u32) -> Result<Vec<Listed>, LinkError> {
        let request = ListRequest { store: self.address.id as u64, volume: volume as u64, after, limit };
        let reply = self.call(DATA_TIMEOUT, |mut client| async move { client.list(request).await }).await?;
        Ok(reply.units)
    }

    /// Has one slice of what is at rest compared with its checksums.
    pub(crate) async fn verify(&self, after: Option<UnitKey>, bytes_max: u64) -> Result<VerifyReply, LinkError> {
        let request = VerifyRequest { store: self.address.id as u64, after, bytes_max };
        self.call(DATA_TIMEOUT, |mut client| async move { client.verify(request).await }).await
    }

    /// Size and content, within `timeout`.
    pub(crate) async fn stat(&self, timeout: Duration) -> Result<StatReply, LinkError> {
        let request = StatRequest { store: self.address.id as u64 };
        self.call(timeout, |mut client| async move { client.stat(request).await }).await
    }

    /// How long to wait for an answer before another store is asked as well.
    pub(crate) fn patience(&self) -> Duration {
        self.pace().patience()
    }

    /// Notes that its answer was not waited for; whether that has become a habit.
    pub(crate) fn missed(&self) -> bool {
        self.pace().missed()
    }

    fn pace(&self) -> std::sync::MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    async fn call<T, F>(&self, timeout: Duration, call: impl FnOnce(StoresClient<Channel>) -> F) -> Result<T, LinkError>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let work = async {
            let client = StoresClient::new(self.channel().await?).max_decoding_message_size(MESSAGE_BYTES_MAX);
            call(client).await.map(Response::into_inner).map_err(|status| self.failed(status))
        };
        let result = tokio::time::timeout(timeout, work).await.unwrap_or(Err(LinkError::Slow(self.address.id)));
        if matches!(result, Err(LinkError::Slow(_) | LinkError::Unreachable(..))) {
            // The next call dials anew, perhaps at another address.
            self.dialled.lock().await.channel = None;
        }
        result
    }

    fn failed(&self, status: Status) -> LinkError {
        let id = self.address.id;
        match status.code() {
            Code::ResourceExhausted => LinkError::Full(id),
            Code::Aborted => LinkError::Restarted(id),
            Code::DeadlineExceeded => LinkError::Slow(id),
            Code::Unavailable | Code::Unknown | Code::Cancelled => LinkError::Unreachable(id, Arc::new(status)),
            _ => LinkError::Refused(id, status),
        }
    }

    async fn channel(&self) -> Result<Channel, LinkError> {
        let mut dialled = self.dialled.lock().await;
        if let Some(channel) = &dialled.channel {
            return Ok(channel.clone());
        }
        if let Some((at, error)) = &dialled.failed
            && at.elapsed() < CONNECT_PAUSE
        {
            return Err(error.clone());
        }
        match self.dial().await {
            Ok(channel) => {
                dialled.channel = Some(channel.clone());
                dialled.failed = None;
                Ok(channel)
            }
            Err(error) => {
                dialled.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    async fn dial(&self) -> Result<Channel, LinkError> {
        let mut failed: Arc<dyn std::error::Error + Send + Sync> = Arc::new(NoAddress);
        for address in &self.address.addresses {
            let attempt = async { self.endpoint(address)?.connect().await };
            match tokio::time::timeout(CONNECT_TIMEOUT, attempt).await {
                Ok(Ok(channel)) => return Ok(channel),
                Ok(Err(error)) => failed = Arc::new(error),
                Err(elapsed) => failed = Arc::new(elapsed),
            }
        }
        Err(LinkError::Unreachable(self.address.id, failed))
    }

    fn endpoint(&self, address: &str) -> Result<Endpoint, tonic::transport::Error> {
        let Credentials { pair_pem: pair, ca_pem } = self.credentials.borrow().clone();
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(ca_pem))
            .identity(Identity::from_pem(&pair, &pair))
            .domain_name(format!("{}.node.amphi.internal", self.address.node));
        Ok(Endpoint::from_shared(format!("https://{address}"))?
            .tls_config(tls)?
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(4 * STREAM_WINDOW)
            .http2_keep_alive_interval(Duration::from_secs(5))
            .keep_alive_timeout(Duration::from_secs(5)))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no address of it is known")]
struct NoAddress;

/// How long a store takes to answer, smoothed as TCP does (RFC 6298): the mean and four deviations is what nearly all
/// answers keep to.
#[derive(Default)]
struct Pace {
    mean_s: Option<f64>,
    deviation_s: f64,
    missed: u32,
}

impl Pace {
    /// Answers that were not waited for, one after the other, before a store counts as one that does not answer.
    const MISSED_MAX: u32 = 3;

    fn answered(&mut self, took: Duration) {
        let took = took.as_secs_f64();
        self.missed = 0;
        match &mut self.mean_s {
            None => {
                self.mean_s = Some(took);
                self.deviation_s = took / 2.0;
            }
            Some(mean) => {
                self.deviation_s = 0.75 * self.deviation_s + 0.25 * (*mean - took).abs();
                *mean = 0.875 * *mean + 0.125 * took;
            }
        }
    }

    fn patience(&self) -> Duration {
        let usual = self.mean_s.map_or(0.2, |mean| mean + 4.0 * self.deviation_s);
        Duration::from_secs_f64(usual.clamp(0.03, 1.0))
    }

    fn missed(&mut self) -> bool {
        self.missed += 1;
        self.missed >= Self::MISSED_MAX
    }
}
