//! Stripes on their stores: written, made safe, read, repaired. The mount uses this in its own process, the control plane in its.
//!
//! A write is taken by the stores at once and safe only after [`Stripes::sync`]: until then its units are kept here, so that
//! they can be put again when a store restarts or goes away in between. What a read finds missing or damaged it computes from
//! the other units, and tells.

mod coding;
mod dialler;
mod error;
mod line;
mod link;
mod placing;
mod putting;
mod reading;
mod repair;
mod stores;
mod together;
mod unsynced;

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use error::{ReadError, WriteError};
pub use link::LinkError;
pub(crate) use link::{Link, key_before};
pub(crate) use reading::{Damage, DamageKind};
pub(crate) use repair::RepairError;

use crate::model::stripe::{SPAN_BYTES, StoreId, Stripe, StripeId};
use stores::Stores;
use unsynced::Unsynced;

/// A store as its clients know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StoreAddress {
    /// Its number.
    pub id: StoreId,
    /// UID of its node.
    pub node: String,
    /// `host:port`, best first.
    pub addresses: Vec<String>,
    /// What it would take now.
    pub free_bytes: u64,
    /// What fails with it: its node's label `site`, or the node's UID.
    pub domain: String,
    /// Whether it takes new units.
    pub is_writable: bool,
    /// Whether it answered lately.
    pub is_up: bool,
}

/// With what a client shows stores who it is.
#[derive(Clone)]
pub struct Credentials {
    /// Certificate and private key; PEM.
    pub pair_pem: String,
    /// The authority that both sides trust; PEM.
    pub ca_pem: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// The stripes of one volume: a cheap handle. Needs a tokio runtime. Connections end with the last handle.
#[derive(Clone)]
pub struct Stripes {
    inner: Arc<Inner>,
}

struct Inner {
    volume: i64,
    /// (k, m) of the volume.
    code: (u8, u8),
    stores: Arc<Stores>,
    unsynced: Unsynced,
    on_damage: OnceLock<OnDamage>,
}

/// Called with what reads find missing or damaged; must not block.
pub(crate) type OnDamage = Box<dyn Fn(Damage) + Send + Sync>;

impl Stripes {
    /// Of a volume whose stripes have `data` + `parity` units. It knows no stores yet.
    pub fn new(volume: i64, data: u8, parity: u8, credentials: Credentials) -> Self {
        let stores = Arc::new(Stores::new(credentials));
        let unsynced = Unsynced::default();
        Self { inner: Arc::new(Inner { volume, code: (data, parity), stores, unsynced, on_damage: OnceLock::new() }) }
    }

    /// Says which stores there are; call it whenever that changes.
    pub fn stores_set(&self, stores: Vec<StoreAddress>) {
        self.inner.stores.set(stores);
    }

    /// Shows stores this from now on, whenever a connection is made.
    pub fn credentials_set(&self, credentials: Credentials) {
        self.inner.stores.credentials_set(credentials);
    }

    /// Says whom to tell of damage; the first call counts.
    pub(crate) fn on_damage(&self, tell: OnDamage) {
        let _ = self.inner.on_damage.set(tell);
    }

    /// Encodes `data` (1 to [`SPAN_BYTES`] bytes) and puts its units on stores. A store that fails or takes too long is
    /// replaced. Waits while 192 MiB are unsynced. Safe after [`sync`](Self::sync).
    ///
    /// # Errors
    /// See [`WriteError`]. Dropped before it ends, or failed, it leaves at worst units that nothing refers to.
    pub async fn write(&self, id: StripeId, data: Bytes) -> Result<Stripe, WriteError> {
        if data.is_empty() || data.len() > SPAN_BYTES {
            return Err(WriteError::Length(data.len()));
        }
        let (code, units) = coding::encode(self.inner.volume, id, self.inner.code, &data)?;
        let room = Inner::room(&self.inner, &units).await?;
        let stores = self.inner.stores.pick(units.len())?;
        let units = units.into_iter().zip(stores).collect();
        let units = self.inner.stores.put_all(units, Vec::new()).await?;
        let stripe = Stripe { id, code, stores: units.iter().map(|unit| unit.store).collect() };
        Inner::remember(&self.inner, stripe.clone(), units, room);
        Ok(stripe)
    }

    /// Makes everything safe whose write returned before. Answers the stripes that are on other stores than their write
    /// said, because a store went away in between; each is told once, to whichever sync comes first: who shares this handle
    /// with others asks [`now_at`](Self::now_at) instead.
    ///
    /// # Errors
    /// See [`WriteError`]; nothing is forgotten then, and another call tries again. Dropped, it goes on by itself.
    pub async fn sync(&self) -> Result<Vec<Stripe>, WriteError> {
        Inner::sync(&self.inner).await?;
        Ok(self.inner.unsynced.moved_take())
    }

    /// A stripe that was written here within the last quarter of an hour, and synced, on the stores where it is.
    pub fn now_at(&self, stripe: Stripe) -> Stripe {
        self.inner.unsynced.now_at(stripe)
    }

    /// `range` of the stripe's bytes. Asks the stores that hold it; one that is slow, wrong or gone is made up for by
    /// others.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn read(&self, stripe: &Stripe, range: Range<u32>) -> Result<Bytes, ReadError> {
        self.inner.read(stripe, range).await
    }
}

#[cfg(test)]
mod tests;
