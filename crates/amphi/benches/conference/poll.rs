//! What it takes to watch many servers: processor time and memory while only polls go on.

use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::Effort;
use crate::figures::{Rounds, line};
use crate::many::{MEETINGS, Many};
use crate::process::{cpu_time, pss_mb};
use crate::site::Site;

/// For all meetings to be known.
const KNOWN_WITHIN: Duration = Duration::from_secs(180);

pub(crate) async fn measure(effort: &Effort) -> anyhow::Result<()> {
    let site = Site::start(false).await?;
    let (mut share, mut memory) = (Rounds::new(), Rounds::new());
    let many = Many::start(effort.servers).await?;
    for url in many.urls() {
        site.server_add(&url, "a secret that nobody checks").await?;
    }
    let wanted = (effort.servers * MEETINGS) as u64;
    let began = Instant::now();
    while site.meetings().await? < wanted {
        ensure!(began.elapsed() < KNOWN_WITHIN, "{} of {wanted} meetings are known", site.meetings().await?);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    for _ in 0..effort.rounds {
        let (began, answered) = (Instant::now(), many.answered());
        let before = cpu_time(&[site.pid()])?;
        tokio::time::sleep(effort.poll).await;
        let used = cpu_time(&[site.pid()])? - before;
        ensure!(many.answered() - answered >= effort.servers, "the servers were not polled");
        share.push(100.0 * used.as_secs_f64() / began.elapsed().as_secs_f64());
        memory.push(pss_mb(site.pid())?);
    }
    let what = format!("polling {} servers with {wanted} meetings", effort.servers);
    line(&format!("{what}, of a processor"), &share, "%", "≤10");
    line(&format!("{what}, memory"), &memory, "MB", "≤100");
    Ok(())
}
