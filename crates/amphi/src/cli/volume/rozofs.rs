//! `amphi volume import-rozofs`: files of a RozoFS volume from the directories of its stores. Names, owners and modes are in
//! RozoFS's metadata, which is elsewhere: here a file is called by its id.

mod content;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use reqwest::{Body, Method};
use serde_json::json;
use tokio::sync::mpsc;

use self::content::{Content, ContentError};
use super::file::{place, segments};
use super::progress::Progress;
use crate::cli::decode;
use crate::cli::failure::{CONFLICT, Failure, USAGE};
use crate::cli::output::{OutputArgs, print_json, print_line};
use crate::cli::size::size;
use crate::cli::terminal::{plain, say};
use crate::client::{Client, FileEntry};

/// Blocks that are read ahead of the upload.
const AHEAD: usize = 64;
/// How deep below a store's root its files are.
const DEPTH_MAX: usize = 8;

/// Arguments of `amphi volume import-rozofs`.
#[derive(Args, Debug)]
pub(super) struct ImportArgs {
    /// The root directories of stores, then EXPORT or EXPORT:PATH
    #[arg(required = true, num_args = 2.., value_name = "DIR… EXPORT[:PATH]")]
    arguments: Vec<String>,
}

pub(super) async fn run(client: &Client, mut args: ImportArgs, format: OutputArgs) -> Result<(), Failure> {
    let to = args.arguments.pop().unwrap_or_default();
    let (export, path) = place(&to)?;
    let mut files: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for root in &args.arguments {
        let failed = |error: io::Error| Failure::new(USAGE, format!("{root} can't be read")).why(error.to_string());
        found(Path::new(root), 0, &mut files).map_err(failed)?;
    }
    if files.is_empty() {
        return Err(
            Failure::new(USAGE, "there is no file of RozoFS below these directories").why("their names end in .bins")
        );
    }
    if !path.trim_matches('/').is_empty() {
        let body = json!({ "path": path, "parents": true });
        client.change(Method::POST, &["exports", export, "mkdir"], Some(&body)).await?;
    }
    let (mut imported, mut failed) = (Vec::new(), Vec::new());
    for (id, paths) in files {
        let path = format!("{}/{id}", path.trim_end_matches('/'));
        match import(client, paths, &segments(export, &path), &id).await? {
            Ok(file) => {
                if !format.is_json() {
                    print_line(&format!("{export}:{} {}", plain(&file.path), size(file.size)))?;
                }
                imported.push(json!({ "path": file.path, "size": file.size }));
            }
            Err(why) => {
                say(&format!("{}: {}\n", plain(&id), plain(&why)));
                failed.push(json!({ "id": id, "why": why }));
            }
        }
    }
    let count = failed.len();
    if format.is_json() {
        print_json(&json!({ "imported": imported, "failed": failed }))?;
    }
    if count == 0 { Ok(()) } else { Err(Failure::new(CONFLICT, format!("{count} files could not be read whole"))) }
}

/// Collects the `.bins` files below a directory, by the id of their file.
fn found(directory: &Path, depth: usize, files: &mut BTreeMap<String, Vec<PathBuf>>) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let (kind, path) = (entry.file_type()?, entry.path());
        if kind.is_dir() && depth < DEPTH_MAX {
            found(&path, depth + 1, files)?;
        } else if kind.is_file()
            && let Some(id) = entry.file_name().to_str().and_then(|name| name.strip_suffix(".bins"))
        {
            files.entry(id.to_owned()).or_default().push(path);
        }
    }
    Ok(())
}

/// Uploads one file while it is read. What can't be read whole is not stored: that is the inner error, a sentence.
async fn import(
    client: &Client,
    paths: Vec<PathBuf>,
    to: &[&str],
    id: &str,
) -> Result<Result<FileEntry, String>, Failure> {
    let (sender, mut receiver) = mpsc::channel::<io::Result<Vec<u8>>>(AHEAD);
    let progress = Progress::new(id, None);
    let reading = tokio::task::spawn_blocking(move || {
        let read = read(&paths, &sender, &progress);
        if read.is_err() {
            // An upload that is cut off leaves nothing.
            let _ended = sender.blocking_send(Err(io::Error::other("cut off")));
        }
        read.map_err(|error| error.to_string())
    });
    let uploaded =
        client.upload(to, Body::wrap_stream(futures::stream::poll_fn(move |cx| receiver.poll_recv(cx))), None).await;
    let read = reading.await.map_err(|error| Failure::new(CONFLICT, error.to_string()))?;
    match read {
        Err(why) => Ok(Err(why)),
        Ok(()) => Ok(Ok(decode(uploaded?)?)),
    }
}

/// Sends all blocks of a file.
fn read(
    paths: &[PathBuf],
    sender: &mpsc::Sender<io::Result<Vec<u8>>>,
    progress: &Progress,
) -> Result<(), ContentError> {
    let mut content = Content::open(paths)?;
    while let Some(block) = content.block()? {
        progress.add(block.len() as u64);
        if sender.blocking_send(Ok(block)).is_err() {
            break; // The upload has ended, and says why.
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_their_ids_over_all_stores() {
        let dir = tempfile::tempdir().unwrap();
        for (at, name) in [("a/layout_1/spare_0/1-2", "x.bins"), ("b/layout_1/spare_1/1-2", "x.bins"), ("b", "y.txt")] {
            std::fs::create_dir_all(dir.path().join(at)).unwrap();
            std::fs::write(dir.path().join(at).join(name), "").unwrap();
        }
        let mut files = BTreeMap::new();
        found(dir.path(), 0, &mut files).unwrap();
        assert_eq!(files.into_iter().map(|(id, paths)| (id, paths.len())).collect::<Vec<_>>(), [("x".to_owned(), 2)]);
    }
}
