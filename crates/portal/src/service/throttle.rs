//! Slows down who guesses passwords: ten failures from one address for one login within 15 minutes. Kept in memory, per
//! replica: a guesser gains a factor of the replicas, and no sign-in waits for a write.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use crate::error::Problem;

/// Failures that are borne.
const FAILURES: usize = 10;
/// Within this long, ms.
const WINDOW_MS: i64 = 15 * 60_000;
/// Pairs remembered at most; the one that failed longest ago is forgotten first.
const PAIRS: usize = 10_000;

/// Recent failures by address and login.
#[derive(Default)]
pub(crate) struct Throttle(Mutex<HashMap<(String, String), Vec<i64>>>);

impl Throttle {
    /// Errors: `too-many-sign-ins` with the time to wait.
    pub(crate) fn check(&self, address: &str, login: &str, now_ms: i64) -> Result<(), Problem> {
        let failures = self.0.lock().unwrap_or_else(|e| e.into_inner());
        let Some(times) = failures.get(&(address.to_owned(), login.to_owned())) else { return Ok(()) };
        let recent: Vec<i64> = times.iter().copied().filter(|at| now_ms - at < WINDOW_MS).collect();
        if recent.len() < FAILURES {
            return Ok(());
        }
        let wait_ms = recent[recent.len() - FAILURES] + WINDOW_MS - now_ms;
        let wait = Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0));
        let minutes = wait.as_secs().div_ceil(60);
        Err(Problem::too_many(
            "too-many-sign-ins",
            format!("Too many wrong passwords; try again in {minutes} min."),
            wait,
        )
        .arg("minutes", minutes))
    }

    /// Notes a failure.
    pub(crate) fn failed(&self, address: &str, login: &str, now_ms: i64) {
        let mut failures = self.0.lock().unwrap_or_else(|e| e.into_inner());
        if failures.len() >= PAIRS {
            let oldest = failures.iter().min_by_key(|(_, times)| times.last().copied()).map(|(pair, _)| pair.clone());
            oldest.map(|pair| failures.remove(&pair));
        }
        let times = failures.entry((address.to_owned(), login.to_owned())).or_default();
        times.retain(|at| now_ms - at < WINDOW_MS);
        times.push(now_ms);
    }

    /// Forgets the failures of who has signed in.
    pub(crate) fn succeeded(&self, address: &str, login: &str) {
        self.0.lock().unwrap_or_else(|e| e.into_inner()).remove(&(address.to_owned(), login.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eleventh_try_waits_until_the_first_failure_is_old() {
        let throttle = Throttle::default();
        for at in 0..10 {
            assert!(throttle.check("192.0.2.1", "ada", at).is_ok());
            throttle.failed("192.0.2.1", "ada", at);
        }
        assert_eq!(throttle.check("192.0.2.1", "ada", 10).unwrap_err().code(), "too-many-sign-ins");
        assert!(throttle.check("192.0.2.2", "ada", 10).is_ok());
        assert!(throttle.check("192.0.2.1", "ada", WINDOW_MS).is_ok());
        throttle.succeeded("192.0.2.1", "ada");
        assert!(throttle.check("192.0.2.1", "ada", 10).is_ok());
    }
}
