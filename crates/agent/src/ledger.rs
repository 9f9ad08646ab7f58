//! What this agent owes the control plane: the runs it holds, their unacknowledged messages, and what to send next.
//!
//! Pure: no sockets, no processes, no clock. Runs write into it, the link reads from it, and a lost link changes nothing
//! but the place to go on from.

use std::collections::{HashMap, VecDeque};

use tokio::sync::{mpsc, watch};
use wire::proto::from_agent::Message;
use wire::proto::{Channel, Credit, Ended, FromAgent, Input, InputAck, Output, Refused, RefusedWhy, RunHeld, Started};

mod held;
mod input;

use held::Held;

pub(crate) use input::Numbered;

/// Unacknowledged output of all runs, in bytes, above which no new run is taken.
const MAX_OWED_BYTES: usize = 64 * 1024 * 1024;
/// What a run costs besides its output, in bytes, roughly.
const RUN_BYTES: usize = 1024;

/// Why a run is told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The control plane cancelled it.
    Cancelled,
    /// The agent itself ends.
    AgentStopped,
}

/// Answer to a `Start`.
pub(crate) enum Begin {
    /// Start it, and end it when the watch says so.
    Run(watch::Receiver<Option<Stop>>),
    /// It is held already: nothing to do.
    Held,
    Refused(RefusedWhy),
}

enum Ready {
    Run(String),
    Credit,
    Message(Box<FromAgent>),
}

/// See the module's description.
pub(crate) struct Ledger {
    epoch: u64,
    slots: u32,
    is_closing: bool,
    running: u32,
    owed_bytes: usize,
    runs: HashMap<String, Held>,
    ready: VecDeque<Ready>,
    is_credit_queued: bool,
    credit_sent: Option<u32>,
}

impl Ledger {
    /// Starts empty; commands below `epoch` are refused.
    pub(crate) fn new(slots: u32, epoch: u64) -> Self {
        Self {
            epoch,
            slots,
            is_closing: false,
            running: 0,
            owed_bytes: 0,
            runs: HashMap::new(),
            ready: VecDeque::new(),
            is_credit_queued: false,
            credit_sent: None,
        }
    }

    /// The highest epoch seen.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Keeps the highest epoch.
    pub(crate) fn epoch_seen(&mut self, epoch: u64) {
        self.epoch = self.epoch.max(epoch);
    }

    /// Whether nothing is held any more.
    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Messages and runs that wait for the link.
    pub(crate) fn backlog(&self) -> usize {
        self.ready.len()
    }

    /// Runs that would be taken now.
    pub(crate) fn free_slots(&self) -> u32 {
        let owed = self.owed_bytes + self.runs.len() * RUN_BYTES;
        if self.is_closing || owed > MAX_OWED_BYTES { 0 } else { self.slots.saturating_sub(self.running) }
    }

    /// Takes a run in, unless it is held, too old, or one too many.
    pub(crate) fn run_begin(&mut self, run: &str, epoch: u64) -> Begin {
        if epoch < self.epoch {
            return Begin::Refused(RefusedWhy::OldEpoch);
        }
        if self.runs.contains_key(run) {
            return Begin::Held;
        }
        if self.free_slots() == 0 {
            return Begin::Refused(RefusedWhy::NoSlot);
        }
        let (stop, stopped) = watch::channel(None);
        self.runs.insert(run.to_owned(), Held::new(epoch, stop));
        self.running += 1;
        self.credit_queue();
        Begin::Run(stopped)
    }

    /// Tells a run to end; one that has ended is left alone.
    pub(crate) fn run_cancel(&mut self, run: &str, epoch: u64) -> Result<(), RefusedWhy> {
        if epoch < self.epoch {
            return Err(RefusedWhy::OldEpoch);
        }
        self.runs.get(run).ok_or(RefusedWhy::UnknownRun)?.stop(Stop::Cancelled);
        Ok(())
    }

    /// Takes no more runs and tells those that are left to end.
    pub(crate) fn close(&mut self) {
        self.is_closing = true;
        self.runs.values().for_each(|held| held.stop(Stop::AgentStopped));
    }

    /// The process runs.
    pub(crate) fn run_started(&mut self, run: &str, at_ms: i64, argv: Vec<String>) {
        if let Some(held) = self.runs.get_mut(run) {
            let epoch = held.epoch();
            held.set_started(Started { run_id: run.to_owned(), epoch, at_ms, argv });
            self.run_queue(run);
        }
    }

    /// The run takes what people do at it from now on: it comes out of the receiver in order, each number once.
    pub(crate) fn run_open_input(&mut self, run: &str) -> mpsc::UnboundedReceiver<Numbered> {
        let (sender, receiver) = mpsc::unbounded_channel();
        if let Some(held) = self.runs.get_mut(run) {
            held.input.open(sender);
        }
        receiver
    }

    /// What somebody did at a run. What comes too late, or to a run that takes nothing, is acknowledged and dropped.
    pub(crate) fn run_input(&mut self, input: Input) -> Result<(), RefusedWhy> {
        if input.epoch < self.epoch {
            return Err(RefusedWhy::OldEpoch);
        }
        let Input { run_id, epoch, seq, act } = input;
        match self.runs.get_mut(&run_id) {
            Some(held) if held.input.is_open() => {
                held.input.take(seq, act);
                self.run_queue(&run_id);
            }
            held => {
                let epoch = held.map_or(epoch, |held| held.epoch());
                self.say(Message::InputAck(InputAck { run_id, epoch, next_seq: seq.saturating_add(1) }));
            }
        }
        Ok(())
    }

    /// The program has had all input below `next_seq`.
    pub(crate) fn run_input_used(&mut self, run: &str, next_seq: u64) {
        if let Some(held) = self.runs.get_mut(run) {
            held.input.used(next_seq);
            self.run_queue(run);
        }
    }

    /// The process printed something.
    pub(crate) fn run_output(&mut self, run: &str, channel: Channel, data: &[u8], at_ms: i64) {
        if let Some(held) = self.runs.get_mut(run) {
            held.push(channel, data, at_ms);
            self.owed_bytes += data.len();
            self.run_queue(run);
        }
    }

    /// The run is over; `ended.run_id`, `epoch` and `output_chunks` are filled in here.
    pub(crate) fn run_ended(&mut self, run: &str, ended: Ended) {
        if let Some(held) = self.runs.get_mut(run)
            && held.set_ended(run, ended)
        {
            self.running -= 1;
            self.run_queue(run);
            self.credit_queue();
        }
    }

    /// All output below `next_seq` is safe at the other end.
    pub(crate) fn on_output_ack(&mut self, run: &str, next_seq: u64) {
        if let Some(held) = self.runs.get_mut(run) {
            self.owed_bytes -= held.acknowledge(next_seq);
            self.run_queue(run);
            self.credit_queue();
        }
    }

    /// The end is safe at the other end: the run is forgotten. One that still runs is kept.
    pub(crate) fn on_ended_ack(&mut self, run: &str) {
        if self.runs.get(run).is_some_and(Held::is_ended)
            && let Some(held) = self.runs.remove(run)
        {
            self.owed_bytes -= held.owed_bytes();
            self.credit_queue();
        }
    }

    /// What `Hello` lists.
    pub(crate) fn held(&self) -> Vec<RunHeld> {
        let held = self.runs.iter();
        held.map(|(id, held)| RunHeld {
            run_id: id.clone(),
            epoch: held.epoch(),
            ended: held.is_ended(),
            input_seq: held.input.next_seq(),
        })
        .collect()
    }

    /// A new stream: everything unacknowledged is sent again, credit first.
    pub(crate) fn on_welcome(&mut self) {
        self.ready.clear();
        self.is_credit_queued = false;
        self.credit_sent = None;
        self.credit_queue();
        for (id, held) in &mut self.runs {
            held.rewind();
            if held.has_next() {
                self.ready.push_back(Ready::Run(id.clone()));
                held.set_queued(true);
            }
        }
    }

    /// Queues a refusal.
    pub(crate) fn refuse(&mut self, run_id: String, epoch: u64, why: RefusedWhy) {
        self.say(Message::Refused(Refused { run_id, epoch, why: why.into() }));
    }

    /// Queues any other message for the present stream.
    pub(crate) fn say(&mut self, message: Message) {
        self.ready.push_back(Ready::Message(Box::new(FromAgent { message: Some(message) })));
    }

    /// The next message to send; runs take turns, one message each.
    pub(crate) fn next(&mut self) -> Option<FromAgent> {
        while let Some(ready) = self.ready.pop_front() {
            let message = match ready {
                Ready::Message(message) => Some(*message),
                Ready::Credit => self.credit_next(),
                Ready::Run(id) => self.run_next(id),
            };
            if message.is_some() {
                return message;
            }
        }
        None
    }

    fn credit_next(&mut self) -> Option<FromAgent> {
        self.is_credit_queued = false;
        let free_slots = self.free_slots();
        if self.credit_sent == Some(free_slots) {
            return None;
        }
        self.credit_sent = Some(free_slots);
        Some(FromAgent { message: Some(Message::Credit(Credit { free_slots })) })
    }

    fn run_next(&mut self, id: String) -> Option<FromAgent> {
        let held = self.runs.get_mut(&id)?;
        let message = held.next(&id);
        let has_more = held.has_next();
        held.set_queued(has_more);
        if has_more {
            self.ready.push_back(Ready::Run(id));
        }
        Some(FromAgent { message: Some(message?) })
    }

    fn run_queue(&mut self, run: &str) {
        if let Some(held) = self.runs.get_mut(run)
            && !held.is_queued()
            && held.has_next()
        {
            held.set_queued(true);
            self.ready.push_back(Ready::Run(run.to_owned()));
        }
    }

    /// Queues the number of free slots when it differs from what the control plane knows.
    fn credit_queue(&mut self) {
        if !self.is_credit_queued && self.credit_sent != Some(self.free_slots()) {
            self.is_credit_queued = true;
            self.ready.push_back(Ready::Credit);
        }
    }
}

#[cfg(test)]
mod tests;
