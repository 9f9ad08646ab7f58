//! `amphi serve` of the release build with agents, and a client for its API.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use serde_json::{Value, json};
use testkit::amphi::{Agent, AgentPlan, Scratch, Serve};
use testkit::sim::{Plan, SimAgent, Tally};

use crate::http::{Answer, Client, api, request};

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_amphi");

/// A control plane whose policy holds nothing back.
pub(crate) struct Plane {
    serve: Serve,
    scratch: Scratch,
    token: String,
    client: Client,
    /// Simulated agents so far.
    simulated: u32,
}

impl Plane {
    /// Starts it in a directory of its own.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let scratch = Scratch::new().context("making a directory")?;
        let serve = Serve::start(Path::new(PROGRAM), &scratch.path().join("plane")).await.context("starting serve")?;
        let token = serve.token().context("reading the token")?;
        let client = Client::connect(serve.address()).await?;
        let mut plane = Self { serve, scratch, token, client, simulated: 0 };
        plane.policy(json!({})).await?;
        Ok(plane)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.serve.address()
    }

    /// The certificate of its authority.
    pub(crate) fn ca_pem(&self) -> anyhow::Result<String> {
        let path = self.scratch.path().join("plane/ca.pem");
        std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.serve.pid()
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// kill -9, up again, and the connection anew. Returns once it is ready.
    pub(crate) async fn restart(&mut self) -> anyhow::Result<()> {
        self.serve.kill_and_restart().await.context("restarting serve")?;
        self.serve.ready().await.context("starting serve again")?;
        self.client = Client::connect(self.serve.address()).await?;
        Ok(())
    }

    /// Sets the policy to one that holds nothing back, but for what `change` says.
    pub(crate) async fn policy(&mut self, change: Value) -> anyhow::Result<()> {
        let mut policy = json!({ "in_flight_max": 1_000_000, "starts_per_minute_max": 10_000_000,
            "waiting_max_s": 604_800 });
        if let (Some(policy), Some(change)) = (policy.as_object_mut(), change.as_object()) {
            policy.extend(change.clone());
        }
        self.call("PUT", "/api/v1/policy", 200, &policy.to_string()).await.map(drop)
    }

    /// One call with its JSON answer.
    pub(crate) async fn call(&mut self, method: &str, path: &str, status: u16, body: &str) -> anyhow::Result<Value> {
        let answer = self.client.expect(status, &api(method, path, &self.token, body)).await?;
        if answer.body.is_empty() {
            return Ok(Value::Null);
        }
        json_of(&answer).with_context(|| format!("reading the answer to {method} {path}"))
    }

    /// Stops it, lets `work` have the URL of its database, and starts it again.
    pub(crate) async fn away<F: Future<Output = anyhow::Result<()>>>(
        self,
        work: impl FnOnce(String) -> F,
    ) -> anyhow::Result<Self> {
        let Self { serve, scratch, token, client, simulated } = self;
        let dir = scratch.path().join("plane");
        drop((serve, client));
        work(format!("sqlite:{}", dir.join("amphi.db").display())).await?;
        let serve = Serve::start(Path::new(PROGRAM), &dir).await.context("starting serve again")?;
        let client = Client::connect(serve.address()).await?;
        Ok(Self { serve, scratch, token, client, simulated })
    }

    async fn join_token(&mut self) -> anyhow::Result<String> {
        let made = self.call("POST", "/api/v1/node-tokens", 201, "{}").await?;
        made["token"].as_str().map(str::to_owned).context("the answer has no token")
    }

    /// Connects simulated agents, beside those there are.
    pub(crate) async fn simulate(&mut self, agents: u32, slots: u32) -> anyhow::Result<(Vec<SimAgent>, Arc<Tally>)> {
        let ca_pem = self.ca_pem()?;
        let tally = Arc::new(Tally::default());
        let mut joined = Vec::new();
        for _ in 0..agents {
            let token = self.join_token().await?;
            let name = format!("sim-{}", self.simulated);
            self.simulated += 1;
            let plan = Plan { name, slots, tools: vec!["ping".to_owned()], output: Vec::new() };
            joined.push(SimAgent::join(self.address(), &ca_pem, &token, plan, tally.clone()).await?);
        }
        self.nodes_up(self.simulated).await?;
        Ok((joined, tally))
    }

    /// Starts a real agent in whose PATH `ping` is another program.
    pub(crate) async fn agent(&mut self, slots: u32, ping: &Path) -> anyhow::Result<Agent> {
        let tools = self.scratch.path().join("tools");
        std::fs::create_dir_all(&tools).context("making a directory")?;
        std::os::unix::fs::symlink(ping, tools.join("ping")).context("linking a program")?;
        let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap_or_default());
        let token = Some(self.join_token().await?);
        let join = format!("https://{}", self.address());
        let plan = AgentPlan { join, token, name: "real", slots, path: Some(path), more: Vec::new() };
        let agent = Agent::start(Path::new(PROGRAM), &self.scratch.path().join("agent"), &plan);
        let agent = agent.context("starting an agent")?;
        self.nodes_up(1).await?;
        Ok(agent)
    }

    /// An API token of a new learner.
    pub(crate) async fn learner(&mut self) -> anyhow::Result<String> {
        let account = json!({ "login": "ada", "name": "ada", "role": "learner", "password": "correct horse battery" });
        self.call("POST", "/api/v1/accounts", 201, &account.to_string()).await?;
        let sign_in = json!({ "login": "ada", "password": "correct horse battery" }).to_string();
        let json = "content-type: application/json\r\n";
        let answer = self.client.expect(201, &request("POST", "/api/v1/sessions", json, &sign_in)).await?;
        let cookie = answer.header("set-cookie").and_then(|cookie| cookie.split(';').next()).context("no cookie")?;
        let session: Value = serde_json::from_slice(&answer.body).context("reading the session")?;
        let csrf = session["csrf"].as_str().context("the session has no csrf")?;
        let headers = format!("{json}cookie: {cookie}\r\nx-csrf-token: {csrf}\r\n");
        let answer =
            self.client.expect(201, &request("POST", "/api/v1/tokens", &headers, r#"{"name":"bench"}"#)).await?;
        let made: Value = serde_json::from_slice(&answer.body).context("reading the token")?;
        made["token"].as_str().map(str::to_owned).context("the answer has no token")
    }

    async fn nodes_up(&mut self, count: u32) -> anyhow::Result<()> {
        for _ in 0..600 {
            let nodes = self.call("GET", "/api/v1/nodes", 200, "").await?;
            let nodes = nodes["items"].as_array().map(Vec::as_slice).unwrap_or_default();
            let is_ready = |node: &&Value| node["tools"].as_array().is_some_and(|tools| !tools.is_empty());
            if nodes.iter().filter(is_ready).count() >= count as usize {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        anyhow::bail!("the agents did not come up")
    }
}

/// An answer's JSON.
pub(crate) fn json_of(answer: &Answer) -> anyhow::Result<Value> {
    let is_chunked = answer.header("transfer-encoding").is_some();
    let body = if is_chunked { unchunked(&answer.body) } else { answer.body.clone() };
    serde_json::from_slice(&body).context("reading JSON")
}

/// A body sent in chunks, as one.
fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|pair| pair == b"\r\n") {
        let length = std::str::from_utf8(&body[..end]).ok().and_then(|hex| usize::from_str_radix(hex, 16).ok());
        let (Some(length @ 1..), start) = (length, end + 2) else { break };
        whole.extend_from_slice(&body[start..start + length]);
        body = &body[start + length + 2..];
    }
    whole
}
