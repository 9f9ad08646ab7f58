//! The file system without the kernel: operations on the tree, for as long as the name space is delegated to this mount, or
//! else each on a tree of its own that is stored before the call returns.

mod cycle;
mod flow;
mod hold;
mod listing;
mod lock;

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use rand::RngExt;
use tokio::sync::{Notify, OnceCell, RwLock, watch};

use super::contents::Contents;
use super::data::Data;
use super::locks::Locks;
use super::numbers::Numbers;
use super::opens::Opens;
use super::tree::{Filled, Miss, Shares, Stop, Tree};
use crate::model::inode::Ino;
use crate::model::stripe::Stripe;
use crate::model::stripe::StripeId;
use crate::namespace::{LIST_MAX, Namespace, NamespaceError, Usage};

pub(crate) use hold::Told;
pub(crate) use listing::{Item, Page};
pub(crate) use lock::Against;

/// Stripes of a file that are fetched at once.
const PIECES_STRIPES: usize = 1_024;
/// How often an operation may find that something more has to be read.
const MISSES_MAX: usize = 10_000;
/// How often a change is tried against what others change meanwhile.
const SHARED_TRIES: usize = 64;
/// Bytes not stored above which writers wait.
const DIRTY_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// Effects not stored above which whoever changes something waits.
const DIRTY_EFFECTS_MAX: usize = 12_000;

/// What an operation does to the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    /// It only looks.
    Look,
    /// It makes the tree differ from the store, and waits when it does by too much.
    Change,
    /// It makes room.
    Less,
}

/// See the file's head.
pub(crate) struct Core {
    namespace: Arc<dyn Namespace>,
    data: Arc<dyn Data>,
    shares: Shares,
    state: Mutex<State>,
    /// Held to read by a change outside of a delegation, to write while the delegation comes or goes.
    gate: RwLock<()>,
    /// Held to read while the kernel is answered, to write for a moment when answers must no longer promise anything.
    answers: std::sync::RwLock<()>,
    one_cycle: tokio::sync::Mutex<()>,
    wanted: AtomicU64,
    done: watch::Sender<u64>,
    now: Notify,
    soon: Notify,
    room: Notify,
    fetches: Mutex<HashMap<StripeId, Arc<OnceCell<bytes::Bytes>>>>,
    /// Stripes that went to other stores than was thought when they were put.
    moved: Mutex<HashMap<StripeId, Stripe>>,
    /// Stripes that others have put on other stores since the tree learnt of them.
    relocated: Mutex<HashMap<StripeId, Stripe>>,
    /// Until then small files are read without their neighbours.
    walks_again: Mutex<Option<tokio::time::Instant>>,
    locks: Mutex<Locks>,
    /// Told when something that was locked is free.
    lock_freed: Notify,
    /// Held while other mounts are asked for locks of a file, or told; one for many files.
    lock_turns: [tokio::sync::Mutex<()>; 16],
    is_read_only: bool,
    /// See [`cycle::PLACED_FOR`]; tests have less time.
    pub(super) placed_for: Duration,
}

#[derive(Debug, Default)]
struct State {
    /// There while the name space is delegated.
    tree: Option<Tree>,
    /// The delegation is being given back: nothing new in `tree`.
    is_leaving: bool,
    /// As known last.
    usage: Usage,
    /// Files whose changes were lost or could not be stored.
    failures: HashMap<Ino, Failure>,
    failure_count: u64,
    /// Why nothing can be stored now.
    failing: Option<Errno>,
    /// Nothing is kept up any more: the mount ends.
    is_ending: bool,
}

/// The last time that changes of a file were lost or could not be stored.
#[derive(Clone, Copy, Debug)]
struct Failure {
    event: u64,
    errno: Errno,
    /// Somebody was told.
    is_told: bool,
    /// Nothing is lost: the changes are kept and tried again.
    is_kept: bool,
}

enum Step {
    Fill(Miss, u64),
    Shared,
    Room,
}

impl Core {
    pub(crate) fn new(
        namespace: Arc<dyn Namespace>,
        data: Arc<dyn Data>,
        usage: Usage,
        is_read_only: bool,
    ) -> Arc<Self> {
        let (contents, numbers, opens) = <(Arc<Contents>, Arc<Numbers>, Arc<Opens>)>::default();
        Arc::new(Self {
            namespace,
            data,
            shares: Shares { contents, numbers, opens },
            state: Mutex::new(State { usage, ..State::default() }),
            gate: RwLock::default(),
            answers: std::sync::RwLock::default(),
            one_cycle: tokio::sync::Mutex::default(),
            wanted: AtomicU64::new(0),
            done: watch::Sender::new(0),
            now: Notify::new(),
            soon: Notify::new(),
            room: Notify::new(),
            fetches: Mutex::default(),
            moved: Mutex::default(),
            walks_again: Mutex::default(),
            relocated: Mutex::default(),
            locks: Mutex::default(),
            lock_freed: Notify::new(),
            lock_turns: Default::default(),
            is_read_only,
            placed_for: cycle::PLACED_FOR,
        })
    }

    pub(crate) fn root(&self) -> Ino {
        self.namespace.root()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tree(&self, usage: Usage, is_brief: bool) -> Tree {
        Tree::new(self.root(), usage, is_brief, self.is_read_only, self.shares.clone())
    }

    /// Does the operation if all it needs is in memory.
    pub(crate) fn try_run<T>(
        &self,
        aim: Aim,
        op: &mut impl FnMut(&mut Tree) -> Result<T, Stop>,
    ) -> Option<Result<T, Errno>> {
        self.step(aim, op).ok()
    }

    fn step<T>(&self, aim: Aim, op: &mut impl FnMut(&mut Tree) -> Result<T, Stop>) -> Result<Result<T, Errno>, Step> {
        let mut state = self.state();
        let State { tree: Some(tree), is_leaving: false, failing, .. } = &mut *state else { return Err(Step::Shared) };
        let is_full = tree.dirty_bytes() > DIRTY_BYTES_MAX || tree.dirty_effects() > DIRTY_EFFECTS_MAX;
        match (aim, is_full, *failing) {
            (Aim::Change, true, Some(errno)) => return Ok(Err(errno)),
            (Aim::Change | Aim::Less, true, None) => return Err(Step::Room),
            (_, _, _) => {}
        }
        let done = match op(tree) {
            Ok(value) => Ok(value),
            Err(Stop::Errno(errno)) => Err(errno),
            Err(Stop::Miss(miss)) => return Err(Step::Fill(miss, tree.drops())),
        };
        if aim != Aim::Look && done.is_ok() {
            self.stir(tree);
        }
        Ok(done)
    }

    /// Does the operation, reading what it needs.
    pub(crate) async fn run<T>(&self, aim: Aim, mut op: impl FnMut(&mut Tree) -> Result<T, Stop>) -> Result<T, Errno> {
        for _ in 0..MISSES_MAX {
            match self.step(aim, &mut op) {
                Ok(value) => return value,
                Err(Step::Room) => self.await_room().await,
                Err(Step::Fill(miss, drops)) => {
                    let filled = self.fill(&miss).await.map_err(errno)?;
                    if let Some(tree) = &mut self.state().tree {
                        tree.fill(&miss, filled, drops);
                        self.stir(tree);
                    }
                }
                Err(Step::Shared) => {
                    let _open = self.gate.read().await;
                    if self.state().tree.is_none() {
                        return self.run_shared(&mut op).await;
                    }
                }
            }
        }
        Err(Errno::EIO)
    }

    async fn run_shared<T>(&self, op: &mut impl FnMut(&mut Tree) -> Result<T, Stop>) -> Result<T, Errno> {
        for _ in 0..SHARED_TRIES {
            let usage = self.state().usage;
            let mut tree = self.tree(usage, true);
            let value = self.run_brief(&mut tree, op).await?;
            let Some(batch) = tree.batch() else { return Ok(value) };
            match self.store(&batch).await {
                Ok((_, usage)) => {
                    self.state().usage = usage;
                    return Ok(value);
                }
                Err(cycle::Unstored::Namespace(NamespaceError::Changed | NamespaceError::Exists)) => {
                    let wait_ms = rand::rng().random_range(1..20);
                    tokio::time::sleep(Duration::from_millis(wait_ms)).await;
                }
                Err(error) => return Err(error.report()),
            }
        }
        Err(Errno::EBUSY)
    }

    async fn run_brief<T>(
        &self,
        tree: &mut Tree,
        op: &mut impl FnMut(&mut Tree) -> Result<T, Stop>,
    ) -> Result<T, Errno> {
        for _ in 0..MISSES_MAX {
            let miss = match op(tree) {
                Ok(value) => return Ok(value),
                Err(Stop::Errno(errno)) => return Err(errno),
                Err(Stop::Miss(miss)) => miss,
            };
            let drops = tree.drops();
            let filled = self.fill(&miss).await.map_err(errno)?;
            tree.fill(&miss, filled, drops);
        }
        Err(Errno::EIO)
    }

    /// Reads what is missing.
    async fn fill(&self, miss: &Miss) -> Result<Filled, FillError> {
        let namespace = &*self.namespace;
        Ok(match miss {
            Miss::Inode(ino) => Filled::Inode(namespace.inode(*ino).await?),
            Miss::Entry(parent, name) => Filled::Entry(namespace.lookup(*parent, name).await?),
            Miss::Listing(ino) => {
                let wanted = self.state().tree.as_ref().map_or_else(|| vec![*ino], |tree| tree.siblings(*ino));
                let listings = wanted.iter().zip(namespace.listings(&wanted).await?);
                let with_end = listings.map(|(ino, entries)| {
                    let is_complete = entries.len() < LIST_MAX;
                    (*ino, entries, is_complete)
                });
                Filled::Listings(with_end.collect())
            }
            Miss::Occupied(ino) => self.fill_occupied(*ino).await?,
            Miss::Pieces { ino, from, .. } => {
                let placed = namespace.stripes(*ino, *from, PIECES_STRIPES).await?;
                let is_complete = placed.len() < PIECES_STRIPES;
                Filled::Pieces { placed, is_complete }
            }
            Miss::Content(stripe) => {
                self.content(stripe).await.map_err(FillError::Data)?;
                Filled::Elsewhere
            }
            Miss::Xattrs(ino) => Filled::Xattrs(namespace.xattrs(*ino).await?),
            Miss::Numbers => {
                self.shares.numbers.fetch(namespace).await?;
                Filled::Elsewhere
            }
        })
    }

    /// Entries of a directory until one is not known as removed, or they end.
    async fn fill_occupied(&self, ino: Ino) -> Result<Filled, FillError> {
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let page = self.namespace.entries(ino, after.as_ref(), LIST_MAX).await?;
            let is_complete = page.len() < LIST_MAX;
            let known = match &self.state().tree {
                Some(tree) => tree.overlay(ino, after.as_ref(), page.last().map(|entry| &entry.name)),
                None => Vec::new(),
            };
            let is_news = |entry: &crate::namespace::Entry| !known.iter().any(|(name, _)| *name == entry.name);
            let has_news = page.iter().any(is_news);
            after = page.last().map(|entry| entry.name.clone());
            all.extend(page.into_iter().filter(is_news));
            if is_complete || has_news {
                return Ok(Filled::Occupied { entries: all, is_complete });
            }
        }
    }
}

/// Why something could not be read.
#[derive(Debug)]
enum FillError {
    Namespace(NamespaceError),
    Data(Errno),
}

impl From<NamespaceError> for FillError {
    fn from(error: NamespaceError) -> Self {
        Self::Namespace(error)
    }
}

fn errno(error: FillError) -> Errno {
    match error {
        FillError::Namespace(error) => namespace_errno(&error),
        FillError::Data(errno) => errno,
    }
}

/// What a program is told when the name space refuses.
fn namespace_errno(error: &NamespaceError) -> Errno {
    match error {
        NamespaceError::Exists => Errno::EEXIST,
        NamespaceError::Quota => Errno::EDQUOT,
        NamespaceError::ReadOnly => Errno::EROFS,
        NamespaceError::Gone => Errno::ESTALE,
        NamespaceError::Changed
        | NamespaceError::Stale
        | NamespaceError::Invalid(_)
        | NamespaceError::Unavailable(_) => Errno::EIO,
    }
}
