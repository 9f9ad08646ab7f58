//! A store whose units are objects in a bucket of an S3-compatible service. The agent that offers it is the gateway: clients
//! speak to it as to any store, and only it speaks to the service.
//!
//! What was put waits in memory until a sync has stored it: an object that the service has acknowledged is safe. What the
//! bucket has is known from listing it once at the start. Two agents that serve one bucket would not know of each other's
//! units; whoever opened it last has it. So each sync asks, once its objects are stored, whether that is still this one: if it
//! is, then the other one has not listed yet, and will find them.

mod credentials;
mod fault;
mod keeping;
mod object;
mod offer;
mod read;
mod remote;
mod units;
mod write;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use uuid::Uuid;

pub use credentials::{BucketKey, BucketKeyError};
pub(super) use offer::SCHEME;
pub use offer::{BucketOffer, BucketOfferError};
use remote::{Fetched, Patience, Remote, Trouble};
use units::Units;

use super::StoreError;

/// The object that says whose the bucket is.
const CLAIM: &str = "store.json";
const VERSION: u32 = 1;
/// How often the service is asked for it when all is well, and while it is not: half of that is chance.
const LOOK_INTERVAL: Duration = Duration::from_secs(15);
const LOOK_AGAIN: Duration = Duration::from_secs(4);

/// Who keeps units in a bucket.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Claim {
    version: u32,
    uuid: Uuid,
    /// Boot id of the gateway that has it.
    gateway: String,
}

/// How it stands with the service.
#[derive(Debug)]
enum State {
    /// It was not listed yet, or could not be.
    Closed(String),
    Open,
    /// What was asked last did not go.
    Troubled {
        why: String,
        /// It was to store something: that it can be read is no sign that it is over.
        is_writing: bool,
    },
    /// Another agent has it.
    Lost,
}

/// A store in a bucket.
pub struct Bucket {
    offer: Arc<BucketOffer>,
    uuid: Uuid,
    remote: Remote,
    /// Where the service is waited for, while the caller's thread blocks.
    runtime: Handle,
    boot_id: String,
    number: AtomicU64,
    state: Mutex<State>,
    /// When the service is to be asked next how things are.
    look: Mutex<Instant>,
    units: Mutex<Units>,
    /// Whether objects were stored of which nobody has asked yet whether the next gateway will find them. Held by whoever
    /// stores objects.
    is_unsure: Mutex<bool>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket").field("offer", &self.offer).field("boot_id", &self.boot_id).finish_non_exhaustive()
    }
}

impl Bucket {
    /// The store in a bucket, closed; [`care`](super::Keeping::care) opens it. Its other calls block, and wait on `runtime`.
    ///
    /// # Errors
    /// `Unavailable` when this process can't speak to any service.
    pub fn new(offer: BucketOffer, key: &BucketKey, runtime: Handle) -> Result<Self, StoreError> {
        Self::with_patience(offer, key, runtime, Patience::default())
    }

    /// One that does not wait for long.
    #[cfg(test)]
    pub(crate) fn impatient(offer: BucketOffer, key: &BucketKey, runtime: Handle) -> Result<Self, StoreError> {
        let patience = Patience { request: Duration::from_millis(1_500), repeat: Duration::from_millis(500) };
        Self::with_patience(offer, key, runtime, patience)
    }

    /// Has the next care look how the service is.
    #[cfg(test)]
    pub(crate) fn look_soon(&self) {
        *lock(&self.look) = Instant::now();
    }

    fn with_patience(
        offer: BucketOffer,
        key: &BucketKey,
        runtime: Handle,
        patience: Patience,
    ) -> Result<Self, StoreError> {
        let offer = Arc::new(offer);
        Ok(Self {
            uuid: offer.uuid(),
            remote: Remote::new(Arc::clone(&offer), key, patience)?,
            runtime,
            boot_id: Uuid::now_v7().to_string(),
            number: AtomicU64::new(0),
            state: Mutex::new(State::Closed("the bucket is being listed".to_owned())),
            look: Mutex::new(Instant::now()),
            units: Mutex::default(),
            is_unsure: Mutex::new(false),
            offer,
        })
    }

    fn number(&self) -> Option<u64> {
        Some(self.number.load(Ordering::Relaxed)).filter(|number| *number != 0)
    }

    fn number_set(&self, number: u64) {
        self.number.store(number, Ordering::Relaxed);
    }

    fn is_lost(&self) -> bool {
        matches!(*lock(&self.state), State::Lost)
    }

    fn is_working(&self) -> Result<(), StoreError> {
        match &*lock(&self.state) {
            State::Open => Ok(()),
            State::Closed(why) | State::Troubled { why, .. } => Err(StoreError::Unavailable(why.clone())),
            State::Lost => Err(lost()),
        }
    }

    /// Errors: what it has is not known.
    fn is_listed(&self) -> Result<(), StoreError> {
        match &*lock(&self.state) {
            State::Open | State::Troubled { .. } => Ok(()),
            State::Closed(why) => Err(StoreError::Unavailable(why.clone())),
            State::Lost => Err(lost()),
        }
    }

    /// Opens it when it is not, or else looks whether the service is there and the bucket still its own, when it is time to.
    fn look(&self) {
        if self.is_lost() || *lock(&self.look) > Instant::now() {
            return;
        }
        let (is_closed, is_writing) = match *lock(&self.state) {
            State::Closed(_) => (true, false),
            State::Troubled { is_writing, .. } => (false, is_writing),
            State::Open | State::Lost => (false, false),
        };
        let looked = match (is_closed, is_writing) {
            (true, _) => self.runtime.block_on(self.open()),
            // Where nothing waits any more, the next put tells.
            (false, true) => self.upload().and_then(|()| self.told_of_write(Ok(()))),
            (false, false) => self.runtime.block_on(self.check()),
        };
        let pause = if looked.is_ok() { LOOK_INTERVAL } else { LOOK_AGAIN };
        *lock(&self.look) = soon(pause);
    }

    /// Claims the bucket and lists what it has.
    async fn open(&self) -> Result<(), StoreError> {
        let opened = self.claim_and_list().await;
        if let Err(Trouble(why)) = opened {
            let mut state = lock(&self.state);
            if !matches!(&*state, State::Closed(before) if *before == why) {
                tracing::warn!("the bucket {} can't be offered: {why}", self.offer.name());
            }
            *state = State::Closed(why.clone());
            return Err(StoreError::Unavailable(why));
        }
        *lock(&self.state) = State::Open;
        let units = lock(&self.units).len();
        tracing::info!("the bucket {} at {} is offered, with {units} units", self.offer.name(), self.offer.provider());
        Ok(())
    }

    async fn claim_and_list(&self) -> Result<(), Trouble> {
        if let Some(claim) = self.claim().await?
            && claim.uuid != self.uuid
        {
            let name = self.offer.name();
            return Err(Trouble(format!(
                "the bucket {name} is a store that was made under another endpoint or name; offer it as it was then, or empty it"
            )));
        }
        let claim = Claim { version: VERSION, uuid: self.uuid, gateway: self.boot_id.clone() };
        let json = serde_json::to_vec(&claim).map_err(|error| Trouble(error.to_string()))?;
        self.remote.put(CLAIM, json.into()).await?;
        let mut units = Units::default();
        self.remote
            .list(|name, object_bytes, put_ms| {
                let is_unit = object::parse(name).zip(object::unit_bytes(object_bytes));
                let Some(((key, code), bytes)) = is_unit else {
                    return tracing::debug!("the object {name} of {object_bytes} bytes is no unit");
                };
                units.stored(key, code, bytes, put_ms);
            })
            .await?;
        *lock(&self.units) = units;
        Ok(())
    }

    /// Who has the bucket; `None`: nobody yet.
    async fn claim(&self) -> Result<Option<Claim>, Trouble> {
        let bytes = match self.remote.get(CLAIM, None).await? {
            Fetched::Bytes(bytes) => bytes,
            Fetched::Absent | Fetched::TooShort => return Ok(None),
        };
        let claim = serde_json::from_slice(&bytes).ok().filter(|claim: &Claim| claim.version == VERSION);
        let name = self.offer.name();
        claim
            .map(Some)
            .ok_or_else(|| Trouble(format!("{CLAIM} in the bucket {name} is not what an agent of this version writes")))
    }

    /// Errors: the service is not there, or another agent has the bucket.
    async fn check(&self) -> Result<(), StoreError> {
        let claim = self.told(self.claim().await)?;
        let Some(claim) = claim else {
            let name = self.offer.name();
            return self.told(Err(Trouble(format!("{CLAIM} is gone from the bucket {name}: was it emptied?"))));
        };
        if claim.gateway == self.boot_id {
            return Ok(());
        }
        *lock(&self.state) = State::Lost;
        tracing::error!(
            "another agent serves the bucket {} at {} now; to have it back, end that one and start this one again",
            self.offer.name(),
            self.offer.provider()
        );
        Err(lost())
    }

    /// Notes whether the service did what it was asked, which was not to store something.
    fn told<T>(&self, answer: Result<T, Trouble>) -> Result<T, StoreError> {
        self.noted(answer, false)
    }

    /// The same of storing something.
    fn told_of_write<T>(&self, answer: Result<T, Trouble>) -> Result<T, StoreError> {
        self.noted(answer, true)
    }

    fn noted<T>(&self, answer: Result<T, Trouble>, was_writing: bool) -> Result<T, StoreError> {
        let mut state = lock(&self.state);
        let (is_well, is_writing) = match *state {
            State::Open => (true, false),
            State::Troubled { is_writing, .. } => (false, is_writing),
            State::Closed(_) | State::Lost => return answer.map_err(StoreError::from),
        };
        match answer {
            Ok(answer) => {
                if !is_well && (was_writing || !is_writing) {
                    tracing::info!("the bucket {} is back", self.offer.name());
                    *state = State::Open;
                }
                Ok(answer)
            }
            Err(Trouble(why)) => {
                if is_well {
                    tracing::warn!("the bucket {} is away: {why}", self.offer.name());
                    *lock(&self.look) = soon(LOOK_AGAIN);
                }
                *state = State::Troubled { why: why.clone(), is_writing: is_writing || was_writing };
                Err(StoreError::Unavailable(why))
            }
        }
    }

    fn units(&self) -> MutexGuard<'_, Units> {
        lock(&self.units)
    }
}

/// After `pause`, or up to half of it earlier.
fn soon(pause: Duration) -> Instant {
    Instant::now() + pause.mul_f64(0.5 + rand::random::<f64>() / 2.0)
}

fn lost() -> StoreError {
    StoreError::Unavailable("another agent serves this bucket now".to_owned())
}

impl From<Trouble> for StoreError {
    fn from(Trouble(why): Trouble) -> Self {
        Self::Unavailable(why)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
