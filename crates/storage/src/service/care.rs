//! Care of data: what waits for repair, repair itself, and what is at risk.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use db::Write;
use futures::{StreamExt, stream};
use serde::Serialize;

use super::ServiceError;
use crate::Storage;
use crate::model::stripe::{StoreId, Stripe, StripeId};
use crate::queries::care::{CaredVolume, OnSet, cared_volumes, placed_counts, set_list, stripe_range, stripes_move};
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
/// A store that was not seen for this long counts as down, ms.
const DOWN_AFTER_MS: i64 = 15_000;
/// A store with less than this part of its room (one in …) free is nearly full.
const NEARLY_FULL: u64 = 10;

/// Units that were found missing or damaged: by volume and stripe.
#[derive(Default)]
pub(crate) struct Repairs(Mutex<BTreeMap<(i64, StripeId), BTreeSet<usize>>>);

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
            waiting.entry((volume, damage.stripe)).or_default().insert(damage.index);
        }
    }

    /// Repairs what waits for it.
    pub(crate) async fn repairs_do(&self) -> Result<(), ServiceError> {
        let kept = || self.repairs().0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut waiting = std::mem::take(&mut *kept());
        let done = self.repairs_of(&mut waiting).await;
        if done.is_err() {
            let mut kept = kept();
            waiting.into_iter().for_each(|(stripe, units)| kept.entry(stripe).or_default().extend(units));
        }
        done
    }

    /// Leaves in `waiting` what was not come to.
    async fn repairs_of(&self, waiting: &mut BTreeMap<(i64, StripeId), BTreeSet<usize>>) -> Result<(), ServiceError> {
        let volumes = cared_volumes(self.db()).await?;
        for volume in &volumes {
            let stripes = self.stripes(volume.id, volume.layout).await?;
            let of_volume = waiting.range((volume.id, StripeId::MIN)..=(volume.id, StripeId::MAX));
            let of_volume: Vec<_> = of_volume.map(|((_, stripe), units)| (*stripe, units.clone())).collect();
            for batch in of_volume.chunks(BATCH) {
                let broken = self.broken(&stripes, batch).await?;
                self.repair(&stripes, broken).await?;
                batch.iter().for_each(|(stripe, _)| drop(waiting.remove(&(volume.id, *stripe))));
            }
        }
        Ok(())
    }

    /// Those of the units that are missing or damaged indeed, and not merely unreachable or gone with their file.
    async fn broken(
        &self,
        stripes: &Stripes,
        wanted: &[(StripeId, BTreeSet<usize>)],
    ) -> Result<Vec<Broken>, ServiceError> {
        let mut broken = Vec::new();
        for (id, units) in wanted {
            let Some(on) = stripe_range(self.db(), stripes.volume(), (*id, *id), 1).await?.pop() else { continue };
            let mut lost = Vec::new();
            for index in units.iter().copied().filter(|index| *index < on.stripe.stores.len()) {
                if stripes.is_broken(&on.stripe, index).await {
                    lost.push(index);
                }
            }
            if !lost.is_empty() {
                broken.push((on, lost));
            }
        }
        Ok(broken)
    }

    /// Puts the lost units of stripes anew, makes them safe, then says where they are. Answers how many stripes were repaired.
    pub(crate) async fn repair(&self, stripes: &Stripes, broken: Vec<Broken>) -> Result<usize, ServiceError> {
        if broken.is_empty() {
            return Ok(0);
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
        Ok(new.len())
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
