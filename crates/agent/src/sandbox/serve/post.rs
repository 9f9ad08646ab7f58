//! When a slot's keeper is started: at once after a life, later and later when it dies young.
//!
//! Whatever ended a young one may end the next as well, so that trying at once would be all this process does. But most of
//! what ends one passes (memory that was short, a limit of processes), so that no slot is given up while others work.

use std::time::{Duration, Instant};

use nix::unistd::Pid;

/// A keeper that lived this long was well.
const LIFE: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(10);
/// Young deaths in a row after which a slot has no hope of its own.
const FAILURES_MOST: u32 = 5;

/// One slot's place for a keeper.
#[derive(Clone, Copy, Debug)]
pub(super) struct Post {
    keeper: Option<(Pid, Instant)>,
    /// When the next one is started, while there is none.
    due: Instant,
    /// Young deaths in a row.
    failures: u32,
}

impl Post {
    pub(super) fn new(now: Instant) -> Self {
        Self { keeper: None, due: now, failures: 0 }
    }

    pub(super) fn keeper(&self) -> Option<Pid> {
        self.keeper.map(|(pid, _)| pid)
    }

    /// When a keeper is to be started; `None` while there is one.
    pub(super) fn due(&self) -> Option<Instant> {
        self.keeper.is_none().then_some(self.due)
    }

    pub(super) fn on_start(&mut self, keeper: Pid, now: Instant) {
        self.keeper = Some((keeper, now));
    }

    /// It has ended, or could not be started.
    pub(super) fn on_end(&mut self, now: Instant) {
        let is_young = self.keeper.take().is_none_or(|(_, since)| now.duration_since(since) < LIFE);
        self.failures = if is_young { self.failures.saturating_add(1) } else { 0 };
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.saturating_sub(1).min(10)).min(LAST_PAUSE);
        self.due = if is_young { now + pause } else { now };
    }

    pub(super) fn is_hopeless(&self) -> bool {
        self.keeper.is_none() && self.failures >= FAILURES_MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEPER: Pid = Pid::from_raw(7);

    #[test]
    fn young_deaths_pause_longer_and_longer_and_a_life_forgets_them() {
        let mut now = Instant::now();
        let mut post = Post::new(now);
        assert_eq!(post.due(), Some(now));
        for pause_ms in [100, 200, 400, 800, 1600] {
            assert!(!post.is_hopeless());
            post.on_start(KEEPER, now);
            assert_eq!((post.keeper(), post.due()), (Some(KEEPER), None));
            post.on_end(now);
            assert_eq!(post.due(), Some(now + Duration::from_millis(pause_ms)));
        }
        assert!(post.is_hopeless());
        for _ in 0..50 {
            post.on_end(now);
        }
        assert_eq!(post.due(), Some(now + LAST_PAUSE));
        post.on_start(KEEPER, now);
        assert!(!post.is_hopeless());
        now += LIFE;
        post.on_end(now);
        assert_eq!((post.due(), post.is_hopeless()), (Some(now), false));
    }
}
