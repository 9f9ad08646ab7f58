//! A program: source files in a language, arguments and standard input, checked, and what a node has to start for it.
//! The source is kept apart from the rest (`source_bytes`, `to_json`), so that lists of jobs never read it and the same
//! source sent again is stored once.

mod archive;
mod check;
mod start;
mod stored;

#[cfg(test)]
mod tests;

use prost::bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::command_line::quoted;
use super::language::{Language, Languages, SHELL};
use super::refusal::{Refusal, quotable};

pub use stored::{StoredError, is_interactive};

/// Most files of a program.
pub const FILES_MAX: usize = 100;
/// Most bytes of all files together.
pub const SOURCE_BYTES: usize = 1 << 20;
/// Most bytes of standard input that come with the program.
pub const STDIN_BYTES: usize = 1 << 20;
/// Most arguments.
pub const ARGS_MAX: usize = 64;
/// Longest argument, bytes.
pub const ARG_BYTES: usize = 4096;
/// Longest path of a file, bytes.
pub const PATH_BYTES: usize = 200;
/// Longest command line that is shown, characters.
const COMMAND_LINE_CHARS: usize = 400;

/// What somebody asks to run: files, a zip of files, both (the files come first), or a shell line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProgramRequest {
    /// The language's name; `None`: the name of the main file tells.
    pub language: Option<String>,
    /// The files, the main one first.
    pub files: Vec<SourceFile>,
    /// A zip of files. Without `files`, the main file is the one named as the recipe says, or else the first of the
    /// language; the one that lies least deep wins.
    pub zip: Option<Vec<u8>>,
    /// A shell line instead of files.
    pub line: Option<String>,
    /// The program's arguments.
    pub args: Vec<String>,
    /// Standard input, or the beginning of it.
    pub stdin: Bytes,
    /// Whether standard input stays open for what people type.
    pub is_interactive: bool,
    /// The terminal it runs in, which makes it interactive; `None`: in none.
    pub terminal: Option<Terminal>,
}

/// One file of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Relative, with "/" between its parts.
    pub path: String,
    /// What is in it; a copy of the program shares it.
    pub data: Bytes,
}

/// The size of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terminal {
    /// Characters in a row.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
}

/// A checked program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    language: String,
    /// The main file first.
    files: Vec<SourceFile>,
    is_line: bool,
    args: Vec<String>,
    stdin: Bytes,
    /// Whether standard input is stored with the specification: others that have the same source read something else.
    is_stdin_own: bool,
    is_interactive: bool,
    terminal: Option<Terminal>,
}

impl Program {
    /// Checks a request. Errors: everything that is wrong with it and can be seen before a node has it.
    pub fn new(request: ProgramRequest, languages: &Languages) -> Result<Self, Refusal> {
        let is_line = request.line.is_some();
        let (language, files) = match request.line {
            Some(line) => line_program(line, request.language.as_deref(), &request.files, &request.zip, languages)?,
            None => file_program(request.files, request.zip, request.language.as_deref(), languages)?,
        };
        check::source(&files, language, languages)?;
        let program = Self {
            language: language.name.clone(),
            files,
            is_line,
            args: request.args,
            stdin: request.stdin,
            is_stdin_own: false,
            is_interactive: request.is_interactive || request.terminal.is_some(),
            terminal: request.terminal,
        };
        check::bounds(&program)?;
        Ok(program)
    }

    /// The language's name.
    pub fn language(&self) -> &str {
        &self.language
    }

    /// The files, the main one first.
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// Its arguments.
    pub fn args(&self) -> &[String] {
        &self.args
    }

    /// The same program with other arguments. Errors: they break a bound.
    pub fn with_args(&self, args: Vec<String>) -> Result<Self, Refusal> {
        Self::args_check(&args)?;
        Ok(Self { args, ..self.clone() })
    }

    /// Whether a program may have these arguments. Errors: they break a bound.
    pub fn args_check(args: &[String]) -> Result<(), Refusal> {
        check::arguments(args)
    }

    /// Standard input that comes with it.
    pub fn stdin(&self) -> &[u8] {
        &self.stdin
    }

    /// The same program with a standard input of its own.
    pub fn with_own_stdin(self, stdin: Bytes) -> Self {
        Self { stdin, is_stdin_own: true, ..self }
    }

    /// Whether standard input stays open.
    pub fn is_interactive(&self) -> bool {
        self.is_interactive
    }

    /// The terminal it runs in.
    pub fn terminal(&self) -> Option<Terminal> {
        self.terminal
    }

    /// The shell line, where one was given instead of files.
    pub fn line(&self) -> Option<&str> {
        let text = self.files.first().map(|file| std::str::from_utf8(&file.data))?.ok()?;
        self.is_line.then(|| text.trim_end_matches('\n'))
    }

    /// As one would type it after `amphi run`, cut at 400 characters. The language is left out where the main file's name
    /// tells it.
    pub fn command_line(&self, languages: &Languages) -> String {
        let mut words = match self.line() {
            Some(line) => vec!["-c".to_owned(), line.to_owned()],
            None => {
                let rest = self.files[1..].iter().flat_map(|file| ["--file", &file.path]);
                let main = self.files[0].path.as_str();
                let is_told = languages.of_file(main).is_some_and(|language| language.name == self.language);
                let language = ["--language", self.language.as_str()].into_iter().filter(|_| !is_told);
                let words = language.chain(rest).chain([main]);
                words.map(str::to_owned).collect()
            }
        };
        words.extend_from_slice(&self.args);
        let text = words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
        match text.char_indices().nth(COMMAND_LINE_CHARS) {
            Some((cut, _)) => format!("{}…", &text[..cut]),
            None => text,
        }
    }
}

fn line_program<'a>(
    line: String,
    language: Option<&str>,
    files: &[SourceFile],
    zip: &Option<Vec<u8>>,
    languages: &'a Languages,
) -> Result<(&'a Language, Vec<SourceFile>), Refusal> {
    if !files.is_empty() || zip.is_some() {
        return Err(Refusal::LineAndFiles {});
    }
    if line.trim().is_empty() {
        return Err(Refusal::LineEmpty {});
    }
    let shell = language_get(SHELL, languages)?;
    if let Some(other) = language.filter(|&name| name != SHELL) {
        return Err(Refusal::LineLanguage { language: quotable(other) });
    }
    Ok((shell, vec![SourceFile { path: shell.file.clone(), data: format!("{line}\n").into_bytes().into() }]))
}

fn file_program<'a>(
    mut files: Vec<SourceFile>,
    zip: Option<Vec<u8>>,
    language: Option<&str>,
    languages: &'a Languages,
) -> Result<(&'a Language, Vec<SourceFile>), Refusal> {
    let named = language.map(|name| language_get(name, languages)).transpose()?;
    let is_zip_alone = files.is_empty();
    if let Some(zip) = zip {
        let room = SOURCE_BYTES.saturating_sub(files.iter().map(|file| file.data.len()).sum());
        files.extend(archive::unpack(&zip, room)?);
    }
    check::paths(&files)?;
    if is_zip_alone && let Some(main) = main_of_zip(&files, named, languages) {
        files[..=main].rotate_right(1);
    }
    let first = files.first().ok_or(Refusal::SourceMissing {})?;
    let told = || {
        languages
            .of_file(&first.path)
            .ok_or_else(|| Refusal::LanguageUntold { file: quotable(&first.path), languages: languages.names().into() })
    };
    Ok((named.map_or_else(told, Ok)?, files))
}

/// Where the main file of a zip stands.
fn main_of_zip(files: &[SourceFile], named: Option<&Language>, languages: &Languages) -> Option<usize> {
    let rank = |file: &SourceFile| {
        let language = match named {
            Some(language) => Some(language).filter(|language| language.owns(&file.path)),
            None => languages.of_file(&file.path),
        }?;
        let is_other_name = file.path.rsplit('/').next() != Some(language.file.as_str());
        Some((is_other_name, file.path.matches('/').count()))
    };
    let ranked = files.iter().enumerate().filter_map(|(at, file)| Some((rank(file)?, at)));
    ranked.min().map(|(_, at)| at)
}

fn language_get<'a>(name: &str, languages: &'a Languages) -> Result<&'a Language, Refusal> {
    languages
        .get(name)
        .ok_or_else(|| Refusal::LanguageUnknown { language: quotable(name), languages: languages.names().into() })
}
