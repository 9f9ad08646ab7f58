//! A storm of faults over a volume that is in use: agents and the control plane are killed and hang, bytes flip on disks,
//! disks fill up, links are cut; never more than two stores at a time are away or damaged, as the layout allows. What was
//! acknowledged is there in the end, damage was found and repaired, and nothing is left over.
//!
//! AMPHI_TEST_FAULTS says how many faults come, AMPHI_TEST_SEED which.

mod api;
mod book;
mod clients;
mod fault;
mod plant;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use storage::testing::Audit;
use tokio::time::{Instant, sleep, timeout};

use crate::site::Mount;
use book::Book;
use clients::Clients;
use fault::{Fault, Kind};
use plant::{Plant, STORES, network_own};

const FAULTS: usize = 20;
/// Stores that may be away or damaged at the same time.
const PARITY: usize = 2;
const PAUSE_MS: std::ops::Range<u64> = 100..1_500;
/// All is whole again within this after the last fault.
const CALM_LIMIT: Duration = Duration::from_secs(180);
/// A client finishes what it has begun within this.
const CLIENT_LIMIT: Duration = Duration::from_secs(120);
const END_LIMIT: Duration = Duration::from_secs(60);

#[test]
fn what_was_acknowledged_survives_a_storm_of_faults() {
    // Before any thread is started, so that all are in the same network.
    if !network_own() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(storm());
}

fn setting<T: std::str::FromStr<Err: std::fmt::Debug>>(name: &str) -> Option<T> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

async fn storm() {
    let seed: u64 = setting("AMPHI_TEST_SEED").unwrap_or_else(rand::random);
    let count = setting("AMPHI_TEST_FAULTS").unwrap_or(FAULTS);
    println!("AMPHI_TEST_SEED={seed} AMPHI_TEST_FAULTS={count}");
    let (begun, mut rng) = (Instant::now(), StdRng::seed_from_u64(seed));
    let (mut plant, book) = (Plant::start().await, Arc::new(Book::default()));
    let mount = plant.mount("mounted").await;
    let clients = Clients::start(&mount.path, &plant.api, &book, seed);

    let faults = Kind::draw(count, &mut rng);
    let mut tally = BTreeMap::<Kind, u32>::new();
    faults.iter().for_each(|kind| *tally.entry(*kind).or_default() += 1);
    break_things(&mut plant, &book, faults, &mut rng).await;
    let stormed = begun.elapsed();
    timeout(CLIENT_LIMIT, clients.stop()).await.expect("clients end");
    calm(&plant, &book).await;

    final_look(&mount.path, &plant, &book, "the mount").await;
    mount.unmounted(END_LIMIT).await;
    let again = plant.mount("again").await;
    final_look(&again.path, &plant, &book, "a new mount").await;
    again.unmounted(END_LIMIT).await;
    left_over(&plant, &book).await;

    let (acknowledged, checked) = book.counts();
    println!("{tally:?} in {stormed:?}; {acknowledged} changes acknowledged, {checked} files read and right");
    println!("ended by themselves: {:#?}", plant.ended);
    let (unanswered, refused): (Vec<_>, Vec<_>) =
        book.troubles().into_iter().partition(|trouble| trouble.contains(" answer: "));
    println!("{} calls were not answered; refused: {refused:#?}", unanswered.len());
    assert!(acknowledged > 0 && checked > acknowledged / 10, "this proves nothing");
    assert!(book.faults().is_empty(), "seed {seed}:\n{}", book.faults().join("\n"));
}

/// Has the faults come, and returns when the last one is over.
async fn break_things(plant: &mut Plant, book: &Book, faults: Vec<Kind>, rng: &mut StdRng) {
    let (mut coming, mut going) = (faults.into_iter().peekable(), Vec::<Fault>::new());
    let mut next = Instant::now();
    while coming.peek().is_some() || !going.is_empty() {
        sleep(Duration::from_millis(100)).await;
        let is_last = coming.peek().is_none();
        for fault in &mut going {
            if let Err(trouble) = fault.go_on(plant, is_last).await {
                return book.fault(trouble);
            }
        }
        going.retain(|fault| !fault.is_over());
        let killed: Vec<_> = going.iter().filter(|fault| fault.is_killed()).map(|fault| fault.place).collect();
        plant.revive(&killed);
        let Some(kind) = coming.peek().copied() else { continue };
        if Instant::now() < next {
            continue;
        }
        if let Some(place) = place_for(kind, &going, rng) {
            println!("{kind:?} {place}");
            going.push(Fault::begin(kind, place, plant, rng).await);
            coming.next();
            next = Instant::now() + Duration::from_millis(rng.random_range(PAUSE_MS));
        }
    }
}

/// Where a fault may come now.
fn place_for(kind: Kind, going: &[Fault], rng: &mut StdRng) -> Option<usize> {
    let hit: BTreeSet<_> = going.iter().filter(|fault| fault.kind.is_of_store()).map(|fault| fault.place).collect();
    if !kind.is_of_store() {
        return if going.iter().all(|fault| fault.kind.is_of_store()) { Some(0) } else { None };
    }
    if hit.len() >= PARITY {
        return None;
    }
    let free: Vec<_> = (0..STORES).filter(|place| !hit.contains(place)).collect();
    free.choose(rng).copied()
}

/// Waits until nothing is degraded, at risk, lost or waits for repair, and all that is at rest was compared and is right.
async fn calm(plant: &Plant, book: &Book) {
    let deadline = Instant::now() + CALM_LIMIT;
    loop {
        let health = plant.health().await;
        let volumes = health.as_ref().and_then(|health| health["volumes"].as_array()).cloned().unwrap_or_default();
        let is_none = |what: &str| volumes.iter().all(|volume| volume[what] == 0);
        let is_well = volumes.len() == 2
            && ["degraded", "at_risk", "lost", "rebuild_bytes", "repairs_waiting"].into_iter().all(is_none);
        if is_well {
            break;
        }
        if Instant::now() > deadline {
            return book.fault(format!("not whole within {CALM_LIMIT:?}: {health:?}"));
        }
        sleep(Duration::from_millis(500)).await;
    }
    for place in 0..STORES {
        while let trouble = damage(plant, place).await
            && !trouble.is_empty()
        {
            if Instant::now() > deadline {
                return book.fault(format!("within {CALM_LIMIT:?}: {trouble}"));
            }
            sleep(Duration::from_millis(500)).await;
        }
    }
}

/// What is damaged at a store; empty: nothing is.
async fn damage(plant: &Plant, place: usize) -> String {
    match plant.probe(place).damaged().await {
        Ok(damaged) if damaged.is_empty() => String::new(),
        Ok(damaged) => format!("store {place} still has {damaged:?} damaged"),
        Err(error) => format!("store {place} does not answer: {error}"),
    }
}

/// Reads every file, and looks for such as nobody wrote.
async fn final_look(mounted: &Path, plant: &Plant, book: &Arc<Book>, by: &'static str) {
    let before = book.troubles().len();
    for name in book.names() {
        let file = book.file(&name);
        let known = file.lock_owned().await;
        let read = if name.0 == "films" {
            let path = mounted.join(&name.1);
            let read = tokio::task::spawn_blocking(move || clients::read(&path));
            timeout(END_LIMIT, read).await.expect("a read ends").unwrap().map_err(|error| error.to_string())
        } else {
            plant.api.file_get(name.0, &name.1).await
        };
        book.seen(by, &name, &known, read);
    }
    for trouble in &book.troubles()[before..] {
        book.fault(format!("in the end: {trouble}"));
    }
    let known: BTreeSet<_> = book.names().into_iter().map(|name| name.1).collect();
    for entry in std::fs::read_dir(mounted).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !known.contains(name.trim_start_matches('.')) {
            book.fault(format!("{name} was written by nobody"));
        }
    }
}

/// Looks at what is left over when time has passed and everything was collected.
async fn left_over(plant: &Plant, book: &Book) {
    plant.control_signal(Signal::SIGKILL);
    let audit = Audit::open(&plant.scratch.path().join("control")).await;
    for fault in audit.faults().await.unwrap() {
        // Before anything is collected only what is missing counts.
        if fault.contains(" is not at store ") || fault.contains(" is damaged") || fault.contains("have no ") {
            book.fault(format!("before the collection: {fault}"));
        }
    }
    audit.collect().await.unwrap();
    audit.faults().await.unwrap().into_iter().for_each(|fault| book.fault(format!("after the collection: {fault}")));
}

impl Mount {
    /// Unmounts; the process ends by itself and well.
    async fn unmounted(mut self, limit: Duration) {
        let path = self.path.clone();
        let unmounted = tokio::task::spawn_blocking(move || storage::mount::unmount(&path));
        timeout(limit, unmounted).await.expect("it unmounts").unwrap().unwrap();
        let status = timeout(limit, self.process.wait()).await.expect("the mount ends").unwrap();
        assert!(status.success(), "{status}");
    }
}
