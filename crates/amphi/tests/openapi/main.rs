//! `docs/openapi.json` is what the program serves, and no operation in it is open by mistake. The program itself is
//! asked, because only it puts the services' descriptions together. `AMPHI_BLESS=1` writes the file anew.
#![expect(clippy::unwrap_used, reason = "clippy knows tests by their attribute; the program they use is none")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Far more than a start or an answer takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);
/// What may be asked by anybody.
const OPEN: [&str; 2] = ["GET /api/v1/status", "POST /api/v1/sessions"];
/// The keys of a path item that are operations (OpenAPI 3.1, "Path Item Object").
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// A control plane without nodes; it is killed when this is dropped.
struct Amphi {
    url: String,
    http: Client,
    _process: Child,
    _dir: TempDir,
}

impl Amphi {
    async fn start() -> Self {
        // Fails only when the other test was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_amphi"))
            .args(["up", "--nodes", "0", "--listen", "127.0.0.1:0", "--dir"])
            .arg(dir.path().join("data"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let url = async {
            loop {
                let line = lines.next_line().await.unwrap().expect("it prints its address before it ends");
                if let Some(url) = line.strip_prefix("ready ") {
                    return url.to_owned();
                }
            }
        };
        let url = tokio::time::timeout(DEADLINE, url).await.expect("it is ready in time");
        let http = Client::builder().timeout(DEADLINE).build().unwrap();
        Self { url, http, _process: process, _dir: dir }
    }

    async fn description(&self) -> Value {
        let answer = self.http.get(format!("{}/api/v1/openapi.json", self.url)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().await.unwrap()
    }

    /// The answer to a request with nobody's credentials and an empty object as its body.
    async fn call(&self, method: &str, path: &str) -> (StatusCode, Value) {
        let path = path.replace("{id}", "01890000-0000-7000-8000-000000000000");
        let named = ["{node}", "{volume}", "{export}", "{snapshot}", "{path}", "{store}", "{tenant}"];
        let path = named.into_iter().fold(path, |path, name| path.replace(name, "none"));
        assert!(!path.contains('{'), "{path} has a parameter that this test gives no value");
        let method: Method = method.to_uppercase().parse().unwrap();
        let request = self.http.request(method, format!("{}{path}", self.url));
        let answer = request.header("content-type", "application/json").body("{}").send().await.unwrap();
        (answer.status(), answer.json().await.unwrap_or_default())
    }
}

/// The named parts of a description, by where they stand.
fn parts(description: &Value) -> BTreeSet<(String, String)> {
    let mut parts = BTreeSet::new();
    for place in ["/paths", "/components/schemas", "/components/securitySchemes"] {
        let named = description.pointer(place).and_then(Value::as_object).into_iter().flatten();
        parts.extend(named.map(|(name, part)| (format!("{place} {name}"), part.to_string())));
    }
    parts
}

#[tokio::test]
async fn the_committed_description_is_the_served_one() {
    let served = Amphi::start().await.description().await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    if std::env::var_os("AMPHI_BLESS").is_some() {
        std::fs::write(&path, format!("{served:#}\n")).unwrap();
    }
    let committed: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let (now, then) = (parts(&served), parts(&committed));
    let differing: BTreeSet<_> = now.symmetric_difference(&then).map(|(place, _)| place).collect();
    assert!(
        served == committed,
        "docs/openapi.json is not what is served; AMPHI_BLESS=1 cargo test -p amphi --test openapi writes it anew. \
         What differs: {differing:#?}"
    );
}

#[tokio::test]
async fn every_operation_is_in_the_access_table_and_only_two_are_open() {
    let amphi = Amphi::start().await;
    let description = amphi.description().await;
    let paths = description["paths"].as_object().unwrap();
    let mut open = BTreeSet::new();
    for (path, item) in paths {
        for method in METHODS.into_iter().filter(|method| item.get(method).is_some()) {
            let operation = format!("{} {path}", method.to_uppercase());
            let (status, problem) = amphi.call(method, path).await;
            // "route-closed" is the answer for a route, 405 for a method, that the table lacks.
            assert_ne!(problem["code"], "route-closed", "{operation}");
            assert_ne!(status, StatusCode::METHOD_NOT_ALLOWED, "{operation}");
            assert_ne!(problem["code"], "not-found", "{operation} is described and not served");
            if problem["code"] != "not-signed-in" {
                open.insert(operation);
            }
        }
    }
    assert!(paths.len() > 20, "read nothing to check");
    assert_eq!(open, OPEN.map(str::to_owned).into());
}
