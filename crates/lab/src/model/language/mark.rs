//! Finds the places that a tool's messages name, so that the editor can mark them. Patterns are plain text with
//! placeholders: an expression of a recipe's author can't hang the server over a learner's output.

use super::Language;

/// A place in a program's source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The file's path, as the program names it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1, where the message tells it.
    pub column: Option<u32>,
    /// The message's line.
    pub text: String,
}

impl Language {
    /// The places in `files` that `output` names, each line once, in the order of the output.
    pub fn marks<'a>(&self, output: &str, files: impl Iterator<Item = &'a str> + Clone) -> Vec<Mark> {
        let mut marks: Vec<Mark> = Vec::new();
        for text in output.lines() {
            let places = |pattern| files.clone().filter_map(move |file| place(pattern, file, text));
            // Of "main.c" and "lib/main.c", the longer one is meant where both would fit.
            let found = self.marks.iter().find_map(|pattern| places(pattern).max_by_key(|mark| mark.file.len()));
            if let Some(mark) = found
                && !marks.iter().any(|known| known.file == mark.file && known.line == mark.line)
            {
                marks.push(mark);
            }
        }
        marks
    }
}

/// What `pattern` says of `file` in this line.
fn place(pattern: &str, file: &str, text: &str) -> Option<Mark> {
    let (before, after) = pattern.split_once("{file}")?;
    text.match_indices(file).find_map(|(at, _)| {
        named(&text[..at]).filter(|named| named.ends_with(before))?;
        let (line, column) = numbers(after, &text[at + file.len()..])?;
        Some(Mark { file: file.to_owned(), line, column, text: text.to_owned() })
    })
}

/// What stands before a file's name, without the folders that a tool puts before it (`./`, `/work/`); `None` where the
/// name is the end of a longer one.
fn named(before: &str) -> Option<&str> {
    let is_of_path = |c: char| c.is_alphanumeric() || "/._-".contains(c);
    match before.chars().next_back() {
        Some('/') => Some(before.trim_end_matches(is_of_path)),
        Some(c) if is_of_path(c) => None,
        Some(_) | None => Some(before),
    }
}

/// Line and column, where `rest` begins as `pattern` does.
fn numbers(mut pattern: &str, mut rest: &str) -> Option<(u32, Option<u32>)> {
    let (mut line, mut column) = (None, None);
    while let Some(open) = pattern.find('{') {
        rest = rest.strip_prefix(&pattern[..open])?;
        let (name, after) = pattern[open + 1..].split_once('}')?;
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number = rest[..digits].parse().ok()?;
        match name {
            "line" => line = Some(number),
            _ => column = Some(number),
        }
        (pattern, rest) = (after, &rest[digits..]);
    }
    rest.starts_with(pattern).then_some((line?, column))
}
