//! One run of a learner's program: a room of its own, its files, the compile step, the run step.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use wire::proto::{Channel, Ended, Reason};

use crate::clock::now_ms;
use crate::inlet::Inlet;
use crate::ledger::{Numbered, Stop};
use crate::node::Node;
use crate::order::{ProgramOrder, StepOrder};
use crate::sandbox::{Exit, Limits, Process, Room, RoomSpec, SandboxError, StepSpec};
use crate::stream::Stream;
use crate::supervise::{Outcome, Subject, Watch, ended, stop_cause, stopped};

mod programs;
mod verdict;

pub(crate) use programs::Programs;

use verdict::{Verdict, of_compile, of_run};

/// Bytes of a room whose steps have no limit of memory.
const ROOM_BYTES: u64 = 256 * 1024 * 1024;

impl Subject for Process {
    type Exit = Exit;

    async fn wait(&mut self) -> Exit {
        Self::wait(self).await
    }

    fn interrupt(&self) {
        Self::interrupt(self);
    }

    /// Its time is over: a program that is given notice would only use that too.
    fn terminate(&self) {
        Self::kill(self);
    }

    fn kill(&self) {
        Self::kill(self);
    }

    fn give_up(&mut self) -> Exit {
        Self::give_up(self)
    }
}

/// A program on its way.
struct Run<'a> {
    node: &'a Node,
    order: &'a ProgramOrder,
    stop: watch::Receiver<Option<Stop>>,
    cpu: Duration,
    memory_peak_bytes: u64,
    /// The compile step's command, while it is that step or when it was the last.
    compiles: Vec<String>,
}

/// Carries `order` out and writes everything about it into the ledger. Dropping the future kills the program.
pub(crate) async fn execute(
    node: Arc<Node>,
    order: ProgramOrder,
    acts: mpsc::UnboundedReceiver<Numbered>,
    stop: watch::Receiver<Option<Stop>>,
) {
    let mut run =
        Run { node: &node, order: &order, stop, cpu: Duration::ZERO, memory_peak_bytes: 0, compiles: Vec::new() };
    // The room is tidied when this function returns, after the end was told.
    let mut room = None;
    let verdict = run.carry_out(&mut room, acts).await.unwrap_or_else(|verdict| verdict);
    let fences = match &node.programs {
        Some(programs) if room.is_some() => programs.fences().to_vec(),
        Some(_) | None => Vec::new(),
    };
    let end = Ended {
        cpu_ms: u64::try_from(run.cpu.as_millis()).unwrap_or(u64::MAX),
        memory_peak_bytes: run.memory_peak_bytes,
        fences,
        argv: std::mem::take(&mut run.compiles),
        ..ended(verdict.reason, verdict.exit_code, verdict.detail)
    };
    node.ledger(|ledger| ledger.run_ended(&order.run, end));
}

impl<'a> Run<'a> {
    /// `Err` is the verdict on a run that did not come to its run step.
    async fn carry_out(
        &mut self,
        room: &mut Option<Room>,
        acts: mpsc::UnboundedReceiver<Numbered>,
    ) -> Result<Verdict, Verdict> {
        let (node, order) = (self.node, self.order);
        let programs = node.programs.as_ref().ok_or_else(|| not_started("this node takes no programs"))?;
        if !programs.are_taken() {
            return Err(Verdict::new(Reason::Uncontained, 0, "nothing would hold a program in on this node"));
        }
        let opening = programs.room(room_spec(order));
        let room = room.insert(self.unless_stopped(opening).await?.map_err(refused)?);
        for file in &order.files {
            room.write(&file.path, &file.data)
                .map_err(|error| not_started(format!("{} could not be written: {error}", file.path)))?;
        }
        node.ledger(|ledger| ledger.run_started(&order.run, now_ms(), order.step.argv.clone()));
        if let Some(step) = &order.compile {
            self.compiles.clone_from(&step.argv);
            let outcome = self.compile(room, step).await?;
            if let Some(verdict) = of_compile(outcome, step) {
                return Err(verdict);
            }
            self.compiles.clear();
        }
        let outcome = self.run(room, acts).await?;
        Ok(of_run(outcome, &order.step))
    }

    async fn compile(&mut self, room: &mut Room, step: &StepOrder) -> Result<Outcome<Exit>, Verdict> {
        let streams = || {
            let (output, theirs) = Stream::from_program()?;
            let stdin = std::fs::File::open("/dev/null")?.into();
            Ok((output, [stdin, theirs.try_clone()?, theirs]))
        };
        let (output, fds) = streams().map_err(no_stream)?;
        let mut process = self.start(room, step, fds, false).await?;
        let watch = self.watch(step, [Channel::Compile; 2]);
        let outputs = (Some(output), None::<Stream>);
        let outcome = watch.supervise(&mut process, outputs, None, &mut self.stop).await;
        self.count(&outcome.exit);
        Ok(outcome)
    }

    async fn run(
        &mut self,
        room: &mut Room,
        acts: mpsc::UnboundedReceiver<Numbered>,
    ) -> Result<Outcome<Exit>, Verdict> {
        let order = self.order;
        let Streams { stdin, stdout, stderr, fds } = Streams::new(order).map_err(no_stream)?;
        let mut process = self.start(room, &order.step, fds, order.terminal.is_some()).await?;
        let inlet = Inlet::new(self.node, order, acts, stdin);
        let watch = self.watch(&order.step, [Channel::Stdout, Channel::Stderr]);
        let outcome = watch.supervise(&mut process, (Some(stdout), stderr), Some(inlet), &mut self.stop).await;
        self.count(&outcome.exit);
        Ok(outcome)
    }

    async fn start(
        &mut self,
        room: &mut Room,
        step: &StepOrder,
        [stdin, stdout, stderr]: [OwnedFd; 3],
        is_terminal: bool,
    ) -> Result<Process, Verdict> {
        let spec = StepSpec {
            argv: step.argv.clone(),
            env: step.env.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            limits: Limits {
                cpu: step.cpu,
                memory_bytes: step.memory_bytes,
                processes: step.processes,
                file_bytes: step.file_bytes,
                open_files: step.open_files,
            },
            stdin,
            stdout,
            stderr,
            is_terminal,
        };
        self.unless_stopped(room.start(spec)).await?.map_err(refused)
    }

    fn watch(&self, step: &StepOrder, channels: [Channel; 2]) -> Watch<'a> {
        Watch { node: self.node, run: &self.order.run, wall: step.wall, output_bytes: step.output_bytes, channels }
    }

    fn count(&mut self, exit: &Exit) {
        self.cpu += exit.cpu;
        self.memory_peak_bytes = self.memory_peak_bytes.max(exit.memory_peak_bytes);
    }

    /// What `future` gives, unless the run is told to end before.
    async fn unless_stopped<T>(&mut self, future: impl Future<Output = T>) -> Result<T, Verdict> {
        tokio::select! {
            result = future => Ok(result),
            why = stopped(&mut self.stop) => {
                let (reason, detail) = stop_cause(why);
                Err(Verdict::new(reason, 0, detail))
            }
        }
    }
}

/// The run step's standard input, output and error: our ends, and those to give away.
struct Streams {
    stdin: Stream,
    stdout: Stream,
    /// `None`: all is one terminal.
    stderr: Option<Stream>,
    fds: [OwnedFd; 3],
}

impl Streams {
    fn new(order: &ProgramOrder) -> io::Result<Self> {
        if let Some(size) = order.terminal {
            let (stdout, stdin, theirs) = Stream::terminal(size)?;
            let fds = [theirs.try_clone()?, theirs.try_clone()?, theirs];
            return Ok(Self { stdin, stdout, stderr: None, fds });
        }
        let (stdin, their_stdin) = Stream::to_program()?;
        let (stdout, their_stdout) = Stream::from_program()?;
        let (stderr, their_stderr) = Stream::from_program()?;
        Ok(Self { stdin, stdout, stderr: Some(stderr), fds: [their_stdin, their_stdout, their_stderr] })
    }
}

/// A room holds the files and what both steps may write, which counts as their memory.
fn room_spec(order: &ProgramOrder) -> RoomSpec {
    let steps = order.compile.iter().chain([&order.step]);
    let largest = steps.map(|step| step.memory_bytes.unwrap_or(ROOM_BYTES)).max().unwrap_or(ROOM_BYTES);
    RoomSpec { bytes: largest.saturating_add(order.file_bytes()), has_network: order.has_network }
}

/// The sandbox's own words, with what the system said.
fn refused(error: SandboxError) -> Verdict {
    let reason = match error {
        SandboxError::Ended | SandboxError::RoomEnded => Reason::Lost,
        SandboxError::Start { .. }
        | SandboxError::SetUp { .. }
        | SandboxError::NoNetwork
        | SandboxError::Room { .. }
        | SandboxError::Busy
        | SandboxError::TooLarge { .. }
        | SandboxError::Program { .. }
        | SandboxError::Message(_) => Reason::NotStarted,
    };
    Verdict::new(reason, 0, format!("{:#}", anyhow::Error::new(error)))
}

fn no_stream(error: io::Error) -> Verdict {
    not_started(format!("no pipe or terminal could be made: {error}"))
}

fn not_started(detail: impl ToString) -> Verdict {
    Verdict::new(Reason::NotStarted, 0, detail.to_string())
}
