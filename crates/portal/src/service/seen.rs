//! When sessions and tokens were last seen: noted in memory, written in batches, so that reading a page writes nothing.

use std::collections::HashMap;
use std::sync::Mutex;

use db::{DbError, Write};

use crate::model::caller::Via;
use crate::portal::Portal;
use crate::queries::session::session_seen;
use crate::queries::token::token_seen;
use crate::service::CLIENTS;

/// Clients noted between two writes at most; beyond that the rest keeps its older time.
const NOTES: usize = 20_000;
/// Rows a transaction at most.
const BATCH: usize = 500;

struct Note {
    at_ms: i64,
    address: String,
    agent: String,
}

/// What has been seen since the last write.
#[derive(Default)]
pub(crate) struct SeenNotes(Mutex<HashMap<Via, Note>>);

impl SeenNotes {
    /// Notes that a client was seen.
    pub(crate) fn note(&self, via: &Via, at_ms: i64, address: &str, agent: &str) {
        let mut notes = self.0.lock().unwrap_or_else(|e| e.into_inner());
        if notes.len() < NOTES || notes.contains_key(via) {
            notes.insert(via.clone(), Note { at_ms, address: address.to_owned(), agent: agent.to_owned() });
        }
    }

    fn take(&self) -> Vec<(Via, Note)> {
        self.0.lock().unwrap_or_else(|e| e.into_inner()).drain().collect()
    }
}

impl Portal {
    /// Writes what was noted. What can't be written is lost: the next request notes it again.
    pub(crate) async fn seen_write(&self) -> Result<usize, DbError> {
        let notes = self.0.seen.take();
        for batch in notes.chunks(BATCH) {
            let mut write = Write::new().event(CLIENTS);
            for (via, note) in batch {
                write.push_step(match via {
                    Via::Session { id } => session_seen(id, note.at_ms, &note.address, &note.agent),
                    Via::Token { id } => token_seen(id, note.at_ms, &note.address, &note.agent),
                });
            }
            self.0.db.write(write).await?;
        }
        Ok(notes.len())
    }
}
