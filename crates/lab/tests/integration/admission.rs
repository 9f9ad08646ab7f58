//! Agents at the door: join tokens, certificates, protocol versions.

use serde_json::{Value, json};
use tonic::Code;
use wire::proto::to_agent::Message;
use wire::proto::{EnrollRequest, Renew, from_agent};

use crate::agent::{Agent, Link, certificate, enroll, enrolment, hello};
use crate::plane::Plane;

async fn refused(plane: &Plane, request: EnrollRequest) -> (Code, String) {
    let status = enroll(plane, request).await.expect_err("an enrolment that is refused");
    (status.code(), status.message().to_owned())
}

#[tokio::test]
async fn a_token_enrols_one_node_while_it_holds() {
    let plane = Plane::new().await;
    let token = plane.join_token().await;
    let (mut wrong, mut cut) = (plane.join_token().await, token.clone());
    let middle = wrong.len() / 3;
    let other = if wrong.as_bytes()[middle] == b'A' { "B" } else { "A" };
    wrong.replace_range(middle..=middle, other);
    cut.truncate(cut.len() - 1);
    for (case, token) in [("wrong", wrong.as_str()), ("cut off", &cut), ("empty", ""), ("hostile", "amphi1.'; --.x")] {
        let (code, message) = refused(&plane, enrolment(token, "lab-a", 1)).await;
        assert_eq!(code, Code::PermissionDenied, "{case}");
        assert!(message.contains("Make a new one"), "{case}: {message}");
    }
    enroll(&plane, enrolment(&token, "lab-a", 1)).await.unwrap();
    let (code, message) = refused(&plane, enrolment(&token, "lab-b", 1)).await;
    assert_eq!(code, Code::PermissionDenied);
    insta::assert_snapshot!(message, @"The join token is unknown, was used, or has expired. Make a new one with `amphi node token`.");
    let late = plane.join_token().await;
    plane.clock.advance(std::time::Duration::from_secs(3_600));
    assert_eq!(refused(&plane, enrolment(&late, "lab-c", 1)).await.0, Code::PermissionDenied);
    assert_eq!(plane.count("lab_node").await, 1);
}

#[tokio::test]
async fn a_refused_enrolment_leaves_its_token() {
    let plane = Plane::new().await;
    let _taken = Agent::join(&plane, "lab-a", 1).await;
    let token = plane.join_token().await;
    let good = || enrolment(&token, "lab-b", 1);
    for (case, request, code, word) in [
        ("older protocol", EnrollRequest { protocol: 0, ..good() }, Code::PermissionDenied, "same version"),
        ("newer protocol", EnrollRequest { protocol: 99, ..good() }, Code::PermissionDenied, "same version"),
        ("name taken", EnrollRequest { name: "lab-a".into(), ..good() }, Code::AlreadyExists, "--name"),
        ("hostile name", EnrollRequest { name: "a;b".into(), ..good() }, Code::InvalidArgument, "lower-case"),
        (
            "no certificate request",
            EnrollRequest { csr_pem: "x".into(), ..good() },
            Code::InvalidArgument,
            "certificate",
        ),
    ] {
        let (found, message) = refused(&plane, request).await;
        assert_eq!(found, code, "{case}: {message}");
        assert!(message.ends_with('.') && message.contains(word), "{case}: {message}");
    }
    let reply = enroll(&plane, EnrollRequest { name: String::new(), ..good() }).await.unwrap();
    assert_eq!(reply.name, "host", "named after its host");
    let next = enroll(&plane, enrolment(&plane.join_token().await, "", 1)).await.unwrap();
    assert_eq!(next.name, "host-2");
}

#[tokio::test]
async fn tokens_are_an_operators_and_last_as_long_as_said() {
    let plane = Plane::new().await;
    let ada = plane.account("ada", "teacher").await;
    assert_eq!(plane.call(&ada, "POST", "/api/v1/node-tokens", json!({})).await.problem(403), "role-needed");
    for minutes in [0, 10_081] {
        let reply = plane.call(&plane.admin, "POST", "/api/v1/node-tokens", json!({ "valid_minutes": minutes })).await;
        assert_eq!((reply.problem(400).as_str(), &reply.json()["field"]), ("request", &json!("valid_minutes")));
    }
    let made = plane.call(&plane.admin, "POST", "/api/v1/node-tokens", json!({ "valid_minutes": 5 })).await.expect(201);
    let token = made["token"].as_str().unwrap();
    assert_eq!(made["command"], format!("amphi agent --join https://lab.example.org --token {token}"));
}

#[tokio::test]
async fn without_a_nodes_certificate_there_is_no_stream() {
    let plane = Plane::new().await;
    let status = Link::open(&plane, None).await.err().unwrap();
    assert_eq!(status.code(), Code::Unauthenticated);
    let nonsense = wire::PeerCertificate(b"no certificate".to_vec());
    assert_eq!(Link::open(&plane, Some(&nonsense)).await.err().unwrap().code(), Code::Unauthenticated);
}

#[tokio::test]
async fn an_older_agent_is_sent_away_for_good() {
    let plane = Plane::new().await;
    let token = plane.join_token().await;
    let reply = enroll(&plane, enrolment(&token, "lab-a", 1)).await.unwrap();
    let certificate = certificate(&reply.certificate_pem);
    let mut link = Link::open(&plane, Some(&certificate)).await.unwrap();
    let old = wire::proto::Hello { protocol: 0, ..hello("boot-1", 1, Vec::new()) };
    link.send(from_agent::Message::Hello(old)).await;
    let Some(Message::Goodbye(goodbye)) = link.next().await else { panic!("no goodbye") };
    insta::assert_snapshot!(goodbye.reason, @"This agent speaks protocol 0; the control plane speaks 1. Install the same version of amphi on both.");
    assert!(link.next().await.is_none());
    assert_eq!(plane.get(&plane.admin, "/api/v1/nodes/lab-a").await.expect(200)["last_seen"], Value::Null);
}

#[tokio::test]
async fn a_lease_is_above_every_one_the_agent_has_seen() {
    let plane = Plane::new().await;
    let agent = Agent::join(&plane, "lab-a", 1).await;
    let mut link = agent.another_link(&plane).await;
    // As after the database was restored from a copy.
    let seen = wire::proto::Hello { epoch: 70, ..hello("boot-2", 1, Vec::new()) };
    link.send(from_agent::Message::Hello(seen)).await;
    let Some(Message::Welcome(welcome)) = link.next().await else { panic!("no welcome") };
    assert_eq!(welcome.epoch, 71);
}

#[tokio::test]
async fn a_removed_node_is_sent_away_and_stays_away() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let id = plane.ping().await;
    let start = agent.start().await;
    let busy = plane.call(&plane.admin, "DELETE", "/api/v1/nodes/lab-a", Value::Null).await;
    assert_eq!(busy.problem(409), "node-busy");
    agent.exited(&start, 0).await;
    plane.job_is(&id, "completed").await;
    plane.call(&plane.admin, "DELETE", "/api/v1/nodes/lab-a", Value::Null).await.expect(204);
    let Message::Goodbye(_) = agent.next().await else { panic!("no goodbye") };
    let mut again = agent.another_link(&plane).await;
    again.send(from_agent::Message::Hello(hello("boot-2", 1, Vec::new()))).await;
    let Some(Message::Goodbye(goodbye)) = again.next().await else { panic!("no goodbye") };
    assert!(goodbye.reason.contains("new join token"), "{}", goodbye.reason);
    assert_eq!(plane.get(&plane.admin, "/api/v1/nodes/lab-a").await.problem(404), "node-unknown");
}

#[tokio::test]
async fn a_renewed_certificate_is_the_nodes_own() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    agent.send(from_agent::Message::Renew(Renew { csr_pem: "no request".into() })).await;
    agent.is_idle().await;
    let csr_pem = enrolment("", "lab-b", 1).csr_pem;
    agent.send(from_agent::Message::Renew(Renew { csr_pem })).await;
    let Message::Certificate(answer) = agent.next().await else { panic!("no certificate") };
    let renewed = certificate(&answer.certificate_pem);
    assert_eq!(wire::authority::node_id_of(&renewed.0).unwrap(), agent.id);
    let mut link = Link::open(&plane, Some(&renewed)).await.unwrap();
    link.send(from_agent::Message::Hello(hello("boot-1", 1, Vec::new()))).await;
    assert!(matches!(link.next().await, Some(Message::Welcome(welcome)) if welcome.node_id == agent.id));
}
