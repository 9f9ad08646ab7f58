//! What a killed agent leaves behind, and what a node in a namespace of its own is.

use std::process::{Command, Stdio};

use agent::AgentConfig;
use tokio_util::sync::CancellationToken;

use crate::control::{Agent, ControlPlane};
use crate::runs::until_gone;
use crate::session::start;

const DIR: &str = "AMPHI_TEST_AGENT_DIR";
const JOIN: &str = "AMPHI_TEST_AGENT_JOIN";
const TOKEN: &str = "AMPHI_TEST_AGENT_TOKEN";

/// An agent as a process of its own, when this very test is started with the variables set; otherwise nothing.
#[tokio::test]
async fn agent_process() {
    let (Ok(dir), Ok(join), Ok(token)) = (std::env::var(DIR), std::env::var(JOIN), std::env::var(TOKEN)) else {
        return;
    };
    let config =
        AgentConfig { dir: dir.into(), join, token: Some(token), exit_with_stdin: true, ..AgentConfig::default() };
    agent::run(config, CancellationToken::new()).await.unwrap();
}

fn process(config: &AgentConfig) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "restart::agent_process", "--nocapture"])
        .env(DIR, &config.dir)
        .env(JOIN, &config.join)
        .env(TOKEN, config.token.as_ref().unwrap())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn the_next_agent_ends_what_a_killed_one_left() {
    let mut control = ControlPlane::new().await;
    let dir = tempfile::tempdir().unwrap();
    let config = control.config(dir.path());
    let mut killed = process(&config);
    let mut session = control.session().await;
    let first = session.hello().await;
    session.welcome(1).await;
    session.start(start("r1", &["sh", "-c", "cd /; sleep 1000 & echo $$; wait"])).await;
    session.start(start("r2", &["sh", "-c", "setsid sleep 1000 & echo $!; wait"])).await;
    let leader = session.until("r1", |seen| seen.stdout().ends_with('\n')).await.stdout().trim().to_owned();
    let apart = session.until("r2", |seen| seen.stdout().ends_with('\n')).await.stdout().trim().to_owned();
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(std::path::Path::new("/proc").join(&leader).exists(), "the run ended with its agent");

    let agent = Agent::start(config);
    let mut session = control.session().await;
    let hello = session.hello().await;
    assert_ne!(hello.boot_id, first.boot_id);
    assert!(hello.runs.is_empty());
    until_gone(&leader).await;
    until_gone(&apart).await;
    assert_eq!(std::fs::read_to_string(dir.path().join("groups.txt")).unwrap(), "");
    agent.stop().await;
}

#[tokio::test]
async fn an_agent_ends_with_its_parent_when_asked_to() {
    let mut control = ControlPlane::new().await;
    let dir = tempfile::tempdir().unwrap();
    let mut child = process(&control.config(dir.path()));
    control.session().await.hello().await;
    drop(child.stdin.take());
    let status = tokio::task::spawn_blocking(move || child.wait()).await.unwrap().unwrap();
    assert!(status.success());
}

/// A network namespace that goes when this is dropped.
struct Namespace(String);

impl Namespace {
    fn new() -> Self {
        let namespace = Self(format!("amphi-agent-{}", std::process::id()));
        ip(&["netns", "add", &namespace.0]);
        ip(&["-n", &namespace.0, "link", "set", "lo", "up"]);
        ip(&["-n", &namespace.0, "addr", "add", "10.99.0.1/32", "dev", "lo"]);
        namespace
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "delete", &self.0]).status();
    }
}

fn ip(arguments: &[&str]) {
    assert!(Command::new("ip").args(arguments).status().unwrap().success(), "ip {arguments:?}");
}

#[tokio::test]
async fn runs_happen_in_the_named_namespace() {
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: making a network namespace needs root");
        return;
    }
    let namespace = Namespace::new();
    let mut control = ControlPlane::new().await;
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(AgentConfig { netns: Some(namespace.0.clone()), ..control.config(dir.path()) });
    let mut session = control.session().await;
    let inventory = session.hello().await.inventory.unwrap();
    assert_eq!(inventory.addresses, ["10.99.0.1"]);
    let own = std::os::linux::fs::MetadataExt::st_ino(&std::fs::metadata("/proc/self/ns/net").unwrap());
    assert!(!inventory.host_id.ends_with(&format!("-{own}")), "{}", inventory.host_id);
    session.welcome(1).await;
    session.start(start("r1", &["sh", "-c", "pwd; ip -br addr; exit 5"])).await;
    let seen = session.until_ended("r1").await;
    let work = dir.path().canonicalize().unwrap().join("work/0");
    assert!(seen.stdout().starts_with(&format!("{}\nlo ", work.display())), "{}", seen.stdout());
    assert_eq!((seen.stdout().lines().count(), seen.end().exit_code), (2, 5), "{}", seen.stdout());
    assert!(seen.stdout().contains("10.99.0.1"));
    session.start(start("r2", &["no-such-tool"])).await;
    assert_eq!(session.until_ended("r2").await.reason(), wire::proto::Reason::NotStarted);
    agent.stop().await;
}
