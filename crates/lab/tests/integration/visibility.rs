//! Who may see and change a job.

use serde_json::{Value, json};
use wire::proto::Reason;

use crate::agent::{Agent, end};
use crate::plane::{Plane, Reply};

/// Every operation on a job.
async fn operations(plane: &Plane, token: &str, id: &str) -> Vec<(String, Reply)> {
    let job = format!("/api/v1/jobs/{id}");
    let mut replies = Vec::new();
    for (method, path, body) in [
        ("GET", job.clone(), Value::Null),
        ("GET", format!("{job}/output"), Value::Null),
        ("GET", format!("{job}/live"), Value::Null),
        ("PATCH", job.clone(), json!({ "name": "mine now" })),
        ("PATCH", job.clone(), json!({ "pinned": true })),
        ("POST", format!("{job}/cancel"), Value::Null),
        ("POST", format!("{job}/retry"), Value::Null),
        ("DELETE", job.clone(), Value::Null),
    ] {
        replies.push((format!("{method} {path}"), plane.call(token, method, &path, body).await));
    }
    replies
}

#[tokio::test]
async fn another_learners_job_is_not_there() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let (ada, bob) = (plane.account("ada", "learner").await, plane.account("bob", "learner").await);
    let submit = json!({ "tool": "ping", "args": ["192.0.2.1"] });
    let job = plane.call(&ada, "POST", "/api/v1/jobs", submit).await.expect(202);
    let id = job["id"].as_str().unwrap();
    agent.carry_out().await;
    let before = plane.job_is(id, "completed").await;
    let nowhere = uuid::Uuid::now_v7().to_string();
    for unknown in [id, &nowhere, "1", "%00", "..%2f"] {
        for (operation, reply) in operations(&plane, &bob, unknown).await {
            assert_eq!(reply.problem(404), "job-unknown", "{operation}");
        }
    }
    for scope in ["", "?scope=all", "?scope=class", "?scope=mine", "?scope=pinned", "?q=ping"] {
        let list = plane.get(&bob, &format!("/api/v1/jobs{scope}")).await.expect(200);
        assert_eq!(list["items"], json!([]), "{scope}");
    }
    assert_eq!(plane.job(id).await, before);
    assert_eq!(plane.get(&ada, "/api/v1/jobs?scope=mine").await.expect(200)["items"][0]["id"], id);
}

#[tokio::test]
async fn a_pinned_job_is_seen_by_the_class_and_changed_by_its_owner() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let (ada, bob) = (plane.account("ada", "learner").await, plane.account("bob", "learner").await);
    let teacher = plane.account("tea", "teacher").await;
    let id = plane.ping().await;
    agent.carry_out().await;
    plane.job_is(&id, "completed").await;
    let path = format!("/api/v1/jobs/{id}");
    plane.call(&plane.admin, "PATCH", &path, json!({ "pinned": true })).await.expect(200);
    let own = plane.call(&ada, "POST", "/api/v1/jobs", json!({ "tool": "ping", "args": ["192.0.2.2"] })).await;
    let own = own.expect(202)["id"].as_str().unwrap().to_owned();
    let list = plane.get(&ada, "/api/v1/jobs").await.expect(200);
    let ids: Vec<_> = list["items"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [id.as_str(), &own], "pinned first");
    assert_eq!(plane.get(&bob, &path).await.expect(200)["pinned"], true);
    assert_eq!(plane.get(&bob, &format!("{path}/output")).await.text(), "done\n");
    for (method, path, body) in [
        ("PATCH", path.clone(), json!({ "name": "mine now" })),
        ("PATCH", path.clone(), json!({ "pinned": false })),
        ("POST", format!("{path}/cancel"), Value::Null),
        ("POST", format!("{path}/retry"), Value::Null),
        ("DELETE", path.clone(), Value::Null),
    ] {
        assert_eq!(plane.call(&bob, method, &path, body).await.problem(403), "job-of-another", "{method} {path}");
    }
    plane.call(&teacher, "PATCH", &path, json!({ "pinned": false })).await.expect(200);
    assert_eq!(plane.get(&bob, &path).await.problem(404), "job-unknown");
    plane.get(&teacher, &path).await.expect(200);
    assert_eq!(plane.call(&teacher, "DELETE", &path, Value::Null).await.problem(403), "job-of-another");
}

#[tokio::test]
async fn an_account_leaves_and_its_running_job_is_stopped() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let ada = plane.account("ada", "learner").await;
    let submit = json!({ "tool": "ping", "args": ["192.0.2.1"] });
    plane.call(&ada, "POST", "/api/v1/jobs", submit).await.expect(202);
    let start = agent.start().await;
    agent.started(&start).await;
    let account = plane.get(&ada, "/api/v1/me").await.expect(200)["id"].as_str().unwrap().to_owned();
    plane.call(&plane.admin, "DELETE", &format!("/api/v1/accounts/{account}"), Value::Null).await.expect(204);
    assert_eq!(agent.cancel().await, start.run_id);
    agent.output(&start, 0, "late\n").await;
    agent.ended(end(&start, Reason::Cancelled)).await;
    for table in ["lab_job", "lab_run", "lab_output"] {
        assert_eq!(plane.count(table).await, 0, "{table}");
    }
    let id = plane.ping().await;
    agent.carry_out().await;
    plane.job_is(&id, "completed").await;
}

#[tokio::test]
async fn a_class_is_one_tenants_for_operators_too() {
    let plane = Plane::new().await;
    let _agent = Agent::join(&plane, "lab-a", 1).await;
    let new = json!({ "name": "other", "title": "Other" });
    let tenant = plane.call(&plane.admin, "POST", "/api/v1/tenants", new).await.expect(201);
    let password = "correct horse battery";
    let new =
        json!({ "login": "eve", "name": "eve", "role": "operator", "password": password, "tenant": tenant["id"] });
    plane.call(&plane.admin, "POST", "/api/v1/accounts", new).await.expect(201);
    let eve = plane.token("eve", Value::Null).await;
    let here = plane.ping().await;
    let submit = json!({ "tool": "ping", "args": ["192.0.2.1"] });
    let there = plane.call(&eve, "POST", "/api/v1/jobs", submit).await.expect(202)["id"].clone();
    for (token, own) in [(&plane.admin, &json!(here)), (&eve, &there)] {
        let list =
            async |scope: &str| plane.get(token, &format!("/api/v1/jobs{scope}")).await.expect(200)["items"].clone();
        for scope in ["", "?scope=all"] {
            assert_eq!(list(scope).await.as_array().unwrap().len(), 2, "{scope}");
        }
        let class = list("?scope=class").await;
        assert_eq!((class.as_array().unwrap().len(), &class[0]["id"]), (1, own));
    }
}
