//! What a node is told to start for a run.

use wire::proto::{Destination, Start};

use super::ServiceError;
use super::queue::Given;
use crate::Lab;
use crate::model::experiment::{Command, Family, Target};
use crate::model::job::Job;
use crate::model::node::Node;
use crate::model::work::Work;

/// Tells an element of a batch its index.
const INDEX_VARIABLE: &str = "AMPHI_INDEX";

fn family(family: Family) -> wire::proto::Family {
    match family {
        Family::Any => wire::proto::Family::Any,
        Family::V4 => wire::proto::Family::V4,
        Family::V6 => wire::proto::Family::V6,
    }
}

/// What a node is told to start.
#[derive(Clone)]
pub(super) enum Order {
    /// A tool.
    Tool(Command),
    /// A program.
    Program(Box<wire::proto::Program>),
}

impl Order {
    /// Bytes of the source that goes with it.
    pub(super) fn source_bytes(&self) -> usize {
        match self {
            Self::Tool(_) => 0,
            Self::Program(program) => {
                program.stdin.len() + program.files.iter().map(|file| file.data.len()).sum::<usize>()
            }
        }
    }
}

impl Lab {
    /// What is started for a near end that was given a node; `far` is the node that its job aims at.
    pub(super) fn near_order(
        &self,
        given: &Given,
        job: &Job,
        work: &Work,
        far: Option<&Node>,
    ) -> Result<Order, ServiceError> {
        let target = match work {
            Work::Experiment(experiment) => {
                self.target(far, given.waiting.port, given.holder.node, experiment.family())?
            }
            Work::Program(_) => Target { address: None, port: None },
        };
        self.order(work, &job.tenant, &target, job.batch_index)
    }

    /// What is started for the near end of a job of this tenant; `index` is that of an element.
    pub(super) fn order(
        &self,
        work: &Work,
        tenant: &str,
        target: &Target,
        index: Option<i64>,
    ) -> Result<Order, ServiceError> {
        match work {
            Work::Experiment(experiment) => Ok(Order::Tool(experiment.start(target))),
            Work::Program(program) => {
                let language = self.languages().get(program.language());
                let language = language.ok_or_else(|| ServiceError::LanguageGone(program.language().to_owned()))?;
                let caps = self.policy().program_caps(tenant);
                let mut start = program.start(language, &caps.limits());
                start.has_network = caps.network;
                if let (Some(index), Some(step)) = (index, &mut start.run) {
                    step.env.insert(INDEX_VARIABLE.to_owned(), index.to_string());
                }
                Ok(Order::Program(Box::new(start)))
            }
        }
    }

    /// The command for a node, but for the run's id and the epoch.
    pub(super) fn start(&self, order: Order) -> Start {
        match order {
            Order::Tool(command) => self.tool_start(command),
            Order::Program(program) => Start { program: Some(*program), ..Start::default() },
        }
    }

    fn tool_start(&self, command: Command) -> Start {
        let refused = || self.destination_rules().refused_networks().iter().map(ToString::to_string).collect();
        Start {
            argv: command.argv,
            wall_ms: command.wall_ms,
            output_bytes: command.output_bytes,
            destination: command.destination.map(|lookup| Destination {
                host: lookup.host,
                refused: refused(),
                family: family(lookup.family).into(),
            }),
            ..Start::default()
        }
    }
}
