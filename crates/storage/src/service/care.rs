//! Care of data: what waits for repair, repair itself, and what is at risk.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use db::Write;
use futures::{StreamExt, stream};
use serde::Serialize;

use super::ServiceError;
use super::pace::{Progress, progress_of};
use crate::Storage;
use crate::model::store::Store;
use crate::model::stripe::{StoreId, Stripe, StripeId};
use crate::queries::balance::rebalance_list;
use crate::queries::care::{
    CaredVolume, OnSet, ScrubState, cared_volumes, placed_counts, scrub_list, set_list, stripe_range, stripes_move,
};
use crate::queries::damage::{DamagedUnit, damage_forget, damage_forget_rowless, damage_list, damage_put_aside};
use crate::queries::store::store_list;
use crate::queries::stripe::set_text;
use crate::queries::work::WorkKind;
use crate::stripe::{Damage, Stripes};
use crate::task::REBUILD_AFTER_MS;

/// Units that wait for repair, at most; what is beyond is found again by the next scrub or survey.
const WAITING_MAX: usize = 100_000;
/// Stripes that are repaired at the same time.
const TOGETHER: usize = 8;
/// Stripes of one batch: they are made safe by one sync.
const BATCH: usize = 256;
/// How long one replica repairs what is stored as damaged, before another one may.
const DAMAGE_LEASE: Duration = Duration::from_secs(60);
/// A store that was not seen for this long counts as down, ms.
pub(crate) const DOWN_AFTER_MS: i64 = 15_000;

/// Units that were found missing or damaged, each with the store where: by volume and stripe.
type Waiting = BTreeMap<(i64, StripeId), BTreeSet<(usize, StoreId)>>;

/// See [`Waiting`].
#[derive(Default)]
pub(crate) struct Repairs(Mutex<Waiting>);

/// A stripe to be repaired, and which of its units.
pub(crate) type Broken = (OnSet, Vec<usize>);

/// What became of units that were said to be missing or damaged.
#[derive(Default)]
struct Looked {
    /// They are.
    broken: Vec<Broken>,
    /// A store does not say.
    unsure: BTreeSet<StripeId>,
    /// They were, and are put aside until there is a row of the stripe.
    aside: BTreeSet<StripeId>,
    /// There is no row of the stripe.
    rowless: BTreeSet<StripeId>,
    /// Stores that did not answer; they are not asked again.
    silent: BTreeSet<StoreId>,
}

/// How the stripes of a volume fare. Numbers of stripes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct VolumeHealth {
    /// The volume.
    pub(crate) volume: String,
    /// All units are on stores that answer.
    pub(crate) healthy: u64,
    /// Some are not, and more may be lost.
    pub(crate) degraded: u64,
    /// No unit more may be lost.
    pub(crate) at_risk: u64,
    /// Too few units are left; they can't be read unless a store comes back.
    pub(crate) lost: u64,
    /// User bytes in stripes that have to be put on other stores, because a store was removed, is drained, or has been away
    /// for long.
    pub(crate) rebuild_bytes: u64,
    /// Stripes in which damage was found that is not repaired yet.
    pub(crate) repairs_waiting: u64,
    /// The rebuild that goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rebuild: Option<Progress>,
    /// The rebalance that goes on; all 0: it begins soon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rebalance: Option<Progress>,
    /// The scrub of its stores that goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scrub: Option<Progress>,
    /// When all its stores had been compared, RFC 3339; not there: never.
    #[serde(rename = "scrubbed", serialize_with = "utc", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) scrubbed_ms: Option<i64>,
}

impl CaredVolume {
    /// A store that was away for longer is given up, ms.
    pub(crate) fn away_ms(&self) -> i64 {
        if self.rebuild_asked_ms > 0 { DOWN_AFTER_MS } else { REBUILD_AFTER_MS }
    }
}

impl Storage {
    /// Notes that a unit is missing or damaged; never blocks.
    pub(crate) fn repair_wanted(&self, volume: i64, damage: Damage) {
        let mut waiting = self.repairs().0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < WAITING_MAX {
            waiting.entry((volume, damage.stripe)).or_default().insert((damage.index, damage.store));
        }
    }

    /// Repairs what waits for it; what can't be repaired now goes on waiting. Answers whether there is such.
    pub(crate) async fn repairs_do(&self) -> Result<bool, ServiceError> {
        let kept = || self.repairs().0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut waiting = std::mem::take(&mut *kept());
        let done = self.repairs_of(&mut waiting).await;
        let mut kept = kept();
        waiting.into_iter().for_each(|(stripe, units)| kept.entry(stripe).or_default().extend(units));
        done
    }

    /// Leaves in `waiting` what could not be repaired or was not come to, and what was repaired: it is looked at once more.
    async fn repairs_of(&self, waiting: &mut Waiting) -> Result<bool, ServiceError> {
        // What was found by somebody who has ended since.
        if self.db().lease_acquire("storage-damage", &self.config().replica, DAMAGE_LEASE).await?.is_some() {
            for DamagedUnit { volume, stripe, index, store } in damage_list(self.db(), WAITING_MAX as i64).await? {
                waiting.entry((volume, stripe)).or_default().insert((index, store));
            }
        }
        let volumes = cared_volumes(self.db()).await?;
        waiting.retain(|(id, _), _| volumes.iter().any(|volume| volume.id == *id));
        let mut is_stuck = false;
        for volume in &volumes {
            let stripes = self.stripes(volume.id, volume.layout).await?;
            let of_volume = waiting.range((volume.id, StripeId::MIN)..=(volume.id, StripeId::MAX));
            let of_volume: Vec<_> = of_volume.map(|((_, stripe), units)| (*stripe, units.clone())).collect();
            for batch in of_volume.chunks(BATCH) {
                let Looked { broken, unsure: mut left, aside, rowless, .. } = self.look(&stripes, batch).await?;
                let wanted: Vec<_> = broken.iter().map(|(on, _)| on.stripe.id).collect();
                // One store that is silent keeps nothing else from being repaired.
                let repaired = self.repair(&stripes, broken).await?;
                is_stuck |= !left.is_empty() || repaired.len() < wanted.len();
                left.extend(wanted);
                let over: Vec<_> = batch.iter().filter(|(stripe, _)| !left.contains(stripe)).collect();
                let settled = over.iter().filter(|(stripe, _)| !aside.contains(stripe));
                let settled = settled.flat_map(|(stripe, units)| units.iter().map(|unit| (*stripe, *unit)));
                let volume = volume.id;
                let unit = |(stripe, (index, store))| DamagedUnit { volume, stripe, index, store };
                let (none, settled): (Vec<_>, Vec<_>) =
                    settled.map(unit).partition(|unit| rowless.contains(&unit.stripe));
                let mut write = Write::new();
                damage_forget(&mut write, &settled);
                damage_forget_rowless(&mut write, &none);
                self.db().write(write).await?;
                over.iter().for_each(|(stripe, _)| drop(waiting.remove(&(volume, *stripe))));
            }
        }
        Ok(is_stuck)
    }

    /// Looks at units that are said to be missing or damaged. What is damaged where it is not needed is deleted.
    async fn look(
        &self,
        stripes: &Stripes,
        wanted: &[(StripeId, BTreeSet<(usize, StoreId)>)],
    ) -> Result<Looked, ServiceError> {
        let mut looked = Looked::default();
        for (id, units) in wanted {
            let Some(on) = stripe_range(self.db(), stripes.volume(), (*id, *id), 1).await?.pop() else {
                self.look_aside(stripes, *id, units, &mut looked).await?;
                continue;
            };
            let mut lost = Vec::new();
            for (index, store) in units.iter().copied().filter(|(index, _)| *index < on.stripe.stores.len()) {
                if on.stripe.stores[index] != store {
                    let Some(link) = stripes.link(store) else { continue };
                    if link.delete(vec![stripes.key(*id, index)]).await.is_err() {
                        looked.unsure.insert(*id);
                    }
                    continue;
                }
                let is_broken = match looked.silent.contains(&store) {
                    true => None,
                    false => stripes.is_broken(&on.stripe, index).await,
                };
                match is_broken {
                    Some(true) => lost.push(index),
                    Some(false) => {}
                    None => {
                        looked.silent.insert(store);
                        looked.unsure.insert(*id);
                    }
                }
            }
            if !lost.is_empty() {
                looked.broken.push((on, lost));
            }
        }
        Ok(looked)
    }

    /// Looks at units of a stripe without a row: its file is gone, or its write goes on. A damaged one is put aside and deleted:
    /// should the row come, it is put anew.
    async fn look_aside(
        &self,
        stripes: &Stripes,
        stripe: StripeId,
        units: &BTreeSet<(usize, StoreId)>,
        looked: &mut Looked,
    ) -> Result<(), ServiceError> {
        looked.rowless.insert(stripe);
        for (index, store) in units.iter().copied() {
            let (Some(link), key) = (stripes.link(store), stripes.key(stripe, index)) else { continue };
            let found = match looked.silent.contains(&store) {
                true => None,
                false => link.damaged(key).await.ok(),
            };
            let Some(found) = found else {
                looked.silent.insert(store);
                looked.unsure.insert(stripe);
                continue;
            };
            let Some(listed) = found else { continue };
            // Before it is deleted it is put aside: whoever ends in between leaves one that is found again.
            let mut write = Write::new();
            let unit = DamagedUnit { volume: stripes.volume(), stripe, index, store };
            damage_put_aside(&mut write, unit, self.db().clock().now_ms());
            self.db().write(write).await?;
            looked.aside.insert(stripe);
            if link.delete_listed(vec![listed]).await.is_err() {
                looked.unsure.insert(stripe);
            }
        }
        Ok(())
    }

    /// Puts the lost units of stripes anew, makes them safe, then says where they are. Answers which stripes were repaired.
    pub(crate) async fn repair(&self, stripes: &Stripes, broken: Vec<Broken>) -> Result<Vec<StripeId>, ServiceError> {
        if broken.is_empty() {
            return Ok(Vec::new());
        }
        let work = broken.into_iter().map(|(on, lost)| async move {
            match stripes.repair(&on.stripe, &lost).await {
                Ok(repaired) => Some((on, repaired)),
                Err(error) => {
                    let id = on.stripe.id;
                    metrics::counter!("amphi_storage_repairs_failed_total").increment(1);
                    tracing::warn!(
                        stripe.id = id,
                        error = &error as &dyn std::error::Error,
                        "stripe {id} can't be repaired now"
                    );
                    None
                }
            }
        });
        let work: Vec<_> = work.map(|work| -> futures::future::BoxFuture<'_, _> { Box::pin(work) }).collect();
        let repaired: Vec<Option<(OnSet, Stripe)>> = stream::iter(work).buffer_unordered(TOGETHER).collect().await;
        let repaired = repaired.into_iter().flatten().map(|(on, new)| (on.set, new)).collect();
        let (new, moves) = self.made_safe(stripes, repaired).await?;
        let mut write = Write::new();
        stripes_move(&mut write, &moves);
        self.db().write(write).await?;
        metrics::counter!("amphi_storage_repaired_stripes_total").increment(new.len() as u64);
        Ok(new.into_iter().map(|stripe| stripe.id).collect())
    }

    /// Makes stripes safe of which units were put anew, each given with the list of stores it was on. Answers where they are now,
    /// and what [`stripes_move`] has to change.
    pub(crate) async fn made_safe(
        &self,
        stripes: &Stripes,
        put: Vec<(i64, Stripe)>,
    ) -> Result<(Vec<Stripe>, Vec<(StripeId, i64, i64)>), ServiceError> {
        stripes.sync().await.map_err(crate::file::FileError::from)?;
        let (olds, new): (Vec<i64>, Vec<Stripe>) =
            put.into_iter().map(|(old, stripe)| (old, stripes.now_at(stripe))).unzip();
        let sets = self.sets_of(&new).await?;
        let moves = olds.into_iter().zip(&new);
        let moves = moves.filter_map(|(old, stripe)| Some((stripe.id, old, *sets.get(&set_text(&stripe.stores))?)));
        let moves = moves.filter(|(_, old, new)| old != new).collect();
        Ok((new, moves))
    }

    /// How all volumes fare.
    pub(crate) async fn health(&self) -> Result<Vec<VolumeHealth>, ServiceError> {
        let (volumes, stores) = (cared_volumes(self.db()).await?, store_list(self.db()).await?);
        let sets: HashMap<i64, Vec<StoreId>> =
            set_list(self.db()).await?.into_iter().map(|set| (set.id, set.stores)).collect();
        let (work, evened) = (self.work_active().await?, rebalance_list(self.db()).await?);
        let now_ms = self.db().clock().now_ms();
        let mut health: BTreeMap<i64, (CaredVolume, VolumeHealth)> = BTreeMap::new();
        for volume in volumes {
            let fresh = VolumeHealth {
                volume: volume.name.clone(),
                rebuild: progress_of(&work, WorkKind::Rebuild, volume.id),
                rebalance: progress_of(&work, WorkKind::Rebalance, volume.id)
                    .or_else(|| evened.contains(&volume.id).then(|| Progress::new(0, 0, now_ms, now_ms))),
                ..VolumeHealth::default()
            };
            health.insert(volume.id, (volume, fresh));
        }
        let mut used: BTreeMap<i64, BTreeSet<StoreId>> = BTreeMap::new();
        for count in placed_counts(self.db()).await? {
            let (Some((volume, health)), Some(set)) = (health.get_mut(&count.volume), sets.get(&count.set)) else {
                continue;
            };
            used.entry(count.volume).or_default().extend(set);
            let parity = usize::from(volume.layout.parity());
            let away = set.iter().filter(|id| !stores.iter().any(|store| store.id == **id && store.is_up())).count();
            let place = match away {
                0 => &mut health.healthy,
                _ if away > parity => &mut health.lost,
                _ if away == parity => &mut health.at_risk,
                _ => &mut health.degraded,
            };
            *place += count.stripes;
            if set.iter().any(|id| {
                stores
                    .iter()
                    .find(|store| store.id == *id)
                    .is_none_or(|store| store.is_given_up(now_ms, volume.away_ms()))
            }) {
                health.rebuild_bytes += count.bytes;
            }
        }
        let scrubs = scrub_list(self.db()).await?;
        for (volume, on) in used {
            let on: Vec<_> = stores.iter().filter(|store| on.contains(&store.id)).collect();
            if let Some((_, health)) = health.get_mut(&volume) {
                (health.scrub, health.scrubbed_ms) = scrub_of(&on, &scrubs, now_ms);
            }
        }
        for (volume, _) in self.repairs().0.lock().unwrap_or_else(PoisonError::into_inner).keys() {
            if let Some((_, health)) = health.get_mut(volume) {
                health.repairs_waiting += 1;
            }
        }
        Ok(health.into_values().map(|(_, health)| health).collect())
    }
}

fn utc<S: serde::Serializer>(at_ms: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    at_ms.map(portal::utc_text).serialize(serializer)
}

/// How far the scrub of these stores has come, if it goes on, and when the last was over.
fn scrub_of(stores: &[&Store], scrubs: &[ScrubState], now_ms: i64) -> (Option<Progress>, Option<i64>) {
    let (mut done, mut total, mut begun_ms, mut is_on) = (0, 0, now_ms, false);
    let mut over_ms = Some(i64::MAX);
    for store in stores {
        let Some(scrub) = scrubs.iter().find(|scrub| scrub.store == store.id) else {
            over_ms = None;
            continue;
        };
        let is_over = scrub.at.is_none() && scrub.done_ms > 0;
        over_ms = over_ms.filter(|_| scrub.done_ms > 0).map(|over_ms| over_ms.min(scrub.done_ms));
        let bytes = scrub.bytes.unsigned_abs();
        done += bytes;
        total += if is_over { bytes } else { bytes.max(store.used_bytes.unsigned_abs()) };
        is_on |= !is_over;
        if scrub.begun_ms > 0 && !is_over {
            begun_ms = begun_ms.min(scrub.begun_ms);
        }
    }
    let over_ms = over_ms.filter(|over_ms| *over_ms < i64::MAX);
    (is_on.then(|| Progress::new(done, total, begun_ms, now_ms)), over_ms)
}
