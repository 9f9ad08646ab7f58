//! An agent that stands still while its connections stay open.

use std::time::Duration;

use serde_json::json;

use crate::site::{LIMIT, Site, is_over, ping, ping_fault, until};

/// Nine seconds of lease, half a second until somebody looks, and some for a busy machine.
const PLACED_AGAIN: Duration = Duration::from_secs(14);
/// Enough to still run when all have begun, however busy the machine is.
const PACKETS: u32 = 25;

#[tokio::test]
async fn a_hanging_agent_loses_its_lease() {
    let mut site = Site::start(2).await;
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(site.ping(&format!("hang-{n}"), PACKETS).await);
    }
    let mut hung = Vec::new();
    let mut elsewhere = Vec::new();
    for id in ids {
        let job = site.prints(&id, 2).await;
        if job["node"] == "node-a" { hung.push(id) } else { elsewhere.push(id) }
    }
    assert!(!hung.is_empty() && !elsewhere.is_empty(), "four runs are spread over two equal nodes");
    site.agent("node-a").freeze().unwrap();

    let mut told = Vec::new();
    for id in &hung {
        let placed = async || {
            let job = site.api.job(id).await.ok()?;
            (job["attempt"] == 2 && job["node"] == "node-b").then_some(())
        };
        until(&format!("job {id} is placed again on node-b"), PLACED_AGAIN, placed).await;
        let job = site.ends(id).await;
        assert_eq!((&job["status"], &job["attempt"]), (&json!("completed"), &json!(2)), "{job:#}");
        assert_eq!(job["attempts"][0]["status"], "lost", "{job:#}");
        let outputs = (site.api.output(id, 1).await.unwrap(), site.api.output(id, 2).await.unwrap());
        assert_eq!(ping_fault(&outputs.1, PACKETS, true), None, "{}", outputs.1);
        told.push((job, outputs));
    }
    for id in &elsewhere {
        let job = site.ends(id).await;
        assert_eq!((&job["status"], &job["attempt"]), (&json!("completed"), &json!(1)), "{job:#}");
    }

    site.agent("node-a").thaw().unwrap();
    site.is_up("node-a").await;
    // What the agent held comes before this on the same stream.
    let mut body = ping(1);
    body["node"] = json!("node-a");
    let last = site.api.submit("after", &body).await.unwrap();
    until("node-a runs again", LIMIT, async || is_over(&site.api.job(&last).await.ok()?).then_some(())).await;
    for (job, outputs) in told {
        let id = job["id"].as_str().unwrap();
        assert_eq!(site.api.job(id).await.unwrap(), job, "late results changed the job");
        let now = (site.api.output(id, 1).await.unwrap(), site.api.output(id, 2).await.unwrap());
        assert_eq!(now, outputs, "late results changed an output");
    }
}
