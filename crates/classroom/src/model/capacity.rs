//! How many conference servers are wanted: what an autoscaler acts on.
//!
//! So many that what is on them, with what is reserved, stays below the target even when the largest of them is lost. Which
//! to keep: the most loaded ones, since those that have little are empty soonest.

use serde::Serialize;
use utoipa::ToSchema;

use super::server::WEIGHT_USUAL;

/// Users that a server of the usual weight should have at most, unless the caller says otherwise.
pub(crate) const TARGET_USERS: u32 = 200;

/// An enabled server that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Serving {
    pub(crate) id: String,
    /// Its share of the meetings, [`WEIGHT_USUAL`] being the usual one.
    pub(crate) weight: u32,
    /// Tenths of a user, reservations included.
    pub(crate) load: u64,
}

/// How many servers there should be.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Capacity {
    /// So many are wanted: the load fits on them even when the largest is lost. At least one.
    pub(crate) servers_wanted: usize,
    /// So many are enabled and answer.
    pub(crate) servers_enabled: usize,
    /// The load on all servers that are not disabled, in users who only listen; reservations included.
    pub(crate) load: f64,
    /// The load for each server that is enabled and answers.
    pub(crate) load_per_server: f64,
    /// Servers beyond those wanted; below zero: so many are lacking.
    pub(crate) spare: i64,
    /// Ids of servers beyond those wanted, the least loaded first: cordon them, and remove each once it is disabled.
    pub(crate) remove_when_empty: Vec<String>,
}

/// Decides. `load` is that of all servers that are not disabled, tenths of a user; `target` is in users for a server of the
/// usual weight.
pub(crate) fn capacity(mut serving: Vec<Serving>, load: u64, target: u32) -> Capacity {
    let by_load = |a: &Serving, b: &Serving| b.load.cmp(&a.load).then(b.weight.cmp(&a.weight)).then(a.id.cmp(&b.id));
    serving.sort_by(by_load);
    let holds = |weight: u32| u64::from(target.max(1)) * 10 * u64::from(weight) / u64::from(WEIGHT_USUAL);
    let (mut room, mut largest, mut wanted) = (0, 0, 0);
    while wanted == 0 || room - largest < load {
        // Where those that are there are too few, more of the usual weight are.
        let more = holds(serving.get(wanted).map_or(WEIGHT_USUAL, |server| server.weight));
        room += more;
        largest = more.max(largest);
        wanted += 1;
    }
    let enabled = serving.len();
    let users = load as f64 / 10.0;
    Capacity {
        servers_wanted: wanted,
        servers_enabled: enabled,
        load: users,
        load_per_server: if enabled == 0 { 0.0 } else { users / enabled as f64 },
        spare: i64::try_from(enabled).unwrap_or(i64::MAX) - i64::try_from(wanted).unwrap_or(i64::MAX),
        remove_when_empty: serving.into_iter().skip(wanted).rev().map(|server| server.id).collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn servers(loads: &[u64]) -> Vec<Serving> {
        let server = |(n, load): (usize, &u64)| Serving { id: format!("s{n}"), weight: WEIGHT_USUAL, load: *load };
        loads.iter().enumerate().map(server).collect()
    }

    #[test]
    fn one_is_spare_and_the_emptiest_may_go() {
        let of = |loads: &[u64]| capacity(servers(loads), loads.iter().sum(), 200);
        assert_eq!(of(&[]).servers_wanted, 1, "somebody may come");
        assert_eq!(of(&[0, 0, 0]).servers_wanted, 1);
        let three = of(&[500, 10, 1_000]);
        assert_eq!((three.servers_wanted, three.spare), (2, 1), "151 users fit on one, and one is spare");
        assert_eq!(three.remove_when_empty, ["s1"]);
        assert_eq!((three.load, three.load_per_server), (151.0, 50.333333333333336));
        let full = of(&[2_000, 2_000]);
        assert_eq!((full.servers_wanted, full.spare), (3, -1));
        assert!(full.remove_when_empty.is_empty());
    }

    proptest! {
        #[test]
        fn the_load_fits_without_the_largest_and_not_on_fewer(
            own in prop::collection::vec((1u32..=10_000, 0u64..100_000), 0..30),
            draining in 0u64..50_000,
            target in 1u32..2_000,
        ) {
            let serving: Vec<Serving> = own.iter().enumerate()
                .map(|(n, (weight, load))| Serving { id: format!("s{n:02}"), weight: *weight, load: *load }).collect();
            let load = draining + own.iter().map(|(_, load)| load).sum::<u64>();
            let told = capacity(serving.clone(), load, target);
            let removed: Vec<&Serving> = serving.iter().filter(|s| told.remove_when_empty.contains(&s.id)).collect();
            let kept: Vec<&Serving> = serving.iter().filter(|s| !told.remove_when_empty.contains(&s.id)).collect();
            prop_assert_eq!(removed.len(), serving.len().saturating_sub(told.servers_wanted));
            prop_assert!(removed.iter().all(|gone| kept.iter().all(|kept| kept.load >= gone.load)));
            let holds = |weight: u32| u64::from(target) * 10 * u64::from(weight) / 100;
            let fits = |count: usize| {
                let mut order = serving.clone();
                order.sort_by(|a, b| b.load.cmp(&a.load).then(b.weight.cmp(&a.weight)).then(a.id.cmp(&b.id)));
                let each: Vec<u64> = (0..count).map(|n| holds(order.get(n).map_or(100, |s| s.weight))).collect();
                each.iter().sum::<u64>() - each.iter().max().copied().unwrap_or(0) >= load
            };
            prop_assert!(fits(told.servers_wanted));
            prop_assert!(told.servers_wanted == 1 || !fits(told.servers_wanted - 1));
        }
    }
}
