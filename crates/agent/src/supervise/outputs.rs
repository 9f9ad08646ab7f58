//! The two outputs of what is watched, read in the order in which they became ready.
//!
//! The kernel keeps no order between two pipes: what was written to both before the agent came to read is read pipe by
//! pipe, the one first that had something first.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::task::AtomicWaker;
use tokio::io::{AsyncRead, ReadBuf};
use wire::MAX_CHUNK_BYTES;

/// Bytes that are read at first, of each pipe.
const FIRST_READ: usize = 4096;
/// No pipe.
const NONE: usize = usize::MAX;

/// Which pipe became ready first since somebody looked, and whom that wakes.
struct Readiness {
    first: AtomicUsize,
    reader: AtomicWaker,
}

/// What one of the pipes wakes.
struct Bell {
    pipe: usize,
    readiness: Arc<Readiness>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Where one was faster, it stays the first.
        let _ = self.readiness.first.compare_exchange(NONE, self.pipe, Ordering::AcqRel, Ordering::Acquire);
        self.readiness.reader.wake();
    }
}

/// See the module's description.
pub(super) struct Outputs<A, B> {
    first: Pipe<A>,
    second: Pipe<B>,
    readiness: Arc<Readiness>,
    bells: [Waker; 2],
    /// Read first where none became ready before the other.
    turn: usize,
}

impl<A: AsyncRead + Unpin, B: AsyncRead + Unpin> Outputs<A, B> {
    pub(super) fn new(first: Option<A>, second: Option<B>) -> Self {
        let readiness = Arc::new(Readiness { first: AtomicUsize::new(NONE), reader: AtomicWaker::new() });
        let bell = |pipe| Waker::from(Arc::new(Bell { pipe, readiness: readiness.clone() }));
        let bells = [bell(0), bell(1)];
        Self { first: Pipe::new(first), second: Pipe::new(second), readiness, bells, turn: 0 }
    }

    pub(super) fn is_open(&self) -> bool {
        self.first.reader.is_some() || self.second.reader.is_some()
    }

    pub(super) fn close(&mut self) {
        self.first.reader = None;
        self.second.reader = None;
    }

    /// What has come and in which pipe, empty at its end. Dropping the future loses nothing.
    pub(super) async fn read(&mut self) -> (usize, &[u8]) {
        let (pipe, count) = poll_fn(|cx| self.poll_read(cx)).await;
        self.turn = 1 - pipe;
        (pipe, if pipe == 0 { &self.first.buffer[..count] } else { &self.second.buffer[..count] })
    }

    fn poll_read(&mut self, cx: &Context<'_>) -> Poll<(usize, usize)> {
        self.readiness.reader.register(cx.waker());
        let ready = self.readiness.first.swap(NONE, Ordering::AcqRel);
        let begin = if ready == NONE { self.turn } else { ready };
        for pipe in [begin, 1 - begin] {
            let cx = &mut Context::from_waker(&self.bells[pipe]);
            let read = if pipe == 0 { self.first.poll_read(cx) } else { self.second.poll_read(cx) };
            if let Poll::Ready(count) = read {
                return Poll::Ready((pipe, count));
            }
        }
        Poll::Pending
    }
}

/// One end of an output pipe, closed at its end, at an error, or by us.
struct Pipe<R> {
    reader: Option<R>,
    buffer: Vec<u8>,
    /// The last read filled the buffer, which most programs never do.
    is_short: bool,
}

impl<R: AsyncRead + Unpin> Pipe<R> {
    fn new(reader: Option<R>) -> Self {
        Self { reader, buffer: Vec::new(), is_short: true }
    }

    /// How much has come, 0 at the end; never ready once it is closed.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        let Some(reader) = &mut self.reader else { return Poll::Pending };
        if self.is_short {
            self.buffer.resize((self.buffer.len() * 4).clamp(FIRST_READ, MAX_CHUNK_BYTES), 0);
            self.is_short = false;
        }
        let mut buffer = ReadBuf::new(&mut self.buffer);
        let Poll::Ready(read) = Pin::new(reader).poll_read(cx, &mut buffer) else { return Poll::Pending };
        let count = if read.is_ok() { buffer.filled().len() } else { 0 };
        if count == 0 {
            self.reader = None;
        }
        self.is_short = count == self.buffer.len() && count < MAX_CHUNK_BYTES;
        Poll::Ready(count)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    async fn next(outputs: &mut Outputs<DuplexStream, DuplexStream>) -> (usize, String) {
        let (pipe, data) = outputs.read().await;
        (pipe, String::from_utf8_lossy(data).into_owned())
    }

    #[tokio::test]
    async fn what_became_ready_first_is_read_first() {
        let ((mut out, first), (mut err, second)) = (duplex(1 << 16), duplex(1 << 16));
        let mut outputs = Outputs::new(Some(first), Some(second));
        for round in 0..20 {
            // Both are waited for, as while the program computes.
            assert!(tokio::time::timeout(std::time::Duration::ZERO, outputs.read()).await.is_err());
            let at = round % 2;
            for pipe in [at, 1 - at] {
                let written = if pipe == 0 { out.write_all(b"out\n").await } else { err.write_all(b"err\n").await };
                written.unwrap();
            }
            assert_eq!(next(&mut outputs).await.0, at, "in round {round}");
            assert_eq!(next(&mut outputs).await.0, 1 - at, "in round {round}");
        }
    }

    #[tokio::test]
    async fn both_are_read_to_their_ends() {
        let ((mut out, first), (mut err, second)) = (duplex(1 << 20), duplex(1 << 20));
        let mut outputs = Outputs::new(Some(first), Some(second));
        out.write_all(&[b'o'; 100_000]).await.unwrap();
        err.write_all(b"e").await.unwrap();
        // What is full does not keep the other from its turn.
        assert_eq!(next(&mut outputs).await.1.len(), FIRST_READ);
        assert_eq!(next(&mut outputs).await, (1, "e".to_owned()));
        drop((out, err));
        let mut rest = 0;
        while outputs.is_open() {
            rest += outputs.read().await.1.len();
        }
        assert_eq!(rest, 100_000 - FIRST_READ);
    }
}
