//! How fast runs go through the control plane: queue, lease, start, end, all durable. Once with simulated agents, which
//! start no process, and once with a real one that starts one process a run, in turns with starting the same program by
//! hand. The release binary runs `amphi serve` on SQLite; this program is its agents and its client on the same machine.
//! Nothing here passes or fails: docs/benchmarks.md says how to read it.
//!
//! `AMPHI_BENCH_QUICK=1` takes shorter rounds, to see that everything works; `AMPHI_BENCH_ONLY=WORD` takes those
//! measurements alone whose name has that word in it; `AMPHI_BENCH_ROUNDS=N` takes so many rounds.

#[path = "dispatch/bare.rs"]
mod bare;
#[path = "dispatch/batch.rs"]
mod batch;
#[path = "system/figures.rs"]
mod figures;
#[path = "dispatch/history.rs"]
mod history;
#[path = "system/http.rs"]
mod http;
#[path = "dispatch/plane.rs"]
mod plane;
#[path = "system/process.rs"]
#[expect(dead_code, reason = "the other benchmark looks at more of a process")]
mod process;
#[path = "dispatch/single.rs"]
mod single;

use anyhow::Context;

/// How much is measured. Each measurement is repeated in `rounds` rounds.
struct Effort {
    rounds: usize,
    /// Runs without a process in a round.
    runs: u32,
    /// Runs with a process in a round.
    processes: u32,
    /// Batches of 100,000 that wait.
    batches: u32,
    /// Runs of another learner in a round.
    singles: u32,
    /// Jobs of the long history.
    history: u32,
}

const FULL: Effort =
    Effort { rounds: 5, runs: 40_000, processes: 4_000, batches: 10, singles: 50, history: 10_000_000 };
const QUICK: Effort = Effort { rounds: 3, runs: 4_000, processes: 300, batches: 2, singles: 10, history: 100_000 };

fn main() -> anyhow::Result<()> {
    let is_quick = std::env::var("AMPHI_BENCH_QUICK").is_ok_and(|value| value == "1");
    let mut effort = if is_quick { QUICK } else { FULL };
    if let Some(rounds) = std::env::var("AMPHI_BENCH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()) {
        effort.rounds = rounds;
    }
    // One thread: the agents and the client share the processors with what they measure.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting a runtime")?;
    println!("dispatch; {} rounds; {}", effort.rounds, process::machine()?);
    runtime.block_on(measure(&effort))
}

async fn measure(effort: &Effort) -> anyhow::Result<()> {
    let only = std::env::var("AMPHI_BENCH_ONLY").unwrap_or_default();
    let is_wanted = |name: &str| name.contains(&only);
    figures::head();
    if is_wanted("batch") {
        batch::measure(effort).await?;
    }
    if is_wanted("process") {
        batch::measure_processes(effort).await?;
    }
    if is_wanted("waiting") {
        batch::measure_waiting(effort).await?;
    }
    if is_wanted("fairness") {
        batch::measure_fairness(effort).await?;
    }
    if is_wanted("history") {
        history::measure(effort).await?;
    }
    if is_wanted("single") {
        single::measure(effort).await?;
    }
    if is_wanted("single-process") {
        single::measure_processes(effort).await?;
    }
    println!("afterwards: {}", process::machine()?);
    Ok(())
}
