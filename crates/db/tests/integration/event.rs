//! Wakes reach the watchers of every replica, after the commit and never without one.

use std::time::Duration;

use db::{Database, Engine, Query, Watch, Write};
use testkit::conformance::Fresh;

use crate::{amounts, insert, schema};

testkit::for_each_engine!(schema(); a_commit_wakes_its_watchers_alone, a_failed_write_wakes_nobody);

const DEADLINE: Duration = Duration::from_secs(20);

async fn woken(watch: &Watch) -> String {
    tokio::time::timeout(DEADLINE, watch.changed()).await.expect("a wake within the deadline")
}

async fn a_commit_wakes_its_watchers_alone(db: Database) {
    let jobs = db.events().watch(["jobs", "job:1"]);
    let nodes = db.events().watch(["nodes"]);
    db.write(Write::new().step(insert("a", 1)).event("jobs").event("job:1").event("job:2")).await.unwrap();
    let mut topics = [woken(&jobs).await, woken(&jobs).await];
    topics.sort();
    assert_eq!(topics, ["job:1", "jobs"]);
    assert_eq!(amounts(&db).await.len(), 1);
    db.write(Write::new().event("nodes")).await.unwrap();
    assert_eq!(woken(&nodes).await, "nodes");
}

async fn a_failed_write_wakes_nobody(db: Database) {
    db.write(Write::new().step(insert("a", 1))).await.unwrap();
    let watch = db.events().watch(["failed", "fine"]);
    db.write(Write::new().step(insert("a", 1)).event("failed")).await.unwrap_err();
    db.write(Write::new().step(insert("b", 1)).event("fine")).await.unwrap();
    assert_eq!(woken(&watch).await, "fine");
}

async fn another_replica_hears(engine: Engine) {
    let fresh = Fresh::new(engine).await.unwrap();
    let here = Database::open(&fresh.url).await.unwrap();
    here.migrate(&[schema()]).await.unwrap();
    here.write(Write::new().event("before")).await.unwrap();
    let there = Database::open(&fresh.url).await.unwrap();
    let watch = there.events().watch(["before", "jobs", "late"]);
    here.write(Write::new().step(insert("a", 1)).event("jobs")).await.unwrap();
    assert_eq!(woken(&watch).await, "jobs");
    assert_eq!(amounts(&there).await.len(), 1);
    // An id below those seen already: a transaction that took it early and committed late.
    let lowest = "INSERT INTO db_event (id, topic, at_ms) SELECT -1, 'late', MAX(at_ms) FROM db_event";
    here.write(Write::new().step(Query::new(lowest))).await.unwrap();
    assert_eq!(woken(&watch).await, "late");
    here.close().await;
    there.close().await;
    fresh.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_replica_hears_on_postgres() {
    another_replica_hears(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_replica_hears_on_mariadb() {
    another_replica_hears(Engine::Mariadb).await;
}
