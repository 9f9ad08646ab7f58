//! What the link and the runs of one agent share.

use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use wire::proto::Tool;

use crate::groups::Groups;
use crate::launcher::Launcher;
use crate::ledger::Ledger;
use crate::program::Programs;

/// One agent's shared state.
pub(crate) struct Node {
    pub(crate) launcher: Launcher,
    pub(crate) groups: Groups,
    /// `None`: the node takes no programs.
    pub(crate) programs: Option<Programs>,
    /// Found the last time that somebody asked.
    languages: Mutex<Vec<Tool>>,
    ledger: Mutex<Ledger>,
    changed: Notify,
}

impl Node {
    pub(crate) fn new(launcher: Launcher, groups: Groups, programs: Option<Programs>, ledger: Ledger) -> Self {
        let (languages, ledger, changed) = (Mutex::default(), Mutex::new(ledger), Notify::new());
        Self { launcher, groups, programs, languages, ledger, changed }
    }

    /// The languages that were found the last time, so that a new stream has them at once.
    pub(crate) fn languages(&self) -> Vec<Tool> {
        self.languages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_languages(&self, languages: Vec<Tool>) {
        *self.languages.lock().unwrap_or_else(PoisonError::into_inner) = languages;
    }

    /// Reads or changes the ledger and wakes the link. Never held across an await.
    pub(crate) fn ledger<T>(&self, act: impl FnOnce(&mut Ledger) -> T) -> T {
        let result = act(&mut self.ledger.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_one();
        result
    }

    /// Reads the ledger, or takes from it, for the link itself: wakes nobody.
    pub(crate) fn ledger_quietly<T>(&self, act: impl FnOnce(&mut Ledger) -> T) -> T {
        act(&mut self.ledger.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns after the next change, or at once when one came since the last call. One waiter: the link.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}
