//! How far a transfer has come, on standard error where somebody watches.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use super::bytes;

/// Shorter transfers show nothing; longer ones are shown this often.
const EVERY: Duration = Duration::from_millis(500);

/// One transfer.
pub(in crate::cli) struct Progress {
    name: String,
    total: Option<u64>,
    done: u64,
    begun: Instant,
    shown: Instant,
    is_shown: bool,
}

impl Progress {
    /// `total` in bytes, where it is known.
    pub(in crate::cli) fn new(name: &str, total: Option<u64>) -> Self {
        let now = Instant::now();
        Self { name: super::super::terminal::plain(name), total, done: 0, begun: now, shown: now, is_shown: false }
    }

    /// Counts bytes that went over.
    pub(in crate::cli) fn add(&mut self, count: u64) {
        self.done += count;
        if self.shown.elapsed() < EVERY || !std::io::stderr().is_terminal() {
            return;
        }
        self.shown = Instant::now();
        self.is_shown = true;
        let rate = (self.done as f64 / self.begun.elapsed().as_secs_f64()) as u64;
        let part = match self.total {
            Some(total) if total > 0 => format!("{} %, ", self.done.saturating_mul(100) / total),
            Some(_) | None => String::new(),
        };
        // Whoever closed standard error wants to see none of it.
        let _ = write!(std::io::stderr(), "\r{}: {part}{} ({}/s)\x1b[K", self.name, bytes(self.done), bytes(rate));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
