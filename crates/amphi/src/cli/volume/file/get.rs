//! Downloads: into files, devices, pipes and standard output, and directories with all that is in them.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use futures::StreamExt;
use tokio::fs::{self, File};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::{Several, TOGETHER, inside, name_of, passed_over, place, segments};
use crate::cli::decode;
use crate::cli::failure::{Failure, UNAVAILABLE, USAGE};
use crate::cli::terminal::{plain, say, visible};
use crate::cli::volume::progress::Progress;
use crate::client::{Client, ClientError, FileEntry, Order};

/// What the umask leaves of these are a new file's permissions.
const FILE_MODE: u32 = 0o666;

pub(super) async fn get(client: &Client, from: &str, to: Option<&Path>, recursive: bool) -> Result<(), Failure> {
    let to_output = to == Some(Path::new("-"));
    let (export, path) = if recursive && !to_output { place(from)? } else { inside(from)? };
    let path = path.trim_matches('/');
    let name = if path.is_empty() { export } else { name_of(path) };
    let to = match to {
        Some(_) if to_output => return get_into(client, (export, path), tokio::io::stdout()).await,
        Some(to) if fs::metadata(to).await.is_ok_and(|there| there.is_dir()) => to.join(local(name)?),
        Some(to) => to.to_owned(),
        None => PathBuf::from(local(name)?),
    };
    if recursive && is_directory(client, export, path).await? {
        return get_tree(client, export, path, &to).await;
    }
    let there = fs::metadata(&to).await.ok();
    if there.as_ref().is_some_and(|there| there.is_dir()) {
        return Err(Failure::new(USAGE, format!("{} is a directory", to.display())).why("name a file in it"));
    }
    // Into a device or a pipe it goes as it comes.
    if there.is_some_and(|there| !there.is_file()) {
        let file = File::options().write(true).open(&to).await.map_err(|error| not_written(&to, &error))?;
        return get_into(client, (export, path), file).await;
    }
    get_file(client, (export, path), &to, None).await
}

async fn get_into(client: &Client, from: (&str, &str), writer: impl AsyncWrite + Unpin) -> Result<(), Failure> {
    let mut response = open(client, from).await?;
    let progress = Progress::new(from.1, response.content_length());
    take(client, &mut response, writer, &progress).await.map_err(|broken| match broken {
        Broken::Client(error) => broken_off(&error),
        Broken::Io(error) => error.into(),
    })
}

/// Under another name until it is whole: what is there is replaced by the whole file or stays.
async fn get_file(client: &Client, from: (&str, &str), to: &Path, progress: Option<&Progress>) -> Result<(), Failure> {
    let mut response = open(client, from).await?;
    let own = Progress::new(from.1, response.content_length().filter(|_| progress.is_none()));
    let directory = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut part = tempfile::Builder::new();
    part.prefix(".amphi-").suffix(".part").permissions(Permissions::from_mode(FILE_MODE));
    let unusable =
        |error: io::Error| Failure::new(USAGE, format!("{} can't be made", to.display())).why(error.kind().to_string());
    let (file, part) = part.tempfile_in(directory).map_err(unusable)?.into_parts();
    let taken = take(client, &mut response, File::from_std(file), progress.unwrap_or(&own)).await;
    taken.map_err(|broken| match broken {
        Broken::Client(error) => broken_off(&error),
        Broken::Io(error) => not_written(to, &error),
    })?;
    part.persist(to).map_err(|error| not_written(to, &error.error))
}

async fn open(client: &Client, (export, path): (&str, &str)) -> Result<reqwest::Response, Failure> {
    client.text(&segments(export, path), &[]).await.map_err(|error| {
        let is_directory = matches!(&error, ClientError::Refused(problem) if problem.code == "is-a-directory");
        let failure = Failure::from(error);
        if is_directory { failure.or_try(format!("amphi volume get -r {export}:{path}")) } else { failure }
    })
}

/// What broke off a download.
enum Broken {
    Client(ClientError),
    Io(io::Error),
}

async fn take(
    client: &Client,
    response: &mut reqwest::Response,
    mut writer: impl AsyncWrite + Unpin,
    progress: &Progress,
) -> Result<(), Broken> {
    while let Some(piece) = response.chunk().await.map_err(|error| Broken::Client(client.broken(error)))? {
        writer.write_all(&piece).await.map_err(Broken::Io)?;
        progress.add(piece.len() as u64);
    }
    writer.flush().await.map_err(Broken::Io)
}

async fn is_directory(client: &Client, export: &str, path: &str) -> Result<bool, Failure> {
    // A path that is no directory lists that alone.
    let query = [("path", path.to_owned())];
    let first = client.list(&["exports", export, "entries"], &query, Order::Name, 1).await?.pop();
    let first: Option<FileEntry> = first.map(decode).transpose()?;
    Ok(first.is_none_or(|first| first.path != path))
}

/// Directory by directory; the files of one together.
async fn get_tree(client: &Client, export: &str, path: &str, to: &Path) -> Result<(), Failure> {
    let progress = Progress::new(if path.is_empty() { export } else { path }, None);
    let mut directories = vec![(path.to_owned(), to.to_owned())];
    let (mut several, mut others) = (Several::new(false), 0);
    while let Some((path, to)) = directories.pop() {
        fs::create_dir_all(&to).await.map_err(|error| not_written(&to, &error))?;
        let query = [("path", path)];
        let entries = client.list(&["exports", export, "entries"], &query, Order::Name, usize::MAX).await?;
        let mut files = Vec::new();
        for entry in entries {
            let entry: FileEntry = decode(entry)?;
            let to = to.join(local(&entry.name)?);
            match entry.kind.as_str() {
                "directory" => directories.push((entry.path, to)),
                "file" => files.push((entry.path, to)),
                kind => {
                    others += 1;
                    say(&format!("{export}:{} is a {}, and passed over\n", visible(&entry.path), plain(kind)));
                }
            }
        }
        let gets = files.into_iter().map(|(path, to)| {
            let progress = progress.clone();
            async move {
                let done = get_file(client, (export, &path), &to, Some(&progress)).await;
                (path, done)
            }
        });
        let mut gets = futures::stream::iter(gets).buffer_unordered(TOGETHER);
        while let Some((path, done)) = gets.next().await {
            several.note(&path, done);
        }
    }
    drop(progress);
    passed_over(others);
    several.end("downloaded")
}

/// What a server calls a file must not lead out of the directory it goes into.
fn local(name: &str) -> Result<&str, Failure> {
    if matches!(name, "" | "." | "..") || name.contains(['/', '\0']) {
        return Err(Failure::new(USAGE, format!("{name:?} can't be the name of a file here")));
    }
    Ok(name)
}

fn broken_off(error: &ClientError) -> Failure {
    Failure::new(UNAVAILABLE, "the download broke off")
        .why(error.to_string())
        .or_try("once more; `amphi volume health` tells operators whether stores are away")
}

fn not_written(to: &Path, error: &io::Error) -> Failure {
    Failure::new(UNAVAILABLE, format!("{} can't be written", to.display())).why(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        assert_eq!(local("..a").unwrap(), "..a");
        for bad in ["", ".", "..", "a/b", "../a", "/etc/passwd", "a\0"] {
            assert!(local(bad).is_err(), "{bad:?}");
        }
    }
}
