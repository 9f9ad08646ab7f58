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
use super::work::{StoredError, Work};

mod template;

pub use template::{Template, has_placeholder};

/// Elements of a batch, at most.
pub const ELEMENTS_MAX: u32 = 100_000;
/// Bytes of one element's input, at most. It stands in the element's row, which lists read.
pub const INPUT_BYTES: usize = 64 << 10;
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
    /// Whether each element has parameters, or an input in their place.
    pub has_parameters: bool,
    /// Whether it is an input.
    pub has_inputs: bool,
    /// Whether each node that could run it has an element.
    pub is_each_node: bool,
    /// How many elements were taken.
    pub taken: u32,
    /// How many of those are over.
    pub tally: Tally,
    /// Whether somebody cancelled it.
    pub is_cancelled: bool,
    /// Whether its own node was removed before all elements were taken: the others have failed.
    pub is_stranded: bool,
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
        if self.is_cancelled || self.is_stranded { 0 } else { self.count - self.taken }
    }

    /// Elements that failed.
    pub fn failed(&self) -> u32 {
        let untaken = if self.is_stranded { self.count - self.taken } else { 0 };
        self.tally.failed + untaken
    }

    /// Elements that were cancelled.
    pub fn cancelled(&self) -> u32 {
        let untaken = if self.is_cancelled && !self.is_stranded { self.count - self.taken } else { 0 };
        self.tally.cancelled + untaken
    }

    /// Elements that are over.
    pub fn over(&self) -> u32 {
        self.tally.done + self.failed() + self.cancelled()
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
            (0, 0) if self.is_cancelled && !self.is_stranded => BatchStatus::Cancelled,
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
            has_inputs: false,
            is_each_node: false,
            taken: 0,
            tally: Tally::default(),
            is_cancelled: false,
            is_stranded: false,
            created_ms: 0,
        }
    }

    /// What a batch of this command is called that nobody named.
    pub fn unnamed(command: &str) -> String {
        command.chars().take(100).collect()
    }

    /// The option of `amphi run` that spreads it so.
    pub fn spread_option(&self) -> String {
        match (self.is_each_node, self.has_inputs, self.has_parameters) {
            (true, _, _) => "--each-node".to_owned(),
            (_, true, _) => "--each-input inputs".to_owned(),
            (_, _, true) => "--each-line lines.txt".to_owned(),
            (false, false, false) => format!("--array {}-{}", self.first, self.first + i64::from(self.count) - 1),
        }
    }

    /// What asks for the same batch again, as one would type it; `node` is the name of its own node.
    pub fn asked_by(&self, node: Option<&str>) -> String {
        let node = node.map(|node| format!(" --node {node}")).unwrap_or_default();
        let labels: String = self.wanted_labels.iter().map(|(key, value)| format!(" --on {key}={value}")).collect();
        format!("amphi run {}{node}{labels} {}", self.spread_option(), self.command)
    }

    /// What sets an element apart from the others besides its index: its parameters, or the name or first line of its input.
    pub fn element_value(&self, parameters: &[String]) -> Option<String> {
        match (self.has_parameters, self.has_inputs) {
            (false, _) => None,
            (true, true) => template::input_value(parameters),
            (true, false) => Some(parameters.join(" ")),
        }
    }

    /// What an element is called; `node` where it has one of its own.
    pub fn element_name(&self, index: i64, parameters: &[String], node: Option<&str>) -> String {
        // An input is no text that a placeholder could stand for.
        let places = if self.has_inputs { &[] } else { parameters };
        template::element_name(&self.name, index, places, self.element_value(parameters).as_deref(), node)
    }

    /// What its elements are made from. Errors: the stored form can't be read.
    pub fn template(&self, source: &[u8]) -> Result<Template, StoredError> {
        Ok(match (self.kind, &self.args) {
            (JobKind::Experiment, Some(args)) => Template::Tool { tool: self.tool.clone(), args: args.clone() },
            (JobKind::Experiment, None) => Template::Fixed(Work::Experiment(Experiment::from_json(&self.spec)?)),
            (JobKind::Program, _) => {
                let program = Box::new(Program::from_stored(&self.spec, source)?);
                if self.has_inputs { Template::Inputs(program) } else { Template::Program(program) }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_tells_how_long_the_rest_takes() {
        let tally = Tally { done: 15, failed: 5, cancelled: 0, last_ms: Some(10_000) };
        let batch = Batch { taken: 30, tally, ..Batch::example(100) };
        assert_eq!((batch.over(), batch.rate(), batch.left_s()), (20, Some(2.0), Some(40.0)));
        let cancelled = Batch { is_cancelled: true, taken: 20, ..batch };
        assert_eq!((cancelled.over(), cancelled.left_s()), (100, None));
        let stranded = Batch { is_stranded: true, ..cancelled };
        assert_eq!((stranded.failed(), stranded.cancelled(), stranded.status()), (85, 0, BatchStatus::Completed));
        assert_eq!(Batch::example(9).rate(), None);
    }

    #[test]
    fn the_command_asks_for_the_same_again() {
        let batch = Batch { wanted_labels: [("site".to_owned(), "paris".to_owned())].into(), ..Batch::example(40) };
        assert_eq!(batch.asked_by(None), "amphi run --array 1-40 --on site=paris ping 192.0.2.1");
        let nodes = Batch { is_each_node: true, ..Batch::example(2) };
        assert_eq!(nodes.asked_by(None), "amphi run --each-node ping 192.0.2.1");
        let lines = Batch { has_parameters: true, ..Batch::example(2) };
        assert_eq!(lines.asked_by(Some("lab-a")), "amphi run --each-line lines.txt --node lab-a ping 192.0.2.1");
    }
}
