//! One node that runs programs, and the command line before it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use testkit::amphi::{Scratch, Up};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdout, Command};

/// Far more than anything here takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(120);

pub(crate) struct Lab {
    up: Up,
    dir: PathBuf,
    // Dropped last: the processes write in it.
    _scratch: Scratch,
}

pub(crate) struct Done {
    pub(crate) code: i32,
    /// From where reading stopped.
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Lab {
    /// `amphi up` with one node; returns once that has these languages.
    pub(crate) async fn start(languages: &[&str]) -> Self {
        let scratch = Scratch::new().unwrap();
        let up = Up::start(Path::new(env!("CARGO_BIN_EXE_amphi")), &scratch.path().join("up"), 1).await.unwrap();
        let dir = crate::folder(scratch.path());
        let lab = Self { up, dir, _scratch: scratch };
        let probed = async { while !lab.has(languages).await {} };
        tokio::time::timeout(DEADLINE, probed).await.unwrap_or_else(|_| panic!("the node lacks one of {languages:?}"));
        lab
    }

    async fn has(&self, languages: &[&str]) -> bool {
        let listed = self.run(&["language", "list", "--output", "json"]).await;
        let listed: Vec<Value> = serde_json::from_str(&listed.stdout).unwrap();
        let is_there = |name: &&str| listed.iter().any(|one| one["name"] == **name && one["nodes"][0].is_object());
        languages.iter().all(is_there)
    }

    /// Where the command line is called from.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("AMPHI_URL", self.up.url()).env("AMPHI_TOKEN", self.up.token().unwrap()).current_dir(&self.dir);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// To the end, with nothing on standard input.
    pub(crate) async fn run(&self, args: &[&str]) -> Done {
        let mut command = self.command(env!("CARGO_BIN_EXE_amphi"));
        Running::new(command.args(args).spawn().unwrap()).end_of_input().await
    }

    /// With a pipe as standard input.
    pub(crate) fn start_program(&self, args: &[&str]) -> Running {
        let mut command = self.command(env!("CARGO_BIN_EXE_amphi"));
        Running::new(command.args(args).stdin(Stdio::piped()).spawn().unwrap())
    }

    /// On a terminal of its own, which `script` of Debian's bsdutils makes.
    pub(crate) fn start_on_terminal(&self, line: &str) -> Running {
        let line = format!("{} {line}", env!("CARGO_BIN_EXE_amphi"));
        let mut command = self.command("script");
        command.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").stdin(Stdio::piped());
        Running::new(command.spawn().unwrap())
    }
}

/// A command while it runs.
pub(crate) struct Running {
    child: Child,
    stdout: ChildStdout,
}

impl Running {
    fn new(mut child: Child) -> Self {
        let stdout = child.stdout.take().unwrap();
        Self { child, stdout }
    }

    /// Reads until `text` stands on standard output.
    pub(crate) async fn until(&mut self, text: &str) {
        let mut bytes = Vec::new();
        let reading = async {
            while !String::from_utf8_lossy(&bytes).ends_with(text) {
                match self.stdout.read_u8().await {
                    Ok(byte) => bytes.push(byte),
                    Err(_) => break,
                }
            }
        };
        let _ = tokio::time::timeout(DEADLINE, reading).await;
        let read = String::from_utf8_lossy(&bytes).into_owned();
        assert!(read.ends_with(text), "{text:?} did not come: {read:?}");
    }

    pub(crate) async fn type_in(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(text.as_bytes()).await.unwrap();
        stdin.flush().await.unwrap();
    }

    /// Ctrl-C.
    pub(crate) fn interrupt(&self) {
        let pid = Pid::from_raw(self.child.id().unwrap().try_into().unwrap());
        kill(pid, Signal::SIGINT).unwrap();
    }

    /// Closes standard input and waits for the end.
    pub(crate) async fn end_of_input(self) -> Done {
        let ended = tokio::time::timeout(DEADLINE, async {
            let Self { mut child, mut stdout } = self;
            drop(child.stdin.take());
            let mut stderr = child.stderr.take().unwrap();
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let (read_out, read_err, status) =
                tokio::join!(stdout.read_to_end(&mut out), stderr.read_to_end(&mut err), child.wait());
            read_out.unwrap();
            read_err.unwrap();
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
            Done { code: status.unwrap().code().unwrap_or(-1), stdout: text(out), stderr: text(err) }
        });
        ended.await.expect("it did not end")
    }
}
