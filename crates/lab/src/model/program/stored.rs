//! A program's two stored forms: the specification, JSON that a person can read in the table, and the source, in bytes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost::Message;
use prost::bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Program, SourceFile, Terminal, check};
use crate::model::refusal::Refusal;

/// Version of both forms.
const VERSION: u32 = 1;

/// Why a stored program can't be read.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// Not the shape of a stored specification.
    #[error("reading a stored program")]
    Shape(#[from] serde_json::Error),
    /// Not the shape of stored source.
    #[error("reading the source of a stored program")]
    Source(#[from] prost::DecodeError),
    /// Its own standard input is not base64.
    #[error("reading the standard input of a stored program")]
    Stdin(#[from] base64::DecodeError),
    /// Written by a newer program.
    #[error("the stored program has version {0}, and this program reads up to {VERSION}")]
    Version(u32),
    /// The specification names other files than the source holds.
    #[error("the stored program and its source name different files")]
    Files,
    /// It would not be accepted today.
    #[error("the stored program breaks a rule")]
    Refused(#[from] Refusal),
}

#[derive(Serialize, Deserialize)]
struct Spec {
    version: u32,
    language: String,
    files: Vec<String>,
    #[serde(default, rename = "line", skip_serializing_if = "std::ops::Not::not")]
    is_line: bool,
    args: Vec<String>,
    /// Standard input that is not part of the source, base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stdin: Option<String>,
    #[serde(rename = "interactive")]
    is_interactive: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    terminal: Option<Terminal>,
}

#[derive(Clone, PartialEq, Message)]
struct Source {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(message, repeated, tag = "2")]
    files: Vec<StoredFile>,
    #[prost(bytes = "bytes", tag = "3")]
    stdin: Bytes,
}

#[derive(Clone, PartialEq, Message)]
struct StoredFile {
    #[prost(string, tag = "1")]
    path: String,
    #[prost(bytes = "bytes", tag = "2")]
    data: Bytes,
}

/// Whether a stored specification is of a program into which somebody types. `false` where it can't be read.
pub fn is_interactive(spec: &str) -> bool {
    serde_json::from_str::<Spec>(spec).is_ok_and(|spec| spec.is_interactive)
}

impl Program {
    /// Everything but the source, as JSON.
    pub fn to_json(&self) -> String {
        let spec = Spec {
            version: VERSION,
            language: self.language.clone(),
            files: self.files.iter().map(|file| file.path.clone()).collect(),
            is_line: self.is_line,
            args: self.args.clone(),
            stdin: self.is_stdin_own.then(|| STANDARD.encode(&self.stdin)),
            is_interactive: self.is_interactive,
            terminal: self.terminal,
        };
        serde_json::to_string(&spec).expect("text, numbers and lists of them always become JSON")
    }

    /// The source: files, and standard input where that is not its own. The same source is the same bytes.
    pub fn source_bytes(&self) -> Vec<u8> {
        let stored = |file: &SourceFile| StoredFile { path: file.path.clone(), data: file.data.clone() };
        let files = self.files.iter().map(stored).collect();
        let stdin = if self.is_stdin_own { Bytes::new() } else { self.stdin.clone() };
        Source { version: VERSION, files, stdin }.encode_to_vec()
    }

    /// Reads both forms back. Errors: they are damaged, of a newer version, or break a bound.
    pub fn from_stored(spec: &str, source: &[u8]) -> Result<Self, StoredError> {
        let spec: Spec = serde_json::from_str(spec)?;
        let source = Source::decode(source)?;
        if let Some(newer) = [spec.version, source.version].into_iter().find(|&version| version != VERSION) {
            return Err(StoredError::Version(newer));
        }
        if !spec.files.iter().eq(source.files.iter().map(|file| &file.path)) {
            return Err(StoredError::Files);
        }
        let files = source.files.into_iter().map(|file| SourceFile { path: file.path, data: file.data });
        let own_stdin = spec.stdin.map(|text| STANDARD.decode(text)).transpose()?;
        let program = Self {
            language: spec.language,
            files: files.collect(),
            is_line: spec.is_line,
            args: spec.args,
            is_stdin_own: own_stdin.is_some(),
            stdin: own_stdin.map_or(source.stdin, Bytes::from),
            is_interactive: spec.is_interactive,
            terminal: spec.terminal,
        };
        check::bounds(&program)?;
        Ok(program)
    }
}
