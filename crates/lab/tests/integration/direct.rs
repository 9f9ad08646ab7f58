//! Jobs that are given to a node as they are accepted, since nobody is before them.

use db::{Engine, Query, Write};
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::plane::Plane;

async fn submit(plane: &Plane) -> Value {
    let body = json!({ "tool": "ping", "args": ["192.0.2.1"] });
    plane.call(&plane.admin, "POST", "/api/v1/jobs", body).await.expect(202)
}

/// Submits until a job is placed with its acceptance: the dispatcher leaves starts to submissions once it has looked.
async fn placed(plane: &Plane, agent: &mut Agent) -> Value {
    let placed = async {
        loop {
            let job = submit(plane).await;
            if job["status"] == "running" {
                return job;
            }
            agent.carry_out().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), placed).await.expect("every job waits for the dispatcher")
}

#[tokio::test]
async fn a_job_that_nobody_is_before_is_placed_as_it_is_accepted() {
    let plane = Plane::new().await;
    if plane.db.engine() != Engine::Sqlite {
        return;
    }
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let first = placed(&plane, &mut agent).await;
    assert_eq!((&first["node"], &first["attempt"]), (&json!("lab-a"), &json!(1)));
    let start = agent.start().await;
    let (second, third) = (submit(&plane).await, submit(&plane).await);
    assert_eq!((&second["status"], &third["status"]), (&json!("waiting"), &json!("waiting")), "there is one slot");
    agent.exited(&start, 0).await;
    for job in [&second, &third] {
        agent.carry_out().await;
        plane.job_is(job["id"].as_str().unwrap(), "completed").await;
    }
    assert_eq!(plane.job(first["id"].as_str().unwrap()).await["status"], "completed");
}

/// The database knows more of the node than this replica does: the job is accepted, and waits.
#[tokio::test]
async fn a_job_whose_node_is_not_to_be_had_any_more_waits() {
    let plane = Plane::new().await;
    if plane.db.engine() != Engine::Sqlite {
        return;
    }
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let job = placed(&plane, &mut agent).await;
    agent.carry_out().await;
    plane.job_is(job["id"].as_str().unwrap(), "completed").await;
    let state = |state: &str| Write::new().step(Query::new("UPDATE lab_node SET state = ?").bind(state));
    plane.db.write(state("cordoned")).await.unwrap();
    let job = submit(&plane).await;
    assert_eq!((&job["status"], &job["node"]), (&json!("waiting"), &Value::Null));
    agent.is_idle().await;
    plane.db.write(state("enabled")).await.unwrap();
    agent.carry_out().await;
    plane.job_is(job["id"].as_str().unwrap(), "completed").await;
}
