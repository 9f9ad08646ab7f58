//! Repair of stripes, and what else only the control plane does with stores.

use std::sync::Arc;

use bytes::Bytes;

use super::coding;
use super::link::Link;
use super::reading::Fault;
use super::{Inner, ReadError, Stripes, WriteError};
use crate::model::stripe::{StoreId, Stripe, StripeId};

/// Why a stripe could not be repaired.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RepairError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl Stripes {
    /// The volume's number.
    pub(crate) fn volume(&self) -> i64 {
        self.inner.volume
    }

    /// How stores name a unit of this volume.
    pub(crate) fn key(&self, stripe: StripeId, index: usize) -> wire::store::UnitKey {
        coding::key(self.inner.volume, stripe, index)
    }

    /// Whether a unit's store answers that it has no such unit, or has it damaged. `None`: it does not answer.
    pub(crate) async fn is_broken(&self, stripe: &Stripe, index: usize) -> Option<bool> {
        let bytes = stripe.code.geometry().ok().and_then(|geometry| geometry.fragment_bytes(index)).unwrap_or(0);
        match self.inner.asked(stripe, index, 0..bytes).await {
            Ok(_) => Some(false),
            Err(Fault::Damage(_)) => Some(true),
            Err(Fault::Link) => None,
        }
    }

    /// The connection to a store.
    pub(crate) fn link(&self, store: StoreId) -> Option<Arc<Link>> {
        self.inner.stores.link(store)
    }

    /// All stores it knows.
    pub(crate) fn store_ids(&self) -> Vec<StoreId> {
        self.inner.stores.ids()
    }

    /// Puts a unit on another store as well. Answers the stripe as it will be, with the unit there, or on yet another store
    /// when that one does not take it. Safe after [`Stripes::sync`], which may move it again.
    ///
    /// # Errors
    /// See [`RepairError`]; then the stripe is as it was.
    pub(crate) async fn unit_move(&self, stripe: &Stripe, index: usize, to: StoreId) -> Result<Stripe, RepairError> {
        let inner = &self.inner;
        let Some((_, bytes, _)) = inner.found(stripe, &[index]).await?.pop() else { return Ok(stripe.clone()) };
        let unit = coding::unit(inner.volume, stripe.id, stripe.code, index, bytes);
        let room = Inner::room(inner, std::slice::from_ref(&unit)).await?;
        let put = inner.stores.put_all(vec![(unit, to)], stripe.stores.clone()).await?;
        let mut moved = stripe.clone();
        put.iter().for_each(|unit| moved.stores[index] = unit.store);
        Inner::remember(inner, moved.clone(), put, room);
        Ok(moved)
    }

    /// A store for each of the units `lost` of a stripe, as far as there are any: first for those whose store does not answer.
    ///
    /// # Errors
    /// `TooFewStores` and `Full` when there is none at all.
    pub(crate) fn targets(&self, on: &[StoreId], lost: &[usize]) -> Result<Vec<(usize, StoreId)>, WriteError> {
        let stores = &self.inner.stores;
        let mut taken = on.to_vec();
        lost.iter().for_each(|index| taken[*index] = StoreId::MIN);
        let mut lost = lost.to_vec();
        lost.sort_by_key(|index| !stores.is_suspect(on[*index]));
        let (mut targets, mut left) = (Vec::with_capacity(lost.len()), Vec::new());
        for index in lost {
            match stores.spare(&taken, &[]) {
                Ok(store) => {
                    taken[index] = store;
                    targets.push((index, store));
                }
                Err(error) if targets.is_empty() => return Err(error),
                Err(_) => left.push(index),
            }
        }
        // No store may have two units: one that a unit stays on without a target is for that unit.
        while let Some(index) = left.pop() {
            if let Some(target) = targets.iter_mut().find(|(_, store)| *store == on[index]) {
                left.push(std::mem::replace(&mut target.0, index));
            }
        }
        Ok(targets)
    }

    /// Puts the units `lost` of a stripe anew, on the stores that placement chooses, or as many as there are stores for; a unit
    /// that can be read where it is is copied from there. Answers the stripe as it will be. Safe after [`Stripes::sync`], which may move it again.
    ///
    /// # Errors
    /// See [`RepairError`]; then the stripe is as it was.
    pub(crate) async fn repair(&self, stripe: &Stripe, lost: &[usize]) -> Result<Stripe, RepairError> {
        let inner = &self.inner;
        let key = |index| coding::key(inner.volume, stripe.id, index);
        let targets = self.targets(&stripe.stores, lost)?;
        let indexes: Vec<usize> = targets.iter().map(|(index, _)| *index).collect();
        let mut taken: Vec<StoreId> = stripe.stores.clone();
        let mut units = Vec::with_capacity(targets.len());
        for (index, bytes, is_whole) in inner.found(stripe, &indexes).await? {
            let Some((_, store)) = targets.iter().copied().find(|(at, _)| *at == index) else { continue };
            if is_whole && store == stripe.stores[index] {
                continue;
            }
            if store == stripe.stores[index]
                && let Some(link) = inner.stores.link(store)
            {
                // A store keeps what it has under a key: the damaged unit has to go first. What fails shows at the put.
                let _ = link.delete(vec![key(index)]).await;
            }
            taken[index] = store;
            units.push((coding::unit(inner.volume, stripe.id, stripe.code, index, bytes), store));
        }
        let whole: Vec<_> = units.iter().map(|(unit, _)| unit.clone()).collect();
        let room = Inner::room(inner, &whole).await?;
        let others = taken.iter().copied().filter(|id| units.iter().all(|(_, store)| store != id)).collect();
        let put = inner.stores.put_all(units, others).await?;
        let mut repaired = stripe.clone();
        for unit in &put {
            repaired.stores[unit.unit.key.map_or(0, |key| key.index) as usize] = unit.store;
        }
        Inner::remember(inner, repaired.clone(), put, room);
        Ok(repaired)
    }
}

impl Inner {
    /// The bytes of the units `lost`: read whole where they are (`true`), or computed.
    async fn found(&self, stripe: &Stripe, lost: &[usize]) -> Result<Vec<(usize, Bytes, bool)>, ReadError> {
        let geometry = stripe.code.geometry()?;
        let mut found = Vec::with_capacity(lost.len());
        let mut gone = Vec::new();
        for &index in lost {
            let whole = 0..geometry.fragment_bytes(index).ok_or(ReadError::Described(stripe.id))?;
            let is_open = !self.stores.is_suspect(stripe.stores[index]);
            match if is_open { self.asked(stripe, index, whole).await.ok() } else { None } {
                Some(bytes) => found.push((index, bytes, true)),
                None => gone.push(index),
            }
        }
        if !gone.is_empty() {
            let (geometry, have) = self.units(stripe, &gone).await?;
            let computed = coding::recover(geometry, &have, &gone)?;
            found.extend(computed.into_iter().map(|(index, bytes)| (index, bytes, false)));
        }
        Ok(found)
    }
}
