//! The nodes whose streams this replica holds, and what is booked on each: the memory that placement decides from.
//! It is a cache: every entry can be built again from the database and from what an agent says when it connects.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use placement::{AdminState, Algorithm, Health, Pool};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use wire::proto::{Input, ToAgent, input, to_agent};

use crate::link::wire_epoch;
use crate::model::job::JobId;
use crate::model::node::{Inventory, NodeId, health_of};
use crate::model::run::{Role, RunId};
use crate::queries::run::Holder;

/// How long a slot is kept for the near end of a measurement whose far end is starting. Milliseconds.
const PROMISE_MS: i64 = 20_000;

/// Of a node's commands that are under way, the part that may be others than starts, cancels and ends of runs: those
/// must find room, and what is typed and what is acknowledged can wait.
const OFFERS_SHARE: usize = 4;

/// A run that this replica gave to a node.
#[derive(Clone, Debug)]
pub(crate) struct Booked {
    pub(crate) job: JobId,
    pub(crate) attempt: i64,
    pub(crate) role: Role,
    /// Lease epoch it was given under.
    pub(crate) epoch: i64,
    pub(crate) port: Option<u16>,
    /// A far end: whether it said that it listens.
    pub(crate) is_ready: bool,
    /// Output taken since this replica knows the run.
    pub(crate) output_bytes: u64,
    /// Number of the input that is sent to it next.
    pub(crate) input_next: i64,
    /// Whether its job may be an element of a batch.
    pub(crate) is_element: bool,
}

impl Booked {
    /// One of which nothing was heard yet; its epoch is set when it is booked.
    pub(crate) fn new(job: JobId, attempt: i64, role: Role) -> Self {
        Self {
            job,
            attempt,
            role,
            epoch: 0,
            port: None,
            is_ready: false,
            output_bytes: 0,
            input_next: 0,
            is_element: false,
        }
    }
}

/// One connected node.
pub(crate) struct Session {
    pub(crate) name: String,
    pub(crate) epoch: i64,
    pub(crate) state: AdminState,
    pub(crate) slots: u32,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) tools: HashSet<String>,
    pub(crate) inventory: Inventory,
    pub(crate) commands: mpsc::Sender<ToAgent>,
    pub(crate) runs: HashMap<RunId, Booked>,
    /// Whether it is known what it has: it told all of it now or in an earlier life.
    pub(crate) is_known: bool,
    /// Runs the agent said it would take; `None` before it said so.
    pub(crate) credit: Option<u32>,
    /// When it was last heard of, epoch milliseconds.
    pub(crate) heard_ms: i64,
    /// Cancelled when the stream has to end: its agent does not keep up.
    pub(crate) ended: CancellationToken,
    /// Whether input waits for room among its commands.
    has_input_waiting: bool,
    health: Health,
    promises: Vec<(JobId, i64)>,
}

impl Session {
    pub(crate) fn new(name: String, epoch: i64, inventory: Inventory, commands: mpsc::Sender<ToAgent>) -> Self {
        Self {
            name,
            epoch,
            state: AdminState::Enabled,
            slots: inventory.slots,
            labels: BTreeMap::new(),
            tools: HashSet::new(),
            inventory,
            commands,
            runs: HashMap::new(),
            is_known: false,
            credit: None,
            heard_ms: 0,
            ended: CancellationToken::new(),
            has_input_waiting: false,
            health: Health::Up,
            promises: Vec::new(),
        }
    }

    /// Slots that a new run may take: none that the agent does not offer, which it does not while it is stopping.
    fn free(&self) -> u32 {
        let booked = u32::try_from(self.runs.len() + self.promises.len()).unwrap_or(u32::MAX);
        match self.credit {
            None | Some(0) => 0,
            // What the agent said may cross with runs on their way to it, so the count of those decides.
            Some(_) => self.slots.min(self.inventory.slots).saturating_sub(booked),
        }
    }

    /// Sends a command. A stream that does not take it is ended: the agent comes back, and is told anew what the
    /// database says.
    fn tell(&self, command: to_agent::Message) {
        if self.commands.try_send(ToAgent { message: Some(command) }).is_err() {
            self.ended.cancel();
        }
    }

    /// Whether there is room for a command that can wait.
    fn has_room(&self) -> bool {
        let under_way = self.commands.max_capacity() - self.commands.capacity();
        under_way < self.commands.max_capacity() / OFFERS_SHARE
    }

    fn carries(&self, labels: &BTreeMap<String, String>) -> bool {
        labels.iter().all(|(key, value)| self.labels.get(key) == Some(value))
    }
}

/// What a run needs of its node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Need<'a> {
    pub(crate) node: Option<NodeId>,
    pub(crate) labels: Option<&'a BTreeMap<String, String>>,
    pub(crate) tool: &'a str,
    /// Whose promised slot may be used.
    pub(crate) job: Option<JobId>,
    /// A node to keep away from while another will do.
    pub(crate) avoid: Option<NodeId>,
}

/// See the module's head.
pub(crate) struct Fleet {
    inner: Mutex<Inner>,
}

struct Inner {
    sessions: HashMap<NodeId, Session>,
    pool: Pool<NodeId>,
}

impl Fleet {
    pub(crate) fn new() -> Self {
        // Loads are exact here, so reservations are never used and their lifetime does not matter.
        let inner = Inner { sessions: HashMap::new(), pool: Pool::new(Duration::from_secs(1)) };
        Self { inner: Mutex::new(inner) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder of this lock panics")
    }

    /// Takes a session in; one of an older epoch is replaced.
    pub(crate) fn connect(&self, node: NodeId, session: Session) {
        let mut inner = self.lock();
        inner.pool.insert(node, session.slots.max(1));
        inner.sessions.insert(node, session);
        inner.settle(node);
    }

    /// Drops the session of this epoch, if it is still the current one. Answers the jobs whose runs it held.
    pub(crate) fn disconnect(&self, node: NodeId, epoch: i64) -> Vec<JobId> {
        let mut inner = self.lock();
        if inner.sessions.get(&node).is_none_or(|s| s.epoch != epoch) {
            return Vec::new();
        }
        inner.pool.remove(&node);
        let session = inner.sessions.remove(&node);
        session.map(|session| session.runs.values().map(|booked| booked.job).collect()).unwrap_or_default()
    }

    /// Whether a run is booked on a node of this replica.
    pub(crate) fn holds(&self, node: NodeId, run: RunId) -> bool {
        self.lock().sessions.get(&node).is_some_and(|session| session.runs.contains_key(&run))
    }

    /// Looks at or changes a session, then counts its load anew.
    pub(crate) fn with<T>(&self, node: NodeId, change: impl FnOnce(&mut Session) -> T) -> Option<T> {
        let mut inner = self.lock();
        let result = inner.sessions.get_mut(&node).map(change);
        inner.settle(node);
        result
    }

    /// How many runs its nodes take now.
    pub(crate) fn free_slots(&self) -> u32 {
        let inner = self.lock();
        let sessions = inner.sessions.values().filter(|s| s.state == AdminState::Enabled);
        // A promised slot is free for the run that it was promised to.
        sessions.map(|s| s.free() + u32::try_from(s.promises.len()).unwrap_or(u32::MAX)).sum()
    }

    /// Nodes whose streams this replica holds.
    pub(crate) fn nodes(&self) -> Vec<NodeId> {
        self.lock().sessions.keys().copied().collect()
    }

    /// Nodes whose streams this replica holds, with the epoch and the time each was last heard of.
    pub(crate) fn heard(&self) -> Vec<(NodeId, i64, i64)> {
        self.lock().sessions.iter().map(|(node, s)| (*node, s.epoch, s.heard_ms)).collect()
    }

    /// Whether an enabled node of this replica has the tool and carries the labels, busy or not.
    pub(crate) fn has_fitting(&self, tool: &str, labels: &BTreeMap<String, String>) -> bool {
        let inner = self.lock();
        let mut enabled = inner.sessions.values().filter(|s| s.state == AdminState::Enabled);
        enabled.any(|s| s.tools.contains(tool) && s.carries(labels))
    }

    /// The runs booked on each node that has some, with the epoch of its lease.
    pub(crate) fn booked(&self) -> Vec<(NodeId, i64, Vec<RunId>)> {
        let inner = self.lock();
        let busy = inner.sessions.iter().filter(|(_, s)| !s.runs.is_empty());
        busy.map(|(node, s)| (*node, s.epoch, s.runs.keys().copied().collect())).collect()
    }

    /// Whether a run is booked on some node.
    pub(crate) fn is_booked(&self, run: RunId) -> bool {
        self.lock().sessions.values().any(|session| session.runs.contains_key(&run))
    }

    /// How many runs are booked, over all nodes.
    pub(crate) fn booked_count(&self) -> u32 {
        u32::try_from(self.lock().sessions.values().map(|s| s.runs.len()).sum::<usize>()).unwrap_or(u32::MAX)
    }

    /// How many connected nodes have told their tools and given credit.
    pub(crate) fn equipped(&self) -> usize {
        self.lock().sessions.values().filter(|s| s.credit.is_some() && s.is_known).count()
    }

    /// Judges every node's health by when it was last heard of.
    pub(crate) fn judge(&self, now_ms: i64) {
        let mut inner = self.lock();
        let nodes: Vec<_> = inner.sessions.keys().copied().collect();
        for node in nodes {
            if let Some(session) = inner.sessions.get_mut(&node) {
                session.health = health_of(true, session.heard_ms, now_ms);
            }
            inner.settle(node);
        }
    }

    /// Picks a node for a run and books it there, so that the next choice sees it. A booking that comes to nothing is
    /// taken back with [`Fleet::unbook`].
    pub(crate) fn book(&self, need: &Need<'_>, run: RunId, mut booked: Booked, now_ms: i64) -> Option<Holder> {
        let mut inner = self.lock();
        let node = inner.pick(need, now_ms)?;
        if let Some(job) = need.job {
            inner.unpromise(job);
        }
        let session = inner.sessions.get_mut(&node)?;
        booked.epoch = session.epoch;
        session.runs.insert(run, booked);
        let holder = Holder { node, name: session.name.clone(), epoch: session.epoch };
        inner.settle(node);
        Some(holder)
    }

    /// Keeps a slot for the near end of a job, in place of one kept before; `false` when no node has one.
    pub(crate) fn promise(&self, need: &Need<'_>, job: JobId, now_ms: i64) -> bool {
        let mut inner = self.lock();
        inner.unpromise(job);
        let Some(node) = inner.pick(need, now_ms) else { return false };
        if let Some(session) = inner.sessions.get_mut(&node) {
            session.promises.push((job, now_ms + PROMISE_MS));
        }
        inner.settle(node);
        true
    }

    /// Gives back the slot that was kept for the near end of a job.
    pub(crate) fn unpromise(&self, job: JobId) {
        self.lock().unpromise(job);
    }

    /// Looks at or changes what is booked for a run of a node; the node's load stays what it is.
    pub(crate) fn booked_with<T>(&self, node: NodeId, run: RunId, change: impl FnOnce(&mut Booked) -> T) -> Option<T> {
        self.lock().sessions.get_mut(&node)?.runs.get_mut(&run).map(change)
    }

    /// Forgets a run of a node.
    pub(crate) fn unbook(&self, node: NodeId, run: RunId) -> Option<Booked> {
        self.with(node, |session| session.runs.remove(&run)).flatten()
    }

    /// Sends an act to the node that holds its run, under the node's present lease, if it is the one that the run takes
    /// next; the one behind it is next from then on. Where the node has no room it waits, and the node is due for it
    /// ([`Fleet::is_input_due`]) once it has. One step: two who do this at once must not change the order.
    pub(crate) fn input_send(&self, run: RunId, seq: i64, act: input::Act) {
        let mut inner = self.lock();
        let Some(session) = inner.sessions.values_mut().find(|session| session.runs.contains_key(&run)) else { return };
        let has_room = session.has_room();
        let Some(booked) = session.runs.get_mut(&run).filter(|booked| booked.input_next == seq) else { return };
        if !has_room {
            session.has_input_waiting = true;
            return;
        }
        booked.input_next += 1;
        let (run_id, epoch) = (run.to_string(), wire_epoch(session.epoch));
        let input = Input { run_id, epoch, seq: u64::try_from(seq).unwrap_or_default(), act: Some(act) };
        session.tell(to_agent::Message::Input(input));
    }

    /// Whether input waited for room among a node's commands, and there is room now. It is said once.
    pub(crate) fn is_input_due(&self, node: NodeId) -> bool {
        let mut inner = self.lock();
        let waiting = inner.sessions.get_mut(&node).filter(|session| session.has_input_waiting && session.has_room());
        waiting.is_some_and(|session| std::mem::take(&mut session.has_input_waiting))
    }

    /// Sends a command that can wait. `false`: there is no room for it.
    pub(crate) fn offer(&self, node: NodeId, command: to_agent::Message) -> bool {
        let inner = self.lock();
        let Some(session) = inner.sessions.get(&node).filter(|session| session.has_room()) else { return false };
        session.tell(command);
        true
    }

    /// Sends a command down a node's stream. A stream that does not take it is ended: the agent comes back, and is told
    /// anew what the database says.
    pub(crate) fn send(&self, node: NodeId, command: to_agent::Message) {
        if let Some(session) = self.lock().sessions.get(&node) {
            session.tell(command);
        }
    }
}

impl Inner {
    fn pick(&mut self, need: &Need<'_>, now_ms: i64) -> Option<NodeId> {
        for session in self.sessions.values_mut() {
            session.promises.retain(|(_, until_ms)| now_ms < *until_ms);
        }
        let sessions = &self.sessions;
        let fits = |node: &NodeId| {
            let Some(session) = sessions.get(node) else { return false };
            let kept = session.promises.iter().filter(|(job, _)| Some(*job) == need.job).count();
            session.free() as usize + kept > 0
                && need.node.is_none_or(|wanted| wanted == *node)
                && need.labels.is_none_or(|labels| session.carries(labels))
                && session.tools.contains(need.tool)
        };
        let mut rng = rand::rng();
        let mut pick = |avoid: Option<NodeId>| {
            self.pool.pick(Algorithm::WeightedLeastLoad, now_ms, &mut rng, |m| Some(*m.id()) != avoid && fits(m.id()))
        };
        pick(need.avoid).or_else(|| need.avoid.and_then(|_| pick(None)))
    }

    fn unpromise(&mut self, job: JobId) {
        let nodes: Vec<_> = self.sessions.keys().copied().collect();
        for node in nodes {
            let Some(session) = self.sessions.get_mut(&node) else { continue };
            let kept = session.promises.len();
            session.promises.retain(|(promised, _)| *promised != job);
            if session.promises.len() < kept {
                self.settle(node);
            }
        }
    }

    /// Tells the pool what is true of a session.
    fn settle(&mut self, node: NodeId) {
        let Some(session) = self.sessions.get(&node) else { return };
        let load = u64::try_from(session.runs.len() + session.promises.len()).unwrap_or(u64::MAX);
        let weight = session.slots.max(1);
        // A session's node is always a member, so these can't fail.
        let told = self.pool.load_set(&node, load).and(self.pool.weight_set(&node, weight));
        let told = told.and(self.pool.state_set(&node, session.state)).and(self.pool.health_set(&node, session.health));
        debug_assert!(told.is_ok());
    }
}

#[cfg(test)]
mod tests;
