//! `amphi up`: one tree of processes that lives and ends together.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::json;
use testkit::amphi::{Member, Scratch, Up};
use tokio::process::Command;
use tokio::time::timeout;
use wire::authority::{Authority, KeyRequest, expires_ms, node_id_of_pem};

use crate::api::Api;
use crate::site::{LIMIT, program, until};

/// Ctrl-C ends everything within this.
const INTERRUPT_LIMIT: Duration = Duration::from_secs(6);

/// Agents see their pipe close, kill their runs and leave.
const ORPHAN_LIMIT: Duration = Duration::from_secs(10);

/// A tree in which a long ping runs on each of two nodes, with everybody in it.
async fn busy_tree(scratch: &Scratch) -> (Up, Vec<Member>) {
    let up = Up::start(program(), &scratch.path().join("up"), 2).await.unwrap();
    let api = Api::new(up.url(), up.token().unwrap());
    for key in ["one", "two"] {
        // A minute and a half: longer than this test may take, so that none is gone by itself.
        let body = json!({ "tool": "ping", "args": ["-c", "20", "-i", "5", "127.0.0.1"] });
        api.submit(key, &body).await.unwrap();
    }
    let members = until("two agents run a ping each", LIMIT, async || {
        let members = up.family().ok()?;
        let count = |name: &str| members.iter().filter(|member| member.name == name).count();
        (count("amphi") == 2 && count("ping") == 2).then_some(members)
    });
    let members = members.await;
    (up, members)
}

/// Waits until all have ended. Those that don't are ended here, for nobody else would.
async fn assert_all_end(members: &[Member]) {
    let deadline = Instant::now() + ORPHAN_LIMIT;
    while members.iter().any(Member::is_alive) && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let left: Vec<_> = members.iter().filter(|member| member.is_alive()).collect();
    for member in &left {
        member.kill().unwrap();
    }
    assert!(left.is_empty(), "still there after {ORPHAN_LIMIT:?}: {left:?}");
}

#[tokio::test]
async fn a_killed_up_leaves_nothing_behind() {
    let scratch = Scratch::new().unwrap();
    let (mut up, members) = busy_tree(&scratch).await;

    let mut second = Command::new(program());
    second.arg("up").arg("--dir").arg(scratch.path().join("up")).args(["--listen", "127.0.0.1:0"]);
    let refused = timeout(LIMIT, second.kill_on_drop(true).output()).await.expect("the second one ends").unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("another amphi up uses"), "{}: {said}", refused.status);
    // The rooms in which agents look for languages come and go by themselves.
    let mut lasting = members.iter().filter(|member| ["amphi", "ping"].contains(&member.name.as_str()));
    assert!(lasting.all(Member::is_alive), "the second one ended something of the first");

    up.kill().await.unwrap();
    assert_all_end(&members).await;
}

#[tokio::test]
async fn an_interrupted_up_ends_as_a_whole() {
    let scratch = Scratch::new().unwrap();
    let (mut up, members) = busy_tree(&scratch).await;
    up.interrupt().unwrap();
    let status = up.end(INTERRUPT_LIMIT).await.unwrap();
    assert!(status.success(), "{status}");
    assert!(!members.iter().any(Member::is_alive), "it ended before what it had started");
}

#[tokio::test]
async fn nodes_that_were_off_until_their_certificates_ended_come_back() {
    let scratch = Scratch::new().unwrap();
    let dir = scratch.path().join("up");
    let mut up = Up::start(program(), &dir, 1).await.unwrap();
    let api = Api::new(up.url(), up.token().unwrap());
    let name = api.nodes().await.unwrap()[0]["name"].as_str().unwrap().to_owned();
    up.interrupt().unwrap();
    up.end(INTERRUPT_LIMIT).await.unwrap();

    let pair = dir.join("nodes").join(&name).join("node.pem");
    let id = node_id_of_pem(&fs::read_to_string(&pair).unwrap()).unwrap();
    let key = KeyRequest::generate().unwrap();
    let authority = Authority::open_or_create(&dir).unwrap();
    let ended = authority.node_certificate(&key.csr_pem, &id, Duration::from_secs(1), 0).unwrap();
    assert_eq!(expires_ms(&ended).unwrap(), 1_000);
    fs::write(&pair, ended + &key.key_pem).unwrap();

    up.restart().await.unwrap();
    until("the same node is up", LIMIT, async || {
        let nodes = api.nodes().await.ok()?;
        (nodes.len() == 1 && nodes[0]["id"] == id.as_str() && nodes[0]["health"] == "up").then_some(())
    })
    .await;
    up.interrupt().unwrap();
    assert!(up.end(INTERRUPT_LIMIT).await.unwrap().success());
}

#[tokio::test]
async fn a_node_that_was_removed_is_not_started_again() {
    let scratch = Scratch::new().unwrap();
    let dir = scratch.path().join("up");
    let mut up = Up::start(program(), &dir, 2).await.unwrap();
    let api = Api::new(up.url(), up.token().unwrap());
    let nodes = api.nodes().await.unwrap();
    let name = nodes[0]["name"].as_str().unwrap();
    api.node_remove(name).await.unwrap();
    until("it is left alone", LIMIT, async || {
        let log = fs::read_to_string(dir.with_extension("log")).ok()?;
        log.contains(&format!("sent the node {name} away for good")).then_some(())
    })
    .await;
    let agents = up.family().unwrap().into_iter().filter(|member| member.name == "amphi").count();
    assert_eq!(agents, 1, "the other node's");
    let log = fs::read_to_string(dir.join("nodes").join(name).join("agent.log")).unwrap();
    assert_eq!(log.matches("key and certificate are in").count(), 1, "{log}");
    up.interrupt().unwrap();
    assert!(up.end(INTERRUPT_LIMIT).await.unwrap().success());
}
