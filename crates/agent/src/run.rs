//! One run of a tool: resolve the destination, start the program, watch it to its end.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;

use nix::sys::signal::Signal;
use tokio::process::Child;
use tokio::sync::watch;
use wire::proto::{Channel, Ended, Reason};

use crate::clock::now_ms;
use crate::groups::{Berth, ticks};
use crate::launcher::group_signal;
use crate::ledger::Stop;
use crate::node::Node;
use crate::order::ToolOrder;
use crate::resolve::{self, ResolveError};
use crate::supervise::{Subject, Watch, ended, stop_cause, stopped};

/// A started tool, which leads a process group of its own.
struct Tool {
    child: Child,
    group: u32,
}

impl Subject for Tool {
    type Exit = io::Result<ExitStatus>;

    async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        // What the leader started ends with it. Its number can't be another group's yet: the kernel hands process ids
        // out in turn and keeps one that still names a group.
        self.kill();
        status
    }

    fn interrupt(&self) {
        group_signal(self.group, Signal::SIGINT);
    }

    fn terminate(&self) {
        group_signal(self.group, Signal::SIGTERM);
    }

    fn kill(&self) {
        group_signal(self.group, Signal::SIGKILL);
    }

    fn give_up(&mut self) -> io::Result<ExitStatus> {
        Err(io::Error::new(io::ErrorKind::TimedOut, "it can't be killed"))
    }
}

/// Carries `order` out and writes everything about it into the ledger. Dropping the future kills the program's leader.
pub(crate) async fn execute(node: Arc<Node>, order: ToolOrder, mut stop: watch::Receiver<Option<Stop>>) {
    let argv = match argv_for(&node, &order, &mut stop).await {
        Ok(argv) => argv,
        Err(end) => return node.ledger(|ledger| ledger.run_ended(&order.run, end)),
    };
    let born = ticks();
    let (child, berth) = match start(&node, &argv) {
        Ok(started) => started,
        Err(detail) => {
            let end = ended(Reason::NotStarted, 0, detail);
            return node.ledger(|ledger| ledger.run_ended(&order.run, end));
        }
    };
    let group = child.id().unwrap_or_default();
    if let Err(error) = node.groups.add(&berth, group, &(born..=ticks())) {
        tracing::warn!(run.id = %order.run, "run {} would outlive a killed agent: {error}", order.run);
    }
    node.ledger(|ledger| ledger.run_started(&order.run, now_ms(), argv));
    attend(&node, &order, Tool { child, group }, berth, &mut stop).await;
}

/// Watches `tool` to its end, tells it, and gives the berth back.
async fn attend(node: &Node, order: &ToolOrder, tool: Tool, berth: Berth, stop: &mut watch::Receiver<Option<Stop>>) {
    let (end, is_gone) = supervise(node, order, tool, stop).await;
    // The end is told before the tidying, which can take long when the program wrote much.
    node.ledger(|ledger| ledger.run_ended(&order.run, end));
    if !is_gone {
        // The next agent finds the group by its row, and no other run has the directory meanwhile.
        return;
    }
    node.groups.remove(&berth);
    if let Err(error) = node.groups.leave(berth).await {
        tracing::warn!(run.id = %order.run, "what run {} wrote stays: {error}", order.run);
    }
}

/// How the run ended, and whether the tool did.
async fn supervise(
    node: &Node,
    order: &ToolOrder,
    mut tool: Tool,
    stop: &mut watch::Receiver<Option<Stop>>,
) -> (Ended, bool) {
    let watch = Watch {
        node,
        run: &order.run,
        wall: order.wall,
        output_bytes: order.output_bytes,
        channels: [Channel::Stdout, Channel::Stderr],
    };
    let outputs = (tool.child.stdout.take(), tool.child.stderr.take());
    let outcome = watch.supervise(&mut tool, outputs, None, stop).await;
    let is_gone = outcome.exit.is_ok();
    let (code, how) = match outcome.exit {
        Ok(status) => exit_code(status),
        Err(error) => (255, format!("its exit status could not be read: {error}")),
    };
    let (reason, detail) = outcome.cause.unwrap_or((Reason::Exited, how));
    (ended(reason, code, detail), is_gone)
}

/// The shell's convention: 128 + signal for a program that a signal ended.
fn exit_code(status: ExitStatus) -> (i32, String) {
    match (status.code(), status.signal()) {
        (Some(code), _) => (code, String::new()),
        (None, Some(number)) => (128 + number, signal_sentence(number)),
        (None, None) => (255, String::new()),
    }
}

/// What is said of a program that a signal ended.
pub(crate) fn signal_sentence(number: i32) -> String {
    let name = Signal::try_from(number).map_or_else(|_| number.to_string(), |signal| signal.to_string());
    format!("ended by signal {name}")
}

/// The argv to start, with the destination's address filled in.
async fn argv_for(
    node: &Node,
    order: &ToolOrder,
    stop: &mut watch::Receiver<Option<Stop>>,
) -> Result<Vec<String>, Ended> {
    let Some(destination) = &order.destination else { return Ok(order.argv.clone()) };
    tokio::select! {
        address = resolve::resolve(&node.launcher, destination) => match address {
            Ok(address) => Ok(resolve::fill(&order.argv, address)),
            Err(error) => Err(ended(reason_of(&error), 0, error.to_string())),
        },
        why = stopped(stop) => {
            let (reason, detail) = stop_cause(why);
            Err(ended(reason, 0, detail))
        }
    }
}

fn reason_of(error: &ResolveError) -> Reason {
    match error {
        ResolveError::Forbidden { .. } => Reason::Forbidden,
        ResolveError::Unknown { .. } | ResolveError::NoSuchFamily { .. } | ResolveError::TimedOut { .. } => {
            Reason::NameUnknown
        }
        ResolveError::LookupFailed { .. } => Reason::NotStarted,
    }
}

fn start(node: &Node, argv: &[String]) -> Result<(Child, Berth), String> {
    let mut command = node.launcher.command(argv).map_err(|error| error.to_string())?;
    let berth = node.groups.berth().map_err(|error| format!("no work directory could be made: {error}"))?;
    command.current_dir(&berth.dir);
    match command.spawn() {
        Ok(child) => Ok((child, berth)),
        Err(error) => {
            node.groups.give_back(berth);
            Err(format!("the program could not be started: {error}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::groups::Groups;
    use crate::launcher::Launcher;
    use crate::ledger::Ledger;

    #[tokio::test(start_paused = true)]
    async fn a_tool_that_was_given_up_keeps_its_row_and_its_directory() {
        let dir = tempfile::tempdir().unwrap();
        let (groups, _) = Groups::open(dir.path()).unwrap();
        let node = Node::new(Launcher::new(None), groups, None, Ledger::new(1, 0));
        let berth = node.groups.berth().unwrap();
        let (path, born) = (berth.dir.clone(), ticks());
        let mut command = tokio::process::Command::new("sleep");
        let child = command.arg("1000").current_dir("/").process_group(0).spawn().unwrap();
        let pid = child.id().unwrap();
        node.groups.add(&berth, pid, &(born..=ticks())).unwrap();
        let order = ToolOrder {
            run: "r1".to_owned(),
            argv: Vec::new(),
            wall: Some(Duration::from_secs(1)),
            output_bytes: 1,
            destination: None,
        };
        let (_told, mut stop) = watch::channel(None);
        // No signal ever reaches group 0.
        attend(&node, &order, Tool { child, group: 0 }, berth, &mut stop).await;
        assert_ne!(node.groups.berth().unwrap().dir, path, "the next run is in its directory");
        assert_eq!(Groups::open(dir.path()).unwrap().1, 1, "the next agent does not find it");
    }
}
