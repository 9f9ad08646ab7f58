//! Starts the built program with a clean environment and reads what it prints as it comes.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

/// Far more than anything here takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A place to run the program from: its own home, one server.
pub(crate) struct Program {
    pub(crate) home: TempDir,
    url: Option<String>,
}

pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Program {
    pub(crate) fn with_server(url: &str) -> Self {
        Self { home: tempfile::tempdir().unwrap(), url: Some(url.to_owned()) }
    }

    pub(crate) fn without_server() -> Self {
        Self { home: tempfile::tempdir().unwrap(), url: None }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(url) = &self.url {
            command.env("AMPHI_URL", url).env("AMPHI_TOKEN", "test-token");
        }
        command
    }

    pub(crate) fn start(&self, args: &[&str]) -> Running {
        Running::new(self.command(env!("CARGO_BIN_EXE_amphi")).args(args).spawn().unwrap())
    }

    /// To the end.
    pub(crate) async fn run(&self, args: &[&str]) -> Done {
        self.start(args).end().await
    }

    /// To the end, with `input` on standard input.
    pub(crate) async fn run_with(&self, args: &[&str], input: &str) -> Done {
        let mut command = self.command(env!("CARGO_BIN_EXE_amphi"));
        let mut child = command.args(args).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).await.unwrap();
        drop(stdin);
        Running::new(child).end().await
    }

    /// Started in `dir`, with a pipe as standard input.
    pub(crate) fn start_in(&self, dir: &Path, args: &[&str]) -> Running {
        let mut command = self.command(env!("CARGO_BIN_EXE_amphi"));
        Running::new(command.args(args).current_dir(dir).stdin(Stdio::piped()).spawn().unwrap())
    }

    /// To the end in `dir`, with `file` as standard input.
    pub(crate) async fn run_in(&self, dir: &Path, args: &[&str], file: &Path) -> Done {
        let stdin = std::fs::File::open(file).unwrap();
        let mut command = self.command(env!("CARGO_BIN_EXE_amphi"));
        Running::new(command.args(args).current_dir(dir).stdin(stdin).spawn().unwrap()).end().await
    }

    /// On a terminal of its own (all three streams), which `script` of Debian's bsdutils makes.
    pub(crate) fn start_on_terminal(&self, line: &str) -> Running {
        let line = format!("{} {line}", env!("CARGO_BIN_EXE_amphi"));
        let mut command = self.command("script");
        command.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").stdin(Stdio::piped());
        Running::new(command.spawn().unwrap())
    }
}

/// The program while it runs.
pub(crate) struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    read: String,
}

impl Running {
    fn new(mut child: Child) -> Self {
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout, read: String::new() }
    }

    /// The next line of standard output, without waiting for the end.
    pub(crate) async fn line(&mut self) -> String {
        let mut line = String::new();
        tokio::time::timeout(DEADLINE, self.stdout.read_line(&mut line)).await.expect("no line came").unwrap();
        self.read.push_str(&line);
        line
    }

    /// Reads until `text` stands on standard output, without waiting for a line's end.
    pub(crate) async fn until(&mut self, text: &str) {
        let mut bytes = Vec::new();
        let reading = async {
            while !String::from_utf8_lossy(&bytes).ends_with(text) {
                bytes.push(self.stdout.read_u8().await.unwrap());
            }
        };
        let is_there = tokio::time::timeout(DEADLINE, reading).await.is_ok();
        let read = String::from_utf8_lossy(&bytes).into_owned();
        assert!(is_there, "{text:?} did not come: {read:?}");
        self.read.push_str(&read);
    }

    /// Types on its terminal.
    pub(crate) async fn type_in(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(text.as_bytes()).await.unwrap();
        stdin.flush().await.unwrap();
    }

    /// Closes its standard input.
    pub(crate) fn close_stdin(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Sends it a signal, as the terminal does on Ctrl-C.
    pub(crate) fn interrupt(&self) {
        let pid = nix::unistd::Pid::from_raw(self.child.id().unwrap().try_into().unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    }

    /// Nobody reads its output any more.
    pub(crate) async fn end_unread(self) -> ExitStatus {
        let Self { mut child, stdout, .. } = self;
        drop(stdout);
        tokio::time::timeout(DEADLINE, child.wait()).await.expect("it did not end").unwrap()
    }

    pub(crate) async fn end(self) -> Done {
        let Self { mut child, mut stdout, read: mut out } = self;
        let mut stderr = child.stderr.take().unwrap();
        let mut err = String::new();
        let reading =
            async { tokio::join!(stdout.read_to_string(&mut out), stderr.read_to_string(&mut err), child.wait()) };
        let (read_out, read_err, status) = tokio::time::timeout(DEADLINE, reading).await.expect("it did not end");
        read_out.unwrap();
        read_err.unwrap();
        Done { code: status.unwrap().code().unwrap_or(-1), stdout: out, stderr: err }
    }
}
