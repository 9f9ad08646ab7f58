//! Rebuild: what was on stores that are gone, or are to be emptied, is put on others. Where it stands is in the rows of
//! the stripes themselves, so whoever goes on after a crash does so where it ended.

use std::collections::HashMap;
use std::time::Instant;

use db::Write;
use placement::Health;

use super::pace::Pace;
use crate::Storage;
use crate::model::store::{Store, StoreState};
use crate::model::stripe::StoreId;
use crate::queries::care::{
    CaredVolume, OnSet, StoreSet, cared_volumes, placed_counts, placed_list, rebuild_ask, set_list,
};
use crate::queries::store::{store_list, store_state_set};
use crate::queries::work::{Work, WorkKind, work_end, work_put};
use crate::service::ServiceError;
use crate::service::care::DOWN_AFTER_MS;
use crate::stripe::Stripes;

/// Stripes that are read, repaired and made safe together.
const BATCH: i64 = 128;

impl Storage {
    /// Puts on other stores what lost ones had: all there is, batch by batch.
    pub(crate) async fn rebuild(&self) -> Result<(), ServiceError> {
        let now_ms = self.db().clock().now_ms();
        let stores = store_list(self.db()).await?;
        let mut pace = Pace::new();
        for volume in cared_volumes(self.db()).await? {
            let is_lost = |id: StoreId| {
                let store = stores.iter().find(|store| store.id == id);
                store.is_none_or(|store| store.is_given_up(now_ms, volume.away_ms()))
            };
            self.rebuild_volume(&volume, &is_lost, &mut pace).await?;
            // Whoever asks may have seen a loss that no poll has noticed yet.
            let is_old = now_ms - volume.rebuild_asked_ms > DOWN_AFTER_MS;
            if volume.rebuild_asked_ms > 0 && is_old && self.is_well(&volume).await? {
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
        let (sets, total_bytes) = self.sets_with(volume, is_lost).await?;
        if sets.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        let begun_ms = self.db().clock().now_ms();
        let (kind, volume_id) = (WorkKind::Rebuild, volume.id);
        let mut work = Work { kind, volume: volume_id, begun_ms, seen_ms: begun_ms, done_bytes: 0, total_bytes };
        self.work_note(&mut work, 0).await?;
        let stripes = self.stripes(volume.id, volume.layout).await?;
        for set in &sets {
            self.rebuild_set(&stripes, set, is_lost, pace, &mut work).await?;
        }
        let bytes = work.done_bytes;
        let mut write = Write::new();
        work_end(&mut write, kind, volume_id);
        self.db().write(write).await?;
        let (name, mib) = (&volume.name, (bytes >> 20) as f64);
        let mib_per_s = mib / begun.elapsed().as_secs_f64();
        tracing::info!(size_bytes = bytes, "rebuilt {mib:.0} MiB of volume {name}, {mib_per_s:.1} MiB/s");
        Ok(())
    }

    /// Whether all stores that hold something of a volume answer. Who asks for a rebuild may have seen a loss before its
    /// store is given up; until it is, or is back, the wish stays.
    async fn is_well(&self, volume: &CaredVolume) -> Result<bool, ServiceError> {
        let stores = store_list(self.db()).await?;
        let is_well = |id| stores.iter().any(|store| store.id == id && store.health == Health::Up);
        Ok(self.sets_with(volume, &|id| !is_well(id)).await?.0.is_empty())
    }

    /// The lists of stores that stripes of a volume are on, as far as one of the stores `is_meant`; and the user bytes in
    /// those stripes.
    async fn sets_with(
        &self,
        volume: &CaredVolume,
        is_meant: &(dyn Fn(StoreId) -> bool + Send + Sync),
    ) -> Result<(Vec<StoreSet>, u64), ServiceError> {
        let mut sets = set_list(self.db()).await?;
        sets.retain(|set| set.stores.iter().any(|store| is_meant(*store)));
        if sets.is_empty() {
            return Ok((sets, 0));
        }
        let counts = placed_counts(self.db()).await?;
        let of_volume = counts.into_iter().filter(|count| count.volume == volume.id);
        let bytes: HashMap<i64, u64> = of_volume.map(|count| (count.set, count.bytes)).collect();
        sets.retain(|set| bytes.contains_key(&set.id));
        let total = sets.iter().filter_map(|set| bytes.get(&set.id)).sum();
        Ok((sets, total))
    }

    /// Notes that so many bytes more are done.
    pub(super) async fn work_note(&self, work: &mut Work, bytes: u64) -> Result<(), ServiceError> {
        work.done_bytes += bytes;
        work.seen_ms = self.db().clock().now_ms();
        let mut write = Write::new();
        work_put(&mut write, work);
        self.db().write(write).await?;
        Ok(())
    }

    async fn rebuild_set(
        &self,
        stripes: &Stripes,
        set: &StoreSet,
        is_lost: &(dyn Fn(StoreId) -> bool + Send + Sync),
        pace: &mut Pace,
        work: &mut Work,
    ) -> Result<(), ServiceError> {
        let lost: Vec<usize> = (0..set.stores.len()).filter(|index| is_lost(set.stores[*index])).collect();
        let mut after = 0;
        loop {
            let batch = placed_list(self.db(), stripes.volume(), set.id, after, BATCH).await?;
            let Some(last) = batch.last() else { return Ok(()) };
            // The same stores for all of the list: where there are none, nothing has to be read to know it.
            if let Err(error) = stripes.targets(&set.stores, &lost) {
                self.repair_failed(stripes.volume(), last.id, &error.into());
                return Ok(());
            }
            after = last.id;
            let bytes: u64 = batch.iter().map(|stripe| u64::from(stripe.code.bytes)).sum();
            let count = batch.len() as u64;
            let broken = batch.into_iter().map(|stripe| (OnSet { stripe, set: set.id }, lost.clone())).collect();
            let done = self.repair(stripes, broken).await?.len();
            let rebuilt = bytes * done as u64 / count;
            tracing::debug!(set.id = set.id, stripes = done, size_bytes = rebuilt, "rebuilt {done} of {count} stripes");
            metrics::counter!("amphi_storage_rebuilt_bytes_total").increment(rebuilt);
            pace.pass(bytes, self.care_rates().await?.rebuild_bytes_per_s).await;
            self.work_note(work, rebuilt).await?;
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
