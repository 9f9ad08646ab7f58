//! Uploads: files, standard input, and directories with the files and directories in them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use futures::StreamExt;
use reqwest::{Body, Method};
use serde_json::{Value, json};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use super::{Several, TOGETHER, passed_over, place, segments};
use crate::cli::decode;
use crate::cli::failure::{Failure, USAGE};
use crate::cli::output::{OutputArgs, print_json, print_line};
use crate::cli::size::size;
use crate::cli::terminal::{plain, say, visible};
use crate::cli::volume::progress::Progress;
use crate::client::{Client, ClientError, FileEntry};

/// Bytes that are read from a file at once.
const PIECE: usize = 256 * 1024;

/// A directory with what is in it; paths are below the one that was given, with `/`.
#[derive(Default)]
struct Tree {
    /// Each behind the one that it is in.
    directories: Vec<String>,
    files: Vec<(PathBuf, String)>,
    size_bytes: u64,
    /// How many things in it are neither.
    passed_over: usize,
}

pub(super) async fn put(
    client: &Client,
    files: &[String],
    to: &str,
    recursive: bool,
    format: OutputArgs,
) -> Result<(), Failure> {
    let (export, path) = place(to)?;
    let is_below = path.is_empty() || path.ends_with('/');
    if files.len() > 1 && !is_below {
        return Err(Failure::new(USAGE, "several files go below a directory").or_try(format!("{to}/")));
    }
    let (mut several, mut put) = (Several::new(files.len() == 1), Vec::new());
    for file in files {
        let told = put.len();
        let done = put_one(client, file, (export, path), is_below, recursive, &mut put).await;
        if !format.is_json() {
            for stored in &put[told..] {
                let stored: FileEntry = decode(stored.clone())?;
                print_line(&format!("{export}:{} {}", visible(&stored.path), size(stored.size)))?;
            }
        }
        several.note(file, done);
    }
    if format.is_json() {
        print_json(&Value::Array(put))?;
    }
    several.end("put")
}

/// Adds to `put` what was stored, also where some of it could not be.
async fn put_one(
    client: &Client,
    file: &str,
    (export, path): (&str, &str),
    is_below: bool,
    recursive: bool,
    put: &mut Vec<Value>,
) -> Result<(), Failure> {
    if is_below && file == "-" {
        return Err(Failure::new(USAGE, "standard input has no name").or_try(format!("{export}:{path}NAME")));
    }
    // A directory may be given as `.`, which has a name as well.
    let whole = if recursive && file != "-" { fs::canonicalize(file).ok() } else { None };
    let name = whole.as_deref().unwrap_or(Path::new(file)).file_name().and_then(|name| name.to_str()).unwrap_or(file);
    let path = if is_below { format!("{path}{name}") } else { path.to_owned() };
    if !Path::new(file).is_dir() || file == "-" {
        put.push(put_file(client, file, export, &path).await?);
        return Ok(());
    }
    if !recursive {
        let again = format!("amphi volume put -r {file} {export}:{path}");
        return Err(Failure::new(USAGE, format!("{file} is a directory")).or_try(again));
    }
    let root = PathBuf::from(file);
    let tree = tokio::task::spawn_blocking(move || tree_of(&root)).await;
    let tree = tree.map_err(io::Error::other).flatten().map_err(|error| unreadable(file, &error))?;
    put_tree(client, tree, (export, path.trim_end_matches('/')), put).await
}

async fn put_tree(
    client: &Client,
    tree: Tree,
    (export, path): (&str, &str),
    put: &mut Vec<Value>,
) -> Result<(), Failure> {
    for directory in &tree.directories {
        let directory = format!("{path}{directory}");
        let body = json!({ "path": directory, "parents": true });
        let made = client.change(Method::POST, &["exports", export, "mkdir"], Some(&body)).await;
        made.map_err(|error| refused(error, export, &directory).about(&visible(&directory)))?;
    }
    let (progress, mut several) = (Progress::new(path, Some(tree.size_bytes)), Several::new(tree.files.len() == 1));
    let puts = tree.files.into_iter().map(|(file, below)| {
        let (progress, path) = (progress.clone(), format!("{path}{below}"));
        async move {
            let done = async {
                let open = File::open(&file).await.map_err(|error| unreadable(&file.to_string_lossy(), &error))?;
                let put = client.upload(&segments(export, &path), pieces(open, progress), None).await;
                put.map_err(|error| refused(error, export, &path))
            };
            (path.clone(), done.await)
        }
    });
    let mut puts = futures::stream::iter(puts).buffer_unordered(TOGETHER);
    while let Some((path, done)) = puts.next().await {
        put.extend(several.note(&path, done));
    }
    drop(puts);
    drop(progress);
    passed_over(tree.passed_over);
    several.end("put")
}

async fn put_file(client: &Client, file: &str, export: &str, path: &str) -> Result<Value, Failure> {
    let (body, length) = if file == "-" {
        (pieces(tokio::io::stdin(), Progress::new(path, None)), None)
    } else {
        let open = File::open(file).await.map_err(|error| unreadable(file, &error))?;
        let metadata = open.metadata().await.map_err(|error| unreadable(file, &error))?;
        if !metadata.is_file() {
            return Err(Failure::new(USAGE, format!("{file} is no file")));
        }
        (pieces(open, Progress::new(path, Some(metadata.len()))), Some(metadata.len()))
    };
    let put = client.upload(&segments(export, path), body, length).await;
    put.map_err(|error| refused(error, export, path))
}

fn refused(error: ClientError, export: &str, path: &str) -> Failure {
    let code = match &error {
        ClientError::Refused(problem) => problem.code.clone(),
        _ => String::new(),
    };
    let failure = Failure::from(error);
    match path.trim_end_matches('/').rsplit_once('/') {
        Some((directory, _)) if code == "file-unknown" => {
            failure.or_try(format!("amphi volume mkdir {export}:{directory}"))
        }
        _ if code == "quota" => failure.why(format!("what is used and may be: amphi volume export show {export}")),
        _ => failure,
    }
}

fn unreadable(file: &str, error: &io::Error) -> Failure {
    Failure::new(USAGE, format!("{file} can't be read")).why(error.to_string())
}

/// Walks a directory. What is neither file nor directory is passed over, and that is told.
fn tree_of(root: &Path) -> io::Result<Tree> {
    let mut tree = Tree { directories: vec![String::new()], ..Tree::default() };
    let mut at = 0;
    while let Some(below) = tree.directories.get(at).cloned() {
        at += 1;
        let mut entries: Vec<_> = fs::read_dir(root.join(below.trim_start_matches('/')))?.collect::<Result<_, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, kind) = (entry.path(), entry.file_type()?);
            let Ok(name) = entry.file_name().into_string() else {
                let told = format!("{} has a name that is not UTF-8", path.to_string_lossy());
                return Err(io::Error::new(io::ErrorKind::InvalidData, told));
            };
            let below = format!("{below}/{name}");
            if kind.is_dir() {
                tree.directories.push(below);
            } else if kind.is_file() {
                tree.size_bytes += entry.metadata()?.len();
                tree.files.push((path, below));
            } else {
                tree.passed_over += 1;
                say(&format!(
                    "{} is neither a file nor a directory, and passed over\n",
                    plain(&path.to_string_lossy())
                ));
            }
        }
    }
    Ok(tree)
}

fn pieces(reader: impl tokio::io::AsyncRead + Send + Unpin + 'static, progress: Progress) -> Body {
    Body::wrap_stream(futures::stream::try_unfold((reader, progress), |(mut reader, progress)| async move {
        let mut piece = Vec::with_capacity(PIECE);
        while piece.len() < PIECE && (&mut reader).take((PIECE - piece.len()) as u64).read_buf(&mut piece).await? > 0 {}
        if piece.is_empty() {
            return Ok::<_, io::Error>(None);
        }
        progress.add(piece.len() as u64);
        Ok(Some((piece, (reader, progress))))
    }))
}
