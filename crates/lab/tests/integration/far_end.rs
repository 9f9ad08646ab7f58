//! Measurements between two nodes: the far end is started first, and both ends end together.

use serde_json::{Value, json};
use wire::proto::{Reason, Start};

use crate::agent::{Agent, attempts, end};
use crate::plane::Plane;

/// iperf3 from lab-a to lab-b.
async fn measure(plane: &Plane) -> String {
    plane.submit(json!({ "tool": "iperf3", "args": ["-t", "1", "lab-b"], "node": "lab-a" })).await
}

async fn two(plane: &Plane, slots: u32) -> (Agent, Agent) {
    (Agent::join(plane, "lab-a", slots).await, Agent::join(plane, "lab-b", slots).await)
}

async fn listens(agent: &Agent, far: &Start) {
    agent.started(far).await;
    agent.output(far, 0, "-----------------------\nServer listening on 20000 (test #1)\n").await;
}

fn port(start: &Start) -> String {
    let flag = start.argv.iter().position(|word| word == "-p").expect("a port");
    start.argv[flag + 1].clone()
}

async fn cancel(plane: &Plane, id: &str) {
    plane.call(&plane.admin, "POST", &format!("/api/v1/jobs/{id}/cancel"), Value::Null).await.expect(202);
}

#[tokio::test]
async fn the_near_end_starts_when_the_far_end_listens() {
    let plane = Plane::new().await;
    let (mut a, mut b) = two(&plane, 1).await;
    let id = measure(&plane).await;
    let far = b.start().await;
    assert_eq!(far.argv[..3], ["iperf3", "-s", "-1"]);
    // Its slot on the near node is kept: what comes meanwhile has to wait.
    let ping = plane.ping().await;
    b.started(&far).await;
    b.output(&far, 0, "starting\n").await;
    a.is_idle().await;
    b.is_idle().await;
    assert_eq!(plane.job(&id).await["status"], "waiting");
    b.output(&far, 1, "Server listening on 20000 (test #1)\n").await;
    let near = a.start().await;
    assert_eq!(near.argv[..3], ["iperf3", "-c", "192.0.2.77"], "the far node's address");
    assert_eq!(port(&near), port(&far));
    assert!(near.destination.is_none(), "nothing is left to look up");
    plane.job_is(&id, "running").await;
    a.started(&near).await;
    a.output(&near, 0, "10 Gbit/s\n").await;
    a.exited(&near, 0).await;
    let job = plane.job_is(&id, "completed").await;
    assert_eq!(job["node"], "lab-a");
    assert_eq!(b.cancel().await, far.run_id);
    b.ended(end(&far, Reason::Cancelled)).await;
    let job = plane.job_when(&id, |job| job["attempts"][0]["status"] == "cancelled").await;
    assert_eq!((&job["status"], &job["exit_code"]), (&json!("completed"), &json!(0)));
    assert_eq!(attempts(&job), [(1, "far".into(), "cancelled".into()), (1, "near".into(), "exited".into())]);
    let output = plane.get(&plane.admin, &format!("/api/v1/jobs/{id}/output")).await.text();
    assert_eq!(output, "10 Gbit/s\n", "the job's output is the near end's");
    plane.job_when(&ping, |job| job["status"] != "waiting").await;
}

#[tokio::test]
async fn a_far_end_that_fails_ends_the_job_and_frees_both_nodes() {
    let plane = Plane::new().await;
    let (mut a, mut b) = two(&plane, 1).await;
    let id = measure(&plane).await;
    let far = b.start().await;
    let failed = wire::proto::Ended { detail: "address in use".into(), exit_code: 1, ..end(&far, Reason::Exited) };
    b.ended(failed).await;
    let job = plane.job_is(&id, "error").await;
    assert_eq!(job["reason"], "far-end");
    assert_eq!(job["reason_text"], "the far end of the measurement could not be started: address in use");
    let ping = plane.submit(crate::agent::ping_on("lab-a")).await;
    a.carry_out().await;
    plane.job_is(&ping, "completed").await;
}

#[tokio::test]
async fn a_cancel_ends_both_ends() {
    let plane = Plane::new().await;
    let (mut a, mut b) = two(&plane, 1).await;
    let early = measure(&plane).await;
    let far = b.start().await;
    cancel(&plane, &early).await;
    assert_eq!(b.cancel().await, far.run_id);
    b.ended(end(&far, Reason::Cancelled)).await;
    plane.job_is(&early, "cancelled").await;

    let late = measure(&plane).await;
    let far = b.start().await;
    listens(&b, &far).await;
    let near = a.start().await;
    a.started(&near).await;
    cancel(&plane, &late).await;
    assert_eq!((a.cancel().await, b.cancel().await), (near.run_id.clone(), far.run_id.clone()));
    b.ended(end(&far, Reason::Cancelled)).await;
    a.ended(end(&near, Reason::Cancelled)).await;
    plane.job_is(&late, "cancelled").await;
}

/// The near end waits in the queue, since its node was cordoned when the far end listened.
async fn between(plane: &Plane, b: &mut Agent) -> (String, Start) {
    let id = measure(plane).await;
    let far = b.start().await;
    plane.node_change("lab-a", json!({ "state": "cordoned" })).await;
    listens(b, &far).await;
    b.settled().await;
    plane.job_when(&id, |job| job["attempts"].as_array().is_some_and(|runs| runs.len() == 2)).await;
    (id, far)
}

#[tokio::test]
async fn a_cancel_between_the_ends_ends_the_job() {
    let plane = Plane::new().await;
    let (mut a, mut b) = two(&plane, 1).await;
    let (id, far) = between(&plane, &mut b).await;
    cancel(&plane, &id).await;
    assert_eq!(b.cancel().await, far.run_id);
    b.ended(end(&far, Reason::Cancelled)).await;
    plane.job_is(&id, "cancelled").await;
    plane.node_change("lab-a", json!({ "state": "enabled" })).await;
    a.is_idle().await;
}

#[tokio::test]
async fn a_far_end_that_is_lost_takes_the_near_end_with_it() {
    let plane = Plane::new().await;
    let (mut a, mut b) = two(&plane, 1).await;
    let (id, _) = between(&plane, &mut b).await;
    b.reboot(&plane, "boot-2").await;
    let job = plane.job_is(&id, "error").await;
    assert_eq!(job["reason"], "node-lost");
    assert_eq!(attempts(&job), [(1, "far".into(), "lost".into()), (1, "near".into(), "cancelled".into())]);
    plane.node_change("lab-a", json!({ "state": "enabled" })).await;
    a.is_idle().await;
}

#[tokio::test]
async fn a_control_plane_that_was_away_takes_the_measurement_up() {
    let plane = Plane::new().await;
    let (mut a, mut b) = two(&plane, 1).await;
    let id = measure(&plane).await;
    let far = b.start().await;
    b.started(&far).await;
    b.settled().await;
    let plane = plane.restart().await;
    a.reconnect(&plane).await;
    a.equip(1).await;
    b.reconnect(&plane).await;
    listens(&b, &far).await;
    let near = a.start().await;
    // As if it had stopped after it stored what the far end said and before it queued the near end.
    a.exited(&near, 0).await;
    let undo = [
        "DELETE FROM lab_run WHERE role = 'near'",
        "UPDATE lab_job SET state = 'waiting', exit_code = NULL, completed_ms = NULL",
        "UPDATE lab_run SET state = 'running'",
    ];
    let write = undo.into_iter().fold(db::Write::new(), |write, sql| write.step(db::Query::new(sql)));
    plane.db.write(write).await.unwrap();
    let plane = plane.restart().await;
    a.reconnect(&plane).await;
    a.equip(1).await;
    b.reconnect(&plane).await;
    let near = a.start().await;
    assert_eq!(port(&near), port(&far));
    a.exited(&near, 0).await;
    plane.job_is(&id, "completed").await;
}

#[tokio::test]
async fn far_ends_on_each_others_nodes_do_not_block_each_other() {
    let plane = Plane::new().await;
    let (mut a, mut b) = two(&plane, 1).await;
    let there = measure(&plane).await;
    let back = plane.submit(json!({ "tool": "iperf3", "args": ["lab-a"], "node": "lab-b" })).await;
    let far = b.start().await;
    listens(&b, &far).await;
    let near = a.start().await;
    a.exited(&near, 0).await;
    b.exited(&far, 0).await;
    plane.job_is(&there, "completed").await;
    let far = a.start().await;
    listens(&a, &far).await;
    let near = b.start().await;
    b.exited(&near, 0).await;
    plane.job_is(&back, "completed").await;
}

/// The agent dials again where its stream ends; one that stays open with nobody behind it would keep the node away for
/// good.
#[tokio::test]
async fn a_node_that_was_not_admitted_is_let_go() {
    let plane = Plane::new().await;
    let (_a, mut b) = two(&plane, 1).await;
    measure(&plane).await;
    let far = b.start().await;
    b.started(&far).await;
    b.settled().await;
    plane.sql("ALTER TABLE lab_output RENAME TO lab_output_away").await;
    b.reconnect(&plane).await;
    assert!(b.link.next().await.is_none());
    plane.sql("ALTER TABLE lab_output_away RENAME TO lab_output").await;
    b.reconnect(&plane).await;
    b.settled().await;
}
