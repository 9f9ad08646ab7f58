//! Units on their way to one store: those that wait while requests are on their way travel together in the next.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc, oneshot};
use wire::store::Unit;

use super::link::{Link, LinkError};

/// Data in one request, in bytes, at most; a single unit may be the whole of it.
const REQUEST_BYTES_MAX: usize = 1 << 20;
/// Units in one request at most.
const REQUEST_UNITS_MAX: usize = 1_024;
/// Requests to one store at the same time: some are on their way while another is being stored.
const REQUESTS_MAX: usize = 4;

/// A unit that waits, and who wants to know what became of it.
struct Waiting {
    unit: Unit,
    done: oneshot::Sender<Result<Arc<str>, LinkError>>,
}

/// Units for one store, in order. Ends when the last handle is dropped and all is answered.
#[derive(Clone)]
pub(crate) struct PutQueue {
    units: mpsc::UnboundedSender<Waiting>,
    id: i64,
}

impl PutQueue {
    /// Begins to serve `link`.
    pub(crate) fn start(link: Arc<Link>) -> Self {
        let (units, waiting) = mpsc::unbounded_channel();
        let id = link.id();
        tokio::spawn(serve(link, waiting));
        Self { units, id }
    }

    /// Puts one unit; answers the boot id under which it was taken. The queue is bounded by what may be unsynced.
    pub(crate) async fn put(&self, unit: Unit) -> Result<Arc<str>, LinkError> {
        let (done, answer) = oneshot::channel();
        let gone = || LinkError::Slow(self.id);
        self.units.send(Waiting { unit, done }).map_err(|_| gone())?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }
}

async fn serve(link: Arc<Link>, mut waiting: mpsc::UnboundedReceiver<Waiting>) {
    let requests = Arc::new(Semaphore::new(REQUESTS_MAX));
    let mut held = None;
    loop {
        let first = match held.take() {
            Some(first) => first,
            None => match waiting.recv().await {
                Some(first) => first,
                None => return,
            },
        };
        let Ok(turn) = requests.clone().acquire_owned().await else { return };
        let mut bytes = first.unit.data.len();
        let mut batch = vec![first];
        while let Ok(next) = waiting.try_recv() {
            bytes += next.unit.data.len();
            if bytes > REQUEST_BYTES_MAX || batch.len() >= REQUEST_UNITS_MAX {
                held = Some(next);
                break;
            }
            batch.push(next);
        }
        let link = link.clone();
        tokio::spawn(async move {
            let (units, done): (Vec<_>, Vec<_>) = batch.into_iter().map(|waiting| (waiting.unit, waiting.done)).unzip();
            let result = link.put(units).await;
            drop(turn);
            for done in done {
                // Whoever gave up waiting needs no answer.
                let _ = done.send(result.clone());
            }
        });
    }
}
