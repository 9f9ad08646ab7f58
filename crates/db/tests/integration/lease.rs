//! One holder at a time, and an epoch that tells an old holder from the new one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use db::{Database, Lease, Query};
use testkit::clock::ManualClock;

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(50);

testkit::for_each_engine!(crate::schema();
    a_held_lease_is_refused_to_others, a_lease_that_is_over_is_taken_with_a_higher_epoch,
    work_keeps_its_lease_and_ends_when_it_is_lost, one_of_many_gets_it);

async fn a_held_lease_is_refused_to_others(db: Database) {
    let first = db.lease_acquire("poll", "a", LONG).await.unwrap().unwrap();
    assert_eq!(db.lease_acquire("poll", "b", LONG).await.unwrap(), None);
    assert!(db.lease_acquire("other", "b", LONG).await.unwrap().is_some());
    assert!(db.lease_renew(&first, LONG).await.unwrap());
    db.lease_release(&first).await.unwrap();
    assert!(!db.lease_renew(&first, LONG).await.unwrap());
    let second = db.lease_acquire("poll", "b", LONG).await.unwrap().unwrap();
    assert!(second.epoch > first.epoch);
    db.lease_release(&first).await.unwrap();
    assert!(db.lease_renew(&second, LONG).await.unwrap(), "a lost lease can't release the new one");
    let again = db.lease_acquire("poll", "b", LONG).await.unwrap().unwrap();
    assert!(again.epoch > second.epoch && !db.lease_renew(&second, LONG).await.unwrap());
}

async fn acquired(db: &Database, name: &str, owner: &str) -> Lease {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(lease) = db.lease_acquire(name, owner, LONG).await.unwrap() {
            return lease;
        }
        assert!(Instant::now() < deadline, "the lease never became free");
    }
}

async fn a_lease_that_is_over_is_taken_with_a_higher_epoch(db: Database) {
    let first = db.lease_acquire("poll", "a", SHORT).await.unwrap().unwrap();
    let second = acquired(&db, "poll", "b").await;
    assert_eq!((second.owner.as_str(), second.epoch), ("b", first.epoch + 1));
    assert!(!db.lease_renew(&first, LONG).await.unwrap());
}

async fn work_keeps_its_lease_and_ends_when_it_is_lost(db: Database) {
    const HELD: Duration = Duration::from_secs(3);
    let until = async || {
        let row = db.one(Query::new("SELECT until_ms FROM db_lease WHERE name = 'poll'")).await.unwrap();
        row.get::<i64>("until_ms").unwrap()
    };
    let held = async {
        let (first, deadline) = (until().await, Instant::now() + Duration::from_secs(20));
        while until().await == first {
            assert!(Instant::now() < deadline, "the lease was never prolonged");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        db.lease_acquire("poll", "b", HELD).await.unwrap()
    };
    assert_eq!(db.lease_while("poll", "a", HELD, held).await.unwrap(), Some(None));
    assert_eq!(db.lease_while("poll", "b", HELD, async { 1 }).await.unwrap(), None, "a has it for a while still");
    let robbed = async {
        // Another lease of the same owner takes this one's place.
        db.lease_acquire("poll", "a", LONG).await.unwrap().unwrap();
        std::future::pending::<()>().await;
    };
    assert_eq!(db.lease_while("poll", "a", HELD, robbed).await.unwrap(), None);
}

async fn one_of_many_gets_it(db: Database) {
    let tries = (0..12).map(|index| {
        let db = db.clone();
        tokio::spawn(async move { db.lease_acquire("poll", &format!("o{index}"), LONG).await.unwrap() })
    });
    let mut holders = 0;
    for task in tries.collect::<Vec<_>>() {
        holders += u32::from(task.await.unwrap().is_some());
    }
    assert_eq!(holders, 1);
}

#[tokio::test]
async fn on_sqlite_the_handles_clock_decides() {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(1_000);
    let url = format!("sqlite:{}/test.db", dir.path().display());
    let db = Database::open_with_clock(&url, Arc::new(clock.clone())).await.unwrap();
    let first = db.lease_acquire("poll", "a", LONG).await.unwrap().unwrap();
    clock.advance(LONG - Duration::from_millis(1));
    assert_eq!(db.lease_acquire("poll", "b", LONG).await.unwrap(), None);
    clock.advance(Duration::from_millis(1));
    assert_eq!(db.lease_acquire("poll", "b", LONG).await.unwrap().unwrap().epoch, first.epoch + 1);
}
