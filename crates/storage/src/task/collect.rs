//! Collection: what nothing refers to any more goes, first its units, then its rows. What a crash left half done is found by
//! comparing what stores have with what is stored here.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use db::Write;
use wire::store::{Listed, UnitKey};

use crate::Storage;
use crate::model::effect::Effect;
use crate::model::stripe::{StoreId, Stripe, StripeId};
use crate::namespace::{Direct, Namespace};
use crate::queries::care::{
    CaredVolume, cared_volumes, nameless_list, stripe_range, stripes_forget, trash_goes, trash_list, trash_spare,
};
use crate::queries::damage::{DamagedUnit, damage_forget_aside, damage_put};
use crate::queries::space::space_get;
use crate::queries::store::store_list;
use crate::service::ServiceError;
use crate::stripe::{Damage, DamageKind, Link, LinkError, Stripes, key_before};

/// Stripes stay in the trash this long: whoever was reading them may finish.
pub(crate) const TRASH_KEPT: Duration = Duration::from_secs(300);
/// A unit that no stripe is known of may belong to a write that goes on; after an hour it does not. Its age is told by its
/// node's clock, which may be another hour behind.
const UNKNOWN_KEPT: Duration = Duration::from_secs(7_500);
/// A file without a name may belong to an upload that goes on; after this long it does not.
const NAMELESS_KEPT: Duration = Duration::from_secs(86_400);
/// Stripes that are collected together.
const TOGETHER: i64 = 1_000;
/// Units that a store lists at once.
const LISTED: u32 = 10_000;
/// Stripes that they are compared with at once.
const COMPARED: i64 = 20_000;

/// A unit of a volume: its stripe, and which of its units.
type Unit = (u64, u32);

pub(super) fn before(now_ms: i64, kept: Duration) -> i64 {
    now_ms - i64::try_from(kept.as_millis()).unwrap_or(i64::MAX)
}

impl Storage {
    /// Empties the trash as far as its stores can be reached.
    pub(crate) async fn collect(&self) -> Result<(), ServiceError> {
        let now_ms = self.db().clock().now_ms();
        self.collect_nameless(now_ms).await?;
        let before_ms = before(now_ms, TRASH_KEPT);
        let mut write = Write::new();
        trash_spare(&mut write, before_ms);
        self.db().write(write).await?;
        let stores = store_list(self.db()).await?;
        for volume in cared_volumes(self.db()).await? {
            let lost = stores.iter().filter(|store| store.is_lost(now_ms, volume.away_ms())).map(|store| store.id);
            let lost: HashSet<StoreId> = lost.collect();
            let stripes = self.stripes(volume.id, volume.layout).await?;
            let mut after = 0;
            loop {
                let trash = trash_list(self.db(), volume.id, before_ms, after, TOGETHER).await?;
                let Some(last) = trash.last() else { break };
                after = last.id;
                self.collect_stripes(&stripes, &lost, &trash).await?;
            }
        }
        Ok(())
    }

    /// Removes units, then the rows of those stripes that have none left. What a `lost` store has of them goes when it
    /// is back: nothing else is left to rebuild them from.
    async fn collect_stripes(
        &self,
        stripes: &Stripes,
        lost: &HashSet<StoreId>,
        trash: &[Stripe],
    ) -> Result<(), ServiceError> {
        // Half of a stripe may be deleted for as long as the other half's stores are away.
        let ids: Vec<StripeId> = trash.iter().map(|stripe| stripe.id).collect();
        let mut write = Write::new();
        trash_goes(&mut write, &ids);
        self.db().write(write).await?;
        let mut keys: HashMap<StoreId, Vec<UnitKey>> = HashMap::new();
        for stripe in trash {
            for (index, store) in stripe.stores.iter().enumerate() {
                keys.entry(*store).or_default().push(stripes.key(stripe.id, index));
            }
        }
        let mut left: HashSet<StripeId> = HashSet::new();
        for (store, keys) in keys {
            let ids = keys.iter().map(|key| key.stripe as StripeId).collect::<Vec<_>>();
            // A store that was removed for good has nothing that could be deleted.
            let Some(link) = stripes.link(store) else { continue };
            if let Err(error) = link.delete(keys).await
                && !lost.contains(&store)
            {
                tracing::debug!(store.id = store, error = &error as &dyn std::error::Error, "units stay in the trash");
                left.extend(ids);
            }
        }
        let done: Vec<_> = trash.iter().map(|stripe| stripe.id).filter(|id| !left.contains(id)).collect();
        metrics::counter!("amphi_storage_collected_stripes_total").increment(done.len() as u64);
        let mut write = Write::new();
        stripes_forget(&mut write, &done);
        self.db().write(write).await?;
        Ok(())
    }

    /// Removes what large uploads left that were cut off.
    async fn collect_nameless(&self, now_ms: i64) -> Result<(), ServiceError> {
        let before_ns = before(now_ms, NAMELESS_KEPT).saturating_mul(1_000_000);
        for (space, ino) in nameless_list(self.db(), before_ns, now_ms).await? {
            let Some(space) = space_get(self.db(), space).await? else { continue };
            let names = Direct::new(self.clone(), space, false);
            if let Err(error) = names.apply(vec![Effect::InodeRemove { ino }]).await {
                tracing::warn!(ino, error = &error as &dyn std::error::Error, "a file without a name stays for now");
            }
        }
        Ok(())
    }

    /// Compares what every store has with what it should have: deletes what belongs to nothing, has repaired what is missing.
    pub(crate) async fn survey(&self) -> Result<(), ServiceError> {
        for volume in cared_volumes(self.db()).await? {
            let stripes = self.stripes(volume.id, volume.layout).await?;
            for store in stripes.store_ids() {
                self.survey_store(&volume, &stripes, store).await?;
            }
        }
        let mut write = Write::new();
        damage_forget_aside(&mut write, before(self.db().clock().now_ms(), UNKNOWN_KEPT));
        self.db().write(write).await?;
        Ok(())
    }

    /// The same for one store.
    pub(super) async fn survey_one(&self, store: StoreId) -> Result<(), ServiceError> {
        for volume in cared_volumes(self.db()).await? {
            let stripes = self.stripes(volume.id, volume.layout).await?;
            self.survey_store(&volume, &stripes, store).await?;
        }
        Ok(())
    }

    async fn survey_store(&self, volume: &CaredVolume, stripes: &Stripes, store: StoreId) -> Result<(), ServiceError> {
        let Some(link) = stripes.link(store) else { return Ok(()) };
        let mut after: Option<UnitKey> = None;
        loop {
            let listed = match link.list(volume.id, after, LISTED).await {
                Ok(listed) => listed,
                Err(error) => {
                    tracing::debug!(store.id = store, error = &error as &dyn std::error::Error, "not surveyed");
                    return Ok(());
                }
            };
            let first = after.map_or(0, |key| key.stripe as StripeId);
            let is_end = listed.len() < LISTED as usize;
            let end = listed.last().and_then(|unit| unit.key);
            let last = if is_end { StripeId::MAX } else { end.map_or(StripeId::MAX, |key| key.stripe as StripeId - 1) };
            let range = (first, last);
            let (strangers, missing, last) = self.compare(volume, store, &listed, range).await?;
            match lacking(&link, volume.id, missing).await {
                Ok(missing) => self.missing_note(volume.id, store, missing).await?,
                Err(error) => {
                    tracing::debug!(store.id = store, error = &error as &dyn std::error::Error, "not surveyed");
                    return Ok(());
                }
            }
            if !strangers.is_empty() {
                tracing::info!(store.id = store, units = strangers.len(), "deleting units that belong to nothing");
                if let Err(error) = link.delete_listed(strangers).await {
                    tracing::debug!(store.id = store, error = &error as &dyn std::error::Error, "they stay for now");
                }
            }
            if last == StripeId::MAX {
                return Ok(());
            }
            // The last stripe's units may go on in the next page: begin before it.
            after = Some(UnitKey { volume: volume.id as u64, stripe: last as u64, index: u32::MAX });
        }
    }

    /// What of the stripes `first` to `last` is listed and should not be, what is not and should, and how far it came.
    async fn compare(
        &self,
        volume: &CaredVolume,
        store: StoreId,
        listed: &[Listed],
        (first, last): (StripeId, StripeId),
    ) -> Result<(Vec<Listed>, BTreeSet<Unit>, StripeId), ServiceError> {
        let old_ms = before(self.db().clock().now_ms(), UNKNOWN_KEPT);
        let known = stripe_range(self.db(), volume.id, (first, last), COMPARED).await?;
        let last = if known.len() < COMPARED as usize { last } else { known.last().map_or(last, |on| on.stripe.id) };
        let mut expected: BTreeSet<Unit> = BTreeSet::new();
        for on in &known {
            let here = on.stripe.stores.iter().position(|id| *id == store);
            expected.extend(here.map(|index| (on.stripe.id as u64, index as u32)));
        }
        let mut strangers = Vec::new();
        for unit in listed {
            let Some(key) = unit.key.filter(|key| key.stripe as StripeId <= last) else { continue };
            if !expected.remove(&(key.stripe, key.index)) && unit.put_ms < old_ms {
                strangers.push(*unit);
            }
        }
        Ok((strangers, expected, last))
    }

    /// Has repaired what a store should have and lacks.
    async fn missing_note(&self, volume: i64, store: StoreId, missing: BTreeSet<Unit>) -> Result<(), ServiceError> {
        let missing = missing.into_iter().map(|(stripe, index)| (stripe as StripeId, index as usize));
        let units: Vec<_> = missing.map(|(stripe, index)| DamagedUnit { volume, stripe, index, store }).collect();
        if !units.is_empty() {
            let mut write = Write::new();
            damage_put(&mut write, &units);
            self.db().write(write).await?;
        }
        for DamagedUnit { stripe, index, .. } in units {
            self.repair_wanted(volume, Damage { stripe, store, index, what: DamageKind::Missing });
        }
        Ok(())
    }
}

/// Which of these units a store lacks now: those that were written since it was listed are there.
async fn lacking(link: &Link, volume: i64, mut missing: BTreeSet<Unit>) -> Result<BTreeSet<Unit>, LinkError> {
    let Some((stripe, index)) = missing.first().copied() else { return Ok(missing) };
    let mut after = key_before(UnitKey { volume: volume as u64, stripe, index });
    loop {
        let listed = link.list(volume, after, LISTED).await?;
        for key in listed.iter().filter_map(|unit| unit.key) {
            missing.remove(&(key.stripe, key.index));
            after = Some(key);
        }
        let is_end = listed.len() < LISTED as usize;
        if is_end || after.is_some_and(|key| missing.last().is_none_or(|last| (key.stripe, key.index) >= *last)) {
            return Ok(missing);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::{Plane, VOLUME, content};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_was_written_since_a_store_was_listed_is_not_missing() {
        let plane = Plane::new(1, 6).await;
        let volume = cared_volumes(plane.storage.db()).await.unwrap().remove(0);
        let stripes = plane.storage.stripes(VOLUME, volume.layout).await.unwrap();
        let link = stripes.link(3).unwrap();
        let listed = link.list(VOLUME, None, LISTED).await.unwrap();
        plane.put("a", &content(1_000_000, 1)).await;
        let (_, missing, _) = plane.storage.compare(&volume, 3, &listed, (0, StripeId::MAX)).await.unwrap();
        assert_eq!((listed.len(), missing.len()), (0, 4));
        assert_eq!(lacking(&link, VOLUME, missing.clone()).await.unwrap(), BTreeSet::new());
        let gone = *missing.last().unwrap();
        link.delete(vec![UnitKey { volume: VOLUME as u64, stripe: gone.0, index: gone.1 }]).await.unwrap();
        assert_eq!(lacking(&link, VOLUME, missing).await.unwrap(), BTreeSet::from([gone]));
        plane.storage.survey().await.unwrap();
        assert_eq!(plane.count("storage_damage").await, 1);
    }
}
