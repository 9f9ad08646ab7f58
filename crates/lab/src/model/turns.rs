//! Whose turn it is: those who want something get it in turns, however much each of them wants.
//!
//! Start-time fair queueing with equal shares: everybody carries a tag, the least tag is next and grows by one. A
//! newcomer, and who wanted nothing for a while, begins at the tag that was served last, so that nobody is owed for the
//! time in which they wanted nothing. Source: Goyal, Vin, Cheng, "Start-time Fair Queueing", SIGCOMM 1996.

use std::collections::HashMap;
use std::hash::Hash;

/// See the module's head. `K` names a party.
#[derive(Debug)]
pub struct Turns<K> {
    tags: HashMap<K, u64>,
    /// The tag that was served last.
    floor: u64,
}

impl<K> Default for Turns<K> {
    fn default() -> Self {
        Self { tags: HashMap::new(), floor: 0 }
    }
}

impl<K: Hash + Eq + Clone> Turns<K> {
    /// A party's tag: the less, the sooner it is its turn.
    pub fn tag(&self, party: &K) -> u64 {
        self.tags.get(party).copied().unwrap_or_default().max(self.floor)
    }

    /// The party was served once.
    pub fn take(&mut self, party: &K) {
        self.floor = self.tag(party);
        self.tags.insert(party.clone(), self.floor + 1);
    }

    /// Forgets those whose tag says no more than the floor does.
    pub fn prune(&mut self) {
        let floor = self.floor;
        self.tags.retain(|_, tag| *tag > floor);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Serves the party whose turn it is among those that want something.
    fn serve(turns: &mut Turns<usize>, wants: &mut [u32]) -> Option<usize> {
        let next = (0..wants.len()).filter(|party| wants[*party] > 0).min_by_key(|party| turns.tag(party))?;
        turns.take(&next);
        wants[next] -= 1;
        Some(next)
    }

    #[test]
    fn who_comes_late_is_next() {
        let mut turns = Turns::default();
        let mut wants = [10_000, 0];
        for _ in 0..5_000 {
            assert_eq!(serve(&mut turns, &mut wants), Some(0));
        }
        wants[1] = 1;
        let served = [serve(&mut turns, &mut wants), serve(&mut turns, &mut wants)];
        assert!(served.contains(&Some(1)), "{served:?}");
    }

    #[test]
    fn what_was_forgotten_changes_no_order() {
        let mut turns = Turns::default();
        for party in [1, 2, 1, 3] {
            turns.take(&party);
        }
        let before = [1, 2, 3, 4].map(|party| turns.tag(&party));
        turns.prune();
        assert_eq!([1, 2, 3, 4].map(|party| turns.tag(&party)), before);
    }

    proptest! {
        /// However much the others want, a party that wants one thing waits for one turn of each of them at most.
        #[test]
        fn nobody_waits_longer_than_a_turn_of_each(
            backlog in prop::collection::vec(0_u32..10_000, 1..20),
            before in 0_usize..2_000,
        ) {
            let mut wants = backlog.clone();
            wants.push(0);
            let mut turns = Turns::default();
            for _ in 0..before {
                serve(&mut turns, &mut wants);
            }
            let late = wants.len() - 1;
            wants[late] = 1;
            let waited = (0..).take_while(|_| serve(&mut turns, &mut wants) != Some(late)).count();
            prop_assert!(waited <= backlog.len(), "{waited} turns among {}", backlog.len());
        }

        /// Parties that want something all the time are never more than one turn apart.
        #[test]
        fn turns_are_even(parties in 1_usize..20, rounds in 1_usize..500) {
            let mut turns = Turns::default();
            let mut wants = vec![u32::MAX; parties];
            let mut served = vec![0_u32; parties];
            for _ in 0..rounds {
                let next = serve(&mut turns, &mut wants).expect("somebody wants something");
                served[next] += 1;
            }
            let (least, most) = (served.iter().min().copied(), served.iter().max().copied());
            prop_assert!(most.unwrap_or_default() - least.unwrap_or_default() <= 1, "{served:?}");
        }
    }
}
