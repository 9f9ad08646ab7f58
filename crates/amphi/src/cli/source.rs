//! `amphi job source`: a program's files, printed or written into a directory.

use std::fs::{self, File};
use std::io::{IsTerminal, Write};
use std::path::{Component, Path};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::decode;
use super::failure::{CONFLICT, Failure, UNAVAILABLE};
use super::job::unknown;
use super::output::{OutputArgs, print_json, print_line};
use super::terminal::plain;
use super::untrusted::Filter;
use crate::client::{Client, Source, SourceFile};

/// Shows the source of a job's program; with `dir`, as files.
pub(super) async fn show(client: &Client, id: &str, dir: Option<&Path>, format: OutputArgs) -> Result<(), Failure> {
    let answer: Value = client.get(&["jobs", id, "source"], &[]).await.map_err(unknown)?;
    if dir.is_none() && format.is_json() {
        return print_json(&answer);
    }
    let source: Source = decode(answer.clone())?;
    match dir {
        None => print_files(&source.files),
        Some(dir) => {
            for file in &source.files {
                write(dir, file)?;
            }
            match format.is_json() {
                true => print_json(&answer),
                false => source.files.iter().try_for_each(|file| print_line(&plain(&file.path))),
            }
        }
    }
}

fn print_files(files: &[SourceFile]) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    for file in files {
        if files.len() > 1 {
            writeln!(stdout, "==> {} <==", plain(&file.path))?;
        }
        match stdout.is_terminal() {
            true => stdout.write_all(Filter::default().pass_bytes(&bytes(file)?).as_bytes())?,
            false => stdout.write_all(&bytes(file)?)?,
        }
    }
    Ok(stdout.flush()?)
}

/// Writes one file. Errors: its path leads out of `dir`, or there is a file of that name.
fn write(dir: &Path, file: &SourceFile) -> Result<(), Failure> {
    let inside = Path::new(&file.path);
    if inside.as_os_str().is_empty() || !inside.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(Failure::new(
            UNAVAILABLE,
            format!("the server named a file {:?}, which is not written", file.path),
        ));
    }
    let path = dir.join(inside);
    let failed = |error: std::io::Error| {
        let failure = Failure::new(CONFLICT, format!("{} can't be written", path.display())).why(error.to_string());
        failure.or_try("amphi job source ID --dir with a directory of its own")
    };
    fs::create_dir_all(path.parent().unwrap_or(dir)).map_err(failed)?;
    // An existing file stays, and so does what a link points at.
    let mut out = File::create_new(&path).map_err(failed)?;
    out.write_all(&bytes(file)?).map_err(failed)
}

fn bytes(file: &SourceFile) -> Result<Vec<u8>, Failure> {
    let damaged = || Failure::new(UNAVAILABLE, format!("the server sent {:?} damaged", file.path));
    match (&file.text, &file.base64) {
        (Some(text), _) => Ok(text.clone().into_bytes()),
        (None, Some(base64)) => STANDARD.decode(base64).map_err(|_| damaged()),
        (None, None) => Err(damaged()),
    }
}
