//! The helper that rooms hang on.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use wire::proto::Reason;

use crate::control::DEADLINE;
use crate::site::{Site, script, start};

/// The sandbox's helper among this process's children.
fn helper() -> Option<Pid> {
    let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let children: String =
        threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok()).collect();
    let mut children = children.split_whitespace().map(|pid| pid.parse::<i32>().unwrap());
    let is_helper = |pid: &i32| {
        let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        arguments.split(|&byte| byte == 0).any(|argument| argument == b"sandbox-helper")
    };
    children.find(is_helper).map(Pid::from_raw)
}

#[tokio::test]
async fn one_that_dies_is_replaced() {
    let mut site = Site::new().await;
    site.session.start(start("r1", script("echo running; sleep 1000"))).await;
    site.session.until("r1", |seen| seen.stdout() == "running\n").await;
    let first = helper().expect("no helper runs");
    kill(first, Signal::SIGKILL).unwrap();
    let end = site.session.until_ended("r1").await.end();
    assert_eq!((end.reason(), end.detail.as_str()), (Reason::Lost, "the node's sandbox ended under it"));
    let replaced = async {
        let mut tick = tokio::time::interval(Duration::from_millis(5));
        for attempt in 2.. {
            let run = format!("r{attempt}");
            site.session.start(start(&run, script("echo back"))).await;
            if site.session.until_ended(&run).await.stdout() == "back\n" {
                return;
            }
            tick.tick().await;
        }
    };
    tokio::time::timeout(DEADLINE, replaced).await.expect("programs never ran again");
    assert_ne!(helper().expect("no helper runs"), first);
    site.agent.stop().await;
}
