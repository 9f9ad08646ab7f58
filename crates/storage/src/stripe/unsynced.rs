//! What stores have taken and not yet made safe, with its bytes, so that it can be put again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use futures::{FutureExt, StreamExt, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use wire::store::Unit;

use super::link::LinkError;
use super::stores::TakenUnit;
use super::{Inner, WriteError};
use crate::model::stripe::{StoreId, Stripe, StripeId};

/// Bytes of units that may be unsynced, in KiB: what is kept in memory at most.
const WINDOW_KIB: usize = 192 << 10;
/// From this on a sync is begun without being asked for, so that disks work while more is written.
const EAGER_KIB: usize = 32 << 10;
/// How often units are put again within one sync.
const ROUNDS: usize = 5;
/// Stripes that are put again at the same time.
const PUT_AGAIN_TOGETHER: usize = 16;
/// How long it is known where a stripe went that moved.
const MOVED_KEPT: Duration = Duration::from_secs(900);

pub(crate) struct Unsynced {
    window: Arc<Semaphore>,
    kept: Mutex<Kept>,
    /// One sync at a time: whoever comes meanwhile is served by the next, all of them together.
    turn: tokio::sync::Mutex<()>,
    is_eager: AtomicBool,
}

#[derive(Default)]
struct Kept {
    stripes: Vec<Pending>,
    moved: HashMap<StripeId, Moved>,
}

struct Moved {
    stripe: Stripe,
    at: Instant,
    is_told: bool,
}

/// A stripe with those of its units that are not known to be safe.
struct Pending {
    stripe: Stripe,
    units: Vec<TakenUnit>,
    is_moved: bool,
    _room: OwnedSemaphorePermit,
}

impl Default for Unsynced {
    fn default() -> Self {
        Self {
            window: Arc::new(Semaphore::new(WINDOW_KIB)),
            kept: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            is_eager: AtomicBool::new(false),
        }
    }
}

impl Unsynced {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stripes that moved and were not told yet.
    pub(crate) fn moved_take(&self) -> Vec<Stripe> {
        let mut kept = self.kept();
        let untold = kept.moved.values_mut().filter(|moved| !moved.is_told);
        let told = untold.map(|moved| {
            moved.is_told = true;
            moved.stripe.clone()
        });
        told.collect()
    }

    pub(crate) fn now_at(&self, stripe: Stripe) -> Stripe {
        self.kept().moved.get(&stripe.id).map_or(stripe, |moved| moved.stripe.clone())
    }

    /// Forgets the bytes of stripes that are safe, and keeps in mind which of them moved.
    fn settle(&self, safe: Vec<Pending>) {
        let now = Instant::now();
        let mut kept = self.kept();
        kept.moved.retain(|_, moved| !moved.is_told || now - moved.at < MOVED_KEPT);
        for Pending { stripe, .. } in safe.into_iter().filter(|pending| pending.is_moved) {
            kept.moved.insert(stripe.id, Moved { stripe, at: now, is_told: false });
        }
    }
}

impl Inner {
    /// Waits until these units fit the window.
    pub(crate) async fn room(self: &Arc<Self>, units: &[Unit]) -> Result<OwnedSemaphorePermit, WriteError> {
        let kib = units.iter().map(|unit| unit.data.len()).sum::<usize>().div_ceil(1024);
        let permits = u32::try_from(kib.min(WINDOW_KIB)).map_err(|_| WriteError::Length(kib << 10))?;
        loop {
            if let Ok(room) = self.unsynced.window.clone().try_acquire_many_owned(permits) {
                return Ok(room);
            }
            // Waiting for a place alone could be for ever: nobody else need come by to sync.
            tokio::select! {
                room = self.unsynced.window.clone().acquire_many_owned(permits) => {
                    return room.map_err(|_| WriteError::Ending);
                }
                synced = Self::sync(self) => synced?,
            }
        }
    }

    /// Keeps what was taken until it is safe.
    pub(crate) fn remember(self: &Arc<Self>, stripe: Stripe, units: Vec<TakenUnit>, room: OwnedSemaphorePermit) {
        {
            let mut kept = self.unsynced.kept();
            // A repair knows better than what moved before it.
            kept.moved.remove(&stripe.id);
            kept.stripes.push(Pending { stripe, units, is_moved: false, _room: room });
        }
        let used = WINDOW_KIB.saturating_sub(self.unsynced.window.available_permits());
        if used >= EAGER_KIB && !self.unsynced.is_eager.swap(true, Ordering::Relaxed) {
            let inner = self.clone();
            tokio::spawn(async move {
                // What fails now is tried again by the sync that somebody waits for.
                if let Err(error) = Self::sync(&inner).await {
                    tracing::debug!(error = &error as &dyn std::error::Error, "a sync ahead of time failed");
                }
                inner.unsynced.is_eager.store(false, Ordering::Relaxed);
            });
        }
    }

    /// Makes safe what is remembered so far. It runs to its end even when the caller goes away, as it holds what others
    /// wrote too.
    pub(crate) async fn sync(self: &Arc<Self>) -> Result<(), WriteError> {
        let inner = self.clone();
        let work = tokio::spawn(async move {
            let _turn = inner.unsynced.turn.lock().await;
            let mut pending = std::mem::take(&mut inner.unsynced.kept().stripes);
            let result = inner.make_safe(&mut pending).await;
            inner.unsynced.kept().stripes.append(&mut pending);
            result
        });
        work.await.map_err(|_| WriteError::Ending)?
    }

    /// Leaves in `pending` what could not be made safe.
    async fn make_safe(&self, pending: &mut Vec<Pending>) -> Result<(), WriteError> {
        let mut failed = None;
        for _ in 0..ROUNDS {
            let results = self.sync_stores(pending).await;
            let is_safe = |unit: &TakenUnit| matches!(results.get(&(unit.store, unit.boot_id.clone())), Some(Ok(())));
            pending.iter_mut().for_each(|pending| pending.units.retain(|unit| !is_safe(unit)));
            let (safe, left) = std::mem::take(pending).into_iter().partition(|pending| pending.units.is_empty());
            self.unsynced.settle(safe);
            if left.is_empty() {
                return Ok(());
            }
            *pending = left;
            failed = self.put_again(pending, &results).await.err();
        }
        Err(failed.unwrap_or(WriteError::Unsafe { stripes: pending.len() }))
    }

    /// Has every store sync that took something, once for each boot id.
    async fn sync_stores(&self, pending: &[Pending]) -> BTreeMap<(StoreId, Arc<str>), Result<(), LinkError>> {
        let units = pending.iter().flat_map(|pending| &pending.units);
        let stores: BTreeSet<_> = units.map(|unit| (unit.store, unit.boot_id.clone())).collect();
        let syncs = stores.into_iter().map(|(store, boot_id)| async move {
            let result = match self.stores.link(store) {
                Some(link) => link.sync(&boot_id).await,
                None => Err(LinkError::Slow(store)),
            };
            if let Err(error) = &result {
                self.stores.failed(store, error);
            }
            ((store, boot_id), result)
        });
        join_all(syncs).await.into_iter().collect()
    }

    /// Puts what is not safe again: to the same store when it merely restarted, else to another one.
    async fn put_again(
        &self,
        pending: &mut [Pending],
        results: &BTreeMap<(StoreId, Arc<str>), Result<(), LinkError>>,
    ) -> Result<(), WriteError> {
        let work: Vec<_> = pending.iter_mut().map(|pending| self.put_stripe_again(pending, results).boxed()).collect();
        let done: Vec<_> = stream::iter(work).buffer_unordered(PUT_AGAIN_TOGETHER).collect().await;
        done.into_iter().collect()
    }

    async fn put_stripe_again(
        &self,
        pending: &mut Pending,
        results: &BTreeMap<(StoreId, Arc<str>), Result<(), LinkError>>,
    ) -> Result<(), WriteError> {
        let mut taken = pending.stripe.stores.clone();
        let mut units = Vec::with_capacity(pending.units.len());
        for unit in &pending.units {
            let restarted =
                matches!(results.get(&(unit.store, unit.boot_id.clone())), Some(Err(LinkError::Restarted(_))));
            let spare = if restarted { None } else { self.stores.spare(&taken, &[]).ok() };
            // Nobody else left: the same store again, which may have recovered.
            let store = spare.unwrap_or(unit.store);
            taken.iter_mut().filter(|id| **id == unit.store).for_each(|id| *id = store);
            units.push((unit.unit.clone(), store));
        }
        let others = taken.iter().copied().filter(|id| units.iter().all(|(_, store)| store != id)).collect();
        let again = self.stores.put_all(units, others).await?;
        for unit in &again {
            let index = unit.unit.key.map_or(0, |key| key.index) as usize;
            if pending.stripe.stores[index] != unit.store {
                pending.stripe.stores[index] = unit.store;
                pending.is_moved = true;
            }
        }
        pending.units = again;
        Ok(())
    }
}
