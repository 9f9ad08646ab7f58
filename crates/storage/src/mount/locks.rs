//! Locks that programs hold in this mount, and what of them other mounts know. No I/O.

use std::collections::{HashMap, HashSet};

use crate::model::inode::Ino;
use crate::model::lock::{FileLocks, Held, range_set, together};

/// Who locks. For `fcntl` the owner is a process, for `flock` and open file descriptions it is what was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Locker {
    pub(crate) owner: u64,
    /// What was opened: the last one that the owner locked by.
    pub(crate) handle: u64,
    /// The process, for people.
    pub(crate) pid: u32,
}

/// What somebody wants of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) ino: Ino,
    pub(crate) locker: Locker,
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// `None`: nobody is to hold it any more.
    pub(crate) is_exclusive: Option<bool>,
}

#[derive(Clone, Debug)]
struct Holding {
    locker: Locker,
    held: Vec<Held>,
}

/// See the file's head.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    files: HashMap<Ino, Vec<Holding>>,
    /// What other mounts know; nothing of a file that is not in it.
    stored: HashMap<Ino, Vec<Held>>,
    /// Files of which it is not known what they know.
    doubtful: HashSet<Ino>,
    waits: HashMap<u64, Wish>,
    next_wait: u64,
}

impl Locks {
    /// Something that another one in this mount holds and that is at odds with the wish.
    pub(crate) fn against(&self, wish: &Wish) -> Option<(Held, Locker)> {
        self.all_against(wish).next()
    }

    fn all_against(&self, wish: &Wish) -> impl Iterator<Item = (Held, Locker)> {
        let (owner, first, last) = (wish.locker.owner, wish.first, wish.last);
        let wanted = wish.is_exclusive.map(|is_exclusive| Held { first, last, is_exclusive });
        let others = self.files.get(&wish.ino).into_iter().flatten().filter(move |of| of.locker.owner != owner);
        others.flat_map(move |of| {
            let held = of.held.iter().filter(move |held| wanted.is_some_and(|wanted| wanted.is_against(held)));
            held.map(|held| (*held, of.locker))
        })
    }

    /// Grants the wish, unless another one in this mount is against it.
    pub(crate) fn grant(&mut self, wish: &Wish) -> Result<(), (Held, Locker)> {
        match self.against(wish) {
            Some(against) => Err(against),
            None => {
                self.set(wish);
                Ok(())
            }
        }
    }

    /// Does what is wished; nobody may be against it.
    pub(crate) fn set(&mut self, wish: &Wish) {
        let of = self.files.entry(wish.ino).or_default();
        grant(of, wish);
        if of.is_empty() {
            self.files.remove(&wish.ino);
        }
    }

    /// What all in this mount hold of a file together.
    pub(crate) fn together(&self, ino: Ino) -> Vec<Held> {
        together(self.files.get(&ino).into_iter().flatten().flat_map(|of| &of.held))
    }

    /// The same, once the wish is granted.
    pub(crate) fn together_with(&self, wish: &Wish) -> Vec<Held> {
        let mut of = self.files.get(&wish.ino).cloned().unwrap_or_default();
        grant(&mut of, wish);
        together(of.iter().flat_map(|of| &of.held))
    }

    /// Frees what some hold of a file. `true`: there was something.
    pub(crate) fn drop_of(&mut self, ino: Ino, goes: impl Fn(&Locker) -> bool) -> bool {
        let Some(of) = self.files.get_mut(&ino) else { return false };
        let before = of.len();
        of.retain(|of| !goes(&of.locker));
        let is_less = of.len() < before;
        if of.is_empty() {
            self.files.remove(&ino);
        }
        is_less
    }
}

fn grant(of: &mut Vec<Holding>, wish: &Wish) {
    let locker = wish.locker;
    let at = of.iter().position(|of| of.locker.owner == locker.owner).unwrap_or_else(|| {
        of.push(Holding { locker, held: Vec::new() });
        of.len() - 1
    });
    of[at].locker = locker;
    range_set(&mut of[at].held, wish.first, wish.last, wish.is_exclusive);
    if of[at].held.is_empty() {
        of.swap_remove(at);
    }
}

impl Locks {
    /// Whether other mounts know that this is held of the file.
    pub(crate) fn is_stored(&self, ino: Ino, held: &[Held]) -> bool {
        !self.doubtful.contains(&ino) && self.stored.get(&ino).map_or(&[][..], Vec::as_slice) == held
    }

    /// What they know of the file may change from now on. `true`: it was known.
    pub(crate) fn doubt(&mut self, ino: Ino) -> bool {
        self.doubtful.insert(ino)
    }

    /// They know as much as before.
    pub(crate) fn trust(&mut self, ino: Ino) {
        self.doubtful.remove(&ino);
    }

    /// They know of this.
    pub(crate) fn stored(&mut self, locks: FileLocks) {
        self.doubtful.remove(&locks.ino);
        if locks.held.is_empty() {
            self.stored.remove(&locks.ino);
        } else {
            self.stored.insert(locks.ino, locks.held);
        }
    }

    /// They know of nothing: the session has ended.
    pub(crate) fn unknown(&mut self) {
        self.stored.clear();
        self.doubtful.clear();
    }

    /// What they have to be told.
    pub(crate) fn differing(&self) -> Vec<FileLocks> {
        let inos: HashSet<Ino> = self.files.keys().chain(self.stored.keys()).chain(&self.doubtful).copied().collect();
        let files = inos.into_iter().map(|ino| FileLocks { ino, held: self.together(ino) });
        files.filter(|file| !self.is_stored(file.ino, &file.held)).collect()
    }

    /// Somebody waits for his wish. `None`: whoever he waits for waits for him, in this mount, one after the other.
    pub(crate) fn wait(&mut self, wish: &Wish) -> Option<u64> {
        let (mut seen, mut next) = (HashSet::new(), vec![*wish]);
        while let Some(wait) = next.pop() {
            for (_, locker) in self.all_against(&wait) {
                if locker.owner == wish.locker.owner {
                    return None;
                }
                if seen.insert(locker.owner) {
                    next.extend(self.waits.values().filter(|wait| wait.locker.owner == locker.owner));
                }
            }
        }
        self.next_wait += 1;
        self.waits.insert(self.next_wait, *wish);
        Some(self.next_wait)
    }

    /// He waits no more.
    pub(crate) fn wait_end(&mut self, wait: u64) {
        self.waits.remove(&wait);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BYTES: u64 = 16;
    const OWNERS: u64 = 3;

    fn wish(owner: u64, first: u64, last: u64, is_exclusive: Option<bool>) -> Wish {
        Wish { ino: 1, locker: Locker { owner, handle: owner, pid: 0 }, first, last, is_exclusive }
    }

    fn any_wish() -> impl Strategy<Value = Wish> {
        (0..OWNERS, 0..BYTES, 0..BYTES, any::<Option<bool>>())
            .prop_map(|(owner, one, two, kind)| wish(owner, one.min(two), one.max(two), kind))
    }

    proptest! {
        /// Beside a table of what each holds of each byte.
        #[test]
        fn it_grants_what_a_simple_table_grants(wishes in prop::collection::vec(any_wish(), 1..60)) {
            let (mut locks, mut table) = (Locks::default(), [[None; BYTES as usize]; OWNERS as usize]);
            for wish in wishes {
                let bytes = wish.first as usize..=wish.last as usize;
                let owner = wish.locker.owner as usize;
                let is_against = |held: Option<bool>| match (wish.is_exclusive, held) {
                    (Some(wanted), Some(held)) => wanted || held,
                    (_, _) => false,
                };
                let others = (0..OWNERS as usize).filter(|other| *other != owner);
                let is_refused = others.into_iter().any(|other| table[other][bytes.clone()].iter().any(|held| is_against(*held)));
                let expected = locks.together_with(&wish);
                prop_assert_eq!(locks.grant(&wish).is_err(), is_refused);
                if !is_refused {
                    table[owner][bytes].fill(wish.is_exclusive);
                    prop_assert_eq!(locks.together(1), expected);
                }
                for at in 0..BYTES as usize {
                    let strongest = table.iter().filter_map(|of| of[at]).max();
                    let held = locks.together(1).into_iter().find(|held| (held.first..=held.last).contains(&(at as u64)));
                    prop_assert_eq!(held.map(|held| held.is_exclusive), strongest);
                }
            }
        }
    }

    #[test]
    fn what_others_have_to_be_told_is_what_they_do_not_know() {
        let mut locks = Locks::default();
        locks.grant(&wish(1, 0, 9, Some(false))).unwrap();
        locks.grant(&wish(2, 5, 20, Some(false))).unwrap();
        let told = locks.differing();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].held, [Held { first: 0, last: 20, is_exclusive: false }]);
        locks.stored(told[0].clone());
        assert!(locks.differing().is_empty());
        assert!(locks.drop_of(1, |locker| locker.handle == 1) && !locks.drop_of(1, |locker| locker.handle == 1));
        assert_eq!(locks.differing()[0].held, [Held { first: 5, last: 20, is_exclusive: false }]);
        locks.unknown();
        assert!(locks.drop_of(1, |_| true) && locks.differing().is_empty());
        locks.doubt(1);
        assert_eq!(locks.differing(), [FileLocks { ino: 1, held: Vec::new() }]);
    }

    #[test]
    fn who_waits_in_a_circle_is_told() {
        let mut locks = Locks::default();
        (1..=3).for_each(|owner| locks.grant(&wish(owner, owner, owner, Some(true))).unwrap());
        let first = locks.wait(&wish(1, 2, 2, Some(true))).unwrap();
        locks.wait(&wish(2, 3, 3, Some(false))).unwrap();
        assert!(locks.wait(&wish(3, 1, 1, Some(true))).is_none());
        locks.wait_end(first);
        assert!(locks.wait(&wish(3, 1, 1, Some(true))).is_some());
    }
}
