//! The last output of a job, in memory: what watchers who keep up are given without a look into the database.
//!
//! Only what is stored gets here. The numbers of chunks decide everything: what was told before changes nothing, and
//! where some are missing the tail begins anew, so that it never has a gap.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Position;
use crate::queries::output::Chunk;

/// Chunks kept at most.
const CHUNKS_MAX: usize = 64;
/// Bytes of output kept at most, but for one chunk.
const BYTES_MAX: usize = 256 * 1024;

/// See the module's head.
#[derive(Debug, Default)]
pub(super) struct Tail {
    /// Behind the newest chunk that is known; `None` before anything is.
    end: Option<Position>,
    /// The chunks that come right before the end.
    chunks: VecDeque<Arc<Chunk>>,
    bytes: usize,
}

/// What a watcher gets next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// This chunk.
    Chunk(Arc<Chunk>),
    /// Something that only the database has.
    Stored,
    /// Nothing that is known.
    Nothing,
}

impl Tail {
    /// Behind the newest chunk that is known.
    pub(super) fn end(&self) -> Option<Position> {
        self.end
    }

    /// Says how far the stored output goes, where more is stored than is known.
    pub(super) fn extend_to(&mut self, end: Position) {
        if self.end.is_none_or(|known| known < end) {
            self.begin(end);
        }
    }

    /// Takes the next chunk of an attempt. `false` when it was known.
    pub(super) fn push(&mut self, attempt: i64, chunk: Arc<Chunk>) -> bool {
        let at = Position { attempt, seq: chunk.seq };
        match self.end {
            Some(end) if at < end => return false,
            Some(end) if at == end => {}
            Some(_) | None => self.begin(at),
        }
        self.end = Some(Position { attempt, seq: chunk.seq + 1 });
        self.bytes += chunk.data.len();
        self.chunks.push_back(chunk);
        while self.chunks.len() > CHUNKS_MAX || (self.bytes > BYTES_MAX && self.chunks.len() > 1) {
            let Some(oldest) = self.chunks.pop_front() else { break };
            self.bytes -= oldest.data.len();
        }
        true
    }

    /// What comes at this position.
    pub(super) fn next(&self, at: Position) -> Next {
        let Some(end) = self.end.filter(|end| at < *end) else { return Next::Nothing };
        let missing = usize::try_from(end.seq - at.seq).unwrap_or(usize::MAX);
        match self.chunks.len().checked_sub(missing) {
            Some(index) if at.attempt == end.attempt => Next::Chunk(self.chunks[index].clone()),
            Some(_) | None => Next::Stored,
        }
    }

    fn begin(&mut self, at: Position) {
        self.chunks.clear();
        self.bytes = 0;
        self.end = Some(at);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chunk(seq: i64, length: usize) -> Arc<Chunk> {
        Arc::new(Chunk { seq, channel: 0, at_ms: 0, data: vec![b'x'; length] })
    }

    fn at(attempt: i64, seq: i64) -> Position {
        Position { attempt, seq }
    }

    #[test]
    fn what_is_known_is_given_from_memory_and_the_rest_from_the_database() {
        let mut tail = Tail::default();
        assert_eq!(tail.next(Position::START), Next::Nothing);
        tail.extend_to(at(1, 3));
        assert_eq!(tail.next(Position::START), Next::Stored);
        assert_eq!(tail.next(at(1, 3)), Next::Nothing);
        assert!(tail.push(1, chunk(3, 1)));
        assert!(!tail.push(1, chunk(2, 1)), "a chunk that came twice");
        assert_eq!(tail.next(at(1, 2)), Next::Stored);
        assert_eq!(tail.next(at(1, 3)), Next::Chunk(chunk(3, 1)));
        assert_eq!(tail.next(at(1, 4)), Next::Nothing);
        assert!(tail.push(1, chunk(6, 1)), "4 and 5 came to another replica");
        assert_eq!(tail.next(at(1, 4)), Next::Stored);
        assert_eq!(tail.next(at(1, 6)), Next::Chunk(chunk(6, 1)));
        tail.extend_to(at(1, 5));
        assert_eq!(tail.end(), Some(at(1, 7)));
        assert!(tail.push(2, chunk(0, 1)));
        assert!(!tail.push(1, chunk(7, 1)), "the attempt is over");
        assert_eq!(tail.next(at(1, 7)), Next::Stored, "the rest of the first attempt");
        assert_eq!(tail.next(at(2, 0)), Next::Chunk(chunk(0, 1)));
    }

    #[test]
    fn it_is_bounded_in_chunks_and_bytes() {
        let mut tail = Tail::default();
        for seq in 0..1_000 {
            tail.push(1, chunk(seq, 1));
        }
        assert_eq!((tail.chunks.len(), tail.bytes), (CHUNKS_MAX, CHUNKS_MAX));
        for seq in 1_000..1_010 {
            tail.push(1, chunk(seq, BYTES_MAX / 2));
        }
        assert_eq!((tail.chunks.len(), tail.bytes), (2, BYTES_MAX));
        tail.push(1, chunk(1_010, 2 * BYTES_MAX));
        assert_eq!((tail.chunks.len(), tail.bytes), (1, 2 * BYTES_MAX));
        assert_eq!(tail.next(at(1, 1_009)), Next::Stored);
    }

    proptest! {
        /// However chunks come, repeated or with holes, a watcher that reads what memory lacks from what was stored sees
        /// each chunk once and in order.
        #[test]
        fn no_watcher_misses_or_repeats(steps in prop::collection::vec((0_i64..4, any::<bool>(), any::<bool>()), 1..200)) {
            let (mut tail, mut stored, mut seen) = (Tail::default(), 0, Vec::new());
            for (count, is_told, is_watching) in steps {
                for _ in 0..count {
                    if is_told {
                        tail.push(1, chunk((stored - 1).max(0), 1));
                        tail.push(1, chunk(stored, 1));
                    }
                    stored += 1;
                }
                if is_watching {
                    tail.extend_to(at(1, stored));
                    loop {
                        let next = at(1, seen.len() as i64);
                        match tail.next(next) {
                            Next::Chunk(chunk) => seen.push(chunk.seq),
                            Next::Stored => seen.push(next.seq),
                            Next::Nothing => break,
                        }
                    }
                    prop_assert_eq!(&seen, &(0..stored).collect::<Vec<_>>());
                }
            }
        }
    }
}
