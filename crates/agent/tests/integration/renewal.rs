//! Renewal of a node's certificate: when, what is taken, and what a wrong answer changes.

use std::path::Path;
use std::time::Duration;

use agent::AgentConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use wire::authority::{Authority, KeyRequest};

use crate::control::{Agent, ControlPlane, wall_ms};
use crate::session::{Session, start};

const DAY: Duration = Duration::from_secs(86_400);

/// The stored certificate and private key, DER.
fn stored(dir: &Path) -> (Vec<u8>, Vec<u8>) {
    let pem = std::fs::read(dir.join("node.pem")).unwrap();
    let certificate = CertificateDer::from_pem_slice(&pem).unwrap().to_vec();
    (certificate, PrivateKeyDer::from_pem_slice(&pem).unwrap().secret_der().to_vec())
}

async fn connected(control: &mut ControlPlane) -> Session {
    let mut session = control.session().await;
    session.hello().await;
    session.welcome(1).await;
    session
}

/// Makes the agent come back; it has taken all that was sent before.
async fn reconnected(control: &mut ControlPlane, session: Session) -> Session {
    drop(session);
    connected(control).await
}

#[tokio::test]
async fn a_third_of_its_life_over_a_certificate_is_renewed() {
    let mut control = ControlPlane::new().await;
    control.enrol_for(19 * DAY);
    let dir = tempfile::tempdir().unwrap();
    let config = control.config(dir.path());
    let agent = Agent::start(config.clone());
    let mut session = connected(&mut control).await;
    let first = stored(dir.path());
    assert_eq!(session.certificate, first.0);
    let csr = session.until_renewal().await;
    let new = control.authority.node_certificate(&csr, &session.node_id, 30 * DAY, wall_ms()).unwrap();
    session.certificate(new).await;

    let mut session = reconnected(&mut control, session).await;
    let second = stored(dir.path());
    assert_eq!(session.certificate, second.0);
    assert_ne!(first.0, second.0, "the certificate is the old one");
    assert_ne!(first.1, second.1, "the key is the old one");
    // With 30 days to go there is nothing to ask for.
    session.start(start("r1", &["true"])).await;
    session.until_ended("r1").await;
    assert!(session.renewals.is_empty());
    agent.stop().await;

    let agent = Agent::start(AgentConfig { token: None, ..config });
    assert_eq!(control.session().await.certificate, second.0);
    agent.stop().await;
}

#[tokio::test]
async fn an_answer_that_is_no_renewal_changes_nothing() {
    let mut control = ControlPlane::new().await;
    control.enrol_for(10 * DAY);
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(control.config(dir.path()));
    let mut session = connected(&mut control).await;
    let (first, node) = (stored(dir.path()), session.node_id.clone());
    let elsewhere = tempfile::tempdir().unwrap();
    let stranger = Authority::open_or_create(elsewhere.path()).unwrap();
    let other_key = KeyRequest::generate().unwrap().csr_pem;
    for case in ["no text", "no certificate", "another key", "another node", "another authority", "shorter"] {
        let csr = session.until_renewal().await;
        let sign = |authority: &Authority, csr: &str, node: &str, valid: Duration| {
            authority.node_certificate(csr, node, valid, wall_ms()).unwrap()
        };
        let answer = match case {
            "no text" => String::new(),
            "no certificate" => "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned(),
            "another key" => sign(&control.authority, &other_key, &node, 30 * DAY),
            "another node" => sign(&control.authority, &csr, "node-7", 30 * DAY),
            "another authority" => sign(&stranger, &csr, &node, 30 * DAY),
            _ => sign(&control.authority, &csr, &node, 9 * DAY),
        };
        session.certificate(answer).await;
        // One request has one answer: what follows was not asked for, however good.
        session.certificate(sign(&control.authority, &csr, &node, 30 * DAY)).await;
        session = reconnected(&mut control, session).await;
        assert_eq!(session.certificate, first.0, "{case}");
        assert!(stored(dir.path()) == first, "{case}: the stored pair has changed");
    }
    agent.stop().await;
}
