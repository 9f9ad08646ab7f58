//! The counterpart: the same program started by hand, two threads, nothing else.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::Context;

/// Starts a second of `program` over `count` starts on two threads, its output thrown away.
pub(crate) fn rate(program: &str, count: u32) -> anyhow::Result<f64> {
    let began = Instant::now();
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let program = program.to_owned();
            std::thread::spawn(move || {
                for _ in 0..count / 2 {
                    // Without a hook before exec the standard library uses posix_spawn.
                    let mut command = Command::new(&program);
                    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
                    command.status().with_context(|| format!("starting {program}"))?;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for thread in threads {
        thread.join().map_err(|_| anyhow::anyhow!("a thread panicked"))??;
    }
    Ok(f64::from(count) / began.elapsed().as_secs_f64())
}
