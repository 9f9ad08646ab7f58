//! A job that comes while nobody waits and a node is free is given to that node in the transaction that accepts it:
//! what it would wait for otherwise, the dispatcher and a second flush to disk, is most of the way to its start.
//!
//! Whose turn it is and what the caps allow stays the dispatcher's to say. It leaves some starts to submissions while
//! its backlog is empty, and takes them back whenever it looks.
//!
//! On SQLite alone. Across a network it can stay unknown whether a lease was taken, and only the node's next session
//! would tell: each submission that met a database that is away would end the stream of a node that does well.

use std::sync::{Mutex, MutexGuard};

use db::{DbError, Write};

use super::order::Order;
use super::queue::Given;
use crate::Lab;
use crate::backlog::NeedKey;
use crate::model::job::Job;
use crate::model::node::Node;
use crate::model::run::{Role, Run};
use crate::model::work::Work;
use crate::queries::queue::{Waiting, runs_lease};

/// Starts that the dispatcher leaves to submissions.
#[derive(Default)]
pub(crate) struct Spare(Mutex<Starts>);

#[derive(Default)]
struct Starts {
    left: u32,
    taken: u32,
    /// Submissions on their way into the queue.
    queueing: u32,
    /// What the dispatcher saw when it looked last is no longer all.
    is_outdated: bool,
}

/// A submission on its way into the queue: until it is dropped, and the dispatcher has looked then, nobody overtakes
/// it.
pub(super) struct Queueing<'a>(&'a Spare);

impl Drop for Queueing<'_> {
    fn drop(&mut self) {
        let mut starts = self.0.lock();
        starts.queueing -= 1;
        starts.is_outdated = true;
    }
}

impl Spare {
    fn lock(&self) -> MutexGuard<'_, Starts> {
        self.0.lock().expect("no holder of this lock panics")
    }

    /// The dispatcher is about to look: takes back what is left. Returns how many were taken since the last time.
    pub(crate) fn settle(&self) -> u32 {
        let mut starts = self.lock();
        (starts.left, starts.is_outdated) = (0, false);
        std::mem::take(&mut starts.taken)
    }

    /// Leaves as many, unless something has changed since the dispatcher began to look.
    pub(crate) fn leave(&self, count: u32) {
        let mut starts = self.lock();
        if starts.queueing == 0 && !starts.is_outdated {
            starts.left = count;
        }
    }

    /// Leaves none before the dispatcher has looked again.
    pub(crate) fn end(&self) {
        let mut starts = self.lock();
        (starts.left, starts.is_outdated) = (0, true);
    }

    /// Somebody is on the way into the queue.
    pub(super) fn queue(&self) -> Queueing<'_> {
        let mut starts = self.lock();
        (starts.left, starts.queueing) = (0, starts.queueing + 1);
        Queueing(self)
    }

    fn take(&self) -> bool {
        let mut starts = self.lock();
        let is_left = starts.left > 0;
        if is_left {
            starts.left -= 1;
            starts.taken += 1;
        }
        is_left
    }
}

/// A run that a node was booked for before its job is accepted.
pub(super) struct Direct {
    given: Given,
    order: Order,
}

impl Direct {
    /// The node's name.
    pub(super) fn node(&self) -> &str {
        &self.given.holder.name
    }
}

impl Lab {
    /// Books a node for the first run of a job that nobody is before; `far` is the node that the job aims at. `None`:
    /// it has to wait for the dispatcher, be it to say why it can't be placed.
    pub(super) fn direct_book(&self, job: &Job, run: &Run, work: &Work, far: Option<&Node>) -> Option<Direct> {
        if run.role == Role::Far || self.has_other_replicas() || !self.spare().take() {
            return None;
        }
        let waiting = Waiting::of(run, job);
        let given = self.run_give(&NeedKey::of_run(&waiting), &waiting)?;
        match self.near_order(&given, job, work, far) {
            Ok(order) => Some(Direct { given, order }),
            Err(_) => {
                self.given_drop(&given);
                None
            }
        }
    }

    /// Accepts the job by `write`, with its lease, and sends it to its node. `false`: it is accepted, and waits, since
    /// the node was not to be had any more. Cancellation: it goes on.
    pub(super) async fn direct_accept(&self, mut write: Write, direct: Direct) -> Result<bool, DbError> {
        let before = write.len();
        let statements = runs_lease(&mut write, &[direct.given.lease()]);
        let lab = self.clone();
        // A task of its own: a caller who goes away must not leave a run that is leased and never sent.
        let task = self.sessions().spawn(async move {
            let Direct { given, order } = direct;
            let written = lab.db().write(write).await;
            let leased = written.map(|changed| changed[before..before + statements].iter().sum::<u64>() == 1);
            if let Ok(true) = leased {
                metrics::counter!("amphi_run_dispatched_total").increment(1);
                lab.start_send(given.waiting.run, &given.holder, lab.start(order));
            } else {
                // What SQLite answers an error for it has rolled back.
                lab.given_drop(&given);
                lab.dispatch_wake();
            }
            leased
        });
        let lost = |error: tokio::task::JoinError| DbError::Unavailable {
            attempt: "accepting a job",
            source: Some(error.into()),
        };
        task.await.unwrap_or_else(|error| Err(lost(error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_starts_are_taken_than_were_left() {
        let spare = Spare::default();
        assert!(!spare.take());
        spare.leave(2);
        assert_eq!([(); 3].map(|()| spare.take()), [true, true, false]);
        assert_eq!((spare.settle(), spare.settle()), (2, 0));
        spare.leave(1);
        spare.settle();
        assert!(!spare.take(), "the dispatcher is looking");
    }

    #[test]
    fn nobody_overtakes_who_is_on_the_way_into_the_queue() {
        let spare = Spare::default();
        spare.leave(5);
        assert!(spare.take());
        let first = spare.queue();
        assert!(!spare.take());
        assert_eq!(spare.settle(), 1, "what was taken counts all the same");
        spare.leave(5);
        assert!(!spare.take(), "the dispatcher could not see the first yet");
        drop(first);
        spare.leave(5);
        assert!(!spare.take(), "it looked before the first was there");
        spare.settle();
        spare.leave(5);
        assert!(spare.take());
        spare.end();
        spare.leave(5);
        assert!(!spare.take(), "a policy has changed since it looked");
    }
}
