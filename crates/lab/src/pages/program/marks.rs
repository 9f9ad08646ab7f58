//! Where a program that failed is wrong, for the editor: the places that its compiler or interpreter named.

use portal::Caller;
use serde::Serialize;

use crate::Lab;
use crate::model::job::{Job, JobStatus};
use crate::model::language::Language;
use crate::model::program::Program;
use crate::pages::output::{Piece, printed};
use crate::service::ServiceError;

/// Most marks that are told.
const MARKS_MAX: usize = 50;

/// A line that is wrong.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) file: String,
    /// From 1.
    pub(super) line: u32,
    /// From 1.
    pub(super) column: Option<u32>,
    pub(super) message: String,
}

/// The marks of a job that is over and did not end well, as far as a page carries its output.
pub(super) async fn marks(lab: &Lab, caller: &Caller, job: &Job, program: &Program) -> Result<Vec<Mark>, ServiceError> {
    let Some(language) = lab.languages().get(program.language()) else { return Ok(Vec::new()) };
    // What a program says when somebody stops it is no fault of a line.
    if !job.status.is_final() || job.status == JobStatus::Cancelled || job.exit_code == Some(0) {
        return Ok(Vec::new());
    }
    let pieces = printed(lab, caller, job).await?.pieces;
    Ok(marks_in(language, program, &complaints(&pieces, program.terminal().is_some())))
}

/// What the newest attempt complained. In a terminal, errors are among the rest.
fn complaints(pieces: &[Piece], is_terminal: bool) -> String {
    let newest = pieces.iter().map(|piece| piece.attempt).max();
    let is_wanted = |piece: &&Piece| Some(piece.attempt) == newest && (is_terminal || piece.stream != "stdout");
    pieces.iter().filter(is_wanted).map(|piece| piece.text.as_str()).collect()
}

fn marks_in(language: &Language, program: &Program, output: &str) -> Vec<Mark> {
    let found = language.marks(output, program.files().iter().map(|file| file.path.as_str()));
    let mark = |found: crate::model::language::Mark| Mark {
        message: sentence(output, &found.text, &found.file),
        file: found.file,
        line: found.line,
        column: found.column,
    };
    found.into_iter().take(MARKS_MAX).map(mark).collect()
}

/// What is wrong at the place that `line` names, without that place at its beginning. An indented line only says where,
/// as in Python's tracebacks; what is wrong then follows in the next line that is not.
fn sentence(output: &str, line: &str, file: &str) -> String {
    let is_indented = |line: &str| line.starts_with([' ', '\t']);
    let mut after = output.lines().skip_while(|other| *other != line).skip(1);
    let cause = after.find(|other| !is_indented(other) && !other.trim().is_empty());
    let told = cause.filter(|_| is_indented(line)).unwrap_or(line).trim();
    let Some(rest) = told.strip_prefix(file).filter(|rest| rest.starts_with(':')) else { return told.to_owned() };
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || ": ".contains(c));
    if rest.is_empty() { told } else { rest }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::language::Languages;
    use crate::model::program::{ProgramRequest, SourceFile};

    fn marked(path: &str, output: &str) -> Vec<Mark> {
        let languages = Languages::built_in();
        let files = vec![SourceFile { path: path.to_owned(), data: b"x".as_slice().into() }];
        let program = Program::new(ProgramRequest { files, ..ProgramRequest::default() }, &languages).unwrap();
        marks_in(languages.get(program.language()).unwrap(), &program, output)
    }

    #[test]
    fn a_place_has_the_sentence_that_says_what_is_wrong() {
        let python = "  File \"/work/main.py\", line 2\n    print(\n         ^\nSyntaxError: '(' was never closed\n";
        let message = "SyntaxError: '(' was never closed".to_owned();
        assert_eq!(marked("main.py", python), [Mark { file: "main.py".into(), line: 2, column: None, message }]);
        let c = "main.c: In function 'main':\nmain.c:4:5: error: expected ';' before 'return'\n";
        let message = "error: expected ';' before 'return'".to_owned();
        assert_eq!(marked("main.c", c), [Mark { file: "main.c".into(), line: 4, column: Some(5), message }]);
        assert_eq!(marked("main.c", "Segmentation fault\n"), []);
    }

    #[test]
    fn only_what_the_newest_attempt_complained_counts() {
        let piece = |attempt, stream, text: &str| Piece { attempt, stream, text: text.to_owned() };
        let pieces = [piece(1, "stderr", "old"), piece(2, "stdout", "out"), piece(2, "compile", "new")];
        assert_eq!(complaints(&pieces, false), "new");
        assert_eq!(complaints(&pieces, true), "outnew");
    }
}
