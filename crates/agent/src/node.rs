//! What the link and the runs of one agent share.

use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

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
    ledger: Mutex<Ledger>,
    changed: Notify,
}

impl Node {
    pub(crate) fn new(launcher: Launcher, groups: Groups, programs: Option<Programs>, ledger: Ledger) -> Self {
        let (ledger, changed) = (Mutex::new(ledger), Notify::new());
        Self { launcher, groups, programs, ledger, changed }
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
