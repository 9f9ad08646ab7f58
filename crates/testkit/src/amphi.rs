//! The built program as processes of its own: a control plane, agents, and the two in one tree. Each keeps its
//! directory, port and log over restarts, is started and killed as a test says, and ends when it is dropped.
//!
//! The caller gives the program's path, since only tests of the crate that builds it know it (`CARGO_BIN_EXE_amphi`).

mod process;
mod relay;
mod tree;

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::signal::Signal;
use tempfile::TempDir;
use tokio::process::Command;

use process::Process;

pub use relay::Relay;
pub use tree::{Member, family};

/// Ports that the kernel gives to nobody, so that one stays free while its control plane is away.
const PORTS: std::ops::Range<u16> = 10_000..20_000;

/// A directory that goes away, unless the test fails: its logs are needed then.
#[derive(Debug)]
pub struct Scratch(TempDir);

impl Scratch {
    /// Makes it. Errors: the system's.
    pub fn new() -> io::Result<Self> {
        tempfile::Builder::new().prefix("amphi-test-").tempdir().map(Self)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.disable_cleanup(true);
            eprintln!("logs and state are kept in {}", self.0.path().display());
        }
    }
}

/// One `amphi serve` that lets experiments aim at loopback.
pub struct Serve {
    program: PathBuf,
    dir: PathBuf,
    config: PathBuf,
    log: PathBuf,
    address: SocketAddr,
    process: Process,
}

impl Serve {
    /// Starts it on SQLite with its state in `dir`; its configuration and log are written beside. Returns once it is
    /// ready. Errors: it ended or said nothing for a minute.
    pub async fn start(program: &Path, dir: &Path) -> io::Result<Self> {
        Self::start_with(program, dir, "").await
    }

    /// The same on a database of several replicas; those after the first are given it, for its authority.
    /// Errors: see [`Serve::start`].
    pub async fn start_replica(program: &Path, dir: &Path, database: &str, first: Option<&Self>) -> io::Result<Self> {
        if let Some(first) = first {
            fs::create_dir(dir)?;
            for name in ["ca.pem", "ca.key", "seal.key"] {
                fs::copy(first.dir.join(name), dir.join(name))?;
            }
        }
        let name = dir.file_name().unwrap_or_default();
        Self::start_with(program, dir, &format!("replica = {name:?}\ndatabase = {database:?}\n")).await
    }

    async fn start_with(program: &Path, dir: &Path, settings: &str) -> io::Result<Self> {
        let address = free_address()?;
        let config = dir.with_extension("toml");
        let places = format!("listen = \"{address}\"\ndir = {dir:?}\nallow_loopback = true\n");
        fs::write(&config, places + settings)?;
        let log = dir.with_extension("log");
        let process = Process::spawn(&mut serve_command(program, &config), &log)?;
        let mut serve = Self { program: program.to_owned(), dir: dir.to_owned(), config, log, address, process };
        serve.ready().await?;
        Ok(serve)
    }

    /// Waits for the line that says it is ready. Errors: see [`Serve::start`].
    pub async fn ready(&mut self) -> io::Result<()> {
        self.process.line("ready ").await.map(drop)
    }

    /// Its address, the same over restarts.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The process stands still and every connection stays open. Errors: it ended.
    pub fn freeze(&self) -> io::Result<()> {
        self.process.signal(Signal::SIGSTOP)
    }

    /// Lets a frozen one go on. Errors: it ended.
    pub fn thaw(&self) -> io::Result<()> {
        self.process.signal(Signal::SIGCONT)
    }

    /// The admin's API token. Errors: it is not there yet.
    pub fn token(&self) -> io::Result<String> {
        Ok(fs::read_to_string(self.dir.join("admin.token"))?.trim().to_owned())
    }

    /// Everything it logged, over restarts.
    pub fn log(&self) -> io::Result<String> {
        fs::read_to_string(&self.log)
    }

    /// kill -9, and up again at once. Returns before it is ready. Errors: it can't be started.
    pub async fn kill_and_restart(&mut self) -> io::Result<()> {
        self.process.kill().await?;
        self.process = Process::spawn(&mut serve_command(&self.program, &self.config), &self.log)?;
        Ok(())
    }

    /// Starts it again if it ended by itself; how it did, then. Returns before it is ready. Errors: the system's.
    pub fn revive(&mut self) -> io::Result<Option<ExitStatus>> {
        let ended = self.process.ended()?;
        if ended.is_some() {
            self.process = Process::spawn(&mut serve_command(&self.program, &self.config), &self.log)?;
        }
        Ok(ended)
    }

    /// SIGTERM, wait for the end, and up again. Returns before it is ready. Errors: it does not end within `limit`.
    pub async fn stop_and_restart(&mut self, limit: Duration) -> io::Result<ExitStatus> {
        self.process.signal(Signal::SIGTERM)?;
        let status = self.process.end(limit).await?;
        self.process = Process::spawn(&mut serve_command(&self.program, &self.config), &self.log)?;
        Ok(status)
    }
}

fn serve_command(program: &Path, config: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg("serve").arg("--config").arg(config).stdin(Stdio::null());
    command
}

/// One `amphi agent`.
pub struct Agent {
    program: PathBuf,
    dir: PathBuf,
    args: Vec<String>,
    log: PathBuf,
    process: Process,
}

/// What an agent is started with.
#[derive(Clone, Debug, Default)]
pub struct AgentPlan<'a> {
    /// `--join`.
    pub join: String,
    /// `--token`; needed once.
    pub token: Option<String>,
    /// `--name`.
    pub name: &'a str,
    /// `--slots`; the agent's own choice when 0.
    pub slots: u32,
    /// `PATH`, where it is not this process's.
    pub path: Option<String>,
    /// Further arguments.
    pub more: Vec<String>,
}

impl Agent {
    /// Starts it with its state in `dir` and its log beside. Does not wait for anything. Errors: it can't be started.
    pub fn start(program: &Path, dir: &Path, plan: &AgentPlan<'_>) -> io::Result<Self> {
        let mut args = vec!["--join".to_owned(), plan.join.clone()];
        if !plan.name.is_empty() {
            args.extend(["--name".to_owned(), plan.name.to_owned()]);
        }
        if plan.slots > 0 {
            args.extend(["--slots".to_owned(), plan.slots.to_string()]);
        }
        args.extend(plan.more.iter().cloned());
        let log = dir.with_extension("log");
        let mut command = agent_command(program, dir, &args);
        if let Some(token) = &plan.token {
            command.env("AMPHI_JOIN_TOKEN", token);
        }
        if let Some(path) = &plan.path {
            command.env("PATH", path);
        }
        let process = Process::spawn(&mut command, &log)?;
        Ok(Self { program: program.to_owned(), dir: dir.to_owned(), args, log, process })
    }

    /// Everything it logged, over restarts.
    pub fn log(&self) -> io::Result<String> {
        fs::read_to_string(&self.log)
    }

    /// kill -9, and up again at once from what it stored. Errors: it can't be started.
    pub async fn kill_and_restart(&mut self) -> io::Result<()> {
        self.process.kill().await?;
        self.process = Process::spawn(&mut agent_command(&self.program, &self.dir, &self.args), &self.log)?;
        Ok(())
    }

    /// Starts it again if it ended by itself; how it did, then. Errors: the system's.
    pub fn revive(&mut self) -> io::Result<Option<ExitStatus>> {
        let ended = self.process.ended()?;
        if ended.is_some() {
            self.process = Process::spawn(&mut agent_command(&self.program, &self.dir, &self.args), &self.log)?;
        }
        Ok(ended)
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Stops its clock, so to speak: the process stands still and every connection stays open. Errors: it ended.
    pub fn freeze(&self) -> io::Result<()> {
        self.process.signal(Signal::SIGSTOP)
    }

    /// Lets a frozen one go on. Errors: it ended.
    pub fn thaw(&self) -> io::Result<()> {
        self.process.signal(Signal::SIGCONT)
    }

    /// Waits for its end by itself. Errors: it lives after `limit`.
    pub async fn end(&mut self, limit: Duration) -> io::Result<ExitStatus> {
        self.process.end(limit).await
    }
}

fn agent_command(program: &Path, dir: &Path, args: &[String]) -> Command {
    let mut command = Command::new(program);
    command.arg("agent").args(args).arg("--dir").arg(dir).stdin(Stdio::null());
    command
}

/// One `amphi up`.
pub struct Up {
    program: PathBuf,
    dir: PathBuf,
    nodes: u32,
    url: String,
    password: String,
    process: Process,
}

impl Up {
    /// Starts it in a new directory with `nodes` nodes, on a free port. Returns once it is ready. Errors: it ended or
    /// said nothing for a minute.
    pub async fn start(program: &Path, dir: &Path, nodes: u32) -> io::Result<Self> {
        let mut process = up_process(program, dir, "127.0.0.1:0", nodes)?;
        let password = process.line("first start: sign in as admin with the password ").await?;
        let password = password.split(' ').next().unwrap_or_default().to_owned();
        let url = process.line("ready ").await?;
        Ok(Self { program: program.to_owned(), dir: dir.to_owned(), nodes, url, password, process })
    }

    /// Starts it again after its end, in its directory and on its port. Returns once it is ready. Errors: see
    /// [`Up::start`].
    pub async fn restart(&mut self) -> io::Result<()> {
        let address = self.url.trim_start_matches("http://");
        self.process = up_process(&self.program, &self.dir, address, self.nodes)?;
        self.process.line("ready ").await.map(drop)
    }

    /// The admin's first password.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The admin's API token. Errors: it can't be read.
    pub fn token(&self) -> io::Result<String> {
        Ok(fs::read_to_string(self.dir.join("admin.token"))?.trim().to_owned())
    }

    /// Its agents, and what they run.
    pub fn family(&self) -> io::Result<Vec<Member>> {
        family(self.process.pid())
    }

    /// kill -9 of this process alone. Errors: the system's.
    pub async fn kill(&mut self) -> io::Result<()> {
        self.process.kill().await
    }

    /// Ctrl-C. Errors: it has ended.
    pub fn interrupt(&self) -> io::Result<()> {
        self.process.signal(Signal::SIGINT)
    }

    /// Waits for its end. Errors: it lives after `limit`.
    pub async fn end(&mut self, limit: Duration) -> io::Result<ExitStatus> {
        self.process.end(limit).await
    }
}

fn up_process(program: &Path, dir: &Path, listen: &str, nodes: u32) -> io::Result<Process> {
    let mut command = Command::new(program);
    command.arg("up").arg("--dir").arg(dir).args(["--listen", listen, "--nodes", &nodes.to_string()]);
    Process::spawn(command.stdin(Stdio::null()), &dir.with_extension("log"))
}

/// An address on loopback that stays free while nobody listens there: the kernel gives its port to no connection.
/// Errors: there is none.
pub fn free_address() -> io::Result<SocketAddr> {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    let width = u32::from(PORTS.end - PORTS.start);
    // Tests run side by side, as threads or as processes, so no two may look at the same port at the same time.
    let first = std::process::id().wrapping_mul(2_654_435_761);
    for _ in 0..width {
        let step = TRIED.fetch_add(1, Ordering::Relaxed);
        let offset = u16::try_from(first.wrapping_add(step) % width).map_err(io::Error::other)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, PORTS.start + offset));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    Err(io::Error::other("no port is free"))
}
