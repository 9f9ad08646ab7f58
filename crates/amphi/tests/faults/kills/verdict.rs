//! The history, held against what the clients wrote down.

use std::collections::HashMap;
use std::fmt;

use serde_json::Value;

use super::book::{Book, End, Entry, Pages, Word, attempt_of, seen};
use super::plant::Plant;
use super::work::{GOODBYE, Work, heard};

/// A job is tried three times.
const ATTEMPTS_MAX: u64 = 3;

/// What came out.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    acknowledged: usize,
    refused: usize,
    seen: usize,
    pieces: usize,
    words: usize,
    cancelled: usize,
    attempts: usize,
    /// Jobs that took more than one attempt.
    pub(super) again: usize,
    /// Jobs that ended without a result, by reason.
    without_result: HashMap<String, usize>,
    /// What must not be; empty when all is well.
    pub(super) faults: Vec<String>,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, refused, seen, pieces, words, cancelled, .. } = self;
        let Self { attempts, again, without_result, faults, .. } = self;
        write!(f, "{acknowledged} jobs acknowledged, {refused} refused, {cancelled} cancelled, {attempts} attempts, ")?;
        write!(f, "{again} jobs took more than one, ended without a result {without_result:?}; {seen} seen to their ")?;
        write!(f, "end, {pieces} pieces of live output and {words} acknowledged words held against the history; ")?;
        write!(f, "{} faults", faults.len())
    }
}

/// A job as the history has it at last.
struct Final<'a> {
    key: &'a str,
    entry: &'a Entry,
    job: Value,
    /// Of every attempt.
    outputs: Vec<String>,
}

/// Reads every job and all output once more.
pub(super) async fn judge(plant: &Plant, book: &Book, listed: Vec<Value>) -> Verdict {
    let pages = book.read();
    let mut verdict = Verdict {
        acknowledged: pages.acknowledged.len(),
        refused: pages.refused.len(),
        seen: pages.seen.len(),
        pieces: pages.pieces.len(),
        words: pages.said.values().flatten().filter(|word| word.is_acknowledged).count(),
        cancelled: pages.cancelled.len(),
        faults: pages.faults.clone(),
        ..Verdict::default()
    };
    verdict.faults.extend(count_faults(&pages, &listed));
    for (key, entry) in &pages.acknowledged {
        let job = match plant.api.job(&entry.id).await {
            Ok(job) => job,
            Err(trouble) => {
                verdict.faults.push(format!("{key}: {} can't be read: {trouble:?}", entry.id));
                continue;
            }
        };
        let mut outputs = Vec::new();
        for attempt in 1..=attempt_of(&job) {
            outputs.push(plant.api.output(&entry.id, attempt).await.expect("the output of every attempt can be read"));
        }
        verdict.attempts += outputs.len();
        verdict.again += usize::from(outputs.len() > 1);
        if job["status"] != "completed" {
            *verdict.without_result.entry(job["reason"].as_str().unwrap_or("none").to_owned()).or_default() += 1;
        }
        let last = Final { key, entry, job, outputs };
        let mut faults = last.state_faults();
        faults.extend(last.output_faults());
        faults.extend(last.sight_faults(&pages));
        faults.extend(last.word_faults(&pages));
        faults.extend(last.cancel_fault(&pages));
        faults.extend(last.witness_fault(plant));
        verdict.faults.extend(faults.into_iter().map(|fault| format!("{key}: {fault}: {}", last.job)));
    }
    verdict
}

/// Every job of the list was acknowledged once, under the key that is its name, and none is missing.
fn count_faults(pages: &Pages, listed: &[Value]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut by_name: HashMap<&str, Vec<&str>> = HashMap::new();
    for job in listed {
        by_name
            .entry(job["name"].as_str().unwrap_or_default())
            .or_default()
            .push(job["id"].as_str().unwrap_or_default());
    }
    for (name, ids) in &by_name {
        match pages.acknowledged.get(*name) {
            Some(entry) if *ids == [entry.id.as_str()] => {}
            Some(entry) => faults.push(format!("{name}: acknowledged as {}, in the history as {ids:?}", entry.id)),
            None => faults.push(format!("{name}: never acknowledged, in the history as {ids:?}")),
        }
    }
    let missing = pages.acknowledged.keys().filter(|key| !by_name.contains_key(key.as_str()));
    faults.extend(missing.map(|key| format!("{key}: acknowledged, and not in the history")));
    faults
}

impl Final<'_> {
    /// Numbers and states of the attempts.
    fn attempts(&self) -> Vec<(u64, &str)> {
        let attempts = self.job["attempts"].as_array().map(Vec::as_slice).unwrap_or_default();
        attempts.iter().map(|a| (attempt_of(a), a["status"].as_str().unwrap_or_default())).collect()
    }

    /// What is wrong with how it ended.
    fn state_faults(&self) -> Vec<String> {
        let (job, attempts) = (&self.job, self.attempts());
        let mut faults = Vec::new();
        let numbers: Vec<u64> = attempts.iter().map(|(number, _)| *number).collect();
        if numbers != (1..=attempt_of(job)).collect::<Vec<_>>() || attempt_of(job) > ATTEMPTS_MAX {
            faults.push(format!("attempts are numbered {numbers:?}"));
        }
        let in_state = |states: &[&str]| -> Vec<u64> {
            attempts.iter().filter(|(_, state)| states.contains(state)).map(|(number, _)| *number).collect()
        };
        let open = in_state(&["waiting", "leased", "running"]);
        if !open.is_empty() {
            faults.push(format!("attempts {open:?} are not over"));
        }
        let exited = in_state(&["exited"]);
        let reason = job["reason"].as_str().unwrap_or_default();
        match job["status"].as_str().unwrap_or_default() {
            "completed" if exited == [attempt_of(job)] && job["exit_code"] == self.entry.work.exit_code() => {}
            "error" if exited.is_empty() && matches!(reason, "node-lost" | "node-down") => {}
            "cancelled" if exited.is_empty() => {}
            status => faults.push(format!("{status} for {reason:?} with attempts {exited:?} exited")),
        }
        faults
    }

    /// What is missing or repeated in what it printed.
    fn output_faults(&self) -> Vec<String> {
        let outputs = self.attempts().into_iter().zip(&self.outputs);
        let faults = outputs.filter_map(|((number, state), output)| {
            let fault = self.entry.work.fault(output, state == "exited")?;
            Some(format!("output of attempt {number}: {fault}: {}", shortened(output)))
        });
        faults.collect()
    }

    /// Where it differs from what was seen of it.
    fn sight_faults(&self, pages: &Pages) -> Vec<String> {
        let id = &self.entry.id;
        let mut faults = Vec::new();
        let now = seen(&self.job, self.outputs.last().cloned().unwrap_or_default());
        if let Some(before) = pages.seen.get(id).filter(|before| **before != now) {
            faults.push(format!("was seen as {before:?}, is {now:?}"));
        }
        let end = End::of(&self.job);
        if let Some(before) = pages.ends.get(id).filter(|before| **before != end) {
            faults.push(format!("was said to have ended as {before:?}, is {end:?}"));
        }
        for (place, output) in (1..).zip(&self.outputs) {
            let pieces = pages.pieces.range((id.clone(), place, 0)..=(id.clone(), place, u64::MAX));
            let shown: String = pieces.map(|(_, text)| text.as_str()).collect();
            if !output.starts_with(&shown) {
                let (shown, output) = (shortened(&shown), shortened(output));
                faults.push(format!("attempt {place} was shown live as {shown}, is {output}"));
            }
        }
        faults
    }

    /// Words that were typed and not heard, heard twice or in another order.
    fn word_faults(&self, pages: &Pages) -> Vec<String> {
        let Some(said) = pages.said.get(&self.entry.id) else { return Vec::new() };
        let mut faults = Vec::new();
        let all: Vec<&str> = self.outputs.iter().flat_map(|output| heard(output)).collect();
        for word in said {
            let count = all.iter().filter(|heard| **heard == word.word).count();
            if count > 1 {
                faults.push(format!("{} was heard {count} times", word.word));
            }
        }
        let last = self.outputs.last().map(|output| heard(output)).unwrap_or_default();
        let attempt = attempt_of(&self.job);
        // A goodbye for an attempt that was lost may have ended the next one in the middle of its conversation.
        let has_ended = last.last().is_some_and(|last| last.starts_with(&format!("{GOODBYE}-{}-{attempt}-", self.key)));
        if self.job["status"] == "completed" && has_ended {
            let is_sure =
                |word: &&Word| word.attempt == attempt && word.is_acknowledged && !word.word.starts_with(GOODBYE);
            let wanted: Vec<&str> = said.iter().filter(is_sure).map(|word| word.word.as_str()).collect();
            let heard: Vec<&str> = last.into_iter().filter(|heard| wanted.contains(heard)).collect();
            if heard != wanted {
                faults.push(format!("acknowledged were the words {wanted:?}, heard {heard:?}"));
            }
        }
        faults
    }

    /// After its cancellation was acknowledged no other attempt begins.
    fn cancel_fault(&self, pages: &Pages) -> Option<String> {
        let cancelled = pages.cancelled.get(&self.entry.id)?;
        (attempt_of(&self.job) != *cancelled).then(|| format!("was cancelled in attempt {cancelled}"))
    }

    /// No attempt is carried out twice, and one that ended well once at least.
    fn witness_fault(&self, plant: &Plant) -> Option<String> {
        if self.entry.work != Work::Fetch {
            return None;
        }
        let count = plant.witness.count(self.key);
        let is_right = count <= attempt_of(&self.job) && (count > 0 || self.job["status"] != "completed");
        (!is_right).then(|| format!("was carried out {count} times"))
    }
}

fn shortened(text: &str) -> String {
    const SHOWN: usize = 300;
    if text.len() <= SHOWN {
        return format!("{text:?}");
    }
    let (head, tail) =
        (text.get(..SHOWN / 2).unwrap_or_default(), text.get(text.len() - SHOWN / 2..).unwrap_or_default());
    format!("{head:?} … {tail:?} ({} bytes)", text.len())
}
