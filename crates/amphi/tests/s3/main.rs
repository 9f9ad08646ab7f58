//! S3's face through the programs that people use: boto3, awscli and s3cmd from PyPI, unchanged, against `amphi up`.
#![expect(clippy::unwrap_used, reason = "clippy knows tests by their attribute; the program they use is none")]

mod buckets;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Far more than a start or a program takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(300);
const BUCKET: &str = "bucket-under-test";

/// Everything on this machine, with the stores that `up` offers; it ends when this is dropped.
struct Amphi {
    url: String,
    token: String,
    http: Client,
    dir: TempDir,
    _process: Child,
}

/// A key for S3.
struct Key {
    id: String,
    secret: String,
}

impl Amphi {
    async fn start() -> Self {
        // Fails only when another test was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let mut process = Command::new(env!("CARGO_BIN_EXE_amphi"))
            .args(["up", "--listen", "127.0.0.1:0", "--dir"])
            .arg(&data)
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
        let token = std::fs::read_to_string(data.join("admin.token")).unwrap().trim().to_owned();
        let http = Client::builder().timeout(DEADLINE).build().unwrap();
        let amphi = Self { url, token, http, dir, _process: process };
        amphi.volume_make().await;
        amphi
    }

    async fn call(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = self.http.post(format!("{}/api/v1/{path}", self.url));
        let answer = request.bearer_auth(&self.token).json(body).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap_or_default())
    }

    /// A volume with an export of that name, as soon as there are stores enough.
    async fn volume_make(&self) {
        let made = async {
            loop {
                let (status, answer) = self.call("volumes", &json!({ "name": BUCKET, "layout": 1 })).await;
                match status {
                    StatusCode::CREATED => return,
                    _ if answer["code"] == "too-few-stores" => tokio::time::sleep(Duration::from_millis(200)).await,
                    _ => panic!("{status}: {answer}"),
                }
            }
        };
        tokio::time::timeout(DEADLINE, made).await.expect("there are stores in time");
    }

    /// A key of the admin, or of whom these headers sign in.
    async fn key(&self, headers: &[(&str, &str)]) -> Key {
        let mut request = self.http.post(format!("{}/api/v1/s3-keys", self.url)).json(&json!({ "name": "test" }));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let made: Value = request.send().await.unwrap().json().await.unwrap();
        let text = |name: &str| made[name].as_str().unwrap_or_else(|| panic!("no {name} in {made}")).to_owned();
        Key { id: text("id"), secret: text("secret") }
    }

    async fn key_of_admin(&self) -> Key {
        self.key(&[("authorization", &format!("Bearer {}", self.token))]).await
    }

    /// A key of somebody who may see nothing of the admin's.
    async fn key_of_learner(&self) -> Key {
        let (login, password) = ("ada", "correct horse battery");
        let new = json!({ "login": login, "name": "Ada", "role": "learner", "password": password });
        let (status, made) = self.call("accounts", &new).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        let sign_in = json!({ "login": login, "password": password });
        let answer = self.http.post(format!("{}/api/v1/sessions", self.url)).json(&sign_in).send().await.unwrap();
        let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let session: Value = answer.json().await.unwrap();
        self.key(&[("cookie", &cookie), ("x-csrf-token", session["csrf"].as_str().unwrap())]).await
    }

    fn command(&self, program: &Path, key: &Key) -> Command {
        let mut command = Command::new(program);
        command
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_ACCESS_KEY_ID", &key.id)
            .env("AWS_SECRET_ACCESS_KEY", &key.secret)
            .env("BUCKET", BUCKET)
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

/// The folder with the programs; `None`: they can't be had here.
async fn programs() -> Option<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/s3-clients");
    let output = Command::new(script).output().await.unwrap();
    if !output.status.success() {
        println!("skipped: boto3, awscli, s3cmd and moto could not be installed from PyPI");
        return None;
    }
    Some(PathBuf::from(String::from_utf8(output.stdout).unwrap().trim()))
}

/// Runs to the end; what it printed is shown when it failed.
async fn run(mut command: Command) {
    let output = tokio::time::timeout(DEADLINE, command.output()).await.expect("it ends in time").unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
}

fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/s3").join(name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn boto3_does_all_it_can_and_is_told_what_it_can_not() {
    let Some(programs) = programs().await else { return };
    let amphi = Amphi::start().await;
    let (key, other) = (amphi.key_of_admin().await, amphi.key_of_learner().await);
    let mut command = amphi.command(&programs.join("python"), &key);
    command.arg(beside("boto.py")).env("OTHER_KEY", &other.id).env("OTHER_SECRET", &other.secret);
    run(command).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn awscli_and_s3cmd_work_unchanged() {
    let Some(programs) = programs().await else { return };
    let amphi = Amphi::start().await;
    let scratch = amphi.dir.path().join("scratch");
    std::fs::create_dir(&scratch).unwrap();
    let key = amphi.key_of_admin().await;
    let mut command = amphi.command(&beside("programs.sh"), &key);
    command.arg(&programs).arg(amphi.url.trim_start_matches("http://")).arg(&scratch);
    run(command).await;
}
