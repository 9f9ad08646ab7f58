//! Batches through the API: taken as a whole, carried out element by element, counted, cancelled.

use serde_json::{Value, json};
use wire::proto::Tools;
use wire::proto::from_agent::Message;

use crate::agent::Agent;
use crate::plane::Plane;

async fn submit(plane: &Plane, token: &str, spread: Value) -> Value {
    let mut body = json!({ "tool": "ping", "args": ["-c", "{index}", "192.0.2.1"] });
    body.as_object_mut().unwrap().extend(spread.as_object().unwrap().clone());
    plane.call(token, "POST", "/api/v1/batches", body).await.expect(202)
}

async fn show(plane: &Plane, batch: &Value) -> Value {
    let path = format!("/api/v1/batches/{}", batch["id"].as_str().unwrap());
    plane.get(&plane.admin, &path).await.expect(200)
}

/// What stands behind `-c`.
fn count_of(start: &wire::proto::Start) -> &str {
    let place = start.argv.iter().position(|word| word == "-c").expect("-c");
    &start.argv[place + 1]
}

fn counts(batch: &Value) -> [i64; 5] {
    ["waiting", "running", "done", "failed", "cancelled"].map(|count| batch[count].as_i64().unwrap())
}

#[tokio::test]
async fn elements_are_carried_out_in_order_and_counted() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 2).await;
    let batch = submit(&plane, &plane.admin, json!({ "array": { "from": 2, "to": 5 }, "name": "four" })).await;
    assert_eq!((batch["count"].clone(), batch["status"].clone()), (json!(4), json!("waiting")));
    let (first, second) = (agent.start().await, agent.start().await);
    assert_eq!((count_of(&first), count_of(&second)), ("2", "3"));
    agent.is_idle().await;
    assert_eq!(counts(&show(&plane, &batch).await), [2, 2, 0, 0, 0]);
    agent.started(&first).await;
    agent.exited(&first, 0).await;
    agent.exited(&second, 1).await;
    agent.carry_out().await;
    agent.carry_out().await;
    let over = show(&plane, &batch).await;
    assert_eq!((counts(&over), over["status"].as_str()), ([0, 0, 3, 1, 0], Some("completed")));
    assert!(over["completed"].is_string());
    let jobs = plane.get(&plane.admin, "/api/v1/jobs").await.expect(200);
    assert!(jobs["items"].as_array().unwrap().is_empty(), "elements are listed with their batch alone");
    let id = batch["id"].as_str().unwrap();
    let jobs = plane.get(&plane.admin, &format!("/api/v1/jobs?batch={id}")).await.expect(200);
    let jobs = jobs["items"].as_array().unwrap();
    let mut seen: Vec<_> = jobs.iter().map(|job| (job["index"].as_i64().unwrap(), job["exit_code"].clone())).collect();
    seen.sort_by_key(|(index, _)| *index);
    assert_eq!(seen, [(2, json!(0)), (3, json!(1)), (4, json!(0)), (5, json!(0))]);
    assert!(jobs.iter().any(|job| job["name"] == "four [2]" && job["command"] == "ping -c 2 192.0.2.1"));
    let results = plane.get(&plane.admin, &format!("/api/v1/batches/{id}/results.csv")).await;
    let text = results.text();
    assert_eq!((text.lines().count(), text.lines().filter(|line| line.contains(",completed,,")).count()), (5, 4));
    assert!(text.lines().nth(1).unwrap().starts_with("2,,"), "{text}");
    let results = plane.get(&plane.admin, &format!("/api/v1/batches/{id}/results.json")).await.expect(200);
    let codes: Vec<_> = results.as_array().unwrap().iter().map(|result| result["exit_code"].clone()).collect();
    assert_eq!((codes, results[0]["index"].clone()), (vec![json!(0), json!(1), json!(0), json!(0)], json!(2)));
}

#[tokio::test]
async fn a_batch_is_cancelled_as_a_whole() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let batch = submit(&plane, &plane.admin, json!({ "array": { "from": 1, "to": 50 } })).await;
    let start = agent.start().await;
    let path = format!("/api/v1/batches/{}/cancel", batch["id"].as_str().unwrap());
    let cancelled = plane.call(&plane.admin, "POST", &path, Value::Null).await.expect(202);
    assert_eq!(counts(&cancelled), [0, 1, 0, 0, 49]);
    assert_eq!(agent.cancel().await, start.run_id);
    agent.ended(crate::agent::end(&start, wire::proto::Reason::Cancelled)).await;
    agent.is_idle().await;
    let over = show(&plane, &batch).await;
    assert_eq!((counts(&over), over["status"].as_str()), ([0, 0, 0, 0, 50], Some("cancelled")));
    assert_eq!(plane.call(&plane.admin, "POST", &path, Value::Null).await.problem(409), "batch-over");
}

#[tokio::test]
async fn each_node_has_its_element_and_parameters_theirs() {
    let plane = Plane::new().await;
    let (mut a, mut b) = (Agent::join(&plane, "lab-a", 1).await, Agent::join(&plane, "lab-b", 1).await);
    let body = json!({ "tool": "ping", "args": ["192.0.2.1"], "each_node": true });
    let batch = plane.call(&plane.admin, "POST", "/api/v1/batches", body).await.expect(202);
    a.carry_out().await;
    b.carry_out().await;
    assert_eq!(counts(&show(&plane, &batch).await), [0, 0, 2, 0, 0]);
    let body = json!({ "tool": "ping", "args": ["-c", "{2}"], "node": "lab-a",
        "parameters": [["192.0.2.7", "3"], ["192.0.2.8", "4"]] });
    // The first stands for nothing here, and the destination is missing.
    plane.call(&plane.admin, "POST", "/api/v1/batches", body.clone()).await.expect(400);
    let mut body = body;
    body["args"] = json!(["-c", "{2}", "{1}"]);
    plane.call(&plane.admin, "POST", "/api/v1/batches", body).await.expect(202);
    for (count, address) in [("3", "192.0.2.7"), ("4", "192.0.2.8")] {
        let start = a.start().await;
        assert_eq!(count_of(&start), count);
        assert_eq!(start.destination.as_ref().unwrap().host, address);
        a.exited(&start, 0).await;
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_batch_is_said() {
    let plane = Plane::new().await;
    let _agent = Agent::join(&plane, "lab-a", 1).await;
    let ada = plane.account("ada", "learner").await;
    plane.policy(json!({ "account_elements_max": 10, "in_flight_max": 1, "starts_per_minute_max": 1 })).await;
    let body = |spread: Value| {
        let mut body = json!({ "tool": "ping", "args": ["192.0.2.1"] });
        body.as_object_mut().unwrap().extend(spread.as_object().unwrap().clone());
        body
    };
    for (spread, field) in [
        (json!({}), "array"),
        (json!({ "array": { "from": 1, "to": 2 }, "each_node": true }), "array"),
        (json!({ "parameters": [["x"], ["x".repeat(1_001)]] }), "parameters[1]"),
    ] {
        let reply = plane.call(&ada, "POST", "/api/v1/batches", body(spread.clone())).await;
        assert_eq!((reply.problem(400).as_str(), &reply.json()["field"]), ("request", &json!(field)), "{spread}");
    }
    let reversed = plane.call(&ada, "POST", "/api/v1/batches", body(json!({ "array": { "from": 5, "to": 1 } }))).await;
    assert_eq!((reversed.problem(400).as_str(), &reversed.json()["field"]), ("batch-reversed", &json!("array")));
    for (from, to) in [(1, 0), (1, 100_001), (i64::MIN, i64::MAX)] {
        let reply =
            plane.call(&ada, "POST", "/api/v1/batches", body(json!({ "array": { "from": from, "to": to } }))).await;
        assert_eq!((reply.problem(400).as_str(), &reply.json()["field"]), ("batch-size", &json!("array")));
    }
    let many = plane.call(&ada, "POST", "/api/v1/batches", body(json!({ "array": { "from": 1, "to": 11 } }))).await;
    assert_eq!(many.problem(400), "batch-too-large", "waiting would not help");
    let mut places = body(json!({ "parameters": [["192.0.2.1"], ["10.0.0.0.1"]] }));
    places["args"] = json!([]);
    let reply = plane.call(&ada, "POST", "/api/v1/batches", places).await;
    assert_eq!((reply.problem(400).as_str(), &reply.json()["field"]), ("address-form", &json!("parameters[1]")));
    let elsewhere = body(json!({ "each_node": true, "on": { "site": "moon" } }));
    let reply = plane.call(&ada, "POST", "/api/v1/batches", elsewhere).await;
    assert_eq!((reply.problem(409).as_str(), &reply.json()["field"]), ("no-node-with-labels", &json!("on")));
    let own = plane.call(&ada, "POST", "/api/v1/batches", body(json!({ "array": { "from": 1, "to": 10 } }))).await;
    let path = format!("/api/v1/batches/{}", own.expect(202)["id"].as_str().unwrap());
    let bob = plane.account("bob", "learner").await;
    assert_eq!(plane.get(&bob, &path).await.problem(404), "batch-unknown");
    assert_eq!(plane.call(&bob, "POST", &format!("{path}/cancel"), Value::Null).await.problem(404), "batch-unknown");
    let elements = path.replace("/api/v1/batches/", "/api/v1/jobs?batch=");
    assert_eq!(plane.get(&bob, &elements).await.problem(404), "batch-unknown");
    let listed = plane.get(&bob, "/api/v1/batches").await.expect(200);
    assert!(listed["items"].as_array().unwrap().is_empty());
    assert_eq!(plane.get(&ada, "/api/v1/batches").await.expect(200)["items"].as_array().unwrap().len(), 1);
}

/// A learner's single run does not wait for a classmate's array.
#[tokio::test]
async fn an_array_holds_up_nobody_else() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    submit(&plane, &plane.admin, json!({ "array": { "from": 1, "to": 50 } })).await;
    let first = agent.start().await;
    let ada = plane.account("ada", "learner").await;
    let body = json!({ "tool": "ping", "args": ["-c", "9", "198.51.100.7"] });
    plane.call(&ada, "POST", "/api/v1/jobs", body).await.expect(202);
    agent.exited(&first, 0).await;
    let next = [agent.carry_out().await, agent.carry_out().await];
    assert!(next.iter().any(|start| count_of(start) == "9"), "it was not among the next two");
}

/// A node's name stands as a destination as it does for a single job, also among others.
#[tokio::test]
async fn elements_aim_at_nodes() {
    let plane = Plane::new().await;
    let mut a = Agent::join(&plane, "lab-a", 1).await;
    let _b = Agent::join(&plane, "lab-b", 1).await;
    let body = json!({ "tool": "ping", "args": ["-c", "1"], "node": "lab-a",
        "parameters": [["192.0.2.1"], ["lab-b"], ["lab-b"]] });
    let batch = plane.call(&plane.admin, "POST", "/api/v1/batches", body.clone()).await.expect(202);
    let hosts = [Some("192.0.2.1"), None, None];
    for host in hosts {
        let start = a.carry_out().await;
        assert_eq!(start.destination.as_ref().map(|destination| destination.host.as_str()), host);
        assert_eq!(start.argv.contains(&"192.0.2.77".to_owned()), host.is_none(), "{:?}", start.argv);
    }
    a.is_idle().await;
    assert_eq!(counts(&show(&plane, &batch).await), [0, 0, 3, 0, 0]);
    // What may not be aimed at any more when its turn comes ends with the reason, and the others go on.
    let mut body = body;
    body["parameters"] = json!([["192.0.2.1"], ["lab-b"], ["192.0.2.2"]]);
    let batch = plane.call(&plane.admin, "POST", "/api/v1/batches", body).await.expect(202);
    let first = a.start().await;
    plane.policy(json!({ "refused_networks": ["192.0.2.77/32"] })).await;
    a.exited(&first, 0).await;
    a.carry_out().await;
    a.is_idle().await;
    assert_eq!(counts(&show(&plane, &batch).await), [0, 0, 2, 1, 0]);
    let id = batch["id"].as_str().unwrap();
    let failed = plane.get(&plane.admin, &format!("/api/v1/jobs?batch={id}&status=error")).await.expect(200);
    assert_eq!(failed["items"][0]["reason"], "forbidden", "{failed}");
}

/// An element whose far end can't be started ends with the reason; the others don't wait for it.
#[tokio::test]
async fn a_node_that_is_gone_holds_up_no_other_element() {
    let plane = Plane::new().await;
    let (mut a, mut b) = (Agent::join(&plane, "lab-a", 1).await, Agent::join(&plane, "lab-b", 1).await);
    let body = json!({ "tool": "iperf3", "args": ["-t", "1"], "node": "lab-a",
        "parameters": [["lab-b"], ["192.0.2.1"]] });
    for why in ["lab-b has no iperf3.", "lab-b is disabled:"] {
        b.equip(1).await;
        plane.submit(crate::agent::ping_on("lab-a")).await;
        let busy = a.start().await;
        let batch = plane.call(&plane.admin, "POST", "/api/v1/batches", body.clone()).await.expect(202);
        if why.contains("disabled") {
            plane.node_change("lab-b", json!({ "state": "disabled" })).await;
        } else {
            b.send(Message::Tools(Tools { tools: Vec::new(), is_partial: false })).await;
            b.settled().await;
        }
        a.exited(&busy, 0).await;
        let start = a.carry_out().await;
        assert_eq!(start.destination.as_ref().unwrap().host, "192.0.2.1");
        a.is_idle().await;
        let over = show(&plane, &batch).await;
        assert_eq!((counts(&over), over["status"].as_str()), ([0, 0, 1, 1, 0], Some("completed")));
        let path = format!("/api/v1/jobs?status=error&batch={}", batch["id"].as_str().unwrap());
        let failed = plane.get(&plane.admin, &path).await.expect(200)["items"][0].clone();
        assert_eq!(failed["reason"], "node-down", "{failed}");
        assert!(failed["reason_text"].as_str().unwrap().contains(why), "{failed}");
    }
}

/// A node that was removed and joined again is another one under the same name.
#[tokio::test]
async fn elements_aim_at_a_node_that_took_a_name_over() {
    let plane = Plane::new().await;
    let (mut a, _b) = (Agent::join(&plane, "lab-a", 1).await, Agent::join(&plane, "lab-b", 1).await);
    let body = json!({ "tool": "iperf3", "args": ["-t", "{index}", "lab-b"], "node": "lab-a",
        "array": { "from": 1, "to": 2 } });
    plane.submit(crate::agent::ping_on("lab-a")).await;
    let busy = a.start().await;
    let batch = plane.call(&plane.admin, "POST", "/api/v1/batches", body).await.expect(202);
    // Its first element is made, and finds no slot.
    a.is_idle().await;
    plane.node_change("lab-b", json!({ "state": "disabled" })).await;
    plane.call(&plane.admin, "DELETE", "/api/v1/nodes/lab-b", Value::Null).await.expect(204);
    let mut b = Agent::join(&plane, "lab-b", 1).await;
    b.settled().await;
    a.exited(&busy, 0).await;
    for _ in 0..2 {
        let far = b.start().await;
        b.started(&far).await;
        b.output(&far, 0, "Server listening on 20000 (test #1)\n").await;
        a.carry_out().await;
        b.exited(&far, 0).await;
    }
    a.is_idle().await;
    assert_eq!(counts(&show(&plane, &batch).await), [0, 0, 2, 0, 0]);
}

/// Both ends of each are started, the far one first.
#[tokio::test]
async fn elements_measure_between_nodes() {
    let plane = Plane::new().await;
    let (mut a, mut b) = (Agent::join(&plane, "lab-a", 1).await, Agent::join(&plane, "lab-b", 1).await);
    plane.node_change("lab-a", json!({ "labels": { "end": "near" } })).await;
    for (count, spread) in [
        (2, json!({ "array": { "from": 1, "to": 2 }, "node": "lab-a" })),
        (1, json!({ "each_node": true, "on": { "end": "near" } })),
    ] {
        let mut body = json!({ "tool": "iperf3", "args": ["-t", "1", "lab-b"] });
        body.as_object_mut().unwrap().extend(spread.as_object().unwrap().clone());
        let batch = plane.call(&plane.admin, "POST", "/api/v1/batches", body).await.expect(202);
        for _ in 0..count {
            let far = b.start().await;
            assert_eq!(far.argv[..3], ["iperf3", "-s", "-1"]);
            b.started(&far).await;
            b.output(&far, 0, "Server listening on 20000 (test #1)\n").await;
            let near = a.start().await;
            assert_eq!(near.argv[..3], ["iperf3", "-c", "192.0.2.77"]);
            a.started(&near).await;
            a.exited(&near, 0).await;
            assert_eq!(b.cancel().await, far.run_id);
            b.ended(crate::agent::end(&far, wire::proto::Reason::Cancelled)).await;
        }
        a.is_idle().await;
        assert_eq!(counts(&show(&plane, &batch).await), [0, 0, count, 0, 0]);
    }
}

/// The hour's quota is no wider for those who submit by batches.
#[tokio::test]
async fn a_batch_goes_round_no_quota() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let ada = plane.account("ada", "learner").await;
    plane.policy(json!({ "account_elements_max": 3, "account_hourly_max": 3 })).await;
    let batch = |count: u32| {
        let body = json!({ "tool": "ping", "args": ["192.0.2.1"], "array": { "from": 1, "to": count } });
        plane.call(&ada, "POST", "/api/v1/batches", body)
    };
    assert_eq!(batch(4).await.problem(400), "batch-too-large");
    batch(2).await.expect(202);
    agent.carry_out().await;
    agent.carry_out().await;
    let more = batch(2).await;
    assert_eq!(more.problem(429), "too-many-elements-hourly");
    batch(1).await.expect(202);
    agent.carry_out().await;
    let body = json!({ "tool": "ping", "args": ["192.0.2.1"] });
    plane.call(&ada, "POST", "/api/v1/jobs", body.clone()).await.expect(202);
    assert_eq!(plane.call(&ada, "POST", "/api/v1/jobs", body).await.problem(429), "too-many-hourly");
    agent.carry_out().await;
    agent.is_idle().await;
    for path in ["/api/v1/batches", "/api/v1/jobs"] {
        let items = plane.get(&ada, path).await.expect(200)["items"].clone();
        for id in items.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()) {
            plane.call(&ada, "DELETE", &format!("{path}/{id}"), Value::Null).await.expect(204);
        }
    }
    assert_eq!(batch(1).await.problem(429), "too-many-elements-hourly", "deleting gains nothing");
    plane.clock.advance(std::time::Duration::from_secs(3_601));
    batch(3).await.expect(202);
}

#[tokio::test]
async fn a_batch_is_deleted_once_it_is_over() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let batch = submit(&plane, &plane.admin, json!({ "array": { "from": 1, "to": 2 } })).await;
    let path = format!("/api/v1/batches/{}", batch["id"].as_str().unwrap());
    let delete = || plane.call(&plane.admin, "DELETE", &path, Value::Null);
    assert_eq!(delete().await.problem(409), "batch-open");
    agent.carry_out().await;
    agent.carry_out().await;
    agent.is_idle().await;
    let elements = plane.get(&plane.admin, &format!("/api/v1/jobs?batch={}", batch["id"].as_str().unwrap())).await;
    let element = format!("/api/v1/jobs/{}", elements.expect(200)["items"][0]["id"].as_str().unwrap());
    plane.call(&plane.admin, "PATCH", &element, json!({ "pinned": true })).await.expect(200);
    assert_eq!(delete().await.problem(409), "batch-pinned");
    plane.call(&plane.admin, "PATCH", &element, json!({ "pinned": false })).await.expect(200);
    delete().await.expect(204);
    assert_eq!(plane.get(&plane.admin, &element).await.status, 404);
    assert_eq!(delete().await.problem(404), "batch-unknown");
    let listed = plane.get(&plane.admin, "/api/v1/batches").await.expect(200);
    assert_eq!(listed["items"], json!([]));
    swept(&plane).await;
    assert_eq!((plane.count("lab_job").await, plane.count("lab_run").await), (0, 0));
}

/// Waits until nothing of a batch is left.
async fn swept(plane: &Plane) {
    let gone = async {
        while plane.count("lab_batch").await > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), gone).await.expect("the batch is still there");
}

#[tokio::test]
async fn a_deletion_that_was_cut_short_goes_on() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let batch = submit(&plane, &plane.admin, json!({ "array": { "from": 1, "to": 2 } })).await;
    agent.carry_out().await;
    agent.carry_out().await;
    agent.is_idle().await;
    let mark = db::Query::new("UPDATE lab_batch SET is_deleted = 1 WHERE id = ?").bind(batch["id"].as_str().unwrap());
    plane.db.write(db::Write::new().step(mark)).await.unwrap();
    let plane = plane.restart().await;
    swept(&plane).await;
    assert_eq!((plane.count("lab_job").await, plane.count("lab_run").await), (0, 0));
}
