//! How large the program is, and how soon it is there.

use anyhow::Context;

use crate::Effort;
use crate::figures::{Rounds, line};
use crate::server::{PROGRAM, Up};

pub(crate) fn measure(effort: &Effort) -> anyhow::Result<()> {
    let size = std::fs::metadata(PROGRAM).with_context(|| format!("looking at {PROGRAM}"))?.len();
    let mut megabytes = Rounds::default();
    megabytes.push(size as f64 / 1e6);
    line("release binary", &megabytes, "MB", "< 40");

    let (mut fresh, mut used) = (Rounds::default(), Rounds::default());
    for _ in 0..effort.starts {
        let dir = tempfile::tempdir().context("making a directory")?;
        fresh.push(Up::start(dir.path())?.ready_after.as_secs_f64());
        used.push(Up::start(dir.path())?.ready_after.as_secs_f64());
    }
    line("start to ready, three nodes, new directory", &fresh, "s", "<= 1");
    line("start to ready, three nodes, used directory", &used, "s", "<= 1");
    Ok(())
}
