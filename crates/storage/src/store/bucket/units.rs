//! What a bucket has, in memory: known from its list, and from what was put since.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use bytes::Bytes;

use super::object;
use crate::store::record::{HEADER_BYTES, UnitCode, UnitKey};

/// What is known of a unit.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) code: UnitCode,
    pub(super) bytes: u32,
    pub(super) put_ms: i64,
    /// Its object, until the service has it.
    pub(super) waiting: Option<Bytes>,
}

/// See the module's head.
#[derive(Debug, Default)]
pub(super) struct Units {
    units: BTreeMap<UnitKey, Entry>,
    /// Those that the service has not got yet.
    waiting: BTreeSet<UnitKey>,
    waiting_bytes: u64,
    /// Of all objects, those that wait too.
    used_bytes: u64,
}

impl Units {
    pub(super) fn len(&self) -> usize {
        self.units.len()
    }

    pub(super) fn used_bytes(&self) -> u64 {
        self.used_bytes
    }

    pub(super) fn waiting_bytes(&self) -> u64 {
        self.waiting_bytes
    }

    pub(super) fn get(&self, key: &UnitKey) -> Option<&Entry> {
        self.units.get(key)
    }

    /// Units after `after`, in order.
    pub(super) fn after(&self, after: Option<UnitKey>) -> impl Iterator<Item = (&UnitKey, &Entry)> {
        self.units.range((after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded))
    }

    /// The objects that wait, with their names.
    pub(super) fn waiting(&self) -> Vec<(UnitKey, String, Bytes)> {
        let waiting = self.waiting.iter().filter_map(|key| {
            let entry = self.units.get(key)?;
            Some((*key, object::name(key, &entry.code), entry.waiting.clone()?))
        });
        waiting.collect()
    }

    /// The bucket has this unit.
    pub(super) fn stored(&mut self, key: UnitKey, code: UnitCode, bytes: u32, put_ms: i64) {
        self.insert(key, Entry { code, bytes, put_ms, waiting: None });
    }

    /// This unit waits. `false`: other bytes wait under its name.
    pub(super) fn wait(&mut self, key: UnitKey, entry: Entry) -> bool {
        let content = |entry: &Entry| entry.waiting.as_ref().map(|object| object.slice(HEADER_BYTES..));
        let same = self.units.get(&key).and_then(content).is_none_or(|before| Some(before) == content(&entry));
        if same {
            self.insert(key, entry);
        }
        same
    }

    fn insert(&mut self, key: UnitKey, entry: Entry) {
        self.remove(&key);
        self.used_bytes += object::object_bytes(entry.bytes);
        if let Some(object) = &entry.waiting {
            self.waiting.insert(key);
            self.waiting_bytes += object.len() as u64;
        }
        self.units.insert(key, entry);
    }

    /// The service has this object now.
    pub(super) fn arrived(&mut self, key: &UnitKey, object: &Bytes) {
        let Some(entry) = self.units.get_mut(key) else { return };
        if entry.waiting.as_ref().is_some_and(|waiting| waiting.as_ptr() == object.as_ptr()) {
            entry.waiting = None;
            self.waiting.remove(key);
            self.waiting_bytes -= object.len() as u64;
        }
    }

    pub(super) fn remove(&mut self, key: &UnitKey) {
        let Some(entry) = self.units.remove(key) else { return };
        self.used_bytes -= object::object_bytes(entry.bytes);
        if let Some(object) = entry.waiting {
            self.waiting.remove(key);
            self.waiting_bytes -= object.len() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_counted_until_it_has_arrived() {
        let key = |stripe| UnitKey { volume: 1, stripe, index: 0 };
        let code = UnitCode { data: 1, parity: 1, element_bytes: 1, block_bytes: 100 };
        let object = |byte| Bytes::from(vec![byte; object::object_bytes(100) as usize]);
        let entry = |byte| Entry { code, bytes: 100, put_ms: 5, waiting: Some(object(byte)) };
        let mut units = Units::default();
        assert!(units.wait(key(1), entry(1)) && units.wait(key(2), entry(2)));
        assert!(!units.wait(key(1), entry(3)), "other bytes");
        assert!(units.wait(key(1), entry(1)), "the same again");
        assert_eq!((units.len(), units.used_bytes(), units.waiting_bytes()), (2, 344, 344));
        let late = object(1);
        units.arrived(&key(1), &late);
        assert_eq!(units.waiting_bytes(), 344, "it is not the object that waits");
        for (key, _, object) in units.waiting() {
            units.arrived(&key, &object);
        }
        assert_eq!((units.used_bytes(), units.waiting_bytes(), units.waiting().len()), (344, 0, 0));
        units.stored(key(1), code, 50, 6);
        assert_eq!((units.used_bytes(), units.get(&key(1)).unwrap().bytes), (172 + 122, 50));
        units.remove(&key(1));
        units.remove(&key(1));
        assert_eq!((units.len(), units.used_bytes()), (1, 172));
    }
}
