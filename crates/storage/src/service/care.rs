//! How volumes fare: what is at risk, and what goes on.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use super::ServiceError;
use super::pace::{Progress, progress_of};
use crate::Storage;
use crate::model::store::Store;
use crate::model::stripe::StoreId;
use crate::queries::balance::rebalance_list;
use crate::queries::care::{CaredVolume, ScrubState, cared_volumes, placed_counts, scrub_list, set_list};
use crate::queries::store::store_list;
use crate::queries::work::WorkKind;
use crate::task::REBUILD_AFTER_MS;

/// A store that was not seen for this long counts as down, ms.
pub(crate) const DOWN_AFTER_MS: i64 = 15_000;

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
    /// One node has more of their units than may be lost: without it they can't be read.
    pub(crate) exposed: u64,
    /// They can't be read: too few of their units are on stores that answer.
    pub(crate) lost: u64,
    /// Those of the lost that can be read again when stores are back that are away.
    pub(crate) away: u64,
    /// Stores that these wait for.
    pub(crate) stores_away: u64,
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
        let mut awaited: BTreeMap<i64, BTreeSet<StoreId>> = BTreeMap::new();
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
            let known: Vec<_> = stores.iter().filter(|store| set.contains(&store.id)).collect();
            if away > parity && set.len() - known.len() <= parity {
                health.away += count.stripes;
                let silent = known.iter().filter(|store| !store.is_up()).map(|store| store.id);
                awaited.entry(count.volume).or_default().extend(silent);
            }
            if by_node(known).into_iter().any(|units| units > parity) {
                health.exposed += count.stripes;
            }
            if set.iter().any(|id| {
                stores
                    .iter()
                    .find(|store| store.id == *id)
                    .is_none_or(|store| store.is_given_up(now_ms, volume.away_ms()))
            }) {
                health.rebuild_bytes += count.bytes;
            }
        }
        for (volume, stores) in awaited {
            if let Some((_, health)) = health.get_mut(&volume) {
                health.stores_away = stores.len() as u64;
            }
        }
        let scrubs = scrub_list(self.db()).await?;
        for (volume, on) in used {
            let on: Vec<_> = stores.iter().filter(|store| on.contains(&store.id)).collect();
            if let Some((_, health)) = health.get_mut(&volume) {
                (health.scrub, health.scrubbed_ms) = scrub_of(&on, &scrubs, now_ms);
            }
        }
        for volume in self.repairs_waiting() {
            if let Some((_, health)) = health.get_mut(&volume) {
                health.repairs_waiting += 1;
            }
        }
        Ok(health.into_values().map(|(_, health)| health).collect())
    }
}

/// How many of these stores are on each of their nodes.
pub(super) fn by_node<'a>(stores: impl IntoIterator<Item = &'a Store>) -> Vec<usize> {
    let mut on_nodes: BTreeMap<&str, usize> = BTreeMap::new();
    for store in stores {
        *on_nodes.entry(&store.node).or_default() += 1;
    }
    on_nodes.into_values().collect()
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
