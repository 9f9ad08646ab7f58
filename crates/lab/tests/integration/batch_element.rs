//! Elements of batches: what sets each apart, and how those end that no node can take.

use serde_json::{Value, json};

use crate::agent::Agent;
use crate::plane::Plane;

#[tokio::test]
async fn each_element_reads_its_own_input() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let body = json!({ "files": [{ "path": "main.py", "text": "print(input())" }], "inputs": ["one\n", "two"] });
    let batch = plane.call(&plane.admin, "POST", "/api/v1/batches", body.clone()).await.expect(202);
    for input in [&b"one\n"[..], b"two"] {
        let start = agent.carry_out().await;
        assert_eq!(start.program.unwrap().stdin, input);
    }
    agent.is_idle().await;
    assert_eq!(plane.count("lab_source").await, 1, "the source is there once");
    let path = format!("/api/v1/jobs?batch={}", batch["id"].as_str().unwrap());
    let newest = plane.get(&plane.admin, &path).await.expect(200)["items"][0]["id"].as_str().unwrap().to_owned();
    let source = plane.get(&plane.admin, &format!("/api/v1/jobs/{newest}/source")).await.expect(200);
    assert_eq!(source["stdin"]["text"], "two");
    for (more, field) in [
        (json!({ "inputs": ["x", "x".repeat(65_537)] }), "inputs[1]"),
        (json!({ "inputs": null, "inputs_base64": ["*"] }), "inputs"),
        (json!({ "stdin": "x" }), "inputs"),
        (json!({ "each_node": true }), "array"),
    ] {
        let mut body = body.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let reply = plane.call(&plane.admin, "POST", "/api/v1/batches", body).await.expect(400);
        assert_eq!(reply["field"], field, "{more}");
    }
}

/// What sets an element apart is told with it, whether it was started or not.
#[tokio::test]
async fn elements_say_which_they_are() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let lines = json!([["192.0.2.1"], ["192.0.2.2"], ["192.0.2.3", "-4"]]);
    let body = json!({ "tool": "ping", "args": ["-c", "1"], "parameters": lines.clone() });
    let batch = plane.call(&plane.admin, "POST", "/api/v1/batches", body).await.expect(202);
    let path = format!("/api/v1/batches/{}", batch["id"].as_str().unwrap());
    agent.carry_out().await;
    let second = agent.start().await;
    agent.is_idle().await;
    let results = async || plane.get(&plane.admin, &format!("{path}/results.json")).await.expect(200);
    let told = |results: &Value| -> Vec<_> {
        let results = results.as_array().unwrap();
        results.iter().map(|result| ["index", "value", "status"].map(|key| result[key].to_string())).collect()
    };
    let seen = told(&results().await);
    assert_eq!(seen[0], ["1", "\"192.0.2.1\"", "\"completed\""]);
    assert_eq!(seen[2], ["3", "\"192.0.2.3 -4\"", "\"waiting\""]);
    let page = plane.get(&plane.admin, &format!("{path}/elements?limit=2")).await.expect(200);
    assert_eq!((told(&page["items"]), page["next"].as_str()), (seen[..2].to_vec(), Some("2")));
    let page = plane.get(&plane.admin, &format!("{path}/elements?limit=2&after=2")).await.expect(200);
    assert_eq!((told(&page["items"]), &page["next"]), (seen[2..].to_vec(), &Value::Null));
    plane.call(&plane.admin, "POST", &format!("{path}/cancel"), Value::Null).await.expect(202);
    agent.exited(&second, 0).await;
    let csv = plane.get(&plane.admin, &format!("{path}/results.csv")).await.text();
    assert!(csv.ends_with("\r\n3,192.0.2.3 -4,,cancelled,,,,,,,,\r\n"), "{csv}");
    let id = batch["id"].as_str().unwrap();
    let jobs = plane.get(&plane.admin, &format!("/api/v1/jobs?batch={id}")).await.expect(200);
    assert_eq!(jobs["items"][0]["name"], "ping -c 1 [2: 192.0.2.2]");
    let body = json!({ "files": [{ "path": "main.py", "text": "print(input())" }], "inputs": ["one\ntwo", "3"], "input_names": ["a.txt", "b.txt"] });
    let named = plane.call(&plane.admin, "POST", "/api/v1/batches", body.clone()).await.expect(202);
    let path = format!("/api/v1/batches/{}/elements", named["id"].as_str().unwrap());
    assert_eq!(plane.get(&plane.admin, &path).await.expect(200)["items"][1]["value"], "b.txt");
    for (field, value) in [("input_names", json!(["a.txt"])), ("input_nmes", json!([]))] {
        let mut body = body.clone();
        body[field] = value;
        plane.call(&plane.admin, "POST", "/api/v1/batches", body).await.expect(400);
    }
}

/// Those that no node may take any more end with the reason; while an operator may still let them go on, it is said.
#[tokio::test]
async fn a_removed_node_ends_its_batches() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    plane.submit(crate::agent::ping_on("lab-a")).await;
    let busy = agent.start().await;
    let body = json!({ "tool": "ping", "args": ["192.0.2.1"], "array": { "from": 1, "to": 3 }, "node": "lab-a" });
    let batch = plane.call(&plane.admin, "POST", "/api/v1/batches", body).await.expect(202);
    let path = format!("/api/v1/batches/{}", batch["id"].as_str().unwrap());
    let show = async || plane.get(&plane.admin, &path).await.expect(200);
    assert_eq!(show().await["waiting_reason"], Value::Null, "it waits for a slot");
    assert_eq!(show().await["asked_by"], "amphi run --array 1-3 --node lab-a ping 192.0.2.1");
    plane.node_change("lab-a", json!({ "state": "disabled" })).await;
    let reason = show().await["waiting_reason"].clone();
    assert!(reason.as_str().unwrap().starts_with("lab-a is disabled"), "{reason}");
    let page = plane.get(&plane.admin, &path.replace("/api/v1", "/lab")).await.text();
    // No job changes when a node does, so the page hears of both.
    let hears = page.contains("topic=jobs&amp;topic=nodes") && page.contains("sse:jobs, sse:nodes");
    assert!(hears && page.contains("lab-a is disabled"), "{page}");
    assert_eq!(agent.cancel().await, busy.run_id);
    plane.call(&plane.admin, "DELETE", "/api/v1/nodes/lab-a", Value::Null).await.expect(204);
    let ended = async {
        while show().await["status"] != "completed" {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), ended).await.expect("the batch still waits");
    let over = show().await;
    assert_eq!((&over["failed"], &over["waiting"], &over["reason"]), (&json!(3), &json!(0), &json!("node-gone")));
    assert!(over["completed"].is_string());
    let results = plane.get(&plane.admin, &format!("{path}/results.json")).await.expect(200);
    assert_eq!((&results[2]["status"], &results[2]["reason"]), (&json!("error"), &json!("node-gone")));
    let page = plane.get(&plane.admin, &path.replace("/api/v1", "/lab")).await.text();
    assert!(page.contains("Its node was removed") && page.contains("amphi run --array 1-3 ping 192.0.2.1"), "{page}");
    plane.call(&plane.admin, "DELETE", &path, Value::Null).await.expect(204);
}

#[tokio::test]
async fn a_batch_says_that_it_waits_for_a_cordoned_far_end() {
    let plane = Plane::new().await;
    let (mut a, _b) = (Agent::join(&plane, "lab-a", 1).await, Agent::join(&plane, "lab-b", 1).await);
    plane.submit(crate::agent::ping_on("lab-a")).await;
    let busy = a.start().await;
    let body = json!({ "tool": "iperf3", "args": ["-t", "1"], "node": "lab-a", "parameters": [["lab-b"], ["lab-b"]] });
    let batch = plane.call(&plane.admin, "POST", "/api/v1/batches", body).await.expect(202);
    plane.node_change("lab-b", json!({ "state": "cordoned" })).await;
    a.exited(&busy, 0).await;
    a.is_idle().await;
    let shown =
        plane.get(&plane.admin, &format!("/api/v1/batches/{}", batch["id"].as_str().unwrap())).await.expect(200);
    let reason = shown["waiting_reason"].as_str().unwrap();
    assert_eq!(reason, "lab-b is cordoned: it takes no new runs until an operator enables it.");
}
