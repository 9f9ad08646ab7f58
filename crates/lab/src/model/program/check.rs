//! The rules that a program's files, arguments and input keep.

use std::collections::BTreeSet;

use super::{ARG_BYTES, ARGS_MAX, FILES_MAX, PATH_BYTES, Program, SOURCE_BYTES, STDIN_BYTES, SourceFile};
use crate::model::language::{Language, Languages};
use crate::model::refusal::{Refusal, quotable};

/// Paths stay inside the work directory, and each names one file.
pub(super) fn paths(files: &[SourceFile]) -> Result<(), Refusal> {
    if files.len() > FILES_MAX {
        return Err(Refusal::TooManyFiles { limit: FILES_MAX.to_string().into() });
    }
    let mut all = BTreeSet::new();
    for SourceFile { path, .. } in files {
        check_path(path)?;
        if !all.insert(path.as_str()) {
            return Err(Refusal::PathRepeated { file: quotable(path) });
        }
    }
    for path in &all {
        let mut folders = path.match_indices('/').map(|(at, _)| &path[..at]);
        if let Some(folder) = folders.find(|folder| all.contains(folder)) {
            return Err(Refusal::PathConflict { file: quotable(folder), other: quotable(path) });
        }
    }
    Ok(())
}

fn check_path(path: &str) -> Result<(), Refusal> {
    // A letter and a colon begin a path of Windows.
    let is_absolute = path.starts_with(['/', '\\']) || path.as_bytes().get(1) == Some(&b':');
    if is_absolute {
        return Err(Refusal::PathAbsolute { file: quotable(path) });
    }
    if path.split(['/', '\\']).any(|part| part == "..") {
        return Err(Refusal::PathOutside { file: quotable(path) });
    }
    let is_part = |part: &str| !part.is_empty() && part != ".";
    // A compiler would read "-x" as an option and "@x" as a list of options.
    let is_fine = path.len() <= PATH_BYTES
        && path.split('/').all(is_part)
        && !path.starts_with(['-', '@'])
        && !path.chars().any(|c| c == '\\' || c.is_control());
    match is_fine {
        true => Ok(()),
        false => Err(Refusal::PathForm { file: quotable(path), limit: PATH_BYTES.to_string().into() }),
    }
}

/// Source is text, and there is some. Files that belong to no language may hold anything.
pub(super) fn source(files: &[SourceFile], language: &Language, languages: &Languages) -> Result<(), Refusal> {
    for (index, SourceFile { path, data }) in files.iter().enumerate() {
        if index > 0 && !language.owns(path) && languages.of_file(path).is_none() {
            continue;
        }
        if data.contains(&0) {
            return Err(Refusal::SourceNul { file: quotable(path) });
        }
        let text = std::str::from_utf8(data).map_err(|_| Refusal::SourceEncoding { file: quotable(path) })?;
        if index == 0 && text.trim().is_empty() {
            return Err(Refusal::SourceEmpty { file: quotable(path) });
        }
    }
    Ok(())
}

/// Everything stays within the bounds that hold for all programs, whatever their language.
pub(super) fn bounds(program: &Program) -> Result<(), Refusal> {
    paths(&program.files)?;
    if program.files.is_empty() {
        return Err(Refusal::SourceMissing {});
    }
    if program.files.iter().map(|file| file.data.len()).sum::<usize>() > SOURCE_BYTES {
        return Err(Refusal::SourceTooLarge { limit: mib(SOURCE_BYTES) });
    }
    if program.stdin.len() > STDIN_BYTES {
        return Err(Refusal::StdinTooLarge { limit: mib(STDIN_BYTES) });
    }
    arguments(&program.args)?;
    if program.terminal.is_some_and(|terminal| terminal.columns == 0 || terminal.rows == 0) {
        return Err(Refusal::TerminalSize {});
    }
    Ok(())
}

/// Arguments are so many, and each may be given to a program.
pub(super) fn arguments(args: &[String]) -> Result<(), Refusal> {
    if args.len() > ARGS_MAX {
        return Err(Refusal::TooManyArgs { limit: ARGS_MAX.to_string().into() });
    }
    match args.iter().find(|arg| arg.len() > ARG_BYTES || arg.contains('\0')) {
        Some(arg) => Err(Refusal::ArgForm { argument: quotable(arg), limit: ARG_BYTES.to_string().into() }),
        None => Ok(()),
    }
}

/// A bound as people read it.
pub(super) fn mib(bytes: usize) -> Box<str> {
    format!("{} MiB", bytes >> 20).into()
}
