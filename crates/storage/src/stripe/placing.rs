//! Which stores get the units of a stripe.
//!
//! Units go to as many failure domains as there are, then to as many nodes, and never two to one store; among equals, free
//! space decides. One choice serves a few hundred stripes, turned by one each time: so the units of many small files
//! meet in the same requests and syncs, and the lists of stores that metadata has to know stay few.

use std::collections::HashMap;
use std::time::Duration;

use placement::{Algorithm, Health, Member, Pool};
use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::{StoreAddress, WriteError};
use crate::model::stripe::StoreId;

/// Stripes that one choice serves.
const STRIPES_PER_CHOICE: usize = 256;

/// Decides, from what is known of the stores now.
pub(crate) struct Placer {
    pool: Pool<StoreId>,
    places: HashMap<StoreId, Place>,
    /// By the number of units.
    choices: HashMap<usize, Choice>,
    rng: SmallRng,
}

struct Place {
    node: String,
    domain: String,
    is_taking: bool,
}

struct Choice {
    stores: Vec<StoreId>,
    used: usize,
}

impl Placer {
    pub(crate) fn new() -> Self {
        // No reservations are made, so that their lifetime does not matter; the algorithm draws nothing either.
        let pool = Pool::new(Duration::from_secs(1));
        Self { pool, places: HashMap::new(), choices: HashMap::new(), rng: SmallRng::seed_from_u64(0) }
    }

    /// Takes over the list of all stores.
    pub(crate) fn stores_set(&mut self, stores: &[StoreAddress]) {
        let gone: Vec<_> =
            self.places.keys().copied().filter(|id| stores.iter().all(|store| store.id != *id)).collect();
        for id in gone {
            self.pool.remove(&id);
            self.places.remove(&id);
            self.choices_forget(id);
        }
        for store in stores {
            let is_taking = store.is_writable && store.is_up;
            // In MiB: what has less is full.
            let weight = if is_taking { u32::try_from(store.free_bytes >> 20).unwrap_or(u32::MAX) } else { 0 };
            if !self.pool.insert(store.id, weight) {
                let _ = self.pool.weight_set(&store.id, weight);
            }
            if weight == 0 {
                self.choices_forget(store.id);
            }
            let place = Place { node: store.node.clone(), domain: store.domain.clone(), is_taking };
            let was_taking = self.places.insert(store.id, place).is_some_and(|place| place.is_taking);
            // Who joins, or comes back, lets stripes be further apart than the choices made without it.
            if is_taking && !was_taking {
                self.choices.clear();
            }
        }
    }

    /// Notes whether a store answers. One that does not is chosen only when nobody else is left.
    pub(crate) fn suspect_set(&mut self, id: StoreId, is_suspect: bool) {
        let health = if is_suspect { Health::Suspect } else { Health::Up };
        let _ = self.pool.health_set(&id, health);
        if is_suspect {
            self.choices_forget(id);
        }
    }

    pub(crate) fn is_suspect(&self, id: StoreId) -> bool {
        self.pool.get(&id).is_none_or(|member| member.health() != Health::Up)
    }

    /// Notes that a store took nothing for want of room; the next list says whether it has room again.
    pub(crate) fn full_set(&mut self, id: StoreId) {
        let _ = self.pool.weight_set(&id, 0);
        self.choices_forget(id);
    }

    /// A store for each of `units` units.
    pub(crate) fn pick(&mut self, units: usize) -> Result<Vec<StoreId>, WriteError> {
        if self.choices.get(&units).is_none_or(|choice| choice.used >= STRIPES_PER_CHOICE) {
            let stores = self.choose(units)?;
            self.choices.insert(units, Choice { stores, used: 0 });
        }
        let Some(choice) = self.choices.get_mut(&units) else { return Err(self.lack(units)) };
        let turn = choice.used % units;
        choice.used += 1;
        let mut stores = choice.stores.clone();
        stores.rotate_left(turn);
        Ok(stores)
    }

    /// Another store for one unit of a stripe whose others are on `taken`; none of `refused`.
    pub(crate) fn spare(&mut self, taken: &[StoreId], refused: &[StoreId]) -> Option<StoreId> {
        let Self { pool, places, rng, .. } = self;
        let may = |member: &Member<StoreId>| {
            member.weight() > 0 && !taken.contains(member.id()) && !refused.contains(member.id())
        };
        // Nobody who is up is passed over for somebody who stands better and does not answer.
        let health = pool.iter().filter(|member| may(member)).map(|member| rank(member.health())).min()?;
        let crowd = |member: &Member<StoreId>| crowd(places, taken, *member.id());
        let rank_of = |member: &Member<StoreId>| rank(member.health());
        let least = pool.iter().filter(|member| may(member) && rank_of(member) == health).map(crowd).min()?;
        let fits = |member: &Member<StoreId>| may(member) && rank_of(member) == health && crowd(member) == least;
        pool.pick(Algorithm::WeightedRoundRobin, 0, rng, fits)
    }

    fn choose(&mut self, units: usize) -> Result<Vec<StoreId>, WriteError> {
        let mut stores = Vec::with_capacity(units);
        while stores.len() < units {
            match self.spare(&stores, &[]) {
                Some(store) => stores.push(store),
                None => return Err(self.lack(units)),
            }
        }
        stores.sort_unstable();
        Ok(stores)
    }

    /// Why no choice of `need` stores can be made.
    pub(crate) fn lack(&self, need: usize) -> WriteError {
        let have = self.places.values().filter(|place| place.is_taking).count();
        if have >= need { WriteError::Full } else { WriteError::TooFewStores { need, have } }
    }

    fn choices_forget(&mut self, id: StoreId) {
        self.choices.retain(|_, choice| !choice.stores.contains(&id));
    }
}

fn rank(health: Health) -> u8 {
    match health {
        Health::Up => 0,
        Health::Suspect => 1,
        Health::Down => 2,
    }
}

/// How many units of the stripe are in the store's domain already, and how many on its node.
fn crowd(places: &HashMap<StoreId, Place>, taken: &[StoreId], id: StoreId) -> (usize, usize) {
    let Some(place) = places.get(&id) else { return (usize::MAX, usize::MAX) };
    let others = || taken.iter().filter_map(|id| places.get(id));
    let domain = others().filter(|other| other.domain == place.domain).count();
    (domain, others().filter(|other| other.node == place.node).count())
}

#[cfg(test)]
mod tests;
