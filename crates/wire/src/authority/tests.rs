//! What the authority signs is checked with rustls's own verifiers, the ones both ends use.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::*;

const DAY: Duration = Duration::from_secs(86_400);
const NOW_MS: i64 = 1_790_000_000_000;

fn at(ms: i64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_millis(u64::try_from(ms).unwrap()))
}

fn new_authority() -> (tempfile::TempDir, Authority) {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::open_or_create(dir.path()).unwrap();
    (dir, authority)
}

fn roots(authority: &Authority) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(first_certificate(authority.certificate_pem()).unwrap()).unwrap();
    Arc::new(roots)
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn client_verifier(authority: &Authority) -> Arc<dyn ClientCertVerifier> {
    WebPkiClientVerifier::builder_with_provider(roots(authority), provider()).build().unwrap()
}

#[test]
fn opening_again_gives_the_same_authority_and_keeps_its_key_private() {
    let (dir, first) = new_authority();
    let again = Authority::open_or_create(dir.path()).unwrap();
    assert_eq!(first.fingerprint(), again.fingerprint());
    assert_eq!(first.fingerprint(), Fingerprint::of_pem(again.certificate_pem()).unwrap());
    assert_eq!(dir.path().join("ca.key").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let node = again.node_certificate(&KeyRequest::generate().unwrap().csr_pem, "n1", DAY, NOW_MS).unwrap();
    client_verifier(&first).verify_client_cert(&first_certificate(&node).unwrap(), &[], at(NOW_MS)).unwrap();
}

#[test]
fn a_lost_key_is_said_and_not_replaced() {
    let (dir, _authority) = new_authority();
    fs::remove_file(dir.path().join("ca.key")).unwrap();
    let error = Authority::open_or_create(dir.path()).unwrap_err();
    assert!(matches!(error, AuthorityError::KeyMissing { .. }), "{error:?}");
}

#[test]
fn server_certificates_hold_for_their_names_only() {
    let (_dir, authority) = new_authority();
    let pair = authority.server_certificate(&["amphi.example.org".into(), "192.0.2.7".into()]).unwrap();
    let leaf = first_certificate(&pair.certificate_pem).unwrap();
    let verifier = WebPkiServerVerifier::builder_with_provider(roots(&authority), provider()).build().unwrap();
    let holds = |name: &str| {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        verifier.verify_server_cert(&leaf, &[], &name, &[], at(NOW_MS)).is_ok()
    };
    assert!(holds(SERVER_NAME));
    assert!(holds("amphi.example.org"));
    assert!(holds("192.0.2.7"));
    assert!(!holds("other.example.org"));
}

#[test]
fn a_node_certificate_names_the_node_and_ends() {
    let (_dir, authority) = new_authority();
    let request = KeyRequest::generate().unwrap();
    let pem = authority.node_certificate(&request.csr_pem, "0198-node", DAY, NOW_MS).unwrap();
    let der = first_certificate(&pem).unwrap();
    assert_eq!(node_id_of(&der).unwrap(), "0198-node");
    assert_eq!(node_id_of_pem(&pem).unwrap(), "0198-node");
    assert_eq!(expires_ms(&pem).unwrap(), NOW_MS + 86_400_000);
    let verifier = client_verifier(&authority);
    verifier.verify_client_cert(&der, &[], at(NOW_MS)).unwrap();
    verifier.verify_client_cert(&der, &[], at(NOW_MS - 1_800_000)).unwrap();
    assert!(verifier.verify_client_cert(&der, &[], at(NOW_MS + 86_401_000)).is_err());
}

#[test]
fn what_another_authority_signed_is_refused() {
    let (_dir, ours) = new_authority();
    let (_other_dir, theirs) = new_authority();
    let pem = theirs.node_certificate(&KeyRequest::generate().unwrap().csr_pem, "n1", DAY, NOW_MS).unwrap();
    let der = first_certificate(&pem).unwrap();
    assert!(client_verifier(&ours).verify_client_cert(&der, &[], at(NOW_MS)).is_err());
}

#[test]
fn a_request_can_ask_for_nothing_but_its_key() {
    let (_dir, authority) = new_authority();
    let key = KeyPair::generate().unwrap();
    let mut greedy = CertificateParams::new(vec![SERVER_NAME.to_owned()]).unwrap();
    greedy.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    greedy.distinguished_name = name("somebody-else");
    let csr = greedy.serialize_request(&key).unwrap().pem().unwrap();
    let pem = authority.node_certificate(&csr, "n1", DAY, NOW_MS).unwrap();
    let der = first_certificate(&pem).unwrap();
    assert_eq!(node_id_of(&der).unwrap(), "n1");
    let parsed = parse(&der).unwrap();
    assert!(!parsed.is_ca());
    let names = parsed.subject_alternative_name().unwrap().unwrap();
    assert_eq!(names.value.general_names, [GeneralName::DNSName("n1.node.amphi.internal")]);
    assert!(is_node_server(&pem, "n1") && !is_node_server(&pem, "n2"));
    let client = authority.client_certificate(&csr, "volume-1", DAY, NOW_MS).unwrap();
    let der = first_certificate(&client).unwrap();
    assert_eq!(node_id_of(&der).unwrap(), "volume-1");
    assert!(parse(&der).unwrap().subject_alternative_name().unwrap().is_none());
    assert!(!is_node_server(&client, "volume-1"));
}

#[test]
fn broken_requests_and_certificates_are_errors() {
    let (_dir, authority) = new_authority();
    for text in ["", "hello", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"] {
        let error = authority.node_certificate(text, "n1", DAY, NOW_MS).unwrap_err();
        assert!(matches!(error, AuthorityError::Request(_)), "{error:?}");
    }
    assert!(node_id_of(b"nothing").is_err());
    assert!(Fingerprint::of_pem("nothing").is_err());
}

#[test]
fn keys_never_show_in_debug() {
    let (_dir, authority) = new_authority();
    let pair = authority.server_certificate(&[]).unwrap();
    let request = KeyRequest::generate().unwrap();
    for text in [format!("{authority:?}"), format!("{pair:?}"), format!("{request:?}")] {
        assert!(!text.contains("PRIVATE KEY"), "{text}");
    }
}
