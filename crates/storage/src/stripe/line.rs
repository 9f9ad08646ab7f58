//! One connection to a store: many calls at a time, each answered when it is done.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::{Mutex, oneshot};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;
use wire::store::answer::Reply;
use wire::store::ask::Call;
use wire::store::{Answer, Ask};

use crate::begin::{begin, on_its_own};
use crate::frame::{self, FrameError, Memory};

/// Why a call on a line failed; nothing more goes over it then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LineError {
    #[error("the connection broke")]
    Broken,
    #[error("the connection broke")]
    Write(#[source] std::io::Error),
}

/// See the file's head.
pub(crate) struct Line {
    writer: Arc<Mutex<frame::Writer>>,
    waiting: Arc<Waiting>,
    next: AtomicU64,
    _reader: AbortOnDropHandle<()>,
}

/// Who waits for which answer; `None`: the line is broken.
struct Waiting(StdMutex<Option<HashMap<u64, oneshot::Sender<Reply>>>>);

impl Waiting {
    fn change<T>(&self, change: impl FnOnce(&mut HashMap<u64, oneshot::Sender<Reply>>) -> T) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut().map(change)
    }

    fn end(&self) {
        // Whoever waits is told by the drop.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// A call that waits; it is forgotten when its caller goes away.
struct Place<'a>(&'a Waiting, u64);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.change(|waiting| waiting.remove(&self.1));
    }
}

/// A frame that is being written: a part of one would make nonsense of all that follows.
struct Writing<'a> {
    waiting: &'a Waiting,
    is_partial: bool,
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        if self.is_partial {
            self.waiting.end();
        }
    }
}

impl Line {
    /// Dials.
    ///
    /// # Errors
    /// The connection's, and those of TLS.
    pub(crate) async fn dial(
        address: &str,
        mut tls: ClientConfig,
        name: ServerName<'static>,
    ) -> Result<Self, std::io::Error> {
        let stream = TcpStream::connect(address).await?;
        tls.alpn_protocols = frame::offered(&stream)?;
        let stream = TlsConnector::from(Arc::new(tls)).connect(name, frame::prepared(stream)).await?;
        let (reader, writer) = frame::dialled(stream).await?;
        let waiting = Arc::new(Waiting(StdMutex::new(Some(HashMap::new()))));
        let reading = tokio::spawn(read(reader, waiting.clone()));
        let reader = AbortOnDropHandle::new(reading);
        Ok(Self { writer: Arc::new(Mutex::new(writer)), waiting, next: AtomicU64::new(1), _reader: reader })
    }

    /// Whether nothing goes over it any more.
    pub(crate) fn is_broken(&self) -> bool {
        self.waiting.change(|_| ()).is_none()
    }

    /// Asks and waits for the answer.
    ///
    /// # Errors
    /// The line broke before it came. Dropped while a part of the question is under way, it breaks the line.
    pub(crate) async fn call(&self, call: Call) -> Result<Reply, LineError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (answered, answer) = oneshot::channel();
        self.waiting.change(|waiting| waiting.insert(id, answered)).ok_or(LineError::Broken)?;
        let _place = Place(&self.waiting, id);
        let ask = Ask { id, data_bytes: Vec::new(), call: Some(call) };
        match begin(write(self.writer.clone(), self.waiting.clone(), ask)) {
            Ok(written) => written,
            // A lock held by, or handed to, a caller that nobody polls would hold up all others.
            Err(writing) => on_its_own(writing).await.unwrap_or(Err(LineError::Broken)),
        }?;
        answer.await.map_err(|_| LineError::Broken)
    }
}

async fn write(writer: Arc<Mutex<frame::Writer>>, waiting: Arc<Waiting>, ask: Ask) -> Result<(), LineError> {
    let mut writer = writer.lock().await;
    let mut writing = Writing { waiting: &waiting, is_partial: false };
    let written = frame::write(&mut *writer, ask, &mut writing.is_partial).await;
    written.inspect_err(|_| waiting.end()).map_err(LineError::Write)
}

async fn read(mut reader: frame::Reader, waiting: Arc<Waiting>) {
    loop {
        match answer(&mut reader).await {
            Ok(Some(Answer { id, reply: Some(reply), .. })) => {
                // Who asked may have gone.
                let asked = waiting.change(|waiting| waiting.remove(&id)).flatten();
                asked.map(|asked| asked.send(reply));
            }
            Ok(Some(Answer { id, reply: None, .. })) => {
                tracing::warn!("a store's answer is of a kind that is not known here; is its agent newer than this?");
                waiting.change(|waiting| waiting.remove(&id));
            }
            Ok(None) => break,
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "a store's answer was not read");
                break;
            }
        }
    }
    waiting.end();
}

async fn answer(reader: &mut frame::Reader) -> Result<Option<Answer>, FrameError> {
    match frame::incoming(reader).await? {
        // Readers keep parts of what comes, some for long.
        Some(incoming) => incoming.read(reader, &Memory::default()).await.map(Some),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use wire::store::GetRequest;

    use super::super::tests::fake::volume;
    use super::*;

    #[tokio::test]
    async fn a_caller_that_nobody_polls_holds_up_no_other() {
        let (stripes, _fakes) = volume(1, 6).await;
        let (line, _) = stripes.inner.stores.link(1).unwrap().dialler.line().await.unwrap();
        let get = || Call::Get(GetRequest { store: 1, ranges: Vec::new() });
        let held = line.writer.clone().lock_owned().await;
        let mut first = Box::pin(line.call(get()));
        assert!(futures::poll!(&mut first).is_pending());
        // The first in the queue has the lock now.
        drop(held);
        let limit = std::time::Duration::from_secs(20);
        let second = tokio::time::timeout(limit, line.call(get())).await.expect("it comes through");
        second.unwrap();
        first.await.unwrap();
    }
}
