//! Bytes in and out: reading through the cache and ahead of the reader, and putting what is full at once.

use std::ops::Range;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::future::try_join_all;
use nix::errno::Errno;
use rand::RngExt;
use tokio::time::Instant;

use super::{Aim, Core};
use crate::SPAN_BYTES;
use crate::model::inode::Ino;
use crate::model::stripe::Stripe;
use crate::mount::data::DataError;
use crate::mount::node::Frozen;
use crate::mount::tree::Part;

/// A read of at least so many bytes of a stripe fetches all of it.
const WHOLE_BYTES: usize = 64 * 1024;
/// How long no neighbours are read after none came in time: the stores are far, or too few.
const WALKS_PAUSE: Duration = Duration::from_secs(10);
/// How often a stripe is tried to be read, with pauses of this length: a node that restarts is back by then.
const READ_TRIES: u32 = 6;
/// Stripes that are known to have been moved, at most; what is forgotten is asked for again.
const RELOCATED_MAX: usize = 100_000;
const READ_PAUSE: Duration = Duration::from_secs(1);

impl Core {
    /// The bytes that `parts` stand for, when all are in memory.
    pub(crate) fn gather_now(parts: &[Part]) -> Option<Bytes> {
        match parts {
            [] => Some(Bytes::new()),
            [Part::Ready(bytes)] => Some(bytes.clone()),
            _ if parts.iter().any(|part| matches!(part, Part::Stored { .. })) => None,
            _ => Some(joined(parts.iter().map(|part| match part {
                Part::Ready(bytes) => bytes.clone(),
                Part::Hole(length) | Part::Stored { length, .. } => zeros(*length),
            }))),
        }
    }

    /// The bytes that `parts` stand for. `is_in_order`: the reader goes through the file, so that whole stripes are fetched.
    pub(crate) async fn gather(&self, parts: Vec<Part>, is_in_order: bool) -> Result<Bytes, Errno> {
        let parts = parts.into_iter().map(|part| async move {
            match part {
                Part::Ready(bytes) => Ok(bytes),
                Part::Hole(length) => Ok(zeros(length)),
                Part::Stored { stripe, start, length } => self.stored(&stripe, start, length, is_in_order).await,
            }
        });
        let mut bytes = try_join_all(parts).await?;
        if bytes.len() == 1 { Ok(bytes.remove(0)) } else { Ok(joined(bytes.into_iter())) }
    }

    async fn stored(&self, stripe: &Stripe, start: usize, length: usize, is_in_order: bool) -> Result<Bytes, Errno> {
        let held = stripe.code.bytes as usize;
        let (from, to) = (start.min(held), (start + length).min(held));
        let is_whole = is_in_order || to - from >= WHOLE_BYTES.min(held);
        let is_worth = !is_whole && from < to && self.shares.contents.part_read(stripe.id);
        let bytes = if from == to {
            Bytes::new()
        } else if is_whole || is_worth || self.is_fetching(stripe) {
            self.content(stripe).await?.slice(from..to)
        } else {
            self.read_stored(stripe, from as u32..to as u32).await?
        };
        if bytes.len() == length {
            return Ok(bytes);
        }
        let mut padded = BytesMut::from(&bytes[..]);
        padded.resize(length, 0);
        Ok(padded.freeze())
    }

    /// Reads from the stores; again for a while when too few of them answer. What was rebuilt or moved meanwhile is looked
    /// for where it is now.
    async fn read_stored(&self, stripe: &Stripe, range: Range<u32>) -> Result<Bytes, Errno> {
        let relocated = || self.relocated.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stripe = relocated().get(&stripe.id).unwrap_or(stripe).clone();
        let mut tries = READ_TRIES;
        loop {
            match self.data.read(&stripe, range.clone()).await {
                Ok(bytes) => return Ok(bytes),
                Err(DataError::Unavailable(_)) if tries > 1 => {
                    tries -= 1;
                    if let Ok(Some(now)) = self.namespace.stripe(stripe.id).await
                        && now != stripe
                    {
                        let mut relocated = relocated();
                        if relocated.len() >= RELOCATED_MAX {
                            relocated.clear();
                        }
                        relocated.insert(now.id, now.clone());
                        stripe = now;
                        continue;
                    }
                    let jitter = rand::rng().random_range(0.5..1.0);
                    tokio::time::sleep(READ_PAUSE.mul_f64(jitter)).await;
                }
                Err(error) => {
                    tracing::warn!(
                        stripe.id,
                        error = &error as &dyn std::error::Error,
                        "stripe {} can't be read",
                        stripe.id
                    );
                    return Err(error.errno());
                }
            }
        }
    }

    fn is_fetching(&self, stripe: &Stripe) -> bool {
        self.fetches.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&stripe.id)
    }

    /// All bytes of a stripe, which are kept. Who asks while they are on their way waits for the same.
    pub(super) async fn content(&self, stripe: &Stripe) -> Result<Bytes, Errno> {
        if let Some(bytes) = self.shares.contents.get(stripe.id) {
            return Ok(bytes);
        }
        let fetch = self.fetches.lock().unwrap_or_else(PoisonError::into_inner).entry(stripe.id).or_default().clone();
        let fetched = fetch.get_or_try_init(|| async {
            let bytes = self.read_stored(stripe, 0..stripe.code.bytes).await?;
            self.shares.contents.insert(stripe.id, bytes.clone());
            Ok(bytes)
        });
        let bytes = fetched.await.cloned();
        self.fetches.lock().unwrap_or_else(PoisonError::into_inner).remove(&stripe.id);
        bytes
    }

    /// Fetches a range of a file that is being read in order.
    pub(crate) async fn read_ahead(self: Arc<Self>, ino: Ino, range: Range<u64>) {
        let numbers = range.start / SPAN_BYTES as u64..range.end.div_ceil(SPAN_BYTES as u64);
        let Ok(stripes) = self.run(Aim::Look, |tree| tree.ahead(ino, numbers.clone())).await else { return };
        let missing = stripes.into_iter().filter(|stripe| !self.shares.contents.holds(stripe.id));
        // A failure shows when the bytes are really asked for.
        let fetches = missing.map(|stripe| {
            let core = self.clone();
            async move { core.content(&stripe).await.map(|_| ()) }
        });
        let _fetched = futures::future::join_all(fetches).await;
    }

    /// Fetches a small file that is read from its start, with those behind it in its directory when it is one of many.
    pub(crate) async fn read_neighbours(&self, ino: Ino) {
        if self.walks_again.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|at| Instant::now() < at) {
            return;
        }
        let stripes = self.state().tree.as_ref().map(|tree| tree.neighbours(ino)).unwrap_or_default();
        if stripes.len() < 2 {
            return;
        }
        let contents = self.data.read_together(&stripes).await;
        if contents.iter().all(Option::is_none) {
            *self.walks_again.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + WALKS_PAUSE);
        }
        for (stripe, bytes) in stripes.iter().zip(contents) {
            bytes.into_iter().for_each(|bytes| self.shares.contents.insert(stripe.id, bytes));
        }
    }

    /// Puts what is full, so that a cycle finds it done.
    pub(crate) async fn put_early(self: Arc<Self>, full: Vec<Arc<Frozen>>) {
        for frozen in full {
            // The cycle tries again and reports.
            let _placed = self.put(&frozen).await;
        }
    }
}

fn zeros(length: usize) -> Bytes {
    Bytes::from(vec![0; length])
}

fn joined(parts: impl Iterator<Item = Bytes>) -> Bytes {
    let mut all = BytesMut::new();
    parts.for_each(|part| all.extend_from_slice(&part));
    all.freeze()
}
