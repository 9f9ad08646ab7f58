//! One welcomed stream: commands in, the ledger's messages out.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{Permit, Sender};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::task::AbortOnDropHandle;
use tonic::{Status, Streaming};
use wire::proto::from_agent::Message;
use wire::proto::{
    Cancel, Certificate, FromAgent, Heartbeat, Input, RefusedWhy, Renew, Start, ToAgent, Tool, Tools, Welcome, to_agent,
};

use super::{End, Link, LinkError, Lost};
use crate::ledger::{Begin, Stop};
use crate::order::Order;
use crate::{probe, program, run};

/// How long ends are still sent after a shutdown.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Below this a heartbeat would be load rather than a sign of life.
const SHORTEST_HEARTBEAT_MS: u32 = 10;
/// How often the certificate's end is looked at while the stream stands; the first time right after the welcome.
const RENEWAL_CHECK: Duration = Duration::from_secs(3600);
/// Messages waiting for the link above which no further command is read, so that refusals have a bound too.
const MAX_BACKLOG: usize = 4096;

/// See the module's description.
pub(super) struct Session<'a> {
    link: &'a Link,
    outbound: Sender<FromAgent>,
    inbound: Streaming<ToAgent>,
    /// The private key, PEM, of a renewal that was asked for and not answered.
    renewal_key: Option<String>,
}

impl<'a> Session<'a> {
    pub(super) fn new(link: &'a Link, outbound: Sender<FromAgent>, inbound: Streaming<ToAgent>) -> Self {
        Self { link, outbound, inbound, renewal_key: None }
    }

    /// Serves until the stream is lost or the agent is told to end; then ends of runs are sent for up to 2 s.
    pub(super) async fn keep(mut self, welcome: Welcome) -> Result<End, LinkError> {
        tracing::info!(node.id = %welcome.node_id, "connected to {} as {}", self.link.place, welcome.name);
        if let Err(why) = self.epoch_seen(welcome.epoch).await {
            return Ok(End::Lost { why, was_welcome: false });
        }
        self.link.node.ledger(|ledger| ledger.on_welcome());
        let period = Duration::from_millis(welcome.heartbeat_ms.max(SHORTEST_HEARTBEAT_MS).into());
        let mut heartbeat = interval(period);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut renewal = interval(RENEWAL_CHECK);
        let _probes = self.probe(welcome);
        let (node, outbound) = (Arc::clone(&self.link.node), self.outbound.clone());
        let mut last_words: Option<Instant> = None;
        loop {
            let backlog = node.ledger_quietly(|ledger| ledger.backlog());
            tokio::select! {
                message = self.inbound.message(), if backlog < MAX_BACKLOG => {
                    if let Some(why) = self.on_message(message).await? {
                        return Ok(End::Lost { why, was_welcome: true });
                    }
                }
                permit = outbound.reserve(), if backlog > 0 => {
                    let Ok(permit) = permit else {
                        return Ok(End::Lost { why: Lost::Closed, was_welcome: true });
                    };
                    self.send(permit);
                }
                () = node.changed() => {}
                _ = heartbeat.tick() => self.heartbeat(),
                _ = renewal.tick() => self.renewal_ask(),
                () = self.link.shutdown.cancelled(), if last_words.is_none() => {
                    last_words = Some(Instant::now() + LAST_WORDS);
                    node.ledger(|ledger| ledger.close());
                }
                () = sleep_until(last_words.unwrap_or_else(Instant::now)), if last_words.is_some() => {
                    return Ok(End::Shutdown);
                }
            }
            if last_words.is_some() && node.ledger_quietly(|ledger| ledger.is_empty()) {
                return Ok(End::Shutdown);
            }
        }
    }

    /// Sends what is ready, up to what the connection takes now.
    fn send(&self, permit: Permit<'_, FromAgent>) {
        let next = || self.link.node.ledger_quietly(|ledger| ledger.next());
        let Some(first) = next() else { return };
        permit.send(first);
        while let Ok(permit) = self.outbound.try_reserve() {
            let Some(message) = next() else { return };
            permit.send(message);
        }
    }

    /// Looks for tools and languages beside everything else; the answers go to this stream only. Tools are told first:
    /// they take no time, and languages may.
    fn probe(&self, welcome: Welcome) -> AbortOnDropHandle<()> {
        let node = Arc::clone(&self.link.node);
        AbortOnDropHandle::new(tokio::spawn(async move {
            let (contained, bare) = welcome.probes.into_iter().partition(|probe| probe.is_contained);
            let tools = probe::tools(&node.launcher, bare).await;
            let say = |languages: Vec<Tool>, is_partial| {
                let tools = tools.iter().cloned().chain(languages).collect();
                node.ledger(|ledger| ledger.say(Message::Tools(Tools { tools, is_partial })));
            };
            match node.programs.as_ref().filter(|programs| programs.are_taken()) {
                Some(programs) => {
                    say(Vec::new(), true);
                    say(probe::languages(programs, contained).await, false);
                }
                None => say(Vec::new(), false),
            }
        }))
    }

    /// A full queue is a sign of life itself, so a heartbeat that finds no room is left out.
    fn heartbeat(&self) {
        let message = Message::Heartbeat(Heartbeat {});
        let _ = self.outbound.try_send(FromAgent { message: Some(message) });
    }

    /// Asks for a new certificate once the present one is due. The request belongs to this stream: without an answer, the
    /// next check or the next stream asks again, for another key.
    fn renewal_ask(&mut self) {
        match self.link.renewal_request() {
            Ok(None) => {}
            Ok(Some(request)) => {
                self.renewal_key = Some(request.key_pem);
                self.link.node.ledger(|ledger| ledger.say(Message::Renew(Renew { csr_pem: request.csr_pem })));
            }
            Err(error) => {
                tracing::warn!("no new certificate can be asked for: {:#}", anyhow::Error::new(error));
            }
        }
    }

    async fn on_certificate(&mut self, answer: Certificate) {
        let Some(key_pem) = self.renewal_key.take() else {
            return tracing::warn!("the control plane sent a certificate that was not asked for");
        };
        match self.link.renewal_keep(&answer.certificate_pem, &key_pem).await {
            Ok(()) => tracing::info!("this node's certificate was renewed"),
            Err(error) => {
                let chain = anyhow::Error::new(error);
                tracing::warn!("the new certificate was not taken, the present one stays: {chain:#}");
            }
        }
    }

    /// Carries one message out; `Some` when the stream is over.
    async fn on_message(&mut self, message: Result<Option<ToAgent>, Status>) -> Result<Option<Lost>, LinkError> {
        let message = match message {
            Ok(Some(message)) => message.message,
            Ok(None) => return Ok(Some(Lost::Closed)),
            Err(status) => return Ok(Some(Lost::Stream(Box::new(status)))),
        };
        let node = &self.link.node;
        let done = match message {
            Some(to_agent::Message::Start(start)) => self.on_start(start).await,
            Some(to_agent::Message::Cancel(cancel)) => self.on_cancel(cancel).await,
            Some(to_agent::Message::OutputAck(ack)) => {
                node.ledger(|ledger| ledger.on_output_ack(&ack.run_id, ack.next_seq));
                Ok(())
            }
            Some(to_agent::Message::EndedAck(ack)) => {
                node.ledger(|ledger| ledger.on_ended_ack(&ack.run_id));
                Ok(())
            }
            Some(to_agent::Message::Certificate(answer)) => {
                self.on_certificate(answer).await;
                Ok(())
            }
            Some(to_agent::Message::Goodbye(bye)) => return Err(LinkError::Dismissed(bye.reason)),
            // A lease that was renewed under a new epoch while the stream stood.
            Some(to_agent::Message::Welcome(welcome)) => self.epoch_seen(welcome.epoch).await,
            Some(to_agent::Message::Input(input)) => self.on_input(input).await,
            None => {
                tracing::warn!("the control plane sent a message that this version does not know");
                Ok(())
            }
        };
        Ok(done.err())
    }

    async fn on_start(&self, start: Start) -> Result<(), Lost> {
        self.epoch_seen(start.epoch).await?;
        let (run, epoch, node) = (start.run_id.clone(), start.epoch, &self.link.node);
        let order = match Order::try_from(start) {
            Ok(order) => order,
            Err(error) => {
                tracing::warn!(run.id = %run, "run {run} can't be carried out: {error}");
                node.ledger(|ledger| ledger.refuse(run, epoch, RefusedWhy::BadCommand));
                return Ok(());
            }
        };
        match node.ledger(|ledger| ledger.run_begin(&run, epoch)) {
            Begin::Run(stop) => self.run_spawn(order, stop),
            Begin::Held => {}
            Begin::Refused(why) => node.ledger(|ledger| ledger.refuse(run, epoch, why)),
        }
        Ok(())
    }

    fn run_spawn(&self, order: Order, stop: watch::Receiver<Option<Stop>>) {
        let (runs, node) = (&self.link.runs, Arc::clone(&self.link.node));
        match order {
            Order::Tool(order) => runs.spawn(run::execute(node, order, stop)),
            Order::Program(order) => {
                let acts = node.ledger_quietly(|ledger| ledger.run_open_input(&order.run));
                runs.spawn(program::execute(node, *order, acts, stop))
            }
        };
    }

    async fn on_input(&self, input: Input) -> Result<(), Lost> {
        self.epoch_seen(input.epoch).await?;
        let (run, epoch) = (input.run_id.clone(), input.epoch);
        self.link.node.ledger(|ledger| {
            if let Err(why) = ledger.run_input(input) {
                ledger.refuse(run, epoch, why);
            }
        });
        Ok(())
    }

    async fn on_cancel(&self, cancel: Cancel) -> Result<(), Lost> {
        self.epoch_seen(cancel.epoch).await?;
        self.link.node.ledger(|ledger| {
            if let Err(why) = ledger.run_cancel(&cancel.run_id, cancel.epoch) {
                ledger.refuse(cancel.run_id, cancel.epoch, why);
            }
        });
        Ok(())
    }

    /// A higher epoch is on disk before anything is done under it, so that a restart can't fall back behind it. Where it
    /// can't be stored the lease is not taken: the stream is given back, and the next one brings another.
    async fn epoch_seen(&self, epoch: u64) -> Result<(), Lost> {
        let known = self.link.node.ledger_quietly(|ledger| ledger.epoch());
        if epoch < known {
            tracing::warn!(
                "the control plane speaks for lease {epoch}, this node has seen {known}: it will be refused"
            );
        }
        if epoch <= known {
            return Ok(());
        }
        let home = Arc::clone(&self.link.home);
        match tokio::task::spawn_blocking(move || home.epoch_write(epoch)).await {
            Ok(written) => written.map_err(Lost::Epoch)?,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
        self.link.node.ledger_quietly(|ledger| ledger.epoch_seen(epoch));
        Ok(())
    }
}
