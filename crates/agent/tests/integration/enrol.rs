//! Joining: who gets a certificate, and what a node remembers.

use std::collections::BTreeMap;

use agent::AgentConfig;
use wire::authority::{Authority, Fingerprint};
use wire::token::JoinToken;

use crate::control::{Agent, ControlPlane};

async fn refusal(config: AgentConfig) -> String {
    format!("{:#}", Agent::start(config).ended().await.unwrap_err())
}

#[tokio::test]
async fn a_good_token_joins_once_and_for_all() {
    let mut control = ControlPlane::new().await;
    let dir = tempfile::tempdir().unwrap();
    let labels = BTreeMap::from([("site".to_owned(), "lab".to_owned())]);
    let config = AgentConfig { name: Some("lab-a".to_owned()), labels, ..control.config(dir.path()) };
    let agent = Agent::start(config.clone());
    let mut session = control.session().await;
    let first = session.hello().await;
    assert_eq!(first.protocol, wire::PROTOCOL);
    let inventory = first.inventory.unwrap();
    assert_eq!(inventory.slots, 2);
    let asked = control.enrolled.lock().unwrap()[&session.node_id].clone();
    assert_eq!((asked.name.as_str(), asked.slots, asked.labels["site"].as_str()), ("lab-a", 2, "lab"));
    agent.stop().await;

    let agent = Agent::start(AgentConfig { token: None, ..config });
    let mut again = control.session().await;
    assert_eq!(again.node_id, session.node_id);
    assert_ne!(again.hello().await.boot_id, first.boot_id);
    assert_eq!(control.enrolled.lock().unwrap().len(), 1);
    agent.stop().await;
}

#[tokio::test]
async fn the_authority_may_come_over_any_https() {
    let mut control = ControlPlane::new().await;
    let dir = tempfile::tempdir().unwrap();
    let join = format!("https://127.0.0.1:{}/", control.port);
    let agent = Agent::start(AgentConfig { join, ..control.config(dir.path()) });
    control.session().await.hello().await;
    agent.stop().await;
}

#[tokio::test]
async fn a_token_for_another_authority_is_not_even_sent() {
    let control = ControlPlane::new().await;
    let dir = tempfile::tempdir().unwrap();
    let token = JoinToken::generate(Fingerprint::of_der(b"somebody else")).unwrap().to_string();
    let text = refusal(AgentConfig { token: Some(token), ..control.config(dir.path()) }).await;
    assert!(text.contains("authority"), "{text}");
    assert!(control.enrolled.lock().unwrap().is_empty());
}

#[tokio::test]
async fn wrong_used_and_missing_tokens_are_told_apart() {
    let mut control = ControlPlane::new().await;
    let dir = tempfile::tempdir().unwrap();
    let stranger = JoinToken::generate(control.authority.fingerprint()).unwrap().to_string();
    let config = |token: Option<String>| AgentConfig { token, ..control.config(dir.path()) };
    let text = refusal(config(Some(stranger))).await;
    assert!(text.contains("this token is unknown, used or too old"), "{text}");
    let text = refusal(config(Some("hello".into()))).await;
    assert!(text.contains("amphi1.SECRET.FINGERPRINT"), "{text}");
    let text = refusal(config(None)).await;
    assert!(text.contains("was given no token"), "{text}");
    let token = control.token();
    let good = config(Some(token.clone()));
    let agent = Agent::start(good.clone());
    control.session().await.hello().await;
    agent.stop().await;
    let other = tempfile::tempdir().unwrap();
    let text = refusal(AgentConfig { dir: other.path().to_path_buf(), ..good }).await;
    assert!(text.contains("used"), "{text}");
}

#[tokio::test]
async fn a_directory_stays_with_its_control_plane() {
    let mut first = ControlPlane::new().await;
    let second = ControlPlane::new().await;
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(first.config(dir.path()));
    first.session().await.hello().await;
    agent.stop().await;
    let text = refusal(second.config(dir.path())).await;
    assert!(text.contains("another control plane"), "{text}");
}

#[tokio::test]
async fn a_control_plane_that_comes_late_is_waited_for() {
    let mut control = ControlPlane::new().await;
    control.cut();
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(control.config(dir.path()));
    // Whether it dials before or after this, it has to get through.
    tokio::task::yield_now().await;
    control.restore();
    control.session().await.hello().await;
    agent.stop().await;
}

#[tokio::test]
async fn a_certificate_that_has_ended_asks_for_a_new_token() {
    let mut control = ControlPlane::new().await;
    let dir = tempfile::tempdir().unwrap();
    let config = control.config(dir.path());
    let agent = Agent::start(config.clone());
    control.session().await.hello().await;
    agent.stop().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let authority = Authority::open_or_create(elsewhere.path()).unwrap();
    let request = wire::authority::KeyRequest::generate().unwrap();
    let old = authority.node_certificate(&request.csr_pem, "old", std::time::Duration::from_secs(1), 0).unwrap();
    std::fs::write(dir.path().join("node.pem"), old + &request.key_pem).unwrap();
    let text = refusal(AgentConfig { token: None, ..config.clone() }).await;
    assert!(text.contains("certificate has ended"), "{text}");
    let agent = Agent::start(AgentConfig { token: Some(control.token()), ..config });
    assert_eq!(control.session().await.node_id, "node-1");
    agent.stop().await;
}

#[tokio::test]
async fn a_certificate_that_ends_while_the_control_plane_is_away_says_the_same() {
    let mut control = ControlPlane::new().await;
    control.enrol_for(std::time::Duration::from_secs(5));
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(control.config(dir.path()));
    control.session().await.hello().await;
    control.cut();
    let text = format!("{:#}", agent.ended().await.unwrap_err());
    assert!(text.contains("certificate has ended"), "{text}");
}
