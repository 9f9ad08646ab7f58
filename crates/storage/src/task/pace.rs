//! Keeps a duty from taking more than its share of disks and network.

use std::time::Duration;

use tokio::time::Instant;

/// Lets so many bytes pass in a second; what was not used in time is not made up for.
pub(super) struct Pace {
    due: Instant,
    last: Instant,
}

impl Pace {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { due: now, last: now }
    }

    /// Waits until these bytes may have passed since the last call, at this rate.
    pub(super) async fn pass(&mut self, bytes: u64, bytes_per_s: u64) {
        let cost = Duration::from_secs_f64(bytes as f64 / bytes_per_s.max(1) as f64);
        self.due = self.due.max(self.last) + cost;
        tokio::time::sleep_until(self.due).await;
        self.last = Instant::now();
    }
}
