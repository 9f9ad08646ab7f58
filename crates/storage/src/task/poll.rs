//! Asks every store at intervals whether it is there and what room it has. One replica does it for all.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use db::{Lease, Write};
use futures::future::join_all;
use placement::Health;
use portal::with_causes;
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wire::store::StatReply;

use crate::Storage;
use crate::model::store::{Store, health_after};
use crate::model::stripe::StoreId;
use crate::queries::store::{Polled, store_answered, store_list, store_missed};
use crate::service::ServiceError;
use crate::service::store::STORES;
use crate::stripe::{Credentials, Link, StoreAddress};

/// Most characters of why a store could not be asked.
const DETAIL_MAX: usize = 500;

/// Every store is asked this often.
const INTERVAL: Duration = Duration::from_secs(3);
/// A store that has not answered after this long has missed.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How long another replica waits before it asks in place of one that is gone.
const LEASE: Duration = Duration::from_secs(10);
const LEASE_NAME: &str = "storage-poll";

pub(super) async fn run(storage: Storage, shutdown: CancellationToken) {
    let watch = storage.db().events().watch([STORES]);
    let mut poll = Poll { storage, lease: None, links: HashMap::new(), misses: HashMap::new() };
    loop {
        match poll.turn().await {
            Ok(()) => metrics::counter!("amphi_storage_duty_total", "duty" => "poll", "result" => "done").increment(1),
            Err(error) => {
                metrics::counter!("amphi_storage_duty_total", "duty" => "poll", "result" => "failed").increment(1);
                tracing::warn!(error = &error as &dyn std::error::Error, "asking the stores failed");
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = tokio::time::sleep(INTERVAL) => {}
            // A new store is to be asked at once: until then nobody knows what room it has.
            _ = watch.changed() => {}
        }
    }
    if let Some(lease) = poll.lease {
        // Where it can't be given back, it runs out.
        let _ = poll.storage.db().lease_release(&lease).await;
    }
}

struct Poll {
    storage: Storage,
    lease: Option<Lease>,
    links: HashMap<StoreId, Arc<Link>>,
    /// Polls in a row that a store has missed.
    misses: HashMap<StoreId, u32>,
}

impl Poll {
    async fn turn(&mut self) -> Result<(), ServiceError> {
        let stores = store_list(self.storage.db()).await?;
        measure(&stores);
        if !self.is_mine().await? {
            self.misses.clear();
            return Ok(());
        }
        self.links.retain(|id, _| stores.iter().any(|store| store.id == *id));
        self.misses.retain(|id, _| stores.iter().any(|store| store.id == *id));
        let links = stores.iter().map(|store| self.link(store)).collect::<Result<Vec<_>, _>>()?;
        let answers = join_all(links.iter().map(|link| link.stat(TIMEOUT))).await;
        let mut write = Write::new();
        for (store, answer) in stores.iter().zip(answers) {
            let answer = match answer {
                Ok(stat) if stat.uuid != store.uuid => Err("another store answers at its address".to_owned()),
                Ok(stat) => Ok(stat),
                Err(error) => Err(with_causes(&error).chars().take(DETAIL_MAX).collect()),
            };
            self.noted(&mut write, store, answer);
        }
        if !write.is_empty() {
            self.storage.db().write(write).await?;
        }
        Ok(())
    }

    /// Whether this replica is the one that asks.
    async fn is_mine(&mut self) -> Result<bool, ServiceError> {
        let db = self.storage.db();
        if let Some(lease) = &self.lease
            && db.lease_renew(lease, LEASE).await?
        {
            return Ok(true);
        }
        self.lease = db.lease_acquire(LEASE_NAME, &self.storage.config().replica, LEASE).await?;
        Ok(self.lease.is_some())
    }

    fn link(&mut self, store: &Store) -> Result<Arc<Link>, ServiceError> {
        let address = StoreAddress::from(store.clone());
        if let Some(link) = self.links.get(&store.id)
            && link.leads_to(&address)
        {
            return Ok(Arc::clone(link));
        }
        let (pair_pem, ca_pem) = self.storage.control_credentials()?;
        let link = Arc::new(Link::new(address, watch::Sender::new(Credentials { pair_pem, ca_pem }).subscribe()));
        self.links.insert(store.id, Arc::clone(&link));
        Ok(link)
    }

    /// Writes what a store answered, and tells when that changes its health.
    fn noted(&mut self, write: &mut Write, store: &Store, answer: Result<StatReply, String>) {
        let now_ms = self.storage.db().clock().now_ms();
        let misses = self.misses.entry(store.id).or_default();
        let (health, detail) = match answer {
            Ok(stat) => {
                *misses = 0;
                store_answered(write, store.id, &polled(stat), now_ms);
                (Health::Up, String::new())
            }
            Err(detail) => {
                *misses = misses.saturating_add(1);
                // A store that was down before this replica began to ask stays so.
                let health = if store.health == Health::Down { Health::Down } else { health_after(*misses) };
                if health != store.health || detail != store.detail {
                    store_missed(write, store.id, health, &detail);
                }
                (health, detail)
            }
        };
        if health == store.health {
            return;
        }
        write.push_event(STORES);
        let (id, name, node) = (store.id, &store.name, &store.node);
        match (store.health, health) {
            (_, Health::Down) => {
                tracing::warn!(store.id = id, "store {id} ({name} on node {node}) is down: {detail}");
                let seen = json!({ "node": node, "name": name, "why": detail });
                self.storage.portal().audit_seen(write, "store.down", &id.to_string(), seen);
            }
            (Health::Down, Health::Up) => {
                tracing::info!(store.id = id, "store {id} ({name} on node {node}) is back");
                let seen = json!({ "node": node, "name": name });
                self.storage.portal().audit_seen(write, "store.up", &id.to_string(), seen);
            }
            (Health::Up | Health::Suspect | Health::Down, Health::Up | Health::Suspect) => {}
        }
    }
}

fn polled(stat: StatReply) -> Polled {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    Polled {
        boot_id: stat.boot_id,
        capacity_bytes: number(stat.capacity_bytes),
        used_bytes: number(stat.used_bytes),
        free_bytes: number(stat.free_bytes),
        units: number(stat.units),
    }
}

/// Every replica shows what is stored, so that any of them may be asked.
fn measure(stores: &[Store]) {
    let mut by_health = BTreeMap::from([("up", 0), ("suspect", 0), ("down", 0)]);
    for store in stores {
        *by_health.entry(store.health.as_str()).or_default() += 1;
        let id = store.id.to_string();
        metrics::gauge!("amphi_storage_store_free_bytes", "store" => id.clone()).set(store.free_bytes as f64);
        metrics::gauge!("amphi_storage_store_used_bytes", "store" => id.clone()).set(store.used_bytes as f64);
        metrics::gauge!("amphi_storage_store_unit_count", "store" => id).set(store.units as f64);
    }
    for (health, count) in by_health {
        metrics::gauge!("amphi_storage_store_count", "health" => health).set(f64::from(count));
    }
}
