//! Files that the elements of a batch read, each one of them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use lab::model::batch::INPUT_BYTES;

use crate::cli::failure::{Failure, USAGE};

/// A file's content, and what it is called.
pub(super) struct Input {
    pub(super) name: String,
    pub(super) data: Vec<u8>,
}

/// Characters of a name, at most.
const NAME_CHARS: usize = 120;

/// Reads each file, and each file of a directory in the order of their names. Errors: something can't be read, is too
/// large, or there is none.
pub(super) fn read(paths: &[PathBuf]) -> Result<Vec<Input>, Failure> {
    let mut all = Vec::new();
    for path in paths {
        for file in files(path).map_err(|error| unreadable(path, &error))? {
            let data = fs::read(&file).map_err(|error| unreadable(&file, &error))?;
            if data.len() > INPUT_BYTES {
                let limit = format!("an input of a batch may have {} KiB", INPUT_BYTES >> 10);
                return Err(Failure::new(USAGE, format!("{} is too large", file.display())).why(limit));
            }
            all.push(Input { name: name(&file), data });
        }
    }
    if all.is_empty() { Err(Failure::new(USAGE, "--each-input names no file")) } else { Ok(all) }
}

/// The path as given, its control characters left out; of a long one the end.
fn name(path: &Path) -> String {
    let name: Vec<char> = path.to_string_lossy().chars().filter(|c| !c.is_control()).collect();
    name[name.len().saturating_sub(NAME_CHARS)..].iter().collect()
}

fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path()));
    let mut files: Vec<_> = entries.collect::<io::Result<_>>()?;
    files.retain(|file| file.is_file());
    files.sort();
    Ok(files)
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(USAGE, format!("the file {} can't be read", path.display())).why(error.to_string())
}
