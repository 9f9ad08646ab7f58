//! Runs: what a program gets, what becomes of its output, and how it can end.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{Instant, interval};
use wire::proto::{Destination, Family, Reason, RefusedWhy};

use crate::control::{Agent, ControlPlane, DEADLINE};
use crate::session::{Seen, Session, start};

struct Joined {
    agent: Agent,
    session: Session,
    keep: (tempfile::TempDir, ControlPlane),
}

async fn joined() -> Joined {
    let mut control = ControlPlane::new().await;
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(control.config(dir.path()));
    let mut session = control.session().await;
    session.hello().await;
    session.welcome(1).await;
    Joined { agent, session, keep: (dir, control) }
}

/// Waits until a process is gone (a zombie is).
pub(crate) async fn until_gone(pid: &str) {
    let stat = PathBuf::from(format!("/proc/{pid}/stat"));
    let deadline = Instant::now() + DEADLINE;
    let mut tick = interval(Duration::from_millis(5));
    while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(Instant::now() < deadline, "process {pid} is still there");
        tick.tick().await;
    }
}

#[tokio::test]
async fn argv_reaches_the_program_as_it_is() {
    let Joined { agent, mut session, keep: _keep } = joined().await;
    let words = ["printf", "%s\\n", "a b", "$HOME;id", "`id`", "*"];
    session.start(start("r1", &words)).await;
    let seen = session.until_ended("r1").await;
    assert_eq!(seen.stdout(), "a b\n$HOME;id\n`id`\n*\n");
    assert_eq!(seen.argv.as_ref().unwrap(), &words);
    assert_eq!((seen.reason(), seen.end().exit_code, seen.end().epoch), (Reason::Exited, 0, 1));
    assert_eq!(seen.end().output_chunks, seen.next_seq);
    agent.stop().await;
}

#[tokio::test]
async fn a_run_has_its_own_environment_and_directory() {
    let Joined { agent, mut session, keep: (dir, _control) } = joined().await;
    session.start(start("r1", &["sh", "-c", "env; touch left; mkdir -p a/b; ls; exit 7"])).await;
    let seen = session.until_ended("r1").await;
    let work = dir.path().canonicalize().unwrap().join("work/0");
    let stdout = seen.stdout();
    let lines = stdout.lines().filter(|line| !line.starts_with("PATH="));
    let work_line = format!("PWD={}", work.display());
    assert_eq!(lines.collect::<Vec<_>>(), ["LANG=C.UTF-8", &work_line, "a", "left"]);
    assert_eq!(seen.end().exit_code, 7);
    agent.stop().await;
    assert_eq!(std::fs::read_dir(&work).unwrap().count(), 0);
}

#[tokio::test]
async fn output_comes_while_the_program_runs() {
    let Joined { agent, mut session, keep: (dir, _control) } = joined().await;
    let go = dir.path().join("go");
    let script = "printf one; printf two >&2; while [ ! -e $1 ]; do sleep 0.01; done; printf three";
    session.start(start("r1", &["sh", "-c", script, "sh", &go.display().to_string()])).await;
    session.until("r1", |seen| seen.stdout() == "one" && seen.stderr() == "two").await;
    std::fs::write(go, "").unwrap();
    let seen = session.until_ended("r1").await;
    assert_eq!(seen.stdout(), "onethree");
    agent.stop().await;
}

#[tokio::test]
async fn much_output_comes_whole_in_numbered_chunks() {
    let Joined { agent, mut session, keep: _keep } = joined().await;
    session.start(start("r1", &["seq", "600000"])).await;
    session.until("r1", |seen| seen.next_seq >= 10).await;
    session.output_ack("r1", 10).await;
    let seen = session.until_ended("r1").await;
    let wanted: String = (1..=600_000).map(|n| format!("{n}\n")).collect();
    assert!(seen.stdout() == wanted, "{} bytes", seen.stdout.len());
    agent.stop().await;
}

#[tokio::test]
async fn cancel_interrupts_first_and_kills_what_does_not_listen() {
    let Joined { agent, mut session, keep: _keep } = joined().await;
    let polite = "trap 'echo bye; exit 3' INT; echo ready; while :; do sleep 0.02; done";
    session.start(start("polite", &["sh", "-c", polite])).await;
    session.until("polite", |seen| seen.stdout() == "ready\n").await;
    session.cancel("polite", 1).await;
    let seen = session.until_ended("polite").await;
    assert_eq!((seen.reason(), seen.end().exit_code, seen.stdout()), (Reason::Cancelled, 3, "ready\nbye\n"));

    let deaf = "trap '' INT TERM; echo ready; while :; do sleep 0.02; done";
    session.start(start("deaf", &["sh", "-c", deaf])).await;
    session.until("deaf", |seen| seen.stdout() == "ready\n").await;
    session.cancel("deaf", 1).await;
    let seen = session.until_ended("deaf").await;
    assert_eq!((seen.reason(), seen.end().exit_code), (Reason::Cancelled, 137));
    agent.stop().await;
}

#[tokio::test]
async fn the_wall_limit_takes_grandchildren_along() {
    let Joined { agent, mut session, keep: _keep } = joined().await;
    let mut order = start("r1", &["sh", "-c", "trap '' TERM; sleep 1000 & echo $!; wait; sleep 1000"]);
    order.wall_ms = 100;
    session.start(order).await;
    let seen = session.until_ended("r1").await;
    assert_eq!((seen.reason(), seen.end().detail.as_str()), (Reason::WallTime, "stopped after 0.1 s"));
    until_gone(seen.stdout().trim()).await;
    agent.stop().await;
}

#[tokio::test]
async fn nothing_outlives_the_leader() {
    let Joined { agent, mut session, keep: _keep } = joined().await;
    session.start(start("r1", &["sh", "-c", "sleep 1000 & echo $!"])).await;
    let seen = session.until_ended("r1").await;
    assert_eq!(seen.reason(), Reason::Exited);
    until_gone(seen.stdout().trim()).await;
    agent.stop().await;
}

#[tokio::test]
async fn a_process_that_left_the_group_does_not_hold_up_the_end() {
    let Joined { agent, mut session, keep: _keep } = joined().await;
    session.start(start("r1", &["sh", "-c", "setsid sleep 1000 & echo $!"])).await;
    let seen = session.until_ended("r1").await;
    assert_eq!(seen.reason(), Reason::Exited);
    let pid = seen.stdout().trim().parse().unwrap();
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
    agent.stop().await;
}

#[tokio::test]
async fn output_is_cut_at_the_cap_with_a_marker() {
    let Joined { agent, mut session, keep: _keep } = joined().await;
    let mut order = start("endless", &["yes"]);
    order.output_bytes = 100_001;
    session.start(order).await;
    let seen = session.until_ended("endless").await;
    assert_eq!((seen.reason(), seen.stdout.len()), (Reason::OutputCap, 100_001));
    assert_eq!(seen.stderr(), "\n[output cut at 100001 bytes]\n");
    let mut order = start("exact", &["printf", "12345"]);
    order.output_bytes = 5;
    session.start(order).await;
    let seen = session.until_ended("exact").await;
    assert_eq!((seen.reason(), seen.stdout(), seen.stderr()), (Reason::Exited, "12345", ""));
    agent.stop().await;
}

#[tokio::test]
async fn ends_say_what_happened() {
    let Joined { agent, mut session, keep: _keep } = joined().await;
    session.start(start("missing", &["no-such-tool"])).await;
    let seen = session.until_ended("missing").await;
    assert_eq!(seen.reason(), Reason::NotStarted);
    assert!(seen.end().detail.contains("no-such-tool"), "{}", seen.end().detail);
    assert!(seen.argv.is_none());
    session.start(start("crash", &["sh", "-c", "kill -SEGV $$"])).await;
    let seen = session.until_ended("crash").await;
    assert_eq!((seen.end().exit_code, seen.end().detail.as_str()), (139, "ended by signal SIGSEGV"));
    session.start(start("nul", &["echo", "a\0b"])).await;
    assert_eq!(session.until_ended("nul").await.reason(), Reason::NotStarted);
    agent.stop().await;
}

async fn sent_to(session: &mut Session, run: &str, host: &str, refused: &[&str], family: Family) -> Reason {
    let mut order = start(run, &["echo", "{address}", "http://{address_url}/"]);
    let refused = refused.iter().map(|&network| network.to_owned()).collect();
    order.destination = Some(Destination { host: host.to_owned(), refused, family: family.into() });
    session.start(order).await;
    session.until_ended(run).await.reason()
}

#[tokio::test]
async fn names_that_lead_into_refused_networks_start_nothing() {
    let Joined { agent, mut session, keep: _keep } = joined().await;
    let loopback = ["127.0.0.0/8", "::1/128"];
    for (number, host) in ["localhost", "127.0.0.1", "127.1", "::1", "::ffff:127.0.0.1"].into_iter().enumerate() {
        let run = format!("r{number}");
        assert_eq!(sent_to(&mut session, &run, host, &loopback, Family::Any).await, Reason::Forbidden, "{host}");
        assert!(session.until(&run, |_| true).await.argv.is_none(), "{host} was started");
    }
    assert_eq!(sent_to(&mut session, "v6", "127.0.0.1", &[], Family::V6).await, Reason::NameUnknown);
    assert_eq!(sent_to(&mut session, "none", "no-such-name.invalid", &[], Family::Any).await, Reason::NameUnknown);
    agent.stop().await;
}

#[tokio::test]
async fn the_address_stands_in_for_the_name() {
    let Joined { agent, mut session, keep: _keep } = joined().await;
    assert_eq!(sent_to(&mut session, "v4", "localhost", &["10.0.0.0/8"], Family::V4).await, Reason::Exited);
    assert_eq!(session.until("v4", |_| true).await.stdout(), "127.0.0.1 http://127.0.0.1/\n");
    assert_eq!(sent_to(&mut session, "v6", "::1", &[], Family::Any).await, Reason::Exited);
    let seen = session.until("v6", |_| true).await;
    assert_eq!(seen.stdout(), "::1 http://[::1]/\n");
    assert_eq!(seen.argv.as_ref().unwrap()[1], "::1");
    agent.stop().await;
}

#[tokio::test]
async fn slots_are_kept_and_credit_follows_them() {
    let Joined { agent, mut session, keep: _keep } = joined().await;
    session.until_credit(2).await;
    for run in ["a", "b", "c"] {
        session.start(start(run, &["sleep", "1000"])).await;
    }
    let refused = session.until_refused().await;
    assert_eq!((refused.run_id.as_str(), refused.why()), ("c", RefusedWhy::NoSlot));
    session.until_credit(0).await;
    // Again, as after a doubt about the first: nothing is started twice and no slot is missing.
    session.start(start("a", &["sleep", "1000"])).await;
    session.cancel("a", 1).await;
    session.until_ended("a").await;
    session.until_credit(1).await;
    session.cancel("nobody", 1).await;
    assert_eq!(session.until_refused().await.why(), RefusedWhy::UnknownRun);
    session.start(start("empty", &[])).await;
    assert_eq!(session.until_refused().await.why(), RefusedWhy::BadCommand);
    session.start(start("lost", &["ping", "{address}"])).await;
    assert_eq!(session.until_refused().await.why(), RefusedWhy::BadCommand);
    agent.stop().await;
}

#[tokio::test]
async fn shutdown_ends_runs_and_still_says_so() {
    let Joined { agent, mut session, keep: _keep } = joined().await;
    session.start(start("r1", &["sh", "-c", "sleep 1000 & echo $!; wait"])).await;
    session.until("r1", |seen| seen.stdout().ends_with('\n')).await;
    agent.shutdown.cancel();
    let seen: &Seen = session.until_ended("r1").await;
    assert_eq!((seen.reason(), seen.end().detail.as_str()), (Reason::Lost, "the agent was stopped"));
    let pid = seen.stdout().trim().to_owned();
    agent.ended().await.unwrap();
    until_gone(&pid).await;
}
