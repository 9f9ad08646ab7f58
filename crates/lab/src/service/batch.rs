//! Submission of a batch: the same work many times over, accepted as a whole or not at all.

use std::collections::BTreeMap;

use db::{DbError, Write};
use portal::{Caller, Role};
use sha2::{Digest, Sha256};

use super::ServiceError;
use super::element::element_role;
use super::submit::{Submission, check_key, shown};
use super::target::Targets;
use crate::Lab;
use crate::model::batch::{Batch, BatchId, ELEMENTS_MAX, Tally, Template, has_placeholder};
use crate::model::job::{JobId, checked_name};
use crate::model::node::{AdminState, Health, Node};
use crate::model::run::RunId;
use crate::model::work::Work;
use crate::queries::batch::{
    ElementQuota, batch_counts, batch_get, batch_get_by_idempotency, batch_insert, batch_parameters_insert,
};
use crate::queries::element::{Placed, elements_place};
use crate::queries::node::{node_find, node_list};
use crate::queries::source::source_insert;

/// Parameters of one element, at most, and bytes of each.
const PARAMETERS_MAX: usize = 9;
const PARAMETER_BYTES: usize = 1_000;

/// Over what a batch is spread.
#[derive(Clone, Debug)]
pub(crate) enum Spread {
    /// Every index from the first to the last.
    Index { from: i64, to: i64 },
    /// One element for each list of parameters, its index from 1.
    Parameters(Vec<Vec<String>>),
    /// One element for each node that can run it now, its index from 1.
    EachNode,
}

/// What a caller asks for.
#[derive(Clone, Debug)]
pub(crate) struct BatchSubmission {
    pub(crate) template: Template,
    pub(crate) spread: Spread,
    /// UID or name of the one node to run on.
    pub(crate) node: Option<String>,
    /// Labels that the node has to carry.
    pub(crate) on: BTreeMap<String, String>,
    pub(crate) name: Option<String>,
    pub(crate) idempotency: Option<String>,
    /// Digest of the request, so that the same key with another one is told.
    pub(crate) request: String,
}

impl BatchSubmission {
    /// A digest of whatever a request consists of.
    pub(crate) fn digest(request: &[u8]) -> String {
        format!("{:x}", Sha256::digest(request))
    }

    /// Index of the first element, and how many there are. `nodes` is on how many each is to run.
    fn count(&self, nodes: usize) -> Result<(i64, u32), ServiceError> {
        let (first, count) = match &self.spread {
            Spread::Index { from, to } => (*from, to.checked_sub(*from).and_then(|last| last.checked_add(1))),
            Spread::Parameters(parameters) => (1, i64::try_from(parameters.len()).ok()),
            Spread::EachNode => (1, i64::try_from(nodes).ok()),
        };
        let count =
            count.and_then(|count| u32::try_from(count).ok()).filter(|count| (1..=ELEMENTS_MAX).contains(count));
        count.map(|count| (first, count)).ok_or_else(|| self.size_error())
    }

    /// Why it has no elements, or too many.
    fn size_error(&self) -> ServiceError {
        let field = match &self.spread {
            Spread::Index { from, to } if to.saturating_add(1) < *from => {
                return ServiceError::BatchReversed { from: *from, to: *to };
            }
            Spread::Index { .. } => "array",
            Spread::Parameters(_) if matches!(self.template, Template::Inputs(_)) => "inputs",
            Spread::Parameters(_) => "parameters",
            Spread::EachNode => "each_node",
        };
        ServiceError::BatchSize { field }
    }

    fn parameters(&self, number: u32) -> &[String] {
        match &self.spread {
            Spread::Index { .. } | Spread::EachNode => &[],
            Spread::Parameters(parameters) => parameters.get(number as usize).map(Vec::as_slice).unwrap_or_default(),
        }
    }

    fn check_parameters(&self) -> Result<(), ServiceError> {
        let Spread::Parameters(parameters) = &self.spread else { return Ok(()) };
        if matches!(self.template, Template::Inputs(_)) {
            // Each is checked with its element.
            return Ok(());
        }
        let fits = |value: &String| value.len() <= PARAMETER_BYTES && !value.contains('\0');
        let are_fine = |values: &Vec<String>| values.len() <= PARAMETERS_MAX && values.iter().all(fits);
        let Some(number) = parameters.iter().position(|values| !are_fine(values)) else { return Ok(()) };
        let sentence = format!(
            "An element has at most {PARAMETERS_MAX} parameters, each of at most {PARAMETER_BYTES} bytes without NUL."
        );
        let error = Box::new(ServiceError::Request { field: "parameters", sentence });
        Err(ServiceError::Element { field: format!("parameters[{number}]"), error })
    }

    fn check_input(&self) -> Result<(), ServiceError> {
        match &self.template {
            Template::Program(program) | Template::Inputs(program) if program.is_interactive() => {
                let sentence =
                    "Nobody can type into a batch; give stdin, and leave interactive and terminal out.".to_owned();
                Err(ServiceError::Request { field: "interactive", sentence })
            }
            Template::Program(_) | Template::Inputs(_) | Template::Fixed(_) | Template::Tool { .. } => Ok(()),
        }
    }

    fn element(&self, first: i64, number: u32) -> Result<Work, ServiceError> {
        let element = self.template.element(first + i64::from(number), self.parameters(number));
        element.map_err(|refusal| self.element_error(number, refusal.into()))
    }

    /// How many elements have to be looked at: one where all are alike.
    fn different(&self, count: u32) -> u32 {
        let is_spread = matches!(self.spread, Spread::Parameters(_));
        let do_differ = match &self.template {
            Template::Fixed(_) => false,
            Template::Tool { args, .. } => is_spread || has_placeholder(args),
            Template::Program(program) | Template::Inputs(program) => is_spread || has_placeholder(program.args()),
        };
        if do_differ { count } else { 1 }
    }

    /// Refuses what a job would be refused for, one element after the other where they differ: nothing could be done
    /// about it later. None is kept, for all of them together may be large.
    fn check_elements(&self, first: i64, count: u32, targets: &Targets) -> Result<(), ServiceError> {
        (0..self.different(count)).try_for_each(|number| {
            let checked = match &self.template {
                Template::Program(_) | Template::Inputs(_) => {
                    self.template.check(first + i64::from(number), self.parameters(number)).map_err(Into::into)
                }
                Template::Fixed(_) | Template::Tool { .. } => {
                    self.element(first, number)?.experiment().map_or(Ok(()), |experiment| targets.check(experiment))
                }
            };
            checked.map_err(|error| self.element_error(number, error))
        })
    }

    /// Names the parameters or the input that an error is about.
    fn element_error(&self, number: u32, error: ServiceError) -> ServiceError {
        let list = match (&self.spread, &self.template) {
            (Spread::Index { .. } | Spread::EachNode, _) => return error,
            (Spread::Parameters(_), Template::Inputs(_)) => "inputs",
            (Spread::Parameters(_), Template::Fixed(_) | Template::Tool { .. } | Template::Program(_)) => "parameters",
        };
        // What is wrong with the first may be wrong with all, unless it is what the elements differ in.
        let is_own = match &error {
            ServiceError::Refused(refusal) => {
                matches!(refusal.field().as_deref(), Some("destination" | "args" | "inputs"))
            }
            _ => false,
        };
        if number > 0 || is_own {
            ServiceError::Element { field: format!("{list}[{number}]"), error: Box::new(error) }
        } else {
            error
        }
    }
}

/// What is known of a batch that is acceptable.
struct Checked {
    /// Those that each have an element.
    nodes: Vec<Node>,
    /// Index of the first element.
    first: i64,
    count: u32,
    /// Of the first element.
    work: Work,
}

impl Lab {
    /// Takes a batch into the queue. It is durable when this returns.
    pub(crate) async fn batch_submit(&self, caller: &Caller, wanted: BatchSubmission) -> Result<Batch, ServiceError> {
        let name = checked_name(wanted.name.as_deref().unwrap_or_default())?;
        if let Some(key) = &wanted.idempotency {
            check_key(key)?;
            if let Some(batch) = self.batch_of_key(caller, key, &wanted.request).await? {
                return Ok(batch);
            }
        }
        let Checked { nodes, first, count, work } = self.batch_checked(caller, &wanted).await?;
        let batch = self.batch_new(caller, &wanted, name, &work, (first, count)).await?;
        self.batch_accept(caller, &wanted, &work, batch, &nodes).await
    }

    /// Everything that [`Lab::batch_submit`] refuses but for what the account has submitted before, without submitting.
    pub(crate) async fn batch_check(&self, caller: &Caller, wanted: &BatchSubmission) -> Result<(), ServiceError> {
        checked_name(wanted.name.as_deref().unwrap_or_default())?;
        self.batch_checked(caller, wanted).await.map(drop)
    }

    async fn batch_checked(&self, caller: &Caller, wanted: &BatchSubmission) -> Result<Checked, ServiceError> {
        let nodes = match wanted.spread {
            Spread::EachNode => self.fitting_nodes(wanted).await?,
            Spread::Index { .. } | Spread::Parameters(_) => Vec::new(),
        };
        let (first, count) = wanted.count(nodes.len())?;
        let max = self.policy().account_elements_max;
        if count > max && !caller.has(Role::Teacher) {
            return Err(ServiceError::BatchTooLarge { count, max });
        }
        wanted.check_parameters()?;
        wanted.check_input()?;
        let work = self.works_check(wanted, first, count).await?;
        Ok(Checked { nodes, first, count, work })
    }

    /// Refuses what a job would be refused for. Returns the work of the first element.
    async fn works_check(&self, wanted: &BatchSubmission, first: i64, count: u32) -> Result<Work, ServiceError> {
        let work = wanted.element(first, 0)?;
        let alike = Submission {
            work: work.clone(),
            node: wanted.node.clone(),
            on: wanted.on.clone(),
            name: None,
            idempotency: None,
        };
        let near = self.places_of_batch(&alike).await.map_err(|error| wanted.element_error(0, error))?;
        let targets = self.targets(near.as_ref()).await?;
        let wanted = wanted.clone();
        let checked = tokio::task::spawn_blocking(move || wanted.check_elements(first, count, &targets)).await;
        checked.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
        Ok(work)
    }

    async fn batch_new(
        &self,
        caller: &Caller,
        wanted: &BatchSubmission,
        name: String,
        work: &Work,
        (first, count): (i64, u32),
    ) -> Result<Batch, ServiceError> {
        let (args, command) = match &wanted.template {
            Template::Tool { tool, args } => (Some(args.clone()), format!("{tool} {}", args.join(" "))),
            Template::Fixed(work) => (None, work.command_line(self.languages())),
            Template::Program(program) | Template::Inputs(program) => (None, program.command_line(self.languages())),
        };
        let command = shown(command);
        let spec = match &wanted.template {
            Template::Program(program) | Template::Inputs(program) => program.to_json(),
            Template::Fixed(_) | Template::Tool { .. } => work.to_json(),
        };
        let node = match &wanted.node {
            Some(name) => node_find(self.db(), name).await?.map(|node| node.id),
            None => None,
        };
        Ok(Batch {
            id: BatchId::generate(),
            tenant: caller.tenant.to_string(),
            account: caller.account.to_string(),
            owner: caller.login.clone(),
            name: if name.is_empty() { Batch::unnamed(&command) } else { name },
            kind: work.kind(),
            tool: work.needs().to_owned(),
            spec,
            args,
            source: work.source().map(|source| source.digest),
            command,
            wanted_node: node,
            wanted_labels: wanted.on.clone(),
            first,
            count,
            has_parameters: matches!(wanted.spread, Spread::Parameters(_)),
            has_inputs: matches!(wanted.template, Template::Inputs(_)),
            is_each_node: matches!(wanted.spread, Spread::EachNode),
            // Those for each node wait for theirs at once.
            taken: if matches!(wanted.spread, Spread::EachNode) { count } else { 0 },
            tally: Tally::default(),
            is_cancelled: false,
            is_stranded: false,
            created_ms: self.now_ms(),
        })
    }

    async fn batch_accept(
        &self,
        caller: &Caller,
        wanted: &BatchSubmission,
        work: &Work,
        batch: Batch,
        nodes: &[Node],
    ) -> Result<Batch, ServiceError> {
        let policy = self.policy();
        let quota = (!caller.has(Role::Teacher))
            .then(|| ElementQuota { elements_max: policy.account_elements_max, hourly_max: policy.account_hourly_max });
        let mut write = Write::new();
        if let Some(source) = work.source() {
            source_insert(&mut write, &source.digest, &source.data, batch.created_ms);
        }
        batch_insert(&mut write, &batch, &wanted.request, wanted.idempotency.as_deref(), quota.as_ref());
        if let Spread::Parameters(parameters) = &wanted.spread {
            batch_parameters_insert(&mut write, batch.id, parameters);
        }
        if matches!(wanted.spread, Spread::EachNode) {
            elements_place(
                &mut write,
                batch.id,
                &self.placed(&batch, &wanted.template, nodes).await?,
                batch.created_ms,
            );
        }
        write.push_event("queue");
        write.push_event("jobs");
        match self.db().write(write).await {
            Ok(_) => {
                metrics::counter!("amphi_job_submitted_total").increment(u64::from(batch.count));
                Ok(batch)
            }
            Err(DbError::Duplicate) => {
                let key = wanted.idempotency.as_deref().unwrap_or_default();
                let found = self.batch_of_key(caller, key, &wanted.request).await?;
                found.ok_or(ServiceError::Db(DbError::Duplicate))
            }
            Err(DbError::Unmet { guard: "batch-quota" }) => Err(self.elements_error(caller, &batch).await?),
            Err(error) => Err(error.into()),
        }
    }

    /// Which quota a batch breaks.
    async fn elements_error(&self, caller: &Caller, batch: &Batch) -> Result<ServiceError, ServiceError> {
        let policy = self.policy();
        let max = policy.account_elements_max;
        let (waiting, submitted) = batch_counts(self.db(), caller.account.as_str(), batch.created_ms).await?;
        Ok(if waiting.saturating_add(batch.count) > max {
            ServiceError::TooManyElements { waiting, max }
        } else if submitted.saturating_add(batch.count) > max {
            ServiceError::TooManyElementsHourly { submitted, max }
        } else {
            ServiceError::TooManyHourly { max: policy.account_hourly_max }
        })
    }

    /// The nodes that can run it now.
    async fn fitting_nodes(&self, wanted: &BatchSubmission) -> Result<Vec<Node>, ServiceError> {
        let tool = wanted.template.needs();
        let now_ms = self.now_ms();
        let mut nodes = node_list(self.db()).await?;
        nodes.retain(|node| {
            node.state == AdminState::Enabled
                && node.health(now_ms) == Health::Up
                && node.has_tool(tool)
                && wanted.on.iter().all(|(key, value)| node.labels.get(key) == Some(value))
        });
        if nodes.is_empty() {
            self.check_some_node_fits(wanted.template.kind(), tool, &wanted.on).await?;
            return Err(ServiceError::NoNodeUp { tool: tool.to_owned() });
        }
        Ok(nodes)
    }

    /// The batch that this key made before. Errors: it was another request.
    async fn batch_of_key(&self, caller: &Caller, key: &str, request: &str) -> Result<Option<Batch>, ServiceError> {
        match batch_get_by_idempotency(self.db(), caller.account.as_str(), key).await? {
            Some((id, before)) if before == request => Ok(batch_get(self.db(), id).await?),
            Some(_) => Err(ServiceError::IdempotencyReused),
            None => Ok(None),
        }
    }

    /// An element for each of the nodes.
    async fn placed(&self, batch: &Batch, template: &Template, nodes: &[Node]) -> Result<Vec<Placed>, ServiceError> {
        let is_own = template.is_filled(&[]);
        let known = self.known_nodes().await?;
        let mut placed = Vec::with_capacity(nodes.len());
        for (index, node) in (batch.first..).zip(nodes) {
            let work = template.element(index, &[])?;
            let far = known.far_of(&work).map(|far| far.id);
            placed.push(Placed {
                job: JobId::generate(),
                run: RunId::generate(),
                index,
                name: batch.element_name(index, &[], Some(&node.name)),
                spec: is_own.then(|| work.to_json()),
                command: is_own.then(|| shown(work.command_line(self.languages()))),
                node: node.id,
                far,
                role: element_role(&work, far),
            });
        }
        Ok(placed)
    }
}
