//! One run: resolve the destination, start the program, watch it to its end.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::process::Child;
use tokio::sync::watch;
use wire::proto::{Ended, Reason};

use crate::clock::now_ms;
use crate::ledger::Stop;
use crate::node::Node;
use crate::resolve::{self, ResolveError};

mod order;
mod supervise;

pub(crate) use order::Order;

/// Carries `order` out and writes everything about it into the ledger. Dropping the future kills the program's leader.
pub(crate) async fn execute(node: Arc<Node>, order: Order, mut stop: watch::Receiver<Option<Stop>>) {
    let argv = match argv_for(&node, &order, &mut stop).await {
        Ok(argv) => argv,
        Err(end) => return node.ledger(|ledger| ledger.run_ended(&order.run, end)),
    };
    let (child, work) = match start(&node, &order, &argv) {
        Ok(started) => started,
        Err(detail) => {
            let end = ended(Reason::NotStarted, 0, detail);
            return node.ledger(|ledger| ledger.run_ended(&order.run, end));
        }
    };
    let group = child.id().unwrap_or_default();
    if let Err(error) = node.groups.add(group) {
        tracing::warn!(run.id = %order.run, "run {} would outlive a killed agent: {error}", order.run);
    }
    node.ledger(|ledger| ledger.run_started(&order.run, now_ms(), argv));
    let end = supervise::supervise(&node, &order, child, &mut stop).await;
    node.groups.remove(group);
    // The end is told before the tidying, which can take long when the program wrote much.
    node.ledger(|ledger| ledger.run_ended(&order.run, end));
    if let Err(error) = remove(work).await {
        tracing::warn!(run.id = %order.run, "the work directory of run {} stays: {error}", order.run);
    }
}

/// The argv to start, with the destination's address filled in.
async fn argv_for(node: &Node, order: &Order, stop: &mut watch::Receiver<Option<Stop>>) -> Result<Vec<String>, Ended> {
    let Some(destination) = &order.destination else { return Ok(order.argv.clone()) };
    tokio::select! {
        address = resolve::resolve(&node.launcher, destination) => match address {
            Ok(address) => Ok(resolve::fill(&order.argv, address)),
            Err(error) => Err(ended(reason_of(&error), 0, error.to_string())),
        },
        why = stopped(stop) => Err(ended(Reason::Cancelled, 0, detail_of(why).to_owned())),
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

fn start(node: &Node, order: &Order, argv: &[String]) -> Result<(Child, PathBuf), String> {
    let mut command = node.launcher.command(argv).map_err(|error| error.to_string())?;
    let work = node.groups.work_dir(&order.run).map_err(|error| format!("no work directory could be made: {error}"))?;
    command.envs(&order.env).current_dir(&work);
    match command.spawn() {
        Ok(child) => Ok((child, work)),
        Err(error) => {
            // Empty as it was made; what stays is swept at the agent's next start.
            let _ = std::fs::remove_dir(&work);
            Err(format!("the program could not be started: {error}"))
        }
    }
}

/// Most runs leave nothing behind, which needs no other thread to remove.
async fn remove(work: PathBuf) -> io::Result<()> {
    if std::fs::remove_dir(&work).is_ok() {
        return Ok(());
    }
    let sweep = move || std::fs::remove_dir_all::<&Path>(&work);
    tokio::task::spawn_blocking(sweep).await.map_err(io::Error::other)?
}

/// Returns when the run is told to end.
async fn stopped(stop: &mut watch::Receiver<Option<Stop>>) -> Stop {
    let why = stop.wait_for(Option::is_some).await.map(|why| *why);
    match why {
        Ok(why) => why.unwrap_or(Stop::AgentStopped),
        // The ledger keeps the other end as long as the run is held.
        Err(_) => std::future::pending().await,
    }
}

fn detail_of(why: Stop) -> &'static str {
    match why {
        Stop::Cancelled => "",
        Stop::AgentStopped => "the agent was stopped",
    }
}

/// An end as of now; the ledger fills in the rest.
fn ended(reason: Reason, exit_code: i32, detail: String) -> Ended {
    Ended { at_ms: now_ms(), reason: reason.into(), exit_code, detail, ..Ended::default() }
}
