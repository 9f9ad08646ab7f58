//! Runs that were submitted one by one: the queue is filled while nothing may start, then let go. With simulated agents,
//! and with a real one in turns with starting the same program by hand.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::json;
use tokio::task::JoinSet;

use crate::Effort;
use crate::bare;
use crate::figures::{Rounds, line};
use crate::http::{Client, api};
use crate::plane::Plane;
use crate::process::cpu_time;

const JOB: &str = r#"{"tool":"ping","args":["-c","1","127.0.0.1"]}"#;
const CLIENTS: u32 = 64;
/// Nodes, and slots of each.
pub(crate) const AGENTS: (u32, u32) = (4, 64);

/// The program that a run starts, in place of the tool it is submitted with.
pub(crate) const PROGRAM: &str = "/bin/true";
/// Slots of the real agent.
pub(crate) const SLOTS: u32 = 32;

pub(crate) async fn measure(effort: &Effort) -> anyhow::Result<()> {
    let mut plane = Plane::start().await?;
    let _agents = plane.simulate(AGENTS.0, AGENTS.1).await?;
    let [mut rate, mut server, mut client] = [const { Rounds::new() }; 3];
    for _ in 0..effort.rounds {
        let [before, here] = [cpu_time(&[plane.pid()])?, cpu_time(&[std::process::id()])?];
        let (runs, took) = drain(&mut plane, effort.runs / 4).await?;
        let percent = |spent: Duration| spent.as_secs_f64() / took.as_secs_f64() * 100.0;
        rate.push(f64::from(runs) / took.as_secs_f64());
        server.push(percent(cpu_time(&[plane.pid()])?.saturating_sub(before)));
        client.push(percent(cpu_time(&[std::process::id()])?.saturating_sub(here)));
    }
    line("submitted one by one, no process", &rate, "1/s", "");
    line("  processor time of the control plane, filling too", &server, "%", "");
    line("  and of simulated agents and client", &client, "%", "");
    Ok(())
}

/// The same with one process a run.
pub(crate) async fn measure_processes(effort: &Effort) -> anyhow::Result<()> {
    let mut plane = Plane::start().await?;
    let _agent = plane.agent(SLOTS, Path::new(PROGRAM)).await?;
    let [mut ours, mut bare, mut ratio] = [const { Rounds::new() }; 3];
    for _ in 0..effort.rounds {
        let (runs, took) = drain(&mut plane, effort.processes).await?;
        let by_hand = bare::rate(PROGRAM, runs)?;
        let rate = f64::from(runs) / took.as_secs_f64();
        ours.push(rate);
        bare.push(by_hand);
        ratio.push(rate / by_hand * 100.0);
    }
    line("submitted one by one, one process a run", &ours, "1/s", "");
    line("  beside it: the process started by hand, two threads", &bare, "1/s", "");
    line("  ours of that", &ratio, "%", ">= 60");
    Ok(())
}

/// Fills the queue, lets go, and waits until nothing is left. Returns how many runs it were and how long they took.
async fn drain(plane: &mut Plane, runs: u32) -> anyhow::Result<(u32, Duration)> {
    plane.policy(json!({ "starts_per_minute_max": 1 })).await?;
    let runs = runs / CLIENTS * CLIENTS;
    fill(plane, runs).await?;
    let began = Instant::now();
    plane.policy(json!({})).await?;
    while open(plane).await? > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok((runs, began.elapsed()))
}

/// Some of the runs that wait or are on nodes; 0 when there are none.
async fn open(plane: &mut Plane) -> anyhow::Result<usize> {
    // Not the status, which may be a second old.
    let mut open = 0;
    for status in ["waiting", "running"] {
        let jobs = plane.call("GET", &format!("/api/v1/jobs?limit=1&status={status}"), 200, "").await?;
        open += jobs["items"].as_array().map_or(0, Vec::len);
    }
    Ok(open)
}

async fn fill(plane: &Plane, runs: u32) -> anyhow::Result<()> {
    let mut tasks = JoinSet::new();
    for _ in 0..CLIENTS {
        let mut client = Client::connect(plane.address()).await?;
        let request = api("POST", "/api/v1/jobs", plane.token(), JOB);
        tasks.spawn(async move {
            for _ in 0..runs / CLIENTS {
                client.expect(202, &request).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.context("a client failed")??;
    }
    Ok(())
}
