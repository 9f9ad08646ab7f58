//! What waits for a node, as far as this replica has read it: runs, and batches whose elements are left to take. Tenants
//! take turns, then a tenant's accounts; an account's own runs come before the elements of its batches, and its oldest
//! run first. It is a cache: everything in it stands in the database.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::model::batch::{Batch, BatchId};
use crate::model::job::{JobId, JobKind};
use crate::model::node::NodeId;
use crate::model::run::{Role, RunId};
use crate::model::turns::Turns;
use crate::queries::queue::Waiting;

/// What a run needs of its node; runs that need the same are placed or left together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct NeedKey {
    pub(crate) role: Role,
    /// The node that the run itself has to be on.
    pub(crate) node: Option<NodeId>,
    /// The node that the job's near run has to be on.
    pub(crate) near_node: Option<NodeId>,
    pub(crate) far_node: Option<NodeId>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) tool: String,
    /// Set where a slot may be promised to this very job.
    pub(crate) job: Option<JobId>,
    /// Set where elements may aim at different nodes, which may be busy.
    batch: Option<BatchId>,
}

impl NeedKey {
    /// What a run needs.
    pub(crate) fn of_run(waiting: &Waiting) -> Self {
        Self {
            role: waiting.role,
            node: waiting.wanted_node,
            near_node: waiting.near_node,
            far_node: waiting.far_node,
            labels: waiting.labels.clone(),
            tool: waiting.tool.clone(),
            job: waiting.port.map(|_| waiting.job),
            batch: None,
        }
    }

    fn of_batch(batch: &Batch) -> Self {
        Self {
            role: Role::Near,
            node: batch.wanted_node,
            near_node: batch.wanted_node,
            far_node: None,
            labels: batch.wanted_labels.clone(),
            tool: batch.tool.clone(),
            job: None,
            batch: Some(batch.id).filter(|_| batch.kind == JobKind::Experiment),
        }
    }
}

/// A number that stands for a [`NeedKey`] while the backlog lives.
type NeedId = usize;

/// Needs that no node meets now.
#[derive(Debug, Default)]
pub(crate) struct Blocked(HashSet<NeedId>);

/// Something whose turn it is.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Run(Box<Waiting>),
    /// An element of a batch, counted from 0.
    Element(Arc<Batch>, u32),
}

/// Whose turn it is, and for what.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) item: Item,
    need: NeedId,
    tenant: String,
    account: String,
}

/// A batch, and how many of its elements were handed out.
struct OpenBatch {
    batch: Arc<Batch>,
    handed: u32,
    need: NeedId,
}

#[derive(Default)]
struct Account {
    runs: Vec<(NeedId, VecDeque<Waiting>)>,
    batches: Vec<OpenBatch>,
}

impl Account {
    fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.batches.is_empty()
    }

    fn is_ready(&self, blocked: &Blocked) -> bool {
        let mut needs = self.runs.iter().map(|(need, _)| need).chain(self.batches.iter().map(|open| &open.need));
        needs.any(|need| !blocked.0.contains(need))
    }

    fn first(&self, blocked: &Blocked) -> Option<(NeedId, Item)> {
        let runs = self.runs.iter().filter(|(need, _)| !blocked.0.contains(need));
        let oldest = runs.filter_map(|(need, runs)| Some((*need, runs.front()?))).min_by_key(|(_, first)| first.run);
        if let Some((need, first)) = oldest {
            return Some((need, Item::Run(Box::new(first.clone()))));
        }
        let open = self.batches.iter().find(|open| !blocked.0.contains(&open.need))?;
        Some((open.need, Item::Element(open.batch.clone(), open.handed)))
    }
}

#[derive(Default)]
struct Tenant {
    accounts: BTreeMap<String, Account>,
    turns: Turns<String>,
}

/// See the module's head.
#[derive(Default)]
pub(crate) struct Backlog {
    tenants: BTreeMap<String, Tenant>,
    turns: Turns<String>,
    needs: Vec<NeedKey>,
    known_needs: HashMap<NeedKey, NeedId>,
    runs: HashSet<RunId>,
}

impl Backlog {
    /// Runs in it; elements of batches are not counted.
    pub(crate) fn runs(&self) -> usize {
        self.runs.len()
    }

    /// Whether nothing waits, neither runs nor elements of batches.
    pub(crate) fn is_empty(&self) -> bool {
        self.tenants.is_empty()
    }

    /// Takes a run in, unless it is there.
    pub(crate) fn push(&mut self, waiting: Waiting) {
        if !self.runs.insert(waiting.run) {
            return;
        }
        let need = self.need_id(NeedKey::of_run(&waiting));
        let account = self.account(&waiting.tenant, &waiting.account);
        match account.runs.iter_mut().find(|(known, _)| *known == need) {
            Some((_, runs)) => {
                let place = runs.partition_point(|other| other.run < waiting.run);
                runs.insert(place, waiting);
            }
            None => account.runs.push((need, VecDeque::from([waiting]))),
        }
    }

    /// Takes the open batches as they are stored, in place of those known.
    pub(crate) fn batches_set(&mut self, batches: Vec<Batch>) {
        self.accounts_clear(|account| account.batches.clear());
        for batch in batches {
            let need = self.need_id(NeedKey::of_batch(&batch));
            let (handed, batch) = (batch.taken, Arc::new(batch));
            let account = self.account(&batch.tenant, &batch.account);
            account.batches.push(OpenBatch { batch, handed, need });
        }
    }

    /// Forgets all runs, to be read anew.
    pub(crate) fn runs_clear(&mut self) {
        self.runs.clear();
        self.accounts_clear(|account| account.runs.clear());
        self.needs_renew();
    }

    /// Forgets what nothing needs any more: what is left are batches.
    fn needs_renew(&mut self) {
        (self.needs, self.known_needs) = (Vec::new(), HashMap::new());
        let mut tenants = std::mem::take(&mut self.tenants);
        let accounts = tenants.values_mut().flat_map(|tenant| tenant.accounts.values_mut());
        for open in accounts.flat_map(|account| &mut account.batches) {
            open.need = self.need_id(NeedKey::of_batch(&open.batch));
        }
        self.tenants = tenants;
    }

    fn accounts_clear(&mut self, clear: impl Fn(&mut Account)) {
        self.tenants.retain(|_, tenant| {
            tenant.accounts.retain(|_, account| {
                clear(account);
                !account.is_empty()
            });
            tenant.turns.prune();
            !tenant.accounts.is_empty()
        });
        self.turns.prune();
    }

    /// Whose turn it is among those whose needs are not blocked.
    pub(crate) fn peek(&self, blocked: &Blocked) -> Option<Turn> {
        let is_ready = |tenant: &Tenant| tenant.accounts.values().any(|account| account.is_ready(blocked));
        let tenants = self.tenants.iter().filter(|(_, tenant)| is_ready(tenant));
        let (tenant, held) = tenants.min_by_key(|(name, _)| self.turns.tag(name))?;
        let accounts = held.accounts.iter().filter(|(_, account)| account.is_ready(blocked));
        let (account, wants) = accounts.min_by_key(|(name, _)| held.turns.tag(name))?;
        let (need, item) = wants.first(blocked)?;
        Some(Turn { item, need, tenant: tenant.clone(), account: account.clone() })
    }

    /// The turn was taken: its item is out of the backlog.
    pub(crate) fn take(&mut self, turn: &Turn) {
        let Some(tenant) = self.tenants.get_mut(&turn.tenant) else { return };
        let Some(account) = tenant.accounts.get_mut(&turn.account) else { return };
        match &turn.item {
            Item::Run(waiting) => {
                self.runs.remove(&waiting.run);
                for (_, runs) in account.runs.iter_mut().filter(|(need, _)| *need == turn.need) {
                    runs.pop_front();
                }
                account.runs.retain(|(_, runs)| !runs.is_empty());
            }
            Item::Element(batch, _) => {
                for open in account.batches.iter_mut().filter(|open| open.batch.id == batch.id) {
                    open.handed += 1;
                }
                account.batches.retain(|open| open.handed < open.batch.count);
            }
        }
        tenant.turns.take(&turn.account);
        self.turns.take(&turn.tenant);
        if account.is_empty() {
            tenant.accounts.remove(&turn.account);
        }
        if tenant.accounts.is_empty() {
            self.tenants.remove(&turn.tenant);
        }
    }

    /// Forgets the batch whose turn it is until it is read anew; nobody was served.
    pub(crate) fn skip(&mut self, turn: &Turn) {
        let Item::Element(batch, _) = &turn.item else { return };
        let Some(tenant) = self.tenants.get_mut(&turn.tenant) else { return };
        if let Some(account) = tenant.accounts.get_mut(&turn.account) {
            account.batches.retain(|open| open.batch.id != batch.id);
        }
        tenant.accounts.retain(|_, account| !account.is_empty());
        if tenant.accounts.is_empty() {
            self.tenants.remove(&turn.tenant);
        }
    }

    /// What a turn's item needs of its node.
    pub(crate) fn need(&self, turn: &Turn) -> &NeedKey {
        &self.needs[turn.need]
    }

    fn need_id(&mut self, key: NeedKey) -> NeedId {
        if let Some(id) = self.known_needs.get(&key) {
            return *id;
        }
        self.needs.push(key.clone());
        self.known_needs.insert(key, self.needs.len() - 1);
        self.needs.len() - 1
    }

    fn account(&mut self, tenant: &str, account: &str) -> &mut Account {
        let tenant = self.tenants.entry(tenant.to_owned()).or_default();
        tenant.accounts.entry(account.to_owned()).or_default()
    }
}

impl Blocked {
    /// No node meets what this turn's item needs.
    pub(crate) fn add(&mut self, turn: &Turn) {
        self.0.insert(turn.need);
    }
}

#[cfg(test)]
mod tests;
