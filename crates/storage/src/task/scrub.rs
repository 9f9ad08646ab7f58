//! Scrub: every store compares what it has at rest with its checksums, slice by slice; what is damaged is repaired from the
//! other units of its stripe.

use std::collections::BTreeMap;
use std::sync::Arc;

use db::Write;
use tokio::time::Instant;
use wire::store::UnitKey;

use super::pace::Pace;
use crate::Storage;
use crate::model::stripe::StoreId;
use crate::queries::care::{ScrubState, cared_volumes, scrub_list, scrub_progress, scrub_put};
use crate::queries::damage::{DamagedUnit, damage_put};
use crate::service::ServiceError;
use crate::stripe::{Damage, DamageKind, Link};

/// Every store is compared once in this time, ms: a week.
const ROUND_MS: i64 = 7 * 86_400_000;
/// Bytes that a store compares in one call.
const SLICE_BYTES: u64 = 32 << 20;
/// One turn takes this long at most: then others who hold the lease may go on.
const TURN: std::time::Duration = std::time::Duration::from_secs(60);

impl Storage {
    /// Goes on with the stores whose turn it is.
    pub(crate) async fn scrub(&self) -> Result<(), ServiceError> {
        let now_ms = self.db().clock().now_ms();
        let known = scrub_list(self.db()).await?;
        let links = self.links().await?;
        let work = links.into_iter().map(|(store, link)| {
            let fresh = ScrubState { store, ..ScrubState::default() };
            (known.iter().find(|scrub| scrub.store == store).cloned().unwrap_or(fresh), link)
        });
        let due = work.filter(|(scrub, _)| scrub.at.is_some() || now_ms - scrub.done_ms > ROUND_MS);
        let turns: Vec<_> = due.map(|(scrub, link)| Box::pin(self.scrub_store(scrub, link))).collect();
        futures::future::try_join_all(turns).await?;
        Ok(())
    }

    /// The connection to every store that some volume is on.
    async fn links(&self) -> Result<BTreeMap<StoreId, Arc<Link>>, ServiceError> {
        let mut links = BTreeMap::new();
        for volume in cared_volumes(self.db()).await? {
            let stripes = self.stripes(volume.id, volume.layout).await?;
            links.extend(stripes.store_ids().into_iter().filter_map(|id| Some((id, stripes.link(id)?))));
        }
        Ok(links)
    }

    async fn scrub_store(&self, mut scrub: ScrubState, link: Arc<Link>) -> Result<(), ServiceError> {
        let now_ms = self.db().clock().now_ms();
        if scrub.at.is_none() {
            scrub =
                ScrubState { store: scrub.store, begun_ms: now_ms, done_ms: scrub.done_ms, ..ScrubState::default() };
            let mut write = Write::new();
            scrub_put(&mut write, &scrub);
            self.db().write(write).await?;
        }
        let (begun, mut pace) = (Instant::now(), Pace::new());
        while begun.elapsed() < TURN {
            let after = scrub.at.map(|(volume, stripe, index)| UnitKey {
                volume: volume as u64,
                stripe: stripe as u64,
                index: index as u32,
            });
            let slice = match link.verify(after, SLICE_BYTES).await {
                Ok(slice) => slice,
                Err(error) => {
                    tracing::debug!(store.id = scrub.store, error = &error as &dyn std::error::Error, "not scrubbed");
                    return Ok(());
                }
            };
            for key in &slice.damaged {
                self.damage_found(scrub.store, *key);
            }
            let damaged = |key: &UnitKey| {
                let (volume, stripe, index) = (key.volume as i64, key.stripe as i64, key.index as usize);
                DamagedUnit { volume, stripe, index, store: scrub.store }
            };
            let damaged: Vec<_> = slice.damaged.iter().map(damaged).collect();
            scrub.bytes += slice.bytes as i64;
            scrub.damaged += slice.damaged.len() as i64;
            scrub.at = slice.last.map(|key| (key.volume as i64, key.stripe as i64, key.index.into()));
            if slice.is_end || slice.last.is_none() {
                // What should be there and is not was not compared.
                self.survey_one(scrub.store).await?;
                (scrub.at, scrub.done_ms) = (None, self.db().clock().now_ms());
            }
            let mut write = Write::new();
            damage_put(&mut write, &damaged);
            scrub_progress(&mut write, &scrub);
            self.db().write(write).await?;
            metrics::counter!("amphi_storage_scrubbed_bytes_total").increment(slice.bytes);
            if scrub.at.is_none() {
                return Ok(());
            }
            pace.pass(slice.bytes, self.care_rates().await?.scrub_bytes_per_s).await;
        }
        Ok(())
    }

    fn damage_found(&self, store: StoreId, key: UnitKey) {
        let (stripe, index) = (key.stripe as i64, key.index as usize);
        tracing::error!(
            store.id = store,
            stripe.id = stripe,
            "unit {index} of stripe {stripe} is damaged at rest at store {store}"
        );
        metrics::counter!("amphi_storage_damage_found_total").increment(1);
        self.repair_wanted(key.volume as i64, Damage { stripe, store, index, what: DamageKind::Damaged });
    }

    /// Has all stores of a volume compared from their beginning, soon.
    pub(crate) async fn scrub_ask(&self, volume: i64) -> Result<(), ServiceError> {
        let volumes = cared_volumes(self.db()).await?;
        let mut write = Write::new();
        for volume in volumes.into_iter().filter(|cared| cared.id == volume) {
            let stripes = self.stripes(volume.id, volume.layout).await?;
            for store in stripes.store_ids() {
                scrub_put(&mut write, &ScrubState { store, ..ScrubState::default() });
            }
        }
        self.db().write(write).await?;
        Ok(())
    }
}
