//! Cycles: what differs from the store is taken at one moment, its bytes are put and made safe, and then it is stored in one
//! transaction. So the store goes from one state that the file system really had to a later one.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use nix::errno::Errno;
use rand::RngExt;
use tokio_util::sync::CancellationToken;

use super::{Core, Failure, State};
use crate::model::inode::{Ino, Inode};
use crate::model::stripe::Stripe;
use crate::mount::data::DataError;
use crate::mount::node::Frozen;
use crate::mount::tree::{Batch, Tree};
use crate::namespace::{EFFECTS_MAX, NamespaceError, Usage};

/// How long a change waits for others to join it.
const GATHER: Duration = Duration::from_millis(100);
/// How long after a failure it is tried again.
const AFTER_FAILURE: Duration = Duration::from_millis(500);
/// Bytes, and effects, that make a cycle start at once.
const START_BYTES: u64 = 32 * 1024 * 1024;
const START_EFFECTS: usize = 4_096;
/// Stripes that are put at a time.
const PUTS: usize = 64;
/// How long stores may be too few before programs are told: a node that restarts is back by then.
const STORES_WAIT: Duration = Duration::from_secs(30);
/// How long a stripe that nothing refers to yet is relied on: such units are collected after two hours.
pub(super) const PLACED_FOR: Duration = Duration::from_secs(1_800);
/// Longest pause between two tries to reach the control plane.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Why a batch is not stored.
#[derive(Debug)]
pub(crate) enum Unstored {
    Namespace(NamespaceError),
    Data(DataError),
    /// The control plane was away for so long that the content may have been collected: it is to be put again.
    Old,
}

impl Unstored {
    /// Tells the log, once, and gives what programs are told.
    pub(super) fn report(&self) -> Errno {
        let (errno, error): (_, &dyn std::error::Error) = match self {
            Self::Namespace(error) => (super::namespace_errno(error), error),
            Self::Data(error) => (error.errno(), error),
            Self::Old => return Errno::EIO,
        };
        tracing::warn!(error = error, "changes could not be stored: {error}");
        errno
    }
}

impl Core {
    /// Sees to it that a cycle comes.
    pub(super) fn stir(&self, tree: &Tree) {
        if tree.dirty_bytes() >= START_BYTES || tree.dirty_effects() >= START_EFFECTS {
            self.now.notify_one();
        } else if tree.is_dirty() || tree.has_names_gone() {
            self.soon.notify_one();
        }
    }

    /// Waits until there may be room for more.
    pub(super) async fn await_room(&self) {
        let room = self.room.notified();
        self.now.notify_one();
        // A cycle may have ended since; the bound only costs a turn.
        let _ended = tokio::time::timeout(AFTER_FAILURE, room).await;
    }

    /// Runs cycles until `shutdown`; the last one is the caller's.
    pub(crate) async fn run_cycles(&self, shutdown: &CancellationToken) {
        loop {
            tokio::select! {
                () = self.now.notified() => {}
                () = self.soon.notified() => {
                    let _more = tokio::time::timeout(GATHER, self.now.notified()).await;
                }
                () = shutdown.cancelled() => return,
            }
            let ticket = self.wanted.load(Ordering::SeqCst);
            let is_stored = self.cycle().await;
            self.done.send_replace(ticket);
            self.room.notify_waiters();
            if !is_stored {
                tokio::select! {
                    () = tokio::time::sleep(AFTER_FAILURE) => self.soon.notify_one(),
                    () = shutdown.cancelled() => return,
                }
            }
        }
    }

    /// Returns once all that was changed before is stored, or known not to be: see [`Core::failure`].
    pub(crate) async fn sync(&self) {
        if self.state().tree.as_ref().is_none_or(|tree| !tree.is_dirty()) && self.one_cycle.try_lock().is_ok() {
            return;
        }
        let ticket = self.wanted.fetch_add(1, Ordering::SeqCst) + 1;
        let mut done = self.done.subscribe();
        self.now.notify_one();
        // The sender lives as long as `self`.
        let _seen = done.wait_for(|done| *done >= ticket).await;
    }

    /// Stores what there is now. `false`: that failed, and is to be tried again.
    pub(crate) async fn cycle(&self) -> bool {
        let _one = self.one_cycle.lock().await;
        let taken = self.state().tree.as_mut().and_then(|tree| {
            let batch = tree.batch();
            if batch.is_none() {
                tree.shrink();
            }
            batch
        });
        let Some(batch) = taken else { return true };
        let stored = self.store(&batch).await;
        let mut state = self.state();
        let State { tree, usage, failing, failures, .. } = &mut *state;
        match stored {
            Ok((placed, now)) => {
                *usage = now;
                *failing = None;
                // A batch has all that was kept: whoever looks from now on finds it stored.
                failures.retain(|_, failure| !failure.is_kept);
                if let Some(tree) = tree {
                    tree.stored(batch, placed, now);
                    tree.shrink();
                }
                true
            }
            Err(error) if is_hopeless(&error) => {
                let errno = error.report();
                state.lose(batch.inodes(), errno);
                true
            }
            Err(error) => {
                let errno = error.report();
                *failing = Some(errno);
                let inodes: Vec<Ino> = batch.inodes().collect();
                if let Some(tree) = tree {
                    tree.not_stored(batch);
                }
                state.fail(inodes, errno, true);
                false
            }
        }
    }

    /// Puts the bytes of a batch, makes them safe and stores its effects; again for a while when too few stores answer.
    pub(super) async fn store(&self, batch: &Batch) -> Result<(Vec<Stripe>, Usage), Unstored> {
        let until = tokio::time::Instant::now() + STORES_WAIT;
        let mut pause = Duration::from_millis(100);
        loop {
            match self.store_once(batch).await {
                Err(Unstored::Data(DataError::Unavailable(error))) if tokio::time::Instant::now() < until => {
                    tracing::info!(error = &*error, "changes are not stored yet; it is tried again");
                    let jitter = rand::rng().random_range(0.5..1.0);
                    tokio::time::sleep(pause.mul_f64(jitter)).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                Err(Unstored::Old) => tracing::info!("the control plane is back; what was put before is put again"),
                done => return done,
            }
        }
    }

    async fn store_once(&self, batch: &Batch) -> Result<(Vec<Stripe>, Usage), Unstored> {
        let puts: Vec<_> = batch.slots.iter().map(|(_, _, frozen)| self.put(frozen)).collect();
        let mut placed: Vec<Stripe> = futures::stream::iter(puts).buffered(PUTS).try_collect().await?;
        if !placed.is_empty() {
            let moved_now = self.data.sync().await.map_err(Unstored::Data)?;
            let mut moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
            moved.extend(moved_now.into_iter().map(|stripe| (stripe.id, stripe)));
            for stripe in &mut placed {
                *stripe = moved.get(&stripe.id).unwrap_or(stripe).clone();
            }
        }
        let effects = batch.effects(&placed);
        let mut usage = self.state().usage;
        // More than one call takes is rare: it is what came while one cycle was long.
        let mut rest = &effects[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(EFFECTS_MAX));
            let witness = if now.len() == effects.len() { batch.witness() } else { None };
            usage = self.apply(now, witness, &placed).await?;
            rest = later;
        }
        // Only now: what failed is tried again with the same stripes.
        let mut moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        placed.iter().for_each(|stripe| drop(moved.remove(&stripe.id)));
        drop(moved);
        Ok((placed, usage))
    }

    /// Puts the content, once; again under another number when that is so long ago that it may have been collected.
    pub(crate) async fn put(&self, frozen: &Frozen) -> Result<Stripe, Unstored> {
        let mut placed = frozen.placed.lock().await;
        if let Some((at, stripe)) = &*placed
            && since_boot().saturating_sub(*at) < self.placed_for
        {
            return Ok(stripe.clone());
        }
        let at = since_boot();
        let id = self.shares.numbers.take(&*self.namespace).await.map_err(Unstored::Namespace)?;
        let stripe = self.data.write(id, frozen.bytes.clone()).await.map_err(Unstored::Data)?;
        *placed = Some((at, stripe.clone()));
        Ok(stripe)
    }

    /// Stores effects; while the control plane is away, it is tried again and again. Whether a call that got no answer was
    /// carried out is seen by an inode that it puts. `placed` is the content that the effects refer to.
    async fn apply(
        &self,
        effects: &[crate::model::effect::Effect],
        witness: Option<&Inode>,
        placed: &[Stripe],
    ) -> Result<Usage, Unstored> {
        let begun = since_boot();
        let mut pause = Duration::from_millis(50);
        let mut is_unsure = false;
        loop {
            match if is_unsure { self.is_applied(witness).await } else { None } {
                Some(true) => return self.namespace.usage().await.map_err(Unstored::Namespace),
                Some(false) if !placed.is_empty() && since_boot().saturating_sub(begun) >= self.placed_for => {
                    return Err(Unstored::Old);
                }
                Some(false) | None => {}
            }
            match self.namespace.apply(effects.to_vec()).await {
                Err(NamespaceError::Unavailable(error)) if !self.state().is_ending => {
                    tracing::warn!(
                        error = &*error,
                        "the control plane can't be reached; changes are kept and tried again"
                    );
                    is_unsure = true;
                    let jitter = rand::rng().random_range(0.5..1.0);
                    tokio::time::sleep(pause.mul_f64(jitter)).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                answer => return answer.map_err(Unstored::Namespace),
            }
        }
    }

    /// `None`: it can't be told now. Somebody else may have changed the name space meanwhile, with the same version:
    /// what was there before has to be as it was put. What was stored and changed since counts as not stored, and is
    /// refused when it is tried again: an error too many, but no change is lost in silence.
    async fn is_applied(&self, witness: Option<&Inode>) -> Option<bool> {
        let put = witness?;
        let stored = self.namespace.inode(put.ino).await.ok()?;
        let is_put = |stored: Inode| put.version == 0 || stored == Inode { version: put.version + 1, ..put.clone() };
        Some(stored.is_some_and(is_put))
    }
}

/// Goes on while the machine sleeps, as the units on the stores grow older meanwhile.
fn since_boot() -> Duration {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME);
    now.map(Duration::from).unwrap_or_default()
}

/// Whether somebody else has changed the name space meanwhile: then what is here contradicts it and can't be stored.
fn is_hopeless(error: &Unstored) -> bool {
    match error {
        Unstored::Namespace(error) => match error {
            NamespaceError::Exists
            | NamespaceError::Changed
            | NamespaceError::ReadOnly
            | NamespaceError::Stale
            | NamespaceError::Gone
            | NamespaceError::Invalid(_) => true,
            NamespaceError::Quota | NamespaceError::Unavailable(_) => false,
        },
        Unstored::Data(_) | Unstored::Old => false,
    }
}

impl State {
    /// Gives up all that is not stored.
    pub(super) fn lose(&mut self, inodes: impl Iterator<Item = Ino>, errno: Errno) {
        let lost: Vec<Ino> = inodes.chain(self.tree.iter().flat_map(Tree::dirty_inodes)).collect();
        tracing::error!(inodes = lost.len(), "changes to {} files could not be stored and are given up", lost.len());
        self.fail(lost, errno, false);
        self.tree = None;
    }

    /// Remembers for each of the files that something went wrong; `is_kept`: only until the changes are stored after all.
    pub(super) fn fail(&mut self, inodes: Vec<Ino>, errno: Errno, is_kept: bool) {
        self.failure_count += 1;
        for ino in inodes {
            let is_kept = is_kept && self.failures.get(&ino).is_none_or(|before| before.is_kept);
            let failure = Failure { event: self.failure_count, errno, is_told: false, is_kept };
            self.failures.insert(ino, failure);
        }
    }
}

impl Core {
    /// What went wrong with the file since event `seen`, and up to which event that holds.
    pub(crate) fn failure(&self, ino: Ino, seen: u64) -> Option<(u64, Errno)> {
        let state = self.state();
        let failure = state.failures.get(&ino).filter(|failure| failure.event > seen)?;
        Some((failure.event, failure.errno))
    }

    /// A program that synced the file was told of this event.
    pub(crate) fn failure_told(&self, ino: Ino, event: u64) {
        if let Some(failure) = self.state().failures.get_mut(&ino).filter(|failure| failure.event == event) {
            failure.is_told = true;
        }
    }

    /// The last event that whoever opens the file now need not be told of. What nobody was told of yet he is: a name is
    /// removed before the directory is opened to make that safe.
    pub(crate) fn failure_seen(&self, ino: Ino) -> u64 {
        let state = self.state();
        match state.failures.get(&ino) {
            Some(failure) if !failure.is_told => failure.event - 1,
            Some(_) | None => state.failure_count,
        }
    }
}
