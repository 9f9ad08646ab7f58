//! Elements of batches on their way to nodes: made from the batch's template, then claimed together.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use db::{DbError, Write};

use super::ServiceError;
use super::order::Order;
use super::queue::untargeted;
use super::target::{KnownNodes, node_name};
use crate::Lab;
use crate::model::batch::{BLOCK, Batch, BatchId, Template};
use crate::model::experiment::Target;
use crate::model::job::{ErrorReason, JobId};
use crate::model::node::{Node, NodeId};
use crate::model::refusal::Refusal;
use crate::model::run::{Outcome, Role, RunId};
use crate::model::work::Work;
use crate::queries::batch::batch_parameters;
use crate::queries::element::{Taken, batch_take};
use crate::queries::run::{Holder, RunEnd};
use crate::queries::source::source_get;
use crate::queries::told::{Attempt, Told};

/// An element that was given a slot and waits to be claimed.
pub(super) struct Claimed {
    pub(super) batch: Arc<Batch>,
    /// Counted from 0.
    pub(super) number: u32,
    pub(super) job: JobId,
    pub(super) run: RunId,
    pub(super) made: Made,
    pub(super) holder: Holder,
    /// Of a far end.
    pub(super) port: Option<u16>,
    /// What its node is to start, or why it may not.
    pub(super) order: Result<Order, NotStarted>,
}

/// Why an element is not started.
#[derive(Clone, Debug)]
pub(super) struct NotStarted {
    reason: ErrorReason,
    detail: String,
}

impl From<Refusal> for NotStarted {
    fn from(refusal: Refusal) -> Self {
        Self { reason: untargeted(&refusal), detail: refusal.to_string() }
    }
}

/// What an element is.
pub(super) struct Made {
    name: String,
    /// Where they differ from the batch's.
    spec: Option<String>,
    command: Option<String>,
    work: Work,
    index: i64,
    /// The node that its destination names.
    far: Option<Arc<Node>>,
    /// Which end is started first; the near one where it is not to be started at all.
    pub(super) role: Role,
    /// Set where it can't be started on any node.
    not_started: Option<NotStarted>,
}

impl Made {
    /// The node that has to serve it.
    pub(super) fn serving(&self) -> Option<&Node> {
        self.far.as_deref().filter(|_| self.role == Role::Far)
    }

    /// The node that its destination names.
    pub(super) fn far_id(&self) -> Option<NodeId> {
        self.far.as_ref().map(|far| far.id)
    }
}

/// Which end of an element's work is started first; `far` is the node that its destination names.
pub(super) fn element_role(work: &Work, far: Option<NodeId>) -> Role {
    let has_far_end = work.experiment().is_some_and(|experiment| experiment.far_end().is_some());
    if far.is_some() && has_far_end { Role::Far } else { Role::Near }
}

/// What is known of open batches and of the nodes that they aim at, so that it is read once.
#[derive(Default)]
pub(super) struct Templates {
    batches: HashMap<BatchId, Known>,
    /// As of the last refresh: nodes come and go.
    nodes: Option<KnownNodes>,
}

struct Known {
    template: Template,
    /// First element of the block, and the parameters of all in it.
    block: Option<(u32, Vec<Vec<String>>)>,
}

impl Templates {
    /// Forgets all batches but these, and the nodes.
    pub(super) fn refresh(&mut self, batches: &[Batch]) {
        self.batches.retain(|id, _| batches.iter().any(|batch| batch.id == *id));
        self.nodes = None;
    }

    /// Makes one element.
    pub(super) async fn element(&mut self, lab: &Lab, batch: &Batch, number: u32) -> Result<Made, ServiceError> {
        let known = match self.batches.entry(batch.id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let template = lab.batch_template(batch).await?;
                place.insert(Known { template, block: None })
            }
        };
        let mut parameters: &[String] = &[];
        if batch.has_parameters {
            let first = number / BLOCK * BLOCK;
            if known.block.as_ref().is_none_or(|(at, _)| *at != first) {
                known.block = Some((first, batch_parameters(lab.db(), batch.id, first).await?));
            }
            let block = known.block.as_ref().map(|(_, block)| block.as_slice()).unwrap_or_default();
            parameters = block.get((number - first) as usize).map(Vec::as_slice).unwrap_or_default();
        }
        let index = batch.first + i64::from(number);
        let work = known.template.element(index, parameters)?;
        let is_own = known.template.is_filled(parameters);
        let name = batch.element_name(index, parameters, None);
        let (far, not_started) = self.aim(lab, &work).await?;
        let far_id = far.as_ref().filter(|_| not_started.is_none()).map(|far| far.id);
        Ok(Made {
            name,
            spec: is_own.then(|| work.to_json()),
            command: is_own.then(|| super::submit::shown(work.command_line(lab.languages()))),
            role: element_role(&work, far_id),
            work,
            index,
            far,
            not_started,
        })
    }

    /// The node that the destination names, and why no far end is started there.
    async fn aim(&mut self, lab: &Lab, work: &Work) -> Result<(Option<Arc<Node>>, Option<NotStarted>), ServiceError> {
        let Some(experiment) = work.experiment().filter(|experiment| node_name(experiment).is_some()) else {
            return Ok((None, None));
        };
        let nodes = match &mut self.nodes {
            Some(nodes) => nodes,
            None => self.nodes.insert(lab.known_nodes().await?),
        };
        let far = nodes.aimed_at(experiment).cloned();
        let gone = far.as_ref().and_then(|far| lab.far_is_gone(nodes, experiment, far));
        Ok((far, gone.map(|detail| NotStarted { reason: ErrorReason::NodeDown, detail })))
    }
}

impl Lab {
    /// What a batch's elements are made from.
    pub(super) async fn batch_template(&self, batch: &Batch) -> Result<Template, ServiceError> {
        let source = match &batch.source {
            Some(digest) => source_get(self.db(), digest).await?.unwrap_or_default(),
            None => Vec::new(),
        };
        batch.template(&source).map_err(ServiceError::Stored)
    }

    /// What a node is to start for an element, or why it may not. Errors: any other.
    pub(super) fn element_order(
        &self,
        batch: &Batch,
        made: &Made,
        node: NodeId,
        port: Option<u16>,
    ) -> Result<Result<Order, NotStarted>, ServiceError> {
        if let Some(not_started) = &made.not_started {
            return Ok(Err(not_started.clone()));
        }
        let target = match (made.work.experiment(), made.role, port) {
            (Some(experiment), Role::Far, Some(port)) => {
                let far_end = experiment.far_end().map(|far_end| Order::Tool(far_end.command(port)));
                return far_end.map(Ok).ok_or(ServiceError::NoNodeWithTool { tool: batch.tool.clone() });
            }
            (Some(experiment), _, _) => match self.target(made.far.as_deref(), None, node, experiment.family()) {
                Ok(target) => target,
                Err(refusal) => return Ok(Err(refusal.into())),
            },
            (None, _, _) => Target { address: None, port: None },
        };
        self.order(&made.work, &batch.tenant, &target, Some(made.index)).map(Ok)
    }

    /// Claims the elements, one transaction for each batch, and sends those that were claimed. Counts in `sent`.
    /// Returns whether a batch has changed meanwhile.
    pub(super) async fn elements_claim(&self, elements: Vec<Claimed>, sent: &mut u32) -> Result<bool, ServiceError> {
        let mut batches: Vec<Vec<Claimed>> = Vec::new();
        for element in elements {
            match batches.iter_mut().find(|claims| claims[0].batch.id == element.batch.id) {
                Some(claims) => claims.push(element),
                None => batches.push(vec![element]),
            }
        }
        let claims = batches.into_iter().map(|claims| self.batch_claim(claims));
        let mut result = Ok(false);
        for claimed in futures::future::join_all(claims).await {
            match claimed {
                Ok(0) => result = result.map(|_| true),
                Ok(count) => *sent += count,
                Err(error) => result = Err(error),
            }
        }
        result
    }

    /// Claims elements of one batch that follow one another. Returns how many: all or none.
    async fn batch_claim(&self, claims: Vec<Claimed>) -> Result<u32, ServiceError> {
        let Some(first) = claims.first() else { return Ok(0) };
        // Those before it were claimed in rounds before this one.
        let batch = Batch { taken: first.number, ..Batch::clone(&first.batch) };
        let taken: Vec<_> = claims.iter().map(|claim| taken(&batch, claim)).collect();
        let mut write = Write::new();
        let now_ms = self.now_ms();
        batch_take(&mut write, &batch, &taken, now_ms);
        refused_end(&mut write, &claims, now_ms);
        match self.db().write(write).await {
            Ok(_) => {
                let count = u32::try_from(claims.len()).unwrap_or(u32::MAX);
                for claim in claims {
                    match claim.order {
                        Ok(order) => self.start_send(claim.run, &claim.holder, self.start(order)),
                        Err(_) => {
                            self.fleet().unbook(claim.holder.node, claim.run);
                            self.dispatch_wake();
                        }
                    }
                }
                Ok(count)
            }
            Err(error) => {
                for claim in &claims {
                    self.fleet().unbook(claim.holder.node, claim.run);
                    self.fleet().unpromise(claim.job);
                    self.holder_doubt(&claim.holder, &error);
                }
                match error {
                    DbError::Unmet { guard: "batch-next" } => Ok(0),
                    error => Err(error.into()),
                }
            }
        }
    }
}

/// Ends those that can't be started, in the transaction in which they are taken.
fn refused_end(write: &mut Write, claims: &[Claimed], at_ms: i64) {
    let mut told = Told::new();
    for claim in claims {
        let Err(NotStarted { reason, detail }) = &claim.order else { continue };
        let end = RunEnd { detail: Some(detail.clone()), ..RunEnd::untold(Outcome::Failed(*reason), at_ms) };
        told.run_ended(claim.run, &end, None);
        told.job_ended(Attempt::new(claim.job, 1), &end, None);
    }
    told.push(write);
}

fn taken(batch: &Batch, claim: &Claimed) -> Taken {
    let index = batch.first + i64::from(claim.number);
    Taken {
        job: claim.job,
        run: claim.run,
        index,
        name: claim.made.name.clone(),
        spec: claim.made.spec.clone(),
        command: claim.made.command.clone(),
        far: claim.made.far_id(),
        role: claim.made.role,
        port: claim.port,
        holder: claim.holder.clone(),
    }
}
