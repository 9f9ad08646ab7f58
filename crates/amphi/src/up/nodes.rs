//! The agents that `amphi up` runs: children that are started again when they die, and that end when this process does,
//! however that comes about: each one reads a pipe that only this process holds open.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use lab::Lab;
use tokio::process::{Child, ChildStdin, Command};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cli::REFUSED;

/// How long an agent may take to end its runs and leave.
const STOP_TIMEOUT: Duration = Duration::from_secs(4);
/// Pause before a dead agent is started again; doubled each time up to the longest.
const RESTART_PAUSE: Duration = Duration::from_millis(500);
const RESTART_PAUSE_MAX: Duration = Duration::from_secs(30);
/// An agent that lived this long is not held responsible for its predecessors.
const STEADY: Duration = Duration::from_secs(60);

/// Stores on this machine: enough for layouts 0 and 1, with two to spare.
const STORES: usize = 8;
/// The most that one of them takes.
const STORE_SIZE: &str = ":4G";

/// One node to run.
#[derive(Clone, Debug)]
pub(super) struct NodePlan {
    pub(super) name: String,
    /// The network namespace that its runs live in.
    pub(super) netns: Option<String>,
    /// The names of its stores.
    pub(super) stores: Vec<String>,
}

impl NodePlan {
    /// One plan for each name and namespace; the stores are spread over them in turn.
    pub(super) fn with_stores(nodes: impl Iterator<Item = (String, Option<String>)>) -> Vec<Self> {
        let mut plans: Vec<_> = nodes.map(|(name, netns)| Self { name, netns, stores: Vec::new() }).collect();
        let count = plans.len().max(1);
        for number in 0..STORES {
            if let Some(plan) = plans.get_mut(number % count) {
                plan.stores.push(format!("s{}", number + 1));
            }
        }
        plans
    }
}

/// The running agents.
pub(super) struct Nodes {
    stop: CancellationToken,
    supervisors: TaskTracker,
}

impl Nodes {
    /// Starts one agent for each plan. Errors: the first one that can't even be started.
    pub(super) async fn start(lab: &Lab, url: &str, dir: &Path, plans: &[NodePlan]) -> anyhow::Result<Self> {
        let nodes = Self { stop: CancellationToken::new(), supervisors: TaskTracker::new() };
        for plan in plans {
            let agent = Agent { lab: lab.clone(), url: url.to_owned(), dir: dir.join(&plan.name), plan: plan.clone() };
            let first = agent.spawn().await?;
            nodes.supervisors.spawn(supervise(agent, first, nodes.stop.clone()));
        }
        nodes.supervisors.close();
        Ok(nodes)
    }

    /// Ends all agents.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        self.supervisors.wait().await;
    }
}

struct Agent {
    lab: Lab,
    url: String,
    dir: PathBuf,
    plan: NodePlan,
}

impl Agent {
    async fn spawn(&self) -> anyhow::Result<Process> {
        fs::create_dir_all(&self.dir).with_context(|| format!("making {}", self.dir.display()))?;
        let log_path = self.dir.join("agent.log");
        let log = File::options()
            .create(true)
            .append(true)
            .open(&log_path)
            .with_context(|| format!("writing {}", log_path.display()))?;
        let program = std::env::current_exe().context("finding this program's own file")?;
        let mut command = Command::new(program);
        command.arg("agent").args(["--join", &self.url, "--name", &self.plan.name, "--exit-with-stdin"]);
        command.arg("--dir").arg(&self.dir);
        if let Some(netns) = &self.plan.netns {
            command.args(["--netns", netns]);
        }
        for store in &self.plan.stores {
            let mut offer = self.dir.join("stores").join(store).into_os_string();
            offer.push(STORE_SIZE);
            command.arg("--store").arg(offer);
        }
        let pair = self.dir.join("node.pem");
        if pair.exists() {
            self.renew_ended(&pair).with_context(|| format!("renewing {}", pair.display()))?;
        } else {
            // By the environment: what stands on a command line is seen by everybody on the machine.
            command.env("AMPHI_JOIN_TOKEN", self.lab.node_token_for_own_use().await?);
        }
        // A group of its own: Ctrl-C reaches this process, which ends the agents in order.
        command.process_group(0).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        let mut child = command.spawn().with_context(|| format!("starting the agent of {}", self.plan.name))?;
        // Taken out, since waiting for a child closes its standard input.
        let life_line = child.stdin.take();
        Ok(Process { child, life_line })
    }

    /// An agent that was off until its certificate ended can't ask for a new one, and to join anew it would need another
    /// name. Here the agent's directory and the authority are the same user's.
    fn renew_ended(&self, path: &Path) -> anyhow::Result<()> {
        let Some(pair) = self.lab.node_pair_for_own_use(&fs::read_to_string(path)?)? else { return Ok(()) };
        let fresh = path.with_extension("pem.new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(pair.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        Ok(())
    }
}

/// A running agent and the pipe whose closing ends it.
struct Process {
    child: Child,
    life_line: Option<ChildStdin>,
}

async fn supervise(agent: Agent, mut process: Process, stop: CancellationToken) {
    let mut pause = RESTART_PAUSE;
    loop {
        let born = tokio::time::Instant::now();
        tokio::select! {
            () = stop.cancelled() => return end(process).await,
            status = process.child.wait() => {
                if status.as_ref().is_ok_and(|status| status.code() == Some(REFUSED.into())) {
                    tracing::warn!(
                        "the control plane sent the node {} away for good; remove {} and start again to have it join anew",
                        agent.plan.name,
                        agent.dir.display()
                    );
                    return;
                }
                let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                tracing::warn!("the agent of {} ended ({status}); see {}", agent.plan.name, agent.dir.join("agent.log").display());
            }
        }
        pause = if born.elapsed() >= STEADY { RESTART_PAUSE } else { pause };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(RESTART_PAUSE_MAX);
        process = loop {
            match agent.spawn().await {
                Ok(process) => break process,
                Err(error) => tracing::error!("{error:#}"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(RESTART_PAUSE_MAX) => {}
            }
        };
    }
}

/// Closes the agent's pipe, which asks it to end, and waits for it.
async fn end(mut process: Process) {
    drop(process.life_line.take());
    if tokio::time::timeout(STOP_TIMEOUT, process.child.wait()).await.is_err() {
        // Nothing to lose: what it still held is told as lost at the next start.
        let _ = process.child.kill().await;
    }
}
