//! `amphi job`: what was run, and what came of it.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::failure::Failure;
use super::output::{OutputArgs, print_facts, print_json, print_line, print_table};
use super::source;
use super::table::{Cell, Table};
use super::terminal::{Colour, plain, say};
use super::untrusted::Filter;
use super::when;
use super::{connect, decode};
use crate::client::{Client, ClientError, Job, Order};

/// Arguments of `amphi job`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  amphi job list --status error
  amphi job list --scope pinned --output json
  amphi job output 0199c3a8-9df4-7b5e-8a55-0f6d9e3c1f00 --stream stderr")]
pub(crate) struct JobArgs {
    #[command(flatten)]
    format: OutputArgs,
    #[command(subcommand)]
    command: JobCommand,
}

#[derive(Subcommand, Debug)]
enum JobCommand {
    /// List jobs, newest first
    #[command(after_help = "Example:\n  amphi job list --scope mine --tool ping --limit 10")]
    List(ListArgs),
    /// Show one job with its attempts
    #[command(after_help = "Example:\n  amphi job show 0199c3a8-9df4-7b5e-8a55-0f6d9e3c1f00")]
    Show { id: String },
    /// Print what the tool or the program wrote
    #[command(after_help = "Example:\n  amphi job output 0199c3a8-9df4-7b5e-8a55-0f6d9e3c1f00 > ping.txt")]
    Output {
        id: String,
        /// Which stream; compile is what a program's compiler wrote
        #[arg(long, value_parser = ["stdout", "stderr", "compile"], default_value = "stdout")]
        stream: String,
        /// Which attempt, from 1; the newest when left out
        #[arg(long, value_name = "N")]
        attempt: Option<u64>,
    },
    /// Print a program's source, or write it into a directory
    #[command(after_help = "\
Examples:
  amphi job source 0199c3a8-9df4-7b5e-8a55-0f6d9e3c1f00
  amphi job source 0199c3a8-9df4-7b5e-8a55-0f6d9e3c1f00 --dir hello")]
    Source {
        id: String,
        /// Write the files into this directory, which is made when missing; no file there is overwritten
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Cancel jobs that are waiting or running
    #[command(after_help = "Example:\n  amphi job cancel 0199c3a8-9df4-7b5e-8a55-0f6d9e3c1f00")]
    Cancel {
        #[arg(required = true)]
        id: Vec<String>,
    },
    /// Delete jobs that are over, with their output
    #[command(after_help = "Example:\n  amphi job delete 0199c3a8-9df4-7b5e-8a55-0f6d9e3c1f00")]
    Delete {
        #[arg(required = true)]
        id: Vec<String>,
    },
    /// Pin a job: everybody sees it, first in the list
    #[command(after_help = "Example:\n  amphi job pin 0199c3a8-9df4-7b5e-8a55-0f6d9e3c1f00")]
    Pin { id: String },
    /// Unpin a job
    #[command(after_help = "Example:\n  amphi job unpin 0199c3a8-9df4-7b5e-8a55-0f6d9e3c1f00")]
    Unpin { id: String },
    /// Try a failed or cancelled job again
    #[command(after_help = "Example:\n  amphi job retry 0199c3a8-9df4-7b5e-8a55-0f6d9e3c1f00")]
    Retry { id: String },
    /// Keep what a job printed in your own files: a file for each stream, below PATH
    #[command(after_help = "\
Examples:
  amphi job keep 0199c3a8-9df4-7b5e-8a55-0f6d9e3c1f00
  amphi job keep 0199c3a8-9df4-7b5e-8a55-0f6d9e3c1f00 course-1/exercise-3")]
    Keep {
        id: String,
        /// A directory of your own files; runs/ID where it is left out
        path: Option<String>,
    },
}

#[derive(Args, Debug)]
struct ListArgs {
    /// Whose jobs
    #[arg(long, value_parser = ["mine", "class", "pinned", "all"])]
    scope: Option<String>,
    /// Only experiments, or only programs
    #[arg(long, value_parser = ["experiment", "program"])]
    kind: Option<String>,
    /// Only of this tool or language
    #[arg(long)]
    tool: Option<String>,
    /// Only on this node
    #[arg(long)]
    node: Option<String>,
    /// Only in this state; failed are those that ended otherwise than with exit status 0
    #[arg(long, value_parser = ["waiting", "running", "completed", "error", "cancelled", "failed"])]
    status: Option<String>,
    /// Elements of this batch, which are not listed otherwise
    #[arg(long, value_name = "ID")]
    batch: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

pub(super) async fn run(args: JobArgs) -> Result<(), Failure> {
    let client = connect()?;
    let format = args.format;
    match args.command {
        JobCommand::List(list) => list_jobs(&client, list, format).await,
        JobCommand::Show { id } => {
            let job = client.get(&["jobs", &id], &[]).await.map_err(unknown)?;
            if format.is_json() { print_json(&job) } else { print_job(&decode(job)?) }
        }
        JobCommand::Output { id, stream, attempt } => {
            if print_output(&client, &id, stream.clone(), attempt).await?.is_none() {
                say(&format!("nothing on {stream}; --stream stdout, stderr or compile chooses another\n"));
            }
            Ok(())
        }
        JobCommand::Source { id, dir } => source::show(&client, &id, dir.as_deref(), format).await,
        JobCommand::Cancel { id } => {
            each(&id, async |id| {
                let job = client.change(Method::POST, &["jobs", id, "cancel"], None).await.map_err(unknown)?;
                tell(format, &job, &format!("{id} is being cancelled"))
            })
            .await
        }
        JobCommand::Delete { id } => {
            each(&id, async |id| {
                client.change(Method::DELETE, &["jobs", id], None).await.map_err(unknown)?;
                tell(format, &json!({ "id": id }), &format!("{id} deleted"))
            })
            .await
        }
        JobCommand::Pin { id } => set_pinned(&client, &id, true, format).await,
        JobCommand::Unpin { id } => set_pinned(&client, &id, false, format).await,
        JobCommand::Retry { id } => {
            let job = client.change(Method::POST, &["jobs", &id, "retry"], None).await.map_err(unknown)?;
            let again = job["id"].as_str().unwrap_or(&id);
            tell(format, &job, &format!("{again} is waiting"))
        }
        JobCommand::Keep { id, path } => {
            let body = json!({ "path": path });
            let kept = client.change(Method::POST, &["jobs", &id, "keep"], Some(&body)).await.map_err(unknown)?;
            let text = |name: &str| plain(kept[name].as_str().unwrap_or_default());
            tell(format, &kept, &format!("kept in {}:{}", text("export"), text("path")))
        }
    }
}

/// Does the same with each of several things. One that fails is told, and the others are done all the same; the last
/// failure is the command's.
pub(super) async fn each(ids: &[String], act: impl AsyncFn(&str) -> Result<(), Failure>) -> Result<(), Failure> {
    let mut failed: Option<Failure> = None;
    for id in ids {
        if let Err(failure) = act(id).await {
            let failure = if ids.len() > 1 { failure.about(id) } else { failure };
            if let Some(before) = failed.replace(failure) {
                before.print();
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

pub(super) fn unknown(error: ClientError) -> Failure {
    let is_unknown = error.status() == Some(404);
    let failure = Failure::from(error);
    if is_unknown { failure.or_try("amphi job list") } else { failure }
}

/// The changed thing for programs, a sentence for people.
fn tell(format: OutputArgs, changed: &Value, sentence: &str) -> Result<(), Failure> {
    if format.is_json() { print_json(changed) } else { print_line(sentence) }
}

async fn list_jobs(client: &Client, args: ListArgs, format: OutputArgs) -> Result<(), Failure> {
    let filters = [
        ("scope", args.scope),
        ("kind", args.kind),
        ("tool", args.tool),
        ("node", args.node),
        ("status", args.status),
        ("batch", args.batch),
    ];
    let query: Vec<(&str, String)> =
        filters.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))).collect();
    let is_filtered = !query.is_empty();
    let jobs = client.list(&["jobs"], &query, Order::Newest, args.limit).await.map_err(|error| {
        let is_unknown_batch = error.status() == Some(404);
        let failure = Failure::from(error);
        if is_unknown_batch { failure.or_try("amphi batch list") } else { failure }
    })?;
    if format.is_json() {
        return print_json(&jobs.into());
    }
    if jobs.is_empty() {
        say(if is_filtered { "no such jobs\n" } else { "no jobs; try: amphi run ping -c 3 192.0.2.1\n" });
        return Ok(());
    }
    let now = when::now();
    let mut table = Table::new(&["", "ID", "NAME", "TOOL", "NODE", "STATUS", "CREATED"]).whole(1);
    for job in jobs {
        let job: Job = decode(job)?;
        // The whole sentence would push all other columns aside.
        let (status, colour) = status_shown(&job, job.reason.as_ref());
        table.row([
            if job.pinned { "★" } else { "" }.into(),
            job.id.into(),
            job.name.unwrap_or_default().into(),
            job.tool.into(),
            job.node.unwrap_or_default().into(),
            Cell::coloured(status, colour),
            when::age(job.created, now).into(),
        ]);
    }
    print_table(&table)
}

/// A mark, the word and the reason: never the colour alone.
fn status_shown(job: &Job, reason: Option<&String>) -> (String, Option<Colour>) {
    match job.status.as_str() {
        "waiting" => match job.place {
            Some(place) => (format!("… {place} in queue"), Some(Colour::Yellow)),
            None => ("… waiting".to_owned(), Some(Colour::Yellow)),
        },
        "running" => ("∑ running".to_owned(), Some(Colour::Blue)),
        "completed" => match job.exit_code {
            None | Some(0) => ("✓ completed".to_owned(), Some(Colour::Green)),
            Some(code) => (format!("✗ completed, exit status {code}"), Some(Colour::Red)),
        },
        "error" => (format!("✗ {}", reason.map_or("error", String::as_str)), Some(Colour::Red)),
        other => (other.to_owned(), None),
    }
}

fn print_job(job: &Job) -> Result<(), Failure> {
    let now = when::now();
    let labels = job.on.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ");
    let fences = job.attempts.last().map(|attempt| attempt.fences.join(", "));
    let at = |time: Option<jiff::Timestamp>| time.map(|time| when::exact(time, now));
    print_facts(&[
        ("id", Some(job.id.clone())),
        ("name", job.name.clone().filter(|name| !name.is_empty())),
        ("command", Some(job.command.clone())),
        ("node", job.node.clone()),
        ("on", Some(labels).filter(|labels| !labels.is_empty())),
        ("status", Some(status_shown(job, job.reason_text.as_ref().or(job.reason.as_ref())).0)),
        ("exit status", job.exit_code.map(|code| code.to_string())),
        ("CPU time", job.cpu_ms.map(|ms| format!("{:.2} s", ms as f64 / 1000.0))),
        ("most memory", job.memory_peak_bytes.map(|bytes| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)))),
        ("held in by", fences.filter(|fences| !fences.is_empty())),
        ("owner", job.owner.clone()),
        ("pinned", job.pinned.then(|| "yes".to_owned())),
        ("created", at(Some(job.created))),
        ("started", at(job.started)),
        ("completed", at(job.completed)),
    ])?;
    if job.attempts.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(&["ATTEMPT", "NODE", "STATUS", "EXIT", "STARTED", "TOOK"]);
    for attempt in &job.attempts {
        let far_end = if attempt.role == "far" { "far end " } else { "" };
        let status = match &attempt.reason {
            Some(reason) => format!("{far_end}{}: {reason}", attempt.status),
            None => format!("{far_end}{}", attempt.status),
        };
        let took = attempt.started.zip(attempt.ended).map(|(from, to)| when::span(from, to));
        table.row([
            attempt.attempt.to_string().into(),
            attempt.node.as_deref().unwrap_or("").into(),
            status.into(),
            attempt.exit_code.map(|code| code.to_string()).unwrap_or_default().into(),
            attempt.started.map(|time| when::age(time, now)).unwrap_or_default().into(),
            took.unwrap_or_default().into(),
        ]);
    }
    print_line("")?;
    print_table(&table)
}

/// Copies the output piece by piece: it may be larger than what one wants in memory. Returns its last byte.
pub(super) async fn print_output(
    client: &Client,
    id: &str,
    stream: String,
    attempt: Option<u64>,
) -> Result<Option<u8>, Failure> {
    let mut query = vec![("stream", stream)];
    query.extend(attempt.map(|attempt| ("attempt", attempt.to_string())));
    let mut response = client.text(&["jobs", id, "output"], &query).await.map_err(unknown)?;
    let mut stdout = std::io::stdout().lock();
    let mut filter = stdout.is_terminal().then(Filter::default);
    let mut last = None;
    while let Some(bytes) = response.chunk().await.map_err(|source| client.broken(source))? {
        last = bytes.last().copied().or(last);
        match &mut filter {
            Some(filter) => stdout.write_all(filter.pass_bytes(&bytes).as_bytes())?,
            None => stdout.write_all(&bytes)?,
        }
    }
    stdout.flush()?;
    Ok(last)
}

async fn set_pinned(client: &Client, id: &str, pinned: bool, format: OutputArgs) -> Result<(), Failure> {
    let body = json!({ "pinned": pinned });
    let job = client.change(Method::PATCH, &["jobs", id], Some(&body)).await.map_err(unknown)?;
    tell(format, &job, &format!("{id} {}", if pinned { "pinned" } else { "unpinned" }))
}
