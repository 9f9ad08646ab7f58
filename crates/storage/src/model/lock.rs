//! Locks: ranges of files that somebody holds. A session holds for its mount what the programs in it hold together, so that
//! nobody outside the mount knows which program it is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::inode::Ino;

/// The last byte that a file can have.
pub(crate) const LAST_BYTE: u64 = i64::MAX as u64;
/// Ranges of one file that a session holds at most.
pub(crate) const RANGES_MAX: usize = 1_024;
/// Files whose locks are set in one call at most, and their ranges.
pub(crate) const FILES_MAX: usize = 256;

/// A range of a file's bytes that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// The first byte.
    pub first: u64,
    /// The last one; 2^63 - 1: to the end, wherever that is.
    pub last: u64,
    /// Nobody else may hold any of it; else all may who share it too.
    pub is_exclusive: bool,
}

impl Held {
    /// Whether two who hold this are at odds.
    pub(crate) fn is_against(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last && (self.is_exclusive || other.is_exclusive)
    }
}

/// All that a session holds of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FileLocks {
    /// The file.
    pub ino: Ino,
    /// In order, apart from each other; 1,024 at most.
    pub held: Vec<Held>,
}

impl FileLocks {
    /// What is wrong with it.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let is_range = |held: &Held| held.first <= held.last && held.last <= LAST_BYTE;
        if self.held.len() > RANGES_MAX {
            return Some("there are too many ranges of one file");
        }
        if !self.held.iter().all(is_range) {
            return Some("a range ends before it begins, or behind what a file can have");
        }
        let in_order = self.held.windows(2).all(|pair| pair[0].last < pair[1].first);
        if in_order { None } else { Some("the ranges are not in order, or not apart") }
    }
}

/// Makes the range what `is_exclusive` says, `None`: free, whatever it was before. Ranges that touch and are alike become one.
pub(crate) fn range_set(held: &mut Vec<Held>, first: u64, last: u64, is_exclusive: Option<bool>) {
    let mut next = Vec::with_capacity(held.len() + 2);
    for old in held.drain(..) {
        if old.first < first {
            next.push(Held { last: old.last.min(first - 1), ..old });
        }
        if old.last > last {
            next.push(Held { first: old.first.max(last + 1), ..old });
        }
    }
    next.extend(is_exclusive.map(|is_exclusive| Held { first, last, is_exclusive }));
    next.sort_unstable_by_key(|range| range.first);
    for range in next {
        match held.last_mut() {
            Some(before)
                if before.is_exclusive == range.is_exclusive && before.last.checked_add(1) == Some(range.first) =>
            {
                before.last = range.last;
            }
            _ => held.push(range),
        }
    }
}

/// What several who are not at odds hold together.
pub(crate) fn together<'a>(all: impl Iterator<Item = &'a Held> + Clone) -> Vec<Held> {
    let mut held = Vec::new();
    let shared = all.clone().filter(|range| !range.is_exclusive);
    for range in shared.chain(all.filter(|range| range.is_exclusive)) {
        range_set(&mut held, range.first, range.last, Some(range.is_exclusive));
    }
    held
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BYTES: u64 = 24;

    type Bytes = [Option<bool>; BYTES as usize];

    fn bytes(held: &[Held]) -> Bytes {
        std::array::from_fn(|at| {
            let mut of = held.iter().filter(|range| (range.first..=range.last).contains(&(at as u64)));
            let found = of.next().map(|range| range.is_exclusive);
            assert!(of.next().is_none(), "{at} is in two ranges of {held:?}");
            found
        })
    }

    fn range() -> impl Strategy<Value = (u64, u64, Option<bool>)> {
        let ends = (0..BYTES, 0..BYTES).prop_map(|(one, two)| (one.min(two), one.max(two)));
        (ends, any::<Option<bool>>()).prop_map(|((first, last), kind)| (first, last, kind))
    }

    proptest! {
        #[test]
        fn ranges_are_what_their_bytes_are(sets in prop::collection::vec(range(), 1..40)) {
            let (mut held, mut expected): (Vec<Held>, Bytes) = (Vec::new(), [None; BYTES as usize]);
            for (first, last, kind) in sets {
                range_set(&mut held, first, last, kind);
                expected[first as usize..=last as usize].fill(kind);
                prop_assert_eq!(bytes(&held), expected);
                prop_assert_eq!(FileLocks { ino: 1, held: held.clone() }.fault(), None);
                let alike = |pair: &[Held]| pair[0].is_exclusive == pair[1].is_exclusive && pair[0].last + 1 == pair[1].first;
                prop_assert!(!held.windows(2).any(alike), "they could be one: {held:?}");
            }
        }
    }

    #[test]
    fn the_whole_file_can_be_locked_and_split() {
        let mut held = Vec::new();
        range_set(&mut held, 0, LAST_BYTE, Some(true));
        range_set(&mut held, 5, 5, None);
        range_set(&mut held, LAST_BYTE, LAST_BYTE, Some(false));
        let range = |first, last, is_exclusive| Held { first, last, is_exclusive };
        let split = [range(0, 4, true), range(6, LAST_BYTE - 1, true), range(LAST_BYTE, LAST_BYTE, false)];
        assert_eq!(held, split);
    }

    #[test]
    fn what_is_sent_is_looked_at() {
        let range = |first, last| Held { first, last, is_exclusive: false };
        let fault = |held: Vec<Held>| FileLocks { ino: 1, held }.fault();
        assert!(fault(vec![range(3, 2)]).is_some() && fault(vec![range(0, u64::MAX)]).is_some());
        assert!(fault(vec![range(4, 9), range(0, 1)]).is_some() && fault(vec![range(0, 4), range(4, 9)]).is_some());
        let many = (0..=RANGES_MAX as u64).map(|n| range(2 * n, 2 * n)).collect();
        assert!(fault(many).is_some() && fault(vec![range(0, 4), range(5, 9)]).is_none());
    }
}
