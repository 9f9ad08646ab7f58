//! Cancelling, trying again, deleting.

use serde_json::Value;
use wire::proto::{Reason, from_agent};

use crate::agent::{Agent, attempts, end, started};
use crate::plane::Plane;

async fn cancel(plane: &Plane, id: &str) -> Value {
    plane.call(&plane.admin, "POST", &format!("/api/v1/jobs/{id}/cancel"), Value::Null).await.expect(202)
}

#[tokio::test]
async fn what_waits_is_over_at_once() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let first = plane.ping().await;
    let start = agent.start().await;
    let waiting = plane.ping().await;
    assert_eq!(cancel(&plane, &waiting).await["status"], "cancelled");
    agent.exited(&start, 0).await;
    plane.job_is(&first, "completed").await;
    agent.is_idle().await;
    let path = format!("/api/v1/jobs/{waiting}/cancel");
    assert_eq!(plane.call(&plane.admin, "POST", &path, Value::Null).await.problem(409), "job-over");
    let job = plane.job(&waiting).await;
    assert_eq!(attempts(&job), [(1, "near".into(), "cancelled".into())]);
}

#[tokio::test]
async fn what_is_on_a_node_is_over_when_the_node_has_stopped_it() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 2).await;
    let (leased, running) = (plane.ping().await, plane.ping().await);
    let (first, second) = (agent.start().await, agent.start().await);
    agent.started(&second).await;
    for (id, start) in [(&leased, &first), (&running, &second)] {
        assert_eq!(cancel(&plane, id).await["status"], "running");
        assert_eq!(agent.cancel().await, start.run_id);
        agent.ended(end(start, Reason::Cancelled)).await;
        let job = plane.job_is(id, "cancelled").await;
        assert_eq!(attempts(&job), [(1, "near".into(), "cancelled".into())]);
    }
}

#[tokio::test]
async fn a_cancel_that_comes_too_late_changes_nothing() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let id = plane.ping().await;
    let start = agent.start().await;
    cancel(&plane, &id).await;
    agent.exited(&start, 0).await;
    assert_eq!(plane.job_is(&id, "completed").await["exit_code"], 0);
}

/// The link is away when somebody cancels: the node hears of it when it is back.
#[tokio::test]
async fn a_cancel_reaches_a_node_that_was_away() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let id = plane.ping().await;
    let start = agent.start().await;
    agent.started(&start).await;
    agent.settled().await;
    let plane = plane.restart().await;
    cancel(&plane, &id).await;
    agent.reconnect(&plane).await;
    assert_eq!(agent.cancel().await, start.run_id);
    agent.ended(end(&start, Reason::Cancelled)).await;
    plane.job_is(&id, "cancelled").await;
}

#[tokio::test]
async fn what_was_cancelled_can_be_tried_again_and_deleted() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let id = plane.ping().await;
    let start = agent.start().await;
    let path = format!("/api/v1/jobs/{id}");
    let retry = format!("{path}/retry");
    assert_eq!(plane.call(&plane.admin, "POST", &retry, Value::Null).await.problem(409), "not-retryable");
    assert_eq!(plane.call(&plane.admin, "DELETE", &path, Value::Null).await.problem(409), "job-open");
    agent.send(from_agent::Message::Started(started(&start))).await;
    agent.output(&start, 0, "first\n").await;
    cancel(&plane, &id).await;
    agent.cancel().await;
    agent.ended(end(&start, Reason::Cancelled)).await;
    plane.job_is(&id, "cancelled").await;
    let again = plane.call(&plane.admin, "POST", &retry, Value::Null).await.expect(202);
    assert_eq!((&again["attempt"], &again["completed"]), (&2.into(), &Value::Null));
    agent.carry_out().await;
    let job = plane.job_is(&id, "completed").await;
    assert_eq!(attempts(&job), [(1, "near".into(), "cancelled".into()), (2, "near".into(), "exited".into())]);
    assert_eq!(plane.call(&plane.admin, "POST", &retry, Value::Null).await.problem(409), "not-retryable");
    let output = async |query: &str| plane.get(&plane.admin, &format!("{path}/output{query}")).await.text();
    assert_eq!((output("").await.as_str(), output("?attempt=1").await.as_str()), ("done\n", "first\n"));
    assert_eq!(output("?stream=stderr").await, "");
    plane.call(&plane.admin, "DELETE", &path, Value::Null).await.expect(204);
    assert_eq!(plane.get(&plane.admin, &path).await.problem(404), "job-unknown");
    for table in ["lab_job", "lab_run", "lab_output"] {
        assert_eq!(plane.count(table).await, 0, "{table}");
    }
}
