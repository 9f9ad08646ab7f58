//! What the kernel tells about processes and the machine.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

fn read(path: impl AsRef<Path>) -> anyhow::Result<String> {
    let path = path.as_ref();
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

/// The load of the last minute.
pub(crate) fn load() -> anyhow::Result<String> {
    let text = read("/proc/loadavg")?;
    Ok(text.split(' ').next().unwrap_or_default().to_owned())
}

/// One line on where this runs.
pub(crate) fn machine() -> anyhow::Result<String> {
    let cpuinfo = read("/proc/cpuinfo")?;
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    let cores = std::thread::available_parallelism().context("counting the processors")?;
    let kernel = read("/proc/sys/kernel/osrelease")?;
    let model = model.trim_start_matches([' ', '\t', ':']);
    Ok(format!("{cores} × {model}, Linux {}, load {}", kernel.trim(), load()?))
}

/// A process and everything below it that lives. Those that end meanwhile are left out.
pub(crate) fn tree(root: u32) -> anyhow::Result<Vec<u32>> {
    let mut pairs = Vec::new();
    for entry in fs::read_dir("/proc").context("listing /proc")? {
        let Ok(pid) = entry.context("listing /proc")?.file_name().to_string_lossy().parse::<u32>() else { continue };
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        // pid (name) state parent …; the name may hold anything. Z has ended and was not waited for yet.
        let rest = stat.rsplit_once(") ").map(|(_, rest)| rest).filter(|rest| !rest.starts_with('Z'));
        let parent = rest.and_then(|rest| rest.split(' ').nth(1)?.parse::<u32>().ok());
        pairs.extend(parent.map(|parent| (pid, parent)));
    }
    let mut found = HashSet::from([root]);
    loop {
        let below: Vec<_> = pairs.iter().filter(|(pid, up)| found.contains(up) && !found.contains(pid)).collect();
        if below.is_empty() {
            return Ok(found.into_iter().collect());
        }
        found.extend(below.into_iter().map(|(pid, _)| *pid));
    }
}

/// Processor time of these processes since they began, with that of threads that have ended.
pub(crate) fn cpu_time(pids: &[u32]) -> anyhow::Result<Duration> {
    let mut total = Duration::ZERO;
    for pid in pids {
        let pid = Pid::from_raw(i32::try_from(*pid).context("a process id")?);
        let clock = clock_getcpuclockid(pid).with_context(|| format!("finding the processor clock of {pid}"))?;
        total += Duration::from(clock.now().with_context(|| format!("reading the processor clock of {pid}"))?);
    }
    Ok(total)
}

/// Memory of a process in MB: its own pages, and its part of those it shares.
pub(crate) fn pss_mb(pid: u32) -> anyhow::Result<f64> {
    field_mb(&format!("/proc/{pid}/smaps_rollup"), "Pss:")
}

/// Memory of a process in MB, shared pages in full.
pub(crate) fn rss_mb(pid: u32) -> anyhow::Result<f64> {
    field_mb(&format!("/proc/{pid}/status"), "VmRSS:")
}

fn field_mb(path: &str, name: &str) -> anyhow::Result<f64> {
    let text = read(path)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kibibytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    Ok(kibibytes.with_context(|| format!("{path} has no {name}"))? * 1_024.0 / 1e6)
}
