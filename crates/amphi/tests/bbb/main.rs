//! The conference API through clients that other people wrote, from PyPI and npm, unchanged, against `amphi serve` in front
//! of stand-in conference servers.
#![expect(clippy::unwrap_used, reason = "clippy knows tests by their attribute; the program they use is none")]

mod recordings;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::amphi::{Scratch, Serve};
use testkit::conference::{Conference, ConferencePlan};
use tokio::process::Command;

/// Far more than the clients take, their installation among it.
const DEADLINE: Duration = Duration::from_secs(600);

/// Where the clients are kept from one run to the next: beside what cargo builds.
fn clients_dir() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_amphi")).parent().and_then(Path::parent).unwrap().join("bbb-clients")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_peoples_clients_take_the_front_for_one_server() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let scratch = Scratch::new().unwrap();
    let serve = Serve::start(Path::new(env!("CARGO_BIN_EXE_amphi")), &scratch.path().join("control")).await.unwrap();
    let (http, token) = (reqwest::Client::new(), serve.token().unwrap());
    let mut conferences = Vec::new();
    for _ in 0..3 {
        let conference = Conference::start(ConferencePlan::default()).await.unwrap();
        let new = json!({ "url": conference.url(), "secret": conference.secret() });
        let added = http.post(format!("{}/api/v1/conference/servers", serve.url())).bearer_auth(&token).json(&new);
        assert_eq!(added.send().await.unwrap().status(), 201);
        conferences.push(conference);
    }
    let front = http.get(format!("{}/api/v1/conference", serve.url())).bearer_auth(&token).send().await.unwrap();
    let front: Value = front.json().await.unwrap();
    let url = format!("{}api", front["url"].as_str().unwrap());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/bbb-clients");
    let run = Command::new(script)
        .args([url.as_str(), front["secret"].as_str().unwrap()])
        .env("DIR", clients_dir())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let run = tokio::time::timeout(DEADLINE, run).await.expect("the clients end in time").unwrap();
    let (said, complained) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    println!("{said}");
    assert!(run.status.success(), "{said}\n{complained}");
    assert!(said.lines().filter(|line| line.ends_with(" ok")).count() >= 20, "{said}");
    let used = conferences.iter().filter(|conference| conference.calls().iter().any(|call| call.name == "create"));
    assert!(used.count() > 1, "one server had it all");
}
