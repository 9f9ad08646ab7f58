//! `amphi up` of the release build, in a directory of its own on a free port.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_amphi");

/// A running `amphi up` with three nodes; dropping it ends it and removes its directory.
pub(crate) struct Server {
    up: Up,
    dir: TempDir,
}

impl Server {
    /// Starts it and waits until its nodes are connected.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let dir = tempfile::tempdir().context("making a directory")?;
        let up = Up::start(dir.path())?;
        Ok(Self { up, dir })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.up.address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.up.child.id()
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The first admin's password.
    pub(crate) fn password(&self) -> anyhow::Result<&str> {
        self.up.password.as_deref().context("the first start printed no password")
    }

    /// The admin's API token.
    pub(crate) fn token(&self) -> anyhow::Result<String> {
        let path: PathBuf = self.dir.path().join("admin.token");
        let token = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        Ok(token.trim().to_owned())
    }
}

/// The process; dropping it ends it.
pub(crate) struct Up {
    child: Child,
    address: SocketAddr,
    password: Option<String>,
    /// From the start of the process to its word that it is ready.
    pub(crate) ready_after: Duration,
    // Kept open: what it prints later must find a reader.
    _stdout: BufReader<ChildStdout>,
}

impl Up {
    /// Starts the program over `dir` and waits for its word that it is ready.
    pub(crate) fn start(dir: &Path) -> anyhow::Result<Self> {
        let began = Instant::now();
        let mut command = Command::new(PROGRAM);
        command.args(["up", "--listen", "127.0.0.1:0", "--dir"]).arg(dir);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {PROGRAM}"))?;
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else { bail!("no pipes") };
        let log = std::thread::spawn(move || keep_last(stderr));
        let mut lines = BufReader::new(stdout);
        let mut password = None;
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line).context("reading what amphi up prints")? == 0 {
                bail!("amphi up ended early: {}", log.join().unwrap_or_default());
            }
            if let Some((_, rest)) = line.split_once("with the password ") {
                password = rest.split(' ').next().map(str::to_owned);
            }
            if let Some(url) = line.strip_prefix("ready http://") {
                let ready_after = began.elapsed();
                let address = url.trim().parse().context("reading the address of amphi up")?;
                return Ok(Self { child, address, password, ready_after, _stdout: lines });
            }
        }
    }

    fn end(&mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.child.id()).context("a process id")?;
        kill(Pid::from_raw(pid), Signal::SIGTERM).context("ending amphi up")?;
        self.child.wait().context("waiting for amphi up")?;
        Ok(())
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("{error:#}");
        }
    }
}

/// Reads the log to its end, so that the pipe never fills, and returns the last of it.
fn keep_last(mut stderr: impl Read) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stderr.read(&mut buffer) {
        text.extend_from_slice(&buffer[..count]);
        let surplus = text.len().saturating_sub(4096);
        text.drain(..surplus);
    }
    String::from_utf8_lossy(&text).into_owned()
}
