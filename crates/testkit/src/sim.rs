//! Simulated agents: the real protocol over the real listener with mutual TLS, but no processes. Each run is answered at
//! once as started and ended, or prints line after line until it is told to end, so that what is measured is the control
//! plane and its database alone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use db::{Clock, SystemClock};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use wire::authority::{AuthorityError, KeyRequest};
use wire::proto::agents_client::AgentsClient;
use wire::proto::from_agent::Message;
use wire::proto::{Credit, Ended, EnrollRequest, FromAgent, Heartbeat, Hello, Inventory, Output, Start, Started};
use wire::proto::{ToAgent, Tool, Tools, to_agent};

/// How long an answer to the enrolment, the hello and the connection may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// Messages on their way to the connection.
const OUTBOUND: usize = 4_096;

/// Why a simulated agent could not join.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The address or the certificates can't be used, or nobody listens.
    #[error("connecting to the control plane")]
    Connect(#[source] tonic::transport::Error),
    /// The control plane refused the call.
    #[error("the control plane refused: {0}")]
    Refused(String),
    /// No key could be made.
    #[error("making a key")]
    Key(#[source] AuthorityError),
    /// It did not greet.
    #[error("the control plane said no welcome")]
    NoWelcome,
}

/// What an agent is and says.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its wanted name.
    pub name: String,
    /// Runs at the same time.
    pub slots: u32,
    /// Names of what it says it can run.
    pub tools: Vec<String>,
    /// Printed by each run, unless empty.
    pub output: Vec<u8>,
}

/// How runs print, and when they begin and end with that.
#[derive(Debug)]
pub struct Printing {
    /// Time between two lines of one run.
    pub every: Duration,
    /// The next line, made as it is printed.
    pub line: fn() -> String,
    /// Whether they print.
    pub is_on: AtomicBool,
    /// Whether they end.
    pub is_over: AtomicBool,
}

/// What simulated agents were told.
#[derive(Debug, Default)]
pub struct Tally {
    started: AtomicU64,
    lines: AtomicU64,
}

impl Tally {
    /// Runs started so far.
    pub fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    /// Lines printed so far.
    pub fn lines(&self) -> u64 {
        self.lines.load(Ordering::Relaxed)
    }
}

/// A connected agent; it ends when dropped.
pub struct SimAgent {
    /// The node's UID.
    pub node_id: String,
    task: JoinHandle<()>,
}

impl Drop for SimAgent {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl SimAgent {
    /// Enrols a node with a join token and connects it. `ca_pem` is the authority's certificate.
    /// Errors: see [`SimError`]. Cancellation: the token may have been used.
    pub async fn join(
        address: SocketAddr,
        ca_pem: &str,
        token: &str,
        plan: Plan,
        tally: Arc<Tally>,
    ) -> Result<Self, SimError> {
        Self::join_to_print(address, ca_pem, token, plan, tally, None).await
    }

    /// [`SimAgent::join`] whose runs last, and print, unless `printing` is `None`.
    pub async fn join_to_print(
        address: SocketAddr,
        ca_pem: &str,
        token: &str,
        plan: Plan,
        tally: Arc<Tally>,
        printing: Option<Arc<Printing>>,
    ) -> Result<Self, SimError> {
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca_pem)).domain_name(wire::SERVER_NAME);
        let key = KeyRequest::generate().map_err(SimError::Key)?;
        let request = EnrollRequest {
            protocol: wire::PROTOCOL,
            token: token.to_owned(),
            name: plan.name.clone(),
            hostname: plan.name.clone(),
            csr_pem: key.csr_pem,
            slots: plan.slots,
            ..EnrollRequest::default()
        };
        let mut door = AgentsClient::new(dial(address, tls.clone()).await?);
        let reply = door.enroll(request).await.map_err(|status| SimError::Refused(status.message().to_owned()))?;
        let reply = reply.into_inner();
        let identity = Identity::from_pem(&reply.certificate_pem, &key.key_pem);
        let (outbound, commands) = connect(dial(address, tls.identity(identity)).await?, &plan).await?;
        let node_id = reply.node_id;
        let task = tokio::spawn(serve(outbound, commands, plan, tally, printing));
        Ok(Self { node_id, task })
    }
}

async fn dial(address: SocketAddr, tls: ClientTlsConfig) -> Result<Channel, SimError> {
    let endpoint = Endpoint::from_shared(format!("https://{address}")).and_then(|endpoint| endpoint.tls_config(tls));
    let endpoint = endpoint.map_err(SimError::Connect)?.connect_timeout(ANSWER_LIMIT).tcp_nodelay(true);
    let endpoint = endpoint.initial_stream_window_size(wire::STREAM_WINDOW);
    let endpoint = endpoint.initial_connection_window_size(wire::CONNECTION_WINDOW);
    endpoint.connect().await.map_err(SimError::Connect)
}

type Stream = (mpsc::Sender<FromAgent>, Streaming<ToAgent>);

/// Says hello, takes the welcome, tells tools and slots.
async fn connect(channel: Channel, plan: &Plan) -> Result<Stream, SimError> {
    let (outbound, queue) = mpsc::channel(OUTBOUND);
    let inventory = Inventory {
        hostname: plan.name.clone(),
        os: "simulated".to_owned(),
        cores: 1,
        memory_bytes: 1 << 30,
        slots: plan.slots,
        host_id: plan.name.clone(),
        takes_programs: true,
        ..Inventory::default()
    };
    let hello = Hello {
        protocol: wire::PROTOCOL,
        boot_id: format!("{}-{}", plan.name, SystemClock.now_ms()),
        inventory: Some(inventory),
        agent_version: "simulated".to_owned(),
        ..Hello::default()
    };
    say(&outbound, Message::Hello(hello)).await;
    let mut client = AgentsClient::new(channel);
    let answer = tokio::time::timeout(ANSWER_LIMIT, client.connect(ReceiverStream::new(queue))).await;
    let answer = answer.map_err(|_| SimError::NoWelcome)?;
    let mut commands = answer.map_err(|status| SimError::Refused(status.message().to_owned()))?.into_inner();
    let first = tokio::time::timeout(ANSWER_LIMIT, commands.message()).await;
    let Ok(Ok(Some(ToAgent { message: Some(to_agent::Message::Welcome(_)) }))) = first else {
        return Err(SimError::NoWelcome);
    };
    let tools = plan.tools.iter().map(|name| Tool { name: name.clone(), version: "simulated".to_owned() });
    say(&outbound, Message::Tools(Tools { tools: tools.collect(), is_partial: false })).await;
    say(&outbound, Message::Credit(Credit { free_slots: plan.slots })).await;
    Ok((outbound, commands))
}

/// Answers commands until the stream ends.
async fn serve(
    outbound: mpsc::Sender<FromAgent>,
    mut commands: Streaming<ToAgent>,
    plan: Plan,
    tally: Arc<Tally>,
    printing: Option<Arc<Printing>>,
) {
    let mut heartbeat = tokio::time::interval(Duration::from_secs(5));
    // They end with this agent.
    let mut runs = JoinSet::new();
    loop {
        let command = tokio::select! {
            command = commands.message() => command,
            _ = heartbeat.tick() => {
                say(&outbound, Message::Heartbeat(Heartbeat {})).await;
                continue;
            }
        };
        let Ok(Some(ToAgent { message: Some(message) })) = command else { return };
        if let to_agent::Message::Start(start) = message {
            let number = tally.started.fetch_add(1, Ordering::Relaxed);
            match &printing {
                None => run(&outbound, &start, &plan).await,
                Some(printing) => {
                    runs.spawn(print(outbound.clone(), start, number, printing.clone(), tally.clone()));
                }
            }
        }
    }
}

/// A run that prints until it is over.
async fn print(
    outbound: mpsc::Sender<FromAgent>,
    start: Start,
    number: u64,
    printing: Arc<Printing>,
    tally: Arc<Tally>,
) {
    let (run_id, epoch) = (start.run_id, start.epoch);
    let started = Started { run_id: run_id.clone(), epoch, at_ms: SystemClock.now_ms(), argv: start.argv };
    say(&outbound, Message::Started(started)).await;
    // Spread over the period, as programs that have nothing to do with one another are.
    let phase = printing.every.mul_f64((number % 97) as f64 / 97.0);
    let mut lines = tokio::time::interval_at(tokio::time::Instant::now() + phase, printing.every);
    let mut seq = 0;
    loop {
        lines.tick().await;
        if printing.is_over.load(Ordering::Relaxed) {
            break;
        }
        if printing.is_on.load(Ordering::Relaxed) {
            let (data, at_ms) = ((printing.line)().into_bytes(), SystemClock.now_ms());
            let output = Output { run_id: run_id.clone(), epoch, seq, data, at_ms, ..Output::default() };
            say(&outbound, Message::Output(output)).await;
            tally.lines.fetch_add(1, Ordering::Relaxed);
            seq += 1;
        }
    }
    let at_ms = SystemClock.now_ms();
    say(&outbound, Message::Ended(Ended { run_id, epoch, at_ms, output_chunks: seq, ..Ended::default() })).await;
}

async fn run(outbound: &mpsc::Sender<FromAgent>, start: &Start, plan: &Plan) {
    let (run_id, epoch, at_ms) = (start.run_id.clone(), start.epoch, SystemClock.now_ms());
    let started = Started { run_id: run_id.clone(), epoch, at_ms, argv: start.argv.clone() };
    say(outbound, Message::Started(started)).await;
    let output_chunks = u64::from(!plan.output.is_empty());
    if output_chunks > 0 {
        let data = plan.output.clone();
        say(outbound, Message::Output(Output { run_id: run_id.clone(), epoch, data, at_ms, ..Output::default() }))
            .await;
    }
    say(outbound, Message::Ended(Ended { run_id, epoch, at_ms, output_chunks, ..Ended::default() })).await;
}

/// A message that nobody takes any more is dropped: the stream has ended, which its reader finds out.
async fn say(outbound: &mpsc::Sender<FromAgent>, message: Message) {
    let _gone = outbound.send(FromAgent { message: Some(message) }).await;
}
