//! Memory that frames are read into. It is kept for the next ones: the system clears each page that it gives out, which
//! for long frames takes longer than to read them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// Frames of up to so many bytes come from the C library, which has room for them at hand.
const SHORT_BYTES: usize = 64 << 10;
/// Bytes of each piece of memory that is kept: what clients put together in one request, and its head.
const KEPT_BYTES: usize = (1 << 20) + SHORT_BYTES;

/// See the file's head. A cheap handle; the default keeps nothing.
#[derive(Clone, Default)]
pub(crate) struct Memory(Option<Arc<Kept>>);

struct Kept {
    free: Mutex<Vec<Vec<u8>>>,
    most: usize,
}

/// A frame's bytes, whose memory comes back.
struct Lent {
    bytes: Vec<u8>,
    kept: Arc<Kept>,
}

impl Memory {
    /// Keeps at most so many pieces.
    pub(crate) fn keeping(most: usize) -> Self {
        Self(Some(Arc::new(Kept { free: Mutex::default(), most })))
    }

    /// Empty, with room for so many bytes.
    pub(super) fn take(&self, bytes: usize) -> Vec<u8> {
        match &self.0 {
            Some(kept) if bytes > SHORT_BYTES && bytes <= KEPT_BYTES => {
                kept.free().pop().unwrap_or_else(|| Vec::with_capacity(KEPT_BYTES))
            }
            Some(_) | None => Vec::with_capacity(bytes),
        }
    }

    /// What was [taken](Self::take) and is filled now; its memory comes back when the last of it is dropped.
    pub(super) fn lend(&self, bytes: Vec<u8>) -> Bytes {
        match &self.0 {
            Some(kept) if bytes.capacity() == KEPT_BYTES => Bytes::from_owner(Lent { bytes, kept: Arc::clone(kept) }),
            Some(_) | None => bytes.into(),
        }
    }
}

impl Kept {
    fn free(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut free = self.kept.free();
        if free.len() < self.kept.most {
            self.bytes.clear();
            free.push(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_with_the_last_of_a_frame_and_so_much_is_kept() {
        let memory = Memory::keeping(1);
        let free = || memory.0.as_ref().unwrap().free().len();
        let lent = |bytes: usize| {
            let mut taken = memory.take(bytes);
            taken.resize(bytes, 7);
            memory.lend(taken)
        };
        let mut first = lent(1 << 20);
        let (second, place) = (lent(100_000), first.as_ptr());
        let part = first.split_to(10);
        drop(first);
        assert_eq!((&part[..], free()), (&[7; 10][..], 0), "a part is in use");
        drop(part);
        assert_eq!(lent(70_000).as_ptr(), place);
        drop(second);
        assert_eq!(free(), 1);
        for other in [10, SHORT_BYTES, KEPT_BYTES + 1] {
            drop(lent(other));
            assert_eq!(free(), 1, "{other}");
        }
    }
}
