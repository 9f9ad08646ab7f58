//! The history, held against what the clients wrote down.

use std::collections::HashMap;
use std::fmt;

use serde_json::Value;

use super::book::{Book, Entry, Pages, attempt_of, seen};
use crate::api::Api;
use crate::site::ping_fault;

/// A job is tried three times.
const ATTEMPTS_MAX: u64 = 3;

/// What came out.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    acknowledged: usize,
    refused: usize,
    seen: usize,
    pieces: usize,
    /// Jobs that took more than one attempt.
    pub(super) again: usize,
    /// Jobs that ended without a result, by reason.
    lost: HashMap<String, usize>,
    /// What must not be; empty when all is well.
    pub(super) faults: Vec<String>,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, refused, seen, pieces, again, lost, faults } = self;
        write!(f, "{acknowledged} jobs acknowledged, {refused} refused, {again} took more than one attempt, ")?;
        write!(
            f,
            "ended without a result {lost:?}; {seen} seen to their end and {pieces} pieces of live output held "
        )?;
        write!(f, "against the history; {} faults", faults.len())
    }
}

/// Reads every job and all output once more.
pub(super) async fn judge(api: &Api, book: &Book, listed: Vec<Value>) -> Verdict {
    let pages = book.read();
    let mut verdict = Verdict {
        acknowledged: pages.acknowledged.len(),
        refused: pages.refused.len(),
        seen: pages.seen.len(),
        pieces: pages.pieces.len(),
        faults: pages.faults.clone(),
        ..Verdict::default()
    };
    verdict.faults.extend(count_faults(&pages, &listed));
    for (key, entry) in &pages.acknowledged {
        let job = match api.job(&entry.id).await {
            Ok(job) => job,
            Err(trouble) => {
                verdict.faults.push(format!("{key}: {} can't be read: {trouble:?}", entry.id));
                continue;
            }
        };
        let mut outputs = Vec::new();
        for attempt in 1..=attempt_of(&job) {
            outputs.push(api.output(&entry.id, attempt).await.expect("the output of every attempt can be read"));
        }
        verdict.again += usize::from(outputs.len() > 1);
        if job["status"] != "completed" {
            *verdict.lost.entry(job["reason"].as_str().unwrap_or("none").to_owned()).or_default() += 1;
        }
        let faults = job_faults(entry, &job, &outputs).into_iter().chain(sight_faults(&pages, &job, &outputs));
        verdict.faults.extend(faults.map(|fault| format!("{key}: {fault}: {job}")));
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

/// What is wrong with one job in itself.
fn job_faults(entry: &Entry, job: &Value, outputs: &[String]) -> Vec<String> {
    let mut faults = Vec::new();
    let attempts: Vec<(u64, &str)> = job["attempts"]
        .as_array()
        .map(|attempts| attempts.iter().map(|a| (attempt_of(a), a["status"].as_str().unwrap_or_default())).collect())
        .unwrap_or_default();
    let numbers: Vec<u64> = attempts.iter().map(|(number, _)| *number).collect();
    if numbers != (1..=attempt_of(job)).collect::<Vec<_>>() || attempt_of(job) > ATTEMPTS_MAX {
        faults.push(format!("attempts are numbered {numbers:?}"));
    }
    let open = attempts.iter().filter(|(_, status)| matches!(*status, "waiting" | "leased" | "running")).count();
    let exited: Vec<u64> =
        attempts.iter().filter(|(_, status)| *status == "exited").map(|(number, _)| *number).collect();
    if open > 0 {
        faults.push(format!("{open} attempts are not over"));
    }
    let reason = job["reason"].as_str().unwrap_or_default();
    match job["status"].as_str().unwrap_or_default() {
        "completed" if exited == [attempt_of(job)] && job["exit_code"] == 0 => {}
        "error" if exited.is_empty() && matches!(reason, "node-lost" | "node-down") => {}
        status => faults.push(format!("{status} for {reason:?} with attempts {exited:?} exited")),
    }
    for ((number, status), output) in attempts.iter().zip(outputs) {
        if let Some(fault) = ping_fault(output, entry.packets, *status == "exited") {
            faults.push(format!("output of attempt {number}: {fault}: {output:?}"));
        }
    }
    faults
}

/// Where a job differs from what was seen of it.
fn sight_faults(pages: &Pages, job: &Value, outputs: &[String]) -> Vec<String> {
    let id = job["id"].as_str().unwrap_or_default();
    let mut faults = Vec::new();
    let now = seen(job, outputs.last().cloned().unwrap_or_default());
    if let Some(before) = pages.seen.get(id).filter(|before| **before != now) {
        faults.push(format!("was seen as {before:?}, is {now:?}"));
    }
    for (place, output) in (1..).zip(outputs) {
        let pieces = pages.pieces.range((id.to_owned(), place, 0)..=(id.to_owned(), place, u64::MAX));
        let shown: String = pieces.map(|(_, text)| text.as_str()).collect();
        if !output.starts_with(&shown) {
            faults.push(format!("attempt {place} was shown live as {shown:?}, is {output:?}"));
        }
    }
    faults
}
