//! A batch: the same work many times over, accepted as a whole. Its elements are told apart by their index, and by
//! parameters where some were given; an element becomes a job only when a slot takes it.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::experiment::Experiment;
use super::id::id;
use super::job::JobKind;
use super::node::NodeId;
use super::program::Program;
use super::refusal::Refusal;
use super::work::{StoredError, Work};

/// Elements of a batch, at most.
pub const ELEMENTS_MAX: u32 = 100_000;
/// Elements whose parameters are stored in one row.
pub const BLOCK: u32 = 500;

id! {
    /// A batch's id: a UUIDv7.
    BatchId
}

/// Where a batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BatchStatus {
    /// No element was taken yet.
    Waiting,
    /// Some elements were taken, and some are not over.
    Running,
    /// All elements are over.
    Completed,
    /// It was cancelled, and all elements that had been taken are over.
    Cancelled,
}

impl BatchStatus {
    /// The shown word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more will happen to it by itself.
    pub fn is_final(self) -> bool {
        match self {
            Self::Waiting | Self::Running => false,
            Self::Completed | Self::Cancelled => true,
        }
    }
}

/// How many elements ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Ended by themselves with exit status 0.
    pub done: u32,
    /// Ended otherwise.
    pub failed: u32,
    /// Cancelled after they were taken.
    pub cancelled: u32,
    /// When the last of them ended, epoch milliseconds.
    pub last_ms: Option<i64>,
}

/// A batch as it is stored.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Its id.
    pub id: BatchId,
    /// The tenant of its owner.
    pub tenant: String,
    /// The account that submitted it.
    pub account: String,
    /// The owner's login when it was submitted.
    pub owner: String,
    /// Its name; the command line where none was given.
    pub name: String,
    /// Of what kind its elements are.
    pub kind: JobKind,
    /// The tool's or the language's name.
    pub tool: String,
    /// The work in its stored form, but for `args`.
    pub spec: String,
    /// Arguments of a tool, with placeholders that each element fills.
    pub args: Option<Vec<String>>,
    /// Digest of a program's source.
    pub source: Option<String>,
    /// The command for people, with placeholders.
    pub command: String,
    /// The one node its elements may run on.
    pub wanted_node: Option<NodeId>,
    /// Labels that their node has to carry.
    pub wanted_labels: BTreeMap<String, String>,
    /// Index of the first element.
    pub first: i64,
    /// How many elements there are.
    pub count: u32,
    /// Whether each element has parameters.
    pub has_parameters: bool,
    /// How many elements were taken.
    pub taken: u32,
    /// How many of those are over.
    pub tally: Tally,
    /// Whether somebody cancelled it.
    pub is_cancelled: bool,
    /// Epoch milliseconds.
    pub created_ms: i64,
}

impl Batch {
    /// Elements that are on nodes, or wait for another attempt.
    pub fn running(&self) -> u32 {
        self.taken.saturating_sub(self.tally.done + self.tally.failed + self.tally.cancelled)
    }

    /// Elements that were not taken yet, and will be.
    pub fn waiting(&self) -> u32 {
        if self.is_cancelled { 0 } else { self.count - self.taken }
    }

    /// Elements that were cancelled.
    pub fn cancelled(&self) -> u32 {
        let untaken = if self.is_cancelled { self.count - self.taken } else { 0 };
        self.tally.cancelled + untaken
    }

    /// Elements that are over.
    pub fn over(&self) -> u32 {
        self.tally.done + self.tally.failed + self.cancelled()
    }

    /// Elements that were carried out, a second, from the submission to the last end. `None` before the first.
    pub fn rate(&self) -> Option<f64> {
        let ended = self.tally.done + self.tally.failed;
        let took_ms = self.tally.last_ms? - self.created_ms;
        (ended > 0).then(|| f64::from(ended) * 1_000.0 / took_ms.max(1) as f64)
    }

    /// How long the rest takes at this rate, seconds. `None` where nothing is left, or nothing known.
    pub fn left_s(&self) -> Option<f64> {
        let left = self.waiting() + self.running();
        self.rate().filter(|_| left > 0).map(|rate| f64::from(left) / rate)
    }

    /// Where it stands.
    pub fn status(&self) -> BatchStatus {
        match (self.waiting(), self.running()) {
            (0, 0) if self.is_cancelled => BatchStatus::Cancelled,
            (0, 0) => BatchStatus::Completed,
            (_, 0) if self.taken == 0 => BatchStatus::Waiting,
            _ => BatchStatus::Running,
        }
    }

    /// One of an experiment, none of whose elements was taken.
    #[cfg(test)]
    pub(crate) fn example(count: u32) -> Self {
        Self {
            id: BatchId::generate(),
            tenant: "faculty".into(),
            account: "ada".into(),
            owner: "ada".into(),
            name: "example".into(),
            kind: JobKind::Experiment,
            tool: "ping".into(),
            spec: "{}".into(),
            args: None,
            source: None,
            command: "ping 192.0.2.1".into(),
            wanted_node: None,
            wanted_labels: BTreeMap::new(),
            first: 1,
            count,
            has_parameters: false,
            taken: 0,
            tally: Tally::default(),
            is_cancelled: false,
            created_ms: 0,
        }
    }

    /// What its elements are made from. Errors: the stored form can't be read.
    pub fn template(&self, source: &[u8]) -> Result<Template, StoredError> {
        Ok(match (self.kind, &self.args) {
            (JobKind::Experiment, Some(args)) => Template::Tool { tool: self.tool.clone(), args: args.clone() },
            (JobKind::Experiment, None) => Template::Fixed(Work::Experiment(Experiment::from_json(&self.spec)?)),
            (JobKind::Program, _) => Template::Program(Box::new(Program::from_stored(&self.spec, source)?)),
        })
    }
}

/// What elements are made from.
#[derive(Clone, Debug)]
pub enum Template {
    /// Every element is the same.
    Fixed(Work),
    /// A tool's command line with placeholders.
    Tool {
        /// The tool.
        tool: String,
        /// Its arguments.
        args: Vec<String>,
    },
    /// A program, whose arguments may hold placeholders.
    Program(Box<Program>),
}

impl Template {
    /// The work of one element. Errors: with its parameters it is not acceptable.
    pub fn element(&self, index: i64, parameters: &[String]) -> Result<Work, Refusal> {
        match self {
            Self::Fixed(work) => Ok(work.clone()),
            Self::Tool { tool, args } => {
                Ok(Work::Experiment(Experiment::from_args(tool, &filled(args, index, parameters)?)?))
            }
            Self::Program(program) => {
                let args = filled(program.args(), index, parameters)?;
                Ok(Work::Program(Box::new(program.with_args(args)?)))
            }
        }
    }
}

impl Template {
    /// Name of the tool or language that a node has to have.
    pub fn needs(&self) -> &str {
        match self {
            Self::Fixed(work) => work.needs(),
            Self::Tool { tool, .. } => tool,
            Self::Program(program) => program.language(),
        }
    }

    /// Whether [`Template::element`] would make this one, without making it. Errors: as there.
    pub fn check(&self, index: i64, parameters: &[String]) -> Result<(), Refusal> {
        match self {
            Self::Fixed(_) | Self::Tool { .. } => self.element(index, parameters).map(drop),
            Self::Program(program) => Program::args_check(&filled(program.args(), index, parameters)?),
        }
    }

    /// Whether an element with these parameters differs from the template.
    pub fn is_filled(&self, parameters: &[String]) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::Tool { args, .. } => !parameters.is_empty() || has_placeholder(args),
            Self::Program(program) => !parameters.is_empty() || has_placeholder(program.args()),
        }
    }
}

/// Whether arguments hold a placeholder.
pub fn has_placeholder(args: &[String]) -> bool {
    args.iter().any(|arg| pieces(arg).any(|piece| matches!(piece, Piece::Index | Piece::Place(_))))
}

/// Fills `{index}` and `{1}` to `{9}`. Parameters go behind the arguments where nothing stands for them. Errors: more or
/// longer arguments than any program may have, told before they fill the memory.
fn filled(args: &[String], index: i64, parameters: &[String]) -> Result<Vec<String>, Refusal> {
    Program::args_check(args)?;
    let mut has_place = false;
    let mut filled: Vec<String> = Vec::with_capacity(args.len() + parameters.len());
    for arg in args {
        let mut text = String::with_capacity(arg.len());
        for piece in pieces(arg) {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Index => text.push_str(&index.to_string()),
                Piece::Place(place) => {
                    has_place = true;
                    text.push_str(parameters.get(place - 1).map(String::as_str).unwrap_or_default());
                }
            }
        }
        filled.push(text);
    }
    if !has_place {
        filled.extend(parameters.iter().cloned());
    }
    Ok(filled)
}

/// A part of an argument.
enum Piece<'a> {
    Text(&'a str),
    Index,
    /// Which parameter, from 1.
    Place(usize),
}

fn pieces(mut rest: &str) -> impl Iterator<Item = Piece<'_>> {
    std::iter::from_fn(move || {
        let brace = rest.find('{').unwrap_or(rest.len());
        if brace > 0 {
            let text;
            (text, rest) = rest.split_at(brace);
            return Some(Piece::Text(text));
        }
        let Some(end) = rest.find('}') else {
            let text = std::mem::take(&mut rest);
            return (!text.is_empty()).then_some(Piece::Text(text));
        };
        let (mark, behind) = rest.split_at(end + 1);
        let piece = match &mark[1..end] {
            "index" => Piece::Index,
            digit => match digit.parse() {
                Ok(place @ 1..=9) if digit.len() == 1 => Piece::Place(place),
                _ => {
                    // No placeholder: its brace is text.
                    rest = &rest[1..];
                    return Some(Piece::Text("{"));
                }
            },
        };
        rest = behind;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::language::Languages;
    use crate::model::program::ProgramRequest;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn placeholders_are_filled_and_parameters_go_behind() {
        let args = words(&["-c", "{index}", "{2}/{1}"]);
        assert!(has_placeholder(&args) && !has_placeholder(&words(&["{0}", "{x}"])));
        assert_eq!(filled(&args, 7, &words(&["a", "b"])).unwrap(), ["-c", "7", "b/a"]);
        assert_eq!(filled(&words(&["{{1}}", "{é}{", "{1"]), 7, &words(&["a"])).unwrap(), ["{a}", "{é}{", "{1"]);
        assert_eq!(filled(&words(&["x"]), 7, &words(&["a", "b"])).unwrap(), ["x", "a", "b"]);
        // A value is not looked at again.
        assert_eq!(filled(&words(&["{1}"]), 7, &words(&["{index}{2}", "x"])).unwrap(), ["{index}{2}"]);
    }

    #[test]
    fn the_rate_tells_how_long_the_rest_takes() {
        let tally = Tally { done: 15, failed: 5, cancelled: 0, last_ms: Some(10_000) };
        let batch = Batch { taken: 30, tally, ..Batch::example(100) };
        assert_eq!((batch.over(), batch.rate(), batch.left_s()), (20, Some(2.0), Some(40.0)));
        let cancelled = Batch { is_cancelled: true, taken: 20, ..batch };
        assert_eq!((cancelled.over(), cancelled.left_s()), (100, None));
        assert_eq!(Batch::example(9).rate(), None);
    }

    #[test]
    fn an_element_is_checked_as_a_job_is() {
        let template = Template::Tool { tool: "ping".to_owned(), args: words(&["-c", "{index}", "192.0.2.1"]) };
        assert_eq!(template.element(3, &[]).unwrap().command_line(&Languages::built_in()), "ping -c 3 192.0.2.1");
        assert!(template.element(-1, &[]).is_err());
        let request = ProgramRequest { line: Some("true".to_owned()), args: words(&["{1}{1}"]), ..Default::default() };
        let program = Program::new(request, &Languages::built_in()).unwrap();
        let template = Template::Program(Box::new(program));
        assert!(template.check(1, &["x".repeat(2_048)]).is_ok());
        assert!(template.check(2, &["x".repeat(2_049)]).is_err() && template.element(2, &["x".repeat(2_049)]).is_err());
    }
}
