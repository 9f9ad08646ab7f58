//! `amphi batch`, and what `amphi run --array` does: the same work many times over.

mod output;

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use lab::model::batch::ELEMENTS_MAX;
use reqwest::Method;
use serde_json::{Value, json};

use super::failure::{Failure, INTERRUPTED};
use super::job::each;
use super::output::{OutputArgs, print, print_facts, print_json, print_line, print_table};
use super::run::Interrupts;
use super::table::{Cell, Table};
use super::terminal::say;
use super::when;
use super::{connect, decode};
use crate::client::{Batch, Client, ClientError, Job, Order};

/// A batch is looked at again after this long.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Failures that are shown with a batch.
const FAILURES_SHOWN: usize = 5;

/// Arguments of `amphi batch`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  amphi run --array 1-1000 ping -c 1 192.0.2.1
  amphi batch list
  amphi batch results ID > results.csv
  amphi batch output ID")]
pub(crate) struct BatchArgs {
    #[command(flatten)]
    format: OutputArgs,
    #[command(subcommand)]
    command: BatchCommand,
}

#[derive(Subcommand, Debug)]
enum BatchCommand {
    /// List batches, the newest first
    #[command(after_help = "Example:\n  amphi batch list --limit 5")]
    List {
        /// How many
        #[arg(long, value_name = "NUMBER", default_value_t = 20)]
        limit: usize,
    },
    /// Show a batch with its counts
    #[command(after_help = "Example:\n  amphi batch show 0198b2c7-…")]
    Show {
        /// The batch's id
        id: String,
    },
    /// Cancel a batch as a whole
    #[command(after_help = "Example:\n  amphi batch cancel 0198b2c7-…")]
    Cancel {
        /// The batch's id
        id: String,
    },
    /// Delete batches that are over, with their elements and their output
    #[command(after_help = "Example:\n  amphi batch delete 0198b2c7-…")]
    Delete {
        /// The batches' ids
        #[arg(required = true)]
        id: Vec<String>,
    },
    /// Print what all elements wrote, in the order of their index; with --output json a line of JSON for each
    #[command(after_help = "Example:\n  amphi batch output 0198b2c7-… | less")]
    Output {
        /// The batch's id
        id: String,
        /// Which stream; compile is what a program's compiler wrote
        #[arg(long, value_parser = ["stdout", "stderr", "compile"], default_value = "stdout")]
        stream: String,
    },
    /// Print what became of each element, as CSV; with --output json as JSON
    #[command(after_help = "Example:\n  amphi batch results 0198b2c7-… > results.csv")]
    Results {
        /// The batch's id
        id: String,
    },
}

pub(super) async fn run(args: BatchArgs) -> Result<(), Failure> {
    let client = connect()?;
    match args.command {
        BatchCommand::List { limit } => {
            let batches = client.list(&["batches"], &[], Order::Newest, limit).await?;
            if args.format.is_json() { print_json(&batches.into()) } else { list(batches) }
        }
        BatchCommand::Show { id } => show(&client, &id, args.format).await,
        BatchCommand::Cancel { id } => {
            let batch = client.change(Method::POST, &["batches", &id, "cancel"], None).await.map_err(unknown)?;
            if args.format.is_json() { print_json(&batch) } else { print_line(&format!("batch {id} cancelled")) }
        }
        BatchCommand::Delete { id } => {
            each(&id, async |id| {
                client.change(Method::DELETE, &["batches", id], None).await.map_err(unknown)?;
                let deleted = json!({ "id": id });
                if args.format.is_json() { print_json(&deleted) } else { print_line(&format!("batch {id} deleted")) }
            })
            .await
        }
        BatchCommand::Output { id, stream } => output::show(&client, &id, &stream, args.format.is_json()).await,
        BatchCommand::Results { id } => {
            let file = if args.format.is_json() { "results.json" } else { "results.csv" };
            let mut text = client.text(&["batches", &id, file], &[]).await.map_err(unknown)?;
            while let Some(chunk) = text.chunk().await.map_err(|source| client.broken(source))? {
                print(&String::from_utf8_lossy(&chunk))?;
            }
            Ok(())
        }
    }
}

fn unknown(error: ClientError) -> Failure {
    let is_unknown = error.status() == Some(404);
    let failure = Failure::from(error);
    if is_unknown { failure.or_try("amphi batch list") } else { failure }
}

fn list(batches: Vec<Value>) -> Result<(), Failure> {
    let now = when::now();
    let mut table = Table::new(&[
        "ID",
        "NAME",
        "STATUS",
        "COUNT",
        "WAITING",
        "RUNNING",
        "DONE",
        "FAILED",
        "CANCELLED",
        "OWNER",
        "CREATED",
    ])
    .whole(0);
    for batch in batches {
        let batch: Batch = decode(batch)?;
        table.row([
            Cell::from(&batch.id),
            Cell::from(&batch.name),
            Cell::from(&batch.status),
            batch.count.to_string().into(),
            batch.waiting.to_string().into(),
            batch.running.to_string().into(),
            batch.done.to_string().into(),
            batch.failed.to_string().into(),
            batch.cancelled.to_string().into(),
            Cell::from(&batch.owner),
            when::age(batch.created, now).into(),
        ]);
    }
    print_table(&table)
}

/// The batch, and for people some of its failures.
async fn show(client: &Client, id: &str, format: OutputArgs) -> Result<(), Failure> {
    let answer: Value = client.get(&["batches", id], &[]).await.map_err(unknown)?;
    if format.is_json() {
        return print_json(&answer);
    }
    let batch: Batch = decode(answer)?;
    print_facts(&[
        ("id", Some(batch.id.clone())),
        ("name", Some(batch.name.clone())),
        ("command", Some(batch.asked_by.clone().unwrap_or(batch.command.clone()))),
        ("status", Some(batch.status.clone())),
        ("reason", batch.reason.clone()),
        ("waits", batch.waiting_reason.clone()),
        ("elements", Some(batch.count.to_string())),
        ("waiting", Some(batch.waiting.to_string())),
        ("running", Some(batch.running.to_string())),
        ("done", Some(batch.done.to_string())),
        ("failed", Some(batch.failed.to_string())),
        ("cancelled", Some(batch.cancelled.to_string())),
        ("rate", batch.rate.map(|rate| format!("{} a second", rate_text(rate)))),
        ("left", batch.left_s.map(when::seconds)),
        ("owner", Some(batch.owner.clone())),
    ])?;
    if batch.failed == 0 {
        return Ok(());
    }
    let query = [("batch", id.to_owned()), ("status", "failed".to_owned())];
    let failures = client.list(&["jobs"], &query, Order::Newest, FAILURES_SHOWN).await?;
    // Those that no node took are no jobs; the batch's reason stands above.
    if failures.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(&["FAILED", "NAME", "NODE", "WHY"]).whole(0);
    for job in failures {
        let job: Job = decode(job)?;
        let why = match (job.reason_text, job.exit_code) {
            (Some(reason), _) => reason,
            (None, code) => format!("exit status {}", code.unwrap_or_default()),
        };
        table.row([job.id, job.name.unwrap_or_default(), job.node.unwrap_or_default(), why].map(Cell::from));
    }
    print_line("")?;
    print_table(&table)?;
    if batch.failed as usize > FAILURES_SHOWN {
        say(&format!("all of them: amphi job list --batch {id} --status failed\n"));
    }
    Ok(())
}

/// A rate with a digit behind the point where it is small.
fn rate_text(rate: f64) -> String {
    let digits = if rate < 10.0 { 1 } else { 0 };
    format!("{rate:.digits$}")
}

/// Says the batch's id on standard error, then follows it to its end with one line that changes in place; `is_cancelled`
/// when Ctrl-C came before. Ctrl-C cancels it and waits for its end; a second one leaves at once. The exit status is 0 when
/// every element ended with 0.
pub(super) async fn follow(
    client: &Client,
    id: &str,
    interrupts: &mut Interrupts,
    mut is_cancelled: bool,
    format: OutputArgs,
) -> Result<ExitCode, Failure> {
    let began = Instant::now();
    say(&format!("batch {id}\n"));
    if is_cancelled {
        cancel(client, id).await;
    }
    let progress = Progress { is_shown: !format.is_json() && io::stderr().is_terminal() };
    loop {
        let answer: Value = client.get(&["batches", id], &[]).await?;
        let batch: Batch = decode(answer.clone())?;
        progress.show(&batch);
        if batch.is_over() {
            progress.end();
            if format.is_json() {
                print_json(&answer)?;
            } else {
                say(&summary(&batch, began.elapsed()));
            }
            let status = if is_cancelled { INTERRUPTED } else { u8::from(batch.done != batch.count) };
            return Ok(ExitCode::from(status));
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_AGAIN) => {}
            count = interrupts.next() => {
                progress.end();
                if count > 1 {
                    say(&format!("left; to see how it ends: amphi batch show {id}\n"));
                    return Ok(ExitCode::from(INTERRUPTED));
                }
                is_cancelled = true;
                cancel(client, id).await;
            }
        }
    }
}

/// Asks for the batch's end and says what Ctrl-C does next. It may be over in the same moment, which the next look tells.
async fn cancel(client: &Client, id: &str) {
    let asked = client.change(Method::POST, &["batches", id, "cancel"], None).await;
    say(&match asked {
        Err(error) if error.status() != Some(409) => {
            format!("it could not be cancelled; try: amphi batch cancel {id}\n")
        }
        Ok(_) | Err(_) => "cancelling it, and waiting for what runs; Ctrl-C once more leaves at once\n".to_owned(),
    });
}

/// The line that changes in place, on a terminal alone.
struct Progress {
    is_shown: bool,
}

impl Progress {
    fn show(&self, batch: &Batch) {
        if self.is_shown {
            let over = batch.done + batch.failed + batch.cancelled;
            let failed = if batch.failed > 0 { format!(", {} failed", batch.failed) } else { String::new() };
            say(&format!("\r\u{1b}[K{over} of {}{failed}, {} running", batch.count, batch.running));
        }
    }

    fn end(&self) {
        if self.is_shown {
            say("\r\u{1b}[K");
        }
    }
}

fn summary(batch: &Batch, took: Duration) -> String {
    let over = batch.done + batch.failed;
    let rate = f64::from(over) / took.as_secs_f64();
    let other: String = [(batch.failed, "failed"), (batch.cancelled, "cancelled")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!(", {count} {word}"))
        .collect();
    format!("{} done{other} in {:.1} s, {} a second\n", batch.done, took.as_secs_f64(), rate_text(rate))
}

/// Reads `FROM-TO`, such as `1-1000`.
pub(super) fn array(text: &str) -> Result<(i64, i64), String> {
    let parsed: Option<(i64, i64)> =
        text.split_once('-').and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    match parsed {
        Some((from, to)) if from > to => Err(format!("that is no element; write the lesser index first: {to}-{from}")),
        Some((from, to)) if to.abs_diff(from) >= ELEMENTS_MAX.into() => {
            Err(format!("a batch has at most {ELEMENTS_MAX} elements; split it, such as {from}-{}", first_part(from)))
        }
        Some((from, to)) => Ok((from, to)),
        None => Err("write the first and the last index, such as 1-1000".to_owned()),
    }
}

/// Last index of the largest batch that begins with this one.
fn first_part(from: i64) -> i64 {
    from.saturating_add(i64::from(ELEMENTS_MAX) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(count: u32, done: u32, failed: u32) -> Batch {
        let json = serde_json::json!({ "id": "b", "name": "n", "command": "c", "status": "completed", "count": count,
            "waiting": 0, "running": 0, "done": done, "failed": failed, "cancelled": 0, "owner": "ada",
            "created": "2026-01-01T00:00:00Z" });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn arrays_are_read() {
        assert_eq!(array("1-1000"), Ok((1, 1000)));
        assert_eq!(array("7-7"), Ok((7, 7)));
        for bad in ["", "1", "a-b", "1-", "-1-2"] {
            assert!(array(bad).unwrap_err().contains("such as 1-1000"), "{bad}");
        }
        assert_eq!(array("1-0").unwrap_err(), "that is no element; write the lesser index first: 0-1");
        assert!(array("5-100005").unwrap_err().ends_with("such as 5-100004"));
        assert_eq!(array("5-100004"), Ok((5, 100_004)));
    }

    #[test]
    fn the_summary_says_what_became_of_them() {
        let text = summary(&batch(1_000, 990, 10), Duration::from_millis(500));
        assert_eq!(text, "990 done, 10 failed in 0.5 s, 2000 a second\n");
        assert_eq!(summary(&batch(1, 1, 0), Duration::from_secs(3)), "1 done in 3.0 s, 0.3 a second\n");
    }
}
