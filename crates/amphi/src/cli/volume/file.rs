//! `amphi volume put`, `get`, `ls`, `rm`, `mkdir` and `mv`: files of an export.

mod get;
mod put;

use std::path::PathBuf;

use clap::Subcommand;
use reqwest::Method;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::super::failure::{Failure, INTERRUPTED, USAGE};
use super::super::output::{OutputArgs, print_json, print_table};
use super::super::size::size;
use super::super::table::{Cell, Table};
use super::super::terminal::{say, visible};
use super::super::{LIST_MOST, decode, when};
use crate::client::{Client, ClientError, FileEntry, Order};

/// Files of a directory that are on their way at once.
const TOGETHER: usize = 8;

/// What can be done with files.
#[derive(Subcommand, Debug)]
pub(super) enum FileCommand {
    /// Upload files, or with -r directories with the files and directories in them; `-` reads from standard input. Names and
    /// contents are kept; modes, times and symbolic links by a mount alone
    #[command(
        override_usage = "amphi volume put [OPTIONS] <FILE>... <EXPORT:PATH>",
        after_help = "\
Examples:
  amphi volume put film.mkv films:film.mkv
  amphi volume put *.c course-1:sources/         below a directory, each by its own name
  amphi volume put -r project home-admin:        as home-admin:project
  tar c src | amphi volume put - home-admin:src.tar"
    )]
    Put {
        /// Files to upload, then EXPORT:PATH
        #[arg(required = true, num_args = 2.., value_name = "FILE… EXPORT:PATH")]
        arguments: Vec<String>,
        /// Directories too, with the files and directories in them
        #[arg(short, long)]
        recursive: bool,
    },
    /// Download a file, or with -r a directory; without FILE, or into a directory, under its own name; `-` writes to standard
    /// output
    #[command(after_help = "\
Examples:
  amphi volume get films:2026/film.mkv
  amphi volume get -r home-admin:project /tmp")]
    Get {
        #[arg(value_name = "EXPORT:PATH")]
        from: String,
        #[arg(value_name = "FILE")]
        to: Option<PathBuf>,
        /// A directory too, with all that is in it
        #[arg(short, long)]
        recursive: bool,
    },
    /// List a directory
    #[command(after_help = "Example:\n  amphi volume ls films:2026")]
    Ls {
        #[arg(value_name = "EXPORT[:PATH]")]
        path: String,
    },
    /// Remove files, or with -r directories with all that is in them
    #[command(after_help = "Example:\n  amphi volume rm -r films:2019")]
    Rm {
        #[arg(required = true, value_name = "EXPORT:PATH")]
        paths: Vec<String>,
        /// Directories too, with all that is in them
        #[arg(short, long)]
        recursive: bool,
    },
    /// Make a directory, with those on the way
    #[command(after_help = "Example:\n  amphi volume mkdir films:2026/trailers")]
    Mkdir {
        #[arg(value_name = "EXPORT:PATH")]
        path: String,
    },
    /// Rename a file or a directory within its export, or move it into a directory
    #[command(after_help = "\
Examples:
  amphi volume mv films:a.mkv films:b.mkv
  amphi volume mv films:a.mkv films:2026/")]
    Mv {
        #[arg(value_name = "EXPORT:PATH")]
        from: String,
        #[arg(value_name = "EXPORT:PATH")]
        to: String,
    },
}

pub(super) async fn run(client: &Client, command: FileCommand, format: OutputArgs) -> Result<(), Failure> {
    match command {
        FileCommand::Put { mut arguments, recursive } => {
            let to = arguments.pop().unwrap_or_default();
            put::put(client, &arguments, &to, recursive, format).await
        }
        FileCommand::Get { from, to, recursive } => {
            unless_stopped(get::get(client, &from, to.as_deref(), recursive)).await
        }
        FileCommand::Ls { path } => list(client, &path, format).await,
        FileCommand::Rm { paths, recursive } => remove(client, &paths, recursive, format).await,
        FileCommand::Mkdir { path } => {
            let (export, path) = inside(&path)?;
            let body = json!({ "path": path, "parents": true });
            let made = client.change(Method::POST, &["exports", export, "mkdir"], Some(&body)).await?;
            if format.is_json() { print_json(&made) } else { Ok(()) }
        }
        FileCommand::Mv { from, to } => {
            let ((export, from), (other, to)) = (inside(&from)?, place(&to)?);
            if export != other {
                return Err(Failure::new(USAGE, "mv renames within one export").or_try("amphi volume get, then put"));
            }
            let to = match to.is_empty() || to.ends_with('/') {
                true => format!("{to}{}", name_of(from)),
                false => to.to_owned(),
            };
            let body = json!({ "from": from, "to": to });
            let moved = client.change(Method::POST, &["exports", export, "rename"], Some(&body)).await?;
            if format.is_json() { print_json(&moved) } else { Ok(()) }
        }
    }
}

/// Lets go of the work, with what it keeps on the disk for itself, when somebody ends the program.
async fn unless_stopped(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let mut signals: Vec<Signal> = signals.into_iter().map(signal).collect::<Result<_, _>>()?;
    let stopped = futures::future::select_all(signals.iter_mut().map(|signal| Box::pin(signal.recv())));
    tokio::select! {
        done = work => done,
        _ = stopped => Err(Failure::new(INTERRUPTED, "the download was ended; what is not whole was removed")),
    }
}

/// Reads `EXPORT:PATH`; no path: the root.
pub(super) fn place(text: &str) -> Result<(&str, &str), Failure> {
    let (export, path) = text.split_once(':').unwrap_or((text, ""));
    if export.is_empty() {
        return Err(Failure::new(USAGE, format!("{text:?} names no export")).or_try("EXPORT:PATH, such as films:a/b"));
    }
    Ok((export, path))
}

/// Reads `EXPORT:PATH` of something in the export.
fn inside(text: &str) -> Result<(&str, &str), Failure> {
    let (export, path) = place(text)?;
    if path.trim_matches('/').is_empty() {
        return Err(Failure::new(USAGE, format!("{text} is the whole export")).or_try(format!("{export}:PATH")));
    }
    Ok((export, path))
}

/// The last part of a path.
fn name_of(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}

/// The path's part of an address.
pub(super) fn segments<'a>(export: &'a str, path: &'a str) -> Vec<&'a str> {
    let parts = path.split('/').filter(|part| !part.is_empty());
    ["exports", export, "files"].into_iter().chain(parts).collect()
}

/// How it went with several things: those that failed are told as they come, and all together make one failure. Where there is
/// only one thing, its failure is that.
struct Several {
    is_alone: bool,
    tried: usize,
    failed: Vec<Failure>,
}

impl Several {
    fn new(is_alone: bool) -> Self {
        Self { is_alone, tried: 0, failed: Vec::new() }
    }

    fn note<T>(&mut self, what: &str, done: Result<T, Failure>) -> Option<T> {
        self.tried += 1;
        match done {
            Ok(done) => return Some(done),
            Err(failure) if self.is_alone => self.failed.push(failure),
            Err(failure) => {
                let failure = failure.about(what);
                failure.print();
                self.failed.push(failure);
            }
        }
        None
    }

    fn end(mut self, done: &str) -> Result<(), Failure> {
        match self.failed.len() {
            0 => Ok(()),
            _ if self.is_alone => Err(self.failed.remove(0)),
            count => Err(Failure::new(self.failed[0].exit, format!("{count} of {} were not {done}", self.tried))),
        }
    }
}

/// Tells how many entries were neither files nor directories.
fn passed_over(count: usize) {
    match count {
        0 => {}
        1 => say("1 entry was passed over, which is neither a file nor a directory; a mount keeps such\n"),
        _ => say(&format!(
            "{count} entries were passed over, which are neither files nor directories; a mount keeps such\n"
        )),
    }
}

async fn list(client: &Client, path: &str, format: OutputArgs) -> Result<(), Failure> {
    let (export, path) = place(path)?;
    let query = [("path", path.to_owned())];
    let entries = client.list(&["exports", export, "entries"], &query, Order::Name, LIST_MOST).await?;
    if format.is_json() {
        return print_json(&entries.into());
    }
    if entries.len() == LIST_MOST {
        say(&format!("only the first {LIST_MOST} entries are shown\n"));
    }
    let now = when::now();
    let mut table = Table::new(&["NAME", "SIZE", "CHANGED"]).whole(0);
    for entry in entries {
        let entry: FileEntry = decode(entry)?;
        let (name, size) = match entry.kind.as_str() {
            "directory" => (format!("{}/", visible(&entry.name)), String::new()),
            _ => (visible(&entry.name), size(entry.size)),
        };
        table.row([Cell::from(&name), size.into(), when::age(entry.modified, now).into()]);
    }
    print_table(&table)
}

async fn remove(client: &Client, paths: &[String], recursive: bool, format: OutputArgs) -> Result<(), Failure> {
    let (mut several, mut removed) = (Several::new(paths.len() == 1), Vec::new());
    for text in paths {
        let done = remove_one(client, text, recursive).await;
        removed.extend(several.note(text, done).map(|()| text));
    }
    if format.is_json() {
        print_json(&json!({ "removed": removed }))?;
    }
    several.end("removed")
}

async fn remove_one(client: &Client, text: &str, recursive: bool) -> Result<(), Failure> {
    let (export, path) = inside(text)?;
    let query = if recursive { "true" } else { "false" };
    let removed = client.remove(&segments(export, path), &[("recursive", query)]).await;
    removed.map(drop).map_err(|error: ClientError| {
        let is_full = !recursive && error.status() == Some(409);
        let failure = Failure::from(error);
        if is_full { failure.or_try(format!("amphi volume rm -r {text}")) } else { failure }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_an_export_and_a_path() {
        assert_eq!(place("films:a/b:c").unwrap(), ("films", "a/b:c"));
        assert_eq!(place("films").unwrap(), ("films", ""));
        assert!(place(":a").is_err());
        assert_eq!(segments("films", "/a//b/"), ["exports", "films", "files", "a", "b"]);
        assert_eq!(inside("films:/a/").unwrap(), ("films", "/a/"));
        assert_eq!([name_of("a"), name_of("/a/b/")], ["a", "b"]);
        for whole in ["films", "films:", "films:/"] {
            assert_eq!(inside(whole).unwrap_err().exit, USAGE, "{whole}");
        }
    }
}
