//! Fifty kills of agents and of the control plane while clients submit and watch. What was acknowledged is done once,
//! and what was seen stays true.

mod book;
mod verdict;

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::site::{NAMES, Site, ping, until};
use book::Book;

const KILLS: u32 = 50;
/// Pause between two kills, ms.
const KILL_PAUSE: std::ops::Range<u64> = 500..2_300;
/// One kill in so many is the control plane's.
const CONTROL_SHARE: u32 = 4;
const SUBMITTERS: u64 = 2;
/// Pause between two submissions of one client, ms.
const SUBMIT_PAUSE: std::ops::Range<u64> = 40..240;
/// A lost lease, three attempts, and a queue that empties on a busy machine.
const CONVERGE_LIMIT: Duration = Duration::from_secs(75);

#[tokio::test]
async fn accepted_runs_survive_fifty_kills() {
    let seed = std::env::var("AMPHI_TEST_SEED").ok().map_or_else(rand::random, |seed| seed.parse().unwrap());
    println!("AMPHI_TEST_SEED={seed}");
    let mut site = Site::start(NAMES.len()).await;
    let book = Arc::new(Book::default());
    let stop = CancellationToken::new();
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..SUBMITTERS {
        let rng = StdRng::seed_from_u64(seed ^ (number + 1));
        clients.spawn(submit(site.api.clone(), book.clone(), rng, number, stop.clone()));
        let rng = StdRng::seed_from_u64(seed ^ (number + 101));
        clients.spawn(watch(site.api.clone(), book.clone(), rng, stop.clone()));
    }

    let control_kills = kill_fifty_times(&mut site, StdRng::seed_from_u64(seed)).await;
    site.serve.ready().await.unwrap();
    stop.cancel();
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }

    let jobs = converge(&site).await;
    let verdict = verdict::judge(&site.api, &book, jobs).await;
    println!("{KILLS} kills, {control_kills} of them of the control plane; {verdict}");
    assert!(control_kills > 0 && control_kills < KILLS, "both kinds are killed");
    assert!(verdict.again > 0, "no run was hit by any kill: this proves nothing");
    assert!(verdict.faults.is_empty(), "seed {seed}:\n{}", verdict.faults.join("\n"));
}

/// Returns how often it was the control plane.
async fn kill_fifty_times(site: &mut Site, mut rng: StdRng) -> u32 {
    let mut control_kills = 0;
    for _ in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(rng.random_range(KILL_PAUSE))).await;
        let victim = rng.random_range(0..NAMES.len());
        if rng.random_range(0..CONTROL_SHARE) == 0 {
            control_kills += 1;
            site.serve.kill_and_restart().await.unwrap();
        } else {
            site.agents[victim].kill_and_restart().await.unwrap();
        }
    }
    control_kills
}

/// Submits one job after the other, each until it is acknowledged or refused for good.
async fn submit(api: Api, book: Arc<Book>, mut rng: StdRng, number: u64, stop: CancellationToken) {
    for count in 0.. {
        let key = format!("{number}-{count}");
        let packets = if rng.random_bool(0.4) { 5 } else { 1 };
        let mut body = ping(packets);
        body["name"] = json!(key);
        if rng.random_bool(0.15) {
            body["node"] = json!(NAMES[rng.random_range(0..NAMES.len())]);
        }
        let id = loop {
            match api.submit(&key, &body).await {
                Ok(id) => break Some(id),
                Err(trouble) if trouble.is_passing() => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(refused) => {
                    book.refused(&key, format!("{refused:?}"));
                    break None;
                }
            }
        };
        if let Some(id) = id {
            // A client that never saw the answer asks again.
            if rng.random_bool(0.1)
                && let Ok(again) = api.submit(&key, &body).await
                && again != id
            {
                book.fault(format!("{key}: acknowledged as {id}, then as {again}"));
            }
            book.acknowledged(key, id, packets);
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_millis(rng.random_range(SUBMIT_PAUSE))) => {}
        }
    }
}

/// Looks at acknowledged jobs, live or at rest, and writes down what it was shown.
async fn watch(api: Api, book: Arc<Book>, mut rng: StdRng, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let recent = rng.random_range(0..12);
        let Some(id) = book.recent(recent) else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let looked =
            if rng.random_bool(0.5) { book.look(&api, &id).await } else { book.follow(&api, &id, &stop).await };
        if looked.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Waits until every job is over; the jobs.
async fn converge(site: &Site) -> Vec<serde_json::Value> {
    let mut open = Vec::new();
    let deadline = tokio::time::Instant::now() + CONVERGE_LIMIT;
    let jobs = until("every job is over", CONVERGE_LIMIT * 2, async || {
        let jobs = site.api.jobs().await.ok()?;
        open = jobs.iter().filter(|job| !crate::site::is_over(job)).map(ToString::to_string).collect();
        (open.is_empty() || tokio::time::Instant::now() > deadline).then_some(jobs)
    })
    .await;
    assert!(open.is_empty(), "after {CONVERGE_LIMIT:?} these still are not over:\n{}", open.join("\n"));
    jobs
}
