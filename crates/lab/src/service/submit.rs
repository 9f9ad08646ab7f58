//! Submission of an experiment: everything that can be refused is refused here, with a sentence, before anything is
//! written; then one transaction takes the job, its first run and the caller's quota together.

use std::collections::BTreeMap;
use std::net::{IpAddr, ToSocketAddrs};
use std::time::Duration;

use db::{DbError, Write};
use portal::{Caller, Role};
use tokio::sync::Semaphore;

use super::ServiceError;
use super::node::ago;
use crate::Lab;
use crate::model::destination::DestinationRules;
use crate::model::experiment::{Experiment, Family};
use crate::model::job::{Job, JobId, JobStatus, checked_name};
use crate::model::node::{AdminState, Health, Node};
use crate::model::refusal::Refusal;
use crate::model::run;
use crate::queries::job::{Quota, job_counts, job_get_by_idempotency, job_insert};
use crate::queries::node::{node_find, node_list};
use crate::queries::run::{run_insert, run_new};

/// Longest idempotency key, in bytes.
const IDEMPOTENCY_MAX: usize = 100;
/// How long a destination's name may take to be looked up before the answer is left to the node.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);
/// Look-ups at the same time.
const LOOKUPS_MAX: usize = 16;
const HOUR_MS: i64 = 3_600_000;

/// What a caller asks for.
#[derive(Clone, Debug)]
pub(crate) struct Submission {
    pub(crate) experiment: Experiment,
    /// UID or name of the one node to run on.
    pub(crate) node: Option<String>,
    /// Labels that the node has to carry.
    pub(crate) on: BTreeMap<String, String>,
    pub(crate) name: Option<String>,
    pub(crate) idempotency: Option<String>,
}

impl Lab {
    /// Takes an experiment into the queue. It is durable when this returns.
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
        let command = wanted.experiment.command_line();
        let job = Job {
            id: JobId::generate(),
            tenant: caller.tenant.to_string(),
            account: caller.account.to_string(),
            owner: caller.login.clone(),
            name: if name.is_empty() { command.chars().take(120).collect() } else { name },
            tool: wanted.experiment.tool().name.to_owned(),
            spec: wanted.experiment.to_json(),
            command,
            wanted_node: node.map(|node| node.id),
            wanted_labels: wanted.on.clone(),
            far_node: far_node.map(|node| node.id),
            node: None,
            status: JobStatus::Waiting,
            reason: None,
            detail: None,
            pinned: false,
            attempt: 1,
            is_cancelled: false,
            exit_code: None,
            created_ms: now_ms,
            started_ms: None,
            completed_ms: None,
        };
        self.job_accept(caller, &wanted, job).await
    }

    /// Everything that [`Lab::job_submit`] refuses, without submitting.
    pub(crate) async fn job_check(&self, caller: &Caller, wanted: &Submission) -> Result<(), ServiceError> {
        checked_name(wanted.name.as_deref().unwrap_or_default())?;
        check_labels(&wanted.on)?;
        let now_ms = self.now_ms();
        self.places(wanted, now_ms).await?;
        let policy = self.policy();
        let (waiting, hourly) = job_counts(self.db(), caller.account.as_str(), now_ms - HOUR_MS).await?;
        let is_full = waiting >= policy.account_waiting_max || hourly >= policy.account_hourly_max;
        if is_full && !caller.has(Role::Teacher) { Err(self.quota_error(caller, now_ms).await?) } else { Ok(()) }
    }

    /// The node it has to run on, if one was chosen, and the node that its destination names.
    /// Errors: nothing can run it, or nothing may be aimed there.
    async fn places(&self, wanted: &Submission, now_ms: i64) -> Result<(Option<Node>, Option<Node>), ServiceError> {
        let node = self.wanted_node(wanted, now_ms).await?;
        if node.is_none() {
            self.check_some_node_fits(wanted).await?;
        }
        let far_node = self.far_node(&wanted.experiment, now_ms).await?;
        match &far_node {
            Some(far) => {
                let near_host_id = node.as_ref().map(|node| node.inventory.host_id.as_str()).unwrap_or_default();
                self.node_address(far, near_host_id, wanted.experiment.family())?;
            }
            None => self.check_destination(&wanted.experiment).await?,
        }
        Ok((node, far_node))
    }

    async fn job_accept(&self, caller: &Caller, wanted: &Submission, job: Job) -> Result<Job, ServiceError> {
        let policy = self.policy();
        let quota = (!caller.has(Role::Teacher)).then(|| Quota {
            waiting_max: policy.account_waiting_max,
            hourly_max: policy.account_hourly_max,
            hour_began_ms: job.created_ms - HOUR_MS,
        });
        let mut write = Write::new();
        job_insert(&mut write, &job, wanted.idempotency.as_deref(), quota.as_ref());
        run_insert(&mut write, &first_run(&job, 1, job.created_ms));
        write.push_event("jobs");
        write.push_event("queue");
        match self.db().write(write).await {
            Ok(_) => {
                metrics::counter!("amphi_job_submitted_total").increment(1);
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
        if key.is_empty() || key.len() > IDEMPOTENCY_MAX || !key.bytes().all(|b| b.is_ascii_graphic()) {
            let sentence = format!(
                "The Idempotency-Key must be 1 to {IDEMPOTENCY_MAX} visible ASCII characters without spaces, such as a UUID."
            );
            return Err(ServiceError::Request { field: "Idempotency-Key", sentence });
        }
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
        let spec = wanted.experiment.to_json();
        Ok(job.spec == spec && job.wanted_labels == wanted.on && job.wanted_node == node && is_named_so)
    }

    async fn quota_error(&self, caller: &Caller, now_ms: i64) -> Result<ServiceError, ServiceError> {
        let policy = self.policy();
        let (waiting, _) = job_counts(self.db(), caller.account.as_str(), now_ms - HOUR_MS).await?;
        Ok(if waiting >= policy.account_waiting_max {
            ServiceError::TooManyWaiting { waiting, max: policy.account_waiting_max }
        } else {
            ServiceError::TooManyHourly { max: policy.account_hourly_max }
        })
    }

    /// The node that was chosen by name. Errors: it can't run this.
    async fn wanted_node(&self, wanted: &Submission, now_ms: i64) -> Result<Option<Node>, ServiceError> {
        let tool = wanted.experiment.tool().name;
        let Some(name) = &wanted.node else {
            return Ok(None);
        };
        let node = node_find(self.db(), name).await?.ok_or_else(|| ServiceError::NodeUnknown(short(name)))?;
        check_usable(&node, now_ms)?;
        check_tool(&node, tool)?;
        Ok(Some(node))
    }

    /// Refuses what no enabled node could ever run. A node that fits and is down is waited for.
    async fn check_some_node_fits(&self, wanted: &Submission) -> Result<(), ServiceError> {
        let tool = wanted.experiment.tool().name;
        if self.fleet().has_fitting(tool, &wanted.on) {
            return Ok(());
        }
        let nodes = node_list(self.db()).await?;
        let enabled = || nodes.iter().filter(|node| node.state == AdminState::Enabled);
        let carries = |node: &&Node| wanted.on.iter().all(|(key, value)| node.labels.get(key) == Some(value));
        if enabled().any(|node| node.has_tool(tool) && carries(&node)) {
            Ok(())
        } else if enabled().any(|node| node.has_tool(tool)) {
            let labels = wanted.on.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ");
            Err(ServiceError::NoNodeWithLabels { tool: tool.to_owned(), labels })
        } else {
            Err(ServiceError::NoNodeWithTool { tool: tool.to_owned() })
        }
    }

    /// The node that the destination names. Errors: it would have to serve and can't.
    async fn far_node(&self, experiment: &Experiment, now_ms: i64) -> Result<Option<Node>, ServiceError> {
        // A node's name is a single label, so most destinations need no look-up.
        let Some(host) = experiment.host().filter(|host| !host.contains(['.', ':'])) else { return Ok(None) };
        let Some(node) = node_find(self.db(), &host).await? else { return Ok(None) };
        if experiment.far_end().is_some() {
            check_usable(&node, now_ms)?;
            check_tool(&node, experiment.tool().name)?;
        }
        Ok(Some(node))
    }

    /// Refuses a destination that an operator forbids, by its name or by an address that the name has here. The node
    /// looks the name up once more just before the start, against the same networks.
    async fn check_destination(&self, experiment: &Experiment) -> Result<(), ServiceError> {
        let Some(host) = experiment.host() else { return Ok(()) };
        let rules = self.destination_rules();
        rules.check_host(&host)?;
        if host.parse::<IpAddr>().is_ok() {
            return Ok(());
        }
        // A name that can't be looked up here and now is left to the node.
        for address in lookup(host).await {
            rules.check_address(address)?;
        }
        Ok(())
    }

    /// Where a node is reached from another one; `None` when its name has to be looked up. Errors: it has no address of
    /// this family, or an operator forbids to aim there.
    pub(super) fn node_address(
        &self,
        far: &Node,
        near_host_id: &str,
        family: Family,
    ) -> Result<Option<IpAddr>, Refusal> {
        let address = far.address_for(near_host_id, family)?;
        self.destination_rules().check_node(&far.name, address)?;
        Ok(address)
    }

    /// What nobody may aim at.
    pub(crate) fn destination_rules(&self) -> DestinationRules {
        let policy = self.policy();
        DestinationRules {
            networks: policy.networks().expect("a policy is checked before it is stored"),
            names: policy.refused_names.clone(),
            allow_loopback: self.config().allow_loopback,
        }
    }
}

/// Addresses of a name, as far as they are found in time. A thread that hangs in the system's resolver can't be
/// stopped, so only so many may.
async fn lookup(host: String) -> Vec<IpAddr> {
    static THREADS: Semaphore = Semaphore::const_new(LOOKUPS_MAX);
    let found = async {
        let place = THREADS.acquire().await.ok()?;
        let resolve = move || {
            let found = (host.as_str(), 0).to_socket_addrs();
            drop(place);
            found.map(|found| found.map(|address| address.ip()).collect()).ok()
        };
        tokio::task::spawn_blocking(resolve).await.ok()?
    };
    tokio::time::timeout(LOOKUP_TIMEOUT, found).await.ok().flatten().unwrap_or_default()
}

/// The first run of an attempt: the far end where there is one, since the near end needs its port.
pub(super) fn first_run(job: &Job, attempt: i64, now_ms: i64) -> run::Run {
    let has_far_end = Experiment::from_json(&job.spec).is_ok_and(|experiment| experiment.far_end().is_some());
    match job.far_node.filter(|_| has_far_end) {
        Some(far) => run_new(job.id, attempt, run::Role::Far, Some(far), now_ms),
        None => run_new(job.id, attempt, run::Role::Near, job.wanted_node, now_ms),
    }
}

fn check_tool(node: &Node, tool: &str) -> Result<(), ServiceError> {
    if node.has_tool(tool) {
        return Ok(());
    }
    let tools = node.tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>().join(", ");
    Err(ServiceError::NodeLacksTool { node: node.name.clone(), tool: tool.to_owned(), tools })
}

fn check_usable(node: &Node, now_ms: i64) -> Result<(), ServiceError> {
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

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}
