//! Runs that were submitted as batches: how fast they are accepted, dispatched and carried out, and what a million that
//! wait cost.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::json;

use crate::Effort;
use crate::bare;
use crate::figures::{Latencies, Rounds, Spread, line};
use crate::http::{Client, api};
use crate::plane::Plane;
use crate::process::{cpu_time, rss_mb};
use crate::single::{AGENTS, PROGRAM, SLOTS};

/// Elements of a batch, at most.
const ELEMENTS_MAX: u32 = 100_000;

/// Submits a batch of `ping`. Returns its path and how long accepting it took.
async fn submit(plane: &mut Plane, elements: u32) -> anyhow::Result<(String, Duration)> {
    let args = ["-c", "1", "127.0.0.1"];
    let body = json!({ "tool": "ping", "args": args, "array": { "from": 1, "to": elements } }).to_string();
    let began = Instant::now();
    let batch = plane.call("POST", "/api/v1/batches", 202, &body).await?;
    let took = began.elapsed();
    let id = batch["id"].as_str().context("the answer has no id")?;
    Ok((format!("/api/v1/batches/{id}"), took))
}

/// Waits until all elements are over.
async fn finish(plane: &mut Plane, path: &str, elements: u32) -> anyhow::Result<()> {
    loop {
        let batch = plane.call("GET", path, 200, "").await?;
        if batch["status"] == "completed" {
            if batch["done"] != elements {
                bail!("not all were done: {batch}");
            }
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Without processes.
pub(crate) async fn measure(effort: &Effort) -> anyhow::Result<()> {
    let mut plane = Plane::start().await?;
    let _agents = plane.simulate(AGENTS.0, AGENTS.1).await?;
    let [mut rate, mut server, mut client] = [const { Rounds::new() }; 3];
    for _ in 0..effort.rounds {
        let before = [cpu_time(&[plane.pid()])?, cpu_time(&[std::process::id()])?];
        let began = Instant::now();
        let (path, _) = submit(&mut plane, effort.runs).await?;
        finish(&mut plane, &path, effort.runs).await?;
        let took = began.elapsed().as_secs_f64();
        rate.push(f64::from(effort.runs) / took);
        let percent = |spent: Duration| spent.as_secs_f64() / took * 100.0;
        server.push(percent(cpu_time(&[plane.pid()])?.saturating_sub(before[0])));
        client.push(percent(cpu_time(&[std::process::id()])?.saturating_sub(before[1])));
    }
    line("a batch, no process, durable", &rate, "1/s", ">= 10000");
    line("  processor time of the control plane, of one core", &server, "%", "");
    line("  and of simulated agents and client", &client, "%", "");
    Ok(())
}

/// With one process a run, in turns with starting the same program by hand.
pub(crate) async fn measure_processes(effort: &Effort) -> anyhow::Result<()> {
    let mut plane = Plane::start().await?;
    let _agent = plane.agent(SLOTS, Path::new(PROGRAM)).await?;
    let [mut ours, mut bare, mut ratio] = [const { Rounds::new() }; 3];
    for _ in 0..effort.rounds {
        let began = Instant::now();
        let (path, _) = submit(&mut plane, effort.processes).await?;
        finish(&mut plane, &path, effort.processes).await?;
        let rate = f64::from(effort.processes) / began.elapsed().as_secs_f64();
        let by_hand = bare::rate(PROGRAM, effort.processes)?;
        ours.push(rate);
        bare.push(by_hand);
        ratio.push(rate / by_hand * 100.0);
    }
    line("a batch, one process a run, durable", &ours, "1/s", "");
    line("  beside it: the process started by hand, two threads", &bare, "1/s", "");
    line("  ours of that", &ratio, "%", ">= 60");
    Ok(())
}

/// Accepting batches, and what waits over a restart. The nodes are cordoned, so nothing is taken.
pub(crate) async fn measure_waiting(effort: &Effort) -> anyhow::Result<()> {
    let mut plane = Plane::start().await?;
    let (agents, tally) = plane.simulate(1, 2).await?;
    plane.policy(json!({ "starts_per_minute_max": 1 })).await?;
    let (mut accepted, mut with_parameters) = (Rounds::new(), Rounds::new());
    let mut memory = Rounds::new();
    let before = rss_mb(plane.pid())?;
    for _ in 0..effort.batches {
        let (_, took) = submit(&mut plane, ELEMENTS_MAX).await?;
        accepted.push(f64::from(ELEMENTS_MAX) / took.as_secs_f64());
    }
    memory.push(rss_mb(plane.pid())? - before);
    for _ in 0..effort.rounds {
        let elements = 20_000;
        let parameters: Vec<_> = (0..elements).map(|number| [format!("192.0.2.{}", number % 250)]).collect();
        let body = json!({ "tool": "ping", "args": ["-c", "1"], "parameters": parameters }).to_string();
        let began = Instant::now();
        plane.call("POST", "/api/v1/batches", 202, &body).await?;
        with_parameters.push(f64::from(elements) / began.elapsed().as_secs_f64());
    }
    let [mut ready, mut dispatched, mut restarted] = [const { Rounds::new() }; 3];
    drop(agents);
    for _ in 0..effort.rounds {
        let began = Instant::now();
        plane.restart().await?;
        plane.call("GET", "/api/v1/batches", 200, "").await?;
        ready.push(began.elapsed().as_secs_f64());
        restarted.push(rss_mb(plane.pid())?);
        plane.policy(json!({})).await?;
        let (agents, tally) = plane.simulate(1, 2).await?;
        while tally.started() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        dispatched.push(began.elapsed().as_secs_f64());
        drop(agents);
        plane.policy(json!({ "starts_per_minute_max": 1 })).await?;
    }
    drop(tally);
    line("accept, batches of 100,000 by index", &accepted, "1/s", ">= 100000");
    line("accept, batches of 20,000 with own parameters", &with_parameters, "1/s", "");
    let waiting = f64::from(effort.batches) / 10.0;
    line(&format!("memory that {waiting} million waiting add"), &memory, "MB", "");
    line("  restart with them: to the first answer", &ready, "s", "<= 3");
    line("  … to the first start on a node that joins then", &dispatched, "s", "<= 5");
    line("  … memory then", &restarted, "MB", "<= 64");
    Ok(())
}

/// The delay of another learner's single run behind a batch, with two slots.
pub(crate) async fn measure_fairness(effort: &Effort) -> anyhow::Result<()> {
    let mut plane = Plane::start().await?;
    let _agents = plane.simulate(1, 2).await?;
    let learner = plane.learner().await?;
    let mut client = Client::connect(plane.address()).await?;
    let job = json!({ "tool": "ping", "args": ["-c", "1", "127.0.0.1"] }).to_string();
    let (path, _) = submit(&mut plane, ELEMENTS_MAX).await?;
    let mut spread = Spread::of(&[50, 99]);
    for _ in 0..effort.rounds {
        let mut latencies = Latencies::default();
        for _ in 0..effort.singles {
            let began = Instant::now();
            let answer = client.expect(202, &api("POST", "/api/v1/jobs", &learner, &job)).await?;
            let location = answer.header("location").context("the answer has no Location")?;
            client.stream_open(&api("GET", &format!("{location}/live"), &learner, "")).await?;
            client.stream_until("event: end\n").await?;
            client.stream_end().await?;
            latencies.push(began.elapsed());
        }
        spread.push(latencies);
    }
    plane.call("POST", &format!("{path}/cancel"), 202, "").await?;
    spread.lines("another learner's run behind a batch, 2 slots", &["", "<= 100"]);
    Ok(())
}
