//! How a program is started on this node: by argv, never by a shell, with an almost empty environment, in the network
//! namespace that the node stands for.

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;

/// Where network tools live on Debian even when a user's own PATH leaves them out.
const STANDARD_PATH: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// Bound on what [`Launcher::capture`] keeps of each channel, in bytes.
const CAPTURE_BYTES: u64 = 64 * 1024;

/// Why a program did not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LaunchError {
    #[error("the program `{0}` is not installed on this node")]
    NotInstalled(String),
    #[error("no program was named")]
    Empty,
    #[error("the program `{program}` could not be started")]
    Spawn {
        program: String,
        #[source]
        source: io::Error,
    },
    #[error("the program `{program}` took longer than {limit:?}")]
    TimedOut { program: String, limit: Duration },
}

/// Starts programs where this node's traffic belongs.
#[derive(Clone, Debug)]
pub(crate) struct Launcher {
    netns: Option<String>,
    path: OsString,
}

impl Launcher {
    /// `netns` is the name of a network namespace as `ip netns` knows it.
    pub(crate) fn new(netns: Option<String>) -> Self {
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let mut dirs: Vec<PathBuf> = std::env::split_paths(&inherited).filter(|dir| dir.is_absolute()).collect();
        for dir in STANDARD_PATH.map(PathBuf::from) {
            if !dirs.contains(&dir) {
                dirs.push(dir);
            }
        }
        // Cannot fail: none of these came with a separator inside.
        let path = std::env::join_paths(dirs).unwrap_or_default();
        Self { netns, path }
    }

    /// The network namespace that programs run in, when it isn't the agent's own.
    pub(crate) fn netns(&self) -> Option<&str> {
        self.netns.as_deref()
    }

    /// A command for `argv`: standard input null, output piped, its own process group, killed when dropped, nothing in
    /// its environment but PATH and LANG.
    ///
    /// Errors: `NotInstalled` is found out here, because behind `ip netns exec` it would look like the tool's own failure.
    pub(crate) fn command(&self, argv: &[String]) -> Result<Command, LaunchError> {
        let (name, arguments) = argv.split_first().ok_or(LaunchError::Empty)?;
        let program = self.find(name).ok_or_else(|| LaunchError::NotInstalled(name.clone()))?;
        let mut command = match &self.netns {
            None => Command::new(program),
            Some(netns) => {
                let ip = self.find("ip").ok_or_else(|| LaunchError::NotInstalled("ip".to_owned()))?;
                let mut command = Command::new(ip);
                command.args(["netns", "exec", netns]).arg(program);
                command
            }
        };
        command.args(arguments).env_clear().env("PATH", &self.path).env("LANG", "C.UTF-8");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        Ok(command)
    }

    /// Runs `argv` to its end and returns its status and the first 64 KiB of each channel. Its whole group is killed
    /// after `limit`.
    pub(crate) async fn capture(&self, argv: &[String], limit: Duration) -> Result<Output, LaunchError> {
        let program = || argv.first().cloned().unwrap_or_default();
        let failed = |source| LaunchError::Spawn { program: program(), source };
        let mut child = self.command(argv)?.spawn().map_err(failed)?;
        let group = child.id();
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let whole = async {
            let (stdout, stderr) = tokio::join!(read_start(stdout), read_start(stderr));
            Ok(Output { status: child.wait().await?, stdout: stdout?, stderr: stderr? })
        };
        let result = timeout(limit, whole).await;
        if let Some(group) = group {
            group_signal(group, Signal::SIGKILL);
        }
        match result {
            Ok(output) => output.map_err(failed),
            Err(_) => Err(LaunchError::TimedOut { program: program(), limit }),
        }
    }

    fn find(&self, name: &str) -> Option<PathBuf> {
        if name.contains('/') {
            return Some(PathBuf::from(name)).filter(|path| is_executable(path));
        }
        std::env::split_paths(&self.path).map(|dir| dir.join(name)).find(|path| is_executable(path))
    }
}

/// Sends `signal` to a process group. A group that is gone already is what was wanted.
pub(crate) fn group_signal(group: u32, signal: Signal) {
    // 0 would mean our own group and 1 everybody's.
    if let Ok(group) = i32::try_from(group)
        && group > 1
    {
        let _ = killpg(Pid::from_raw(group), signal);
    }
}

/// The reader is dropped at the bound, so that a program that prints without end gets SIGPIPE rather than memory.
async fn read_start(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(CAPTURE_BYTES).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[tokio::test]
    async fn the_environment_is_almost_empty() {
        let launcher = Launcher::new(None);
        let output = launcher.capture(&argv(&["env"]), Duration::from_secs(10)).await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let mut names: Vec<_> = text.lines().filter_map(|line| line.split('=').next()).collect();
        names.sort_unstable();
        assert_eq!(names, ["LANG", "PATH"]);
    }

    #[tokio::test]
    async fn missing_programs_are_told_from_failing_ones() {
        let launcher = Launcher::new(None);
        let limit = Duration::from_secs(10);
        let error = launcher.capture(&argv(&["no-such-program"]), limit).await.unwrap_err();
        assert!(matches!(error, LaunchError::NotInstalled(_)), "{error:?}");
        assert!(matches!(launcher.capture(&[], limit).await.unwrap_err(), LaunchError::Empty));
        assert_eq!(launcher.capture(&argv(&["false"]), limit).await.unwrap().status.code(), Some(1));
    }

    #[tokio::test]
    async fn endless_programs_are_bounded_in_time_and_size() {
        let launcher = Launcher::new(None);
        let output = launcher.capture(&argv(&["yes"]), Duration::from_secs(10)).await.unwrap();
        assert_eq!(output.stdout.len() as u64, CAPTURE_BYTES);
        let error = launcher.capture(&argv(&["sleep", "100"]), Duration::from_millis(50)).await.unwrap_err();
        assert!(matches!(error, LaunchError::TimedOut { .. }), "{error:?}");
    }
}
