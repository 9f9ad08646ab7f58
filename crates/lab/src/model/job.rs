//! A job: what a learner asked for. Its state is the state of its newest attempt, kept in the job's own row so that
//! lists need no join.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::batch::BatchId;
use super::id::id;
use super::node::NodeId;

id! {
    /// A job's id: a UUIDv7, so that ids sort by the time of creation.
    JobId
}

/// What a job is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobKind {
    /// A network tool with options.
    Experiment,
    /// A learner's program.
    Program,
}

impl JobKind {
    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Experiment => "experiment",
            Self::Program => "program",
        }
    }
}

impl FromStr for JobKind {
    type Err = UnknownWord;
    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let known = [Self::Experiment, Self::Program].into_iter().find(|kind| kind.as_str() == word);
        known.ok_or_else(|| UnknownWord(word.to_owned()))
    }
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobStatus {
    /// In the queue, before its run was given to a node.
    Waiting,
    /// Its run is on a node.
    Running,
    /// The tool ran to its end, whatever its exit status.
    Completed,
    /// No attempt ran to its end; the job's reason says why.
    Error,
    /// Cancelled by its owner or an operator.
    Cancelled,
}

impl JobStatus {
    /// Every status, in the order in which a job goes through them.
    pub const ALL: [Self; 5] = [Self::Waiting, Self::Running, Self::Completed, Self::Error, Self::Cancelled];

    /// The stored and shown word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more will happen to the job by itself.
    pub fn is_final(self) -> bool {
        match self {
            Self::Waiting | Self::Running => false,
            Self::Completed | Self::Error | Self::Cancelled => true,
        }
    }
}

impl FromStr for JobStatus {
    type Err = UnknownWord;
    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|s| s.as_str() == word).ok_or_else(|| UnknownWord(word.to_owned()))
    }
}

/// A stored word that this version doesn't know.
#[derive(Debug, thiserror::Error)]
#[error("unknown word {0:?}")]
pub struct UnknownWord(pub String);

/// A job as it is stored.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// The tenant of its owner.
    pub tenant: String,
    /// The account that submitted it.
    pub account: String,
    /// The owner's login when it was submitted.
    pub owner: String,
    /// Its name; the command line where none was given.
    pub name: String,
    /// An experiment or a program.
    pub kind: JobKind,
    /// Name of the tool, or of a program's language.
    pub tool: String,
    /// The work in its stored form, without a program's source.
    pub spec: String,
    /// Under which digest a program's source is stored.
    pub source: Option<String>,
    /// The command for people.
    pub command: String,
    /// The one node it may run on, if it was chosen.
    pub wanted_node: Option<NodeId>,
    /// Labels that its node has to carry.
    pub wanted_labels: BTreeMap<String, String>,
    /// The node that the destination names.
    pub far_node: Option<NodeId>,
    /// Name of the node of its newest attempt.
    pub node: Option<String>,
    /// Where it stands.
    pub status: JobStatus,
    /// Why it ended as an error.
    pub reason: Option<ErrorReason>,
    /// More on the reason, from the node.
    pub detail: Option<String>,
    /// Whether everybody in the tenant sees it, first in the list.
    pub pinned: bool,
    /// Whether everybody in the tenant who has its address sees it.
    pub shared: bool,
    /// Number of the newest attempt, from 1.
    pub attempt: i64,
    /// Whether somebody asked for it to be cancelled.
    pub is_cancelled: bool,
    /// The batch it is an element of.
    pub batch: Option<BatchId>,
    /// Its index there.
    pub batch_index: Option<i64>,
    /// Exit status of the tool or program; of its compiler where it did not compile.
    pub exit_code: Option<i64>,
    /// CPU time of the newest attempt, milliseconds, as far as its node measures it.
    pub cpu_ms: Option<i64>,
    /// Most memory that the newest attempt held, bytes, as far as its node measures it.
    pub memory_peak_bytes: Option<i64>,
    /// Epoch milliseconds.
    pub created_ms: i64,
    /// Epoch milliseconds.
    pub started_ms: Option<i64>,
    /// Epoch milliseconds.
    pub completed_ms: Option<i64>,
}

impl Job {
    /// Why it ended as an error, in a sentence, with what the node said.
    pub fn reason_text(&self) -> Option<String> {
        self.reason.map(|reason| match &self.detail {
            Some(detail) => format!("{}: {detail}", reason.sentence()),
            None => reason.sentence().to_owned(),
        })
    }
}

/// Why a job ended as an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorReason {
    /// The wanted node was down or disabled for too long.
    NodeDown,
    /// The wanted node was removed.
    NodeGone,
    /// The run was lost with its node as often as it may be tried.
    NodeLost,
    /// The queue did not move for too long.
    TooBusy,
    /// The tool ran longer than it may.
    WallTime,
    /// The tool printed more than it may.
    OutputCap,
    /// The tool could not be started on the node.
    NotStarted,
    /// The destination's name has no address there.
    NameUnknown,
    /// The destination's name leads into a refused network.
    Forbidden,
    /// The far end of the measurement did not start or ended early.
    FarEnd,
    /// The program did not compile.
    Compile,
    /// The program used more CPU time than it may.
    CpuTime,
    /// The program used more memory than it may.
    Memory,
    /// The program failed after it wanted more processes than it may have.
    Processes,
    /// The program wrote a larger file than it may.
    FileSize,
    /// The program made a system call that no program may make.
    BlockedCall,
    /// Nothing would hold the program in on the node.
    Uncontained,
}

impl ErrorReason {
    /// Every reason.
    pub const ALL: [Self; 17] = [
        Self::NodeDown,
        Self::NodeGone,
        Self::NodeLost,
        Self::TooBusy,
        Self::WallTime,
        Self::OutputCap,
        Self::NotStarted,
        Self::NameUnknown,
        Self::Forbidden,
        Self::FarEnd,
        Self::Compile,
        Self::CpuTime,
        Self::Memory,
        Self::Processes,
        Self::FileSize,
        Self::BlockedCall,
        Self::Uncontained,
    ];

    /// The stored code; pages show the catalog's `reason-CODE`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NodeDown => "node-down",
            Self::NodeGone => "node-gone",
            Self::NodeLost => "node-lost",
            Self::TooBusy => "too-busy",
            Self::WallTime => "wall-time",
            Self::OutputCap => "output-cap",
            Self::NotStarted => "not-started",
            Self::NameUnknown => "name-unknown",
            Self::Forbidden => "forbidden",
            Self::FarEnd => "far-end",
            Self::Compile => "compile",
            Self::CpuTime => "cpu-time",
            Self::Memory => "memory",
            Self::Processes => "processes",
            Self::FileSize => "file-size",
            Self::BlockedCall => "blocked-call",
            Self::Uncontained => "uncontained",
        }
    }

    /// The English sentence the API gives beside the code.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NodeDown => "node down",
            Self::NodeGone => "the node was removed",
            Self::NodeLost => "the node was lost during the run",
            Self::TooBusy => "too busy, come back later",
            Self::WallTime => "it ran longer than it may and was stopped",
            Self::OutputCap => "it printed more than it may and was stopped",
            Self::NotStarted => "it could not be started on the node",
            Self::NameUnknown => "the destination's name has no address on the node",
            Self::Forbidden => "the destination lies in a network that this lab refuses",
            Self::FarEnd => "the far end of the measurement could not be started",
            Self::Compile => "the program did not compile",
            Self::CpuTime => "the program used more CPU time than it may and was stopped",
            Self::Memory => "the program used more memory than it may and was stopped",
            Self::Processes => "the program failed after it wanted more processes than it may have",
            Self::FileSize => "the program wrote a larger file than it may and was stopped",
            Self::BlockedCall => "the program made a system call that no program may make and was stopped",
            Self::Uncontained => "nothing on the node would hold the program in, and its operator does not allow that",
        }
    }
}

impl FromStr for ErrorReason {
    type Err = UnknownWord;
    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|r| r.as_str() == word).ok_or_else(|| UnknownWord(word.to_owned()))
    }
}

/// Checks a job's name given by a person: trimmed, at most 120 characters, no control characters.
pub fn checked_name(name: &str) -> Result<String, NameRefusal> {
    let name = name.trim();
    if name.chars().count() > 120 {
        return Err(NameRefusal::TooLong { length: name.chars().count() });
    }
    if name.chars().any(char::is_control) {
        return Err(NameRefusal::Control);
    }
    Ok(name.to_owned())
}

/// Why a name was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NameRefusal {
    /// Longer than 120 characters.
    #[error("The name has {length} characters; at most 120 are allowed.")]
    TooLong {
        /// Characters given.
        length: usize,
    },
    /// Holds a control character.
    #[error("The name holds a control character such as a line break; write it on one line of plain text.")]
    Control,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip() {
        for status in JobStatus::ALL {
            assert_eq!(status.as_str().parse::<JobStatus>().unwrap(), status);
        }
        for reason in ErrorReason::ALL {
            assert_eq!(reason.as_str().parse::<ErrorReason>().unwrap(), reason);
        }
        assert!("done".parse::<JobStatus>().is_err());
    }

    #[test]
    fn names_are_bounded_and_plain() {
        assert_eq!(checked_name("  my test 5 ").unwrap(), "my test 5");
        assert_eq!(checked_name(&"é".repeat(120)).unwrap().chars().count(), 120);
        assert_eq!(checked_name(&"x".repeat(121)), Err(NameRefusal::TooLong { length: 121 }));
        assert_eq!(checked_name("a\nb"), Err(NameRefusal::Control));
    }
}
