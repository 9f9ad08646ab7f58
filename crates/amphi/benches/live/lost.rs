//! How soon the runs of an agent that goes away run elsewhere.

use std::time::{Duration, Instant};

use anyhow::Context;

use crate::Effort;
use crate::figures::{Rounds, line};
use crate::http::{Client, api};
use crate::nodes::Nodes;
use crate::plane::Plane;

const SLOTS: u32 = 20;
const JOB: &str = r#"{"tool":"ping","args":["-c","1","127.0.0.1"]}"#;

pub(crate) async fn measure(effort: &Effort) -> anyhow::Result<()> {
    println!("an agent with {SLOTS} runs is killed; others have room");
    let mut plane = Plane::start().await?;
    // One loss more than is measured: the last node has nobody to take its runs.
    let mut nodes = Nodes::join(&mut plane, effort.losses + 1, SLOTS, String::new).await?;
    let mut client = Client::connect(plane.address()).await?;
    for _ in 0..SLOTS {
        client.expect(202, &api("POST", "/api/v1/jobs", plane.token(), JOB)).await?;
    }
    nodes.started(SLOTS.into()).await?;
    let mut again = Rounds::new();
    for round in 0..effort.losses {
        // Not in step with its heartbeats.
        tokio::time::sleep(Duration::from_millis(1_700 * (round as u64 % 3))).await;
        let started = nodes.tally.started();
        let agent = nodes.agents.pop().context("no agent is left")?;
        let path = format!("/api/v1/nodes/{}", agent.node_id);
        let running = plane.call("GET", &path, 200, "").await?["running"].as_u64().unwrap_or_default();
        let began = Instant::now();
        drop(agent);
        nodes.started(started + running).await?;
        if running > 0 {
            again.push(began.elapsed().as_secs_f64());
        }
    }
    line("  until its runs are started elsewhere", &again, "s", "<= 10");
    Ok(())
}
