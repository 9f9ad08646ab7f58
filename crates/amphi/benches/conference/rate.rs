//! How many calls a second one processor answers; the callers and the conference servers have the other one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::Context;
use futures::future::try_join_all;
use testkit::conference::{Conference, ConferencePlan};

use crate::Effort;
use crate::figures::{Rounds, line};
use crate::http::Client;
use crate::site::Site;

/// Connections that call at the same time.
const CALLERS: usize = 32;

pub(crate) async fn measure(effort: &Effort) -> anyhow::Result<()> {
    let site = Arc::new(Site::start(true).await?);
    let mut conferences = Vec::new();
    for _ in 0..3 {
        let conference = Conference::start(ConferencePlan::default()).await.context("starting a conference server")?;
        site.server_add(&conference.url(), conference.secret()).await?;
        conferences.push(conference);
    }
    let (mut joins, mut creates) = (Rounds::new(), Rounds::new());
    let mut client = Client::connect(site.address()).await?;
    for round in 0..effort.rounds {
        client.expect(200, &site.call("create", "meetingID=class&name=Class")).await?;
        let join = |n: usize| site.call("join", &format!("meetingID=class&fullName=Ada+{n}&role=VIEWER"));
        joins.push(counted(effort, &site, 302, join).await?);
        let create = |n: usize| site.call("create", &format!("meetingID=m-{round}-{n}&name=Class"));
        creates.push(counted(effort, &site, 200, create).await?);
        conferences.iter().for_each(Conference::forget_all);
    }
    line("joins on one processor", &joins, "1/s", "≥5000");
    line("creates on one processor, durable", &creates, "1/s", "≥500");
    Ok(())
}

/// Calls a second, of what `call` makes for each number.
async fn counted(effort: &Effort, site: &Site, status: u16, call: impl Fn(usize) -> Vec<u8>) -> anyhow::Result<f64> {
    let (began, next) = (Instant::now(), AtomicUsize::new(0));
    let caller = async || -> anyhow::Result<()> {
        let mut client = Client::connect(site.address()).await?;
        while began.elapsed() < effort.rate {
            let request = call(next.fetch_add(1, Ordering::Relaxed));
            client.expect(status, &request).await?;
        }
        Ok(())
    };
    try_join_all((0..CALLERS).map(|_| caller())).await?;
    Ok(next.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64())
}
