//! A name space is taken from a mount that does not give it back.

use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use crate::site::{LIMIT, Site};

/// Changes a file and stops the mount before it has stored that; then says what becomes of it.
const LATE: &str = r#"
import errno, os, signal, sys
f = os.open('a', os.O_WRONLY)
os.write(f, b'late')
os.kill(int(sys.argv[1]), signal.SIGSTOP)
print('stopped', flush=True)
sys.stdin.readline()
try:
    os.fsync(f)
    print('stored', flush=True)
except OSError as error:
    print(errno.errorcode[error.errno], flush=True)
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_by_force_is_thrown_away_and_who_wrote_it_is_told() {
    let Some(site) = Site::start().await else { return };
    let mount = site.mount("one").await;
    mount.shell("echo first > a; sync a").await;
    let at = |name: &str| site.scratch.path().join(name);
    std::fs::write(at("late.py"), LATE).unwrap();
    std::fs::write(at("theirs"), "theirs\n").unwrap();
    let pid = Pid::from_raw(mount.process.id().unwrap().try_into().unwrap());

    let mut command = Command::new("python3");
    command.arg("../late.py").arg(pid.to_string()).current_dir(&mount.path).kill_on_drop(true);
    let mut late = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(late.stdout.take().unwrap()).lines();
    let mut said = async || timeout(LIMIT, lines.next_line()).await.expect("it goes on").unwrap().expect("it says so");
    assert_eq!(said().await, "stopped");
    let put = site.amphi(&["volume", "put", at("theirs").to_str().unwrap(), "films:a"]).await;
    assert!(put.status.success(), "{}", String::from_utf8_lossy(&put.stderr));
    let log = std::fs::read_to_string(at("up.log")).unwrap();
    assert!(log.contains("back in time; it was taken away"), "{log}");

    kill(pid, Signal::SIGCONT).unwrap();
    late.stdin.as_mut().unwrap().write_all(b"\n").await.unwrap();
    assert_eq!(said().await, "EIO", "what was late is refused, and said to be");
    let until = Instant::now() + LIMIT;
    while mount.shell_output("cat a").await.stdout != b"theirs\n" {
        assert!(Instant::now() < until, "the mount goes on showing what it had");
        sleep(std::time::Duration::from_millis(100)).await;
    }
    mount.shell("echo new > b; sync b").await;
    let got = site.amphi(&["volume", "get", "films:b", at("got").to_str().unwrap()]).await;
    assert!(got.status.success(), "{}", String::from_utf8_lossy(&got.stderr));
    assert_eq!(std::fs::read_to_string(at("got")).unwrap(), "new\n");
    drop(late);
    mount.unmount(&site).await;
}
