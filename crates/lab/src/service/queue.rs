//! The dispatcher's round: whoever's turn it is gets a free slot, what was given is claimed in the database, all at once,
//! and then sent.

use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::time::{Duration, Instant};

use db::{DbError, Engine, Write};
use wire::proto::{Start, to_agent};

use super::ServiceError;
use super::element::{Claimed, Templates};
use super::order::Order;
use super::window::Window;
use crate::Lab;
use crate::backlog::{Backlog, Blocked, Item, NeedKey, Turn};
use crate::fleet::{Booked, Need};
use crate::link::wire_epoch;
use crate::model::job::{ErrorReason, Job, JobId};
use crate::model::node::NodeId;
use crate::model::refusal::Refusal;
use crate::model::run::{Role, RunId};
use crate::model::work::Work;
use crate::queries::batch::batch_list_open;
use crate::queries::job::job_list_by_id;
use crate::queries::node::node_get;
use crate::queries::queue::{Lease, Waiting, run_count_elsewhere, runs_lease, runs_leased};
use crate::queries::run::Holder;
use crate::queries::told::Attempt;

/// What is kept in memory; the other runs wait in the database until there is room.
const WINDOW: Window = Window { runs: 20_000, account: 1_000 };
/// Open batches kept in memory, at most.
const BATCHES: u32 = 1_000;
/// Starts of one round, at most.
const ROUND: u32 = 512;
/// Sources of runs that are claimed together, at most, bytes: each run's is read for it alone.
const CLAIM_BYTES: usize = 64 << 20;
/// The queue is read anew this often, for what another replica left undone.
const REFRESH: Duration = Duration::from_secs(1);
/// Reading anew may take this part of the time, as a divisor.
const REFRESH_SHARE: u32 = 20;
/// Ports that far ends listen on; below the kernel's range for outgoing connections.
const FAR_PORTS: std::ops::Range<u16> = 20_000..30_000;

/// What the dispatcher of this replica knows of the queue.
#[derive(Default)]
pub(crate) struct Queue {
    backlog: Backlog,
    templates: Templates,
    /// Something changed that this replica was not told of.
    is_stale: bool,
    /// When the database was last read, and how long that took.
    read: Option<(Instant, Duration)>,
    /// Runs on nodes that this replica does not hold, as of the last reading.
    elsewhere: u32,
}

impl Queue {
    /// Whether nobody waits, as far as was read and told.
    pub(crate) fn is_empty(&self) -> bool {
        self.backlog.is_empty()
    }

    /// The database knows more than was told.
    pub(crate) fn stale(&mut self) {
        self.is_stale = true;
    }

    fn is_due(&self) -> bool {
        self.read.is_none_or(|(at, took)| {
            let since = at.elapsed();
            (self.is_stale || since >= REFRESH) && (since >= took * REFRESH_SHARE || self.backlog.runs() == 0)
        })
    }
}

/// A run that was given a slot and waits to be claimed.
pub(super) struct Given {
    pub(super) waiting: Waiting,
    pub(super) holder: Holder,
    port: Option<u16>,
}

impl Given {
    pub(super) fn lease(&self) -> Lease {
        Lease {
            run: self.waiting.run,
            job: self.waiting.job,
            attempt: self.waiting.attempt,
            role: self.waiting.role,
            holder: self.holder.clone(),
            port: self.port,
        }
    }
}

/// What a round gave away.
#[derive(Default)]
struct Round {
    runs: Vec<Given>,
    elements: Vec<Claimed>,
}

impl Lab {
    /// Takes in what waits: what was submitted here since, and what the database has where that is due.
    pub(crate) async fn queue_refresh(&self, queue: &mut Queue) -> Result<(), ServiceError> {
        for waiting in self.arrivals_take() {
            // It may have been read before it was told, and be on a node by now.
            if !self.fleet().is_booked(waiting.run) {
                queue.backlog.push(waiting);
            }
        }
        if !queue.is_due() {
            return Ok(());
        }
        let began = Instant::now();
        queue.is_stale = false;
        let batches = batch_list_open(self.db(), BATCHES).await?;
        let runs = WINDOW.read(self.db()).await?;
        queue.templates.refresh(&batches);
        queue.backlog.batches_set(batches);
        queue.backlog.runs_clear();
        runs.into_iter().for_each(|waiting| queue.backlog.push(waiting));
        queue.elsewhere = run_count_elsewhere(self.db(), &self.fleet().nodes()).await?;
        queue.read = Some((began, began.elapsed()));
        Ok(())
    }

    /// How many runs may be started now, by the testbed's cap.
    pub(crate) fn queue_room(&self, queue: &Queue) -> u32 {
        self.policy().in_flight_max.saturating_sub(queue.elsewhere.saturating_add(self.fleet().booked_count()))
    }

    /// One round over at most `budget` starts. Returns how many runs were given to nodes, also where others failed.
    pub(crate) async fn dispatch_round(&self, queue: &mut Queue, budget: u32) -> (u32, Result<(), ServiceError>) {
        let round = self.slots_give(queue, budget.min(ROUND)).await;
        let (mut runs, mut elements) = (0, 0);
        let (of_runs, of_elements) =
            tokio::join!(self.runs_claim(round.runs, &mut runs), self.elements_claim(round.elements, &mut elements));
        if of_runs.is_err() || !matches!(of_elements, Ok(false)) {
            queue.stale();
        }
        let sent = runs + elements;
        metrics::counter!("amphi_run_dispatched_total").increment(sent.into());
        (sent, of_runs.and(of_elements.map(drop)))
    }

    /// Gives free slots away in turns.
    async fn slots_give(&self, queue: &mut Queue, budget: u32) -> Round {
        let (mut round, mut blocked) = (Round::default(), Blocked::default());
        let mut free = self.fleet().free_slots();
        let mut left = budget;
        while free > 0 && left > 0 {
            let Some(turn) = queue.backlog.peek(&blocked) else { break };
            match self.slot_give(queue, &turn, &mut round).await {
                Ok(true) => {
                    queue.backlog.take(&turn);
                    free -= 1;
                    left -= 1;
                }
                Ok(false) => blocked.add(&turn),
                // The batch waits until the queue is read anew; others that need the same go on.
                Err(_) => queue.backlog.skip(&turn),
            }
        }
        round
    }

    /// Books a slot for whose turn it is; `false`: no node has one. Errors, logged: the batch's next element can't be made.
    async fn slot_give(&self, queue: &mut Queue, turn: &Turn, round: &mut Round) -> Result<bool, ServiceError> {
        let need = queue.backlog.need(turn);
        match &turn.item {
            Item::Run(waiting) => {
                let given = self.run_give(need, waiting);
                let is_given = given.is_some();
                round.runs.extend(given);
                Ok(is_given)
            }
            Item::Element(batch, number) => {
                let not_placed = |error: &ServiceError| {
                    tracing::error!(batch.id = %batch.id, error = error as &dyn Error, "batch {} can't be placed", batch.id);
                };
                let made = queue.templates.element(self, batch, *number).await.inspect_err(not_placed)?;
                let (job, run) = (JobId::generate(), RunId::generate());
                let booked = Booked { is_element: true, ..Booked::new(job, 1, made.role) };
                let (labels, far) = (Some(&need.labels), made.far_id());
                let near = Need { node: need.node, labels, tool: &need.tool, avoid: far, job: None };
                let Some((holder, port)) = self.ends_book(&near, far, run, booked) else { return Ok(false) };
                let order = self.element_order(batch, &made, holder.node, port).inspect_err(|error| {
                    self.fleet().unbook(holder.node, run);
                    self.fleet().unpromise(job);
                    not_placed(error);
                })?;
                let (batch, number) = (batch.clone(), *number);
                round.elements.push(Claimed { batch, number, job, run, made, holder, port, order });
                Ok(true)
            }
        }
    }

    /// Books a run on a node, if one can take it now.
    pub(super) fn run_give(&self, need: &NeedKey, waiting: &Waiting) -> Option<Given> {
        let near = Need {
            node: need.near_node,
            labels: Some(&need.labels),
            tool: &need.tool,
            job: Some(waiting.job),
            avoid: need.far_node,
        };
        let booked = Booked {
            port: waiting.port,
            is_element: waiting.is_element,
            ..Booked::new(waiting.job, waiting.attempt, waiting.role)
        };
        let (holder, port) = self.ends_book(&near, need.node, waiting.run, booked)?;
        Some(Given { waiting: waiting.clone(), holder, port })
    }

    /// Books a run. For a far end, which has to be on the node `far`, a slot is promised to the near end as well, and a
    /// port is drawn: far ends that each wait for the other's node would wait for ever.
    fn ends_book(
        &self,
        near: &Need<'_>,
        far: Option<NodeId>,
        run: RunId,
        mut booked: Booked,
    ) -> Option<(Holder, Option<u16>)> {
        let (job, now_ms) = (booked.job, self.now_ms());
        match booked.role {
            Role::Near => Some((self.fleet().book(near, run, booked, now_ms)?, None)),
            Role::Far => {
                if !self.fleet().promise(near, job, now_ms) {
                    return None;
                }
                let port = rand::random_range(FAR_PORTS);
                booked.port = Some(port);
                let far = Need { node: far, tool: near.tool, ..Need::default() };
                let Some(holder) = self.fleet().book(&far, run, booked, now_ms) else {
                    self.fleet().unpromise(job);
                    return None;
                };
                Some((holder, Some(port)))
            }
        }
    }

    /// Claims and sends all, in as many groups as their sources need. Counts in `sent`.
    async fn runs_claim(&self, given: Vec<Given>, sent: &mut u32) -> Result<(), ServiceError> {
        if given.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = given.iter().map(|given| given.waiting.job).collect();
        let jobs =
            job_list_by_id(self.db(), &ids).await.inspect_err(|_| given.iter().for_each(|g| self.given_drop(g)))?;
        let jobs: HashMap<JobId, Job> = jobs.into_iter().map(|job| (job.id, job)).collect();
        let mut left = VecDeque::from(given);
        while !left.is_empty() {
            let orders = self.orders(&mut left, &jobs).await;
            let claimed = self.orders_claim(orders).await;
            *sent += claimed.inspect_err(|_| left.iter().for_each(|g| self.given_drop(g)))?;
        }
        Ok(())
    }

    /// Claims a group in one transaction, then sends those that nobody else claimed.
    async fn orders_claim(&self, orders: Vec<(Given, Order)>) -> Result<u32, ServiceError> {
        if orders.is_empty() {
            return Ok(0);
        }
        let leases: Vec<_> = orders.iter().map(|(given, _)| given.lease()).collect();
        let mut write = Write::new();
        let statements = runs_lease(&mut write, &leases);
        for lease in &leases {
            write.push_event(format!("job:{}", lease.job));
        }
        write.push_event("jobs");
        let ours = match self.db().write(write).await {
            Ok(changed) if changed.iter().take(statements).sum::<u64>() == leases.len() as u64 => Ok(None),
            Ok(_) => runs_leased(self.db(), &leases).await.map(Some),
            Err(error) => Err(error),
        };
        let ours = ours.inspect_err(|error| {
            for (given, _) in &orders {
                self.given_drop(given);
                self.holder_doubt(&given.holder, error);
            }
        })?;
        let mut sent = 0;
        for (given, order) in orders {
            if ours.as_ref().is_none_or(|ours| ours.contains(&given.waiting.run)) {
                sent += 1;
                self.start_send(given.waiting.run, &given.holder, self.start(order));
            } else {
                self.given_drop(&given);
            }
        }
        Ok(sent)
    }

    /// What is to be started for the first of the runs, as many as their sources leave room for. One that has nothing to
    /// start gives its slot back.
    async fn orders(&self, left: &mut VecDeque<Given>, jobs: &HashMap<JobId, Job>) -> Vec<(Given, Order)> {
        let (mut orders, mut bytes) = (Vec::new(), 0);
        while bytes < CLAIM_BYTES
            && let Some(given) = left.pop_front()
        {
            let order = match jobs.get(&given.waiting.job) {
                Some(job) => self.run_order(&given, job).await,
                None => Ok(None),
            };
            match order {
                Ok(Some(order)) => {
                    bytes += order.source_bytes();
                    orders.push((given, order));
                }
                // Its job was deleted, or it can't be read and waits until it has waited too long; the others go on.
                Ok(None) => self.given_drop(&given),
                Err(error) => {
                    self.given_drop(&given);
                    let job = given.waiting.job;
                    if let Err(error) = self.run_untargeted(&given.waiting, error).await {
                        tracing::error!(job.id = %job, error = &error as &dyn Error, "job {job} can't be placed");
                    }
                }
            }
        }
        orders
    }

    async fn run_order(&self, given: &Given, job: &Job) -> Result<Option<Order>, ServiceError> {
        let work = self.work(job).await?;
        match (given.waiting.role, &work) {
            (Role::Far, Work::Experiment(experiment)) => {
                let far_end = experiment.far_end().zip(given.port);
                Ok(far_end.map(|(far_end, port)| Order::Tool(far_end.command(port))))
            }
            (Role::Far, Work::Program(_)) => Ok(None),
            (Role::Near, work) => {
                let far = match job.far_node {
                    Some(id) => node_get(self.db(), id).await?,
                    None => None,
                };
                self.near_order(given, job, work, far.as_ref()).map(Some)
            }
        }
    }

    /// Ends a run that may not aim at its node any more. Errors: any other error, which leaves it in the queue.
    async fn run_untargeted(&self, waiting: &Waiting, error: ServiceError) -> Result<(), ServiceError> {
        let ServiceError::Refused(refusal) = error else { return Err(error) };
        let reason = untargeted(&refusal);
        let attempt = Attempt::new(waiting.job, waiting.attempt);
        self.run_give_up(waiting.run, attempt, reason, Some(&refusal.to_string()), self.now_ms()).await
    }

    /// Takes back what was booked for a run that was not claimed.
    pub(super) fn given_drop(&self, given: &Given) {
        self.fleet().unbook(given.holder.node, given.waiting.run);
        if given.waiting.role == Role::Far {
            self.fleet().unpromise(given.waiting.job);
        }
    }

    /// After an error that leaves open whether leases were taken, the node's next session finds out.
    pub(super) fn holder_doubt(&self, holder: &Holder, error: &DbError) {
        if error.is_retryable() {
            self.fleet().with(holder.node, |session| session.ended.cancel());
        }
    }

    /// Where the stream does not take it, the node's next session finds the run lost.
    pub(super) fn start_send(&self, run: RunId, holder: &Holder, start: Start) {
        let start = Start { run_id: run.to_string(), epoch: wire_epoch(holder.epoch), ..start };
        self.fleet().send(holder.node, to_agent::Message::Start(start));
    }

    /// Whether others write to this database, whose submissions are not told here.
    pub(crate) fn has_other_replicas(&self) -> bool {
        match self.db().engine() {
            Engine::Sqlite => false,
            Engine::Postgres | Engine::Mariadb => true,
        }
    }
}

/// Why something ends that may not aim at its node.
pub(super) fn untargeted(refusal: &Refusal) -> ErrorReason {
    let is_addressless = matches!(refusal, Refusal::NodeFamily { .. });
    if is_addressless { ErrorReason::NameUnknown } else { ErrorReason::Forbidden }
}
