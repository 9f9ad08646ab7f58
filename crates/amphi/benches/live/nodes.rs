//! Many simulated agents, joined several at a time.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;
use testkit::sim::{Plan, Printing, SimAgent, Tally};
use tokio::task::JoinSet;

use crate::plane::Plane;

/// Agents that join at the same time.
const AT_ONCE: usize = 16;
/// Time between two lines of one run.
const LINE: Duration = Duration::from_millis(100);

/// Connected agents, and what they were told.
pub(crate) struct Nodes {
    pub(crate) agents: Vec<SimAgent>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) printing: Arc<Printing>,
}

impl Nodes {
    /// Joins `count` agents whose runs last, and print what `line` says once they are told to.
    pub(crate) async fn join(
        plane: &mut Plane,
        count: usize,
        slots: u32,
        line: fn() -> String,
    ) -> anyhow::Result<Self> {
        let printing = Printing { every: LINE, line, is_on: AtomicBool::new(false), is_over: AtomicBool::new(false) };
        let mut nodes = Self { agents: Vec::new(), tally: Arc::default(), printing: Arc::new(printing) };
        let (ca_pem, address): (Arc<str>, _) = (plane.ca_pem()?.into(), plane.address());
        let mut joining = JoinSet::new();
        for number in 0..count {
            let made = plane.call("POST", "/api/v1/node-tokens", 201, "{}").await?;
            let token = made["token"].as_str().context("the answer has no token")?.to_owned();
            let name = format!("sim-{number}");
            let plan = Plan { name, slots, tools: vec!["ping".to_owned()], output: Vec::new() };
            let (tally, printing, ca_pem) = (nodes.tally.clone(), nodes.printing.clone(), ca_pem.clone());
            if joining.len() == AT_ONCE {
                nodes.agents.push(joined(&mut joining).await?);
            }
            joining.spawn(async move {
                SimAgent::join_to_print(address, &ca_pem, &token, plan, tally, Some(printing)).await
            });
        }
        while !joining.is_empty() {
            nodes.agents.push(joined(&mut joining).await?);
        }
        for _ in 0..600 {
            let known = plane.call("GET", "/api/v1/nodes", 200, "").await?;
            let known = known["items"].as_array().map(Vec::as_slice).unwrap_or_default();
            let is_ready = |node: &&Value| node["tools"].as_array().is_some_and(|tools| !tools.is_empty());
            if known.iter().filter(is_ready).count() >= count {
                return Ok(nodes);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("the agents did not come up")
    }

    /// Waits until this many runs were started in all. Answers how long that took.
    pub(crate) async fn started(&self, runs: u64) -> anyhow::Result<Duration> {
        let began = Instant::now();
        while self.tally.started() < runs {
            ensure!(began.elapsed() < Duration::from_secs(60), "{} of {runs} runs were started", self.tally.started());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(began.elapsed())
    }
}

type Joining = JoinSet<Result<SimAgent, testkit::sim::SimError>>;

async fn joined(joining: &mut Joining) -> anyhow::Result<SimAgent> {
    joining.join_next().await.context("nobody joins")?.context("joining")?.context("joining an agent")
}
