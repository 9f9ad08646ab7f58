//! Delivery is at least once: what an agent says twice, late or out of date changes nothing, and is answered.

use serde_json::json;
use wire::proto::from_agent::Message as Say;
use wire::proto::to_agent::Message;
use wire::proto::{Ended, Output, Reason, RefusedWhy, Start, Started};

use crate::agent::{Agent, attempts, end, output, ping_on, started};
use crate::plane::Plane;

async fn text(plane: &Plane, id: &str) -> String {
    plane.get(&plane.admin, &format!("/api/v1/jobs/{id}/output")).await.text()
}

#[tokio::test]
async fn said_twice_is_said_once() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let id = plane.ping().await;
    let start = agent.start().await;
    let later = Started { at_ms: 1_790_000_009_999, argv: vec!["other".into()], ..started(&start) };
    agent.send(Say::Started(started(&start))).await;
    agent.send(Say::Started(later)).await;
    for text in ["first\n", "first, told otherwise\n"] {
        agent.output(&start, 0, text).await;
    }
    agent.settled().await;
    agent.output(&start, 0, "first, once more\n").await;
    agent.output(&start, 1, "second\n").await;
    let before = plane.job_when(&id, |job| job["started"].is_string()).await;
    // Both ends arrive in one group: the first counts.
    agent.send(Say::Ended(Ended { exit_code: 4, ..end(&start, Reason::Exited) })).await;
    agent.send(Say::Ended(end(&start, Reason::WallTime))).await;
    agent.acknowledged(&start.run_id).await;
    agent.settled().await;
    let job = plane.job_is(&id, "completed").await;
    assert_eq!((&job["exit_code"], &job["reason"]), (&json!(4), &json!(null)));
    assert_eq!(job["started"], before["started"]);
    assert_eq!(job["attempts"][0]["argv"], json!(start.argv));
    assert_eq!(text(&plane, &id).await, "first\nsecond\n");
    // An acknowledgement that was lost: the end is told again, much later.
    agent.send(Say::Ended(Ended { exit_code: 9, ..end(&start, Reason::Exited) })).await;
    agent.acknowledged(&start.run_id).await;
    assert_eq!(plane.job(&id).await, job);
}

#[tokio::test]
async fn output_is_acknowledged_when_it_is_safe() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let id = plane.ping().await;
    let start = agent.start().await;
    agent.output(&start, 0, "a").await;
    agent.output(&start, 1, "b").await;
    loop {
        let Message::OutputAck(ack) = agent.next().await else { panic!("no acknowledgement") };
        assert_eq!(ack.run_id, start.run_id);
        let stored = text(&plane, &id).await.len() as u64;
        assert!(ack.next_seq <= stored, "{} acknowledged, {stored} stored", ack.next_seq);
        if ack.next_seq == 2 {
            return;
        }
    }
}

/// Says each of these and expects to be told to stop and to forget the run.
async fn is_refused(agent: &mut Agent, run_id: &str, message: Say) {
    agent.send(message).await;
    let Message::Cancel(cancel) = agent.next().await else { panic!("no cancel") };
    assert_eq!((cancel.run_id.as_str(), cancel.epoch), (run_id, agent.epoch));
    let Message::EndedAck(ack) = agent.next().await else { panic!("no acknowledgement") };
    assert_eq!(ack.run_id, run_id);
}

#[tokio::test]
async fn what_comes_after_the_end_or_of_no_run_is_refused() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let id = plane.ping().await;
    let over = agent.carry_out().await;
    agent.settled().await;
    agent.is_idle().await;
    let job = plane.job_is(&id, "completed").await;
    is_refused(&mut agent, &over.run_id, Say::Output(output(&over, 1, "late\n"))).await;
    is_refused(&mut agent, &over.run_id, Say::Started(started(&over))).await;
    for run_id in [uuid::Uuid::now_v7().to_string(), "no id".to_owned(), String::new()] {
        let invented = Start { run_id: run_id.clone(), ..over.clone() };
        is_refused(&mut agent, &run_id, Say::Output(output(&invented, 0, "x"))).await;
        is_refused(&mut agent, &run_id, Say::Started(started(&invented))).await;
    }
    assert_eq!(plane.job(&id).await, job);
    assert_eq!((text(&plane, &id).await.as_str(), plane.count("lab_output").await), ("done\n", 1));
}

#[tokio::test]
async fn a_refusal_of_a_closed_run_ends_the_talk() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    plane.ping().await;
    let over = agent.carry_out().await;
    agent.settled().await;
    agent.drop_pending();
    is_refused(&mut agent, &over.run_id, Say::Output(output(&over, 1, "late\n"))).await;
    // As an agent answers that has forgotten the run by then.
    agent.refuse(&over, RefusedWhy::UnknownRun).await;
    agent.send(Say::Ended(end(&over, Reason::Exited))).await;
    match agent.next().await {
        Message::EndedAck(ack) => assert_eq!(ack.run_id, over.run_id),
        other => panic!("the refusal was answered by {other:?}"),
    }
}

#[tokio::test]
async fn what_is_of_another_epoch_is_refused() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let id = plane.ping().await;
    let start = agent.start().await;
    for epoch in [start.epoch - 1, start.epoch + 1, u64::MAX] {
        let other = Start { epoch, ..start.clone() };
        is_refused(&mut agent, &start.run_id, Say::Started(started(&other))).await;
        is_refused(&mut agent, &start.run_id, Say::Output(output(&other, 0, "x"))).await;
        agent.send(Say::Ended(end(&other, Reason::Exited))).await;
        agent.settled().await;
        agent.drop_pending();
    }
    let job = plane.job(&id).await;
    assert_eq!((&job["status"], &job["started"]), (&json!("running"), &json!(null)));
    agent.exited(&start, 0).await;
    assert_eq!(attempts(&plane.job_is(&id, "completed").await), [(1, "near".into(), "exited".into())]);
}

/// A node may not speak for another's run.
#[tokio::test]
async fn a_run_of_another_node_is_refused() {
    let plane = Plane::new().await;
    let (mut a, mut b) = (Agent::join(&plane, "lab-a", 1).await, Agent::join(&plane, "lab-b", 1).await);
    let id = plane.submit(ping_on("lab-a")).await;
    let start = a.start().await;
    is_refused(&mut b, &start.run_id, Say::Output(output(&start, 0, "forged\n"))).await;
    b.send(Say::Ended(end(&start, Reason::Exited))).await;
    b.settled().await;
    assert_eq!(plane.job(&id).await["status"], "running");
    a.exited(&start, 0).await;
    plane.job_is(&id, "completed").await;
    assert_eq!(text(&plane, &id).await, "");
}

#[tokio::test]
async fn numbers_beyond_measure_are_borne() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let id = plane.ping().await;
    let start = agent.start().await;
    for seq in [u64::MAX, i64::MAX as u64, 1 << 40] {
        agent.send(Say::Output(Output { seq, at_ms: i64::MIN, ..output(&start, 0, "x") })).await;
        agent.settled().await;
    }
    agent.send(Say::Started(Started { at_ms: i64::MAX, ..started(&start) })).await;
    agent.ended(Ended { exit_code: i32::MIN, reason: 99, at_ms: i64::MIN, ..end(&start, Reason::Exited) }).await;
    plane.job_is(&id, "completed").await;
}

#[tokio::test]
async fn output_on_no_channel_is_dropped_and_harms_nobody() {
    let plane = Plane::new().await;
    let (mut a, mut b) = (Agent::join(&plane, "lab-a", 1).await, Agent::join(&plane, "lab-b", 1).await);
    let (bad, good) = (plane.submit(ping_on("lab-a")).await, plane.submit(ping_on("lab-b")).await);
    let (bad_start, good_start) = (a.start().await, b.start().await);
    for (seq, channel) in (0..).zip([3, 77, 70_000, -1, i32::MIN, i32::MAX]) {
        a.send(Say::Output(Output { channel, ..output(&bad_start, seq, "x") })).await;
        b.output(&good_start, seq, "y").await;
    }
    a.output(&bad_start, 6, "kept\n").await;
    a.exited(&bad_start, 0).await;
    b.exited(&good_start, 0).await;
    for (id, said) in [(bad, "kept\n"), (good, "yyyyyy")] {
        plane.job_is(&id, "completed").await;
        assert_eq!(text(&plane, &id).await, said);
    }
}

#[tokio::test]
async fn output_of_another_epoch_uses_up_nothing() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let id = plane.ping().await;
    let start = agent.start().await;
    let other = Start { epoch: start.epoch + 1, ..start.clone() };
    // More than is kept of one run.
    let much = "x".repeat(512 * 1024);
    for seq in 0..5 {
        is_refused(&mut agent, &start.run_id, Say::Output(output(&other, seq, &much))).await;
    }
    agent.output(&start, 0, "kept\n").await;
    agent.exited(&start, 0).await;
    plane.job_is(&id, "completed").await;
    assert_eq!(text(&plane, &id).await, "kept\n");
}
