//! Reading recipes, and the rules they keep: a mistake is told when the server starts, never to the first learner.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::Language;

/// Longest name of a language, bytes.
const NAME_BYTES: usize = 32;
const PLACEHOLDERS: [&str; 6] = ["{main}", "{files}", "{args}", "{class}", "{heap_mib}", "{buffer}"];

/// Why recipes can't be used.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// The folder can't be listed.
    #[error("reading the recipes in {dir}", dir = dir.display())]
    Folder {
        /// The folder.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file can't be read.
    #[error("reading the recipe {path}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is no recipe.
    #[error("the recipe {path} can't be used", path = path.display())]
    Recipe {
        /// The file.
        path: PathBuf,
        /// Why.
        source: RuleError,
    },
    /// Two languages want the same files.
    #[error("the languages {first} and {second} both have the extension \"{extension}\"; leave it to one of them")]
    ExtensionTwice {
        /// The language listed first.
        first: String,
        /// The other.
        second: String,
        /// What both have.
        extension: String,
    },
}

/// Why one text is no recipe.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// No TOML, a field is missing, or one is unknown.
    #[error("it has not the form of a recipe")]
    Shape(#[from] toml::de::Error),
    /// The name.
    #[error("name: \"{0}\" is no name; write 1 to {NAME_BYTES} of a-z, 0-9, \"+\" and \"-\"")]
    Name(String),
    /// An extension.
    #[error("extensions: list at least one, each of a-z, 0-9, \"+\" and \"-\", without the dot")]
    Extensions,
    /// The usual file.
    #[error("file: \"{0}\" ends with none of the extensions")]
    File(String),
    /// An argv without a program.
    #[error("{0}: name the program to start and its arguments, each of them a text of its own")]
    Argv(&'static str),
    /// A word in braces that stands for nothing.
    #[error("\"{0}\" stands for nothing; there are {all}", all = PLACEHOLDERS.join(", "))]
    Placeholder(String),
    /// A pattern of a place without a place.
    #[error("marks: \"{0}\" needs both {{file}} and {{line}}, the file before the line")]
    Mark(String),
    /// A limit that leaves nothing.
    #[error("{0}: every limit has to be above 0")]
    Limit(&'static str),
}

/// Reads one recipe and holds it to the rules.
pub(super) fn parse(text: &str) -> Result<Language, RuleError> {
    let mut language: Language = toml::from_str(text)?;
    check(&language)?;
    // A text between ''' begins after the first line's end.
    language.hello = language.hello.trim_start_matches('\n').to_owned();
    Ok(language)
}

/// The recipes of a folder, in order of the files' names.
pub(super) fn read_folder(dir: &Path) -> Result<Vec<Language>, RecipeError> {
    let folder_error = |source| RecipeError::Folder { dir: dir.to_owned(), source };
    let entries: Result<Vec<_>, _> = fs::read_dir(dir).map_err(folder_error)?.collect();
    let mut paths: Vec<PathBuf> = entries.map_err(folder_error)?.iter().map(fs::DirEntry::path).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    paths.into_iter().map(read).collect()
}

fn read(path: PathBuf) -> Result<Language, RecipeError> {
    let text = fs::read_to_string(&path).map_err(|source| RecipeError::Read { path: path.clone(), source })?;
    parse(&text).map_err(|source| RecipeError::Recipe { path, source })
}

/// Holds that a file's name tells one language.
pub(super) fn check_extensions(all: &[Language]) -> Result<(), RecipeError> {
    for (index, second) in all.iter().enumerate() {
        for first in &all[..index] {
            if let Some(extension) = second.extensions.iter().find(|extension| first.extensions.contains(extension)) {
                return Err(RecipeError::ExtensionTwice {
                    first: first.name.clone(),
                    second: second.name.clone(),
                    extension: extension.clone(),
                });
            }
        }
    }
    Ok(())
}

fn check(language: &Language) -> Result<(), RuleError> {
    if language.name.len() > NAME_BYTES || !is_word(&language.name) {
        return Err(RuleError::Name(language.name.clone()));
    }
    if language.extensions.is_empty() || !language.extensions.iter().all(|extension| is_word(extension)) {
        return Err(RuleError::Extensions);
    }
    if !language.owns(&language.file) {
        return Err(RuleError::File(language.file.clone()));
    }
    check_argv("probe", &language.probe)?;
    check_argv("run", &language.run)?;
    if let Some(compile) = &language.compile {
        check_argv("compile", compile)?;
    }
    for mark in &language.marks {
        if !matches!((mark.find("{file}"), mark.find("{line}")), (Some(file), Some(line)) if file < line) {
            return Err(RuleError::Mark(mark.clone()));
        }
    }
    for (name, limits) in [("compile_limits", &language.compile_limits), ("run_limits", &language.run_limits)] {
        if !limits.is_usable() {
            return Err(RuleError::Limit(name));
        }
    }
    Ok(())
}

fn check_argv(field: &'static str, argv: &[String]) -> Result<(), RuleError> {
    if argv.first().is_none_or(String::is_empty) || argv.iter().any(|word| word.contains('\0')) {
        return Err(RuleError::Argv(field));
    }
    let braced = argv.iter().flat_map(|word| placeholders(word));
    let unknown = braced.filter(|found| !PLACEHOLDERS.contains(found)).map(str::to_owned).next();
    unknown.map_or(Ok(()), |found| Err(RuleError::Placeholder(found)))
}

/// The lower-case words in braces: code such as `{ print }` is none.
fn placeholders(word: &str) -> impl Iterator<Item = &str> {
    word.match_indices('{').filter_map(|(at, _)| {
        let found = &word[at..=at + word[at..].find('}')?];
        let inner = &found[1..found.len() - 1];
        (!inner.is_empty() && inner.bytes().all(|b| b == b'_' || b.is_ascii_lowercase())).then_some(found)
    })
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'+' || b == b'-')
}
