//! An agent that the test plays by hand. It is strict: a command that breaks the protocol fails the test.

use std::collections::{HashMap, VecDeque};

use axum::Extension;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};
use wire::PeerCertificate;
use wire::proto::agents_client::AgentsClient;
use wire::proto::to_agent::Message;
use wire::proto::{
    Credit, Ended, EnrollReply, EnrollRequest, FromAgent, Hello, Inventory, Output, Reason, Refused, RefusedWhy,
    RunHeld, Start, Started, ToAgent, Tool, Tools, Welcome, from_agent,
};

use crate::plane::{DEADLINE, Plane};

const ADDRESS: &str = "192.0.2.77";
const TOOLS: [&str; 9] = ["ping", "traceroute", "mtr", "iperf3", "dns", "http", "tls", "pmtu", "python"];

/// An enrolled node and its present stream.
pub(crate) struct Agent {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) epoch: u64,
    slots: u32,
    /// What it says of its addresses at the next greeting.
    addresses: Vec<String>,
    /// And of whether it takes programs.
    pub(crate) takes_programs: bool,
    certificate: PeerCertificate,
    pub(crate) link: Link,
    /// Runs that it was told to start and has not ended, with the epoch of each.
    held: HashMap<String, u64>,
    /// Commands that came while it waited for others.
    pending: VecDeque<Message>,
}

/// One stream.
pub(crate) struct Link {
    pub(crate) sender: mpsc::Sender<FromAgent>,
    commands: Streaming<ToAgent>,
}

impl Link {
    /// Opens a stream with this certificate; its first message is still to be sent.
    pub(crate) async fn open(plane: &Plane, certificate: Option<&PeerCertificate>) -> Result<Self, Status> {
        let mut service = plane.lab.agents();
        if let Some(certificate) = certificate {
            service = service.layer(Extension(certificate.clone()));
        }
        let (sender, messages) = mpsc::channel(1024);
        let commands = AgentsClient::new(service).connect(ReceiverStream::new(messages)).await?.into_inner();
        Ok(Self { sender, commands })
    }

    pub(crate) async fn send(&self, message: from_agent::Message) {
        self.sender.send(FromAgent { message: Some(message) }).await.expect("the control plane reads on");
    }

    /// The next command; `None` when the control plane has ended the stream.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        let next = tokio::time::timeout(DEADLINE, self.commands.message()).await.expect("a command in time");
        next.expect("a sound stream").map(|command| command.message.expect("a command says something"))
    }
}

/// Trades a join token for a certificate.
pub(crate) async fn enroll(plane: &Plane, request: EnrollRequest) -> Result<EnrollReply, Status> {
    Ok(AgentsClient::new(plane.lab.agents()).enroll(request).await?.into_inner())
}

/// A request that is in order.
pub(crate) fn enrolment(token: &str, name: &str, slots: u32) -> EnrollRequest {
    let key = rcgen::KeyPair::generate().unwrap();
    let request = rcgen::CertificateParams::default().serialize_request(&key).unwrap();
    EnrollRequest {
        protocol: wire::PROTOCOL,
        token: token.into(),
        name: name.into(),
        hostname: "host.example.org".into(),
        csr_pem: request.pem().unwrap(),
        labels: HashMap::new(),
        slots,
    }
}

/// What the listener would take from a verified connection.
pub(crate) fn certificate(pem: &str) -> PeerCertificate {
    let lines: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    PeerCertificate(STANDARD.decode(lines).unwrap())
}

pub(crate) fn hello(boot_id: &str, slots: u32, runs: Vec<RunHeld>) -> Hello {
    let inventory = Inventory {
        hostname: "host".into(),
        addresses: vec![ADDRESS.into()],
        slots,
        cores: 2,
        memory_bytes: 1 << 30,
        takes_programs: true,
        ..Inventory::default()
    };
    let protocol = wire::PROTOCOL;
    Hello {
        protocol,
        boot_id: boot_id.into(),
        inventory: Some(inventory),
        runs,
        agent_version: "test".into(),
        epoch: 0,
    }
}

impl Agent {
    /// Enrols a node with every tool and connects it.
    pub(crate) async fn join(plane: &Plane, name: &str, slots: u32) -> Self {
        let token = plane.join_token().await;
        let reply = enroll(plane, enrolment(&token, name, slots)).await.unwrap();
        let certificate = certificate(&reply.certificate_pem);
        let (id, held, addresses) = (reply.node_id, HashMap::new(), vec![ADDRESS.to_owned()]);
        let link = Link::open(plane, Some(&certificate)).await.unwrap();
        let mut agent = Self {
            id,
            name: reply.name,
            epoch: 0,
            slots,
            addresses,
            takes_programs: true,
            certificate,
            link,
            held,
            pending: VecDeque::new(),
        };
        agent.greet("boot-1").await;
        agent.equip(slots).await;
        agent
    }

    /// Says hello on a new stream and takes the welcome.
    async fn greet(&mut self, boot_id: &str) -> Welcome {
        let runs = self.held.iter();
        let runs = runs.map(|(run_id, epoch)| RunHeld { run_id: run_id.clone(), epoch: *epoch, ..RunHeld::default() });
        let mut hello = hello(boot_id, self.slots, runs.collect());
        let inventory = hello.inventory.as_mut().expect("hello tells the inventory");
        inventory.addresses.clone_from(&self.addresses);
        inventory.takes_programs = self.takes_programs;
        self.link.send(from_agent::Message::Hello(hello)).await;
        let Some(Message::Welcome(welcome)) = self.link.next().await else { panic!("no welcome") };
        assert!(welcome.epoch > self.epoch, "the epoch grows with every connection");
        assert_eq!((welcome.node_id.as_str(), welcome.name.as_str()), (self.id.as_str(), self.name.as_str()));
        assert!(welcome.probes.iter().any(|probe| probe.name == "ping" && probe.argv == ["ping", "-V"]));
        self.epoch = welcome.epoch;
        welcome
    }

    /// Tells its tools and how many runs it would take.
    pub(crate) async fn equip(&mut self, free_slots: u32) {
        let tools = TOOLS.map(|name| Tool { name: name.into(), version: "1".into() }).into();
        self.link.send(from_agent::Message::Tools(Tools { tools, is_partial: false })).await;
        self.link.send(from_agent::Message::Credit(Credit { free_slots })).await;
        self.settled().await;
    }

    /// The link breaks and the same process comes back, holding what it held.
    pub(crate) async fn reconnect(&mut self, plane: &Plane) {
        self.link = Link::open(plane, Some(&self.certificate)).await.unwrap();
        self.greet("boot-1").await;
    }

    /// The link breaks and the same process comes back with other addresses.
    pub(crate) async fn readdress(&mut self, plane: &Plane, addresses: &[&str]) {
        self.addresses = addresses.iter().map(ToString::to_string).collect();
        self.reconnect(plane).await;
        self.equip(self.slots).await;
    }

    /// The process starts anew: its runs are gone.
    pub(crate) async fn reboot(&mut self, plane: &Plane, boot_id: &str) {
        self.held.clear();
        self.pending.clear();
        self.link = Link::open(plane, Some(&self.certificate)).await.unwrap();
        self.greet(boot_id).await;
        self.equip(self.slots).await;
    }

    pub(crate) async fn send(&self, message: from_agent::Message) {
        self.link.send(message).await;
    }

    /// The next command, which has to be of the present epoch.
    pub(crate) async fn next(&mut self) -> Message {
        match self.pending.pop_front() {
            Some(message) => message,
            None => self.read().await,
        }
    }

    async fn read(&mut self) -> Message {
        let message = self.link.next().await.expect("the stream goes on");
        match &message {
            Message::Start(start) => {
                assert_eq!(start.epoch, self.epoch);
                assert!(start.argv.is_empty() == start.program.is_some());
                let is_new = self.held.insert(start.run_id.clone(), start.epoch).is_none();
                assert!(is_new, "run {} is started twice", start.run_id);
                assert!(self.held.len() <= self.slots as usize, "more runs than slots");
            }
            Message::Cancel(cancel) => assert_eq!(cancel.epoch, self.epoch),
            Message::Input(input) => assert_eq!(input.epoch, self.epoch),
            Message::Welcome(_) => panic!("a second welcome"),
            Message::OutputAck(_) | Message::EndedAck(_) | Message::Goodbye(_) | Message::Certificate(_) => {}
        }
        message
    }

    /// The next command that is no acknowledgement has to be a start.
    pub(crate) async fn start(&mut self) -> Start {
        loop {
            match self.next().await {
                Message::Start(start) => return start,
                Message::OutputAck(_) | Message::EndedAck(_) => {}
                // It may be told once more to stop what it was just ending.
                Message::Cancel(cancel) if !self.held.contains_key(&cancel.run_id) => {}
                other => panic!("no start but {other:?}"),
            }
        }
    }

    /// The next command that is no acknowledgement has to be a cancel; answers the run's id.
    pub(crate) async fn cancel(&mut self) -> String {
        loop {
            match self.next().await {
                Message::Cancel(cancel) => return cancel.run_id,
                Message::OutputAck(_) | Message::EndedAck(_) => {}
                other => panic!("no cancel but {other:?}"),
            }
        }
    }

    /// Waits until the control plane has taken all that was sent before.
    pub(crate) async fn settled(&mut self) {
        let nobody = uuid::Uuid::now_v7().to_string();
        self.send(from_agent::Message::Ended(Ended { run_id: nobody.clone(), ..Ended::default() })).await;
        // An end of a run that is not on the node is acknowledged, and nothing more.
        loop {
            match self.read().await {
                Message::EndedAck(ack) if ack.run_id == nobody => return,
                other => self.pending.push_back(other),
            }
        }
    }

    /// Asserts that nothing was asked of it since the commands that were read.
    pub(crate) async fn is_idle(&mut self) {
        self.settled().await;
        let asked = self.pending.drain(..).find(|m| matches!(m, Message::Start(_) | Message::Cancel(_)));
        assert!(asked.is_none(), "{}: {asked:?}", self.name);
    }

    /// Forgets the commands that came while it waited for others.
    pub(crate) fn drop_pending(&mut self) {
        self.pending.clear();
    }

    pub(crate) async fn started(&self, start: &Start) {
        self.send(from_agent::Message::Started(started(start))).await;
    }

    /// Output on stdout.
    pub(crate) async fn output(&self, start: &Start, seq: u64, text: &str) {
        self.send(from_agent::Message::Output(output(start, seq, text))).await;
    }

    /// Ends a run by itself and waits for the acknowledgement.
    pub(crate) async fn exited(&mut self, start: &Start, exit_code: i32) {
        self.ended(Ended { exit_code, ..end(start, Reason::Exited) }).await;
    }

    /// Ends a run and waits for the acknowledgement.
    pub(crate) async fn ended(&mut self, ended: Ended) {
        let run_id = ended.run_id.clone();
        // Its slot is free from now on: the acknowledgement may come behind the next start.
        self.held.remove(&run_id);
        self.send(from_agent::Message::Ended(ended)).await;
        self.acknowledged(&run_id).await;
    }

    /// Waits for the acknowledgement of a run's end.
    pub(crate) async fn acknowledged(&mut self, run_id: &str) {
        let mut kept = Vec::new();
        loop {
            match self.next().await {
                Message::EndedAck(ack) if ack.run_id == run_id => break,
                Message::Start(start) => kept.push(Message::Start(start)),
                Message::OutputAck(_) | Message::Cancel(_) | Message::EndedAck(_) => {}
                other => panic!("no acknowledgement but {other:?}"),
            }
        }
        self.pending.extend(kept);
    }

    /// Gives a run back.
    pub(crate) async fn refuse(&mut self, start: &Start, why: RefusedWhy) {
        self.held.remove(&start.run_id);
        let refused = Refused { run_id: start.run_id.clone(), epoch: start.epoch, why: why.into() };
        self.send(from_agent::Message::Refused(refused)).await;
    }

    /// Takes a run, starts it, says one line and ends it.
    pub(crate) async fn carry_out(&mut self) -> Start {
        let start = self.start().await;
        self.started(&start).await;
        self.output(&start, 0, "done\n").await;
        self.exited(&start, 0).await;
        start
    }

    /// A second stream of the same node.
    pub(crate) async fn another_link(&self, plane: &Plane) -> Link {
        Link::open(plane, Some(&self.certificate)).await.unwrap()
    }
}

pub(crate) fn started(start: &Start) -> Started {
    Started { run_id: start.run_id.clone(), epoch: start.epoch, at_ms: 1_790_000_000_100, argv: start.argv.clone() }
}

pub(crate) fn output(start: &Start, seq: u64, text: &str) -> Output {
    let data = text.as_bytes().to_vec();
    Output { run_id: start.run_id.clone(), epoch: start.epoch, seq, channel: 0, data, at_ms: 1_790_000_000_200 }
}

pub(crate) fn end(start: &Start, reason: Reason) -> Ended {
    let (run_id, epoch) = (start.run_id.clone(), start.epoch);
    Ended { run_id, epoch, at_ms: 1_790_000_000_300, reason: reason.into(), ..Ended::default() }
}

/// The attempts of a job as number, role and status.
pub(crate) fn attempts(job: &Value) -> Vec<(i64, String, String)> {
    let attempts = job["attempts"].as_array().expect("attempts");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    attempts.iter().map(|a| (a["attempt"].as_i64().unwrap(), text(&a["role"]), text(&a["status"]))).collect()
}

/// `ping` on a chosen node.
pub(crate) fn ping_on(node: &str) -> Value {
    json!({ "tool": "ping", "args": ["192.0.2.1"], "node": node })
}
