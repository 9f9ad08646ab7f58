//! Rebalance: units of stripes that crowd on a node go to others, then units go from the fullest stores to the emptiest, until
//! these are about even. Begun by an operator, or by itself once stripes could be further apart, or stores differ much, as they do
//! after new ones joined. Where it stands is in the rows of the stripes.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use db::Write;
use futures::{StreamExt, stream};
use wire::store::{Listed, UnitKey};

use super::collect::before;
use super::pace::Pace;
use crate::Storage;
use crate::model::balance::{Load, Member, Move, moved, next_move, spread};
use crate::model::store::StoreState;
use crate::model::stripe::{StoreId, Stripe, StripeId};
use crate::queries::balance::{
    MovedUnit, moved_forget, moved_insert, moved_list, moved_stores, rebalance_ask, rebalance_end, rebalance_list,
};
use crate::queries::care::{
    CaredVolume, OnSet, PlacedCount, cared_volumes, placed_counts, placed_list, set_list, stripe_range, stripes_move,
};
use crate::queries::store::store_list;
use crate::queries::work::{Work, WorkKind, work_end};
use crate::service::ServiceError;
use crate::stripe::{Link, LinkError, Stripes};

/// Moved units stay where they were for this long: whoever was reading them may finish.
const MOVED_KEPT: Duration = Duration::from_secs(1_800);
/// A unit that was put this lately may have come back, and who put it not have said so yet. Clearly less than [`MOVED_KEPT`], and
/// clearly more than the age at which a store writes anew what is put again (15 minutes), since clocks differ.
const PUT_LATELY: Duration = Duration::from_secs(1_200);
/// It begins by itself where stores differ by more than this, in thousandths of their room.
const BEGIN: u64 = 200;
/// It ends where they differ by no more than this.
const EVEN: u64 = 50;
/// Units that are moved and made safe together.
const BATCH: i64 = 64;
/// Units that are on their way at the same time.
const TOGETHER: usize = 8;
/// Units that are deleted together where they were.
const DELETED: i64 = 1_000;
/// Units that a store lists at once.
const LISTED: u32 = 1_000;
/// Lists of stores of which no unit could be moved, until it is given up for now.
const STUCK_MAX: usize = 16;
/// Steps that are thought ahead, to say how much there is to do.
const STEPS_MAX: usize = 10_000;

impl Storage {
    /// Evens out the volumes that were asked for, and those whose stores differ much.
    pub(crate) async fn rebalance(&self) -> Result<(), ServiceError> {
        self.moved_delete().await?;
        let asked = rebalance_list(self.db()).await?;
        // Counting goes through all stripes: once for all volumes, and again only after something was moved.
        let mut counts = placed_counts(self.db()).await?;
        for volume in cared_volumes(self.db()).await? {
            let is_counted = match self.rebalance_where_due(&volume, asked.contains(&volume.id), &counts).await {
                Ok(is_moved) => !is_moved,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "volume {} could not be evened out; it is tried again", volume.name);
                    false
                }
            };
            if !is_counted {
                counts = placed_counts(self.db()).await?;
            }
        }
        Ok(())
    }

    /// Answers whether anything may have been moved.
    async fn rebalance_where_due(
        &self,
        volume: &CaredVolume,
        is_asked: bool,
        counts: &[PlacedCount],
    ) -> Result<bool, ServiceError> {
        let (members, loads) = self.balance_of(volume, counts).await?;
        let step = next_move(&members, &loads, EVEN);
        let can_even = step.is_some();
        let is_uneven = spread(&members) > BEGIN && can_even;
        // Such a step comes before all others.
        let is_crowded = step.is_some_and(|step| step.is_spreading());
        if !is_asked && !is_uneven && !is_crowded {
            return Ok(false);
        }
        if !is_asked {
            let why = if is_crowded { "its stripes can be further apart" } else { "its stores differ much" };
            tracing::debug!("volume {} is evened out: {why}", volume.name);
            self.rebalance_begin(volume.id).await?;
        }
        if can_even {
            self.rebalance_volume(volume, members, loads).await?;
        }
        let mut write = Write::new();
        rebalance_end(&mut write, volume.id);
        work_end(&mut write, WorkKind::Rebalance, volume.id);
        self.db().write(write).await?;
        Ok(can_even)
    }

    /// Has a volume evened out, soon.
    pub(crate) async fn rebalance_begin(&self, volume: i64) -> Result<(), ServiceError> {
        let mut write = Write::new();
        rebalance_ask(&mut write, volume, self.db().clock().now_ms());
        self.db().write(write).await?;
        Ok(())
    }

    async fn rebalance_volume(
        &self,
        volume: &CaredVolume,
        mut members: Vec<Member>,
        mut loads: Vec<Load>,
    ) -> Result<(), ServiceError> {
        let now_ms = self.db().clock().now_ms();
        let total_bytes = to_move(members.clone(), loads.clone());
        let kind = WorkKind::Rebalance;
        let mut work = Work { kind, volume: volume.id, begun_ms: now_ms, seen_ms: now_ms, done_bytes: 0, total_bytes };
        self.work_note(&mut work, 0).await?;
        let stripes = self.stripes(volume.id, volume.layout).await?;
        let (mut pace, mut stuck) = (Pace::new(), HashSet::new());
        while let Some(step) = next_move(&members, &loads, EVEN).filter(|_| stuck.len() < STUCK_MAX) {
            if self.units_move(&stripes, &step, &mut pace, &mut work).await? == 0 {
                tracing::debug!("no unit of store {} can be moved to store {}", step.from, step.to);
                stuck.insert(step.set);
            }
            (members, loads) = self.balance_of(volume, &placed_counts(self.db()).await?).await?;
            loads.retain(|load| !stuck.contains(&load.set));
        }
        let (name, size_bytes) = (&volume.name, work.done_bytes);
        if size_bytes > 0 {
            tracing::info!(size_bytes, "evened out volume {name}: {size_bytes} bytes moved");
        }
        Ok(())
    }

    /// What the stores of a volume hold, of all volumes; and what of this one lies where.
    async fn balance_of(
        &self,
        volume: &CaredVolume,
        counts: &[PlacedCount],
    ) -> Result<(Vec<Member>, Vec<Load>), ServiceError> {
        let volumes: HashMap<i64, CaredVolume> =
            cared_volumes(self.db()).await?.into_iter().map(|volume| (volume.id, volume)).collect();
        let sets: HashMap<i64, Vec<StoreId>> =
            set_list(self.db()).await?.into_iter().map(|set| (set.id, set.stores)).collect();
        let (mut held, mut loads): (HashMap<StoreId, u64>, Vec<Load>) = Default::default();
        for count in counts {
            let (Some(of), Some(stores)) = (volumes.get(&count.volume), sets.get(&count.set)) else { continue };
            let data = if stores.len() == of.layout.units() { u64::from(of.layout.data()) } else { 1 };
            let unit_bytes = count.bytes.div_ceil(data);
            stores.iter().for_each(|id| *held.entry(*id).or_default() += unit_bytes);
            if count.volume == volume.id {
                loads.push(Load { set: count.set, stores: stores.clone(), unit_bytes });
            }
        }
        let known = store_list(self.db()).await?;
        let members = self.store_addresses(volume.id).await?.into_iter().filter_map(|address| {
            let store = known.iter().find(|store| store.id == address.id)?;
            let is_leaving = matches!(store.state, StoreState::Draining | StoreState::Drained);
            // What a store can't give now is left out: a rebuild moves it.
            let can_give = address.is_up && !is_leaving;
            Some(Member {
                id: address.id,
                node: address.node,
                domain: address.domain,
                capacity_bytes: store.capacity_bytes.unsigned_abs(),
                held_bytes: held.get(&address.id).copied().filter(|_| can_give).unwrap_or(0),
                is_taking: address.is_writable && address.is_up && address.free_bytes > 0,
            })
        });
        Ok((members.collect(), loads))
    }

    /// Moves units until the step's bytes are reached. Answers how many bytes of units were moved.
    async fn units_move(
        &self,
        stripes: &Stripes,
        step: &Move,
        pace: &mut Pace,
        work: &mut Work,
    ) -> Result<u64, ServiceError> {
        let (mut after, mut total) = (0, 0);
        loop {
            let batch = placed_list(self.db(), stripes.volume(), step.set, after, BATCH).await?;
            let Some(last) = batch.last() else { return Ok(total) };
            after = last.id;
            let mut left = step.bytes.unwrap_or(u64::MAX).saturating_sub(total);
            let fitting: Vec<Stripe> =
                batch.into_iter().take_while(|stripe| take(&mut left, unit_bytes(stripe, step.index))).collect();
            if fitting.is_empty() {
                return Ok(total);
            }
            let bytes = self.batch_move(stripes, step, fitting).await?;
            if bytes == 0 {
                return Ok(total);
            }
            total += bytes;
            pace.pass(bytes, self.care_rates().await?.rebuild_bytes_per_s).await;
            self.work_note(work, bytes).await?;
        }
    }

    /// Puts one unit of each stripe where the step wants it, makes them safe, then says where they are.
    async fn batch_move(&self, stripes: &Stripes, step: &Move, batch: Vec<Stripe>) -> Result<u64, ServiceError> {
        let work = batch.into_iter().map(|stripe| async move {
            match stripes.unit_move(&stripe, step.index, step.to).await {
                Ok(moved) => Some(moved),
                Err(error) => {
                    tracing::debug!(stripe.id, error = &error as &dyn std::error::Error, "not moved");
                    None
                }
            }
        });
        let work: Vec<_> = work.map(|work| -> futures::future::BoxFuture<'_, _> { Box::pin(work) }).collect();
        let put: Vec<Option<Stripe>> = stream::iter(work).buffer_unordered(TOGETHER).collect().await;
        let put = put.into_iter().flatten().map(|new| (step.set, new)).collect();
        let (put, moves) = self.made_safe(stripes, put).await?;
        let since_ms = self.db().clock().now_ms();
        let (unit, store, volume) = (step.index as u32, step.from, stripes.volume());
        let gone: Vec<_> = put.iter().map(|new| MovedUnit { stripe: new.id, unit, store, volume, since_ms }).collect();
        let mut write = Write::new();
        stripes_move(&mut write, &moves);
        moved_insert(&mut write, &gone);
        self.db().write(write).await?;
        let bytes = put.iter().map(|stripe| unit_bytes(stripe, step.index)).sum();
        metrics::counter!("amphi_storage_rebalanced_bytes_total").increment(bytes);
        Ok(bytes)
    }

    /// Deletes moved units where they were, once whoever was reading them has finished.
    async fn moved_delete(&self) -> Result<(), ServiceError> {
        let before_ms = before(self.db().clock().now_ms(), MOVED_KEPT);
        let volumes = cared_volumes(self.db()).await?;
        for store in moved_stores(self.db()).await? {
            loop {
                let moved = moved_list(self.db(), store, before_ms, DELETED).await?;
                if moved.is_empty() || !self.moved_delete_at(&volumes, store, &moved).await? {
                    break;
                }
                let mut write = Write::new();
                moved_forget(&mut write, &moved);
                self.db().write(write).await?;
            }
        }
        Ok(())
    }

    /// `false`: the store could not be asked.
    async fn moved_delete_at(
        &self,
        volumes: &[CaredVolume],
        store: StoreId,
        moved: &[MovedUnit],
    ) -> Result<bool, ServiceError> {
        for volume in volumes {
            let stripes = self.stripes(volume.id, volume.layout).await?;
            // A store that was removed for good has nothing that could be deleted.
            let Some(link) = stripes.link(store) else { continue };
            let keys = moved.iter().filter(|unit| unit.volume == volume.id);
            let keys = keys.map(|unit| stripes.key(unit.stripe, unit.unit as usize)).collect();
            if let Err(error) = self.moved_delete_of(&link, keys).await? {
                tracing::debug!(store.id = store, error = &error as &dyn std::error::Error, "moved units stay for now");
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Deletes those that the store has had for long and that belong elsewhere. What was put lately is left to the survey.
    async fn moved_delete_of(&self, link: &Link, keys: Vec<UnitKey>) -> Result<Result<(), LinkError>, ServiceError> {
        // Listed before the rows are read: a unit that is put again after that is not what was listed, and stays.
        let listed = match units_listed(link, keys).await {
            Ok(listed) => listed,
            Err(error) => return Ok(Err(error)),
        };
        let old_ms = before(self.db().clock().now_ms(), PUT_LATELY);
        let mut gone = Vec::new();
        for unit in listed.into_iter().filter(|unit| unit.put_ms < old_ms) {
            let Some(key) = unit.key else { continue };
            let stripe = key.stripe as StripeId;
            let found = stripe_range(self.db(), key.volume as i64, (stripe, stripe), 1).await?.pop();
            let is_back = |on: &OnSet| on.stripe.stores.get(key.index as usize) == Some(&link.id());
            if !found.as_ref().is_some_and(is_back) {
                gone.push(unit);
            }
        }
        Ok(link.delete_listed(gone).await)
    }
}

/// Those of the units of one volume that the store has, as it has them: few lists where they lie together.
async fn units_listed(link: &Link, mut keys: Vec<UnitKey>) -> Result<Vec<Listed>, LinkError> {
    let place = |key: &UnitKey| (key.stripe, key.index);
    keys.sort_unstable_by_key(place);
    let (mut rest, mut found) = (keys.as_slice(), Vec::new());
    while let Some(&first) = rest.first() {
        let before = match first.index.checked_sub(1) {
            Some(index) => UnitKey { index, ..first },
            None => UnitKey { stripe: first.stripe - 1, index: u32::MAX, ..first },
        };
        let page = link.list(first.volume as i64, Some(before), LISTED).await?;
        let last = page.last().and_then(|unit| unit.key).filter(|_| page.len() >= LISTED as usize);
        let seen = last.map_or(rest.len(), |last| rest.partition_point(|key| place(key) <= place(&last)));
        let (asked, later) = rest.split_at(seen);
        let is_asked = |key: &UnitKey| asked.binary_search_by_key(&place(key), place).is_ok();
        found.extend(page.into_iter().filter(|unit| unit.key.as_ref().is_some_and(is_asked)));
        rest = later;
    }
    Ok(found)
}

/// Takes from what is left, if there is enough.
fn take(left: &mut u64, bytes: u64) -> bool {
    let is_enough = *left >= bytes;
    *left = left.saturating_sub(bytes);
    is_enough
}

fn unit_bytes(stripe: &Stripe, index: usize) -> u64 {
    stripe.code.geometry().ok().and_then(|geometry| geometry.fragment_bytes(index)).unwrap_or(0) as u64
}

/// How many bytes of units there are to move.
fn to_move(mut members: Vec<Member>, mut loads: Vec<Load>) -> u64 {
    let mut total = 0;
    for _ in 0..STEPS_MAX {
        let Some(step) = next_move(&members, &loads, EVEN) else { break };
        total += moved(&mut members, &mut loads, &step);
    }
    total
}
