//! How long a caller waits, beside the same call to the server itself.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, ensure};
use testkit::conference::{Conference, ConferencePlan};

use crate::Effort;
use crate::figures::{Latencies, Spread};
use crate::http::Client;
use crate::site::{Site, signed};

pub(crate) async fn measure(effort: &Effort) -> anyhow::Result<()> {
    let site = Site::start(false).await?;
    let mut conferences = Vec::new();
    for _ in 0..3 {
        let conference = Conference::start(ConferencePlan::default()).await.context("starting a conference server")?;
        site.server_add(&conference.url(), conference.secret()).await?;
        conferences.push(conference);
    }
    let first = &conferences[0];
    let address: SocketAddr = first.url().split('/').nth(2).context("an address")?.parse().context("an address")?;
    let mut plain = Client::connect(address).await?;
    let mut client = Client::connect(site.address()).await?;
    const FIGURES: [(&str, &str); 4] =
        [("create at a server itself", ""), ("create", "+2"), ("join", "≤2"), ("isMeetingRunning", "≤1")];
    let mut figures = FIGURES.map(|_| Spread::of(&[50, 99]));
    for round in 0..effort.rounds {
        let mut taken: [Latencies; 4] = Default::default();
        for n in 0..effort.calls {
            let name = format!("meetingID=m-{round}-{n}&name=Class");
            let one = signed(first.secret(), "create", &format!("meetingID=p-{round}-{n}&name=Class"));
            taken[0].push(timed(&mut plain, &one, 200).await?);
            taken[1].push(timed(&mut client, &site.call("create", &name), 200).await?);
            let join = format!("meetingID=m-{round}-{n}&fullName=Ada&role=VIEWER");
            taken[2].push(timed(&mut client, &site.call("join", &join), 302).await?);
        }
        // One with somebody in it, which the next poll shows.
        let running = conferences.iter().flat_map(|conference| {
            conference
                .meetings()
                .into_iter()
                .filter(|meeting| meeting.meeting_id.starts_with("m-"))
                .map(move |m| (conference, m))
        });
        let (conference, meeting) = running.last().context("no meeting")?;
        conference.attend(&meeting.meeting_id, "Ada", true, true, false).context("nobody came")?;
        tokio::time::sleep(std::time::Duration::from_secs(6)).await;
        let asked = site.call("isMeetingRunning", &format!("meetingID={}", meeting.meeting_id));
        for _ in 0..effort.calls {
            taken[3].push(timed(&mut client, &asked, 200).await?);
        }
        let seen = conference.calls();
        ensure!(seen.iter().all(|call| call.name != "isMeetingRunning"), "a server was asked");
        conferences.iter().for_each(Conference::forget_all);
        taken.into_iter().zip(&mut figures).for_each(|(taken, figure)| figure.push(taken));
    }
    for (figure, (what, target)) in figures.iter().zip(FIGURES) {
        figure.lines(what, &[target, ""]);
    }
    Ok(())
}

async fn timed(client: &mut Client, request: &[u8], status: u16) -> anyhow::Result<std::time::Duration> {
    let began = Instant::now();
    client.expect(status, request).await?;
    Ok(began.elapsed())
}
