//! Which run goes to which node, and when.

use serde_json::json;
use wire::proto::to_agent::Message;
use wire::proto::{Reason, RefusedWhy};

use crate::agent::{Agent, attempts, end, ping_on};
use crate::plane::Plane;

#[tokio::test]
async fn runs_are_spread_and_slots_are_never_exceeded() {
    let plane = Plane::new().await;
    let (mut a, mut b) = (Agent::join(&plane, "lab-a", 2).await, Agent::join(&plane, "lab-b", 2).await);
    let mut jobs = Vec::new();
    for _ in 0..6 {
        jobs.push(plane.ping().await);
    }
    // Both get two, in turn; the agents themselves fail the test when they get more.
    let (first, second) = (a.start().await, b.start().await);
    let (third, fourth) = (a.start().await, b.start().await);
    for agent in [&mut a, &mut b] {
        agent.is_idle().await;
    }
    assert_eq!(plane.job(&jobs[5]).await["place"], 2);
    for start in [first, third] {
        a.exited(&start, 0).await;
        a.carry_out().await;
    }
    for start in [second, fourth] {
        b.exited(&start, 0).await;
    }
    for job in &jobs {
        plane.job_is(job, "completed").await;
    }
    assert_eq!(plane.count("lab_run").await, 6);
}

#[tokio::test]
async fn a_start_says_all_that_a_node_needs() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 2).await;
    plane.policy(json!({ "refused_networks": ["198.51.100.0/24"] })).await;
    let body = json!({ "tool": "ping", "options": { "count": 2, "ip": "4" }, "destination": "name.invalid" });
    let id = plane.submit(body).await;
    let start = agent.start().await;
    assert_eq!(start.argv.first().map(String::as_str), Some("ping"));
    assert!(start.argv.iter().any(|word| word.contains("{address}")), "{:?}", start.argv);
    assert!(start.wall_ms > 0 && start.output_bytes > 0);
    let destination = start.destination.clone().unwrap();
    assert_eq!(destination.host, "name.invalid");
    assert_eq!(destination.family(), wire::proto::Family::V4);
    for network in ["198.51.100.0/24", "127.0.0.0/8", "169.254.0.0/16"] {
        assert!(destination.refused.iter().any(|refused| refused == network), "{network} may be reached");
    }
    agent.ended(wire::proto::Ended { detail: "no address\n".into(), ..end(&start, Reason::NameUnknown) }).await;
    let job = plane.job_is(&id, "error").await;
    assert_eq!(job["reason"], "name-unknown");
    assert_eq!(job["reason_text"], "the destination's name has no address on the node: no address");
    for (reason, code) in [
        (Reason::WallTime, "wall-time"),
        (Reason::OutputCap, "output-cap"),
        (Reason::NotStarted, "not-started"),
        (Reason::Forbidden, "forbidden"),
    ] {
        let id = plane.ping().await;
        let start = agent.start().await;
        agent.ended(end(&start, reason)).await;
        assert_eq!(plane.job_is(&id, "error").await["reason"], code);
    }
}

#[tokio::test]
async fn a_chosen_node_and_labels_are_kept_to() {
    let plane = Plane::new().await;
    let (mut a, mut b) = (Agent::join(&plane, "lab-a", 1).await, Agent::join(&plane, "lab-b", 4).await);
    plane.node_change("lab-a", json!({ "labels": { "site": "north" } })).await;
    plane.node_change("lab-b", json!({ "labels": { "site": "south" } })).await;
    let here = plane.submit(ping_on("lab-a")).await;
    let first = a.start().await;
    let next = plane.submit(ping_on(&a.id)).await;
    let labelled = json!({ "tool": "ping", "args": ["192.0.2.1"], "on": { "site": "north" } });
    let last = plane.submit(labelled).await;
    // It came after those, and does not wait for them.
    let free = plane.ping().await;
    b.carry_out().await;
    assert_eq!(plane.job_is(&free, "completed").await["node"], "lab-b");
    b.is_idle().await;
    assert_eq!(plane.job(&next).await["status"], "waiting");
    a.exited(&first, 0).await;
    a.carry_out().await;
    a.carry_out().await;
    for job in [here, next, last] {
        assert_eq!(plane.job_is(&job, "completed").await["node"], "lab-a");
    }
}

/// More runs wait for a node that is taken than there are free slots elsewhere.
#[tokio::test]
async fn runs_that_nobody_can_take_hold_up_nobody() {
    let plane = Plane::new().await;
    let (mut a, mut b) = (Agent::join(&plane, "lab-a", 1).await, Agent::join(&plane, "lab-b", 1).await);
    plane.node_change("lab-a", json!({ "labels": { "site": "north" } })).await;
    let north = json!({ "tool": "ping", "args": ["192.0.2.1"], "on": { "site": "north" } });
    for _ in 0..300 {
        plane.submit(north.clone()).await;
    }
    a.start().await;
    let free = plane.ping().await;
    b.carry_out().await;
    plane.job_is(&free, "completed").await;
    b.is_idle().await;
}

#[tokio::test]
async fn places_in_the_queue_count_down() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let _other = Agent::join(&plane, "lab-b", 1).await;
    plane.node_change("lab-b", json!({ "state": "cordoned" })).await;
    let running = plane.submit(ping_on("lab-a")).await;
    let start = agent.start().await;
    let (second, third) = (plane.ping().await, plane.submit(ping_on("lab-a")).await);
    assert_eq!(plane.job(&running).await["place"], json!(null));
    assert_eq!(
        (plane.job(&second).await["place"].clone(), plane.job(&third).await["place"].clone()),
        (json!(1), json!(2))
    );
    agent.exited(&start, 0).await;
    agent.start().await;
    plane.job_is(&second, "running").await;
    assert_eq!(plane.job(&third).await["place"], 1);
}

#[tokio::test]
async fn a_cordoned_node_finishes_and_takes_nothing_new() {
    let plane = Plane::new().await;
    let (mut a, mut b) = (Agent::join(&plane, "lab-a", 3).await, Agent::join(&plane, "lab-b", 1).await);
    let old = plane.submit(ping_on("lab-a")).await;
    let start = a.start().await;
    let pinned = plane.submit(ping_on("lab-b")).await;
    b.carry_out().await;
    plane.job_is(&pinned, "completed").await;
    plane.node_change("lab-a", json!({ "state": "cordoned" })).await;
    for _ in 0..3 {
        let job = plane.ping().await;
        b.carry_out().await;
        assert_eq!(plane.job_is(&job, "completed").await["node"], "lab-b");
    }
    a.is_idle().await;
    a.exited(&start, 0).await;
    plane.job_is(&old, "completed").await;
    plane.node_change("lab-b", json!({ "state": "cordoned" })).await;
    plane.node_change("lab-a", json!({ "state": "enabled" })).await;
    let job = plane.ping().await;
    a.carry_out().await;
    assert_eq!(plane.job_is(&job, "completed").await["node"], "lab-a");
}

#[tokio::test]
async fn a_run_that_a_node_has_no_slot_for_goes_back() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 2).await;
    let id = plane.ping().await;
    let start = agent.start().await;
    agent.refuse(&start, RefusedWhy::NoSlot).await;
    let again = agent.start().await;
    assert_eq!(again.run_id, start.run_id);
    assert_eq!(plane.job_is(&id, "running").await["attempt"], 1);
    agent.exited(&again, 0).await;
    let job = plane.job_is(&id, "completed").await;
    assert_eq!(attempts(&job), [(1, "near".to_owned(), "exited".to_owned())]);
    let broken = plane.ping().await;
    let start = agent.start().await;
    agent.refuse(&start, RefusedWhy::BadCommand).await;
    assert_eq!(plane.job_is(&broken, "error").await["reason"], "not-started");
}

#[tokio::test]
async fn a_node_without_credit_gets_nothing() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 2).await;
    agent.equip(0).await;
    let id = plane.ping().await;
    agent.is_idle().await;
    assert_eq!(plane.job(&id).await["status"], "waiting");
    agent.equip(2).await;
    let Message::Start(start) = agent.next().await else { panic!("no start") };
    agent.exited(&start, 7).await;
    assert_eq!(plane.job_is(&id, "completed").await["exit_code"], 7);
}

#[tokio::test]
async fn a_disabled_node_gives_its_runs_up() {
    let plane = Plane::new().await;
    let (mut a, mut b) = (Agent::join(&plane, "lab-a", 1).await, Agent::join(&plane, "lab-b", 1).await);
    plane.node_change("lab-b", json!({ "state": "cordoned" })).await;
    let id = plane.ping().await;
    let lost = a.start().await;
    a.started(&lost).await;
    plane.node_change("lab-b", json!({ "state": "enabled" })).await;
    plane.node_change("lab-a", json!({ "state": "disabled" })).await;
    assert_eq!(a.cancel().await, lost.run_id);
    a.ended(end(&lost, Reason::Cancelled)).await;
    b.carry_out().await;
    let job = plane.job_is(&id, "completed").await;
    assert_eq!(attempts(&job), [(1, "near".into(), "lost".into()), (2, "near".into(), "exited".into())]);
    plane.call(&plane.admin, "DELETE", "/api/v1/nodes/lab-a", serde_json::Value::Null).await.expect(204);
}

/// Starts that were made count against the cap, whatever else went wrong in the same round.
#[tokio::test]
async fn a_round_counts_what_it_started_though_a_batch_failed() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 2).await;
    agent.equip(0).await;
    plane.sql("CREATE TRIGGER broken BEFORE UPDATE ON lab_batch BEGIN SELECT RAISE(ABORT, 'broken'); END").await;
    let body = json!({ "tool": "ping", "args": ["192.0.2.1"], "array": { "from": 1, "to": 1 } });
    plane.call(&plane.admin, "POST", "/api/v1/batches", body).await.expect(202);
    plane.ping().await;
    agent.equip(2).await;
    agent.start().await;
    agent.settled().await;
    let counted = async {
        while plane.metric("amphi_run_dispatched_total").await == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::plane::DEADLINE, counted).await.expect("the start is counted");
}
