//! The servers for real, asked by the tools that experiments use.

use std::time::Duration;

use super::*;

async fn output(argv: &[&str]) -> (Option<i32>, String) {
    let run =
        tokio::process::Command::new(topology::find(argv[0]).unwrap()).args(&argv[1..]).kill_on_drop(true).output();
    let output = tokio::time::timeout(Duration::from_secs(20), run).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text)
}

#[tokio::test]
async fn on_loopback_all_three_answer_until_they_are_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let targets = Targets::start(None, dir.path()).await.unwrap();
    assert_eq!(targets.missing(), [""; 0]);
    let url = targets.http_url.clone().unwrap();
    let (status, text) = output(&["curl", "-sS", "--noproxy", "*", &url]).await;
    assert_eq!((status, text.as_str()), (Some(0), INDEX_PAGE));
    let tls = targets.tls.clone().unwrap();
    let (status, text) = output(&["openssl", "s_client", "-connect", &tls]).await;
    assert!(status == Some(0) && text.contains("CN = web.lab"), "{text}");
    assert!(targets.https_url.is_none(), "nodes on loopback don't trust that certificate");
    let DnsTarget { resolver, port, name, zone } = targets.dns.clone().unwrap();
    let (server, port) = (format!("@{resolver}"), port.to_string());
    assert_eq!(output(&["dig", "+short", "-p", &port, &server, &name]).await.1, "127.0.0.1\n");
    assert_eq!(output(&["dig", "+short", "-p", &port, &server, &zone, "MX"]).await.1, "10 mail.lab.\n");
    assert_eq!(output(&["dig", "+short", "-p", &port, &server, &zone, "TXT"]).await.1, "\"v=spf1 mx -all\"\n");
    let (_, text) = output(&["dig", "-p", &port, &server, "example.org"]).await;
    assert!(text.contains("status: REFUSED"), "it asks nobody else: {text}");
    targets.stop().await;
    assert_eq!(output(&["curl", "-sS", "--noproxy", "*", &url]).await.0, Some(7), "it still listens");
    let records: Vec<_> = fs::read_dir(dir.path()).unwrap().flatten().map(|entry| entry.path()).collect();
    assert!(!records.iter().any(|path| path.extension().is_some_and(|end| end == "pid")), "{records:?}");
}

#[tokio::test]
async fn in_the_topology_hosts_know_the_names_and_trust_the_certificate() {
    if let Err(why) = Topology::possible() {
        eprintln!("skipped: {why}");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let topology = Topology::raise("amphi-test-targets", 3).await.unwrap();
    let targets = Targets::start(Some(&topology), dir.path()).await.unwrap();
    assert_eq!(targets.missing(), [""; 0]);
    let host = &topology.hosts()[0];
    let inside = async |argv: &[&str]| output(&[&["ip", "netns", "exec", &host.netns], argv].concat()).await;
    let urls = [targets.http_url.as_deref(), targets.https_url.as_deref()];
    assert_eq!(urls, [Some("http://web.lab/"), Some("https://web.lab/")]);
    for url in urls.into_iter().flatten() {
        let (status, text) = inside(&["curl", "-sS", "--noproxy", "*", url]).await;
        assert_eq!(status, Some(0), "{url}: {text}");
    }
    let (_, text) = inside(&["openssl", "s_client", "-connect", "web.lab:443", "-verify_hostname", "web.lab"]).await;
    assert!(text.contains("Verify return code: 0 (ok)"), "{text}");
    assert_eq!(inside(&["dig", "+short", "lab-b.lab"]).await.1, "10.77.2.10\n");
    assert_eq!(inside(&["dig", "+short", "-x", "10.77.3.80"]).await.1, "web.lab.\n");
    targets.stop().await;
    topology.lower().await;
}
