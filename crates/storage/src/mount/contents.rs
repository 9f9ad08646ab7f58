//! Bytes of stripes in memory. A stripe never changes, so that what is kept of it never is out of date; only room ends it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use crate::model::stripe::StripeId;

/// Bytes that are kept at most.
const BYTES_MAX: usize = 256 * 1024 * 1024;

/// See the file's head.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    stripes: HashMap<StripeId, (Bytes, u64)>,
    /// The same, by when they were used last.
    by_use: BTreeMap<u64, StripeId>,
    uses: u64,
    bytes: usize,
}

impl Contents {
    /// The bytes of a stripe, all of them.
    pub(crate) fn get(&self, id: StripeId) -> Option<Bytes> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let Held { stripes, by_use, uses, .. } = &mut *held;
        let (bytes, used) = stripes.get_mut(&id)?;
        by_use.remove(used);
        *uses += 1;
        *used = *uses;
        by_use.insert(*uses, id);
        Some(bytes.clone())
    }

    /// Whether [`Contents::get`] would answer, without counting as a use.
    pub(crate) fn holds(&self, id: StripeId) -> bool {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).stripes.contains_key(&id)
    }

    pub(crate) fn insert(&self, id: StripeId, bytes: Bytes) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.remove(id);
        held.uses += 1;
        let used = held.uses;
        held.bytes += bytes.len();
        held.stripes.insert(id, (bytes, used));
        held.by_use.insert(used, id);
        while held.bytes > BYTES_MAX {
            let Some((_, &oldest)) = held.by_use.first_key_value() else { return };
            held.remove(oldest);
        }
    }
}

impl Held {
    fn remove(&mut self, id: StripeId) {
        if let Some((bytes, used)) = self.stripes.remove(&id) {
            self.by_use.remove(&used);
            self.bytes -= bytes.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let contents = Contents::default();
        let large = Bytes::from(vec![7; BYTES_MAX / 4]);
        for id in 0..4 {
            contents.insert(id, large.clone());
        }
        assert_eq!(contents.get(0).unwrap(), large);
        contents.insert(4, large.clone());
        assert_eq!([0, 1, 2, 3, 4].map(|id| contents.holds(id)), [true, false, true, true, true]);
        contents.insert(4, Bytes::from_static(b"small"));
        assert_eq!(contents.held.lock().unwrap().bytes, 3 * large.len() + 5);
    }
}
