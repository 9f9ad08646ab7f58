//! What is known of a server's health, from the polls and from live traffic alike.
//!
//! One failure takes a server out of placement at once, since another one can take the meeting. Only [`DOWN_AFTER`] failures
//! in a row make it down, and only when it has been so for a while are its meetings given up: a blip must not cost a class.
//! Nothing here ever ends a meeting.

use std::time::Duration;

use placement::Health;

/// Failures in a row after which a server is down.
pub(crate) const DOWN_AFTER: u32 = 3;
/// Failures closer together than this are one: a blip meets many calls at the same time.
const APART_MS: i64 = 200;

/// What was observed of one server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Observed {
    failures: u32,
    /// When the first of them was seen, epoch ms.
    since_ms: i64,
    /// When the last that counted was seen, epoch ms.
    last_ms: i64,
}

impl Observed {
    /// A call got no answer, or none of a conference server.
    pub(crate) fn on_failure(&mut self, now_ms: i64) {
        if self.failures == 0 {
            self.since_ms = now_ms;
        } else if (0..APART_MS).contains(&(now_ms - self.last_ms)) {
            return;
        }
        self.last_ms = now_ms;
        self.failures = self.failures.saturating_add(1);
    }

    /// A call was answered.
    pub(crate) fn on_answer(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn health(&self) -> Health {
        match self.failures {
            0 => Health::Up,
            failures if failures < DOWN_AFTER => Health::Suspect,
            _ => Health::Down,
        }
    }

    /// Whether it has been down for so long that its meetings are given up.
    pub(crate) fn is_lost(&self, now_ms: i64, after: Duration) -> bool {
        let after_ms = i64::try_from(after.as_millis()).unwrap_or(i64::MAX);
        self.health() == Health::Down && now_ms.saturating_sub(self.since_ms) >= after_ms
    }

    /// Since when it has not answered, epoch ms.
    pub(crate) fn silent_since_ms(&self) -> Option<i64> {
        (self.failures > 0).then_some(self.since_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_is_a_suspicion_and_three_for_a_minute_are_a_loss() {
        let after = Duration::from_secs(60);
        let mut observed = Observed::default();
        assert_eq!(observed.health(), Health::Up);
        observed.on_failure(1_000);
        assert_eq!((observed.health(), observed.is_lost(100_000, after)), (Health::Suspect, false));
        observed.on_answer();
        assert_eq!(observed.health(), Health::Up);
        for now_ms in [10_000, 11_000, 12_000] {
            observed.on_failure(now_ms);
        }
        assert_eq!(observed.health(), Health::Down);
        assert!(!observed.is_lost(69_999, after) && observed.is_lost(70_000, after));
        assert_eq!(observed.silent_since_ms(), Some(10_000));
        observed.on_answer();
        assert_eq!((observed.health(), observed.is_lost(i64::MAX, after)), (Health::Up, false));
    }

    #[test]
    fn calls_that_fail_together_are_one_failure() {
        let mut observed = Observed::default();
        (0..100).for_each(|ms| observed.on_failure(1_000 + ms));
        assert_eq!(observed.health(), Health::Suspect);
    }

    #[test]
    fn a_clock_that_jumps_back_loses_nothing() {
        let mut observed = Observed::default();
        [1_000_000, 1_001_000, 1_002_000].into_iter().for_each(|now_ms| observed.on_failure(now_ms));
        assert_eq!(observed.health(), Health::Down);
        assert!(!observed.is_lost(0, Duration::from_secs(60)));
    }
}
