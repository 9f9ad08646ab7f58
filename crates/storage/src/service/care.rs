//! Care of data: what waits for repair, repair itself, and what is at risk.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use db::Write;
use futures::{StreamExt, stream};
use serde::Serialize;

use super::ServiceError;
use crate::Storage;
use crate::model::stripe::{StoreId, Stripe, StripeId};
use crate::queries::care::{CaredVolume, OnSet, cared_volumes, placed_counts, set_list, stripe_range, stripes_move};
use crate::queries::damage::{DamagedUnit, damage_forget, damage_list};
use crate::queries::store::store_list;
use crate::queries::stripe::set_text;
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
const DOWN_AFTER_MS: i64 = 15_000;
/// A store with less than this part of its room (one in …) free is nearly full.
const NEARLY_FULL: u64 = 10;

/// Units that were found missing or damaged, each with the store where: by volume and stripe.
type Waiting = BTreeMap<(i64, StripeId), BTreeSet<(usize, StoreId)>>;

/// See [`Waiting`].
#[derive(Default)]
pub(crate) struct Repairs(Mutex<Waiting>);

/// A stripe to be repaired, and which of its units.
pub(crate) type Broken = (OnSet, Vec<usize>);

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
}

/// Something that an operator should look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct Alert {
    /// degraded, at-risk, lost, damage, full or nearly-full.
    pub(crate) code: &'static str,
    /// The volume it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) volume: Option<String>,
    /// The store it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) store: Option<StoreId>,
    /// A sentence.
    pub(crate) message: String,
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
                let (broken, mut left) = self.broken(&stripes, batch).await?;
                let wanted: Vec<_> = broken.iter().map(|(on, _)| on.stripe.id).collect();
                is_stuck |= !left.is_empty() || self.repair(&stripes, broken).await?.len() < wanted.len();
                left.extend(wanted);
                let settled = batch.iter().map(|(stripe, _)| *stripe).filter(|stripe| !left.contains(stripe));
                let settled: Vec<_> = settled.collect();
                let mut write = Write::new();
                damage_forget(&mut write, &settled);
                self.db().write(write).await?;
                settled.iter().for_each(|stripe| drop(waiting.remove(&(volume.id, *stripe))));
            }
        }
        Ok(is_stuck)
    }

    /// Those of the units that are missing or damaged indeed, and not gone with their file; and the stripes of which a store
    /// does not say. What is damaged where it is not needed any more is deleted.
    async fn broken(
        &self,
        stripes: &Stripes,
        wanted: &[(StripeId, BTreeSet<(usize, StoreId)>)],
    ) -> Result<(Vec<Broken>, BTreeSet<StripeId>), ServiceError> {
        let (mut broken, mut unsure) = (Vec::new(), BTreeSet::new());
        for (id, units) in wanted {
            let Some(on) = stripe_range(self.db(), stripes.volume(), (*id, *id), 1).await?.pop() else { continue };
            let mut lost = Vec::new();
            for (index, store) in units.iter().copied().filter(|(index, _)| *index < on.stripe.stores.len()) {
                if on.stripe.stores[index] != store {
                    let Some(link) = stripes.link(store) else { continue };
                    if link.delete(vec![stripes.key(*id, index)]).await.is_err() {
                        unsure.insert(*id);
                    }
                    continue;
                }
                match stripes.is_broken(&on.stripe, index).await {
                    Some(true) => lost.push(index),
                    Some(false) => {}
                    None => {
                        unsure.insert(*id);
                    }
                }
            }
            if !lost.is_empty() {
                broken.push((on, lost));
            }
        }
        Ok((broken, unsure))
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
        stripes.sync().await.map_err(crate::file::FileError::from)?;
        let repaired = repaired.into_iter().flatten().map(|(on, repaired)| (on, stripes.now_at(repaired)));
        let repaired: Vec<(OnSet, Stripe)> = repaired.collect();
        let new: Vec<Stripe> = repaired.iter().map(|(_, new)| new.clone()).collect();
        let sets = self.sets_of(&new).await?;
        let moves = repaired.iter().filter_map(|(on, new)| Some((new.id, on.set, *sets.get(&set_text(&new.stores))?)));
        let moves: Vec<_> = moves.filter(|(_, old, new)| old != new).collect();
        let mut write = Write::new();
        stripes_move(&mut write, &moves);
        self.db().write(write).await?;
        metrics::counter!("amphi_storage_repaired_stripes_total").increment(new.len() as u64);
        Ok(new.into_iter().map(|stripe| stripe.id).collect())
    }

    /// How all volumes fare.
    pub(crate) async fn health(&self) -> Result<Vec<VolumeHealth>, ServiceError> {
        let (volumes, stores) = (cared_volumes(self.db()).await?, store_list(self.db()).await?);
        let sets: HashMap<i64, Vec<StoreId>> =
            set_list(self.db()).await?.into_iter().map(|set| (set.id, set.stores)).collect();
        let mut health: BTreeMap<i64, (CaredVolume, VolumeHealth)> = BTreeMap::new();
        for volume in volumes {
            let fresh = VolumeHealth { volume: volume.name.clone(), ..VolumeHealth::default() };
            health.insert(volume.id, (volume, fresh));
        }
        let now_ms = self.db().clock().now_ms();
        for count in placed_counts(self.db()).await? {
            let (Some((volume, health)), Some(set)) = (health.get_mut(&count.volume), sets.get(&count.set)) else {
                continue;
            };
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
        for (volume, _) in self.repairs().0.lock().unwrap_or_else(PoisonError::into_inner).keys() {
            if let Some((_, health)) = health.get_mut(volume) {
                health.repairs_waiting += 1;
            }
        }
        Ok(health.into_values().map(|(_, health)| health).collect())
    }

    /// What an operator should look at, the worst first.
    pub(crate) async fn alerts(&self) -> Result<Vec<Alert>, ServiceError> {
        let mut alerts = Vec::new();
        for health in self.health().await? {
            let volume = &health.volume;
            let mut tell = |code, stripes: u64, what: &str| {
                metrics::gauge!("amphi_storage_stripes", "volume" => volume.clone(), "state" => code)
                    .set(stripes as f64);
                if stripes > 0 {
                    let message = format!("Volume {volume}: {stripes} stripes {what}.");
                    alerts.push(Alert { code, volume: Some(volume.clone()), store: None, message });
                }
            };
            tell("lost", health.lost, "can't be read until stores come back");
            tell("at-risk", health.at_risk, "can't bear the loss of another store");
            tell("damage", health.repairs_waiting, "are damaged and wait for repair");
            tell("degraded", health.degraded, "lack units, and can still bear a loss");
        }
        for store in store_list(self.db()).await? {
            let (code, what) = match store.free_bytes.unsigned_abs() {
                free if free < 1 << 20 => ("full", "is full"),
                free if free < store.capacity_bytes.unsigned_abs() / NEARLY_FULL => {
                    ("nearly-full", "has less than a tenth of its room left")
                }
                _ => continue,
            };
            alerts.push(Alert {
                code,
                volume: None,
                store: Some(store.id),
                message: format!("Store {} {what}.", store.id),
            });
        }
        Ok(alerts)
    }
}
