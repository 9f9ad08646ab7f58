//! What connected nodes take that have nothing to do.

use std::time::{Duration, Instant};

use crate::Effort;
use crate::figures::{Rounds, line};
use crate::nodes::Nodes;
use crate::plane::Plane;
use crate::process::{cpu_time, pss_mb};

/// What came with their joining is over by then.
const SETTLE: Duration = Duration::from_secs(10);

pub(crate) async fn measure(effort: &Effort) -> anyhow::Result<()> {
    println!("{} idle agents", effort.many);
    let mut plane = Plane::start().await?;
    let before = pss_mb(plane.pid())?;
    let _nodes = Nodes::join(&mut plane, effort.many, 4, String::new).await?;
    tokio::time::sleep(SETTLE).await;
    let [mut cpu, mut memory] = [const { Rounds::new() }; 2];
    let (began, spent) = (Instant::now(), cpu_time(&[plane.pid()])?);
    tokio::time::sleep(effort.idle).await;
    let spent = cpu_time(&[plane.pid()])?.saturating_sub(spent);
    cpu.push(spent.as_secs_f64() / began.elapsed().as_secs_f64() * 100.0);
    memory.push((pss_mb(plane.pid())? - before) * 1e3 / effort.many as f64);
    line("  processor time of the control plane, of one core", &cpu, "%", "<= 10");
    line("  memory an agent (PSS)", &memory, "KB", "<= 40");
    Ok(())
}
