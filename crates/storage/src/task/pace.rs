//! Keeps a duty from taking more than its share of disks and network.

use std::time::Duration;

use tokio::time::Instant;

/// Lets so many bytes pass in a second, on average since it began.
pub(super) struct Pace {
    begun: Instant,
    passed: u64,
    bytes_per_s: u64,
}

impl Pace {
    pub(super) fn new(bytes_per_s: u64) -> Self {
        Self { begun: Instant::now(), passed: 0, bytes_per_s: bytes_per_s.max(1) }
    }

    /// Waits until these bytes may have passed.
    pub(super) async fn pass(&mut self, bytes: u64) {
        self.passed += bytes;
        let due = Duration::from_secs_f64(self.passed as f64 / self.bytes_per_s as f64);
        tokio::time::sleep_until(self.begun + due).await;
    }
}
