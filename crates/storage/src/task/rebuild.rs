//! Rebuild: what was on stores that are gone, or are to be emptied, is put on others. Where it stands is in the rows of
//! the stripes themselves, so whoever goes on after a crash does so where it ended.

use db::Write;

use super::REBUILD_AFTER_MS;
use super::pace::Pace;
use crate::Storage;
use crate::model::store::{Store, StoreState};
use crate::model::stripe::StoreId;
use crate::queries::care::{
    CaredVolume, OnSet, StoreSet, cared_volumes, placed_counts, placed_list, rebuild_ask, rebuild_asked, set_list,
};
use crate::queries::store::{store_list, store_state_set};
use crate::service::ServiceError;
use crate::service::care::DOWN_AFTER_MS;
use crate::stripe::Stripes;

/// User bytes a second that a rebuild moves, at most.
const BYTES_PER_S: u64 = 400 << 20;
/// Stripes that are read, repaired and made safe together.
const BATCH: i64 = 128;

impl Storage {
    /// Puts on other stores what lost ones had: all there is, batch by batch.
    pub(crate) async fn rebuild(&self) -> Result<(), ServiceError> {
        let now_ms = self.db().clock().now_ms();
        let stores = store_list(self.db()).await?;
        let mut pace = Pace::new(BYTES_PER_S);
        for volume in cared_volumes(self.db()).await? {
            let asked_ms = rebuild_asked(self.db(), volume.id).await?;
            let away_ms = if asked_ms > 0 { DOWN_AFTER_MS } else { REBUILD_AFTER_MS };
            let is_lost = |id: StoreId| {
                let store = stores.iter().find(|store| store.id == id);
                store.is_none_or(|store| store.is_given_up(now_ms, away_ms))
            };
            self.rebuild_volume(&volume, &is_lost, &mut pace).await?;
            if asked_ms > 0 {
                let mut write = Write::new();
                rebuild_ask(&mut write, volume.id, 0);
                self.db().write(write).await?;
            }
        }
        self.drained(&stores).await
    }

    async fn rebuild_volume(
        &self,
        volume: &CaredVolume,
        is_lost: &(dyn Fn(StoreId) -> bool + Send + Sync),
        pace: &mut Pace,
    ) -> Result<(), ServiceError> {
        let sets = set_list(self.db()).await?;
        let counts = placed_counts(self.db()).await?;
        for set in sets.iter().filter(|set| set.stores.iter().any(|store| is_lost(*store))) {
            if counts.iter().any(|count| count.volume == volume.id && count.set == set.id) {
                let stripes = self.stripes(volume.id, volume.layout).await?;
                self.rebuild_set(&stripes, set, is_lost, pace).await?;
            }
        }
        Ok(())
    }

    async fn rebuild_set(
        &self,
        stripes: &Stripes,
        set: &StoreSet,
        is_lost: &(dyn Fn(StoreId) -> bool + Send + Sync),
        pace: &mut Pace,
    ) -> Result<(), ServiceError> {
        let lost: Vec<usize> = (0..set.stores.len()).filter(|index| is_lost(set.stores[*index])).collect();
        let mut after = 0;
        loop {
            let batch = placed_list(self.db(), stripes.volume(), set.id, after, BATCH).await?;
            let Some(last) = batch.last() else { return Ok(()) };
            after = last.id;
            let bytes: u64 = batch.iter().map(|stripe| u64::from(stripe.code.bytes)).sum();
            let broken = batch.into_iter().map(|stripe| (OnSet { stripe, set: set.id }, lost.clone())).collect();
            let done = self.repair(stripes, broken).await?;
            tracing::info!(set.id = set.id, stripes = done, size_bytes = bytes, "rebuilt {done} stripes");
            metrics::counter!("amphi_storage_rebuilt_bytes_total").increment(bytes);
            pace.pass(bytes).await;
        }
    }

    /// Has a volume rebuilt at the next turn, though its stores may not have been away for long.
    pub(crate) async fn rebuild_begin(&self, volume: i64) -> Result<(), ServiceError> {
        let mut write = Write::new();
        rebuild_ask(&mut write, volume, self.db().clock().now_ms());
        self.db().write(write).await?;
        Ok(())
    }

    /// Says of draining stores that no stripe is on any more that they are drained.
    async fn drained(&self, stores: &[Store]) -> Result<(), ServiceError> {
        let draining: Vec<_> = stores.iter().filter(|store| store.state == StoreState::Draining).collect();
        if draining.is_empty() {
            return Ok(());
        }
        let (sets, counts) = (set_list(self.db()).await?, placed_counts(self.db()).await?);
        let in_use = |id: StoreId| {
            let mut on_it = sets.iter().filter(|set| set.stores.contains(&id));
            on_it.any(|set| counts.iter().any(|count| count.set == set.id))
        };
        let mut write = Write::new();
        for store in draining.into_iter().filter(|store| !in_use(store.id)) {
            tracing::info!(store.id = store.id, "store {} is drained: it can be removed", store.id);
            store_state_set(&mut write, store, StoreState::Drained);
        }
        self.db().write(write).await?;
        Ok(())
    }
}
