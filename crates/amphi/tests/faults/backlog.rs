//! A control plane that falls behind an agent which prints thousands of lines a second: the agent waits, and its
//! connection stays.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use testkit::sim::{Plan, Printing, SimAgent, Tally};

use crate::site::{LIMIT, Site, is_up, until};

const RUNS: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_is_not_read_waits_and_loses_nothing() {
    let site = Site::start(0).await;
    let ca_pem = std::fs::read_to_string(site.scratch.path().join("control/ca.pem")).unwrap();
    let token = site.api.node_token().await.unwrap();
    let plan = Plan { name: "sim".into(), slots: RUNS as u32, tools: vec!["ping".into()], output: Vec::new() };
    let printing = Printing {
        every: Duration::from_millis(1),
        line: || "a line of a program\n".into(),
        is_on: AtomicBool::new(false),
        is_over: AtomicBool::new(false),
    };
    let (tally, printing) = (Arc::new(Tally::default()), Arc::new(printing));
    let (address, printer) = (site.serve.address(), Some(printing.clone()));
    let _agent = SimAgent::join_to_print(address, &ca_pem, &token, plan, tally.clone(), printer).await.unwrap();
    is_up(&site.api, "sim", "ping").await;
    let mut ids = Vec::new();
    for n in 0..RUNS {
        ids.push(site.ping(&format!("backlog-{n}"), 1).await);
    }
    until("all have begun", LIMIT, async || (tally.started() == RUNS as u64).then_some(())).await;

    site.serve.freeze().unwrap();
    printing.is_on.store(true, Ordering::Relaxed);
    let mut before = 0;
    // Less than its lease, so that no run counts as lost.
    until("it can say no more", Duration::from_secs(6), async || {
        tokio::time::sleep(Duration::from_millis(200)).await;
        (std::mem::replace(&mut before, tally.lines()) == tally.lines() && before > 0).then_some(())
    })
    .await;
    site.serve.thaw().unwrap();
    printing.is_over.store(true, Ordering::Relaxed);
    let mut lines = 0;
    for id in &ids {
        let job = site.ends(id).await;
        assert_eq!((&job["status"], &job["attempt"]), (&json!("completed"), &json!(1)), "{job:#}");
        lines += site.api.output(id, 1).await.unwrap().lines().count() as u64;
    }
    assert_eq!(lines, tally.lines());
    // Far more than the connection would have borne unread.
    assert!(lines > 5_000, "{lines}");
}
