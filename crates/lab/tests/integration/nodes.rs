//! Nodes as people and programs see them.

use std::time::Duration;

use serde_json::json;

use crate::agent::Agent;
use crate::plane::Plane;

#[tokio::test]
async fn a_node_is_shown_and_changed() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 2).await;
    let ada = plane.account("ada", "learner").await;
    let node = plane.get(&ada, "/api/v1/nodes/lab-a").await.expect(200);
    assert_eq!((&node["id"], &node["state"], &node["health"]), (&json!(agent.id), &json!("enabled"), &json!("up")));
    assert_eq!((&node["slots"], &node["running"], &node["addresses"]), (&json!(2), &json!(0), &json!(["192.0.2.77"])));
    assert_eq!(node["agent_slots"], 2);
    assert_eq!(node["tools"].as_array().unwrap().len(), 9);
    assert_eq!(node["last_seen"], "2026-09-21T14:13:20.000Z");
    assert_eq!(plane.get(&ada, &format!("/api/v1/nodes/{}", agent.id)).await.expect(200), node);
    plane.ping().await;
    agent.start().await;
    let change = json!({ "name": "lab-b", "slots": 1, "labels": { "site": "north" } });
    plane.node_change("lab-a", change).await;
    let node = plane.get(&ada, "/api/v1/nodes/lab-b").await.expect(200);
    assert_eq!((&node["running"], &node["labels"]), (&json!(1), &json!({ "site": "north" })));
    plane.ping().await;
    agent.is_idle().await;
    let list = plane.get(&ada, "/api/v1/nodes").await.expect(200);
    assert_eq!(list["items"], json!([node]));
}

#[tokio::test]
async fn changes_of_a_node_are_checked_and_an_operators() {
    let plane = Plane::new().await;
    let _agents = (Agent::join(&plane, "lab-a", 2).await, Agent::join(&plane, "lab-b", 2).await);
    let ada = plane.account("ada", "teacher").await;
    let patch = async |token: &str, change| plane.call(token, "PATCH", "/api/v1/nodes/lab-a", change).await;
    assert_eq!(patch(&ada, json!({ "state": "cordoned" })).await.problem(403), "role-needed");
    for (change, status, code, field) in [
        (json!({ "name": "Lab A" }), 400, "node-name", "name"),
        (json!({ "name": "lab-b" }), 409, "node-name-taken", "name"),
        (json!({ "state": "off" }), 400, "request", "state"),
        (json!({ "slots": 0 }), 400, "request", "slots"),
        (json!({ "slots": 1025 }), 400, "request", "slots"),
        (json!({ "labels": { "": "x" } }), 400, "request", "on"),
        (json!({ "health": "up" }), 400, "unknown-field", "health"),
    ] {
        let reply = patch(&plane.admin, change.clone()).await;
        assert_eq!((reply.problem(status).as_str(), reply.json()["field"].as_str()), (code, Some(field)), "{change}");
    }
    let unknown = plane.call(&plane.admin, "PATCH", "/api/v1/nodes/lab-x", json!({ "slots": 1 })).await;
    assert_eq!(unknown.problem(404), "node-unknown");
}

#[tokio::test]
async fn the_status_is_public_and_names_nobody() {
    let plane = Plane::new().await;
    let empty = plane.get("", "/api/v1/status").await.expect(200);
    assert_eq!((&empty["status"], &empty["nodes"]), (&json!("down"), &json!([])));
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let down = Agent::join(&plane, "lab-b", 1).await;
    let secret = json!({ "tool": "ping", "args": ["192.0.2.1"], "name": "private matter", "node": "lab-a" });
    for _ in 0..2 {
        plane.submit(secret.clone()).await;
    }
    agent.start().await;
    let same = plane.get("", "/api/v1/status").await.expect(200);
    assert_eq!(same, empty, "strangers make the database be read once a second");
    plane.clock.advance(Duration::from_secs(1));
    let status = plane.get("", "/api/v1/status").await;
    let json = status.expect(200);
    assert_eq!((&json["status"], &json["waiting"], &json["running"]), (&json!("up"), &json!(1), &json!(1)));
    assert!(!status.text().contains("private") && !status.text().contains("admin"));
    drop(down);
    plane.node_is("lab-b", "suspect").await;
    plane.clock.advance(Duration::from_secs(1));
    assert_eq!(plane.get("", "/api/v1/status").await.expect(200)["status"], "degraded");
}

#[tokio::test]
async fn tools_say_on_how_many_nodes_they_are() {
    let plane = Plane::new().await;
    let ada = plane.account("ada", "learner").await;
    let _agents = (Agent::join(&plane, "lab-a", 1).await, Agent::join(&plane, "lab-b", 1).await);
    plane.node_change("lab-b", json!({ "state": "disabled" })).await;
    let tools = plane.get(&ada, "/api/v1/tools").await.expect(200);
    let ping = tools.as_array().unwrap().iter().find(|tool| tool["name"] == "ping").unwrap();
    assert_eq!(ping["nodes"], 1);
    assert!(ping["options"].as_array().unwrap().iter().any(|option| option["name"] == "count"));
}
