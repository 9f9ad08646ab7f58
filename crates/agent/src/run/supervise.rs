//! A started program until its end: output as it comes, limits, signals, and nothing left behind.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use wire::MAX_CHUNK_BYTES;
use wire::proto::{Channel, Ended, Reason};

use super::{Order, detail_of, ended, stopped};
use crate::clock::now_ms;
use crate::launcher::group_signal;
use crate::ledger::Stop;
use crate::node::Node;

/// From SIGTERM to SIGKILL when the time is over.
const WALL_GRACE: Duration = Duration::from_millis(500);
/// From SIGINT to SIGKILL when cancelled: enough for ping to print its summary.
const CANCEL_GRACE: Duration = Duration::from_secs(1);
/// How long pipes are read after the program ended, for one that left its group and still holds them.
const DRAIN: Duration = Duration::from_millis(250);

/// Where the program is on its way out.
enum Phase {
    Running { wall: Option<Instant> },
    Stopping { kill_at: Instant },
    Killed,
    Draining { until: Instant },
}

struct Supervised<'a> {
    node: &'a Node,
    order: &'a Order,
    group: u32,
    phase: Phase,
    /// Output still allowed, in bytes.
    left: u64,
    is_cut: bool,
    /// Why it was made to end, when it was.
    cause: Option<(Reason, String)>,
    status: Option<io::Result<ExitStatus>>,
}

/// Watches `child`, whose group is its own, until it has ended and its output is read.
pub(super) async fn supervise(
    node: &Node,
    order: &Order,
    mut child: Child,
    stop: &mut watch::Receiver<Option<Stop>>,
) -> Ended {
    let mut stdout = Pipe::new(child.stdout.take());
    let mut stderr = Pipe::new(child.stderr.take());
    let mut run = Supervised::new(node, order, child.id().unwrap_or_default());
    while run.status.is_none() || stdout.is_open() || stderr.is_open() {
        let deadline = run.deadline();
        tokio::select! {
            data = stdout.read(), if stdout.is_open() => run.on_output(Channel::Stdout, data),
            data = stderr.read(), if stderr.is_open() => run.on_output(Channel::Stderr, data),
            status = child.wait(), if run.status.is_none() => run.on_exit(status),
            why = stopped(stop), if run.cause.is_none() && run.status.is_none() => run.on_stop(why),
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                if run.on_deadline() {
                    break;
                }
            }
        }
        if run.is_cut {
            stdout.close();
            stderr.close();
        }
    }
    run.end()
}

impl<'a> Supervised<'a> {
    fn new(node: &'a Node, order: &'a Order, group: u32) -> Self {
        let phase = Phase::Running { wall: order.wall.map(|wall| Instant::now() + wall) };
        Self { node, order, group, phase, left: order.output_bytes, is_cut: false, cause: None, status: None }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Running { wall } => wall,
            Phase::Stopping { kill_at } => Some(kill_at),
            Phase::Killed => None,
            Phase::Draining { until } => Some(until),
        }
    }

    /// True when nothing more is waited for.
    fn on_deadline(&mut self) -> bool {
        match self.phase {
            Phase::Running { .. } => {
                let wall = self.order.wall.unwrap_or_default().as_secs_f64();
                self.cause = Some((Reason::WallTime, format!("stopped after {wall} s")));
                self.signal_then_kill(Signal::SIGTERM, WALL_GRACE);
            }
            Phase::Stopping { .. } => self.kill(),
            Phase::Killed => {}
            Phase::Draining { .. } => return true,
        }
        false
    }

    fn on_stop(&mut self, why: Stop) {
        self.cause = Some((Reason::Cancelled, detail_of(why).to_owned()));
        match why {
            Stop::Cancelled => self.signal_then_kill(Signal::SIGINT, CANCEL_GRACE),
            Stop::AgentStopped => self.kill(),
        }
    }

    fn on_output(&mut self, channel: Channel, data: &[u8]) {
        let allowed = data.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= allowed as u64;
        self.push(channel, &data[..allowed]);
        if allowed < data.len() && !self.is_cut {
            self.is_cut = true;
            let cap = self.order.output_bytes;
            self.push(Channel::Stderr, format!("\n[output cut at {cap} bytes]\n").as_bytes());
            self.cause.get_or_insert((Reason::OutputCap, format!("the output passed {cap} bytes")));
            if self.status.is_none() {
                self.kill();
            }
        }
    }

    fn push(&self, channel: Channel, data: &[u8]) {
        if !data.is_empty() {
            self.node.ledger(|ledger| ledger.run_output(&self.order.run, channel, data, now_ms()));
        }
    }

    fn on_exit(&mut self, status: io::Result<ExitStatus>) {
        self.status = Some(status);
        // What the leader started ends with it. Its number can't be another group's yet: the kernel hands process ids
        // out in turn and keeps one that still names a group.
        group_signal(self.group, Signal::SIGKILL);
        self.phase = Phase::Draining { until: Instant::now() + DRAIN };
    }

    fn signal_then_kill(&mut self, signal: Signal, grace: Duration) {
        group_signal(self.group, signal);
        self.phase = Phase::Stopping { kill_at: Instant::now() + grace };
    }

    fn kill(&mut self) {
        group_signal(self.group, Signal::SIGKILL);
        self.phase = Phase::Killed;
    }

    fn end(self) -> Ended {
        let (code, how) = match &self.status {
            Some(Ok(status)) => exit_code(*status),
            Some(Err(error)) => (255, format!("its exit status could not be read: {error}")),
            None => (255, String::new()),
        };
        let (reason, detail) = self.cause.unwrap_or((Reason::Exited, how));
        ended(reason, code, detail)
    }
}

/// The shell's convention: 128 + signal for a program that a signal ended.
fn exit_code(status: ExitStatus) -> (i32, String) {
    match (status.code(), status.signal()) {
        (Some(code), _) => (code, String::new()),
        (None, Some(number)) => {
            let name = Signal::try_from(number).map_or_else(|_| number.to_string(), |signal| signal.to_string());
            (128 + number, format!("ended by signal {name}"))
        }
        (None, None) => (255, String::new()),
    }
}

/// One end of an output pipe, closed at its end, at an error, or by us.
struct Pipe<R> {
    reader: Option<R>,
    buffer: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Pipe<R> {
    fn new(reader: Option<R>) -> Self {
        Self { reader, buffer: vec![0; MAX_CHUNK_BYTES] }
    }

    fn is_open(&self) -> bool {
        self.reader.is_some()
    }

    fn close(&mut self) {
        self.reader = None;
    }

    /// What has come, empty at the end. Dropping the future loses nothing.
    async fn read(&mut self) -> &[u8] {
        let count = match &mut self.reader {
            Some(reader) => reader.read(&mut self.buffer).await.unwrap_or(0),
            None => 0,
        };
        if count == 0 {
            self.close();
        }
        &self.buffer[..count]
    }
}
