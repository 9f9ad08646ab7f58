//! Stores go, for a while and for good, under somebody who reads.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;
use testkit::amphi::family;
use tokio::time::{Instant, sleep};

use crate::site::{Mount, Site, has_word};

/// A node that was killed again and again is started again after half a minute, and a lost store given up after a quarter.
const BACK_LIMIT: Duration = Duration::from_secs(120);
/// Reads from the stores, not from what the kernel kept.
const READ: &str = "dd if=big iflag=nocache count=0 status=none; sha256sum < big";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stores_away_and_one_gone_for_good_are_not_noticed() {
    let Some(site) = Site::with_nodes(8).await else { return };
    let here = |name: &str| site.scratch.path().join(name).to_str().unwrap().to_owned();
    let (big, got) = (here("big"), here("got"));
    let mount = site.mount("one").await;
    let sum = mount.shell(&format!("head -c 64M /dev/urandom > {big}; sha256sum < {big}")).await;
    site.done(&["volume", "put", &big, "films:big"]).await;
    assert_eq!(mount.shell(READ).await, sum);
    // Six of the eight, whichever joined first.
    let holders = site.holders().await;
    let (away, [gone, store]) = ([&*holders[0][0], &*holders[1][0]], &holders[2]);

    let (is_over, reads) = (AtomicBool::new(false), AtomicU32::new(0));
    let reader = read_on(&mount, &sum, &is_over, &reads);
    let losses = async {
        let is_bad = |health: &Value| health["at_risk"].as_u64() > Some(0);
        site.kill_until(&away, async || is_bad(&site.health().await)).await;
        let before = reads.load(Ordering::Relaxed);
        site.kill_until(&away, async || reads.load(Ordering::Relaxed) > before + 1).await;
        site.done(&["volume", "get", "films:big", &got]).await;
        assert_eq!(mount.shell(&format!("sha256sum < {got}")).await, sum);
        site.is_whole().await;

        std::fs::remove_dir_all(site.scratch.path().join(format!("state/nodes/{gone}/stores/{store}"))).unwrap();
        let is_degraded = |health: &Value| health["degraded"].as_u64() > Some(0);
        site.kill(gone);
        site.done(&["volume", "rebuild", "--detach", "films"]).await;
        site.until("the loss is seen", async || is_degraded(&site.health().await)).await;
        site.is_whole().await;
        is_over.store(true, Ordering::Relaxed);
    };
    tokio::join!(reader, losses);
    assert_eq!(mount.shell(READ).await, sum);
    mount.unmount(&site).await;
}

async fn read_on(mount: &Mount, sum: &str, is_over: &AtomicBool, reads: &AtomicU32) {
    while !is_over.load(Ordering::Relaxed) {
        assert_eq!(mount.shell(READ).await, sum);
        reads.fetch_add(1, Ordering::Relaxed);
    }
}

impl Site {
    /// Kills the agents of nodes, and again each time that they are back, until something holds.
    async fn kill_until(&self, nodes: &[&str], mut holds: impl AsyncFnMut() -> bool) {
        self.until("the killed agents are missed", async || {
            nodes.iter().for_each(|node| self.kill(node));
            holds().await
        })
        .await;
    }

    /// kill -9, if it runs.
    fn kill(&self, node: &str) {
        let is_it = |pid: u32| std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| has_word(&line, node));
        let started = family(self.up.id().unwrap()).unwrap();
        started.iter().filter(|member| is_it(member.pid)).for_each(|member| member.kill().unwrap());
    }

    /// Node and name of each store that has units of the volume.
    async fn holders(&self) -> Vec<[String; 2]> {
        let mut holders = Vec::new();
        self.until("six stores have units", async || {
            let output = self.done(&["store", "list", "--output", "json"]).await;
            let stores = serde_json::from_slice::<Vec<Value>>(&output).unwrap();
            let having = stores.iter().filter(|store| store["units"].as_u64() > Some(0));
            holders =
                having.map(|store| ["node", "name"].map(|field| store[field].as_str().unwrap().to_owned())).collect();
            holders.len() >= 6
        })
        .await;
        holders
    }

    async fn health(&self) -> Value {
        let output = self.done(&["volume", "health", "films", "--output", "json"]).await;
        serde_json::from_slice::<Value>(&output).unwrap()["volumes"][0].clone()
    }

    /// Waits until every stripe is healthy, and is there.
    async fn is_whole(&self) {
        self.until("every stripe is healthy", async || {
            let health = self.health().await;
            let is_none = |what: &str| health[what] == 0;
            health["healthy"].as_u64() > Some(0) && ["degraded", "at_risk", "lost"].into_iter().all(is_none)
        })
        .await;
    }

    async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let until = Instant::now() + BACK_LIMIT;
        while !holds().await {
            assert!(Instant::now() < until, "not within {BACK_LIMIT:?}: {what}");
            sleep(Duration::from_millis(100)).await;
        }
    }
}
