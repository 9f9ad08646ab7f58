//! Which inodes are open in this mount: one that has lost its last name stays until the last who has it open closes it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::model::inode::Ino;

/// See the file's head.
#[derive(Debug, Default)]
pub(crate) struct Opens {
    counts: Mutex<HashMap<Ino, Count>>,
}

#[derive(Debug, Default)]
struct Count {
    opens: u32,
    is_nameless: bool,
}

impl Opens {
    pub(crate) fn add(&self, ino: Ino) {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(ino).or_default().opens += 1;
    }

    /// One less; `true`: it was the last, and the inode has lost its last name meanwhile.
    pub(crate) fn close(&self, ino: Ino) -> bool {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = counts.get_mut(&ino) else { return false };
        count.opens -= 1;
        if count.opens > 0 {
            return false;
        }
        counts.remove(&ino).is_some_and(|count| count.is_nameless)
    }

    /// Whether it is open. Asked about an inode without names: when it is open, that is kept for [`Opens::close`].
    pub(crate) fn keeps(&self, ino: Ino) -> bool {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get_mut(&ino).is_some_and(|count| {
            count.is_nameless = true;
            true
        })
    }

    pub(crate) fn is_open(&self, ino: Ino) -> bool {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&ino)
    }

    /// All that are open and have no name.
    pub(crate) fn nameless(&self) -> Vec<Ino> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().filter(|(_, count)| count.is_nameless).map(|(ino, _)| *ino).collect()
    }
}
