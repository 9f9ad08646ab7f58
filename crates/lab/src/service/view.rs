//! What the API and the pages show of jobs, runs and nodes.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::ServiceError;
use super::job::Places;
use crate::Lab;
use crate::model::experiment::Experiment;
use crate::model::job::{Job, JobKind, JobStatus};
use crate::model::node::{InstalledTool, Node};
use crate::model::run::{Outcome, Role, Run, RunState};
use crate::queries::run::run_list_of_job;

/// A job.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub(crate) struct JobView {
    /// Its id, a UUID.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// experiment or program.
    pub(crate) kind: JobKind,
    /// The tool, or a program's language.
    pub(crate) tool: String,
    /// As one would type it.
    pub(crate) command: String,
    /// What the tool is pointed at.
    pub(crate) destination: String,
    /// The options given.
    #[schema(value_type = Object)]
    pub(crate) options: Map<String, Value>,
    /// Name of the node of its newest attempt.
    pub(crate) node: Option<String>,
    /// Labels that its node has to carry.
    pub(crate) on: BTreeMap<String, String>,
    /// Where it stands.
    pub(crate) status: JobStatus,
    /// Why it ended as an error: a code.
    pub(crate) reason: Option<&'static str>,
    /// The reason in a sentence, with what the node said.
    pub(crate) reason_text: Option<String>,
    /// Its place in the queue, from 1.
    pub(crate) place: Option<u32>,
    /// Whether it is pinned.
    pub(crate) pinned: bool,
    /// Whether everybody in the tenant who has its address sees it.
    pub(crate) shared: bool,
    /// Login of who submitted it.
    pub(crate) owner: String,
    /// When it was submitted, RFC 3339.
    pub(crate) created: String,
    /// When the tool started.
    pub(crate) started: Option<String>,
    /// When it was over.
    pub(crate) completed: Option<String>,
    /// Exit status of the tool or program; its compiler's where it did not compile.
    pub(crate) exit_code: Option<i64>,
    /// CPU time of the newest attempt, milliseconds, where its node measures it.
    pub(crate) cpu_ms: Option<i64>,
    /// Most memory that the newest attempt held, bytes, where its node measures it.
    pub(crate) memory_peak_bytes: Option<i64>,
    /// Number of the newest attempt, from 1.
    pub(crate) attempt: i64,
    /// The batch it is an element of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) batch: Option<String>,
    /// Its index there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) index: Option<i64>,
    /// All attempts, oldest first; only where one job is asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) attempts: Vec<AttemptView>,
}

/// One run of a job.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Attempt)]
pub(crate) struct AttemptView {
    /// Number of the attempt, from 1.
    pub(crate) attempt: i64,
    /// `near` gives the job its output; `far` serves it from another node.
    pub(crate) role: &'static str,
    /// Name of the node.
    pub(crate) node: Option<String>,
    /// The node's UID.
    pub(crate) node_uid: Option<String>,
    /// waiting, leased, running, exited, failed, lost or cancelled.
    pub(crate) status: &'static str,
    /// Why it failed: a code.
    pub(crate) reason: Option<&'static str>,
    /// What the node said of it.
    pub(crate) detail: Option<String>,
    /// When it entered the queue, RFC 3339.
    pub(crate) created: String,
    /// When the tool started.
    pub(crate) started: Option<String>,
    /// When it was over.
    pub(crate) ended: Option<String>,
    /// Exit status, also of a program that was stopped.
    pub(crate) exit_code: Option<i64>,
    /// CPU time, milliseconds.
    pub(crate) cpu_ms: Option<i64>,
    /// Most memory held, bytes.
    pub(crate) memory_peak_bytes: Option<i64>,
    /// What held a program in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) fences: Vec<String>,
    /// The command line as started on the node.
    pub(crate) argv: Vec<String>,
}

/// A node.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Node)]
pub(crate) struct NodeView {
    /// Its UID.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// enabled, cordoned or disabled.
    pub(crate) state: &'static str,
    /// up, suspect or down.
    pub(crate) health: &'static str,
    /// Runs at the same time.
    pub(crate) slots: u32,
    /// Runs at the same time that the agent itself allows; the lesser number is in force. Null before its first connection.
    pub(crate) agent_slots: Option<u32>,
    /// Runs on it now.
    pub(crate) running: u32,
    /// Labels.
    pub(crate) labels: BTreeMap<String, String>,
    /// Tools and languages found on it.
    pub(crate) tools: Vec<InstalledTool>,
    /// Whether learners' programs may run on it.
    pub(crate) takes_programs: bool,
    /// What holds programs in there.
    pub(crate) fences: Vec<String>,
    /// Addresses that its runs are sent from.
    pub(crate) addresses: Vec<String>,
    /// Host name.
    pub(crate) hostname: String,
    /// Operating system.
    pub(crate) os: String,
    /// Kernel release.
    pub(crate) kernel: String,
    /// Version of its agent.
    pub(crate) agent_version: String,
    /// Logical processors.
    pub(crate) cores: u32,
    /// Memory, bytes.
    pub(crate) memory_bytes: u64,
    /// When it was last heard of, RFC 3339; null before its first connection.
    pub(crate) last_seen: Option<String>,
    /// When it was enrolled.
    pub(crate) created: String,
}

impl NodeView {
    pub(crate) fn new(node: &Node, now_ms: i64) -> Self {
        Self {
            id: node.id.to_string(),
            name: node.name.clone(),
            state: node.state.as_str(),
            health: node.health(now_ms).as_str(),
            slots: node.slots,
            agent_slots: (node.inventory.slots > 0).then_some(node.inventory.slots),
            running: node.running,
            labels: node.labels.clone(),
            tools: node.tools.clone(),
            takes_programs: node.inventory.takes_programs,
            fences: node.inventory.fences.clone(),
            addresses: node.inventory.addresses.clone(),
            hostname: node.inventory.hostname.clone(),
            os: node.inventory.os.clone(),
            kernel: node.inventory.kernel.clone(),
            agent_version: node.inventory.agent_version.clone(),
            cores: node.inventory.cores,
            memory_bytes: node.inventory.memory_bytes,
            last_seen: (node.last_seen_ms > 0).then(|| portal::utc_text(node.last_seen_ms)),
            created: portal::utc_text(node.created_ms),
        }
    }
}

impl JobView {
    pub(crate) fn new(job: &Job, place: Option<u32>, runs: &[Run]) -> Self {
        // A form that this version can't read is shown by its command alone.
        let experiment = match job.kind {
            JobKind::Experiment => Experiment::from_json(&job.spec).ok(),
            JobKind::Program => None,
        };
        Self {
            id: job.id.to_string(),
            name: job.name.clone(),
            kind: job.kind,
            tool: job.tool.clone(),
            command: job.command.clone(),
            destination: experiment.as_ref().map(|e| e.destination().to_owned()).unwrap_or_default(),
            options: experiment.as_ref().map(Experiment::options).unwrap_or_default(),
            node: job.node.clone(),
            on: job.wanted_labels.clone(),
            status: job.status,
            reason: job.reason.map(|reason| reason.as_str()),
            reason_text: job.reason_text(),
            place: place.filter(|_| job.status == JobStatus::Waiting),
            pinned: job.pinned,
            shared: job.shared,
            owner: job.owner.clone(),
            created: portal::utc_text(job.created_ms),
            started: job.started_ms.map(portal::utc_text),
            completed: job.completed_ms.map(portal::utc_text),
            exit_code: job.exit_code,
            cpu_ms: job.cpu_ms,
            memory_peak_bytes: job.memory_peak_bytes,
            attempt: job.attempt,
            batch: job.batch.map(|batch| batch.to_string()),
            index: job.batch_index,
            attempts: runs.iter().map(AttemptView::new).collect(),
        }
    }
}

impl AttemptView {
    fn new(run: &Run) -> Self {
        let reason = match &run.state {
            RunState::Ended(Outcome::Failed(reason)) => Some(reason.as_str()),
            RunState::Ended(Outcome::Exited(_) | Outcome::Lost | Outcome::Cancelled)
            | RunState::Waiting
            | RunState::Leased { .. }
            | RunState::Running { .. } => None,
        };
        Self {
            attempt: run.attempt,
            role: run.role.as_str(),
            node: run.node_name.clone(),
            node_uid: run.node.map(|node| node.to_string()),
            status: run.state.as_str(),
            reason,
            detail: run.detail.clone(),
            created: portal::utc_text(run.created_ms),
            started: run.started_ms.map(portal::utc_text),
            ended: run.ended_ms.map(portal::utc_text),
            exit_code: run.exit_code,
            cpu_ms: run.usage.cpu_ms,
            memory_peak_bytes: run.usage.memory_peak_bytes,
            fences: run.usage.fences.clone(),
            argv: run.argv.clone(),
        }
    }
}

impl Lab {
    /// A job with its place and its attempts.
    pub(crate) async fn job_show(&self, job: &Job) -> Result<JobView, ServiceError> {
        let runs = run_list_of_job(self.db(), job.id).await?;
        let places = self.job_places(std::slice::from_ref(job)).await?;
        Ok(JobView::new(job, places.of(job), &runs))
    }

    /// Jobs with their places.
    pub(crate) async fn jobs_show(&self, jobs: &[Job]) -> Result<Vec<JobView>, ServiceError> {
        let places: Places = self.job_places(jobs).await?;
        Ok(jobs.iter().map(|job| JobView::new(job, places.of(job), &[])).collect())
    }

    /// The near run of an attempt.
    pub(crate) async fn run_of_attempt(&self, job: &Job, attempt: i64) -> Result<Option<Run>, ServiceError> {
        let runs = run_list_of_job(self.db(), job.id).await?;
        Ok(runs.into_iter().find(|run| run.attempt == attempt && run.role == Role::Near))
    }
}
