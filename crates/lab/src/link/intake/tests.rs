//! The intake over a disk that the test opens and shuts; how the engines bear it is in `queries::conformance`.

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::*;

const NODES: [&str; 7] = ["node-a", "node-b", "node-c", "node-d", "node-refused", "node-lost", "node-panics"];

/// What a node stores at once; enough for the longest pause.
const CHUNKS: usize = 10;

/// Begins each Write at once and ends it when it is given a permit, as the names in it say.
#[derive(Clone)]
struct Disk {
    intake: Intake,
    permits: Arc<Semaphore>,
    /// The nodes in each Write that began.
    begun: Arc<Mutex<Vec<String>>>,
}

impl Disk {
    fn new() -> Self {
        Self { intake: Intake::default(), permits: Arc::new(Semaphore::new(0)), begun: Arc::default() }
    }

    /// A node stores something. Returns once it waits.
    async fn store(&self, node: &str) -> JoinHandle<Result<(), DbError>> {
        let (disk, topics) = (self.clone(), BTreeSet::from([node.to_owned()]));
        let storing = async move {
            let writer = disk.clone();
            let write = move |write| writer.clone().write(write);
            disk.intake.store(&TaskTracker::new(), part(CHUNKS, 1).chunks, topics, write).await
        };
        let storing = tokio::spawn(storing);
        settled().await;
        storing
    }

    fn write(self, write: Write) -> BoxFuture<'static, Result<Vec<u64>, DbError>> {
        let told = format!("{write:?}");
        let nodes: Vec<_> = NODES.into_iter().filter(|node| told.contains(node)).collect();
        self.begun.lock().unwrap().push(nodes.join(" "));
        async move {
            self.permits.acquire().await.unwrap().forget();
            assert!(!nodes.contains(&"node-panics"), "as the test wants it");
            match nodes {
                nodes if nodes.contains(&"node-refused") => {
                    Err(DbError::Engine { attempt: "writing", source: "out of range".into() })
                }
                nodes if nodes.contains(&"node-lost") => Err(DbError::Unavailable { attempt: "writing", source: None }),
                _ => Ok(Vec::new()),
            }
        }
        .boxed()
    }

    fn begun(&self) -> Vec<String> {
        self.begun.lock().unwrap().clone()
    }
}

/// Lets every task go as far as it can; the time stands still.
async fn settled() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

async fn is_stored(storing: JoinHandle<Result<(), DbError>>) -> bool {
    storing.await.unwrap().is_ok()
}

#[tokio::test(start_paused = true)]
async fn the_first_is_written_at_once_and_what_comes_meanwhile_together() {
    let disk = Disk::new();
    let began = Instant::now();
    let a = disk.store("node-a").await;
    let (b, c) = (disk.store("node-b").await, disk.store("node-c").await);
    assert_eq!(disk.begun(), ["node-a"]);
    disk.permits.add_permits(9);
    assert!(is_stored(a).await);
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert!(is_stored(b).await && is_stored(c).await);
    assert_eq!(disk.begun(), ["node-a", "node-b node-c"]);
    assert!(began.elapsed() >= PAUSE_MAX && began.elapsed() < 2 * PAUSE_MAX, "{:?}", began.elapsed());
    tokio::time::advance(2 * PAUSE_MAX).await;
    settled().await;
    let at_rest = Instant::now();
    assert!(is_stored(disk.store("node-d").await).await);
    assert_eq!(at_rest.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_fails_nobody_else() {
    let disk = Disk::new();
    let first = disk.store("node-a").await;
    let mut storing = Vec::new();
    for node in ["node-b", "node-refused", "node-c"] {
        storing.push(disk.store(node).await);
    }
    disk.permits.add_permits(9);
    assert!(is_stored(first).await);
    let stored: Vec<_> = futures::future::join_all(storing.into_iter().map(is_stored)).await;
    assert_eq!(stored, [true, false, true]);
    assert_eq!(disk.begun()[1..], ["node-b node-c node-refused", "node-b", "node-refused", "node-c"]);
    assert!(!is_stored(disk.store("node-refused").await).await);
    assert_eq!(disk.begun()[5..], ["node-refused"], "what was alone is not tried again");
}

#[tokio::test(start_paused = true)]
async fn while_the_database_is_away_nothing_is_tried_again_and_later_it_goes_on() {
    let disk = Disk::new();
    let first = disk.store("node-a").await;
    let (b, away) = (disk.store("node-b").await, disk.store("node-lost").await);
    disk.permits.add_permits(99);
    assert!(is_stored(first).await && !is_stored(b).await && !is_stored(away).await);
    assert_eq!(disk.begun(), ["node-a", "node-b node-lost"]);
    tokio::time::advance(2 * PAUSE_MAX).await;
    settled().await;
    disk.permits.forget_permits(99);
    // It goes away while each is written alone.
    let first = disk.store("node-a").await;
    let (refused, away) = (disk.store("node-refused").await, disk.store("node-lost").await);
    let c = disk.store("node-c").await;
    disk.permits.add_permits(99);
    assert!(is_stored(first).await);
    assert!(!is_stored(refused).await && !is_stored(away).await && !is_stored(c).await);
    assert_eq!(disk.begun()[3..], ["node-c node-refused node-lost", "node-refused", "node-lost"]);
    assert!(is_stored(disk.store("node-d").await).await);
}

#[tokio::test(start_paused = true)]
async fn what_a_node_left_behind_is_stored() {
    let disk = Disk::new();
    let (a, b) = (disk.store("node-a").await, disk.store("node-b").await);
    let c = disk.store("node-c").await;
    a.abort();
    b.abort();
    settled().await;
    disk.permits.add_permits(9);
    assert!(is_stored(c).await);
    assert_eq!(disk.begun(), ["node-a", "node-b node-c"]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_sends_away_who_waits_and_the_next_begins_anew() {
    let disk = Disk::new();
    let began = Instant::now();
    let (panics, b) = (disk.store("node-panics").await, disk.store("node-b").await);
    disk.permits.add_permits(9);
    assert!(!is_stored(panics).await && !is_stored(b).await);
    assert!(is_stored(disk.store("node-c").await).await);
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(disk.begun(), ["node-panics", "node-c"]);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_ever() {
    let disk = Disk::new();
    let began = Instant::now();
    let (a, b) = (disk.store("node-a").await, disk.store("node-b").await);
    assert!(!is_stored(a).await && !is_stored(b).await);
    assert!(began.elapsed() >= STORED_LIMIT && began.elapsed() < STORED_LIMIT + PAUSE_MAX, "{:?}", began.elapsed());
    let c = disk.store("node-c").await;
    disk.permits.add_permits(9);
    assert!(is_stored(c).await);
}

/// A part of one run; who waits for it has left.
fn part(chunks: usize, bytes: usize) -> Part {
    let chunk = Arc::new(Chunk { seq: 0, channel: 0, at_ms: 0, data: vec![b'x'; bytes] });
    let chunks = vec![(RunId::generate(), chunk); chunks];
    Part { chunks, topics: BTreeSet::new(), stored: oneshot::channel().0 }
}

#[test]
fn a_write_of_little_is_soon_followed_by_the_next() {
    let pauses = [1, 2, 9, 10, 11, 1_000].map(|chunks| pause(&[part(chunks, 1)]).as_millis());
    assert_eq!(pauses, [1, 2, 9, 10, 10, 10]);
    assert_eq!(pause(&[part(1, 1), part(2, 1)]), 3 * CHUNK_PAUSE);
}

#[test]
fn one_write_takes_whole_parts_up_to_its_bound() {
    const MIB: usize = 1 << 20;
    let intake = Intake::default();
    let mut turn = intake.add(part(1, 3 * MIB)).unwrap();
    for (chunks, bytes) in [(1, 3 * MIB), (9, MIB), (1, 1), (WRITE_BYTES / ROW_BYTES, 0), (1, 1)] {
        assert!(intake.add(part(chunks, bytes)).is_none(), "one at a time writes");
    }
    let taken: Vec<_> = std::iter::from_fn(|| turn.next()).map(|parts| parts.len()).collect();
    assert_eq!(taken, [2, 1, 1, 1, 1]);
    let _next = intake.add(part(1, 1)).expect("nobody writes");
    drop(turn);
    assert!(intake.add(part(1, 1)).is_none(), "the end of one turn does not end the next");
}
