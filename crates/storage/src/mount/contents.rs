//! Bytes of stripes in memory. A stripe never changes, so that what is kept of it never is out of date; only room ends it.
//!
//! What passes by, being written or read in order, is hardly read again: it has little room, and can't take that of stripes of
//! which parts are read here and there. Those are kept whole from the second part on, unless others that are in use would
//! have to go for them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use nix::sys::sysinfo::sysinfo;
use tokio::time::Instant;

use crate::SPAN_BYTES;
use crate::model::stripe::StripeId;

/// Bytes that are kept at most of what passes by, and of what is read here and there; of either no more than a sixteenth of
/// the memory that there is for this process.
const PASSING_MAX: usize = 256 << 20;
const SOUGHT_MAX: usize = 1 << 30;
const MEMORY_SHARE: usize = 16;
/// Where a group of processes is told how much memory it may take, if it is.
const MEMORY_LIMIT: &str = "/sys/fs/cgroup/memory.max";
/// Of what is read here and there, what was used within this does not go for others.
const IN_USE: Duration = Duration::from_secs(10);

/// See the file's head.
#[derive(Debug)]
pub(crate) struct Contents {
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    passing: Kept,
    sought: Kept,
    parts: Parts,
}

/// Bytes by how lately they were used.
#[derive(Debug)]
struct Kept {
    stripes: HashMap<StripeId, (Bytes, u64)>,
    /// The same, by when they were used last.
    by_use: BTreeMap<u64, (StripeId, Instant)>,
    uses: u64,
    bytes: usize,
    bytes_max: usize,
}

/// Stripes of which a part was read lately: as many as could be kept, and some more.
#[derive(Debug, Default)]
struct Parts {
    late: HashSet<StripeId>,
    early: HashSet<StripeId>,
}

impl Default for Contents {
    fn default() -> Self {
        let limit = std::fs::read_to_string(MEMORY_LIMIT).ok().and_then(|text| text.trim().parse().ok());
        let memory = sysinfo().map_or(0, |info| info.ram_total() as usize).min(limit.unwrap_or(usize::MAX));
        Self::keeping(PASSING_MAX.min(memory / MEMORY_SHARE), SOUGHT_MAX.min(memory / MEMORY_SHARE))
    }
}

impl Contents {
    fn keeping(passing_max: usize, sought_max: usize) -> Self {
        let (passing, sought) = (Kept::up_to(passing_max), Kept::up_to(sought_max));
        Self { held: Mutex::new(Held { passing, sought, parts: Parts::default() }) }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bytes of a stripe, all of them.
    pub(crate) fn get(&self, id: StripeId) -> Option<Bytes> {
        let mut held = self.held();
        held.sought.get(id).or_else(|| held.passing.get(id))
    }

    /// Whether [`Contents::get`] would answer, without counting as a use.
    pub(crate) fn holds(&self, id: StripeId) -> bool {
        let held = self.held();
        held.sought.stripes.contains_key(&id) || held.passing.stripes.contains_key(&id)
    }

    /// Takes note that a part of a stripe is read out of order. Answers whether the whole of it is worth reading, and will be kept.
    pub(crate) fn part_read(&self, id: StripeId) -> bool {
        let mut held = self.held();
        let most = held.sought.bytes_max / SPAN_BYTES;
        held.parts.again(id, most) && held.sought.has_room()
    }

    pub(crate) fn insert(&self, id: StripeId, bytes: Bytes) {
        let mut held = self.held();
        let is_sought = held.sought.stripes.contains_key(&id) || (held.parts.has(id) && held.sought.has_room());
        let (into, other) = match &mut *held {
            Held { passing, sought, .. } if is_sought => (sought, passing),
            Held { passing, sought, .. } => (passing, sought),
        };
        other.remove(id);
        into.insert(id, bytes);
    }
}

impl Kept {
    fn up_to(bytes_max: usize) -> Self {
        Self { stripes: HashMap::new(), by_use: BTreeMap::new(), uses: 0, bytes: 0, bytes_max }
    }

    fn get(&mut self, id: StripeId) -> Option<Bytes> {
        let (bytes, used) = self.stripes.get_mut(&id)?;
        self.by_use.remove(used);
        self.uses += 1;
        *used = self.uses;
        self.by_use.insert(self.uses, (id, Instant::now()));
        Some(bytes.clone())
    }

    fn insert(&mut self, id: StripeId, bytes: Bytes) {
        self.remove(id);
        self.uses += 1;
        self.bytes += bytes.len();
        self.stripes.insert(id, (bytes, self.uses));
        self.by_use.insert(self.uses, (id, Instant::now()));
        while self.bytes > self.bytes_max {
            let Some((_, &(oldest, _))) = self.by_use.first_key_value() else { return };
            self.remove(oldest);
        }
    }

    fn remove(&mut self, id: StripeId) {
        if let Some((bytes, used)) = self.stripes.remove(&id) {
            self.by_use.remove(&used);
            self.bytes -= bytes.len();
        }
    }

    /// Whether one more goes in without another that is in use going for it.
    fn has_room(&self) -> bool {
        let is_idle = |(_, (_, at)): (_, &(_, Instant))| at.elapsed() > IN_USE;
        self.bytes + SPAN_BYTES <= self.bytes_max || self.by_use.first_key_value().is_some_and(is_idle)
    }
}

impl Parts {
    fn has(&self, id: StripeId) -> bool {
        self.late.contains(&id) || self.early.contains(&id)
    }

    /// Notes a stripe, beside `most` others. Whether it was noted before.
    fn again(&mut self, id: StripeId, most: usize) -> bool {
        let is_known = self.has(id);
        self.late.insert(id);
        if self.late.len() > most {
            self.early = std::mem::take(&mut self.late);
        }
        is_known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let contents = Contents::keeping(PASSING_MAX, 0);
        let large = Bytes::from(vec![7; PASSING_MAX / 4]);
        for id in 0..4 {
            contents.insert(id, large.clone());
        }
        assert_eq!(contents.get(0).unwrap(), large);
        contents.insert(4, large.clone());
        assert_eq!([0, 1, 2, 3, 4].map(|id| contents.holds(id)), [true, false, true, true, true]);
        contents.insert(4, Bytes::from_static(b"small"));
        assert_eq!(contents.held().passing.bytes, 3 * large.len() + 5);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_read_here_and_there_is_kept_and_what_passes_by_takes_nothing_of_it() {
        let contents = Contents::keeping(2 * SPAN_BYTES, 4 * SPAN_BYTES);
        let whole = Bytes::from(vec![7; SPAN_BYTES]);
        for id in 0..4 {
            assert!(!contents.part_read(id), "a first part says nothing");
            assert!(contents.part_read(id));
            contents.insert(id, whole.clone());
        }
        for id in 100..110 {
            contents.insert(id, whole.clone());
        }
        assert_eq!(
            [0, 1, 2, 3, 107, 108, 109].map(|id| contents.holds(id)),
            [true, true, true, true, false, true, true]
        );
        // There is no room until one of them was not used for a while.
        assert_eq!([4, 4].map(|id| contents.part_read(id)), [false, false]);
        tokio::time::advance(IN_USE).await;
        assert!([0, 1, 3].into_iter().all(|id| contents.get(id).is_some()));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(contents.part_read(4));
        contents.insert(4, whole.clone());
        assert_eq!([0, 1, 2, 3, 4].map(|id| contents.holds(id)), [true, true, false, true, true]);
        assert!(!contents.part_read(2), "all are in use");
        assert_eq!(contents.held().sought.bytes, 4 * SPAN_BYTES);
    }

    #[test]
    fn parts_are_forgotten_when_many_others_were_read_since() {
        let contents = Contents::keeping(0, 4 * SPAN_BYTES);
        assert!(!contents.part_read(1));
        assert!((10..19).all(|id| !contents.part_read(id)));
        assert!(!contents.part_read(1) && contents.part_read(18));
    }
}
