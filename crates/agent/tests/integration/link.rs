//! The stream: what survives its loss, who may command, and how it ends.

use wire::proto::from_agent::Message;
use wire::proto::{Probe, Reason, RefusedWhy, Start};

use crate::control::{Agent, ControlPlane};
use crate::session::start;

/// Runs `script` with `file` in its variable `GO`.
fn waiting(run: &str, script: &str, file: &std::path::Path) -> Start {
    start(run, &["sh", "-c", &format!("GO=$1; {script}"), "sh", &file.display().to_string()])
}

#[tokio::test]
async fn runs_go_on_without_a_link_and_nothing_is_lost_or_changed() {
    let mut control = ControlPlane::new().await;
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(control.config(dir.path()));
    let mut session = control.session().await;
    let first = session.hello().await;
    session.welcome(1).await;
    let (go, done) = (dir.path().join("go"), dir.path().join("done"));
    let script =
        "echo one; while [ ! -e $GO ]; do sleep 0.01; done; echo two; echo three >&2; echo done > $GO.done; exit 4";
    session.start(waiting("r1", script, &go)).await;
    session.start(start("quick", &["echo", "hello"])).await;
    session.until("quick", |seen| seen.ended.is_some()).await;
    session.until("r1", |seen| seen.stdout() == "one\n").await;

    control.cut();
    drop(session);
    std::fs::write(&go, "").unwrap();
    let done = done.with_file_name("go.done");
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(5));
    while !done.exists() {
        tick.tick().await;
    }
    control.restore();

    let mut session = control.session().await;
    let hello = session.hello().await;
    assert_eq!(hello.boot_id, first.boot_id);
    let mut held: Vec<_> = hello.runs.iter().map(|run| run.run_id.as_str()).collect();
    held.sort_unstable();
    assert_eq!(held, ["quick", "r1"]);
    assert!(hello.runs.iter().all(|run| run.epoch == 1));
    session.welcome(2).await;
    let seen = session.until("r1", |seen| seen.ended.is_some()).await;
    assert_eq!((seen.first_seq, seen.stdout(), seen.stderr()), (Some(0), "one\ntwo\n", "three\n"));
    assert_eq!(seen.end().exit_code, 4);
    session.output_ack("r1", 1).await;
    session.until_ended("quick").await;

    // A second loss: the acknowledged chunk and the acknowledged run don't come again, the rest does.
    session.cancel("nobody", 2).await;
    session.until_refused().await;
    control.cut();
    drop(session);
    control.restore();
    let mut session = control.session().await;
    let hello = session.hello().await;
    assert_eq!((hello.runs.len(), hello.runs[0].run_id.as_str(), hello.runs[0].ended), (1, "r1", true));
    session.welcome(3).await;
    let seen = session.until_ended("r1").await;
    assert_eq!((seen.first_seq, seen.stdout(), seen.stderr()), (Some(1), "two\n", "three\n"));
    agent.stop().await;
}

#[tokio::test]
async fn an_old_lease_commands_nothing_even_after_a_restart() {
    let mut control = ControlPlane::new().await;
    let dir = tempfile::tempdir().unwrap();
    let config = control.config(dir.path());
    let agent = Agent::start(config.clone());
    let mut session = control.session().await;
    session.hello().await;
    session.welcome(5).await;
    let order = |run: &str, epoch| Start { epoch, ..start(run, &["sleep", "1000"]) };
    session.start(order("a", 5)).await;
    session.until("a", |seen| seen.argv.is_some()).await;
    session.start(order("b", 4)).await;
    let refused = session.until_refused().await;
    assert_eq!((refused.run_id.as_str(), refused.epoch, refused.why()), ("b", 4, RefusedWhy::OldEpoch));
    session.cancel("a", 4).await;
    assert_eq!(session.until_refused().await.why(), RefusedWhy::OldEpoch);
    session.cancel("a", 6).await;
    assert_eq!(session.until_ended("a").await.reason(), Reason::Cancelled);
    agent.stop().await;

    let agent = Agent::start(config);
    let mut session = control.session().await;
    session.hello().await;
    session.welcome(5).await;
    session.start(order("c", 5)).await;
    assert_eq!(session.until_refused().await.why(), RefusedWhy::OldEpoch);
    session.start(Start { epoch: 6, ..start("d", &["true"]) }).await;
    session.until_ended("d").await;
    agent.stop().await;
}

#[tokio::test]
async fn a_goodbye_ends_the_agent_with_its_reason() {
    let mut control = ControlPlane::new().await;
    let dir = tempfile::tempdir().unwrap();
    let config = control.config(dir.path());
    let agent = Agent::start(config.clone());
    let mut session = control.session().await;
    session.hello().await;
    drop(session);
    let mut session = control.session().await;
    session.hello().await;
    session.welcome(1).await;
    session.goodbye("the node was removed").await;
    let text = agent.ended().await.unwrap_err().to_string();
    assert!(text.contains("the node was removed"), "{text}");

    let agent = Agent::start(config);
    let session = control.session().await;
    session.goodbye("protocol too old").await;
    assert!(agent.ended().await.unwrap_err().to_string().contains("protocol too old"));
}

#[tokio::test]
async fn tools_and_heartbeats_are_told() {
    let mut control = ControlPlane::new().await;
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(control.config(dir.path()));
    let mut session = control.session().await;
    session.hello().await;
    let probe = |name: &str, argv: &[&str]| Probe {
        name: name.to_owned(),
        argv: argv.iter().map(|&word| word.to_owned()).collect(),
        is_contained: false,
    };
    let probes = vec![probe("echo", &["echo", "1.2.3"]), probe("none", &["no-such-tool"])];
    session.welcome_with(1, probes, 20).await;
    let (mut tools, mut heartbeats) = (None, 0);
    while tools.is_none() || heartbeats < 3 {
        match session.recv().await {
            Message::Tools(found) => tools = Some(found.tools),
            Message::Heartbeat(_) => heartbeats += 1,
            Message::Credit(_) => {}
            other => panic!("unexpected: {other:?}"),
        }
    }
    let tools = tools.unwrap();
    assert_eq!((tools.len(), tools[0].name.as_str(), tools[0].version.as_str()), (1, "echo", "1.2.3"));
    agent.stop().await;
}

#[tokio::test]
async fn a_lease_that_cannot_be_stored_is_not_taken_and_the_next_one_may_be() {
    let mut control = ControlPlane::new().await;
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(control.config(dir.path()));
    let mut session = control.session().await;
    session.hello().await;
    // As a full disk does, it lets the file's next text not be written.
    let blocked = dir.path().join("epoch.new");
    std::fs::create_dir(&blocked).unwrap();
    session.welcome(1).await;
    for epoch in 2..4 {
        let mut session = control.session().await;
        assert_eq!(session.hello().await.epoch, 0, "it took a lease that it has not stored");
        session.welcome(epoch).await;
    }
    let mut session = control.session().await;
    session.hello().await;
    std::fs::remove_dir(&blocked).unwrap();
    session.welcome(4).await;
    session.start(Start { epoch: 4, ..start("r1", &["echo", "hello"]) }).await;
    let seen = session.until("r1", |seen| seen.ended.is_some()).await;
    assert_eq!((seen.stdout(), seen.reason()), ("hello\n", Reason::Exited));
    agent.stop().await;
}
