//! What the program takes while nobody uses it.

use std::time::{Duration, Instant};

use crate::Effort;
use crate::figures::{Rounds, line};
use crate::process::{cpu_time, pss_mb, rss_mb, tree};
use crate::server::Server;

/// The nodes look for their tools and languages first.
const SETTLE: Duration = Duration::from_secs(15);

pub(crate) async fn measure(effort: &Effort) -> anyhow::Result<()> {
    let server = Server::start()?;
    tokio::time::sleep(SETTLE).await;
    let pids = tree(server.pid())?;
    let [mut whole, mut control, mut agents, mut cpu] = [const { Rounds::new() }; 4];
    for _ in 0..effort.rounds {
        let (began, before) = (Instant::now(), cpu_time(&pids)?);
        tokio::time::sleep(effort.idle).await;
        let spent = cpu_time(&pids)?.saturating_sub(before);
        cpu.push(spent.as_secs_f64() / began.elapsed().as_secs_f64() * 100.0);
        let each = pids.iter().map(|pid| pss_mb(*pid)).collect::<Result<Vec<_>, _>>()?;
        whole.push(each.iter().sum());
        control.push(rss_mb(server.pid())?);
        let others = pids.iter().filter(|pid| **pid != server.pid());
        agents.push(others.map(|pid| rss_mb(*pid)).sum::<Result<f64, _>>()?);
    }
    line("idle: memory of all processes (PSS)", &whole, "MB", "<= 60");
    line("idle: control plane alone (RSS)", &control, "MB", "");
    line("idle: the three agents (RSS, shared pages thrice)", &agents, "MB", "");
    line("idle: processor time, of one core", &cpu, "%", "<= 1");
    Ok(())
}
