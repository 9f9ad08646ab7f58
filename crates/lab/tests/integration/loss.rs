//! Nodes that go away with their runs: nothing that was accepted is forgotten, and nothing is shown done twice.

use std::time::Duration;

use serde_json::{Value, json};
use wire::proto::{Heartbeat, Reason, from_agent};

use crate::agent::{Agent, attempts, end, output, ping_on};
use crate::plane::Plane;

fn near(statuses: &[&str]) -> Vec<(i64, String, String)> {
    (1..).zip(statuses).map(|(attempt, status)| (attempt, "near".to_owned(), (*status).to_owned())).collect()
}

#[tokio::test]
async fn a_link_that_broke_loses_nothing() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 2).await;
    let id = plane.ping().await;
    let start = agent.start().await;
    agent.started(&start).await;
    agent.output(&start, 0, "before\n").await;
    agent.settled().await;
    agent.reconnect(&plane).await;
    // It sends again what was not acknowledged, and goes on under the epoch the run was given under.
    agent.output(&start, 0, "before\n").await;
    agent.output(&start, 1, "behind\n").await;
    agent.exited(&start, 0).await;
    let job = plane.job_is(&id, "completed").await;
    assert_eq!(attempts(&job), near(&["exited"]));
    let text = plane.get(&plane.admin, &format!("/api/v1/jobs/{id}/output")).await.text();
    assert_eq!(text, "before\nbehind\n");
}

#[tokio::test]
async fn an_agent_that_started_anew_has_lost_its_runs() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let id = plane.ping().await;
    let first = agent.start().await;
    agent.started(&first).await;
    agent.output(&first, 0, "lost\n").await;
    agent.settled().await;
    agent.reboot(&plane, "boot-2").await;
    let second = agent.start().await;
    assert_ne!(second.run_id, first.run_id);
    // The old process was not dead after all: what it says of the lost run is refused.
    agent.send(from_agent::Message::Output(output(&first, 1, "ghost\n"))).await;
    assert_eq!(agent.cancel().await, first.run_id);
    agent.exited(&second, 0).await;
    let job = plane.job_is(&id, "completed").await;
    assert_eq!(attempts(&job), near(&["lost", "exited"]));
    let output =
        async |attempt| plane.get(&plane.admin, &format!("/api/v1/jobs/{id}/output?attempt={attempt}")).await.text();
    assert_eq!((output(1).await.as_str(), output(2).await.as_str()), ("lost\n", ""));
}

#[tokio::test]
async fn three_times_lost_is_lost() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let id = plane.ping().await;
    for boot_id in ["boot-2", "boot-3", "boot-4"] {
        agent.start().await;
        agent.reboot(&plane, boot_id).await;
    }
    let job = plane.job_is(&id, "error").await;
    assert_eq!(job["reason"], "node-lost");
    assert_eq!(attempts(&job), near(&["lost", "lost", "lost"]));
    agent.is_idle().await;
}

/// Its node was there all the time, so "lost" alone would send people to look for a cut link.
#[tokio::test]
async fn a_node_that_lost_it_by_a_fault_says_how() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let id = plane.submit(json!({ "files": [{ "path": "main.py", "text": "pass" }] })).await;
    for _ in 0..3 {
        let start = agent.start().await;
        let detail = "the node's sandbox ended under it".to_owned();
        agent.ended(wire::proto::Ended { detail, ..end(&start, wire::proto::Reason::Lost) }).await;
    }
    let job = plane.job_is(&id, "error").await;
    let sentence = "the node was lost during the run: the node's sandbox ended under it";
    assert_eq!((&job["reason"], &job["reason_text"]), (&json!("node-lost"), &json!(sentence)));
    assert_eq!(job["attempts"][0]["detail"], "the node's sandbox ended under it");
}

#[tokio::test]
async fn what_is_not_safe_to_repeat_is_not_repeated() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let id = plane.submit(json!({ "tool": "iperf3", "args": ["192.0.2.1"] })).await;
    agent.start().await;
    agent.reboot(&plane, "boot-2").await;
    let job = plane.job_is(&id, "error").await;
    assert_eq!((&job["reason"], attempts(&job)), (&json!("node-lost"), near(&["lost"])));
    agent.is_idle().await;
}

#[tokio::test]
async fn a_cancelled_run_that_is_lost_is_not_tried_again() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let id = plane.ping().await;
    agent.start().await;
    plane.call(&plane.admin, "POST", &format!("/api/v1/jobs/{id}/cancel"), Value::Null).await.expect(202);
    agent.cancel().await;
    agent.reboot(&plane, "boot-2").await;
    assert_eq!(attempts(&plane.job_is(&id, "cancelled").await), near(&["lost"]));
    agent.is_idle().await;
}

/// Lets time pass until the node's lease is over, while the other node goes on saying that it is there.
async fn lease_ends(plane: &Plane, lives: &mut Agent, dead: &str) {
    plane.clock.advance(Duration::from_millis(10_001));
    lives.send(from_agent::Message::Heartbeat(Heartbeat::default())).await;
    lives.settled().await;
    plane.node_is(dead, "down").await;
}

#[tokio::test]
async fn the_runs_of_a_silent_node_go_to_another_when_its_lease_is_over() {
    let plane = Plane::new().await;
    let (mut a, mut b) = (Agent::join(&plane, "lab-a", 1).await, Agent::join(&plane, "lab-b", 1).await);
    plane.node_change("lab-b", json!({ "state": "cordoned" })).await;
    let id = plane.ping().await;
    let lost = a.start().await;
    a.started(&lost).await;
    a.settled().await;
    plane.node_change("lab-b", json!({ "state": "enabled" })).await;
    lease_ends(&plane, &mut b, "lab-a").await;
    b.carry_out().await;
    let job = plane.job_is(&id, "completed").await;
    assert_eq!((&job["node"], attempts(&job)), (&json!("lab-b"), near(&["lost", "exited"])));
    // The node was cut off, not dead: what it still runs it is told to stop, and what it says of it changes nothing.
    a.send(from_agent::Message::Output(output(&lost, 0, "ghost\n"))).await;
    a.send(from_agent::Message::Ended(end(&lost, Reason::Exited))).await;
    a.reconnect(&plane).await;
    assert_eq!(a.cancel().await, lost.run_id);
    a.settled().await;
    assert_eq!(attempts(&plane.job(&id).await), near(&["lost", "exited"]));
    assert_eq!(plane.get(&plane.admin, &format!("/api/v1/jobs/{id}/output")).await.text(), "done\n");
}

#[tokio::test]
async fn a_job_for_a_node_that_stays_away_ends() {
    let plane = Plane::new().await;
    let (a, mut b) = (Agent::join(&plane, "lab-a", 1).await, Agent::join(&plane, "lab-b", 1).await);
    drop(a);
    // Nobody has noticed yet, so it is accepted.
    let id = plane.submit(ping_on("lab-a")).await;
    lease_ends(&plane, &mut b, "lab-a").await;
    assert_eq!(plane.job(&id).await["status"], "waiting", "it may come back");
    plane.clock.advance(Duration::from_secs(20));
    let job = plane.job_is(&id, "error").await;
    assert_eq!((&job["reason"], &job["reason_text"]), (&json!("node-down"), &json!("node down")));
}

#[tokio::test]
async fn a_job_that_waits_too_long_is_told_so() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    agent.equip(0).await;
    plane.policy(json!({ "waiting_max_s": 60 })).await;
    let id = plane.ping().await;
    plane.clock.advance(Duration::from_secs(59));
    assert_eq!(plane.job(&id).await["status"], "waiting");
    plane.clock.advance(Duration::from_secs(1));
    let job = plane.job_is(&id, "error").await;
    assert_eq!((&job["reason"], &job["reason_text"]), (&json!("too-busy"), &json!("too busy, come back later")));
    agent.equip(1).await;
    agent.is_idle().await;
}

/// A replica that has just come back takes nothing from nodes that could not reach it.
#[tokio::test]
async fn a_control_plane_that_was_away_takes_its_nodes_back() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let id = plane.ping().await;
    let start = agent.start().await;
    agent.started(&start).await;
    agent.settled().await;
    let waiting = plane.ping().await;
    plane.clock.advance(Duration::from_secs(3_600));
    let plane = plane.restart().await;
    agent.reconnect(&plane).await;
    agent.equip(0).await;
    assert_eq!(plane.job(&id).await["status"], "running");
    agent.exited(&start, 0).await;
    plane.job_is(&id, "completed").await;
    let job = plane.job_is(&waiting, "error").await;
    assert_eq!(job["reason"], "too-busy");
}

/// A Start that fell into the gap: the agent never had it.
#[tokio::test]
async fn a_start_that_never_arrived_is_made_up_for() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let id = plane.ping().await;
    plane.job_is(&id, "running").await;
    agent.reconnect(&plane).await;
    agent.equip(1).await;
    let start = agent.start().await;
    agent.exited(&start, 0).await;
    assert_eq!(attempts(&plane.job_is(&id, "completed").await), near(&["lost", "exited"]));
}

/// While the database is away nobody can renew a lease, and agents whose streams broke with it need a moment to come
/// back.
#[tokio::test]
async fn a_database_that_was_away_costs_no_runs() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let id = plane.ping().await;
    let start = agent.start().await;
    agent.started(&start).await;
    agent.settled().await;
    plane.sql("ALTER TABLE lab_node RENAME TO lab_node_away").await;
    plane.clock.advance(Duration::from_secs(10));
    plane.duty_is("ending the runs of lost nodes", "failed").await;
    plane.sql("ALTER TABLE lab_node_away RENAME TO lab_node").await;
    plane.duty_is("ending the runs of lost nodes", "done").await;
    agent.is_idle().await;
    assert_eq!(attempts(&plane.job(&id).await), near(&["running"]));
    // It is back, and the node is not.
    plane.clock.advance(Duration::from_secs(10));
    plane.job_when(&id, |job| attempts(job) == near(&["lost", "waiting"])).await;
}

/// Another replica lost it: it must not go on beside the next attempt.
#[tokio::test]
async fn a_run_that_others_ended_is_stopped() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    plane.ping().await;
    let start = agent.start().await;
    agent.started(&start).await;
    agent.settled().await;
    let lost = db::Query::new("UPDATE lab_run SET state = 'lost'");
    plane.db.write(db::Write::new().step(lost).event("cancels")).await.unwrap();
    assert_eq!(agent.cancel().await, start.run_id);
}

/// On an engine with several writers a lease can be committed just behind the look that its node's next session takes
/// at what is booked.
#[tokio::test]
async fn a_run_that_no_session_knows_is_made_up_for() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    agent.reconnect(&plane).await;
    let (of_an_old_lease, of_a_removed_node) = (plane.ping().await, plane.ping().await);
    let removed = uuid::Uuid::now_v7().to_string();
    for (job, node) in [(&of_an_old_lease, &agent.id), (&of_a_removed_node, &removed)] {
        let lease = "UPDATE lab_run SET state = 'leased', epoch = 1, node = ? WHERE job = ?";
        let lease = db::Query::new(lease).bind(node.as_str()).bind(job.as_str());
        plane.db.write(db::Write::new().step(lease)).await.unwrap();
        plane.job_when(job, |job| attempts(job) == near(&["lost", "waiting"])).await;
    }
    agent.equip(2).await;
    for _ in 0..2 {
        agent.carry_out().await;
    }
    for job in [&of_an_old_lease, &of_a_removed_node] {
        assert_eq!(attempts(&plane.job_is(job, "completed").await), near(&["lost", "exited"]));
    }
}
