//! Whether a session has something to do.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A session that has asked for nothing for this long is idle.
const IDLE_AFTER: Duration = Duration::from_secs(2);

/// The calls of a session.
#[derive(Debug)]
pub(super) struct Calls(Mutex<State>);

#[derive(Debug)]
struct State {
    under_way: usize,
    /// When one began or ended last.
    last: Instant,
    is_told_idle: bool,
}

/// A call is under way as long as this is there.
pub(super) struct UnderWay<'a>(&'a Calls);

impl Calls {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State { under_way: 0, last: Instant::now(), is_told_idle: false }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call begins. `true`: it is the first since it was told that there are none.
    pub(super) fn begin(&self) -> (UnderWay<'_>, bool) {
        let mut state = self.state();
        state.under_way += 1;
        (UnderWay(self), std::mem::take(&mut state.is_told_idle))
    }

    /// What is told of the session: whether it is idle. It is not while the mount keeps what it read or changed.
    pub(super) fn tell(&self, is_keeping: bool) -> bool {
        let mut state = self.state();
        state.is_told_idle = !is_keeping && state.under_way == 0 && state.last.elapsed() >= IDLE_AFTER;
        state.is_told_idle
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.under_way -= 1;
        state.last = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_session_is_idle_when_it_has_asked_for_nothing_for_a_while() {
        let calls = Calls::new();
        assert!(!calls.tell(false));
        let (call, _) = calls.begin();
        tokio::time::advance(IDLE_AFTER).await;
        assert!(!calls.tell(false), "a call that waits is under way");
        drop(call);
        assert!(!calls.tell(false));
        tokio::time::advance(IDLE_AFTER).await;
        assert!(!calls.tell(true), "it keeps something");
        assert!(!calls.begin().1);
        tokio::time::advance(IDLE_AFTER).await;
        assert!(calls.tell(false));
        assert!(calls.begin().1, "it was told that there are none");
        assert!(!calls.begin().1);
    }
}
