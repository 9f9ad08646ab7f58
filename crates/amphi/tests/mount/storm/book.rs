//! What was acknowledged, as those who wrote it noted it down, and what was begun and never answered.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Mutex as AsyncMutex;

/// Bytes of one part of a file that is written in place.
pub(super) const BLOCK: usize = 8_192;

/// Bytes that nobody else writes: told from all others by their seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) seed: u64,
    pub(super) bytes: usize,
}

impl Piece {
    pub(super) fn content(self) -> Vec<u8> {
        // SplitMix64. Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
        let word = |n: u64| {
            let mut word = self.seed.wrapping_add((n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (word ^ (word >> 31)).to_le_bytes()
        };
        let mut content: Vec<u8> = (0..self.bytes.div_ceil(8) as u64).flat_map(word).collect();
        content.truncate(self.bytes);
        content
    }
}

/// What a part of a file may be: what was acknowledged last, or something begun since. `None`: not there.
#[derive(Clone, Debug, Default)]
struct Slot {
    acknowledged: Option<Piece>,
    begun: Vec<Option<Piece>>,
}

impl Slot {
    fn fits(&self, bytes: Option<&[u8]>) -> bool {
        let all = self.begun.iter().chain([&self.acknowledged]);
        all.copied().any(|piece| match (piece, bytes) {
            (None, None) => true,
            (Some(piece), Some(bytes)) => piece.bytes == bytes.len() && piece.content() == bytes,
            (Some(_), None) | (None, Some(_)) => false,
        })
    }
}

/// What is known of one file. Who does something with it holds its lock meanwhile.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// One for a file that is written as a whole, else one for each block.
    slots: Vec<Slot>,
    /// Something about it was not answered, so that it may still change: nobody writes it any more.
    pub(super) is_given_up: bool,
}

impl Known {
    /// Notes that slots are about to become something else.
    pub(super) fn begin(&mut self, changes: &[(usize, Option<Piece>)]) {
        for (slot, piece) in changes {
            self.slots.resize(self.slots.len().max(slot + 1), Slot::default());
            self.slots[*slot].begun.push(*piece);
        }
    }

    /// Notes how that ended.
    pub(super) fn end(&mut self, changes: &[(usize, Option<Piece>)], is_acknowledged: bool) {
        self.is_given_up |= !is_acknowledged;
        if is_acknowledged {
            changes.iter().for_each(|(slot, piece)| {
                self.slots[*slot] = Slot { acknowledged: *piece, begun: Vec::new() };
            });
        }
    }

    pub(super) fn is_there(&self) -> bool {
        self.slots.iter().any(|slot| slot.acknowledged.is_some())
    }

    pub(super) fn is_of_blocks(&self) -> bool {
        self.slots.len() > 1
    }

    /// What is wrong with what was read.
    fn fault(&self, bytes: Option<&[u8]>) -> Option<String> {
        // Made in several steps of which one failed: nothing was promised.
        if self.is_given_up && self.is_of_blocks() && !self.is_there() {
            return None;
        }
        let is_sound = match (self.slots.as_slice(), bytes) {
            ([], None) => true,
            ([slot], bytes) => slot.fits(bytes),
            (slots, Some(bytes)) => {
                let mut blocks = slots.iter().zip(bytes.chunks(BLOCK));
                bytes.len() == slots.len() * BLOCK && blocks.all(|(slot, block)| slot.fits(Some(block)))
            }
            // Removing such a file is noted for each of its blocks.
            (slots, None) => slots.iter().all(|slot| slot.fits(None)),
        };
        if is_sound {
            return None;
        }
        let bad = bytes.map(|bytes| {
            let pairs = self.slots.iter().zip(bytes.chunks(if self.is_of_blocks() { BLOCK } else { usize::MAX }));
            let bad = pairs.enumerate().filter(|(_, (slot, block))| !slot.fits(Some(block)));
            bad.map(|(at, (slot, _))| format!("{at}: {slot:?}")).take(3).collect::<Vec<_>>().join("; ")
        });
        Some(format!("{} bytes of {} slots; {bad:?}", bytes.map_or(-1, |bytes| bytes.len() as i64), self.slots.len()))
    }
}

/// Export and name of a file.
pub(super) type Name = (&'static str, String);

/// See the file's head.
#[derive(Default)]
pub(super) struct Book {
    files: Mutex<BTreeMap<Name, Arc<AsyncMutex<Known>>>>,
    /// What must not be.
    faults: Mutex<Vec<String>>,
    /// What was refused or not answered, or could not be read for the moment.
    troubles: Mutex<Vec<String>>,
    acknowledged: AtomicU64,
    checked: AtomicU64,
}

impl Book {
    pub(super) fn file(&self, name: &Name) -> Arc<AsyncMutex<Known>> {
        self.files.lock().unwrap().entry(name.clone()).or_default().clone()
    }

    pub(super) fn names(&self) -> Vec<Name> {
        self.files.lock().unwrap().keys().cloned().collect()
    }

    /// Notes how a change ended.
    pub(super) fn ended(
        &self,
        name: &Name,
        known: &mut Known,
        changes: &[(usize, Option<Piece>)],
        how: Result<(), String>,
    ) {
        known.end(changes, how.is_ok());
        match how {
            Ok(()) => drop(self.acknowledged.fetch_add(1, Ordering::Relaxed)),
            Err(trouble) => self.trouble(format!("writing {name:?}: {trouble}")),
        }
    }

    /// Notes what was read of a file, or why it can't be read now.
    pub(super) fn seen(&self, by: &str, name: &Name, known: &Known, read: Result<Option<Vec<u8>>, String>) {
        match read {
            Ok(bytes) => match known.fault(bytes.as_deref()) {
                None => drop(self.checked.fetch_add(1, Ordering::Relaxed)),
                Some(fault) => self.fault(format!("{name:?} as {by} sees it: {fault}")),
            },
            Err(trouble) => self.trouble(format!("reading {name:?} by {by}: {trouble}")),
        }
    }

    pub(super) fn fault(&self, fault: String) {
        eprintln!("fault: {fault}");
        self.faults.lock().unwrap().push(fault);
    }

    fn trouble(&self, trouble: String) {
        self.troubles.lock().unwrap().push(trouble);
    }

    pub(super) fn faults(&self) -> Vec<String> {
        self.faults.lock().unwrap().clone()
    }

    pub(super) fn troubles(&self) -> Vec<String> {
        self.troubles.lock().unwrap().clone()
    }

    /// Changes that were acknowledged, and files that were read and right.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.acknowledged.load(Ordering::Relaxed), self.checked.load(Ordering::Relaxed))
    }
}
