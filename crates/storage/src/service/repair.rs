//! Repair: what waits for it, and repair itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use db::Write;
use futures::{StreamExt, stream};

use super::ServiceError;
use crate::Storage;
use crate::model::stripe::{StoreId, Stripe, StripeId};
use crate::queries::care::{OnSet, cared_volumes, stripe_range, stripes_move};
use crate::queries::damage::{DamagedUnit, damage_forget, damage_forget_rowless, damage_list, damage_put_aside};
use crate::queries::stripe::set_text;
use crate::stripe::{Damage, RepairError, Stripes};

/// Units that wait for repair, at most; what is beyond is found again by the next scrub or survey.
const WAITING_MAX: usize = 100_000;
/// Stripes that are repaired at the same time.
const TOGETHER: usize = 8;
/// Stripes of one batch: they are made safe by one sync.
const BATCH: usize = 256;
/// That stripes of a volume can't be repaired is said this often.
const TOLD_AGAIN: Duration = Duration::from_secs(60);
/// How long one replica repairs what is stored as damaged, before another one may.
const DAMAGE_LEASE: Duration = Duration::from_secs(60);
/// Units that were found missing or damaged, each with the store where: by volume and stripe.
type Waiting = BTreeMap<(i64, StripeId), BTreeSet<(usize, StoreId)>>;

/// What waits for repair, and what was said of what can't be repaired.
#[derive(Default)]
pub(crate) struct Repairs {
    waiting: Mutex<Waiting>,
    /// By volume, when that was.
    told: Mutex<HashMap<i64, Instant>>,
}

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

impl Storage {
    /// Notes that a unit is missing or damaged; never blocks.
    pub(crate) fn repair_wanted(&self, volume: i64, damage: Damage) {
        let mut waiting = self.repairs().waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < WAITING_MAX {
            waiting.entry((volume, damage.stripe)).or_default().insert((damage.index, damage.store));
        }
    }

    /// Repairs what waits for it; what can't be repaired now goes on waiting. Answers whether there is such.
    pub(crate) async fn repairs_do(&self) -> Result<bool, ServiceError> {
        let kept = || self.repairs().waiting.lock().unwrap_or_else(PoisonError::into_inner);
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
                    self.repair_failed(stripes.volume(), on.stripe.id, &error);
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

    /// Counts what can't be repaired now, and says so once in a while: thousands may fail for one reason, again and again.
    pub(crate) fn repair_failed(&self, volume: i64, stripe: StripeId, error: &RepairError) {
        metrics::counter!("amphi_storage_repairs_failed_total").increment(1);
        let error = error as &dyn std::error::Error;
        tracing::debug!(stripe.id = stripe, error, "stripe {stripe} can't be repaired now");
        let (mut told, now) = (self.repairs().told.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
        if told.get(&volume).is_none_or(|at| now.duration_since(*at) >= TOLD_AGAIN) {
            told.insert(volume, now);
            tracing::warn!(
                volume.id = volume,
                error,
                "stripes can't be repaired now, such as stripe {stripe}; it is tried again"
            );
        }
    }

    /// The volume of each stripe that waits.
    pub(super) fn repairs_waiting(&self) -> Vec<i64> {
        let waiting = self.repairs().waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.keys().map(|(volume, _)| *volume).collect()
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
}
