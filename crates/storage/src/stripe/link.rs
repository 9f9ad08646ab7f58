//! Calls to one store, and how fast it answers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use wire::store::answer::Reply;
use wire::store::ask::Call;
use wire::store::{
    DeleteRequest, Found, GetRequest, ListRequest, Listed, Piece, PutRequest, Range, Reason, Refusal, StatReply,
    StatRequest, SyncRequest, Unit, UnitKey, VerifyReply, VerifyRequest,
};

use super::dialler::Dialler;
use super::{Credentials, StoreAddress};
use crate::model::stripe::StoreId;

/// A unit that is not taken within this goes to another store.
const PUT_TIMEOUT: Duration = Duration::from_secs(5);
const DATA_TIMEOUT: Duration = Duration::from_secs(10);

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
    /// Its disk fails.
    #[error("store {0} fails: {1}")]
    Failing(StoreId, String),
    /// It answered with a refusal.
    #[error("store {0} refused: {1}")]
    Refused(StoreId, String),
}

/// One store as it is called.
pub(crate) struct Link {
    address: StoreAddress,
    pub(super) dialler: Arc<Dialler>,
    pace: Mutex<Pace>,
}

impl Link {
    pub(crate) fn new(address: StoreAddress, credentials: watch::Receiver<Credentials>) -> Self {
        let dialler = Arc::new(Dialler::new(address.clone(), credentials));
        Self { address, dialler, pace: Mutex::default() }
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
        match self.call(PUT_TIMEOUT, Call::Put(request)).await? {
            Reply::Put(reply) => Ok(reply.boot_id.into()),
            other => Err(self.failed(other)),
        }
    }

    /// Makes safe what was put under this boot id.
    pub(crate) async fn sync(&self, boot_id: &str) -> Result<(), LinkError> {
        let request = SyncRequest { store: self.address.id as u64, boot_id: boot_id.to_owned() };
        match self.call(DATA_TIMEOUT, Call::Sync(request)).await? {
            Reply::Sync(reply) if reply.boot_id == boot_id => Ok(()),
            Reply::Sync(_) => Err(LinkError::Restarted(self.address.id)),
            other => Err(self.failed(other)),
        }
    }

    /// Reads what somebody waits for: how long it takes counts for [`patience`](Self::patience).
    pub(crate) async fn get(&self, ranges: Vec<Range>) -> Result<Vec<Piece>, LinkError> {
        let begun = Instant::now();
        let pieces = self.get_many(ranges).await?;
        self.pace().answered(begun.elapsed());
        Ok(pieces)
    }

    /// The same for more than one stripe at a time.
    pub(crate) async fn get_many(&self, ranges: Vec<Range>) -> Result<Vec<Piece>, LinkError> {
        let request = GetRequest { store: self.address.id as u64, ranges };
        match self.call(DATA_TIMEOUT, Call::Get(request)).await? {
            Reply::Get(reply) => Ok(reply.pieces),
            other => Err(self.failed(other)),
        }
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
        match self.call(DATA_TIMEOUT, Call::Delete(request)).await? {
            Reply::Delete(_) => Ok(()),
            other => Err(self.failed(other)),
        }
    }

    /// Units of a volume above `after`, in order, at most `limit`.
    pub(crate) async fn list(&self, volume: i64, after: Option<UnitKey>, limit: u32) -> Result<Vec<Listed>, LinkError> {
        let request = ListRequest { store: self.address.id as u64, volume: volume as u64, after, limit };
        match self.call(DATA_TIMEOUT, Call::List(request)).await? {
            Reply::List(reply) => Ok(reply.units),
            other => Err(self.failed(other)),
        }
    }

    /// Has one slice of what is at rest compared with its checksums.
    pub(crate) async fn verify(&self, after: Option<UnitKey>, bytes_max: u64) -> Result<VerifyReply, LinkError> {
        let request = VerifyRequest { store: self.address.id as u64, after, bytes_max };
        match self.call(DATA_TIMEOUT, Call::Verify(request)).await? {
            Reply::Verify(reply) => Ok(reply),
            other => Err(self.failed(other)),
        }
    }

    /// This unit as it is listed, if the store has it and has it damaged.
    pub(crate) async fn damaged(&self, key: UnitKey) -> Result<Option<Listed>, LinkError> {
        let listed = self.list(key.volume as i64, key_before(key), 1).await?.pop();
        let Some(listed) = listed.filter(|listed| listed.key == Some(key)) else { return Ok(None) };
        let whole = Range { key: Some(key), offset: 0, length: 0 };
        let pieces = self.get_many(vec![whole]).await?;
        Ok(pieces.iter().any(|piece| piece.found() == Found::Damaged).then_some(listed))
    }

    /// Size and content, within `timeout`.
    pub(crate) async fn stat(&self, timeout: Duration) -> Result<StatReply, LinkError> {
        let request = StatRequest { store: self.address.id as u64 };
        match self.call(timeout, Call::Stat(request)).await? {
            Reply::Stat(reply) => Ok(reply),
            other => Err(self.failed(other)),
        }
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

    async fn call(&self, timeout: Duration, call: Call) -> Result<Reply, LinkError> {
        let mut asked = None;
        let work = async {
            let (line, is_kept) = self.dialler.line().await?;
            let line = asked.insert(line);
            match line.call(call.clone()).await {
                // The store may have been started again since it was used last. Nothing that is asked is harmful twice.
                Err(_) if is_kept => {
                    self.dialler.give_up(line);
                    *line = self.dialler.line().await?.0;
                    line.call(call).await
                }
                result => result,
            }
            .map_err(|error| LinkError::Unreachable(self.address.id, Arc::new(error)))
        };
        let result = tokio::time::timeout(timeout, work).await.unwrap_or(Err(LinkError::Slow(self.address.id)));
        if let (Err(LinkError::Slow(_) | LinkError::Unreachable(..)), Some(line)) = (&result, asked) {
            self.dialler.give_up(&line);
        }
        result
    }

    /// What an answer means that is not the one to the question.
    fn failed(&self, reply: Reply) -> LinkError {
        let id = self.address.id;
        let Reply::Refusal(Refusal { reason, sentence }) = reply else {
            return LinkError::Refused(id, "it answered another question".to_owned());
        };
        match Reason::try_from(reason) {
            Ok(Reason::Full) => LinkError::Full(id),
            Ok(Reason::OtherBoot) => LinkError::Restarted(id),
            Ok(Reason::Unavailable) => LinkError::Failing(id, sentence),
            Ok(Reason::Other) | Err(_) => LinkError::Refused(id, sentence),
        }
    }
}

/// The key that comes just before this one in the order of lists; `None`: none does.
pub(crate) fn key_before(key: UnitKey) -> Option<UnitKey> {
    match key.index.checked_sub(1) {
        Some(index) => Some(UnitKey { index, ..key }),
        None => key.stripe.checked_sub(1).map(|stripe| UnitKey { stripe, index: u32::MAX, ..key }),
    }
}

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
