//! What people feel of the whole program: the release binary runs `amphi up` in a directory of its own, and this program
//! is its client on the same machine. Each figure is the median of several rounds with the smallest and the largest,
//! since a shared machine wanders; where there is a plain counterpart (the same tool started by hand, a round trip that
//! touches no database), it is measured in turns with ours. Nothing here passes or fails: docs/benchmarks.md says how to
//! read it.
//!
//! `AMPHI_BENCH_QUICK=1` takes shorter rounds, to see that everything works; `AMPHI_BENCH_ONLY` names one part: `startup`,
//! `idle`, `latency`, `accept`, `history`.

#[path = "system/accept.rs"]
mod accept;
#[path = "system/figures.rs"]
mod figures;
#[path = "system/history.rs"]
mod history;
#[path = "system/http.rs"]
mod http;
#[path = "system/idle.rs"]
mod idle;
#[path = "system/latency.rs"]
mod latency;
#[path = "system/process.rs"]
mod process;
#[path = "system/server.rs"]
mod server;
#[path = "system/startup.rs"]
mod startup;

use std::time::Duration;

use anyhow::Context;

/// How much is measured. Each measurement is repeated in `rounds` rounds.
struct Effort {
    rounds: usize,
    /// Jobs run one after another in a round.
    jobs: usize,
    /// Length of a round in which submissions are counted.
    accept: Duration,
    /// Length of a round without any work.
    idle: Duration,
    /// Jobs in the history, and requests of each kind in a round over it.
    history: usize,
    reads: usize,
    /// Starts of the program, each with a new and with a used directory.
    starts: usize,
}

const FULL: Effort = Effort {
    rounds: 5,
    jobs: 200,
    accept: Duration::from_secs(2),
    idle: Duration::from_secs(4),
    history: 10_000,
    reads: 200,
    starts: 7,
};
const QUICK: Effort = Effort {
    rounds: 5,
    jobs: 20,
    accept: Duration::from_millis(300),
    idle: Duration::from_millis(500),
    history: 1_000,
    reads: 30,
    starts: 5,
};

fn main() -> anyhow::Result<()> {
    let is_quick = std::env::var("AMPHI_BENCH_QUICK").is_ok_and(|value| value == "1");
    let effort = if is_quick { QUICK } else { FULL };
    // One thread: the client shares the processors with what it measures.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting a runtime")?;
    println!("amphi as a whole; {} rounds; {}", effort.rounds, process::machine()?);
    runtime.block_on(measure(&effort))
}

async fn measure(effort: &Effort) -> anyhow::Result<()> {
    let only = std::env::var("AMPHI_BENCH_ONLY").ok();
    let is_wanted = |part: &str| only.as_deref().is_none_or(|only| only == part);
    figures::head();
    if is_wanted("startup") {
        startup::measure(effort)?;
    }
    if is_wanted("idle") {
        idle::measure(effort).await?;
    }
    if is_wanted("latency") {
        latency::measure(effort).await?;
    }
    if is_wanted("accept") {
        accept::measure(effort).await?;
    }
    if is_wanted("history") {
        history::measure(effort).await?;
    }
    println!("afterwards: {}", process::machine()?);
    Ok(())
}
