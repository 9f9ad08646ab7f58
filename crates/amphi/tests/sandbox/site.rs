//! A sandbox for one test, and what a test does in it.

use std::future::Future;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use agent::sandbox::{Exit, Limits, Process, Room, RoomSpec, Sandbox, SandboxConfig, StepSpec};
use nix::fcntl::OFlag;
use tokio::time::timeout;

/// Long enough for a busy machine; what takes it has failed.
pub const DEADLINE: Duration = Duration::from_secs(60);
const NOBODY: u32 = 65534;
const MEBIBYTE: u64 = 1024 * 1024;

/// Runs `body` as who this is and, where that is root, once more in a process of `nobody`.
/// `name` is that of the test, with its modules.
pub fn as_everybody<F: Future<Output = ()>>(name: &str, body: impl FnOnce() -> F) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(body());
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let mut again = Command::new(std::env::current_exe().expect("this test"));
    again.args([name, "--exact", "--nocapture"]).uid(NOBODY).gid(NOBODY).current_dir("/").env_clear();
    again.env("PATH", "/usr/bin:/bin");
    let output = again.output().expect("it runs again");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "as nobody: {text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "{name} names no test: {text}");
}

/// Runs `body` once, for what only root can have.
pub fn as_root(body: impl Future<Output = ()>) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(body);
}

pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

pub fn exe() -> PathBuf {
    env!("CARGO_BIN_EXE_amphi").into()
}

pub async fn sandbox() -> Sandbox {
    sandbox_with(1, None).await
}

pub async fn sandbox_with(rooms: u32, netns: Option<&str>) -> Sandbox {
    let config = SandboxConfig { exe: exe(), netns: netns.map(str::to_owned), rooms };
    let sandbox = Sandbox::start(config).await.expect("the helper starts");
    assert!(sandbox.is_contained(), "{:?}", sandbox.fences());
    sandbox
}

pub async fn room(sandbox: &Sandbox) -> Room {
    let spec = RoomSpec { bytes: 64 * MEBIBYTE, has_network: false };
    sandbox.room(spec).await.expect("a room is made")
}

/// Limits that no honest program here runs into.
pub fn roomy() -> Limits {
    Limits {
        cpu: Some(Duration::from_secs(60)),
        memory_bytes: Some(1024 * MEBIBYTE),
        processes: Some(128),
        file_bytes: Some(64 * MEBIBYTE),
        open_files: Some(1024),
    }
}

/// What a step left.
#[derive(Debug)]
pub struct Ran {
    pub exit: Exit,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Standard output of a step that succeeded, without its last newline.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.exit.code, 0, "{self:?}");
        self.stdout.trim_end().to_owned()
    }
}

/// Runs `argv` to its end.
pub async fn run(room: &mut Room, argv: &[&str], limits: Limits) -> Ran {
    let (mut process, stdout, stderr) = start(room, argv, limits).await;
    let exit = timeout(DEADLINE, process.wait()).await.expect("the program ends");
    Ran { exit, stdout: read(stdout).await, stderr: read(stderr).await }
}

/// Runs a line of shell to its end.
pub async fn sh(room: &mut Room, line: &str) -> Ran {
    run(room, &["sh", "-c", line], roomy()).await
}

pub async fn python(room: &mut Room, code: &str) -> Ran {
    run(room, &["python3", "-c", code], roomy()).await
}

/// Starts `argv` with its outputs as pipes.
pub async fn start(room: &mut Room, argv: &[&str], limits: Limits) -> (Process, OwnedFd, OwnedFd) {
    let (stdout, out) = pipe();
    let (stderr, err) = pipe();
    let process = room.start(step(argv, limits, out, err)).await.expect("the program starts");
    (process, stdout, stderr)
}

pub fn step(argv: &[&str], limits: Limits, stdout: OwnedFd, stderr: OwnedFd) -> StepSpec {
    let stdin = std::fs::File::open("/dev/null").expect("null").into();
    let argv = argv.iter().map(|&word| word.to_owned()).collect();
    StepSpec { argv, env: Vec::new(), limits, stdin, stdout, stderr, is_terminal: false }
}

/// Its reading and its writing end.
pub fn pipe() -> (OwnedFd, OwnedFd) {
    nix::unistd::pipe2(OFlag::O_CLOEXEC).expect("a pipe")
}

/// Whether the node has this program where rooms see it.
pub fn has(program: &str) -> bool {
    ["/usr/bin", "/usr/local/bin"].iter().any(|dir| std::path::Path::new(dir).join(program).exists())
}

/// Reads a pipe to its end, which comes when nobody has it open any more.
pub async fn read(pipe: OwnedFd) -> String {
    let reading = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        std::fs::File::from(pipe).read_to_end(&mut bytes).expect("a pipe can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    });
    timeout(DEADLINE, reading).await.expect("the pipe is closed").expect("reading ends")
}

/// Waits until `is` holds.
#[track_caller]
pub fn until(what: &str, mut is: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is() {
        assert!(since.elapsed() < DEADLINE, "never: {what}");
        std::thread::yield_now();
    }
}
