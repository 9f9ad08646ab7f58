//! Submission of a job: everything that can be refused is refused here, with a sentence, before anything is
//! written; then one transaction takes the job, its first run and the caller's quota together.

use std::collections::BTreeMap;

use db::{DbError, Write};
use portal::{Caller, Role};

use super::ServiceError;
use super::node::ago;
use crate::Lab;
use crate::model::job::{Job, JobId, JobKind, JobStatus, checked_name};
use crate::model::node::{AdminState, Health, Node};
use crate::model::run;
use crate::model::work::{Source, Work, first_role};
use crate::queries::job::{Quota, job_counts, job_get_by_idempotency, job_insert};
use crate::queries::node::{node_find, node_list};
use crate::queries::queue::Waiting;
use crate::queries::run::{run_insert, run_new};
use crate::queries::source::source_insert;

/// Longest idempotency key, in bytes.
const IDEMPOTENCY_MAX: usize = 100;
/// Characters of a command line that are kept beside the work itself.
const COMMAND_MAX: usize = 1_000;

/// What a caller asks for.
#[derive(Clone, Debug)]
pub(crate) struct Submission {
    pub(crate) work: Work,
    /// UID or name of the one node to run on.
    pub(crate) node: Option<String>,
    /// Labels that the node has to carry.
    pub(crate) on: BTreeMap<String, String>,
    pub(crate) name: Option<String>,
    pub(crate) idempotency: Option<String>,
}

impl Lab {
    /// Takes a job into the queue. It is durable when this returns.
    pub(crate) async fn job_submit(&self, caller: &Caller, wanted: Submission) -> Result<Job, ServiceError> {
        let name = checked_name(wanted.name.as_deref().unwrap_or_default())?;
        check_labels(&wanted.on)?;
        if let Some(key) = &wanted.idempotency
            && let Some(job) = self.job_of_key(caller, key, &wanted).await?
        {
            return Ok(job);
        }
        let now_ms = self.now_ms();
        let (node, far_node) = self.places(&wanted, now_ms).await?;
        let command = shown(wanted.work.command_line(self.languages()));
        let source = wanted.work.source();
        let job = Job {
            id: JobId::generate(),
            tenant: caller.tenant.to_string(),
            account: caller.account.to_string(),
            owner: caller.login.clone(),
            name: if name.is_empty() { command.chars().take(120).collect() } else { name },
            kind: wanted.work.kind(),
            tool: wanted.work.needs().to_owned(),
            spec: wanted.work.to_json(),
            source: source.as_ref().map(|source| source.digest.clone()),
            command,
            wanted_node: node.map(|node| node.id),
            wanted_labels: wanted.on.clone(),
            far_node: far_node.as_ref().map(|node| node.id),
            node: None,
            status: JobStatus::Waiting,
            reason: None,
            detail: None,
            pinned: false,
            shared: false,
            attempt: 1,
            is_cancelled: false,
            batch: None,
            batch_index: None,
            exit_code: None,
            cpu_ms: None,
            memory_peak_bytes: None,
            created_ms: now_ms,
            started_ms: None,
            completed_ms: None,
        };
        self.job_accept(caller, &wanted, job, source, far_node.as_ref()).await
    }

    /// Everything that [`Lab::job_submit`] refuses, without submitting.
    pub(crate) async fn job_check(&self, caller: &Caller, wanted: &Submission) -> Result<(), ServiceError> {
        checked_name(wanted.name.as_deref().unwrap_or_default())?;
        check_labels(&wanted.on)?;
        let now_ms = self.now_ms();
        self.places(wanted, now_ms).await?;
        let policy = self.policy();
        let (waiting, hourly) = job_counts(self.db(), caller.account.as_str(), now_ms).await?;
        let is_full = waiting >= policy.account_waiting_max || hourly >= policy.account_hourly_max;
        if is_full && !caller.has(Role::Teacher) { Err(self.quota_error(caller, now_ms).await?) } else { Ok(()) }
    }

    /// The node it has to run on, if one was chosen, and the node that its destination names.
    /// Errors: nothing can run it, or nothing may be aimed there.
    async fn places(&self, wanted: &Submission, now_ms: i64) -> Result<(Option<Node>, Option<Node>), ServiceError> {
        let node = self.wanted_node(wanted, now_ms).await?;
        if node.is_none() {
            self.check_some_node_fits(wanted.work.kind(), wanted.work.needs(), &wanted.on).await?;
        }
        let far_node = match wanted.work.experiment() {
            Some(experiment) => self.check_target(experiment, node.as_ref(), now_ms).await?,
            None => None,
        };
        Ok((node, far_node))
    }

    /// Refuses what no node could run as an element of a batch. Returns the node that its elements have to run on.
    pub(super) async fn places_of_batch(&self, alike: &Submission) -> Result<Option<Node>, ServiceError> {
        check_labels(&alike.on)?;
        Ok(self.places(alike, self.now_ms()).await?.0)
    }

    async fn job_accept(
        &self,
        caller: &Caller,
        wanted: &Submission,
        mut job: Job,
        source: Option<Source>,
        far_node: Option<&Node>,
    ) -> Result<Job, ServiceError> {
        let policy = self.policy();
        let quota = (!caller.has(Role::Teacher))
            .then(|| Quota { waiting_max: policy.account_waiting_max, hourly_max: policy.account_hourly_max });
        let mut write = Write::new();
        if let Some(source) = &source {
            source_insert(&mut write, &source.digest, &source.data, job.created_ms);
        }
        job_insert(&mut write, &job, wanted.idempotency.as_deref(), quota.as_ref());
        let run = first_run(&job, 1, job.created_ms);
        run_insert(&mut write, &run);
        write.push_event("jobs");
        let direct = self.direct_book(&job, &run, &wanted.work, far_node);
        // Until the dispatcher is told.
        let _queueing = direct.is_none().then(|| self.spare().queue());
        let accepted = match direct {
            Some(direct) => {
                let node = direct.node().to_owned();
                self.direct_accept(write, direct).await.map(|is_placed| is_placed.then_some(node))
            }
            None => {
                write.push_event("arrivals");
                self.db().write(write).await.map(|_| None)
            }
        };
        match accepted {
            Ok(node) => {
                metrics::counter!("amphi_job_submitted_total").increment(1);
                match node {
                    Some(_) => (job.status, job.node) = (JobStatus::Running, node),
                    None => self.arrival_tell(Waiting::of(&run, &job)),
                }
                Ok(job)
            }
            Err(DbError::Duplicate) => {
                let key = wanted.idempotency.as_deref().unwrap_or_default();
                self.job_of_key(caller, key, wanted).await?.ok_or(ServiceError::Db(DbError::Duplicate))
            }
            Err(DbError::Unmet { guard: "job-quota" }) => Err(self.quota_error(caller, job.created_ms).await?),
            Err(error) => Err(error.into()),
        }
    }

    /// The job that this key made before. Errors: it was another request.
    async fn job_of_key(&self, caller: &Caller, key: &str, wanted: &Submission) -> Result<Option<Job>, ServiceError> {
        check_key(key)?;
        match job_get_by_idempotency(self.db(), caller.account.as_str(), key).await? {
            Some(job) if self.is_same_request(&job, wanted).await? => Ok(Some(job)),
            Some(_) => Err(ServiceError::IdempotencyReused),
            None => Ok(None),
        }
    }

    async fn is_same_request(&self, job: &Job, wanted: &Submission) -> Result<bool, ServiceError> {
        let node = match &wanted.node {
            Some(name) => node_find(self.db(), name).await?.map(|node| node.id),
            None => None,
        };
        let is_named_so = wanted.name.as_deref().is_none_or(|name| name.trim().is_empty() || name.trim() == job.name);
        let source = wanted.work.source().map(|source| source.digest);
        let is_same_work = job.spec == wanted.work.to_json() && job.source == source;
        Ok(is_same_work && job.wanted_labels == wanted.on && job.wanted_node == node && is_named_so)
    }

    async fn quota_error(&self, caller: &Caller, now_ms: i64) -> Result<ServiceError, ServiceError> {
        let policy = self.policy();
        let (waiting, _) = job_counts(self.db(), caller.account.as_str(), now_ms).await?;
        Ok(if waiting >= policy.account_waiting_max {
            ServiceError::TooManyWaiting { waiting, max: policy.account_waiting_max }
        } else {
            ServiceError::TooManyHourly { max: policy.account_hourly_max }
        })
    }

    /// The node that was chosen by name. Errors: it can't run this.
    async fn wanted_node(&self, wanted: &Submission, now_ms: i64) -> Result<Option<Node>, ServiceError> {
        let Some(name) = &wanted.node else {
            return Ok(None);
        };
        let node = node_find(self.db(), name).await?.ok_or_else(|| ServiceError::NodeUnknown(short(name)))?;
        check_usable(&node, now_ms)?;
        check_tool(&node, wanted.work.needs())?;
        Ok(Some(node))
    }

    /// Refuses what no enabled node could ever run. A node that fits and is down is waited for.
    pub(super) async fn check_some_node_fits(
        &self,
        kind: JobKind,
        tool: &str,
        on: &BTreeMap<String, String>,
    ) -> Result<(), ServiceError> {
        if self.fleet().has_fitting(tool, on) {
            return Ok(());
        }
        let nodes = node_list(self.db()).await?;
        let enabled = || nodes.iter().filter(|node| node.state == AdminState::Enabled);
        let carries = |node: &&Node| on.iter().all(|(key, value)| node.labels.get(key) == Some(value));
        if enabled().any(|node| node.has_tool(tool) && carries(&node)) {
            Ok(())
        } else if enabled().any(|node| node.has_tool(tool))
            || (enabled().next().is_some() && !enabled().any(|node| carries(&node)))
        {
            let labels = on.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ");
            Err(ServiceError::NoNodeWithLabels { tool: tool.to_owned(), labels })
        } else {
            Err(match kind {
                JobKind::Experiment => ServiceError::NoNodeWithTool { tool: tool.to_owned() },
                JobKind::Program => {
                    let languages = self.languages().iter().map(|language| language.name.as_str());
                    let there = languages.filter(|name| enabled().any(|node| node.has_tool(name)));
                    let languages = there.collect::<Vec<_>>().join(", ");
                    ServiceError::NoNodeWithLanguage { language: tool.to_owned(), languages }
                }
            })
        }
    }
}

/// The first run of an attempt: the far end where there is one, since the near end needs its port.
pub(super) fn first_run(job: &Job, attempt: i64, now_ms: i64) -> run::Run {
    let role = first_role(job);
    let wanted_node = match role {
        run::Role::Near => job.wanted_node,
        run::Role::Far => job.far_node,
    };
    run_new(job.id, attempt, role, wanted_node, now_ms)
}

pub(super) fn check_tool(node: &Node, tool: &str) -> Result<(), ServiceError> {
    if node.has_tool(tool) {
        return Ok(());
    }
    let tools = node.tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>().join(", ");
    Err(ServiceError::NodeLacksTool { node: node.name.clone(), tool: tool.to_owned(), tools })
}

pub(super) fn check_usable(node: &Node, now_ms: i64) -> Result<(), ServiceError> {
    if node.state != AdminState::Enabled {
        return Err(ServiceError::NodeOut { node: node.name.clone(), state: node.state.as_str() });
    }
    match node.health(now_ms) {
        Health::Up | Health::Suspect => Ok(()),
        Health::Down => Err(ServiceError::NodeDown { node: node.name.clone(), ago: ago(now_ms - node.last_seen_ms) }),
    }
}

pub(super) fn check_labels(labels: &BTreeMap<String, String>) -> Result<(), ServiceError> {
    let fits = |text: &str| text.len() <= 63 && !text.chars().any(char::is_control);
    if labels.len() > 16 || labels.iter().any(|(key, value)| key.is_empty() || !fits(key) || !fits(value)) {
        let sentence = "Give at most 16 labels as key and value, each of at most 63 plain characters.".to_owned();
        return Err(ServiceError::Request { field: "on", sentence });
    }
    Ok(())
}

/// What of a command line stands in lists: a line of a shell may be long.
pub(super) fn shown(command: String) -> String {
    match command.char_indices().nth(COMMAND_MAX) {
        Some((end, _)) => format!("{}…", &command[..end]),
        None => command,
    }
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

/// Refuses an idempotency key that is none.
pub(super) fn check_key(key: &str) -> Result<(), ServiceError> {
    if key.is_empty() || key.len() > IDEMPOTENCY_MAX || !key.bytes().all(|b| b.is_ascii_graphic()) {
        let sentence = format!(
            "The Idempotency-Key must be 1 to {IDEMPOTENCY_MAX} visible ASCII characters without spaces, such as a UUID."
        );
        return Err(ServiceError::Request { field: "Idempotency-Key", sentence });
    }
    Ok(())
}
