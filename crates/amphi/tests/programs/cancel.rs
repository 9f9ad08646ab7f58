//! Cancelling at each stage, and agents that end or are killed under their programs.

use std::process::{Command, Stdio};

use wire::proto::{Program, Reason};

use crate::control::{ControlPlane, DEADLINE};
use crate::site::{Site, compiled, program, script, start, step};

#[tokio::test]
async fn a_run_is_cancelled_at_each_stage() {
    let mut site = Site::new().await;
    // At once: before, or just after, anything was started.
    site.session.start(start("before", script("sleep 1000"))).await;
    site.session.cancel("before", 1).await;
    assert_eq!(site.session.until_ended("before").await.reason(), Reason::Cancelled);

    let compile = Some(step(&["sh", "-c", "echo compiling; sleep 1000"]));
    site.session.start(start("compiling", Program { compile, ..script("echo never") })).await;
    site.session.until("compiling", |seen| compiled(seen) == "compiling\n").await;
    site.session.cancel("compiling", 1).await;
    let seen = site.session.until_ended("compiling").await;
    assert_eq!((seen.reason(), seen.stdout()), (Reason::Cancelled, ""));

    site.session.start(start("running", script("echo running; sleep 1000"))).await;
    site.session.until("running", |seen| seen.stdout() == "running\n").await;
    site.session.cancel("running", 1).await;
    assert_eq!(site.session.until_ended("running").await.reason(), Reason::Cancelled);

    site.session.start(start("deaf", script("trap '' INT TERM; echo deaf; while :; do sleep 1000; done"))).await;
    site.session.until("deaf", |seen| seen.stdout() == "deaf\n").await;
    site.session.cancel("deaf", 1).await;
    assert_eq!(site.session.until_ended("deaf").await.reason(), Reason::Cancelled);

    site.session.start(start("ended", script("exit 4"))).await;
    site.session.until("ended", |seen| seen.ended.is_some()).await;
    site.session.cancel("ended", 1).await;
    let seen = site.session.until_ended("ended").await;
    assert_eq!((seen.reason(), seen.end().exit_code), (Reason::Exited, 4));
    site.session.until_credit(2).await;
    site.agent.stop().await;
}

/// Whether a process with `mark` among its arguments lives.
fn is_there(mark: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .map(|process| std::fs::read(process.path().join("cmdline")).unwrap_or_default())
        .any(|arguments| arguments.split(|&byte| byte == 0).any(|argument| argument == mark.as_bytes()))
}

/// Waits until a process with `mark` among its arguments lives, or no more.
async fn until(mark: &str, is_wanted: bool) {
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(5));
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while is_there(mark) != is_wanted {
        assert!(tokio::time::Instant::now() < deadline, "{mark}: not {is_wanted}");
        tick.tick().await;
    }
}

/// A program that leaves children behind, findable by `mark`.
fn scattering(mark: &str) -> Program {
    script(&format!("setsid sleep {mark} & (trap '' INT TERM HUP; sleep {mark} & wait) & echo ready; wait"))
}

#[tokio::test]
async fn an_agent_that_stops_takes_its_programs_along() {
    let mut site = Site::new().await;
    let mark = format!("98{}", std::process::id());
    site.session.start(start("r1", scattering(&mark))).await;
    site.session.until("r1", |seen| seen.stdout() == "ready\n").await;
    until(&mark, true).await;
    site.agent.shutdown.cancel();
    let end = site.session.until_ended("r1").await.end();
    assert_eq!((end.reason(), end.detail.as_str()), (Reason::Lost, "the agent was stopped"));
    site.agent.ended().await.unwrap();
    until(&mark, false).await;
}

#[tokio::test]
async fn an_agent_that_is_killed_takes_its_programs_along() {
    let mut control = ControlPlane::new().await;
    let dir = tempfile::tempdir().unwrap();
    let config = control.config(dir.path());
    let mut agent = Command::new(program())
        .args(["agent", "--exit-with-stdin", "--join", &config.join, "--dir"])
        .arg(&config.dir)
        .env("AMPHI_JOIN_TOKEN", config.token.unwrap())
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut session = control.session().await;
    session.hello().await;
    session.welcome(1).await;
    let mark = format!("99{}", std::process::id());
    session.start(start("r1", scattering(&mark))).await;
    session.until("r1", |seen| seen.stdout() == "ready\n").await;
    until(&mark, true).await;
    agent.kill().unwrap();
    agent.wait().unwrap();
    until(&mark, false).await;
}
