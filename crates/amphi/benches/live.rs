//! Live output and connected nodes in numbers: 2,000 watchers over TLS and HTTP/2, each on a connection of its own as
//! browsers have them, of 2,000 runs or of one; 2,000 simulated agents that are idle; and how soon the runs of an agent
//! that goes away are placed again. The release binary runs `amphi serve` on SQLite; this program is its agents and its
//! watchers on the same machine. Nothing here passes or fails by time, but a line lost or repeated ends it.
//!
//! `AMPHI_BENCH_QUICK=1` takes fewer of everything, to see that it works; `AMPHI_BENCH_ONLY=WORD` takes those
//! measurements alone whose name (`own`, `shared`, `idle`, `lost`) has that word in it; `AMPHI_BENCH_MANY=N` takes N
//! watchers and agents.

#[path = "system/figures.rs"]
mod figures;
#[path = "system/http.rs"]
#[expect(dead_code, reason = "the other benchmark reads streams with it")]
mod http;
#[path = "live/idle.rs"]
mod idle;
#[path = "live/lost.rs"]
mod lost;
#[path = "live/nodes.rs"]
mod nodes;
#[path = "dispatch/plane.rs"]
#[expect(dead_code, reason = "the other benchmark starts agents with it")]
mod plane;
#[path = "system/process.rs"]
#[expect(dead_code, reason = "the other benchmark looks at more of a process")]
mod process;
#[path = "live/stream.rs"]
mod stream;
#[path = "live/watch.rs"]
mod watch;

use std::time::Duration;

use anyhow::Context;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// How much is measured.
struct Effort {
    rounds: usize,
    round: Duration,
    /// Watchers, and agents in the idle measurement.
    many: usize,
    idle: Duration,
    /// How often an agent is lost. A run has three attempts.
    losses: usize,
}

const FULL: Effort =
    Effort { rounds: 5, round: Duration::from_secs(6), many: 2_000, idle: Duration::from_secs(30), losses: 2 };
const QUICK: Effort =
    Effort { rounds: 2, round: Duration::from_secs(2), many: 200, idle: Duration::from_secs(5), losses: 1 };

fn main() -> anyhow::Result<()> {
    let is_quick = std::env::var("AMPHI_BENCH_QUICK").is_ok_and(|value| value == "1");
    let mut effort = if is_quick { QUICK } else { FULL };
    if let Ok(many) = std::env::var("AMPHI_BENCH_MANY") {
        effort.many = many.parse().context("AMPHI_BENCH_MANY is a number")?;
    }
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("reading the limit of open files")?;
    setrlimit(Resource::RLIMIT_NOFILE, hard.min(soft.max(16_384)), hard).context("raising the limit of open files")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    println!("live; {} rounds; {}", effort.rounds, process::machine()?);
    runtime.context("starting a runtime")?.block_on(measure(&effort))
}

async fn measure(effort: &Effort) -> anyhow::Result<()> {
    let only = std::env::var("AMPHI_BENCH_ONLY").unwrap_or_default();
    let is_wanted = |name: &str| name.contains(&only);
    figures::head();
    if is_wanted("own") {
        watch::measure(effort, watch::Of::OwnRuns).await?;
    }
    if is_wanted("shared") {
        watch::measure(effort, watch::Of::OneRun).await?;
    }
    if is_wanted("idle") {
        idle::measure(effort).await?;
    }
    if is_wanted("lost") {
        lost::measure(effort).await?;
    }
    println!("afterwards: {}", process::machine()?);
    Ok(())
}
