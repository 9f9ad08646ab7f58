//! How many times an experiment is run, as its form has it: once, several times, for more destinations, on each node.

use serde_json::{Value, json};

use crate::model::batch::Template;
use crate::model::experiment::Experiment;
use crate::model::work::Work;
use crate::service::ServiceError;
use crate::service::batch::{BatchSubmission, Spread};
use crate::service::submit::Submission;

/// The ways of the form; the first is a single job.
pub(super) const WAYS: [&str; 4] = ["once", TIMES, DESTINATIONS, NODES];
const TIMES: &str = "times";
const DESTINATIONS: &str = "destinations";
const NODES: &str = "nodes";

/// What stands in the form. It is kept as text, so that nothing typed is ever lost.
#[derive(Clone, Debug, Default)]
pub(super) struct Many {
    /// One of [`WAYS`]; anything else is once.
    pub(super) how: String,
    /// How often.
    pub(super) times: String,
    /// More destinations, one a line.
    pub(super) more: String,
}

impl Many {
    /// Takes a field of the form, if it is one of these.
    pub(super) fn take(&mut self, field: &str, value: &str) {
        match field {
            "many" => value.clone_into(&mut self.how),
            "times" => value.clone_into(&mut self.times),
            "destinations" => value.clone_into(&mut self.more),
            _ => {}
        }
    }

    /// Takes the first of more destinations out, to stand where the one of the experiment was left empty.
    pub(super) fn first_take(&mut self) -> Option<String> {
        if self.how != DESTINATIONS {
            return None;
        }
        let mut lines = self.more.lines().map(str::trim).filter(|line| !line.is_empty());
        let first = lines.next()?.to_owned();
        self.more = lines.collect::<Vec<_>>().join("\n");
        Some(first)
    }

    fn destinations<'a>(&'a self, first: &'a str) -> impl Iterator<Item = &'a str> {
        std::iter::once(first).chain(self.more.lines().map(str::trim).filter(|line| !line.is_empty()))
    }

    fn times(&self) -> Result<u32, ServiceError> {
        let times = self.times.trim().parse().ok().filter(|times| *times > 0);
        times.ok_or(ServiceError::BatchSize { field: "array" })
    }

    /// The batch that is asked for; `None`: it is a single job. Errors: the number of times is none.
    pub(super) fn batch(&self, wanted: &Submission) -> Result<Option<BatchSubmission>, ServiceError> {
        let (Some(experiment), how) = (wanted.work.experiment(), self.how.as_str()) else { return Ok(None) };
        let spread = match how {
            TIMES => Spread::Index { from: 1, to: self.times()?.into() },
            DESTINATIONS => Spread::Parameters(
                self.destinations(experiment.destination()).map(|line| vec![line.to_owned()]).collect(),
            ),
            NODES => Spread::EachNode,
            _ => return Ok(None),
        };
        let template = match how {
            DESTINATIONS => Template::Tool { tool: experiment.tool().name.to_owned(), args: open_args(experiment) },
            _ => Template::Fixed(Work::Experiment(experiment.clone())),
        };
        Ok(Some(BatchSubmission {
            template,
            spread,
            node: wanted.node.clone().filter(|_| how != NODES),
            on: wanted.on.clone(),
            name: wanted.name.clone(),
            idempotency: None,
            request: BatchSubmission::digest(b"form"),
        }))
    }

    /// What says the same on a command line, in front of the tool.
    pub(super) fn flags(&self) -> Option<String> {
        match self.how.as_str() {
            TIMES => Some(format!("--array 1-{}", self.times().ok()?)),
            DESTINATIONS => Some("--each-line destinations.txt".to_owned()),
            NODES => Some("--each-node".to_owned()),
            _ => None,
        }
    }

    /// The words of a command line behind the options.
    pub(super) fn args(&self, experiment: &Experiment) -> Vec<String> {
        let mut args = experiment.args();
        if self.how == DESTINATIONS {
            args.pop();
        }
        args
    }

    /// Makes a call for a single job one for the batch. `false`: it is none.
    pub(super) fn fill_call(&self, body: &mut Value, experiment: &Experiment) -> bool {
        match self.how.as_str() {
            TIMES => body["array"] = json!({ "from": 1, "to": self.times().unwrap_or_default() }),
            NODES => {
                body["each_node"] = json!(true);
                body.as_object_mut().map(|body| body.remove("node"));
            }
            DESTINATIONS => {
                let lines = self.destinations(experiment.destination()).map(|line| vec![line]).collect::<Vec<_>>();
                body.as_object_mut().map(|body| (body.remove("options"), body.remove("destination")));
                body["args"] = json!(open_args(experiment));
                body["parameters"] = json!(lines);
            }
            _ => return false,
        }
        true
    }
}

/// The arguments of an experiment, with a place for its destination.
fn open_args(experiment: &Experiment) -> Vec<String> {
    let mut args = experiment.args();
    args.pop();
    args.extend(["--".to_owned(), "{1}".to_owned()]);
    args
}
