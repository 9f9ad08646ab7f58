//! The overview and the API's list over a long history. The history is made by the program itself: jobs are submitted
//! while the testbed is full, then cancelled.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, ensure};
use tokio::task::JoinSet;

use crate::Effort;
use crate::accept::{CLIENTS, JOB, fill_testbed};
use crate::figures::{Latencies, Spread};
use crate::http::{Client, api, request};
use crate::server::Server;

pub(crate) async fn measure(effort: &Effort) -> anyhow::Result<()> {
    let server = Server::start()?;
    let token = server.token()?;
    fill_testbed(server.address(), &token).await?;
    fill_history(server.address(), &token, effort.history).await?;
    let mut client = Client::connect(server.address()).await?;
    let cookie = sign_in(&mut client, server.password()?).await?;
    // As browsers ask: a page is compressed, and that takes time too.
    let browser = format!("cookie: {cookie}\r\naccept: text/html\r\naccept-encoding: gzip\r\n");
    let reads = [
        ("overview page", request("GET", "/lab", &browser, ""), ["", "<= 10"]),
        ("overview page, search for a word", request("GET", "/lab?q=nothing-like-it", &browser, ""), ["", ""]),
        ("API: GET /jobs", api("GET", "/api/v1/jobs", &token, ""), ["", ""]),
        ("beside it: round trip to /health", request("GET", "/health", "", ""), ["", ""]),
    ];
    let mut spreads = reads.each_ref().map(|_| Spread::of(&[50, 95]));
    for _ in 0..effort.rounds {
        let mut rounds = reads.each_ref().map(|_| Latencies::default());
        for _ in 0..effort.reads {
            for ((_, read, _), round) in reads.iter().zip(&mut rounds) {
                let began = Instant::now();
                client.expect(200, read).await?;
                round.push(began.elapsed());
            }
        }
        spreads.iter_mut().zip(rounds).for_each(|(spread, round)| spread.push(round));
    }
    for ((what, _, targets), spread) in reads.iter().zip(&spreads) {
        spread.lines(&format!("{} jobs: {what}", effort.history), targets);
    }
    Ok(())
}

/// Submits and cancels this many jobs.
async fn fill_history(address: SocketAddr, token: &str, jobs: usize) -> anyhow::Result<()> {
    let made = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..CLIENTS {
        let (made, token) = (made.clone(), token.to_owned());
        tasks.spawn(async move {
            let submit = api("POST", "/api/v1/jobs", &token, JOB);
            let mut client = Client::connect(address).await?;
            while made.fetch_add(1, Ordering::Relaxed) < jobs {
                let answer = client.expect(202, &submit).await?;
                let location = answer.header("location").context("the answer has no Location")?;
                client.expect(202, &api("POST", &format!("{location}/cancel"), &token, "")).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.context("a client failed")??;
    }
    Ok(())
}

/// Signs the admin in; returns the cookie to send.
async fn sign_in(client: &mut Client, password: &str) -> anyhow::Result<String> {
    let form = format!("login=admin&password={password}");
    let headers = "content-type: application/x-www-form-urlencoded\r\n";
    let answer = client.send(&request("POST", "/sign-in", headers, &form)).await?;
    ensure!(answer.status == 303, "signing in gave {}", answer.status);
    let cookie = answer.header("set-cookie").context("signing in set no cookie")?;
    Ok(cookie.split(';').next().unwrap_or_default().to_owned())
}
