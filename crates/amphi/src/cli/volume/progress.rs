//! How far a transfer has come, on standard error where somebody watches.

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::cli::size::size;
use crate::cli::terminal::plain;

/// Shorter transfers show nothing; longer ones are shown this often.
const EVERY: Duration = Duration::from_millis(500);

/// One transfer, or several that are counted together. Clones count as one.
#[derive(Clone)]
pub(in crate::cli) struct Progress(Arc<Mutex<Line>>);

struct Line {
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
        let line = Line { name: plain(name), total, done: 0, begun: now, shown: now, is_shown: false };
        Self(Arc::new(Mutex::new(line)))
    }

    /// Counts bytes that went over.
    pub(in crate::cli) fn add(&self, count: u64) {
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        line.done += count;
        if line.shown.elapsed() < EVERY || !std::io::stderr().is_terminal() {
            return;
        }
        line.shown = Instant::now();
        line.is_shown = true;
        let rate = (line.done as f64 / line.begun.elapsed().as_secs_f64()) as u64;
        let part = match line.total {
            Some(total) if total > 0 => format!("{} %, ", line.done.saturating_mul(100) / total),
            Some(_) | None => String::new(),
        };
        // Whoever closed standard error wants to see none of it.
        let _ = write!(std::io::stderr(), "\r{}: {part}{} ({}/s)\x1b[K", line.name, size(line.done), size(rate));
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.is_shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
