//! What the clients were told: kept apart from the server, to be held against it at the end.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard};

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::work::Work;
use crate::api::{Api, Trouble};

/// An acknowledged submission.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) work: Work,
}

/// A word that was typed.
#[derive(Clone, Debug)]
pub(super) struct Word {
    /// The attempt that ran, as far as who typed it knew.
    pub(super) attempt: u64,
    pub(super) word: String,
    pub(super) is_acknowledged: bool,
}

/// How a job was said to have ended while it was watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    status: String,
    exit_code: Option<i64>,
    attempt: u64,
}

impl End {
    pub(super) fn of(job: &Value) -> Self {
        Self {
            status: job["status"].as_str().unwrap_or_default().to_owned(),
            exit_code: job["exit_code"].as_i64(),
            attempt: attempt_of(job),
        }
    }
}

/// A job as it was once shown to be over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) end: End,
    pub(super) output: String,
}

/// Everything written down.
#[derive(Clone, Debug, Default)]
pub(super) struct Pages {
    /// By idempotency key.
    pub(super) acknowledged: BTreeMap<String, Entry>,
    /// Keys that were refused for good, and why.
    pub(super) refused: BTreeMap<String, String>,
    /// Jobs that were shown to be over, by id.
    pub(super) seen: HashMap<String, Seen>,
    /// Jobs that were said to be over, live.
    pub(super) ends: HashMap<String, End>,
    /// The attempt in which a job's cancellation was acknowledged, by id.
    pub(super) cancelled: HashMap<String, u64>,
    /// What was typed, by job, in this order.
    pub(super) said: HashMap<String, Vec<Word>>,
    /// Pieces of output that were shown live, by job, attempt and number.
    pub(super) pieces: BTreeMap<(String, u64, u64), String>,
    /// What contradicted something shown before.
    pub(super) faults: Vec<String>,
    order: Vec<String>,
}

/// Shared by all clients.
#[derive(Debug, Default)]
pub(super) struct Book(Mutex<Pages>);

impl Book {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap()
    }

    pub(super) fn read(&self) -> Pages {
        self.pages().clone()
    }

    pub(super) fn acknowledged(&self, key: String, id: String, work: Work) {
        let mut pages = self.pages();
        pages.order.push(id.clone());
        pages.acknowledged.insert(key, Entry { id, work });
    }

    /// A node that has just been killed may be refused; nothing else is wrong with what is submitted.
    pub(super) fn refused(&self, key: &str, trouble: &Trouble) {
        let mut pages = self.pages();
        if trouble.code() != "node-down" {
            pages.faults.push(format!("{key} was refused: {trouble:?}"));
        }
        pages.refused.insert(key.to_owned(), trouble.code().to_owned());
    }

    pub(super) fn cancelled(&self, id: &str, attempt: u64) {
        self.pages().cancelled.insert(id.to_owned(), attempt);
    }

    pub(super) fn said(&self, id: &str, attempt: u64, word: String, is_acknowledged: bool) {
        let word = Word { attempt, word, is_acknowledged };
        self.pages().said.entry(id.to_owned()).or_default().push(word);
    }

    pub(super) fn fault(&self, fault: String) {
        self.pages().faults.push(fault);
    }

    /// The acknowledged job that has `newer` ones after it.
    pub(super) fn recent(&self, newer: usize) -> Option<String> {
        self.pages().order.iter().rev().nth(newer).cloned()
    }

    /// Asks for a job and, when it is over, for its output.
    pub(super) async fn look(&self, api: &Api, id: &str) -> Result<(), Trouble> {
        let job = api.job(id).await?;
        if crate::site::is_over(&job) {
            let seen = seen(&job, api.output(id, attempt_of(&job)).await?);
            self.saw(id, seen);
        }
        Ok(())
    }

    fn saw(&self, id: &str, seen: Seen) {
        let mut pages = self.pages();
        match pages.seen.get(id) {
            Some(before) if *before != seen => {
                let fault = format!("{id}: shown as {before:?}, then as {seen:?}");
                pages.faults.push(fault);
            }
            Some(_) => {}
            None => {
                pages.seen.insert(id.to_owned(), seen);
            }
        }
    }

    /// Watches a job until it is over or the stream breaks.
    pub(super) async fn follow(&self, api: &Api, id: &str, stop: &CancellationToken) -> Result<(), Trouble> {
        let mut live = api.live(id).await?;
        loop {
            let event = tokio::select! {
                event = live.next() => event,
                () = stop.cancelled() => return Ok(()),
            };
            match event {
                Some((name, data)) if name == "output" => self.piece(id, &data),
                Some((name, data)) if name == "end" => {
                    self.ended(id, End::of(&data));
                    // Its output is asked for, so that it is held against every later answer.
                    return self.look(api, id).await;
                }
                Some(_) => {}
                None => return Ok(()),
            }
        }
    }

    fn ended(&self, id: &str, end: End) {
        let mut pages = self.pages();
        match pages.ends.get(id) {
            Some(before) if *before != end => {
                let fault = format!("{id}: said to have ended as {before:?}, then as {end:?}");
                pages.faults.push(fault);
            }
            Some(_) => {}
            None => {
                pages.ends.insert(id.to_owned(), end);
            }
        }
    }

    fn piece(&self, id: &str, data: &Value) {
        if data["stream"] != "stdout" {
            return;
        }
        let text = data["text"].as_str().unwrap_or_default().to_owned();
        let place = (id.to_owned(), attempt_of(data), data["seq"].as_u64().unwrap_or(u64::MAX));
        let mut pages = self.pages();
        match pages.pieces.get(&place) {
            Some(before) if *before != text => {
                let fault = format!("{place:?}: shown as {before:?}, then as {text:?}");
                pages.faults.push(fault);
            }
            Some(_) => {}
            None => {
                pages.pieces.insert(place, text);
            }
        }
    }
}

pub(super) fn attempt_of(job: &Value) -> u64 {
    job["attempt"].as_u64().expect("attempts are numbered")
}

pub(super) fn seen(job: &Value, output: String) -> Seen {
    Seen { end: End::of(job), output }
}
