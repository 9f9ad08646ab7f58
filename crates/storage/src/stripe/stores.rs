//! The stores of a volume: connections, who answers, who is chosen.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::Duration;

use futures::future::try_join_all;
use tokio::sync::watch;
use wire::store::Unit;

use super::link::{Link, LinkError};
use super::placing::Placer;
use super::putting::PutQueue;
use super::{Credentials, StoreAddress, WriteError};
use crate::model::stripe::StoreId;

/// How long after a failure a store is asked whether it answers again; doubled up to the second.
const PROBE_PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(8));

pub(crate) struct Stores {
    credentials: watch::Sender<Credentials>,
    open: RwLock<HashMap<StoreId, Open>>,
    placer: Mutex<Placer>,
}

/// A store with its connection.
#[derive(Clone)]
struct Open {
    link: Arc<Link>,
    queue: PutQueue,
}

/// A unit that a store has taken under a boot id.
pub(crate) struct TakenUnit {
    pub(crate) unit: Unit,
    pub(crate) store: StoreId,
    pub(crate) boot_id: Arc<str>,
}

/// What the units of one stripe that are put at the same time know of one another.
struct Company {
    taken: Vec<StoreId>,
    refused: Vec<StoreId>,
}

impl Stores {
    pub(crate) fn new(credentials: Credentials) -> Self {
        let placer = Mutex::new(Placer::new());
        Self { credentials: watch::Sender::new(credentials), open: RwLock::default(), placer }
    }

    pub(crate) fn credentials_set(&self, credentials: Credentials) {
        self.credentials.send_replace(credentials);
    }

    pub(crate) fn set(&self, stores: Vec<StoreAddress>) {
        self.placer().stores_set(&stores);
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        open.retain(|id, _| stores.iter().any(|store| store.id == *id));
        for store in stores {
            if open.get(&store.id).is_some_and(|open| open.link.leads_to(&store)) {
                continue;
            }
            let id = store.id;
            let link = Arc::new(Link::new(store, self.credentials.subscribe()));
            open.insert(id, Open { link: link.clone(), queue: PutQueue::start(link) });
        }
    }

    /// The connection to a store; `None`: there is no such store any more.
    pub(crate) fn link(&self, id: StoreId) -> Option<Arc<Link>> {
        self.open(id).map(|open| open.link)
    }

    /// All stores.
    pub(crate) fn ids(&self) -> Vec<StoreId> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    pub(crate) fn is_suspect(&self, id: StoreId) -> bool {
        self.placer().is_suspect(id)
    }

    /// A store for each unit of a new stripe.
    pub(crate) fn pick(&self, units: usize) -> Result<Vec<StoreId>, WriteError> {
        self.placer().pick(units)
    }

    /// A store for one unit more of a stripe that is on `taken`.
    pub(crate) fn spare(&self, taken: &[StoreId], refused: &[StoreId]) -> Result<StoreId, WriteError> {
        let mut placer = self.placer();
        placer.spare(taken, refused).ok_or_else(|| placer.lack(taken.len()))
    }

    /// Puts units of one stripe, each on the store named with it or on one that takes its place; all at the same time.
    /// `others`: stores that hold other units of the stripe.
    pub(crate) async fn put_all(
        self: &Arc<Self>,
        units: Vec<(Unit, StoreId)>,
        others: Vec<StoreId>,
    ) -> Result<Vec<TakenUnit>, WriteError> {
        let taken = units.iter().map(|(_, store)| *store).chain(others).collect();
        let company = Mutex::new(Company { taken, refused: Vec::new() });
        try_join_all(units.into_iter().map(|(unit, store)| self.put_one(unit, store, &company))).await
    }

    async fn put_one(
        self: &Arc<Self>,
        unit: Unit,
        mut store: StoreId,
        company: &Mutex<Company>,
    ) -> Result<TakenUnit, WriteError> {
        loop {
            let result = match self.open(store) {
                Some(open) => open.queue.put(unit.clone()).await,
                None => Err(LinkError::Slow(store)),
            };
            let error = match result {
                Ok(boot_id) => return Ok(TakenUnit { unit, store, boot_id }),
                Err(error) => error,
            };
            self.failed(store, &error);
            let mut company = company.lock().unwrap_or_else(PoisonError::into_inner);
            let spare = self.placer().spare(&company.taken, &[company.refused.as_slice(), &[store]].concat());
            let Some(spare) = spare else {
                let (stripe, index) = unit.key.map_or((0, 0), |key| (key.stripe as i64, key.index));
                return Err(match error {
                    LinkError::Full(_) => WriteError::Full,
                    source => WriteError::NoneTakes { stripe, index, source },
                });
            };
            tracing::debug!(store.id = store, error = &error as &dyn std::error::Error, "store {spare} in its place");
            company.taken.retain(|id| *id != store);
            company.taken.push(spare);
            company.refused.push(store);
            store = spare;
        }
    }

    /// Draws the consequences of a failed call.
    pub(crate) fn failed(self: &Arc<Self>, id: StoreId, error: &LinkError) {
        match error {
            LinkError::Full(_) => self.placer().full_set(id),
            LinkError::Slow(_) | LinkError::Unreachable(..) | LinkError::Failing(..) => self.suspect(id),
            LinkError::Restarted(_) | LinkError::Refused(..) => {}
        }
    }

    /// Passes a store over until it answers again.
    pub(crate) fn suspect(self: &Arc<Self>, id: StoreId) {
        let mut placer = self.placer();
        if placer.is_suspect(id) {
            return;
        }
        placer.suspect_set(id, true);
        drop(placer);
        tracing::debug!(store.id = id, "store {id} is slow or away; others are asked first");
        tokio::spawn(probe(Arc::downgrade(self), id));
    }

    fn open(&self, id: StoreId) -> Option<Open> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn placer(&self) -> MutexGuard<'_, Placer> {
        self.placer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks a store for nothing until it answers that, wherever it is by then.
async fn probe(stores: Weak<Stores>, id: StoreId) {
    let (mut pause, longest) = PROBE_PAUSES;
    loop {
        tokio::time::sleep(pause.mul_f64(rand::random_range(0.75..1.25))).await;
        let Some(stores) = stores.upgrade() else { return };
        // One that was removed is known to nobody, and not suspect should it ever come back.
        let Some(link) = stores.link(id) else { return };
        if !matches!(
            link.get(Vec::new()).await,
            Err(LinkError::Slow(_) | LinkError::Unreachable(..) | LinkError::Failing(..))
        ) {
            stores.placer().suspect_set(id, false);
            tracing::debug!(store.id = id, "store {id} answers again");
            return;
        }
        pause = (2 * pause).min(longest);
    }
}
