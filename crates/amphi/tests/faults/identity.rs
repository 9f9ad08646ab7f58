//! Who may be a node: one agent, with the certificate that this control plane gave it.

use std::fs;
use std::path::Path;

use testkit::amphi::{Agent, AgentPlan, Scratch, Serve};

use crate::site::{LIMIT, Site, program, until};

fn plan(site: &Site, token: Option<String>) -> AgentPlan<'static> {
    AgentPlan { join: site.serve.url(), token, name: "intruder", slots: 1, path: None, more: Vec::new() }
}

/// Starts an agent that has to be refused: it ends by itself, not well, and says why.
async fn assert_refused(dir: &Path, plan: &AgentPlan<'_>, sentence: &str) {
    let known = fs::read_to_string(dir.with_extension("log")).unwrap_or_default();
    let mut agent = Agent::start(program(), dir, plan).unwrap();
    let status = agent.end(LIMIT).await.unwrap();
    let log = agent.log().unwrap();
    let said = log.strip_prefix(&known).unwrap_or(&log);
    assert!(!status.success() && said.contains(sentence), "{status}, without {sentence:?}: {said}");
}

async fn node_names(site: &Site) -> Vec<String> {
    let nodes = site.api.nodes().await.unwrap();
    let mut names: Vec<_> = nodes.iter().filter_map(|node| node["name"].as_str().map(str::to_owned)).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_second_agent_in_the_same_directory_is_refused() {
    let site = Site::start(1).await;
    let dir = site.scratch.path().join("node-a");
    assert_refused(&dir, &plan(&site, None), "is in use by the agent with process id").await;
    assert_eq!(node_names(&site).await, ["node-a"]);
    site.is_up("node-a").await;
}

#[tokio::test]
async fn a_used_or_wrong_token_is_refused() {
    let mut site = Site::start(0).await;
    let token = site.api.node_token().await.unwrap();
    let first = AgentPlan { name: "node-a", ..plan(&site, Some(token.clone())) };
    site.agents.push(Agent::start(program(), &site.scratch.path().join("node-a"), &first).unwrap());
    site.is_up("node-a").await;
    let dir = site.scratch.path().join("intruder");
    assert_refused(&dir, &plan(&site, Some(token.clone())), "the token was refused: ").await;
    let (_, fingerprint) = token.rsplit_once('.').unwrap();
    let wrong = format!("amphi1.{}.{fingerprint}", "A".repeat(43));
    assert_refused(&dir, &plan(&site, Some(wrong)), "the token was refused: ").await;
    assert_refused(&dir, &plan(&site, Some("amphi1.x".to_owned())), "the join token can't be read").await;
    assert_refused(&dir, &plan(&site, None), "was given no token").await;
    assert_eq!(node_names(&site).await, ["node-a"]);
}

#[tokio::test]
async fn a_removed_node_is_sent_away() {
    let mut site = Site::start(2).await;
    site.api.node_remove("node-b").await.unwrap();
    let status = site.agent("node-b").end(LIMIT).await.unwrap();
    let log = site.agent("node-b").log().unwrap();
    assert!(status.code() == Some(3) && log.contains("This node was removed"), "{status}: {log}");
    assert_eq!(node_names(&site).await, ["node-a"]);
}

#[tokio::test]
async fn an_agent_of_another_identity_is_refused() {
    let ours = Site::start(1).await;
    let scratch = Scratch::new().unwrap();
    let serve = Serve::start(program(), &scratch.path().join("control")).await.unwrap();
    let theirs = Site::with_serve(scratch, serve, 1).await;
    let their_dir = theirs.scratch.path().join("node-a");
    let dir = ours.scratch.path().join("intruder");
    fs::create_dir(&dir).unwrap();
    for name in ["node.json", "node.pem", "ca.pem"] {
        fs::copy(their_dir.join(name), dir.join(name)).unwrap();
    }
    // With a token of ours it says that its directory belongs elsewhere.
    let token = ours.api.node_token().await.unwrap();
    assert_refused(&dir, &plan(&ours, Some(token)), "belongs to a node of another control plane").await;

    // Even one that trusts us does not get in with their certificate; it goes on knocking.
    fs::copy(ours.scratch.path().join("node-a").join("ca.pem"), dir.join("ca.pem")).unwrap();
    let intruder = Agent::start(program(), &dir, &plan(&ours, None)).unwrap();
    until("the intruder was turned away twice", LIMIT, async || {
        (intruder.log().unwrap().matches("lost the control plane").count() >= 2).then_some(())
    })
    .await;
    assert!(!intruder.log().unwrap().contains("connected to"), "{}", intruder.log().unwrap());
    assert_eq!(node_names(&ours).await, ["node-a"]);
    ours.is_up("node-a").await;
}
