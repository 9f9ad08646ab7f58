//! What agents say of their runs, turned into one transaction per group of messages. Everything here may arrive twice:
//! a repeated message changes nothing and is acknowledged again.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use db::Engine;
use wire::proto::{Cancel, Certificate, Channel, Ended, EndedAck, FromAgent, InputAck, Output, Refused, RefusedWhy};
use wire::proto::{Renew, Started, Tools, from_agent, to_agent};

use super::acks::Acks;
use super::admit::wire_epoch;
use super::verdict::{outcome, run_end_of};
use crate::Lab;
use crate::fleet::Booked;
use crate::model::experiment::OUTPUT_BYTES;
use crate::model::job::{ErrorReason, JobId};
use crate::model::node::{InstalledTool, NodeId};
use crate::model::run::{Outcome, Role, RunId};
use crate::model::tool::tool;
use crate::queries::input::{input_taken, inputs_delete};
use crate::queries::job::job_waiting;
use crate::queries::node::node_tools_set;
use crate::queries::output::{Chunk, outputs_insert};
use crate::queries::queue::run_give_back;
use crate::queries::run::{RunEnd, job_cancel_idle, run_list_on};
use crate::queries::told::{Attempt, Start, Told};
use crate::service::ServiceError;
use crate::service::live::{Printed, output_topic};
use crate::service::run::Loss;

/// Bytes of one run's output that are kept whatever its agent sends: a program's compiler prints too.
const OUTPUT_MAX: u64 = 2 * OUTPUT_BYTES + 128 * 1024;

/// One group of messages of one node.
pub(super) struct Group<'a> {
    lab: &'a Lab,
    node: NodeId,
    epoch: i64,
    write: db::Write,
    /// Runs that were started and, so far, not ended.
    started: HashMap<RunId, (Booked, Start)>,
    told: Told,
    chunks: Vec<(RunId, Arc<Chunk>)>,
    /// Runs that take no input any more.
    takers: Vec<RunId>,
    /// Jobs that may have nothing to go on for, and since when.
    idle: Vec<(JobId, i64)>,
    topics: BTreeSet<String>,
    /// Output for those who watch, once it is stored.
    printed: Vec<Printed>,
    /// By run, the number behind its output and the bytes of that.
    safe: HashMap<String, (u64, usize)>,
    /// Runs that were lost by a fault of the node, with what it says of it.
    lost: HashMap<RunId, Option<String>>,
    /// Runs to forget once the transaction is safe, and the messages to send then.
    ended: Vec<RunId>,
    /// Runs that the agent goes on with though they were closed.
    closed: BTreeSet<String>,
    /// Runs that print without end.
    over: Vec<String>,
    after: Vec<to_agent::Message>,
    /// Far ends that began to listen.
    ready: Vec<Booked>,
    /// Whether something changed that the dispatcher waits for.
    is_dispatch_wanted: bool,
}

impl<'a> Group<'a> {
    pub(super) fn new(lab: &'a Lab, node: NodeId, epoch: i64) -> Self {
        Self {
            lab,
            node,
            epoch,
            write: db::Write::new(),
            started: HashMap::new(),
            told: Told::new(),
            chunks: Vec::new(),
            takers: Vec::new(),
            idle: Vec::new(),
            topics: BTreeSet::new(),
            printed: Vec::new(),
            safe: HashMap::new(),
            lost: HashMap::new(),
            ended: Vec::new(),
            closed: BTreeSet::new(),
            over: Vec::new(),
            after: Vec::new(),
            ready: Vec::new(),
            is_dispatch_wanted: false,
        }
    }

    /// Stores the messages, then acknowledges them and wakes who waits. Output is acknowledged by the session, in time.
    pub(super) async fn store(mut self, messages: Vec<FromAgent>, acks: &mut Acks) -> Result<(), ServiceError> {
        let now_ms = self.lab.now_ms();
        self.lab.fleet().with(self.node, |session| session.heard_ms = now_ms);
        for message in messages.into_iter().filter_map(|m| m.message) {
            self.take(message);
        }
        self.write().await?;
        if !self.lost.is_empty() {
            for run in run_list_on(self.lab.db(), self.node).await? {
                if let Some(detail) = self.lost.get(&run.id) {
                    self.lab.run_lost(&run, Loss::Told(detail.as_deref())).await?;
                }
            }
        }
        self.lab.feeds().print(std::mem::take(&mut self.printed));
        for (run_id, (next_seq, bytes)) in std::mem::take(&mut self.safe) {
            acks.add(run_id, next_seq, bytes);
        }
        for run_id in std::mem::take(&mut self.over) {
            self.cancel(run_id);
        }
        for run_id in std::mem::take(&mut self.closed) {
            self.cancel(run_id.clone());
            self.lab.fleet().send(self.node, to_agent::Message::EndedAck(EndedAck { run_id }));
        }
        for message in std::mem::take(&mut self.after) {
            if let to_agent::Message::EndedAck(ack) = &message {
                acks.forget(&ack.run_id);
            }
            self.lab.fleet().send(self.node, message);
        }
        for run in self.ended {
            self.lab.fleet().unbook(self.node, run);
        }
        for far in self.ready {
            self.lab.near_end_queue(&far).await?;
        }
        if self.is_dispatch_wanted {
            self.lab.dispatch_wake();
        }
        if self.lab.fleet().is_input_due(self.node) {
            self.lab.inputs_wake();
        }
        Ok(())
    }

    /// Output alone is stored together with that of other nodes; anything else is one transaction with it.
    async fn write(&mut self) -> Result<(), ServiceError> {
        let (chunks, topics) = (std::mem::take(&mut self.chunks), std::mem::take(&mut self.topics));
        self.gather();
        if self.write.is_empty() && !chunks.is_empty() {
            return self.lab.outputs_store(chunks, topics).await;
        }
        outputs_insert(&mut self.write, &chunks);
        topics.into_iter().for_each(|topic| self.write.push_event(topic));
        if !self.write.is_empty() {
            self.lab.db().write(std::mem::take(&mut self.write)).await?;
        }
        Ok(())
    }

    /// Puts what the messages said, but for output, into the transaction.
    fn gather(&mut self) {
        let mut told = std::mem::replace(&mut self.told, Told::new());
        for (run, (booked, start)) in self.started.drain() {
            let job = (booked.role == Role::Near).then(|| attempt(&booked));
            told.started(run, booked.epoch, &start, job);
        }
        told.push(&mut self.write);
        inputs_delete(&mut self.write, &std::mem::take(&mut self.takers));
        for (job, at_ms) in std::mem::take(&mut self.idle) {
            job_cancel_idle(&mut self.write, job, at_ms);
        }
    }

    fn cancel(&self, run_id: String) {
        let cancel = Cancel { run_id, epoch: wire_epoch(self.epoch) };
        self.lab.fleet().send(self.node, to_agent::Message::Cancel(cancel));
    }

    fn take(&mut self, message: from_agent::Message) {
        match message {
            from_agent::Message::Tools(tools) => self.tools(tools),
            from_agent::Message::Credit(credit) => {
                self.lab.fleet().with(self.node, |session| session.credit = Some(credit.free_slots));
                self.is_dispatch_wanted = true;
            }
            from_agent::Message::Started(started) => self.started(started),
            from_agent::Message::Output(output) => self.output(output),
            from_agent::Message::Ended(ended) => self.end(ended),
            from_agent::Message::Refused(refused) => self.refused(&refused),
            from_agent::Message::Renew(renew) => self.renew(&renew),
            from_agent::Message::InputAck(ack) => self.input_ack(&ack),
            from_agent::Message::Hello(_) | from_agent::Message::Heartbeat(_) => {}
        }
    }

    fn tools(&mut self, tools: Tools) {
        if tools.is_partial && self.lab.fleet().with(self.node, |session| session.is_known) == Some(true) {
            return;
        }
        let takes_programs = self.lab.fleet().with(self.node, |session| session.inventory.takes_programs) == Some(true);
        let languages = self.lab.languages();
        let known = |name: &str| tool(name).is_some() || (takes_programs && languages.get(name).is_some());
        let installed: Vec<_> = tools
            .tools
            .into_iter()
            .filter(|tool| known(&tool.name))
            .map(|tool| InstalledTool { name: tool.name, version: tool.version.chars().take(200).collect() })
            .collect();
        node_tools_set(&mut self.write, self.node, &installed);
        self.topics.insert("nodes".to_owned());
        let names = installed.into_iter().map(|tool| tool.name).collect();
        let is_whole = !tools.is_partial;
        self.lab.fleet().with(self.node, |session| {
            session.tools = names;
            session.is_known |= is_whole;
        });
        self.is_dispatch_wanted = true;
    }

    /// The booking that a message is about; `None` when the run was closed meanwhile.
    fn booking(&self, run_id: &str, epoch: u64) -> Option<(RunId, Booked)> {
        let run = run_id.parse::<RunId>().ok()?;
        let booked = self.lab.fleet().with(self.node, |session| session.runs.get(&run).cloned()).flatten()?;
        (wire_epoch(booked.epoch) == epoch).then_some((run, booked))
    }

    /// The same for a message of a run that goes on: one that was closed meanwhile is to be stopped.
    fn live_booking(&mut self, run_id: &str, epoch: u64) -> Option<(RunId, Booked)> {
        let booked = self.booking(run_id, epoch);
        if booked.is_none() {
            self.closed.insert(run_id.to_owned());
        }
        booked
    }

    fn started(&mut self, started: Started) {
        let Some((run, booked)) = self.live_booking(&started.run_id, started.epoch) else { return };
        if self.ended.contains(&run) {
            return;
        }
        self.job_changed(&booked);
        // Told twice, the first counts, as it does over two groups.
        let start = Start { at_ms: started.at_ms, argv: started.argv };
        self.started.entry(run).or_insert((booked, start));
    }

    fn output(&mut self, output: Output) {
        let bytes = output.data.len();
        let booked = output.run_id.parse::<RunId>().ok().and_then(|run| {
            let take = |booked: &mut Booked| {
                // What is of another lease must not use up this one's room.
                if wire_epoch(booked.epoch) != output.epoch {
                    return None;
                }
                booked.output_bytes = booked.output_bytes.saturating_add(bytes as u64);
                Some((run, booked.clone()))
            };
            self.lab.fleet().booked_with(self.node, run, take).flatten()
        });
        let Some((run, booked)) = booked else {
            self.closed.insert(output.run_id);
            return;
        };
        let Ok(seq) = i64::try_from(output.seq) else { return };
        let safe = self.safe.entry(output.run_id).or_default();
        *safe = (output.seq + 1, safe.1 + bytes);
        if booked.output_bytes > OUTPUT_MAX {
            // The agent's own cap lies well below: this one does not keep to it.
            return self.over.push(run.to_string());
        }
        let Ok(channel) = Channel::try_from(output.channel) else {
            // The database would refuse it. It counts as taken, or the agent would hold it for ever.
            tracing::warn!(node.id = %self.node, run.id = %run, "output of run {run} is on channel {}, which there is not; it is dropped", output.channel);
            return;
        };
        if booked.role == Role::Far && !booked.is_ready && self.lab.is_far_end_ready(&output.data) {
            self.lab.fleet().booked_with(self.node, run, |booked| booked.is_ready = true);
            self.ready.push(booked.clone());
        }
        let chunk = Chunk { seq, channel: channel as i64, at_ms: output.at_ms, data: output.data };
        let chunk = Arc::new(chunk);
        self.chunks.push((run, chunk.clone()));
        if booked.role == Role::Near {
            // On SQLite there is no other replica that would hear of it.
            if self.lab.db().engine() != Engine::Sqlite {
                self.topics.insert(output_topic(booked.job));
            }
            self.printed.push(Printed { job: booked.job, attempt: booked.attempt, chunk });
        }
    }

    fn input_ack(&mut self, ack: &InputAck) {
        let Some((run, _)) = self.booking(&ack.run_id, ack.epoch) else { return };
        if let Ok(next_seq) = i64::try_from(ack.next_seq) {
            input_taken(&mut self.write, run, next_seq);
        }
    }

    fn end(&mut self, ended: Ended) {
        self.after.push(to_agent::Message::EndedAck(EndedAck { run_id: ended.run_id.clone() }));
        let Some((run, booked)) = self.booking(&ended.run_id, ended.epoch) else { return };
        if self.ended.contains(&run) {
            return;
        }
        let outcome = outcome(&ended);
        if outcome == Outcome::Lost {
            self.lost.insert(run, run_end_of(&ended, &outcome).detail);
            self.ended.push(run);
            self.is_dispatch_wanted = true;
            return;
        }
        let mut end = run_end_of(&ended, &outcome);
        let start = self.started.remove(&run).map(|(_, start)| start);
        self.told.run_ended(run, &end, start.as_ref());
        self.takers.push(run);
        let outcome = match (booked.role, booked.is_ready) {
            (Role::Near, _) => Some(outcome),
            // The near end goes on without it, or fails by itself.
            (Role::Far, true) => None,
            (Role::Far, false) if outcome == Outcome::Cancelled => Some(outcome),
            (Role::Far, false) => Some(Outcome::Failed(ErrorReason::FarEnd)),
        };
        match outcome {
            Some(outcome) => {
                end.outcome = outcome;
                let start = start.filter(|_| booked.role == Role::Near);
                self.told.job_ended(attempt(&booked), &end, start.as_ref());
            }
            // Where the near end was cancelled in the queue, nothing else would end the job.
            None => self.idle.push((booked.job, ended.at_ms)),
        }
        if booked.role == Role::Far {
            self.lab.fleet().unpromise(booked.job);
        }
        self.ended.push(run);
        self.job_changed(&booked);
        if booked.port.is_some() {
            // The other end of the measurement has nothing to wait for any more.
            self.topics.insert("cancels".to_owned());
        }
        self.is_dispatch_wanted = true;
    }

    fn refused(&mut self, refused: &Refused) {
        let why = refused.why();
        tracing::debug!(node.id = %self.node, run.id = %refused.run_id, "run {} was refused: {}", refused.run_id, why.as_str_name());
        let Some((run, booked)) = self.booking(&refused.run_id, refused.epoch) else { return };
        match why {
            RefusedWhy::NoSlot => {
                run_give_back(&mut self.write, run, booked.epoch);
                job_waiting(&mut self.write, booked.job, booked.attempt);
                // Before the queue has it again, or what is forgotten may be its next booking.
                self.lab.fleet().unbook(self.node, run);
                self.topics.insert("queue".to_owned());
            }
            RefusedWhy::BadCommand => {
                let end = RunEnd::untold(Outcome::Failed(ErrorReason::NotStarted), self.lab.now_ms());
                self.told.run_ended(run, &end, None);
                self.told.job_ended(attempt(&booked), &end, None);
                self.takers.push(run);
                self.ended.push(run);
            }
            // A cancel for a run that is gone: its end is on the way or was stored.
            RefusedWhy::UnknownRun | RefusedWhy::OldEpoch => return,
        }
        self.job_changed(&booked);
    }

    /// The certificate is for the node that TLS has verified, whatever the request says.
    fn renew(&mut self, renew: &Renew) {
        match self.lab.node_certificate(&self.node.to_string(), &renew.csr_pem) {
            Ok(certificate_pem) => {
                tracing::info!(node.id = %self.node, "the certificate of node {} is renewed", self.node);
                self.after.push(to_agent::Message::Certificate(Certificate { certificate_pem }));
            }
            Err(error) => {
                tracing::warn!(node.id = %self.node, error = &error as &dyn std::error::Error, "node {} asked for a certificate in vain", self.node);
            }
        }
    }

    fn job_changed(&mut self, booked: &Booked) {
        self.topics.insert(format!("job:{}", booked.job));
        self.topics.insert("jobs".to_owned());
    }
}

fn attempt(booked: &Booked) -> Attempt {
    Attempt { job: booked.job, number: booked.attempt, is_element: booked.is_element }
}
