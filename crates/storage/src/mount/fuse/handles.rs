//! What is open: files with how they are read, directories with where their listing is.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::SPAN_BYTES;
use crate::model::inode::Ino;
use crate::model::name::Name;
use crate::mount::core::Page;

/// A read that begins so near to where the last one ended goes on reading: the kernel sends several at a time.
const NEAR_BYTES: u64 = 1024 * 1024;
/// Stripes ahead of the reader that are fetched or on their way, at most.
const AHEAD_MAX: u64 = 16;

/// All that is open.
#[derive(Debug)]
pub(super) struct Handles<H> {
    open: Mutex<HashMap<u64, Arc<H>>>,
    next: AtomicU64,
}

impl<H> Default for Handles<H> {
    fn default() -> Self {
        Self { open: Mutex::default(), next: AtomicU64::new(1) }
    }
}

impl<H> Handles<H> {
    pub(super) fn add(&self, handle: H) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(number, Arc::new(handle));
        number
    }

    pub(super) fn get(&self, number: u64) -> Option<Arc<H>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).get(&number).cloned()
    }

    pub(super) fn remove(&self, number: u64) -> Option<Arc<H>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&number)
    }
}

/// An open file.
#[derive(Debug)]
pub(super) struct File {
    /// Whether a write returns only when it is stored.
    pub(super) is_synced: bool,
    /// The last failure that whoever has it open was told of.
    pub(super) seen: AtomicU64,
    flow: Mutex<Flow>,
}

/// How a file is being read.
#[derive(Debug, Default)]
struct Flow {
    /// Where the last read ended.
    next: u64,
    /// Reads in order, one after the other.
    streak: u64,
    /// Up to where bytes were asked for ahead.
    ahead: u64,
}

impl File {
    pub(super) fn new(is_synced: bool, seen: u64) -> Self {
        Self { is_synced, seen: AtomicU64::new(seen), flow: Mutex::default() }
    }

    /// Takes note of a read. Gives whether the reader goes through the file in order, and what to read ahead.
    pub(super) fn on_read(&self, offset: u64, length: usize) -> (bool, Option<Range<u64>>) {
        let mut flow = self.flow.lock().unwrap_or_else(PoisonError::into_inner);
        let end = offset + length as u64;
        let is_in_order = offset.abs_diff(flow.next) <= NEAR_BYTES && (offset > 0 || flow.next == 0);
        flow.next = end;
        if !is_in_order {
            (flow.streak, flow.ahead) = (0, 0);
            return (offset == 0, None);
        }
        flow.streak += 1;
        let window = (flow.streak * 2).min(AHEAD_MAX) * SPAN_BYTES as u64;
        if flow.streak < 2 || end + window / 2 <= flow.ahead {
            return (true, None);
        }
        let start = flow.ahead.max(offset);
        flow.ahead = end + window;
        (true, Some(start..flow.ahead))
    }
}

/// An open directory.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) ino: Ino,
    /// The last failure that whoever has it open was told of.
    pub(super) seen: AtomicU64,
    pub(super) listing: tokio::sync::Mutex<Listing>,
}

/// Where a directory's listing is.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Behind which name page n + 1 begins.
    pub(super) starts: Vec<Name>,
    /// The page that was used last, with its number.
    pub(super) current: Option<(usize, Arc<Page>)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_reads_in_order_is_read_ahead_for_and_who_jumps_is_not() {
        let file = File::new(false, 0);
        let step = 128 * 1024;
        let mut asked = 0;
        for n in 0..400u64 {
            let (is_in_order, ahead) = file.on_read(n * step, step as usize);
            assert!(is_in_order);
            if let Some(ahead) = ahead {
                assert!(ahead.start == asked || asked == 0, "asked twice, or left out");
                asked = ahead.end;
            }
            assert!(n == 0 || asked > (n + 1) * step);
        }
        let jumps = [90_000_000, 10_000_000, 70_000_000];
        assert!(jumps.into_iter().all(|offset| file.on_read(offset, 4096) == (false, None)));
    }
}
