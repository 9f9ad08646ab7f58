//! How many live streams there are at a replica, in all and of each account.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::service::ServiceError;

/// Streams of one account at the same time: a browser with many tabs, not a stock of connections.
const OF_ACCOUNT_MAX: usize = 100;
/// Streams at the same time; the listener takes more connections than that, so other requests find one.
const MAX: usize = 8_000;

/// See the module's head.
#[derive(Clone, Default)]
pub(crate) struct Seats(Arc<Mutex<Taken>>);

#[derive(Default)]
struct Taken {
    count: usize,
    of_account: HashMap<String, usize>,
}

/// One stream; the place is free again when this is dropped.
pub(super) struct Seat {
    seats: Seats,
    account: String,
}

impl Seats {
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().expect("no holder of this lock panics")
    }

    /// A place for one more stream. Errors: `TooManyStreams`, `StreamsFull`.
    pub(super) fn take(&self, account: &str) -> Result<Seat, ServiceError> {
        let mut taken = self.lock();
        if taken.count >= MAX {
            return Err(ServiceError::StreamsFull);
        }
        let of_account = taken.of_account.entry(account.to_owned()).or_default();
        if *of_account >= OF_ACCOUNT_MAX {
            return Err(ServiceError::TooManyStreams { max: OF_ACCOUNT_MAX });
        }
        *of_account += 1;
        taken.count += 1;
        gauge(taken.count);
        Ok(Seat { seats: self.clone(), account: account.to_owned() })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        taken.count -= 1;
        gauge(taken.count);
        if let Some(of_account) = taken.of_account.get_mut(&self.account) {
            *of_account -= 1;
            if *of_account == 0 {
                taken.of_account.remove(&self.account);
            }
        }
    }
}

fn gauge(count: usize) {
    metrics::gauge!("amphi_live_stream_count").set(u32::try_from(count).unwrap_or(u32::MAX));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_and_all_together_have_so_many_and_get_them_back() {
        let seats = Seats::default();
        let account = |number: usize| format!("account-{number}");
        let mut taken: Vec<_> = (0..OF_ACCOUNT_MAX).map(|_| seats.take(&account(0)).unwrap()).collect();
        assert!(matches!(seats.take(&account(0)), Err(ServiceError::TooManyStreams { max: OF_ACCOUNT_MAX })));
        taken.pop();
        taken.push(seats.take(&account(0)).unwrap());
        for number in OF_ACCOUNT_MAX..MAX {
            taken.push(seats.take(&account(number)).unwrap());
        }
        assert!(matches!(seats.take(&account(1)), Err(ServiceError::StreamsFull)));
        drop(taken);
        assert!(seats.lock().of_account.is_empty());
        assert_eq!(seats.lock().count, 0);
    }
}
