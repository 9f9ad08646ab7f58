//! kill -9 of control planes, agents and database servers while clients submit, type, cancel and watch. What was
//! acknowledged is done once, and what was seen stays true. Judged by what the clients wrote down.
//!
//! AMPHI_TEST_KILLS says how many kills each engine gets, AMPHI_TEST_SEED which.

mod book;
mod clients;
mod plant;
mod verdict;
mod witness;
mod work;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use testkit::engine::{Mariadb, Postgres};

use crate::site::until;
use book::Book;
use clients::Clients;
use plant::{AGENT, CONTROL, DATABASE, Plant, Victim};

/// About fifty for the three engines together, which run side by side.
const KILLS: u32 = 17;
/// Pause between two kills, ms.
const KILL_PAUSE: std::ops::Range<u64> = 500..2_300;
/// How often a kill hits two at the same time.
const TWO_AT_ONCE: f64 = 0.15;
/// A lost lease, three attempts, and a queue that empties on a busy machine.
const CONVERGE_LIMIT: Duration = Duration::from_secs(150);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_survives_kills_on_sqlite() {
    survive(Plant::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_survives_kills_on_postgres() {
    survive(Plant::on_engine(Postgres::start().await.unwrap()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_survives_kills_on_mariadb() {
    survive(Plant::on_engine(Mariadb::start().await.unwrap()).await).await;
}

fn setting<T: std::str::FromStr<Err: fmt::Debug>>(name: &str) -> Option<T> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

async fn survive(mut plant: Plant) {
    let seed = setting("AMPHI_TEST_SEED").unwrap_or_else(rand::random);
    let kills = setting("AMPHI_TEST_KILLS").unwrap_or(KILLS);
    println!("AMPHI_TEST_SEED={seed} AMPHI_TEST_KILLS={kills}");
    let book = Arc::new(Book::default());
    let mut clients = Clients::start(&plant, &book, seed);

    let tally = kill(&mut plant, kills, StdRng::seed_from_u64(seed)).await;
    plant.is_whole().await;
    clients.stop().await;
    let jobs = converge(&mut plant, &book).await;
    clients.ended().await;

    let verdict = verdict::judge(&plant, &book, jobs).await;
    println!("{tally}; {verdict}");
    println!("ended by themselves: {:?}", plant.ended);
    assert!(plant.kinds().iter().all(|kind| tally.count(kind) > 0), "every kind is killed: {tally}");
    assert!(verdict.again > 0, "no run was hit by any kill: this proves nothing");
    assert!(verdict.faults.is_empty(), "seed {seed}:\n{}", verdict.faults.join("\n"));
}

/// Who was killed, in this order.
struct Tally(Vec<Victim>);

impl Tally {
    fn count(&self, kind: &str) -> usize {
        self.0.iter().filter(|victim| victim.kind() == kind).count()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [AGENT, CONTROL, DATABASE].map(|kind| format!("{} of {kind}", self.count(kind)));
        write!(f, "{} kills ({})", self.0.len(), kinds.join(", "))
    }
}

async fn kill(plant: &mut Plant, kills: u32, mut rng: StdRng) -> Tally {
    let mut order = Vec::new();
    while order.len() < kills as usize {
        order.append(&mut plant.turn(&mut rng));
    }
    order.truncate(kills as usize);
    let mut left = order.as_slice();
    while let [first, ..] = left {
        tokio::time::sleep(Duration::from_millis(rng.random_range(KILL_PAUSE))).await;
        plant.revive();
        let count = if left.len() > 1 && left[1] != *first && rng.random_bool(TWO_AT_ONCE) { 2 } else { 1 };
        let (victims, rest) = left.split_at(count);
        plant.kill(victims).await;
        left = rest;
    }
    Tally(order)
}

/// Waits until every job is over; the jobs.
async fn converge(plant: &mut Plant, book: &Book) -> Vec<Value> {
    let mut open = Vec::new();
    let deadline = tokio::time::Instant::now() + CONVERGE_LIMIT;
    let jobs = until("every job is over", CONVERGE_LIMIT * 2, async || {
        plant.revive();
        let jobs = plant.api.jobs().await.ok()?;
        open = jobs.iter().filter(|job| !crate::site::is_over(job)).map(ToString::to_string).collect();
        (open.is_empty() || tokio::time::Instant::now() > deadline).then_some(jobs)
    })
    .await;
    if !open.is_empty() {
        eprintln!("{}", book.read().faults.join("\n"));
        for job in jobs.iter().filter(|job| !crate::site::is_over(job)) {
            let id = job["id"].as_str().unwrap();
            eprintln!("{id}: {:?}; {:?}", plant.api.output(id, book::attempt_of(job)).await, book.read().said.get(id));
        }
    }
    assert!(open.is_empty(), "after {CONVERGE_LIMIT:?} these still are not over:\n{}", open.join("\n"));
    jobs
}
