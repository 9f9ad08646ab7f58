//! `amphi volume put`, `get`, `ls`, `rm`, `mkdir` and `mv`: files of an export, as streams.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use reqwest::{Body, Method};
use serde_json::{Value, json};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::failure::{Failure, USAGE};
use super::super::output::{OutputArgs, print_json, print_line, print_table};
use super::super::table::{Cell, Table};
use super::super::{LIST_MOST, decode, when};
use super::bytes;
use super::progress::Progress;
use crate::client::{Client, ClientError, FileEntry, Order};

/// Bytes that are read from a file at once.
const PIECE: usize = 256 * 1024;

/// What can be done with files.
#[derive(Subcommand, Debug)]
pub(super) enum FileCommand {
    /// Upload files; `-` reads from standard input
    #[command(after_help = "\
Examples:
  amphi volume put film.mkv films:2026/film.mkv
  amphi volume put *.c course-1:sources/         below a directory, each by its own name
  tar c src | amphi volume put - home:src.tar")]
    Put {
        /// Files to upload, then EXPORT:PATH
        #[arg(required = true, num_args = 2.., value_name = "FILE… EXPORT:PATH")]
        arguments: Vec<String>,
    },
    /// Download a file; without FILE, or into a directory, under its own name; `-` writes to standard output
    #[command(after_help = "Example:\n  amphi volume get films:2026/film.mkv")]
    Get {
        #[arg(value_name = "EXPORT:PATH")]
        from: String,
        #[arg(value_name = "FILE")]
        to: Option<PathBuf>,
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
    /// Rename a file or a directory within its export
    #[command(after_help = "Example:\n  amphi volume mv films:a.mkv films:b.mkv")]
    Mv {
        #[arg(value_name = "EXPORT:PATH")]
        from: String,
        #[arg(value_name = "EXPORT:PATH")]
        to: String,
    },
}

pub(super) async fn run(client: &Client, command: FileCommand, format: OutputArgs) -> Result<(), Failure> {
    match command {
        FileCommand::Put { mut arguments } => {
            let to = arguments.pop().unwrap_or_default();
            put(client, &arguments, &to, format).await
        }
        FileCommand::Get { from, to } => get(client, &from, to.as_deref()).await,
        FileCommand::Ls { path } => list(client, &path, format).await,
        FileCommand::Rm { paths, recursive } => remove(client, &paths, recursive, format).await,
        FileCommand::Mkdir { path } => {
            let (export, path) = place(&path)?;
            let body = json!({ "path": path, "parents": true });
            let made = client.change(Method::POST, &["exports", export, "mkdir"], Some(&body)).await?;
            if format.is_json() { print_json(&made) } else { Ok(()) }
        }
        FileCommand::Mv { from, to } => {
            let ((export, from), (other, to)) = (place(&from)?, place(&to)?);
            if export != other {
                return Err(Failure::new(USAGE, "mv renames within one export").or_try("amphi volume get, then put"));
            }
            let body = json!({ "from": from, "to": to });
            let moved = client.change(Method::POST, &["exports", export, "rename"], Some(&body)).await?;
            if format.is_json() { print_json(&moved) } else { Ok(()) }
        }
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

/// The path's part of an address.
pub(super) fn segments<'a>(export: &'a str, path: &'a str) -> Vec<&'a str> {
    let parts = path.split('/').filter(|part| !part.is_empty());
    ["exports", export, "files"].into_iter().chain(parts).collect()
}

async fn put(client: &Client, files: &[String], to: &str, format: OutputArgs) -> Result<(), Failure> {
    let (export, path) = place(to)?;
    let is_directory = path.is_empty() || path.ends_with('/');
    if files.len() > 1 && !is_directory {
        return Err(Failure::new(USAGE, "several files go below a directory").or_try(format!("{to}/")));
    }
    let mut put = Vec::new();
    for file in files {
        let name = Path::new(file).file_name().and_then(|name| name.to_str()).unwrap_or(file);
        if is_directory && file == "-" {
            return Err(Failure::new(USAGE, "standard input has no name").or_try(format!("{to}name")));
        }
        let path = if is_directory { format!("{path}{name}") } else { path.to_owned() };
        let stored = put_one(client, file, export, &path).await?;
        if !format.is_json() {
            let stored: FileEntry = decode(stored.clone())?;
            print_line(&format!("{export}:{} {}", stored.path, bytes(stored.size)))?;
        }
        put.push(stored);
    }
    if format.is_json() { print_json(&Value::Array(put)) } else { Ok(()) }
}

async fn put_one(client: &Client, file: &str, export: &str, path: &str) -> Result<Value, Failure> {
    let failed = |error: std::io::Error| Failure::new(USAGE, format!("{file} can't be read")).why(error.to_string());
    let (body, length) = if file == "-" {
        (pieces(tokio::io::stdin(), Progress::new(path, None)), None)
    } else {
        let open = File::open(file).await.map_err(failed)?;
        let metadata = open.metadata().await.map_err(failed)?;
        if !metadata.is_file() {
            return Err(Failure::new(USAGE, format!("{file} is no file")));
        }
        (pieces(open, Progress::new(path, Some(metadata.len()))), Some(metadata.len()))
    };
    Ok(client.upload(&segments(export, path), body, length).await?)
}

fn pieces(reader: impl tokio::io::AsyncRead + Send + Unpin + 'static, progress: Progress) -> Body {
    Body::wrap_stream(futures::stream::try_unfold((reader, progress), |(mut reader, mut progress)| async move {
        let mut piece = Vec::with_capacity(PIECE);
        while piece.len() < PIECE && (&mut reader).take((PIECE - piece.len()) as u64).read_buf(&mut piece).await? > 0 {}
        if piece.is_empty() {
            return Ok::<_, std::io::Error>(None);
        }
        progress.add(piece.len() as u64);
        Ok(Some((piece, (reader, progress))))
    }))
}

async fn get(client: &Client, from: &str, to: Option<&Path>) -> Result<(), Failure> {
    let (export, path) = place(from)?;
    let name = path.rsplit('/').next().unwrap_or(path);
    let mut to = to.unwrap_or_else(|| Path::new(name)).to_owned();
    if to == Path::new("-") {
        let mut response = client.text(&segments(export, path), &[]).await?;
        let progress = Progress::new(path, response.content_length());
        return take(client, &mut response, tokio::io::stdout(), progress, &to).await;
    }
    let mut is_there = tokio::fs::metadata(&to).await.ok();
    if is_there.as_ref().is_some_and(Metadata::is_dir) {
        to.push(name);
        is_there = tokio::fs::metadata(&to).await.ok();
    }
    let to = to.as_path();
    if is_there.as_ref().is_some_and(Metadata::is_dir) {
        return Err(Failure::new(USAGE, format!("{} is a directory", to.display())).why("name a file in it"));
    }
    let mut response = client.text(&segments(export, path), &[]).await?;
    let length = response.content_length();
    let failed = |error: std::io::Error| {
        Failure::new(USAGE, format!("{} can't be written", to.display())).why(error.to_string())
    };
    // Into a device or a pipe it goes as it comes.
    if is_there.is_some_and(|there| !there.is_file()) {
        let file = File::options().write(true).open(to).await.map_err(failed)?;
        return take(client, &mut response, file, Progress::new(path, length), to).await;
    }
    // Under another name until it is whole: what is there is replaced by the whole file or stays.
    let part =
        to.with_file_name(format!("{}.part", to.file_name().and_then(|name| name.to_str()).unwrap_or("download")));
    let file = File::create(&part).await.map_err(failed)?;
    if let Err(failure) = take(client, &mut response, file, Progress::new(path, length), to).await {
        // What came so far is of no use; that it can't be removed either is not worth another message.
        let _ = tokio::fs::remove_file(&part).await;
        return Err(failure);
    }
    tokio::fs::rename(&part, to).await.map_err(failed)
}

async fn take(
    client: &Client,
    response: &mut reqwest::Response,
    mut writer: impl tokio::io::AsyncWrite + Unpin,
    mut progress: Progress,
    to: &Path,
) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(USAGE, format!("{} can't be written", to.display())).why(error.to_string())
    };
    while let Some(piece) = response.chunk().await.map_err(|error| client.broken(error))? {
        writer.write_all(&piece).await.map_err(failed)?;
        progress.add(piece.len() as u64);
    }
    writer.flush().await.map_err(failed)
}

async fn list(client: &Client, path: &str, format: OutputArgs) -> Result<(), Failure> {
    let (export, path) = place(path)?;
    let query = [("path", path.to_owned())];
    let entries = client.list(&["exports", export, "entries"], &query, Order::Name, LIST_MOST).await?;
    if format.is_json() {
        return print_json(&entries.into());
    }
    let now = when::now();
    let mut table = Table::new(&["NAME", "SIZE", "CHANGED"]).whole(0);
    for entry in entries {
        let entry: FileEntry = decode(entry)?;
        let (name, size) = match entry.kind.as_str() {
            "directory" => (format!("{}/", entry.name), String::new()),
            _ => (entry.name.clone(), bytes(entry.size)),
        };
        table.row([Cell::from(&name), size.into(), when::age(entry.modified, now).into()]);
    }
    print_table(&table)
}

async fn remove(client: &Client, paths: &[String], recursive: bool, format: OutputArgs) -> Result<(), Failure> {
    for text in paths {
        let (export, path) = place(text)?;
        let query = if recursive { "true" } else { "false" };
        client.remove(&segments(export, path), &[("recursive", query)]).await.map_err(|error: ClientError| {
            let is_full = !recursive && error.status() == Some(409);
            let failure = Failure::from(error);
            if is_full { failure.or_try(format!("amphi volume rm -r {text}")) } else { failure }
        })?;
    }
    if format.is_json() { print_json(&json!({ "removed": paths })) } else { Ok(()) }
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
    }
}
