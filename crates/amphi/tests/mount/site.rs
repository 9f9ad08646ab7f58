//! `amphi up` with its stores, a volume, and mounts of it.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use testkit::amphi::{Scratch, free_address};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

/// Anything that is waited for comes within this, or not at all.
pub const LIMIT: Duration = Duration::from_secs(60);

pub fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_amphi"))
}

/// See the file's head.
pub struct Site {
    pub scratch: Scratch,
    pub up: Child,
    nodes: u32,
    port: u16,
    url: String,
    token: String,
}

/// A mount; killed when dropped.
pub struct Mount {
    pub path: PathBuf,
    pub process: Child,
}

impl Site {
    /// With as many nodes as there are by default; see [`Site::with_nodes`].
    pub async fn start() -> Option<Self> {
        Self::with_nodes(3).await
    }

    /// The eight stores are spread over the nodes. `None`: this machine can't mount, and that was said.
    pub async fn with_nodes(nodes: u32) -> Option<Self> {
        if !Path::new("/dev/fuse").exists() || !nix::unistd::geteuid().is_root() {
            eprintln!("skipped: mounting needs /dev/fuse and root");
            return None;
        }
        let scratch = Scratch::new().unwrap();
        let port = free_address().unwrap().port();
        let (up, url) = up(&scratch, port, nodes).await;
        let token = std::fs::read_to_string(scratch.path().join("state/admin.token")).unwrap().trim().to_owned();
        let site = Self { scratch, up, nodes, port, url, token };
        let until = Instant::now() + LIMIT;
        loop {
            let made = site.amphi(&["volume", "create", "films", "--layout", "1"]).await;
            if made.status.success() {
                return Some(site);
            }
            assert!(Instant::now() < until, "{}", String::from_utf8_lossy(&made.stderr));
            sleep(Duration::from_millis(100)).await;
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(arguments).env("AMPHI_URL", &self.url).env("AMPHI_TOKEN", &self.token);
        command.env("HOME", self.scratch.path()).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Runs a command to its end.
    pub async fn amphi(&self, arguments: &[&str]) -> Output {
        timeout(LIMIT, self.command(arguments).output()).await.expect("it ends").unwrap()
    }

    /// What a command that has to succeed prints.
    pub async fn done(&self, arguments: &[&str]) -> Vec<u8> {
        let output = self.amphi(arguments).await;
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Mounts the volume.
    pub async fn mount(&self, name: &str) -> Mount {
        let path = self.scratch.path().join(name);
        let command = self.command(&["volume", "mount", "films", path.to_str().unwrap()]);
        Mount::start(command, &path, &self.scratch.path().join("mount.log")).await
    }

    /// The control plane and its agents end and start again; the address stays.
    pub async fn restart(&mut self) {
        self.up.kill().await.unwrap();
        (self.up, self.url) = up(&self.scratch, self.port, self.nodes).await;
    }
}

fn nix_detach(path: &Path) -> std::io::Result<()> {
    nix::mount::umount2(path, nix::mount::MntFlags::MNT_DETACH).map_err(std::io::Error::from)
}

async fn up(scratch: &Scratch, port: u16, nodes: u32) -> (Child, String) {
    let log = std::fs::File::options().create(true).append(true).open(scratch.path().join("up.log")).unwrap();
    let mut command = Command::new(program());
    command.args(["up", "--dir"]).arg(scratch.path().join("state")).args(["--listen", &format!("127.0.0.1:{port}")]);
    command.args(["--nodes", &nodes.to_string()]);
    command.env("HOME", scratch.path()).stdout(Stdio::piped()).stderr(log).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = async {
        loop {
            let line = lines.next_line().await.unwrap().expect("it says that it is ready");
            if let Some(url) = line.strip_prefix("ready ") {
                return url.to_owned();
            }
        }
    };
    let url = timeout(LIMIT, ready).await.expect("it is ready");
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (child, url)
}

/// Whether an argument of a command line, as /proc has it, is `word`.
pub fn has_word(line: &[u8], word: &str) -> bool {
    line.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes())
}

impl Mount {
    /// Runs a command that mounts on `path`, which is made; what it logs is added to the file `log`.
    pub async fn start(mut command: Command, path: &Path, log: &Path) -> Self {
        std::fs::create_dir_all(path).or_else(|_| nix_detach(path)).unwrap();
        let log = std::fs::File::options().create(true).append(true).open(log).unwrap();
        let mut process = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = timeout(LIMIT, lines.next_line()).await.expect("it mounts").unwrap();
        assert!(line.is_some_and(|line| line.contains(" is mounted on ")));
        Self { path: path.to_owned(), process }
    }

    /// Runs lines of shell in the directory; none may fail.
    pub async fn shell(&self, script: &str) -> String {
        let output = self.shell_output(script).await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}\n{errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub async fn shell_output(&self, script: &str) -> Output {
        self.shell_within(script, LIMIT).await
    }

    pub async fn shell_within(&self, script: &str, limit: Duration) -> Output {
        let mut command = Command::new("bash");
        command.args(["-euc", script]).current_dir(&self.path).kill_on_drop(true);
        timeout(limit, command.output()).await.expect("it ends").unwrap()
    }

    /// kill -9; the directory is cleared away.
    pub async fn kill(mut self) {
        self.process.kill().await.unwrap();
        nix_detach(&self.path).unwrap();
    }

    /// Unmounts; the process ends by itself and well.
    pub async fn unmount(mut self, site: &Site) {
        let output = site.amphi(&["volume", "unmount", self.path.to_str().unwrap()]).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let status = timeout(LIMIT, self.process.wait()).await.expect("the mount ends").unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _gone = self.process.start_kill();
        let _gone = nix_detach(&self.path);
    }
}
