//! The dispatcher's round: waiting runs are matched with free nodes, claimed in one transaction, and sent.

use std::collections::HashMap;
use std::error::Error;

use db::{DbError, Write};
use wire::proto::{Destination, Start, to_agent};

use super::ServiceError;
use crate::Lab;
use crate::fleet::{Booked, Need};
use crate::link::wire_epoch;
use crate::model::experiment::{Command, Family, is_far_end_ready};
use crate::model::job::{ErrorReason, Job, JobId};
use crate::model::node::NodeId;
use crate::model::refusal::Refusal;
use crate::model::run::{Role, Run, RunId};
use crate::model::work::Work;
use crate::queries::job::{job_get, job_list_by_id, job_running};
use crate::queries::output::output_list;
use crate::queries::run::{Holder, run_insert_near, run_lease, run_list_queue, run_list_waiting, run_new};

/// Runs looked at in one round, at most.
const WINDOW: u32 = 256;
/// Chunks of a far end's output in which it says that it listens, at most.
const FAR_CHUNKS: u32 = 16;
/// Jobs read by one statement, at most; SQLite takes 32,766 values.
const JOBS_MAX: usize = 1_000;
/// Ports that far ends listen on; below the kernel's range for outgoing connections.
const FAR_PORTS: std::ops::Range<u16> = 20_000..30_000;

fn family(family: Family) -> wire::proto::Family {
    match family {
        Family::Any => wire::proto::Family::Any,
        Family::V4 => wire::proto::Family::V4,
        Family::V6 => wire::proto::Family::V6,
    }
}

/// The runs that wait for one node, or for any, as far as a round has read them.
struct Queue {
    node: Option<NodeId>,
    limit: u32,
    after: Option<RunId>,
}

/// The oldest waiting runs.
pub(crate) struct Head {
    runs: Vec<Run>,
    /// Whether these are all.
    is_whole: bool,
}

impl Head {
    /// Whether nothing is left to place once this many were.
    pub(crate) fn is_done_with(&self, placed: u32) -> bool {
        self.is_whole && self.runs.len() == placed as usize
    }
}

/// A run that was booked on a node and waits to be claimed in the database.
struct Claim {
    run: Run,
    holder: Holder,
    port: Option<u16>,
    order: Order,
}

/// What a node is told to start.
enum Order {
    Tool(Command),
    Program(Box<wire::proto::Program>),
}

impl Lab {
    /// The head of the queue, if any node could take a run now; `None` when there is nothing to do.
    pub(crate) async fn queue_head(&self) -> Result<Option<Head>, ServiceError> {
        if self.fleet().free().is_empty() {
            return Ok(None);
        }
        let runs = run_list_queue(self.db(), WINDOW).await?;
        let is_whole = runs.len() < WINDOW as usize;
        Ok((!runs.is_empty()).then_some(Head { runs, is_whole }))
    }

    /// One round over at most `budget` starts. Returns how many runs were given to nodes.
    pub(crate) async fn dispatch_round(&self, head: &Head, budget: u32) -> Result<u32, ServiceError> {
        if budget == 0 {
            return Ok(0);
        }
        let mut claims = self.runs_place(head.runs.clone(), budget).await?;
        if claims.is_empty() && !head.is_whole {
            claims = self.runs_place_behind(budget).await?;
        }
        self.claims_commit(claims).await
    }

    /// Looks past a head that nobody can take: runs whose needs nobody meets now must not hold up those behind them.
    async fn runs_place_behind(&self, budget: u32) -> Result<Vec<Claim>, ServiceError> {
        let free = self.fleet().free();
        let slots = free.iter().map(|node| node.slots).sum();
        let mut queues = vec![Queue { node: None, limit: slots, after: None }];
        queues.extend(free.iter().map(|free| Queue { node: Some(free.node), limit: free.slots, after: None }));
        let mut claims = Vec::new();
        while claims.is_empty() && !queues.is_empty() {
            let mut waiting = Vec::new();
            for queue in &mut queues {
                let page = run_list_waiting(self.db(), queue.node, queue.after, queue.limit.min(WINDOW)).await?;
                (queue.after, queue.limit) = (page.last().map(|run| run.id), WINDOW);
                waiting.extend(page);
            }
            queues.retain(|queue| queue.after.is_some());
            waiting.sort_by_key(|run| run.id);
            claims = self.runs_place(waiting, budget).await?;
        }
        Ok(claims)
    }

    /// Books those of the runs, at most `budget`, that a node can take now.
    async fn runs_place(&self, waiting: Vec<Run>, budget: u32) -> Result<Vec<Claim>, ServiceError> {
        let mut claims = Vec::new();
        if waiting.is_empty() {
            return Ok(claims);
        }
        let ids: Vec<_> = waiting.iter().map(|run| run.job).collect();
        let mut jobs: HashMap<JobId, Job> = HashMap::new();
        for part in ids.chunks(JOBS_MAX) {
            jobs.extend(job_list_by_id(self.db(), part).await?.into_iter().map(|job| (job.id, job)));
        }
        for run in waiting {
            let Some(job) = jobs.get(&run.job) else { continue };
            if claims.len() == budget as usize {
                break;
            }
            match self.run_place(run, job).await {
                Ok(claim) => claims.extend(claim),
                // One that can't be read stays in the queue until it has waited too long; the others go on.
                Err(error) => {
                    tracing::error!(job.id = %job.id, error = &error as &dyn Error, "job {} can't be placed", job.id);
                }
            }
        }
        Ok(claims)
    }

    /// Books a run on a node, if one can take it now.
    async fn run_place(&self, run: Run, job: &Job) -> Result<Option<Claim>, ServiceError> {
        let now_ms = self.now_ms();
        let near = Need {
            node: job.wanted_node,
            labels: Some(&job.wanted_labels),
            tool: &job.tool,
            job: Some(job.id),
            avoid: job.far_node,
        };
        let mut booked = Booked {
            job: job.id,
            attempt: run.attempt,
            role: run.role,
            epoch: 0,
            port: run.port,
            is_ready: false,
            output_bytes: 0,
            input_next: 0,
        };
        match run.role {
            Role::Near => {
                let Some(holder) = self.fleet().book(&near, run.id, booked, now_ms) else { return Ok(None) };
                match self.order(job, &run, holder.node).await {
                    Ok(order) => Ok(Some(Claim { port: None, order, run, holder })),
                    Err(error) => {
                        self.fleet().unbook(holder.node, run.id);
                        self.run_untargeted(&run, error, now_ms).await?;
                        Ok(None)
                    }
                }
            }
            Role::Far => {
                let Work::Experiment(experiment) = self.work(job).await? else { return Ok(None) };
                let Some(far_end) = experiment.far_end() else { return Ok(None) };
                // Both ends are booked together: far ends that each wait for the other's node would wait for ever.
                if !self.fleet().promise(&near, job.id, now_ms) {
                    return Ok(None);
                }
                let port = rand::random_range(FAR_PORTS);
                booked.port = Some(port);
                let far = Need { node: run.wanted_node, tool: &job.tool, ..Need::default() };
                let Some(holder) = self.fleet().book(&far, run.id, booked, now_ms) else {
                    self.fleet().unpromise(job.id);
                    return Ok(None);
                };
                let order = Order::Tool(far_end.command(port));
                Ok(Some(Claim { run, holder, port: Some(port), order }))
            }
        }
    }

    /// What is started on `node` for the near end of a job.
    async fn order(&self, job: &Job, run: &Run, node: NodeId) -> Result<Order, ServiceError> {
        match self.work(job).await? {
            Work::Experiment(experiment) => {
                let target = self.target(job, run, node, experiment.family()).await?;
                Ok(Order::Tool(experiment.start(&target)))
            }
            Work::Program(program) => {
                let language = self.languages().get(program.language());
                let language = language.ok_or_else(|| ServiceError::LanguageGone(program.language().to_owned()))?;
                let caps = self.policy().program_caps(&job.tenant);
                let mut start = program.start(language, &caps.limits());
                start.has_network = caps.network;
                Ok(Order::Program(Box::new(start)))
            }
        }
    }

    /// Ends a run that may not aim at its node any more. Errors: any other error, which leaves it in the queue.
    async fn run_untargeted(&self, run: &Run, error: ServiceError, now_ms: i64) -> Result<(), ServiceError> {
        let ServiceError::Refused(refusal) = error else { return Err(error) };
        let is_addressless = matches!(refusal, Refusal::NodeFamily { .. });
        let reason = if is_addressless { ErrorReason::NameUnknown } else { ErrorReason::Forbidden };
        self.run_give_up(run, reason, Some(&refusal.to_string()), now_ms).await
    }

    /// Claims all in one transaction, then sends those that nobody else claimed.
    async fn claims_commit(&self, claims: Vec<Claim>) -> Result<u32, ServiceError> {
        if claims.is_empty() {
            return Ok(0);
        }
        let mut write = Write::new();
        for claim in &claims {
            run_lease(&mut write, claim.run.id, &claim.holder, claim.port);
            if claim.run.role == Role::Near {
                job_running(&mut write, &claim.run, &claim.holder);
            }
        }
        for claim in &claims {
            write.push_event(format!("job:{}", claim.run.job));
        }
        write.push_event("jobs");
        let changed = match self.db().write(write).await {
            Ok(changed) => changed,
            Err(error) => {
                for claim in &claims {
                    self.claim_drop(claim);
                    if error.is_retryable() {
                        // The leases may have been taken all the same; the node's next session finds out.
                        self.fleet().with(claim.holder.node, |session| session.ended.cancel());
                    }
                }
                return Err(error.into());
            }
        };
        let mut sent = 0;
        let mut step = changed.into_iter();
        for claim in claims {
            let is_ours = step.next() == Some(1);
            if claim.run.role == Role::Near {
                step.next();
            }
            if is_ours {
                sent += 1;
                self.send_start(&claim);
            } else {
                self.claim_drop(&claim);
            }
        }
        metrics::counter!("amphi_run_dispatched_total").increment(sent.into());
        Ok(sent)
    }

    /// Takes back what was booked for a claim that came to nothing.
    fn claim_drop(&self, claim: &Claim) {
        self.fleet().unbook(claim.holder.node, claim.run.id);
        if claim.run.role == Role::Far {
            self.fleet().unpromise(claim.run.job);
        }
    }

    fn send_start(&self, claim: &Claim) {
        let start = Start {
            run_id: claim.run.id.to_string(),
            epoch: wire_epoch(claim.holder.epoch),
            ..match &claim.order {
                Order::Tool(command) => self.tool_start(command),
                Order::Program(program) => Start { program: Some(program.as_ref().clone()), ..Start::default() },
            }
        };
        // Where the stream does not take it, the node's next session finds the run lost.
        self.fleet().send(claim.holder.node, to_agent::Message::Start(start));
    }

    fn tool_start(&self, command: &Command) -> Start {
        let refused = || self.destination_rules().refused_networks().iter().map(ToString::to_string).collect();
        Start {
            argv: command.argv.clone(),
            wall_ms: command.wall_ms,
            output_bytes: command.output_bytes,
            destination: command.destination.as_ref().map(|lookup| Destination {
                host: lookup.host.clone(),
                refused: refused(),
                family: family(lookup.family).into(),
            }),
            ..Start::default()
        }
    }

    /// Puts the near end of a measurement in the queue once its far end listens; twice does nothing.
    pub(crate) async fn near_end_queue(&self, far: &Booked) -> Result<(), ServiceError> {
        let Some(job) = job_get(self.db(), far.job).await? else { return Ok(()) };
        let mut near = run_new(job.id, far.attempt, Role::Near, job.wanted_node, self.now_ms());
        near.port = far.port;
        let mut write = Write::new();
        run_insert_near(&mut write, &near);
        write.push_event("queue");
        match self.db().write(write).await {
            // It is there already, or the job does not wait for it any more.
            Ok(_) | Err(DbError::Duplicate | DbError::Unmet { guard: "job-attempt" }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes a far end up again that its node kept while the link or this replica was away: it may have said before
    /// that it listens.
    pub(crate) async fn far_end_resume(&self, node: NodeId, run: &Run) -> Result<(), ServiceError> {
        let said = output_list(self.db(), run.id, 0, FAR_CHUNKS).await?;
        if !said.iter().any(|chunk| self.is_far_end_ready(&chunk.data)) {
            return Ok(());
        }
        let booked = self.fleet().with(node, |session| {
            let booked = session.runs.get_mut(&run.id)?;
            booked.is_ready = true;
            Some(booked.clone())
        });
        match booked.flatten() {
            Some(far) => self.near_end_queue(&far).await,
            None => Ok(()),
        }
    }

    /// Whether a far end's output says that it listens.
    pub(crate) fn is_far_end_ready(&self, output: &[u8]) -> bool {
        is_far_end_ready(&String::from_utf8_lossy(output))
    }
}
