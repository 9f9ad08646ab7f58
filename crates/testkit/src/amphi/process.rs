//! One started program: its id, what it prints, its end.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// Who says nothing for this long won't.
const LINE_LIMIT: Duration = Duration::from_secs(60);
/// After kill -9 the kernel needs only its own time.
const KILL_LIMIT: Duration = Duration::from_secs(10);
/// Everything of our own, without the noise of what it stands on.
const LOG_LEVELS: &str = "info,amphi=debug,agent=debug,db=debug,lab=debug,portal=info";

/// Killed when dropped.
pub(super) struct Process {
    child: Child,
    pid: u32,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts `command`; its log is added to the file `log`.
    pub(super) fn spawn(command: &mut Command, log: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(log)?;
        command.env("RUST_LOG", LOG_LEVELS).env_remove("AMPHI_URL").env_remove("AMPHI_TOKEN");
        let mut child = command.stdout(Stdio::piped()).stderr(file).kill_on_drop(true).spawn()?;
        let (Some(pid), Some(stdout)) = (child.id(), child.stdout.take()) else {
            return Err(io::Error::other("it ended while it was started"));
        };
        Ok(Self { child, pid, stdout: BufReader::new(stdout).lines() })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// The rest of the first line that begins with `start`. Errors: the program ended or is silent for a minute.
    pub(super) async fn line(&mut self, start: &str) -> io::Result<String> {
        let find = async {
            while let Some(line) = self.stdout.next_line().await? {
                if let Some(rest) = line.strip_prefix(start) {
                    return Ok(rest.to_owned());
                }
            }
            Err(io::Error::other(format!("it ended before it said {start:?}")))
        };
        timeout(LINE_LIMIT, find).await.map_err(|_| late(format!("it did not say {start:?}")))?
    }

    /// Errors: it has ended.
    pub(super) fn signal(&self, signal: Signal) -> io::Result<()> {
        // While the child is not waited for, its number is nobody else's.
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok());
        let pid = pid.ok_or_else(|| io::Error::other("it has ended"))?;
        kill(Pid::from_raw(pid), signal).map_err(io::Error::from)
    }

    /// kill -9; the process is gone when this returns.
    pub(super) async fn kill(&mut self) -> io::Result<()> {
        timeout(KILL_LIMIT, self.child.kill()).await.map_err(|_| late("it did not die".to_owned()))?
    }

    /// How it ended; `None` while it runs.
    pub(super) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Waits for its end.
    pub(super) async fn end(&mut self, limit: Duration) -> io::Result<ExitStatus> {
        timeout(limit, self.child.wait()).await.map_err(|_| late(format!("it did not end within {limit:?}")))?
    }
}

fn late(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}
