//! Stores: taken up when their nodes announce them, changed by operators, told to those who use them.

use db::{DbError, Write};
use placement::Health;
use portal::Caller;
use serde_json::json;
use wire::store::{AnnounceRequest, Number, Offer};

use super::ServiceError;
use crate::model::store::{PROVIDER_LABEL, Store, StoreKind, StoreState};
use crate::model::stripe::StoreId;
use crate::queries::store::{
    store_announced, store_delete, store_get, store_insert, store_is_used, store_list, store_of_uuid, store_state_set,
};
use crate::queries::volume::volume_get;
use crate::stripe::StoreAddress;
use crate::{NodeFacts, Storage};

/// Told when a store comes, goes, or changes its state, health or address.
pub(crate) const STORES: &str = "storage.stores";
/// Stores that one node may offer.
const OFFERS_MAX: usize = 256;
/// Addresses of a node that are kept.
const ADDRESSES_MAX: usize = 16;

impl Storage {
    /// All stores, by number.
    pub(crate) async fn store_list(&self) -> Result<Vec<Store>, ServiceError> {
        Ok(store_list(self.db()).await?)
    }

    /// A store by its number.
    pub(crate) async fn store_get(&self, id: StoreId) -> Result<Store, ServiceError> {
        store_get(self.db(), id).await?.ok_or(ServiceError::StoreUnknown(id))
    }

    /// All stores, as clients of this volume dial them: what is on a store stays readable whatever becomes of its labels.
    /// Those that carry the volume's labels take new units; none does when there is no such volume any more.
    pub(crate) async fn store_addresses(&self, volume: i64) -> Result<Vec<StoreAddress>, ServiceError> {
        let volume = volume_get(self.db(), volume).await?;
        let address = |store: Store| {
            let is_fitting = volume.as_ref().is_some_and(|volume| volume.has(&store));
            let address = StoreAddress::from(store);
            StoreAddress { is_writable: address.is_writable && is_fitting, ..address }
        };
        Ok(store_list(self.db()).await?.into_iter().map(address).collect())
    }

    /// Sets what an operator wants of a store.
    pub(crate) async fn store_state_set(
        &self,
        caller: &Caller,
        id: StoreId,
        state: StoreState,
    ) -> Result<Store, ServiceError> {
        let read = self.store_get(id).await?;
        let mut write = Write::new();
        store_state_set(&mut write, &read, state);
        write.push_event(STORES);
        let detail = json!({ "before": read.state.as_str(), "after": state.as_str() });
        self.portal().audit(&mut write, caller, "store.change", &id.to_string(), detail);
        self.db().write(write).await?;
        Ok(Store { state, ..read })
    }

    /// Removes a store that no stripe is on.
    pub(crate) async fn store_remove(&self, caller: &Caller, id: StoreId) -> Result<(), ServiceError> {
        let store = self.store_get(id).await?;
        if store_is_used(self.db(), id).await? {
            return Err(ServiceError::StoreUsed(id));
        }
        if store.is_up() && !matches!(store.state, StoreState::Disabled | StoreState::Drained) {
            return Err(ServiceError::StoreOffered(id));
        }
        let mut write = Write::new();
        store_delete(&mut write, id);
        write.push_event(STORES);
        let detail = json!({ "uuid": store.uuid, "node": store.node, "name": store.name });
        self.portal().audit(&mut write, caller, "store.remove", &id.to_string(), detail);
        match self.db().write(write).await {
            Ok(_) => Ok(()),
            // Something was written to it meanwhile.
            Err(DbError::Unmet { .. }) => Err(ServiceError::StoreUsed(id)),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes up what a node offers, and answers the stores' numbers.
    pub(crate) async fn stores_announced(
        &self,
        node: &str,
        facts: &NodeFacts,
        request: AnnounceRequest,
    ) -> Result<Vec<Number>, ServiceError> {
        if request.offers.len() > OFFERS_MAX {
            return Err(ServiceError::StoresTooMany(OFFERS_MAX));
        }
        let port = u16::try_from(request.port).map_err(|_| ServiceError::StorePort(request.port))?;
        let host = |address: String| {
            if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
        };
        let addresses: Vec<String> = request.addresses.into_iter().take(ADDRESSES_MAX).map(host).collect();
        let mut numbers = Vec::with_capacity(request.offers.len());
        for offer in request.offers {
            let uuid = offer.uuid.clone();
            let store = self.store_announced(node, facts, &addresses, offer).await?;
            numbers.push(Number { uuid, store: store.unsigned_abs() });
        }
        Ok(numbers)
    }

    async fn store_announced(
        &self,
        node: &str,
        facts: &NodeFacts,
        addresses: &[String],
        offer: Offer,
    ) -> Result<StoreId, ServiceError> {
        let now_ms = self.db().clock().now_ms();
        let name: String = offer.name.chars().filter(|c| !c.is_control()).take(100).collect();
        let (mut kind, mut labels) = (StoreKind::Node, facts.labels.clone());
        let provider: String = offer.provider.chars().filter(|c| !c.is_control()).take(100).collect();
        if !provider.is_empty() {
            kind = StoreKind::Bucket;
            labels.insert(PROVIDER_LABEL.to_owned(), provider);
        }
        let mut write = Write::new();
        let Some(read) = store_of_uuid(self.db(), &offer.uuid).await? else {
            let store = Store {
                id: self.number().await?,
                uuid: offer.uuid.parse::<uuid::Uuid>().map_err(|_| ServiceError::StoreUuid)?.to_string(),
                kind,
                node: node.to_owned(),
                name,
                addresses: addresses.to_vec(),
                labels,
                state: StoreState::Enabled,
                health: Health::Up,
                capacity_bytes: i64::try_from(offer.capacity_bytes).unwrap_or(i64::MAX),
                used_bytes: 0,
                free_bytes: 0,
                units: 0,
                boot_id: String::new(),
                detail: String::new(),
                announced_ms: now_ms,
                seen_ms: now_ms,
                created_ms: now_ms,
            };
            store_insert(&mut write, &store);
            write.push_event(STORES);
            self.db().write(write).await?;
            tracing::info!(store.id = store.id, "store {} ({} on {}) joined", store.id, store.name, facts.name);
            return Ok(store.id);
        };
        let now = Store { node: node.to_owned(), name, addresses: addresses.to_vec(), labels, ..read.clone() };
        let now = Store { announced_ms: now_ms, ..now };
        store_announced(&mut write, &now);
        if now != (Store { announced_ms: now_ms, ..read }) {
            write.push_event(STORES);
        }
        self.db().write(write).await?;
        Ok(now.id)
    }
}

impl From<Store> for StoreAddress {
    fn from(store: Store) -> Self {
        let (is_writable, is_up) = (store.state == StoreState::Enabled, store.is_up());
        // Where a bucket's units are is its provider's matter, whichever node serves it.
        let domain = match store.kind {
            StoreKind::Bucket => PROVIDER_LABEL,
            StoreKind::Node => "site",
        };
        Self {
            id: store.id,
            domain: store.labels.get(domain).unwrap_or(&store.node).clone(),
            node: store.node,
            addresses: store.addresses,
            free_bytes: store.free_bytes.unsigned_abs(),
            is_writable,
            is_up,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::plane::Plane;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_bucket_fails_with_its_provider_and_a_directory_with_its_site() {
        let plane = Plane::new(1, 0).await;
        let labels = BTreeMap::from([("site".to_owned(), "paris".to_owned())]);
        let facts = NodeFacts { name: "lab-a".to_owned(), labels };
        let offer = |number: u128, provider: &str| Offer {
            uuid: uuid::Uuid::from_u128(number).to_string(),
            name: "files".to_owned(),
            capacity_bytes: 1 << 30,
            provider: provider.to_owned(),
        };
        for _ in 0..2 {
            let offers = vec![offer(1, ""), offer(2, "s3.example.org")];
            let request = AnnounceRequest { port: 1, addresses: vec!["192.0.2.1".to_owned()], offers };
            plane.storage.stores_announced("uid-a", &facts, request).await.unwrap();
            let stores = plane.storage.store_list().await.unwrap();
            let known = stores.into_iter().map(|store| (store.kind, StoreAddress::from(store).domain));
            let wanted = [(StoreKind::Node, "paris"), (StoreKind::Bucket, "s3.example.org")];
            assert_eq!(known.collect::<Vec<_>>(), wanted.map(|(kind, domain)| (kind, domain.to_owned())));
        }
    }
}
