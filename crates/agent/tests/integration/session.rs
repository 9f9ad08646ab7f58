//! One agent's stream as the test sees it. Strict: what breaks the protocol's order fails the test at once.

use std::collections::HashMap;

use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::{Status, Streaming};
use wire::proto::from_agent::Message;
use wire::proto::{
    Cancel, Certificate, Channel, Ended, EndedAck, FromAgent, Goodbye, Hello, OutputAck, Probe, Reason, Refused, Start,
    ToAgent, Welcome, to_agent,
};

use crate::control::DEADLINE;

pub(crate) struct Session {
    pub(crate) node_id: String,
    /// What TLS has verified, DER.
    pub(crate) certificate: Vec<u8>,
    /// Requests for a new certificate, PEM.
    pub(crate) renewals: Vec<String>,
    inbound: Streaming<FromAgent>,
    outbound: mpsc::Sender<Result<ToAgent, Status>>,
    runs: HashMap<String, Seen>,
    pub(crate) credit: Option<u32>,
}

/// What was seen of a run on this stream.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) argv: Option<Vec<String>>,
    pub(crate) first_seq: Option<u64>,
    pub(crate) next_seq: u64,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) compile: Vec<u8>,
    /// Numbers below this were read by the program.
    pub(crate) input_seq: u64,
    pub(crate) ended: Option<Ended>,
}

impl Seen {
    pub(crate) fn stdout(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    pub(crate) fn stderr(&self) -> &str {
        std::str::from_utf8(&self.stderr).unwrap()
    }

    pub(crate) fn end(&self) -> &Ended {
        self.ended.as_ref().expect("the run has not ended")
    }

    pub(crate) fn reason(&self) -> Reason {
        self.end().reason()
    }
}

pub(crate) fn start(run: &str, argv: &[&str]) -> Start {
    Start {
        run_id: run.to_owned(),
        epoch: 1,
        argv: argv.iter().map(|&word| word.to_owned()).collect(),
        wall_ms: 60_000,
        output_bytes: 8 << 20,
        ..Start::default()
    }
}

impl Session {
    pub(crate) fn new(
        node_id: String,
        certificate: Vec<u8>,
        inbound: Streaming<FromAgent>,
        outbound: mpsc::Sender<Result<ToAgent, Status>>,
    ) -> Self {
        Self { node_id, certificate, renewals: Vec::new(), inbound, outbound, runs: HashMap::new(), credit: None }
    }

    /// The next message, checked; a lost stream fails the test.
    pub(crate) async fn recv(&mut self) -> Message {
        let message = timeout(DEADLINE, self.inbound.message()).await.expect("the agent is silent");
        let message = message.expect("the stream broke").expect("the agent closed the stream").message.unwrap();
        match &message {
            Message::Started(started) => {
                let seen = self.runs.entry(started.run_id.clone()).or_default();
                assert!(seen.argv.replace(started.argv.clone()).is_none(), "started twice");
                assert!(seen.first_seq.is_none() && seen.ended.is_none(), "started after its output");
            }
            Message::Output(output) => {
                assert!(!output.data.is_empty() && output.data.len() <= wire::MAX_CHUNK_BYTES);
                let seen = self.runs.get_mut(&output.run_id).expect("output before started");
                assert!(seen.ended.is_none(), "output after the end");
                if seen.first_seq.is_some() {
                    assert_eq!(output.seq, seen.next_seq, "a gap in the numbers");
                }
                seen.first_seq.get_or_insert(output.seq);
                seen.next_seq = output.seq + 1;
                match output.channel() {
                    Channel::Stdout => seen.stdout.extend(&output.data),
                    Channel::Stderr => seen.stderr.extend(&output.data),
                    Channel::Compile => seen.compile.extend(&output.data),
                }
            }
            Message::Ended(ended) => {
                let seen = self.runs.entry(ended.run_id.clone()).or_default();
                if seen.first_seq.is_some() {
                    assert_eq!(ended.output_chunks, seen.next_seq, "ended before all its output");
                }
                assert!(seen.ended.replace(ended.clone()).is_none(), "ended twice");
            }
            Message::Credit(credit) => {
                assert_ne!(self.credit.replace(credit.free_slots), Some(credit.free_slots), "credit says nothing new");
            }
            Message::Renew(renew) => self.renewals.push(renew.csr_pem.clone()),
            Message::InputAck(ack) => {
                let seen = self.runs.entry(ack.run_id.clone()).or_default();
                assert!(ack.next_seq >= seen.input_seq, "input was taken back");
                seen.input_seq = ack.next_seq;
            }
            Message::Hello(_) | Message::Tools(_) | Message::Heartbeat(_) | Message::Refused(_) => {}
        }
        message
    }

    pub(crate) async fn hello(&mut self) -> Hello {
        match self.recv().await {
            Message::Hello(hello) => hello,
            other => panic!("not a hello: {other:?}"),
        }
    }

    pub(crate) async fn send(&self, message: to_agent::Message) {
        self.outbound.send(Ok(ToAgent { message: Some(message) })).await.unwrap();
    }

    pub(crate) async fn welcome(&self, epoch: u64) {
        self.welcome_with(epoch, Vec::new(), 5000).await;
    }

    pub(crate) async fn welcome_with(&self, epoch: u64, probes: Vec<Probe>, heartbeat_ms: u32) {
        let name = self.node_id.clone();
        let welcome = Welcome { node_id: name.clone(), name, epoch, heartbeat_ms, probes };
        self.send(to_agent::Message::Welcome(welcome)).await;
    }

    pub(crate) async fn start(&self, start: Start) {
        self.send(to_agent::Message::Start(start)).await;
    }

    pub(crate) async fn cancel(&self, run: &str, epoch: u64) {
        self.send(to_agent::Message::Cancel(Cancel { run_id: run.to_owned(), epoch })).await;
    }

    pub(crate) async fn output_ack(&self, run: &str, next_seq: u64) {
        self.send(to_agent::Message::OutputAck(OutputAck { run_id: run.to_owned(), next_seq })).await;
    }

    pub(crate) async fn ended_ack(&self, run: &str) {
        self.send(to_agent::Message::EndedAck(EndedAck { run_id: run.to_owned() })).await;
    }

    pub(crate) async fn goodbye(&self, reason: &str) {
        self.send(to_agent::Message::Goodbye(Goodbye { reason: reason.to_owned() })).await;
    }

    /// Reads until `run` satisfies `holds`.
    pub(crate) async fn until(&mut self, run: &str, holds: impl Fn(&Seen) -> bool) -> &Seen {
        let reading = async {
            while !self.runs.get(run).is_some_and(&holds) {
                self.recv().await;
            }
        };
        timeout(DEADLINE, reading).await.expect("the run never came to what was waited for");
        &self.runs[run]
    }

    /// Reads until `run` has ended, and acknowledges it.
    pub(crate) async fn until_ended(&mut self, run: &str) -> &Seen {
        self.until(run, |seen| seen.ended.is_some()).await;
        self.ended_ack(run).await;
        &self.runs[run]
    }

    pub(crate) async fn until_refused(&mut self) -> Refused {
        let reading = async {
            loop {
                if let Message::Refused(refused) = self.recv().await {
                    return refused;
                }
            }
        };
        timeout(DEADLINE, reading).await.expect("nothing was refused")
    }

    /// The next request for a new certificate.
    pub(crate) async fn until_renewal(&mut self) -> String {
        let reading = async {
            while self.renewals.is_empty() {
                self.recv().await;
            }
        };
        timeout(DEADLINE, reading).await.expect("no new certificate was asked for");
        self.renewals.remove(0)
    }

    pub(crate) async fn certificate(&self, certificate_pem: String) {
        self.send(to_agent::Message::Certificate(Certificate { certificate_pem })).await;
    }

    pub(crate) async fn until_credit(&mut self, free_slots: u32) {
        let reading = async {
            while self.credit != Some(free_slots) {
                self.recv().await;
            }
        };
        timeout(DEADLINE, reading).await.expect("the credit never came");
    }
}
