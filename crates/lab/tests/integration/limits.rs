//! Quotas of an account, caps of the testbed.

use std::time::Duration;

use axum::http::header;
use serde_json::{Value, json};
use wire::proto::{Heartbeat, from_agent};

use crate::agent::Agent;
use crate::plane::Plane;

fn ping() -> Value {
    json!({ "tool": "ping", "args": ["192.0.2.1"] })
}

#[tokio::test]
async fn a_learner_has_so_many_waiting_and_so_many_an_hour() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    agent.equip(0).await;
    let ada = plane.account("ada", "learner").await;
    let bob = plane.account("bob", "learner").await;
    plane.policy(json!({ "account_waiting_max": 2, "account_hourly_max": 4 })).await;
    let submit = async |token: &str| plane.call(token, "POST", "/api/v1/jobs", ping()).await;
    for round in 0..2 {
        let first = submit(&ada).await.expect(202)["id"].as_str().unwrap().to_owned();
        let second = submit(&ada).await.expect(202)["id"].as_str().unwrap().to_owned();
        let refused = submit(&ada).await;
        assert_eq!(refused.problem(429), "too-many-waiting", "round {round}");
        assert_eq!(refused.headers[header::RETRY_AFTER], "30");
        let message = refused.json()["message"].as_str().unwrap().to_owned();
        insta::allow_duplicates! {
            insta::assert_snapshot!(message, @"2 of your experiments and programs wait already; 2 may. Wait for one to end, or cancel one.");
        }
        for id in [first, second] {
            plane.call(&ada, "POST", &format!("/api/v1/jobs/{id}/cancel"), Value::Null).await.expect(202);
        }
    }
    let refused = submit(&ada).await;
    assert_eq!(refused.problem(429), "too-many-hourly");
    assert!(refused.headers.contains_key(header::RETRY_AFTER));
    submit(&bob).await.expect(202);
    for _ in 0..3 {
        submit(&plane.admin).await.expect(202);
    }
    plane.clock.advance(Duration::from_secs(3_600));
    submit(&ada).await.expect(202);
    assert_eq!(plane.count("lab_job").await, 9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_once_no_more_than_the_quota_are_accepted() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    agent.equip(0).await;
    let ada = plane.account("ada", "learner").await;
    plane.policy(json!({ "account_waiting_max": 7 })).await;
    let submissions = (0..20).map(|_| plane.call(&ada, "POST", "/api/v1/jobs", ping()));
    let replies = futures::future::join_all(submissions).await;
    let accepted = replies.iter().filter(|reply| reply.status == 202).count();
    assert_eq!((accepted, plane.count("lab_job").await), (7, 7));
    for refused in replies.iter().filter(|reply| reply.status != 202) {
        assert_eq!(refused.problem(429), "too-many-waiting");
    }
}

#[tokio::test]
async fn no_more_runs_are_on_the_testbed_than_allowed() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 4).await;
    plane.policy(json!({ "in_flight_max": 2 })).await;
    let mut jobs = Vec::new();
    for _ in 0..3 {
        jobs.push(plane.ping().await);
    }
    let (first, _second) = (agent.start().await, agent.start().await);
    agent.is_idle().await;
    assert_eq!(plane.job(&jobs[2]).await["place"], 1);
    agent.exited(&first, 0).await;
    agent.start().await;
    plane.job_is(&jobs[2], "running").await;
    agent.is_idle().await;
}

#[tokio::test]
async fn no_more_runs_start_within_a_minute_than_allowed() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 4).await;
    plane.policy(json!({ "starts_per_minute_max": 2 })).await;
    let mut jobs = Vec::new();
    for _ in 0..4 {
        jobs.push(plane.ping().await);
    }
    agent.carry_out().await;
    agent.carry_out().await;
    agent.is_idle().await;
    assert_eq!(plane.job(&jobs[2]).await["status"], "waiting");
    plane.clock.advance(Duration::from_secs(30));
    agent.send(from_agent::Message::Heartbeat(Heartbeat::default())).await;
    agent.carry_out().await;
    plane.job_is(&jobs[2], "completed").await;
    agent.is_idle().await;
    assert_eq!(plane.job(&jobs[3]).await["status"], "waiting");
}

#[tokio::test]
async fn a_policy_is_checked_and_an_operators() {
    let plane = Plane::new().await;
    let ada = plane.account("ada", "teacher").await;
    assert_eq!(plane.get(&ada, "/api/v1/policy").await.problem(403), "role-needed");
    assert_eq!(plane.call(&ada, "PUT", "/api/v1/policy", json!({})).await.problem(403), "role-needed");
    for (policy, code, field) in [
        (json!({ "in_flight_max": 0 }), "policy", "in_flight_max"),
        (json!({ "refused_networks": ["10.0.0.0/33"] }), "policy", "refused_networks"),
        (json!({ "refused_names": ["a b"] }), "policy", "refused_names"),
        (json!({ "in_flight": 1 }), "unknown-field", "in_flight"),
        (json!({ "in_flight_max": -1 }), "invalid-field", "in_flight_max"),
    ] {
        let reply = plane.call(&plane.admin, "PUT", "/api/v1/policy", policy.clone()).await;
        assert_eq!((reply.problem(400).as_str(), reply.json()["field"].as_str()), (code, Some(field)), "{policy}");
    }
    plane.policy(json!({ "in_flight_max": 3 })).await;
    let policy = plane.get(&plane.admin, "/api/v1/policy").await.expect(200);
    assert_eq!((&policy["in_flight_max"], &policy["account_waiting_max"]), (&json!(3), &json!(50)));
}

/// What a submission would be refused for, another attempt is refused for.
#[tokio::test]
async fn another_attempt_is_held_to_the_same_limits() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    agent.equip(0).await;
    let ada = plane.account("ada", "learner").await;
    let submit = async |body: Value| {
        let job = plane.call(&ada, "POST", "/api/v1/jobs", body).await.expect(202);
        format!("/api/v1/jobs/{}", job["id"].as_str().unwrap())
    };
    let retry = async |token: &str, job: &str| plane.call(token, "POST", &format!("{job}/retry"), Value::Null).await;
    let anywhere = submit(ping()).await;
    let on_node = submit(crate::agent::ping_on("lab-a")).await;
    for job in [&anywhere, &on_node] {
        plane.call(&ada, "POST", &format!("{job}/cancel"), Value::Null).await.expect(202);
    }
    for (policy, code) in [
        (json!({ "refused_networks": ["192.0.2.0/24"] }), "address-refused"),
        (json!({ "account_hourly_max": 2 }), "too-many-hourly"),
    ] {
        plane.policy(policy).await;
        assert_eq!(retry(&ada, &anywhere).await.json()["code"], code);
    }
    plane.policy(json!({ "account_waiting_max": 1 })).await;
    plane.node_change("lab-a", json!({ "state": "cordoned" })).await;
    assert_eq!(retry(&ada, &on_node).await.problem(409), "node-out");
    assert_eq!(retry(&plane.admin, &on_node).await.problem(409), "node-out", "an operator's, too");
    plane.node_change("lab-a", json!({ "state": "enabled" })).await;
    assert_eq!(plane.count("lab_run").await, 2, "nothing was begun");
    retry(&ada, &on_node).await.expect(202);
    assert_eq!(retry(&ada, &anywhere).await.problem(429), "too-many-waiting");
    assert_eq!(retry(&ada, &on_node).await.problem(409), "not-retryable", "what waits is not over, whatever the quota");
    retry(&plane.admin, &anywhere).await.expect(202);
}
