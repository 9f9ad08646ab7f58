//! The delegation comes, goes, is lost; and what the kernel has to be told then.

use std::sync::PoisonError;
use std::time::Duration;

use nix::errno::Errno;

use super::Core;
use crate::model::inode::Ino;
use crate::model::name::Name;
use crate::mount::tree::Tree;
use crate::namespace::Usage;

/// How long the kernel may keep what it was told, while the name space is delegated: it is told when that ends.
const KEPT: Duration = Duration::from_secs(30);

/// How long stores may refuse what has to be stored before the delegation goes; the control plane waits for 20 s.
const RECALL_LIMIT: Duration = Duration::from_secs(15);

/// How long calls under way are waited for before what was delegated is kept; the next renewal tries again.
const DELEGATE_LIMIT: Duration = Duration::from_secs(2);

/// What the kernel was told and may have kept.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) inodes: Vec<Ino>,
    pub(crate) entries: Vec<(Ino, Name)>,
}

impl Core {
    /// The name space is ours: from now on all is kept.
    pub(crate) async fn delegate(&self, usage: Usage) {
        // Calls under way may wait for a session that the caller is to open: without this bound both would wait for ever.
        let Ok(_closed) = tokio::time::timeout(DELEGATE_LIMIT, self.gate.write()).await else { return };
        let mut state = self.state();
        state.usage = usage;
        if state.tree.is_none() {
            state.tree = Some(self.tree(usage, false));
            state.failing = None;
        }
    }

    pub(crate) fn is_delegated(&self) -> bool {
        let state = self.state();
        state.tree.is_some() && !state.is_leaving
    }

    /// Whether what is read or changed is kept, also while the delegation is being given back.
    pub(crate) fn is_keeping(&self) -> bool {
        self.state().tree.is_some()
    }

    /// Stores everything and keeps nothing from now on. The delegation may be given back once the kernel has been told to
    /// forget what this returns.
    pub(crate) async fn recall(&self) -> Told {
        let closed = self.gate.write().await;
        self.state().is_leaving = true;
        let until = tokio::time::Instant::now() + RECALL_LIMIT;
        while !self.cycle().await && self.state().tree.is_some() {
            if tokio::time::Instant::now() > until {
                // Whoever wants the name space has been let in by force; programs here must not wait for ever.
                let mut state = self.state();
                let errno = state.failing.unwrap_or(Errno::EIO);
                state.lose(std::iter::empty(), errno);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.locks_tell_all().await;
        let told = self.forget_all();
        drop(closed);
        told
    }

    /// The delegation is lost; what was not stored is lost with it.
    pub(crate) fn lost(&self) -> Told {
        let mut state = self.state();
        if state.tree.as_ref().is_some_and(Tree::is_dirty) {
            state.lose(std::iter::empty(), Errno::EIO);
        }
        drop(state);
        self.forget_all()
    }

    fn forget_all(&self) -> Told {
        let mut state = self.state();
        state.is_leaving = false;
        let tree = state.tree.take();
        drop(state);
        // Answers that promise something have been given once this is had.
        drop(self.answers.write().unwrap_or_else(PoisonError::into_inner));
        tree.map(|tree| tree.told()).unwrap_or_default()
    }

    /// Answers the kernel; `answer` gets how long it may keep what it is told.
    pub(crate) fn answer<T>(&self, answer: impl FnOnce(Duration) -> T) -> T {
        let _answering = self.answers.read().unwrap_or_else(PoisonError::into_inner);
        answer(if self.is_delegated() { KEPT } else { Duration::ZERO })
    }

    /// The mount ends: stores what there is, for at most `within`. `false`: something is left.
    pub(crate) async fn end(&self, within: Duration) -> bool {
        for ino in self.shares.opens.nameless() {
            while !self.shares.opens.close(ino) && self.shares.opens.is_open(ino) {}
            // What can't be removed now the control plane collects.
            let _reaped = self.run(super::Aim::Less, |tree| tree.reap(ino)).await;
        }
        let stored = async {
            while !self.cycle().await {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        let is_done = tokio::time::timeout(within, stored).await.is_ok();
        self.state().is_ending = true;
        is_done && self.state().tree.as_ref().is_none_or(|tree| !tree.is_dirty())
    }

    /// Used and allowed, with what is not stored yet.
    pub(crate) fn usage(&self) -> Usage {
        let state = self.state();
        let Some(tree) = &state.tree else { return state.usage };
        let (bytes, inodes) = tree.used();
        Usage { bytes, inodes, ..tree.usage() }
    }

    /// The kernel was told of these inodes.
    pub(crate) fn remember(&self, inodes: &[Ino]) {
        if let Some(tree) = &mut self.state().tree {
            inodes.iter().for_each(|ino| tree.remember(*ino));
        }
    }

    /// The kernel forgot what it was told of some inodes, so often each.
    pub(crate) fn forget(&self, inodes: impl Iterator<Item = (Ino, u64)>) {
        if let Some(tree) = &mut self.state().tree {
            inodes.for_each(|(ino, count)| tree.forget(ino, count));
        }
    }

    /// An inode is opened.
    pub(crate) fn opened(&self, ino: Ino) {
        self.shares.opens.add(ino);
    }

    /// An inode is closed; `true`: it has no name any more and nobody else has it open, so that it is to be removed.
    pub(crate) fn closed(&self, ino: Ino) -> bool {
        self.shares.opens.close(ino)
    }

    /// What the control plane said is used.
    pub(crate) fn set_usage(&self, usage: Usage) {
        self.state().usage = usage;
    }
}
