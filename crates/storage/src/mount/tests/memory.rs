//! A name space and its bytes in memory. It refuses what the database refuses, and stripes that are not safe.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::model::effect::Effect;
use crate::model::inode::{Ino, Inode, Kind};
use crate::model::lock::{FileLocks, Held};
use crate::model::name::Name;
use crate::model::stripe::{Stripe, StripeCode, StripeId};
use crate::mount::data::{Data, DataError};
use crate::namespace::{Entry, Namespace, NamespaceError, Placed, Usage};

pub(super) const ROOT: Ino = 77;

#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    pub(super) inodes: BTreeMap<Ino, Inode>,
    pub(super) entries: BTreeMap<(Ino, Name), Ino>,
    pub(super) stripes: BTreeMap<(Ino, u64), Stripe>,
    pub(super) xattrs: BTreeMap<(Ino, String), Vec<u8>>,
}

/// See the file's head.
pub(super) struct Memory {
    /// All stripes are on other stores than files say.
    pub(super) is_moved: AtomicBool,
    pub(super) stored: Mutex<Stored>,
    units: Mutex<HashMap<StripeId, Bytes>>,
    unsafe_units: Mutex<HashSet<StripeId>>,
    next: AtomicI64,
    pub(super) applies: AtomicUsize,
    /// Calls to `apply` wait while this is set.
    pub(super) is_held: AtomicBool,
    pub(super) waiting: AtomicUsize,
    /// What the next calls to `apply` answer: `true` after they did what was asked.
    pub(super) answers: Mutex<Vec<(bool, NamespaceError)>>,
    pub(super) bytes_hard: AtomicI64,
    pub(super) is_full: AtomicBool,
    /// So many writes find too few stores.
    pub(super) lacking: AtomicUsize,
    /// What nothing refers to is collected while a call gets no answer.
    pub(super) is_collecting: AtomicBool,
    /// Reads of one stripe, and of several; lists of directories.
    pub(super) reads: AtomicUsize,
    pub(super) listings: AtomicUsize,
    /// What the session holds, and what another one does.
    pub(super) locks: Mutex<BTreeMap<Ino, Vec<Held>>>,
    pub(super) others_locks: Mutex<Vec<(Ino, Held)>>,
}

impl Memory {
    pub(super) fn new() -> Self {
        let root = Inode {
            ino: ROOT,
            kind: Kind::Directory,
            mode: 0o755,
            uid: 0,
            gid: 0,
            nlink: 2,
            size: 0,
            atime_ns: 0,
            mtime_ns: 0,
            ctime_ns: 0,
            target: None,
            device: 0,
            version: 1,
        };
        let stored = Stored { inodes: BTreeMap::from([(ROOT, root)]), ..Stored::default() };
        Self {
            stored: Mutex::new(stored),
            units: Mutex::default(),
            unsafe_units: Mutex::default(),
            next: AtomicI64::new(1_000),
            applies: AtomicUsize::new(0),
            is_held: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            answers: Mutex::default(),
            bytes_hard: AtomicI64::new(0),
            is_full: AtomicBool::new(false),
            lacking: AtomicUsize::new(0),
            is_collecting: AtomicBool::new(false),
            is_moved: AtomicBool::new(false),
            reads: AtomicUsize::new(0),
            listings: AtomicUsize::new(0),
            locks: Mutex::default(),
            others_locks: Mutex::default(),
        }
    }

    fn other_against(&self, file: &FileLocks) -> Option<Held> {
        let others = self.others_locks.lock().unwrap();
        let is_against = |held: &&Held| file.held.iter().any(|wanted| wanted.is_against(held));
        others.iter().filter(|(ino, _)| *ino == file.ino).map(|(_, held)| held).find(is_against).copied()
    }

    fn usage_of(&self, stored: &Stored) -> Usage {
        Usage {
            bytes: stored.stripes.values().map(|stripe| u64::from(stripe.code.bytes)).sum(),
            inodes: stored.inodes.len() as u64,
            bytes_hard: self.bytes_hard.load(Ordering::SeqCst) as u64,
            ..Usage::default()
        }
    }

    /// What is stored of what nothing refers to, and what is missing: empty when all is in order.
    pub(super) fn faults(&self) -> Vec<String> {
        let stored = self.stored.lock().unwrap();
        let mut faults = Vec::new();
        let mut names: HashMap<Ino, u32> = HashMap::new();
        for ((parent, name), ino) in &stored.entries {
            *names.entry(*ino).or_default() += 1;
            let is_directory = stored.inodes.get(parent).is_some_and(|inode| inode.kind == Kind::Directory);
            if !is_directory || !stored.inodes.contains_key(ino) {
                faults.push(format!("entry {name} of {parent} names {ino}"));
            }
        }
        for inode in stored.inodes.values() {
            let below = stored.entries.iter().filter(|((parent, _), _)| *parent == inode.ino);
            let directories = below.filter(|(_, ino)| stored.inodes[ino].kind == Kind::Directory).count() as u32;
            let named = names.get(&inode.ino).copied().unwrap_or_default();
            let nlink = if inode.kind == Kind::Directory { 2 + directories } else { named };
            if inode.nlink != nlink || (named == 0 && inode.ino != ROOT) {
                faults.push(format!("inode {} has {named} names, should have nlink {nlink}: {inode:?}", inode.ino));
            }
        }
        for (ino, number) in stored.stripes.keys() {
            let size = stored.inodes.get(ino).map_or(0, |inode| inode.size);
            if number * crate::SPAN_BYTES as u64 >= size {
                faults.push(format!("stripe {number} of {ino} is behind its end {size}"));
            }
        }
        faults
    }
}

fn applied(stored: &mut Stored, effect: Effect, unsafe_units: &HashSet<StripeId>) -> Result<(), NamespaceError> {
    match effect {
        Effect::InodePut(mut inode) => {
            if stored.inodes.get(&inode.ino).map_or(0, |now| now.version) != inode.version {
                return Err(NamespaceError::Changed);
            }
            inode.version += 1;
            stored.inodes.insert(inode.ino, inode);
        }
        Effect::InodeRemove { ino } => {
            stored.inodes.remove(&ino);
            stored.stripes.retain(|(of, _), _| *of != ino);
            stored.xattrs.retain(|(of, _), _| *of != ino);
        }
        Effect::EntryAdd { parent, name, ino } => {
            if !stored.inodes.contains_key(&parent) || !stored.inodes.contains_key(&ino) {
                return Err(NamespaceError::Changed);
            }
            if stored.entries.insert((parent, name), ino).is_some() {
                return Err(NamespaceError::Exists);
            }
        }
        Effect::EntryRemove { parent, name, ino } => {
            if stored.entries.remove(&(parent, name)) != Some(ino) {
                return Err(NamespaceError::Changed);
            }
        }
        Effect::DirectoryEmpty { ino } => {
            if stored.entries.keys().any(|(parent, _)| *parent == ino) {
                return Err(NamespaceError::Changed);
            }
        }
        Effect::StripePut { ino, number, stripe } => {
            assert!(!unsafe_units.contains(&stripe.id), "a stripe that is not safe was stored");
            if !stored.inodes.contains_key(&ino) {
                return Err(NamespaceError::Changed);
            }
            stored.stripes.insert((ino, number), stripe);
        }
        Effect::StripeCut { ino, number, end } => {
            let end = end.unwrap_or(u64::MAX);
            stored.stripes.retain(|(of, at), _| *of != ino || !(number..end).contains(at));
        }
        Effect::StripesMove { from, to, number } => {
            let of: Vec<_> = stored.stripes.range((from, 0)..=(from, u64::MAX)).map(|((_, at), _)| *at).collect();
            for at in of {
                let moved = stored.stripes.remove(&(from, at)).expect("it was just there");
                stored.stripes.insert((to, number + at), moved);
            }
        }
        Effect::XattrPut { ino, name, value } => {
            stored.xattrs.insert((ino, name), value);
        }
        Effect::XattrRemove { ino, name } => {
            stored.xattrs.remove(&(ino, name));
        }
    }
    Ok(())
}

/// By how much the numbers of stores grow when everything is moved.
const MOVED_BY: i64 = 100;

fn moved(mut stripe: Stripe) -> Stripe {
    stripe.stores.iter_mut().for_each(|store| *store += MOVED_BY);
    stripe
}

impl Stored {
    fn entry(&self, name: &Name, ino: Ino) -> Entry {
        let first = self.stripes.get(&(ino, 0)).cloned();
        Entry { name: name.clone(), inode: self.inodes[&ino].clone(), first }
    }
}

#[async_trait]
impl Namespace for Memory {
    fn root(&self) -> Ino {
        ROOT
    }

    async fn lookup(&self, parent: Ino, name: &Name) -> Result<Option<Entry>, NamespaceError> {
        let stored = self.stored.lock().unwrap();
        Ok(stored.entries.get(&(parent, name.clone())).map(|ino| stored.entry(name, *ino)))
    }

    async fn inode(&self, ino: Ino) -> Result<Option<Inode>, NamespaceError> {
        Ok(self.stored.lock().unwrap().inodes.get(&ino).cloned())
    }

    async fn entries(&self, parent: Ino, after: Option<&Name>, limit: usize) -> Result<Vec<Entry>, NamespaceError> {
        let stored = self.stored.lock().unwrap();
        let of =
            stored.entries.iter().filter(|((of, name), _)| *of == parent && after.is_none_or(|after| name > after));
        Ok(of.take(limit).map(|((_, name), ino)| stored.entry(name, *ino)).collect())
    }

    async fn listings(&self, parents: &[Ino]) -> Result<Vec<Vec<Entry>>, NamespaceError> {
        self.listings.fetch_add(1, Ordering::SeqCst);
        let mut listings = Vec::new();
        for parent in parents {
            listings.push(self.entries(*parent, None, crate::namespace::LIST_MAX).await?);
        }
        Ok(listings)
    }

    async fn stripes(&self, ino: Ino, number: u64, limit: usize) -> Result<Vec<Placed>, NamespaceError> {
        let stored = self.stored.lock().unwrap();
        let of = stored.stripes.range((ino, number)..=(ino, u64::MAX)).take(limit);
        Ok(of.map(|((_, number), stripe)| Placed { number: *number, stripe: stripe.clone() }).collect())
    }

    async fn stripe(&self, id: StripeId) -> Result<Option<Stripe>, NamespaceError> {
        let stored = self.stored.lock().unwrap();
        let found = stored.stripes.values().find(|stripe| stripe.id == id).cloned();
        Ok(found.map(|stripe| if self.is_moved.load(Ordering::SeqCst) { moved(stripe) } else { stripe }))
    }

    async fn xattrs(&self, ino: Ino) -> Result<Vec<(String, Vec<u8>)>, NamespaceError> {
        let stored = self.stored.lock().unwrap();
        let of = stored.xattrs.iter().filter(|((of, _), _)| *of == ino);
        Ok(of.map(|((_, name), value)| (name.clone(), value.clone())).collect())
    }

    async fn apply(&self, effects: Vec<Effect>) -> Result<Usage, NamespaceError> {
        self.applies.fetch_add(1, Ordering::SeqCst);
        self.waiting.fetch_add(1, Ordering::SeqCst);
        while self.is_held.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        let answer = self.answers.lock().unwrap().pop();
        if let Some((false, error)) = answer {
            if self.is_collecting.load(Ordering::SeqCst) {
                let stored = self.stored.lock().unwrap();
                self.units.lock().unwrap().retain(|id, _| stored.stripes.values().any(|stripe| stripe.id == *id));
            }
            return Err(error);
        }
        let mut stored = self.stored.lock().unwrap();
        let mut next = stored.clone();
        let unsafe_units = self.unsafe_units.lock().unwrap();
        effects.into_iter().try_for_each(|effect| applied(&mut next, effect, &unsafe_units))?;
        *stored = next;
        match answer {
            Some((_, error)) => Err(error),
            None => Ok(self.usage_of(&stored)),
        }
    }

    async fn numbers(&self, count: u32) -> Result<Range<i64>, NamespaceError> {
        let start = self.next.fetch_add(i64::from(count), Ordering::SeqCst);
        Ok(start..start + i64::from(count))
    }

    async fn usage(&self) -> Result<Usage, NamespaceError> {
        Ok(self.usage_of(&self.stored.lock().unwrap()))
    }

    async fn locks_set(&self, locks: Vec<FileLocks>) -> Result<Option<Held>, NamespaceError> {
        let against = locks.iter().find_map(|file| self.other_against(file));
        if against.is_none() {
            self.locks.lock().unwrap().extend(locks.into_iter().map(|file| (file.ino, file.held)));
        }
        Ok(against)
    }

    async fn lock_against(&self, locks: FileLocks, wait: Duration) -> Result<Option<Held>, NamespaceError> {
        let until = tokio::time::Instant::now() + wait;
        loop {
            let against = self.other_against(&locks);
            if against.is_none() || tokio::time::Instant::now() >= until {
                return Ok(against);
            }
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl Data for Memory {
    async fn write(&self, id: StripeId, bytes: Bytes) -> Result<Stripe, DataError> {
        assert!(!bytes.is_empty() && bytes.len() <= crate::SPAN_BYTES);
        if self.is_full.load(Ordering::SeqCst) {
            return Err(DataError::Full);
        }
        if self.lacking.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            return Err(DataError::Unavailable("too few stores".into()));
        }
        let code = StripeCode::for_bytes(4, 2, bytes.len() as u32).unwrap();
        assert!(self.units.lock().unwrap().insert(id, bytes).is_none(), "a stripe's number was used twice");
        self.unsafe_units.lock().unwrap().insert(id);
        Ok(Stripe { id, code, stores: (1..=code.units() as i64).collect() })
    }

    async fn sync(&self) -> Result<Vec<Stripe>, DataError> {
        self.unsafe_units.lock().unwrap().clear();
        Ok(Vec::new())
    }

    async fn read(&self, stripe: &Stripe, range: Range<u32>) -> Result<Bytes, DataError> {
        if self.is_moved.load(Ordering::SeqCst) && stripe.stores[0] <= MOVED_BY {
            return Err(DataError::Unavailable("its units are elsewhere".into()));
        }
        self.reads.fetch_add(1, Ordering::SeqCst);
        let units = self.units.lock().unwrap();
        Ok(units[&stripe.id].slice(range.start as usize..range.end as usize))
    }

    async fn read_together(&self, stripes: &[Stripe]) -> Vec<Option<Bytes>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let units = self.units.lock().unwrap();
        stripes.iter().map(|stripe| units.get(&stripe.id).cloned()).collect()
    }
}
