//! Looks at what a stopped control plane left, as its duties would find it a day and a half later: what is collected goes,
//! and whatever then does not fit together is told.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use db::{Clock, Database, Query, SystemClock};
use portal::{Portal, PortalConfig, Seal};
use wire::authority::Authority;
use wire::store::UnitKey;

use crate::model::stripe::{StoreId, StripeId};
use crate::queries::care::{cared_volumes, stripe_range};
use crate::stripe::{Credentials, Link, LinkError, StoreAddress, Stripes};
use crate::{NodeFacts, Nodes, ServiceError, Storage, StorageConfig};

/// Longer than anything that is to be collected is kept.
const LATER: Duration = Duration::from_secs(36 * 3_600);
/// Units that are listed, and stripes that are read, at once.
const PAGE: u32 = 10_000;

/// See the file's head.
pub struct Audit {
    storage: Storage,
    ahead: Arc<Ahead>,
}

#[derive(Debug, Default)]
struct Ahead(AtomicI64);

impl Clock for Ahead {
    fn now_ms(&self) -> i64 {
        SystemClock.now_ms() + self.0.load(Ordering::Relaxed)
    }
}

struct NoNodes;

#[async_trait::async_trait]
impl Nodes for NoNodes {
    async fn node(&self, _: &str) -> Result<Option<NodeFacts>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(None)
    }

    async fn find(&self, _: &str) -> Result<Option<(String, String)>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(None)
    }
}

impl Audit {
    /// Opens the state in `dir` of an `amphi serve` on SQLite that has ended. Its stores run.
    pub async fn open(dir: &Path) -> Self {
        let ahead = Arc::new(Ahead::default());
        let url = format!("sqlite:{}", dir.join("amphi.db").display());
        let db = Database::open_with_clock(&url, ahead.clone()).await.expect("the database");
        let portal = Portal::open(db.clone(), PortalConfig::default()).expect("the portal");
        let authority = Authority::open_or_create(dir).expect("the authority");
        let seal = Seal::open_or_create(dir).expect("the seal");
        let config = StorageConfig { replica: "audit".to_owned(), authority, seal, nodes: Arc::new(NoNodes) };
        let storage = Storage::open(db, portal, config);
        // The stores' clocks are right, so the certificate has to be of the present.
        storage.control_credentials().expect("a certificate");
        Self { storage, ahead }
    }

    /// Lets time pass and does what the duties do then.
    ///
    /// # Errors
    /// See [`ServiceError`].
    pub async fn collect(&self) -> Result<(), ServiceError> {
        self.ahead.0.store(i64::try_from(LATER.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
        self.storage.sessions_sweep().await?;
        self.storage.collect().await?;
        self.storage.survey().await?;
        // What was repaired is looked at once more.
        self.storage.repairs_do().await?;
        self.storage.repairs_do().await.map(drop)
    }

    /// What does not fit together, a sentence each.
    ///
    /// # Errors
    /// See [`ServiceError`].
    pub async fn faults(&self) -> Result<Vec<String>, ServiceError> {
        let mut faults = Vec::new();
        for (what, sql) in ROWS {
            let count: i64 = self.storage.db().one(Query::new(*sql)).await?.get("n")?;
            if count > 0 {
                faults.push(format!("{count} {what}"));
            }
        }
        for volume in cared_volumes(self.storage.db()).await? {
            let stripes = self.storage.stripes(volume.id, volume.layout).await?;
            let mut units = self.expected(volume.id).await?;
            for store in stripes.store_ids() {
                self.store_faults(&stripes, store, &mut units, &mut faults).await;
            }
            let missing = |((stripe, index), store)| format!("unit {index} of stripe {stripe} is not at store {store}");
            faults.extend(units.into_iter().map(missing));
        }
        Ok(faults)
    }

    /// Where each unit has to be.
    async fn expected(&self, volume: i64) -> Result<BTreeMap<(StripeId, usize), StoreId>, ServiceError> {
        let (mut units, mut first) = (BTreeMap::new(), StripeId::MIN);
        loop {
            let page = stripe_range(self.storage.db(), volume, (first, StripeId::MAX), PAGE.into()).await?;
            let Some(last) = page.last() else { return Ok(units) };
            first = last.stripe.id + 1;
            for on in page {
                let stores = on.stripe.stores.into_iter().enumerate();
                units.extend(stores.map(|(index, store)| ((on.stripe.id, index), store)));
            }
        }
    }

    async fn store_faults(
        &self,
        stripes: &Stripes,
        store: StoreId,
        units: &mut BTreeMap<(StripeId, usize), StoreId>,
        faults: &mut Vec<String>,
    ) {
        let Some(link) = stripes.link(store) else { return };
        let mut after: Option<UnitKey> = None;
        loop {
            let listed = match link.list(stripes.volume(), after, PAGE).await {
                Ok(listed) => listed,
                Err(error) => return faults.push(format!("store {store} can't be listed: {error}")),
            };
            let Some(last) = listed.last() else { break };
            after = last.key;
            for key in listed.into_iter().filter_map(|unit| unit.key) {
                let place = (key.stripe as StripeId, key.index as usize);
                if units.get(&place) == Some(&store) {
                    units.remove(&place);
                } else {
                    faults.push(format!("unit {} of stripe {} at store {store} belongs to nothing", place.1, place.0));
                }
            }
        }
        match damaged(&link).await {
            Ok(damaged) => faults.extend(damaged.into_iter().map(|key| format!("{key:?} at store {store} is damaged"))),
            Err(error) => faults.push(format!("store {store} can't be compared: {error}")),
        }
    }
}

/// What there may be none of.
const ROWS: &[(&str, &str)] = &[
    ("stripes are in the trash", "SELECT COUNT(*) AS n FROM storage_trash"),
    (
        "stripes belong to no file",
        "SELECT COUNT(*) AS n FROM storage_stripe s WHERE NOT EXISTS (SELECT 1 FROM storage_piece p WHERE p.stripe = s.id)",
    ),
    (
        "pieces of files have no stripe",
        "SELECT COUNT(*) AS n FROM storage_piece p WHERE NOT EXISTS (SELECT 1 FROM storage_stripe s WHERE s.id = p.stripe)",
    ),
    (
        "pieces have no file",
        "SELECT COUNT(*) AS n FROM storage_piece p WHERE NOT EXISTS (SELECT 1 FROM storage_inode i \
         WHERE i.space = p.space AND i.ino = p.ino)",
    ),
    (
        "names lead to nothing",
        "SELECT COUNT(*) AS n FROM storage_entry e WHERE NOT EXISTS (SELECT 1 FROM storage_inode i \
         WHERE i.space = e.space AND i.ino = e.ino)",
    ),
    (
        "files have no name",
        "SELECT COUNT(*) AS n FROM storage_inode i JOIN storage_space s ON s.id = i.space WHERE i.ino <> s.root \
         AND NOT EXISTS (SELECT 1 FROM storage_entry e WHERE e.space = i.space AND e.ino = i.ino)",
    ),
    (
        "exports count other bytes than they hold",
        "SELECT COUNT(*) AS n FROM storage_space s WHERE s.used_bytes <> (SELECT COALESCE(SUM(t.bytes), 0) \
         FROM storage_piece p JOIN storage_stripe t ON t.id = p.stripe WHERE p.space = s.id)",
    ),
    (
        "exports count other files than they hold",
        "SELECT COUNT(*) AS n FROM storage_space s WHERE s.used_inodes <> \
         (SELECT COUNT(*) FROM storage_inode i WHERE i.space = s.id)",
    ),
];

/// A running store, looked into from outside.
pub struct Probe {
    link: Link,
}

impl Probe {
    /// Of store `number` on a node, at `host:port`. `credentials` are those of the control plane.
    pub fn new(number: StoreId, node: &str, address: &str, credentials: Credentials) -> Self {
        let address = StoreAddress {
            id: number,
            node: node.to_owned(),
            addresses: vec![address.to_owned()],
            free_bytes: 0,
            domain: node.to_owned(),
            is_writable: true,
            is_up: true,
        };
        Self { link: Link::new(address, tokio::sync::watch::Sender::new(credentials).subscribe()) }
    }

    /// Volume, stripe and index of each unit that is damaged at rest.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn damaged(&self) -> Result<Vec<(u64, u64, u32)>, LinkError> {
        damaged(&self.link).await
    }
}

async fn damaged(link: &Link) -> Result<Vec<(u64, u64, u32)>, LinkError> {
    let (mut damaged, mut after) = (Vec::new(), None);
    loop {
        let slice = link.verify(after, 64 << 20).await?;
        damaged.extend(slice.damaged.iter().map(|key| (key.volume, key.stripe, key.index)));
        after = slice.last;
        if slice.is_end || after.is_none() {
            return Ok(damaged);
        }
    }
}
