//! A volume whose stores are buckets: real agents, and moto's server as four providers, each of which can refuse.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use testkit::amphi::{Agent, AgentPlan, Scratch, Serve, free_address};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::{DEADLINE, programs};

/// One more than a stripe of layout 0 has units, so that a rebuild has somewhere to go.
const PROVIDERS: usize = 4;
const VOLUME: &str = "far";
const CREDENTIALS: &str = "[default]\naws_access_key_id = reader\naws_secret_access_key = hush\n";

/// A service with a bucket; it ends when this is dropped.
struct Provider {
    port: u16,
    server: Option<Child>,
    refusing: Option<JoinHandle<()>>,
}

impl Provider {
    async fn start(programs: &Path, log: &Path) -> Self {
        let port = free_address().unwrap().port();
        let log = fs::File::create(log).unwrap();
        let mut command = Command::new(programs.join("moto_server"));
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log).kill_on_drop(true);
        let server = Some(command.spawn().unwrap());
        let http = Client::builder().no_proxy().build().unwrap();
        until("the bucket is made", async || {
            let made = http.put(format!("http://127.0.0.1:{port}/files")).send().await;
            made.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
        Self { port, server, refusing: None }
    }

    fn offer(&self) -> String {
        format!("s3://files/amphi?endpoint=http://127.0.0.1:{}:1G", self.port)
    }

    /// From now on it answers 503 to everything; what it had is gone.
    async fn refuse(&mut self) {
        self.server.take().unwrap().kill().await.unwrap();
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        self.refusing = Some(tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut asked = [0; 65_536];
                    let _bytes = stream.read(&mut asked).await;
                    let body = "<Error><Code>SlowDown</Code><Message>no</Message></Error>";
                    let head = format!(
                        "HTTP/1.1 503 Slow Down\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                        body.len()
                    );
                    let _sent = stream.write_all((head + body).as_bytes()).await;
                });
            }
        }));
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        if let Some(refusing) = &self.refusing {
            refusing.abort();
        }
    }
}

struct Site {
    providers: Vec<Provider>,
    serve: Serve,
    _agents: Vec<Agent>,
    http: Client,
    _scratch: Scratch,
}

impl Site {
    /// A control plane, and two agents that each stand before two providers.
    async fn start(programs: &Path) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let program = Path::new(env!("CARGO_BIN_EXE_amphi"));
        let scratch = Scratch::new().unwrap();
        let at = |name: &str| scratch.path().join(name);
        let mut providers = Vec::new();
        for place in 0..PROVIDERS {
            providers.push(Provider::start(programs, &at(&format!("provider-{place}.log"))).await);
        }
        let serve = Serve::start(program, &at("control")).await.unwrap();
        let http = Client::builder().no_proxy().timeout(DEADLINE).build().unwrap();
        let mut site = Self { providers, serve, _agents: Vec::new(), http, _scratch: scratch };
        site.agents_start(program).await;
        site.until_made().await;
        site
    }

    async fn agents_start(&mut self, program: &Path) {
        let credentials: PathBuf = self._scratch.path().join("credentials");
        fs::write(&credentials, CREDENTIALS).unwrap();
        for (place, pair) in self.providers.chunks(2).enumerate() {
            let mut more = vec!["--store-credentials".to_owned(), credentials.display().to_string()];
            more.extend(pair.iter().flat_map(|provider| ["--store".to_owned(), provider.offer()]));
            more.extend(["--store-listen".to_owned(), "127.0.0.1:0".to_owned()]);
            let (_, token) = self.json(Method::POST, "node-tokens", json!({})).await;
            let token = Some(token["token"].as_str().unwrap().to_owned());
            let name = format!("gateway-{place}");
            // No tools: looking for them would take most of the machine.
            let path = Some("/nowhere".to_owned());
            let plan = AgentPlan { join: self.serve.url(), token, name: &name, slots: 1, path, more };
            self._agents.push(Agent::start(program, &self._scratch.path().join(&name), &plan).unwrap());
        }
    }

    async fn until_made(&self) {
        until("all buckets are offered", async || {
            let (_, stores) = self.json(Method::GET, "stores", Value::Null).await;
            let items = stores["items"].as_array().cloned().unwrap_or_default();
            let is_ready = |store: &&Value| store["kind"] == "bucket" && store["free_bytes"].as_u64() > Some(0);
            items.iter().filter(is_ready).count() == PROVIDERS
        })
        .await;
        let (status, answer) = self.json(Method::POST, "volumes", json!({ "name": VOLUME, "layout": 0 })).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
    }

    async fn send(&self, method: Method, path: &str, kind: &str, body: Bytes) -> (StatusCode, Bytes) {
        let request = self.http.request(method, format!("{}/api/v1/{path}", self.serve.url()));
        let request = request.bearer_auth(self.serve.token().unwrap()).header("content-type", kind).body(body);
        let answer = request.send().await.unwrap();
        (answer.status(), answer.bytes().await.unwrap_or_default())
    }

    async fn json(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let (status, answer) = self.send(method, path, "application/json", body.to_string().into()).await;
        (status, serde_json::from_slice(&answer).unwrap_or_default())
    }

    async fn put(&self, name: &str, data: &Bytes) {
        let path = format!("exports/{VOLUME}/files/{name}");
        let (status, answer) = self.send(Method::PUT, &path, "application/octet-stream", data.clone()).await;
        assert!(status.is_success(), "{name}: {status}: {answer:?}");
    }

    async fn get(&self, name: &str) -> Bytes {
        let path = format!("exports/{VOLUME}/files/{name}");
        let (status, data) = self.send(Method::GET, &path, "text/plain", Bytes::new()).await;
        assert_eq!(status, StatusCode::OK, "{name}: {data:?}");
        data
    }

    /// Waits until of the volume's stripes some are so, and none are otherwise.
    async fn until_health(&self, what: &str, holds: impl Fn(&Value) -> bool) {
        until(what, async || {
            let (_, health) = self.json(Method::GET, "storage/health", Value::Null).await;
            holds(&health["volumes"][0])
        })
        .await;
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds().await {
        assert!(Instant::now() < deadline, "not within {DEADLINE:?}: {what}");
        sleep(Duration::from_millis(100)).await;
    }
}

fn content(bytes: usize) -> Bytes {
    let mut data = vec![0; bytes];
    rand::fill(&mut data[..]);
    data.into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_volume_of_buckets_outlives_two_providers_one_after_the_other() {
    let Some(programs) = programs().await else { return };
    let mut site = Site::start(&programs).await;
    let (large, small) = (content(3_000_001), content(100));
    site.put("large", &large).await;
    site.put("small", &small).await;
    assert_eq!((site.get("large").await, site.get("small").await), (large.clone(), small.clone()));

    site.providers[0].refuse().await;
    assert_eq!((site.get("large").await, site.get("small").await), (large.clone(), small.clone()), "read degraded");
    let has = |health: &Value, what: &str| health[what].as_u64() > Some(0);
    site.until_health("the loss is seen", |health| has(health, "at_risk") || has(health, "degraded")).await;
    let late = content(600_000);
    site.put("late", &late).await;
    let (status, answer) = site.json(Method::POST, &format!("volumes/{VOLUME}/rebuild"), Value::Null).await;
    assert!(status.is_success(), "{status}: {answer}");
    site.until_health("all is rebuilt on the other three", |health| {
        has(health, "healthy") && !["degraded", "at_risk", "lost"].into_iter().any(|what| has(health, what))
    })
    .await;

    site.providers[1].refuse().await;
    assert_eq!((site.get("large").await, site.get("small").await), (large, small), "read from what was rebuilt");
    assert_eq!(site.get("late").await, late);
}
