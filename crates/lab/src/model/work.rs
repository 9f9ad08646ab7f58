//! What a job is to do: an experiment with a tool, or a program in a language. Where the two differ, it is decided here
//! or by a match over this.

use sha2::{Digest, Sha256};

use super::experiment::{self, Experiment};
use super::job::{Job, JobKind};
use super::language::Languages;
use super::program::{self, Program};
use super::run::Role;
use super::tool::tool;

/// Why stored work can't be read.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// An experiment.
    #[error("reading a stored experiment")]
    Experiment(#[from] experiment::StoredError),
    /// A program.
    #[error("reading a stored program")]
    Program(#[from] program::StoredError),
}

/// An experiment or a program.
#[derive(Clone, Debug)]
pub enum Work {
    /// A tool with its options.
    Experiment(Experiment),
    /// A learner's program.
    Program(Box<Program>),
}

impl Work {
    /// Which of the two.
    pub fn kind(&self) -> JobKind {
        match self {
            Self::Experiment(_) => JobKind::Experiment,
            Self::Program(_) => JobKind::Program,
        }
    }

    /// Name of the tool or language that its node has to have.
    pub fn needs(&self) -> &str {
        match self {
            Self::Experiment(experiment) => experiment.tool().name,
            Self::Program(program) => program.language(),
        }
    }

    /// As one would type it behind `amphi run`.
    pub fn command_line(&self, languages: &Languages) -> String {
        match self {
            Self::Experiment(experiment) => experiment.command_line(),
            Self::Program(program) => program.command_line(languages),
        }
    }

    /// The stored form, without a program's source.
    pub fn to_json(&self) -> String {
        match self {
            Self::Experiment(experiment) => experiment.to_json(),
            Self::Program(program) => program.to_json(),
        }
    }

    /// A program's source.
    pub fn source(&self) -> Option<Source> {
        match self {
            Self::Experiment(_) => None,
            Self::Program(program) => {
                let data = program.source_bytes();
                Some(Source { digest: format!("{:x}", Sha256::digest(&data)), data })
            }
        }
    }

    /// The experiment, if it is one.
    pub fn experiment(&self) -> Option<&Experiment> {
        match self {
            Self::Experiment(experiment) => Some(experiment),
            Self::Program(_) => None,
        }
    }

    /// Reads the stored form; `source` is the stored source of a program.
    pub fn of_job(job: &Job, source: &[u8]) -> Result<Self, StoredError> {
        match job.kind {
            JobKind::Experiment => Ok(Self::Experiment(Experiment::from_json(&job.spec)?)),
            JobKind::Program => Ok(Self::Program(Box::new(Program::from_stored(&job.spec, source)?))),
        }
    }
}

/// A program's source as it is stored.
#[derive(Clone, Debug)]
pub struct Source {
    /// SHA-256, hexadecimal: the same source is stored once.
    pub digest: String,
    /// Its bytes.
    pub data: Vec<u8>,
}

/// Whether a job whose run was lost with its node may be run once more.
pub fn is_safe_to_repeat(job: &Job) -> bool {
    match job.kind {
        JobKind::Experiment => tool(&job.tool).is_some_and(|tool| tool.safe_to_repeat),
        // It is held in, so it can have changed nothing outside; but nobody types the same into it again.
        JobKind::Program => !program::is_interactive(&job.spec),
    }
}

/// Which end of the job's work its first run is.
pub fn first_role(job: &Job) -> Role {
    let has_far_end =
        |job: &Job| Experiment::from_json(&job.spec).is_ok_and(|experiment| experiment.far_end().is_some());
    match (job.kind, job.far_node) {
        (JobKind::Experiment, Some(_)) if has_far_end(job) => Role::Far,
        (JobKind::Experiment | JobKind::Program, _) => Role::Near,
    }
}
