//! Runs the system programs that make and serve the demo's network: by argv, with a time limit, and with what the
//! program said in the error.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

const TIME_LIMIT: Duration = Duration::from_secs(10);
/// Where Debian keeps programs for root, which a user's PATH may leave out.
const SYSTEM_PATH: [&str; 3] = ["/usr/sbin", "/sbin", "/usr/local/sbin"];

/// The program's file; `None` when it is not installed.
pub(in crate::up) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&path).chain(SYSTEM_PATH.map(PathBuf::from));
    dirs.map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// Runs a batch of `ip`, in a namespace or outside. Stops at the first line that fails.
pub(super) async fn ip(netns: Option<&str>, batch: &str) -> anyhow::Result<()> {
    match netns {
        None => run(&["ip", "-batch", "-"], batch).await,
        Some(netns) => run(&["ip", "-n", netns, "-batch", "-"], batch).await,
    }
}

/// Runs a program to its end, `input` on its standard input.
///
/// Errors: it is not installed, took longer than 10 s (it is killed then), or ended with another status than 0.
pub(in crate::up) async fn run(argv: &[impl AsRef<OsStr>], input: &str) -> anyhow::Result<()> {
    let shown = argv.iter().map(|word| word.as_ref().to_string_lossy()).collect::<Vec<_>>().join(" ");
    let name = argv.first().map(|name| name.as_ref().to_string_lossy()).unwrap_or_default();
    let Some(program) = find(&name) else { bail!("the program {name} is not installed") };
    let mut command = Command::new(program);
    command.args(&argv[1..]).env("LC_ALL", "C").kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("starting `{shown}`"))?;
    let stdin = child.stdin.take();
    let whole = async {
        if let Some(mut stdin) = stdin {
            // A program that ended before it read all says why on standard error.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        child.wait_with_output().await
    };
    let Ok(output) = timeout(TIME_LIMIT, whole).await else {
        bail!("`{shown}` took longer than {} s", TIME_LIMIT.as_secs());
    };
    let output = output.with_context(|| format!("waiting for `{shown}`"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
        bail!("`{shown}` failed ({}): {said}", output.status);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn errors_say_what_failed() {
        let message = |error: anyhow::Error| format!("{error:#}");
        let missing = run(&["no-such-program"], "").await.unwrap_err();
        assert_eq!(message(missing), "the program no-such-program is not installed");
        let failed = run(&["cat", "/no/such/file"], "").await.unwrap_err();
        assert!(message(failed).contains("`cat /no/such/file` failed"), "names the command");
        run(&["grep", "-q", "wanted"], "a line\nwanted\n").await.unwrap();
    }
}
