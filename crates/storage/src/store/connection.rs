//! One client's connection: its requests are read one after the other and answered when they are done.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedSemaphorePermit};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use wire::store::answer::Reply;
use wire::store::{Answer, Ask};

use super::caller::Caller;
use super::serve::Stores;
use crate::begin::begin;
use crate::frame::{self, DATA_BYTES_MAX, FrameError, Incoming, Memory};

/// Requests of one connection that are at work at the same time.
const AT_WORK_MAX: usize = 32;
/// Then a client has to connect anew, with a certificate that holds.
/// How long the rest of a request may take to come, and an answer to be taken: this, and a second for so many bytes.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(5);
const RATE_MIN: usize = 1 << 20;

/// `None`: a part of an answer was not taken, and nothing more can be said.
type Writer = Arc<Mutex<Option<frame::Writer>>>;

/// Serves requests until the client leaves, or `shutdown`; what is at work then is finished. Dropped, it breaks off.
pub(super) async fn serve(
    mut reader: frame::Reader,
    writer: frame::Writer,
    caller: Caller,
    stores: Stores,
    shutdown: CancellationToken,
) {
    // Ends this connection alone.
    let shutdown = shutdown.child_token();
    let end = Instant::now() + frame::AGE_MAX;
    let writer = Arc::new(Mutex::new(Some(writer)));
    let mut at_work = JoinSet::new();
    loop {
        while at_work.try_join_next().is_some() {}
        if at_work.len() >= AT_WORK_MAX {
            let _done = at_work.join_next().await;
        }
        let request = tokio::select! {
            () = shutdown.cancelled() => break,
            () = sleep_until(end) => break,
            incoming = frame::incoming(&mut reader) => incoming,
        };
        let incoming = match request {
            Ok(Some(incoming)) => incoming,
            Ok(None) => break,
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "a client of the stores broke off");
                break;
            }
        };
        let room = stores.request_room(incoming.bytes()).await;
        let ask = match request_read(incoming, &mut reader, stores.memory()).await {
            Ok(ask) => ask,
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "a request to the stores was not read");
                break;
            }
        };
        let (stores, writer, shutdown) = (stores.clone(), writer.clone(), shutdown.clone());
        at_work.spawn(async move {
            let _answer_room = stores.answer_room(ask.call.as_ref()).await;
            let is_taken = match stores.answer_now(caller, ask.call.as_ref()) {
                Some(reply) => answer(writer, ask.id, reply).await,
                None => work(stores, caller, writer, ask, room).await,
            };
            if !is_taken {
                shutdown.cancel();
            }
        });
    }
    while at_work.join_next().await.is_some() {}
}

async fn request_read(incoming: Incoming, reader: &mut frame::Reader, memory: &Memory) -> Result<Ask, FrameError> {
    let slow = |_| FrameError::Broken(std::io::ErrorKind::TimedOut.into());
    timeout(transfer_timeout(incoming.bytes()), incoming.read(reader, memory)).await.map_err(slow)?
}

fn transfer_timeout(bytes: usize) -> Duration {
    TRANSFER_TIMEOUT + Duration::from_secs((bytes / RATE_MIN) as u64)
}

/// Does what is asked on a thread where it may block, and answers from there: another one would have to wake for it.
async fn work(stores: Stores, caller: Caller, writer: Writer, ask: Ask, room: Option<OwnedSemaphorePermit>) -> bool {
    let place = stores.place(ask.call.as_ref()).await;
    let working = spawn_blocking(move || {
        let reply = stores.answer(caller, ask.call);
        drop((place, room));
        begin(answer(writer, ask.id, reply))
    });
    match working.await {
        Ok(Ok(is_taken)) => is_taken,
        Ok(Err(answering)) => answering.await,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// Writes an answer. `false`: the client did not take it.
async fn answer(writer: Writer, id: u64, reply: Reply) -> bool {
    let answer = Answer { id, data_bytes: Vec::new(), reply: Some(reply) };
    let mut writer = writer.lock().await;
    let Some(stream) = writer.as_mut() else { return false };
    let written = timeout(transfer_timeout(DATA_BYTES_MAX), frame::write(stream, answer, &mut false)).await;
    let is_taken = matches!(written, Ok(Ok(())));
    if !is_taken {
        *writer = None;
    }
    is_taken
}
