//! The part of the queue that is kept in memory: the oldest runs, but of nobody so many that others are not seen.

use std::collections::HashMap;

use db::{Database, DbError};

use crate::queries::queue::{Waiting, run_list_queue};

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// Runs, all in all.
    pub(crate) runs: u32,
    /// Runs of one account while others wait behind them.
    pub(crate) account: u32,
}

/// Pages that are read at most; each but the last leaves out at least one account more than the one before.
const PAGES: usize = 20;

impl Window {
    /// Reads the runs that wait, oldest first. Where one account fills the window, those behind it are read as well, and
    /// take the place of its newest.
    pub(crate) async fn read(self, db: &Database) -> Result<Vec<Waiting>, DbError> {
        let (mut kept, mut beyond) = (Vec::new(), Vec::new());
        let mut accounts = HashMap::<String, u32>::new();
        let mut after = None;
        for _ in 0..PAGES {
            let full = accounts.iter().filter(|(_, runs)| **runs >= self.account).map(|(account, _)| account.as_str());
            let limit = self.runs - u32::try_from(kept.len()).unwrap_or(self.runs);
            let page = run_list_queue(db, after, &full.collect::<Vec<_>>(), limit).await?;
            let is_last = page.len() < limit as usize;
            after = page.last().map(|waiting| waiting.run);
            for waiting in page {
                let runs = accounts.entry(waiting.account.clone()).or_default();
                *runs += 1;
                if *runs <= self.account { kept.push(waiting) } else { beyond.push(waiting) }
            }
            if is_last || kept.len() >= self.runs as usize {
                break;
            }
        }
        beyond.truncate(self.runs as usize - kept.len());
        kept.extend(beyond);
        Ok(kept)
    }
}
