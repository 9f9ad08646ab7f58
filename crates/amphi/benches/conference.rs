//! What a front costs: the release binary runs `amphi serve` before stand-in conference servers in this process, and this
//! program is the LMS. Each call is measured in turns with the same call to the server itself. Nothing here passes or
//! fails: docs/benchmarks.md says how to read it.
//!
//! `AMPHI_BENCH_QUICK=1` takes shorter rounds; `AMPHI_BENCH_ONLY` names one part: `latency`, `rate`, `poll`. For `rate` the
//! program has one processor of its own, by taskset.

#[path = "system/figures.rs"]
mod figures;
#[path = "system/http.rs"]
#[expect(dead_code, reason = "the other benchmark reads streams as well")]
mod http;
#[path = "conference/latency.rs"]
mod latency;
#[path = "conference/many.rs"]
mod many;
#[path = "conference/poll.rs"]
mod poll;
#[path = "system/process.rs"]
#[expect(dead_code, reason = "the other benchmark looks at more of a process")]
mod process;
#[path = "conference/rate.rs"]
mod rate;
#[path = "conference/site.rs"]
mod site;

use std::time::Duration;

use anyhow::Context;

/// How much is measured. Each measurement is repeated in `rounds` rounds.
struct Effort {
    rounds: usize,
    /// Calls of each kind in a round.
    calls: usize,
    /// Length of a round in which calls are counted.
    rate: Duration,
    /// Servers that are polled, with 40 meetings each.
    servers: usize,
    /// Length of a round in which only polls go on.
    poll: Duration,
}

const FULL: Effort =
    Effort { rounds: 5, calls: 300, rate: Duration::from_secs(3), servers: 500, poll: Duration::from_secs(15) };
const QUICK: Effort =
    Effort { rounds: 3, calls: 30, rate: Duration::from_millis(500), servers: 20, poll: Duration::from_secs(5) };

fn main() -> anyhow::Result<()> {
    let is_quick = std::env::var("AMPHI_BENCH_QUICK").is_ok_and(|value| value == "1");
    let effort = if is_quick { QUICK } else { FULL };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.context("starting a runtime")?;
    println!("classrooms; {} rounds; {}", effort.rounds, process::machine()?);
    runtime.block_on(measure(&effort))
}

async fn measure(effort: &Effort) -> anyhow::Result<()> {
    let only = std::env::var("AMPHI_BENCH_ONLY").ok();
    let is_wanted = |part: &str| only.as_deref().is_none_or(|only| only == part);
    figures::head();
    if is_wanted("latency") {
        latency::measure(effort).await?;
    }
    if is_wanted("rate") {
        rate::measure(effort).await?;
    }
    if is_wanted("poll") {
        poll::measure(effort).await?;
    }
    println!("afterwards: {}", process::machine()?);
    Ok(())
}
