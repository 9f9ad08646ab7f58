//! A run: one attempt of a job on a node, or the far end of a measurement. One method per event moves its state; an
//! event that does not fit is an error, never a silent change.

use std::str::FromStr;

use super::id::id;
use super::job::{ErrorReason, JobId, UnknownWord};
use super::node::NodeId;

id! {
    /// A run's id: a UUIDv7.
    RunId
}

/// Which end of a measurement a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The run whose output is the job's.
    Near,
    /// The server that the near run talks to, on another node.
    Far,
}

impl Role {
    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Near => "near",
            Self::Far => "far",
        }
    }
}

impl FromStr for Role {
    type Err = UnknownWord;
    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        match word {
            "near" => Ok(Self::Near),
            "far" => Ok(Self::Far),
            other => Err(UnknownWord(other.to_owned())),
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The tool ended by itself with this exit status.
    Exited(i64),
    /// It was stopped or never started.
    Failed(ErrorReason),
    /// Its node went away with it.
    Lost,
    /// Somebody cancelled it.
    Cancelled,
}

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunState {
    /// In the queue.
    Waiting,
    /// Promised to a node under this lease epoch.
    Leased {
        /// The node.
        node: NodeId,
        /// The node's lease epoch when the run was given to it.
        epoch: i64,
    },
    /// Started on the node.
    Running {
        /// The node.
        node: NodeId,
        /// The epoch it was leased under.
        epoch: i64,
    },
    /// Over.
    Ended(Outcome),
}

/// What a run used, as far as its node measures it, and what held it in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time, milliseconds.
    pub cpu_ms: Option<i64>,
    /// Most memory held, bytes.
    pub memory_peak_bytes: Option<i64>,
    /// What held a program in.
    pub fences: Vec<String>,
}

/// A run as it is stored.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Its job.
    pub job: JobId,
    /// Which attempt of the job, from 1.
    pub attempt: i64,
    /// Which end of the measurement.
    pub role: Role,
    /// The one node it may run on.
    pub wanted_node: Option<NodeId>,
    /// Name of the node it was given to.
    pub node_name: Option<String>,
    /// The node it was given to; kept after the end, unlike the one in `state`.
    pub node: Option<NodeId>,
    /// Where it stands.
    pub state: RunState,
    /// More on how it ended, from the node.
    pub detail: Option<String>,
    /// Port that the far end listens on.
    pub port: Option<u16>,
    /// Command line as started on the node.
    pub argv: Vec<String>,
    /// Exit status, also of one that was stopped.
    pub exit_code: Option<i64>,
    /// What it used, once it is over.
    pub usage: Usage,
    /// Epoch milliseconds.
    pub created_ms: i64,
    /// Epoch milliseconds.
    pub started_ms: Option<i64>,
    /// Epoch milliseconds.
    pub ended_ms: Option<i64>,
}

impl RunState {
    /// Every stored word of a state.
    pub const WORDS: [&'static str; 7] = ["waiting", "leased", "running", "exited", "failed", "lost", "cancelled"];

    /// The stored word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Leased { .. } => "leased",
            Self::Running { .. } => "running",
            Self::Ended(Outcome::Exited(_)) => "exited",
            Self::Ended(Outcome::Failed(_)) => "failed",
            Self::Ended(Outcome::Lost) => "lost",
            Self::Ended(Outcome::Cancelled) => "cancelled",
        }
    }
}

/// What follows for the job when a run was lost with its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterLoss {
    /// Another attempt takes its place in the queue.
    TryAgain,
    /// The job ends: it may not be repeated, or was often enough.
    GiveUp,
}

/// How often a job is tried before it ends as lost.
pub const ATTEMPTS_MAX: i64 = 3;

/// Decides whether a lost run is tried again.
pub fn after_loss(attempt: i64, is_safe_to_repeat: bool, is_cancelled: bool) -> AfterLoss {
    if is_safe_to_repeat && !is_cancelled && attempt < ATTEMPTS_MAX { AfterLoss::TryAgain } else { AfterLoss::GiveUp }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_safe_is_tried_again_and_not_for_ever() {
        assert_eq!(after_loss(1, true, false), AfterLoss::TryAgain);
        assert_eq!(after_loss(ATTEMPTS_MAX, true, false), AfterLoss::GiveUp);
        assert_eq!(after_loss(1, false, false), AfterLoss::GiveUp);
        assert_eq!(after_loss(1, true, true), AfterLoss::GiveUp);
    }
}
