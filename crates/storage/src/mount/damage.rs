//! What a mount's reads find missing or damaged, kept until the control plane is told.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::stripe::Damage;

/// What is told at once, and kept; what is beyond is found again by the next read or scrub.
const KEPT_MAX: usize = 1_000;

/// See the file's head: a cheap handle.
#[derive(Clone, Default)]
pub(super) struct Found(Arc<Mutex<HashSet<Damage>>>);

impl Found {
    /// Never blocks for long.
    pub(super) fn add(&self, damage: Damage) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT_MAX {
            kept.insert(damage);
        }
    }

    /// What is to be told; nothing is kept of it.
    pub(super) fn take(&self) -> Vec<Damage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).drain().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stripe::DamageKind;

    #[test]
    fn what_was_found_is_told_once_and_is_bounded() {
        let found = Found::default();
        for stripe in [1, 1, 2] {
            found.add(Damage { stripe, store: 3, index: 0, what: DamageKind::Missing });
        }
        assert_eq!((found.take().len(), found.take().len()), (2, 0));
        (0..2 * KEPT_MAX as i64).for_each(|stripe| {
            found.add(Damage { stripe, store: 3, index: 0, what: DamageKind::Damaged });
        });
        assert_eq!(found.take().len(), KEPT_MAX);
    }
}
