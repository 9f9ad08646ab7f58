//! What was started until its end: output as it comes, time and output limits, and the wish of people to stop it. Tools
//! and the steps of programs are watched by the same eyes; what differs is how they are told to end.

use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use wire::proto::{Channel, Ended, Reason};

use crate::clock::now_ms;
use crate::inlet::Inlet;
use crate::ledger::Stop;
use crate::node::Node;

mod outputs;

use outputs::Outputs;

/// From the request to end to the kill when the time is over.
const WALL_GRACE: Duration = Duration::from_millis(500);
/// From the interrupt to the kill when cancelled: enough for ping to print its summary.
const CANCEL_GRACE: Duration = Duration::from_secs(1);
/// From one kill to the next, of a subject that is still there.
const KILL_AGAIN: Duration = Duration::from_secs(1);
/// Kills until it is given up. Ending what holds much memory takes the kernel seconds.
const KILLS: u32 = 15;
/// How long pipes are read after the end, for a process that got away and still holds them.
const DRAIN: Duration = Duration::from_millis(250);

/// What is watched: the process group of a tool, or one step of a program.
pub(crate) trait Subject {
    /// How it ended.
    type Exit;

    /// Returns when it has ended, with everything it started. Dropping the future loses nothing.
    async fn wait(&mut self) -> Self::Exit;

    /// What Ctrl-C does.
    fn interrupt(&self);

    /// Asks it to end.
    fn terminate(&self);

    /// Ends it with everything it started.
    fn kill(&self);

    /// How it is said to have ended when it was killed again and again and is still there.
    fn give_up(&mut self) -> Self::Exit;
}

/// What holds for one watch.
#[derive(Clone, Copy)]
pub(crate) struct Watch<'a> {
    pub(crate) node: &'a Node,
    pub(crate) run: &'a str,
    pub(crate) wall: Option<Duration>,
    /// Cap over both channels, in bytes.
    pub(crate) output_bytes: u64,
    /// Where the first output goes, and where the second and the line that marks a cut.
    pub(crate) channels: [Channel; 2],
}

/// How a watch ended.
pub(crate) struct Outcome<E> {
    /// Why it was made to end, when it was, with a sentence.
    pub(crate) cause: Option<(Reason, String)>,
    pub(crate) exit: E,
}

/// Where the subject is on its way out.
enum Phase {
    Running {
        wall: Option<Instant>,
    },
    Stopping {
        kill_at: Instant,
    },
    /// Killed so often.
    Killed {
        times: u32,
        again_at: Instant,
    },
    Draining {
        until: Instant,
    },
}

struct Supervised<'a, S: Subject> {
    watch: Watch<'a>,
    phase: Phase,
    /// Output still allowed, in bytes.
    left: u64,
    /// Output is read no more: it was cut, or what holds it is no longer waited for.
    is_over: bool,
    cause: Option<(Reason, String)>,
    exit: Option<S::Exit>,
}

impl<'a> Watch<'a> {
    /// Watches `subject` until it has ended and its output is read, and carries its input meanwhile.
    pub(crate) async fn supervise<S: Subject>(
        self,
        subject: &mut S,
        (first, second): (Option<impl AsyncRead + Unpin>, Option<impl AsyncRead + Unpin>),
        mut inlet: Option<Inlet<'_>>,
        stop: &mut watch::Receiver<Option<Stop>>,
    ) -> Outcome<S::Exit> {
        let mut outputs = Outputs::new(first, second);
        let channels = self.channels;
        let mut run = Supervised::new(self);
        loop {
            if !outputs.is_open()
                && let Some(exit) = run.exit.take()
            {
                return Outcome { cause: run.cause, exit };
            }
            let deadline = run.deadline();
            tokio::select! {
                (pipe, data) = outputs.read(), if outputs.is_open() => run.on_output(channels[pipe], data, subject),
                exit = subject.wait(), if run.exit.is_none() => run.on_exit(exit),
                why = stopped(stop), if run.cause.is_none() && run.exit.is_none() => run.on_stop(why, subject),
                () = interrupted(&mut inlet), if run.exit.is_none() => subject.interrupt(),
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => run.on_deadline(subject),
            }
            if run.is_over {
                outputs.close();
            }
        }
    }
}

impl<'a, S: Subject> Supervised<'a, S> {
    fn new(watch: Watch<'a>) -> Self {
        let phase = Phase::Running { wall: watch.wall.map(|wall| Instant::now() + wall) };
        Self { watch, phase, left: watch.output_bytes, is_over: false, cause: None, exit: None }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Running { wall } => wall,
            Phase::Stopping { kill_at } => Some(kill_at),
            Phase::Killed { again_at, .. } => Some(again_at),
            Phase::Draining { until } => Some(until),
        }
    }

    fn on_deadline(&mut self, subject: &mut S) {
        match self.phase {
            Phase::Running { .. } => {
                let wall = self.watch.wall.unwrap_or_default().as_secs_f64();
                self.cause = Some((Reason::WallTime, format!("stopped after {wall} s")));
                subject.terminate();
                self.phase = Phase::Stopping { kill_at: Instant::now() + WALL_GRACE };
            }
            Phase::Stopping { .. } => self.kill(subject),
            Phase::Killed { times: KILLS.., .. } => {
                tracing::error!(run.id = %self.watch.run, "what run {} started can't be killed", self.watch.run);
                self.on_exit(subject.give_up());
            }
            Phase::Killed { .. } => self.kill(subject),
            Phase::Draining { .. } => self.is_over = true,
        }
    }

    fn on_stop(&mut self, why: Stop, subject: &S) {
        self.cause = Some(stop_cause(why));
        match why {
            Stop::Cancelled => {
                subject.interrupt();
                self.phase = Phase::Stopping { kill_at: Instant::now() + CANCEL_GRACE };
            }
            Stop::AgentStopped => self.kill(subject),
        }
    }

    fn on_output(&mut self, channel: Channel, data: &[u8], subject: &S) {
        let allowed = data.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= allowed as u64;
        self.push(channel, &data[..allowed]);
        if allowed < data.len() && !self.is_over {
            self.is_over = true;
            let cap = self.watch.output_bytes;
            self.push(self.watch.channels[1], format!("\n[output cut at {}]\n", size(cap)).as_bytes());
            self.cause.get_or_insert((Reason::OutputCap, format!("it printed more than {}", size(cap))));
            if self.exit.is_none() {
                self.kill(subject);
            }
        }
    }

    fn push(&self, channel: Channel, data: &[u8]) {
        if !data.is_empty() {
            self.watch.node.ledger(|ledger| ledger.run_output(self.watch.run, channel, data, now_ms()));
        }
    }

    fn on_exit(&mut self, exit: S::Exit) {
        self.exit = Some(exit);
        self.phase = Phase::Draining { until: Instant::now() + DRAIN };
    }

    fn kill(&mut self, subject: &S) {
        subject.kill();
        let times = if let Phase::Killed { times, .. } = self.phase { times + 1 } else { 1 };
        self.phase = Phase::Killed { times, again_at: Instant::now() + KILL_AGAIN };
    }
}

/// Returns when the run is told to end.
pub(crate) async fn stopped(stop: &mut watch::Receiver<Option<Stop>>) -> Stop {
    let why = stop.wait_for(Option::is_some).await.map(|why| *why);
    match why {
        Ok(why) => why.unwrap_or(Stop::AgentStopped),
        // The ledger keeps the other end as long as the run is held.
        Err(_) => std::future::pending().await,
    }
}

/// What a run that was told to end says of itself. Nobody wanted it to end where its agent was stopped: it is lost, as
/// if the agent had been killed.
pub(crate) fn stop_cause(why: Stop) -> (Reason, String) {
    match why {
        Stop::Cancelled => (Reason::Cancelled, String::new()),
        Stop::AgentStopped => (Reason::Lost, "the agent was stopped".to_owned()),
    }
}

/// An end as of now; the ledger fills in the rest.
pub(crate) fn ended(reason: Reason, exit_code: i32, detail: String) -> Ended {
    Ended { at_ms: now_ms(), reason: reason.into(), exit_code, detail, ..Ended::default() }
}

/// A limit as people write it.
pub(crate) fn size(bytes: u64) -> String {
    const KIB: u64 = 1024;
    match bytes {
        _ if bytes.is_multiple_of(KIB * KIB) => format!("{} MiB", bytes / KIB / KIB),
        _ if bytes.is_multiple_of(KIB) => format!("{} KiB", bytes / KIB),
        _ => format!("{bytes} bytes"),
    }
}

async fn interrupted(inlet: &mut Option<Inlet<'_>>) {
    match inlet {
        Some(inlet) => inlet.interrupted().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
