//! How many submissions a second are taken in durably from 64 REST clients, in turns with requests that touch no
//! database. Dispatch stays out of it: the testbed's only place is taken by a long run.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::task::JoinSet;

use crate::Effort;
use crate::figures::{Latencies, Rounds, Spread, line};
use crate::http::{Client, api, request};
use crate::process::{cpu_time, tree};
use crate::server::Server;

/// Clients at the same time, each with a connection of its own and one request under way.
pub(crate) const CLIENTS: usize = 64;
pub(crate) const JOB: &str = r#"{"tool":"ping","args":["-c","1","127.0.0.1"]}"#;
/// The one run that the testbed has room for; it lasts longer than the rounds.
const LONG_JOB: &str = r#"{"tool":"ping","args":["-c","50","127.0.0.1"]}"#;

pub(crate) async fn measure(effort: &Effort) -> anyhow::Result<()> {
    let server = Server::start()?;
    let token = server.token()?;
    fill_testbed(server.address(), &token).await?;
    let submit = api("POST", "/api/v1/jobs", &token, JOB);
    let health = request("GET", "/health", "", "");
    let pids = tree(server.pid())?;
    let [mut accepted, mut plain, mut of_client, mut of_server] = [const { Rounds::new() }; 4];
    let mut latency = Spread::of(&[50, 99]);
    for _ in 0..effort.rounds {
        let before = [cpu_time(&[std::process::id()])?, cpu_time(&pids)?];
        let round = flood(server.address(), &submit, 202, effort.accept).await?;
        let after = [cpu_time(&[std::process::id()])?, cpu_time(&pids)?];
        let [client, control] =
            [0, 1].map(|i| after[i].saturating_sub(before[i]).as_secs_f64() / round.elapsed.as_secs_f64() * 100.0);
        accepted.push(round.rate());
        of_client.push(client);
        of_server.push(control);
        latency.push(round.latencies);
        plain.push(flood(server.address(), &health, 200, effort.accept / 2).await?.rate());
    }
    line("accept: durable submissions, 64 clients", &accepted, "1/s", ">= 5000");
    latency.lines("  each of them", &[]);
    line("  the program's processor time, of one core", &of_server, "%", "");
    line("  this client's processor time, of one core", &of_client, "%", "");
    line("  beside it: requests to /health, 64 clients", &plain, "1/s", "");
    Ok(())
}

/// Caps the testbed at one run and starts that.
pub(crate) async fn fill_testbed(address: SocketAddr, token: &str) -> anyhow::Result<()> {
    let mut client = Client::connect(address).await?;
    client.expect(200, &api("PUT", "/api/v1/policy", token, r#"{"in_flight_max":1}"#)).await?;
    let answer = client.expect(202, &api("POST", "/api/v1/jobs", token, LONG_JOB)).await?;
    let location = answer.header("location").context("the answer has no Location")?.to_owned();
    let mut watcher = Client::connect(address).await?;
    watcher.stream_open(&api("GET", &format!("{location}/live"), token, "")).await?;
    watcher.stream_until("event: output\n").await
}

struct Round {
    latencies: Latencies,
    requests: usize,
    elapsed: Duration,
}

impl Round {
    fn rate(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }
}

/// All clients send the request again and again for this long.
async fn flood(address: SocketAddr, request: &[u8], status: u16, length: Duration) -> anyhow::Result<Round> {
    let mut clients = Vec::with_capacity(CLIENTS);
    for _ in 0..CLIENTS {
        clients.push(Client::connect(address).await?);
    }
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for mut client in clients {
        let request = request.to_owned();
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            while began.elapsed() < length {
                let sent = Instant::now();
                client.expect(status, &request).await?;
                latencies.push(sent.elapsed());
            }
            anyhow::Ok(latencies)
        });
    }
    let (mut all, mut requests) = (Latencies::default(), 0);
    while let Some(latencies) = tasks.join_next().await {
        for latency in latencies.context("a client failed")?? {
            all.push(latency);
            requests += 1;
        }
    }
    Ok(Round { latencies: all, requests, elapsed: began.elapsed() })
}
