//! Slows down who guesses passwords: within 15 minutes ten tries from one address for one login, and a hundred from one
//! address whatever the logins. A try counts before its password is looked at, so that tries sent at once count too; one
//! that succeeds is taken back. Kept in memory, per replica: a guesser gains a factor of the replicas, and no sign-in
//! waits for a write.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use crate::error::Problem;

/// Tries from one address for one login.
const TRIES_FOR_LOGIN: usize = 10;
/// Tries from one address: many people may share one, and only wrong passwords and those being looked at count.
const TRIES_FROM_ADDRESS: usize = 100;
/// Within this long, ms.
const WINDOW_MS: i64 = 15 * 60_000;
/// Buckets remembered at most; the one that was tried longest ago is forgotten first.
const BUCKETS: usize = 10_000;

/// What tries are counted by.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Bucket {
    Address(String),
    Login { address: String, login: String },
}

impl Bucket {
    fn login(address: &str, login: &str) -> Self {
        Self::Login { address: address.to_owned(), login: login.to_owned() }
    }

    fn limit(&self) -> usize {
        match self {
            Self::Address(_) => TRIES_FROM_ADDRESS,
            Self::Login { .. } => TRIES_FOR_LOGIN,
        }
    }
}

/// When the recent tries were, epoch ms, oldest first.
type Tries = HashMap<Bucket, Vec<i64>>;

/// Recent tries by address and login.
#[derive(Default)]
pub(crate) struct Throttle(Mutex<Tries>);

impl Throttle {
    /// Counts a try, or refuses it. Errors: `too-many-sign-ins` with the time to wait; such a try doesn't count.
    pub(crate) fn attempt(&self, address: &str, login: &str, now_ms: i64) -> Result<(), Problem> {
        let mut tries = self.0.lock().unwrap_or_else(|e| e.into_inner());
        let buckets = [Bucket::login(address, login), Bucket::Address(address.to_owned())];
        for bucket in &buckets {
            let Some(times) = tries.get_mut(bucket) else { continue };
            times.retain(|at| now_ms - at < WINDOW_MS);
            if times.len() >= bucket.limit() {
                return Err(too_many(times[times.len() - bucket.limit()] + WINDOW_MS - now_ms));
            }
        }
        for bucket in buckets {
            make_room(&mut tries, &bucket);
            tries.entry(bucket).or_default().push(now_ms);
        }
        Ok(())
    }

    /// The try made at `at_ms` had the right password: forgets those for the login, and that it was one of the address.
    pub(crate) fn succeeded(&self, address: &str, login: &str, at_ms: i64) {
        let mut tries = self.0.lock().unwrap_or_else(|e| e.into_inner());
        tries.remove(&Bucket::login(address, login));
        take_back(&mut tries, &Bucket::Address(address.to_owned()), at_ms);
    }

    /// The try made at `at_ms` could not be judged by our fault: it is as if it had not been made.
    pub(crate) fn withdrawn(&self, address: &str, login: &str, at_ms: i64) {
        let mut tries = self.0.lock().unwrap_or_else(|e| e.into_inner());
        take_back(&mut tries, &Bucket::login(address, login), at_ms);
        take_back(&mut tries, &Bucket::Address(address.to_owned()), at_ms);
    }
}

fn too_many(wait_ms: i64) -> Problem {
    let wait = Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0));
    let minutes = wait.as_secs().div_ceil(60);
    let message = format!("Too many wrong passwords; try again in {minutes} min.");
    Problem::too_many("too-many-sign-ins", message, wait).arg("minutes", minutes)
}

fn make_room(tries: &mut Tries, bucket: &Bucket) {
    if tries.len() >= BUCKETS && !tries.contains_key(bucket) {
        let oldest = tries.iter().min_by_key(|(_, times)| times.last().copied()).map(|(bucket, _)| bucket.clone());
        oldest.map(|bucket| tries.remove(&bucket));
    }
}

fn take_back(tries: &mut Tries, bucket: &Bucket, at_ms: i64) {
    let Some(times) = tries.get_mut(bucket) else { return };
    if let Some(place) = times.iter().position(|at| *at == at_ms) {
        times.remove(place);
    }
    if times.is_empty() {
        tries.remove(bucket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "192.0.2.1";

    #[test]
    fn the_eleventh_try_waits_until_the_first_is_old() {
        let throttle = Throttle::default();
        for at in 0..10 {
            assert!(throttle.attempt(HERE, "ada", at).is_ok());
        }
        assert_eq!(throttle.attempt(HERE, "ada", 10).unwrap_err().code(), "too-many-sign-ins");
        assert!(throttle.attempt("192.0.2.2", "ada", 10).is_ok());
        assert!(throttle.attempt(HERE, "ada", WINDOW_MS).is_ok());
        assert!(throttle.attempt(HERE, "ada", WINDOW_MS).is_err());
        throttle.succeeded(HERE, "ada", WINDOW_MS);
        assert!(throttle.attempt(HERE, "ada", WINDOW_MS).is_ok());
    }

    #[test]
    fn an_address_has_a_hundred_wrong_tries_and_a_right_one_does_not_wash_them_off() {
        let throttle = Throttle::default();
        for at in 0..99 {
            assert!(throttle.attempt(HERE, &format!("login{at}"), at).is_ok());
        }
        for at in 100..200 {
            assert!(throttle.attempt(HERE, "ada", at).is_ok());
            throttle.succeeded(HERE, "ada", at);
        }
        assert!(throttle.attempt(HERE, "bob", 200).is_ok());
        assert_eq!(throttle.attempt(HERE, "eve", 201).unwrap_err().code(), "too-many-sign-ins");
        assert!(throttle.attempt("192.0.2.2", "eve", 201).is_ok());
        assert!(throttle.attempt(HERE, "eve", WINDOW_MS).is_ok());
    }

    #[test]
    fn tries_that_could_not_be_judged_do_not_count() {
        let throttle = Throttle::default();
        for at in 0..200 {
            assert!(throttle.attempt(HERE, "ada", at).is_ok());
            throttle.withdrawn(HERE, "ada", at);
        }
        assert!(throttle.0.lock().unwrap().is_empty());
    }

    #[test]
    fn no_more_buckets_are_remembered_than_allowed() {
        let throttle = Throttle::default();
        for at in 0..6_000 {
            assert!(throttle.attempt(&at.to_string(), "ada", at).is_ok());
        }
        let tries = throttle.0.lock().unwrap();
        assert_eq!(tries.len(), BUCKETS);
        assert!(tries.contains_key(&Bucket::login("5999", "ada")) && !tries.contains_key(&Bucket::login("0", "ada")));
    }
}
