//! A control plane and some agents, each a process, in a directory of their own.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::amphi::{Agent, AgentPlan, Scratch, Serve};

use crate::api::Api;

/// The program under test.
pub(crate) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_amphi"))
}

/// Far more than anything here takes on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

pub(crate) const NAMES: [&str; 3] = ["node-a", "node-b", "node-c"];

/// Looks until there is something to see; fails with `what` was wanted.
pub(crate) async fn until<T>(what: &str, limit: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Kept in this order, so that the processes end before their directory goes.
pub(crate) struct Site {
    pub(crate) agents: Vec<Agent>,
    pub(crate) serve: Serve,
    pub(crate) api: Api,
    pub(crate) scratch: Scratch,
}

impl Site {
    /// With as many agents, of four slots each, connected and equipped.
    pub(crate) async fn start(agents: usize) -> Self {
        let scratch = Scratch::new().unwrap();
        let serve = Serve::start(program(), &scratch.path().join("control")).await.unwrap();
        Self::with_serve(scratch, serve, agents).await
    }

    pub(crate) async fn with_serve(scratch: Scratch, serve: Serve, agents: usize) -> Self {
        let api = Api::new(&serve.url(), serve.token().unwrap());
        let mut site = Self { agents: Vec::new(), serve, api, scratch };
        for name in &NAMES[..agents] {
            site.join(name, &site.serve.url()).await;
        }
        for name in &NAMES[..agents] {
            site.is_up(name).await;
        }
        site
    }

    /// Starts an agent that reaches the control plane at `url`.
    pub(crate) async fn join(&mut self, name: &str, url: &str) {
        let token = self.api.node_token().await.unwrap();
        let plan = AgentPlan { join: url.to_owned(), token: Some(token), name, slots: 4, path: None, more: Vec::new() };
        self.agents.push(Agent::start(program(), &self.scratch.path().join(name), &plan).unwrap());
    }

    /// Waits until a node takes runs.
    pub(crate) async fn is_up(&self, name: &str) {
        is_up(&self.api, name, "ping").await;
    }

    /// The agent of a node.
    pub(crate) fn agent(&mut self, name: &str) -> &mut Agent {
        let place = NAMES.iter().position(|known| *known == name).expect("one of the names");
        &mut self.agents[place]
    }

    /// Submits `ping` with these packets, one each 200 ms.
    pub(crate) async fn ping(&self, key: &str, packets: u32) -> String {
        self.api.submit(key, &ping(packets)).await.unwrap()
    }

    /// Waits until a job runs and has printed at least `lines` lines; the job.
    pub(crate) async fn prints(&self, id: &str, lines: usize) -> Value {
        until(&format!("job {id} runs and prints"), LIMIT, async || {
            let job = self.api.job(id).await.ok()?;
            let output = self.api.output(id, job["attempt"].as_u64()?).await.ok()?;
            (job["status"] == "running" && output.lines().count() >= lines).then_some(job)
        })
        .await
    }

    /// Waits for the end of a job; the job.
    pub(crate) async fn ends(&self, id: &str) -> Value {
        until(&format!("job {id} ends"), LIMIT, async || {
            let job = self.api.job(id).await.ok()?;
            is_over(&job).then_some(job)
        })
        .await
    }
}

/// Waits until a node takes runs and has a tool or language; the node.
pub(crate) async fn is_up(api: &Api, name: &str, tool: &str) -> Value {
    until(&format!("{name} is up and has {tool}"), LIMIT, async || {
        let nodes = api.nodes().await.ok()?;
        let node = nodes.into_iter().find(|node| node["name"] == name)?;
        let has_tool = node["tools"].as_array()?.iter().any(|found| found["name"] == tool);
        (node["health"] == "up" && has_tool).then_some(node)
    })
    .await
}

/// A submission's body.
pub(crate) fn ping(packets: u32) -> Value {
    json!({ "tool": "ping", "args": ["-c", packets.to_string(), "-i", "0.2", "127.0.0.1"] })
}

pub(crate) fn is_over(job: &Value) -> bool {
    matches!(job["status"].as_str(), Some("completed" | "error" | "cancelled"))
}

/// Says what is missing or repeated in what ping printed; a ping that was cut off has no statistics.
pub(crate) fn ping_fault(output: &str, packets: u32, is_whole: bool) -> Option<String> {
    for number in 1..=packets {
        let count = output.matches(&format!("icmp_seq={number} ")).count();
        if count > 1 || (is_whole && count == 0) {
            return Some(format!("packet {number} is there {count} times"));
        }
    }
    let statistics = output.matches("packets transmitted").count();
    let heads = output.matches("PING 127.0.0.1").count();
    if is_whole && (heads, statistics) != (1, 1) {
        return Some(format!("{heads} heads and {statistics} statistics"));
    }
    None
}

/// Asserts that a job ended well in its first attempt, with its whole output.
pub(crate) async fn assert_whole_at_once(site: &Site, id: &str, packets: u32) {
    let job = site.ends(id).await;
    assert_eq!(
        (&job["status"], &job["exit_code"], &job["attempt"]),
        (&json!("completed"), &json!(0), &json!(1)),
        "{job:#}"
    );
    assert_eq!(job["attempts"].as_array().map(Vec::len), Some(1), "{job:#}");
    let output = site.api.output(id, 1).await.unwrap();
    assert_eq!(ping_fault(&output, packets, true), None, "{output}");
}
