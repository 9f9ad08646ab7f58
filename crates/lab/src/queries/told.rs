//! What a group of messages says of runs, written by a few statements however many runs it is about. A run whose start
//! and end are told in one group is written once.

use db::{Given, Kind, Value, Write};

use super::element::batch_count_ended;
use super::run::RunEnd;
use crate::model::job::{ErrorReason, JobId};
use crate::model::run::{Outcome, RunId, RunState};

/// A job's attempt, and whether the job may be an element of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    pub(crate) job: JobId,
    pub(crate) number: i64,
    pub(crate) is_element: bool,
}

impl Attempt {
    /// One of which it is not known whether it is an element.
    pub(crate) fn new(job: JobId, number: i64) -> Self {
        Self { job, number, is_element: true }
    }
}

/// How a run was started.
pub(crate) struct Start {
    pub(crate) at_ms: i64,
    pub(crate) argv: Vec<String>,
}

impl Start {
    fn argv(&self) -> String {
        argv_text(&self.argv)
    }
}

fn argv_text(argv: &[String]) -> String {
    serde_json::to_string(argv).expect("strings always serialise")
}

/// See the module's head.
pub(crate) struct Told {
    runs_started: Given,
    jobs_started: Given,
    runs_ended: Given,
    jobs_ended: Given,
    elements: Vec<JobId>,
    last_ms: i64,
    /// See `lab_job.ended_in`.
    ended_in: i64,
}

impl Told {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        use Kind::{Int, Text};
        const END: [(&str, Kind); 6] = [
            ("new_state", Text),
            ("new_reason", Text),
            ("new_detail", Text),
            ("new_code", Int),
            ("new_cpu", Int),
            ("new_memory", Int),
        ];
        const RUN: &[(&str, Kind)] = &[
            ("of_run", Text),
            END[0],
            END[1],
            END[2],
            END[3],
            END[4],
            END[5],
            ("new_fences", Text),
            ("end_ms", Int),
            ("start_ms", Int),
            ("new_argv", Text),
        ];
        const JOB: &[(&str, Kind)] = &[
            ("of_job", Text),
            ("of_attempt", Int),
            END[0],
            END[1],
            END[2],
            END[3],
            END[4],
            END[5],
            ("end_ms", Int),
            ("start_ms", Int),
            ("write_id", Int),
        ];
        Self {
            runs_started: Given::new(&[("of_run", Text), ("of_epoch", Int), ("start_ms", Int), ("new_argv", Text)]),
            jobs_started: Given::new(&[("of_job", Text), ("of_attempt", Int), ("start_ms", Int)]),
            runs_ended: Given::new(RUN),
            jobs_ended: Given::new(JOB),
            elements: Vec::new(),
            last_ms: 0,
            ended_in: rand::random::<i64>(),
        }
    }

    /// A leased run runs. `job` is left out for a far end.
    pub(crate) fn started(&mut self, run: RunId, epoch: i64, start: &Start, job: Option<Attempt>) {
        self.runs_started.push([run.to_string().into(), epoch.into(), start.at_ms.into(), start.argv().into()]);
        if let Some(job) = job {
            self.jobs_started.push([job.job.to_string().into(), job.number.into(), start.at_ms.into()]);
        }
    }

    /// A run that is on a node is over.
    pub(crate) fn run_ended(&mut self, run: RunId, end: &RunEnd, start: Option<&Start>) {
        let fences = (!end.usage.fences.is_empty())
            .then(|| serde_json::to_string(&end.usage.fences).expect("strings always serialise"));
        let reason = match &end.outcome {
            Outcome::Failed(reason) => Some(reason.as_str()),
            Outcome::Exited(_) | Outcome::Lost | Outcome::Cancelled => None,
        };
        let [detail, code, cpu, memory] = measured(end);
        self.runs_ended.push([
            run.to_string().into(),
            RunState::Ended(end.outcome.clone()).as_str().into(),
            reason.into(),
            detail,
            code,
            cpu,
            memory,
            fences.into(),
            end.at_ms.into(),
            start.map(|start| start.at_ms).into(),
            end.argv.as_deref().map(argv_text).or_else(|| start.map(Start::argv)).into(),
        ]);
    }

    /// A job is over as its run is, if this attempt is its newest and it is not over.
    pub(crate) fn job_ended(&mut self, job: Attempt, end: &RunEnd, start: Option<&Start>) {
        let (status, reason) = end.of_job();
        let [detail, code, cpu, memory] = measured(end);
        self.jobs_ended.push([
            job.job.to_string().into(),
            job.number.into(),
            status.as_str().into(),
            reason.map(ErrorReason::as_str).into(),
            detail,
            code,
            cpu,
            memory,
            end.at_ms.into(),
            start.map(|start| start.at_ms).into(),
            self.ended_in.into(),
        ]);
        self.last_ms = self.last_ms.max(end.at_ms);
        if job.is_element {
            self.elements.push(job.job);
        }
    }

    /// Adds the statements.
    pub(crate) fn push(self, write: &mut Write) {
        write.push_given_update(
            "UPDATE lab_run SET state = 'running', started_ms = given.start_ms, argv = given.new_argv FROM given \
             WHERE lab_run.id = given.of_run AND lab_run.epoch = given.of_epoch AND lab_run.state = 'leased'",
            self.runs_started,
        );
        write.push_given_update(
            "UPDATE lab_job SET started_ms = given.start_ms FROM given WHERE lab_job.id = given.of_job \
             AND lab_job.attempt = given.of_attempt AND lab_job.state = 'running'",
            self.jobs_started,
        );
        write.push_given_update(
            "UPDATE lab_run SET state = given.new_state, reason = given.new_reason, detail = given.new_detail, \
             exit_code = given.new_code, cpu_ms = given.new_cpu, memory_peak_bytes = given.new_memory, \
             fences = given.new_fences, ended_ms = given.end_ms, started_ms = COALESCE(given.start_ms, lab_run.started_ms), \
             argv = COALESCE(given.new_argv, lab_run.argv) FROM given \
             WHERE lab_run.id = given.of_run AND lab_run.state IN ('leased', 'running')",
            self.runs_ended,
        );
        write.push_given_update(
            "UPDATE lab_job SET state = given.new_state, reason = given.new_reason, detail = given.new_detail, \
             exit_code = given.new_code, cpu_ms = given.new_cpu, memory_peak_bytes = given.new_memory, \
             completed_ms = given.end_ms, started_ms = COALESCE(given.start_ms, lab_job.started_ms), \
             ended_in = given.write_id FROM given WHERE lab_job.id = given.of_job \
             AND lab_job.attempt = given.of_attempt AND lab_job.state IN ('waiting', 'running')",
            self.jobs_ended,
        );
        batch_count_ended(write, &self.elements, self.ended_in, self.last_ms);
    }
}

/// Detail, exit status, CPU time and memory.
fn measured(end: &RunEnd) -> [Value; 4] {
    let usage = &end.usage;
    [end.detail.as_deref().into(), end.exit_code.into(), usage.cpu_ms.into(), usage.memory_peak_bytes.into()]
}
