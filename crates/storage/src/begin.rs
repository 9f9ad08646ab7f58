//! Work that is begun where it is asked for, and work that goes on whether anybody waits for it or not.
//!
//! A thread that has to wake first is what a short call over the network takes longest for. So whoever asks does what
//! can be done at once, such as to send a request, and only the rest becomes a task. A task it has to be where it holds
//! what others need, a lock or a connection: a future that nobody polls, such as one of a stream whose reader is slow, keeps it.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio_util::task::AbortOnDropHandle;

/// Runs `work` up to where it has to wait for the first time. What is left has to be awaited elsewhere: nobody is told
/// here when it can go on. Call it where a tokio runtime is entered.
pub(crate) fn begin<W: Future>(work: W) -> Result<W::Output, Pin<Box<W>>> {
    let mut work = Box::pin(work);
    match work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => Ok(done),
        Poll::Pending => Err(work),
    }
}

/// Runs `work` as a task from now on. Answers what comes of it, `None` where the runtime ends before; a panic goes on in who
/// waits. Dropped, it ends the task.
pub(crate) fn on_its_own<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = Option<T>> + Send {
    let task = AbortOnDropHandle::new(tokio::spawn(work));
    async move {
        match task.await {
            Ok(done) => Some(done),
            Err(error) => error.try_into_panic().map_or(None, |panic| std::panic::resume_unwind(panic)),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn work_is_done_at_once_or_goes_on_where_it_waited() {
        assert_eq!(begin(async { 7 }).ok(), Some(7));
        let (sender, receiver) = oneshot::channel();
        let is_begun = std::cell::Cell::new(false);
        let work = begin(async {
            is_begun.set(true);
            receiver.await
        });
        assert!(is_begun.get());
        let Err(rest) = work else { panic!("nothing has come yet") };
        sender.send(9).unwrap();
        assert_eq!(rest.await, Ok(9));
    }
}
