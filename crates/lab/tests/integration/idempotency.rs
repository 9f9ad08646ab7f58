//! One Idempotency-Key makes one job.

use std::time::Duration;

use axum::http::HeaderValue;
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::plane::{Plane, Reply, request};

async fn submit(plane: &Plane, token: &str, key: &str, body: Value) -> Reply {
    let mut request = request(token, "POST", "/api/v1/jobs", body);
    request.headers_mut().insert("idempotency-key", HeaderValue::from_bytes(key.as_bytes()).unwrap());
    plane.send(request).await
}

fn ping(destination: &str) -> Value {
    json!({ "tool": "ping", "args": ["-c", "3", destination] })
}

#[tokio::test]
async fn the_same_request_gives_the_same_job_and_another_is_refused() {
    let plane = Plane::new().await;
    let _agent = Agent::join(&plane, "lab-a", 1).await;
    let ada = plane.account("ada", "learner").await;
    let first = submit(&plane, &ada, "key-1", ping("192.0.2.1")).await.expect(202);
    let again = submit(&plane, &ada, "key-1", ping("192.0.2.1")).await;
    assert_eq!(again.expect(202)["id"], first["id"]);
    assert_eq!(again.headers["location"].to_str().unwrap(), format!("/api/v1/jobs/{}", first["id"].as_str().unwrap()));
    let same = json!({ "tool": "ping", "options": { "count": 3 }, "destination": "192.0.2.1" });
    assert_eq!(submit(&plane, &ada, "key-1", same).await.expect(202)["id"], first["id"], "the other form of the same");
    let mut elsewhere = ping("192.0.2.1");
    elsewhere["node"] = "lab-a".into();
    let mut renamed = ping("192.0.2.1");
    renamed["name"] = "another".into();
    for other in [ping("192.0.2.2"), elsewhere, renamed] {
        let refused = submit(&plane, &ada, "key-1", other).await;
        assert_eq!(refused.problem(409), "idempotency-reused");
    }
    let of_another = submit(&plane, &plane.admin, "key-1", ping("192.0.2.1")).await.expect(202);
    assert_ne!(of_another["id"], first["id"], "a key belongs to its account");
    assert_eq!(plane.count("lab_job").await, 2);
    for key in ["", "a b", "é", &"k".repeat(101)] {
        let refused = submit(&plane, &ada, key, ping("192.0.2.1")).await;
        assert_eq!(
            (refused.problem(400).as_str(), refused.json()["field"].as_str()),
            ("request", Some("Idempotency-Key"))
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_once_they_make_one_job() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 4).await;
    let submissions = (0..16).map(|_| submit(&plane, &plane.admin, "key-1", ping("192.0.2.1")));
    let replies = futures::future::join_all(submissions).await;
    let ids: Vec<_> = replies.iter().map(|reply| reply.expect(202)["id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!((plane.count("lab_job").await, plane.count("lab_run").await), (1, 1));
    agent.carry_out().await;
    agent.is_idle().await;
    plane.job_is(ids[0].as_str().unwrap(), "completed").await;
    let late = submit(&plane, &plane.admin, "key-1", ping("192.0.2.1")).await.expect(202);
    assert_eq!((&late["id"], &late["status"]), (&ids[0], &json!("completed")));
}

#[tokio::test]
async fn input_whose_replica_dies_before_it_answers_is_stored_once() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let files = json!([{ "path": "main.py", "text": "print(input())\n" }]);
    let id = plane.submit(json!({ "language": "python", "files": files, "interactive": true })).await;
    agent.start().await;
    let typed = || {
        let body = json!({ "input": "one\n" });
        let mut request = request(&plane.admin, "POST", &format!("/api/v1/jobs/{id}/input"), body);
        request.headers_mut().insert("idempotency-key", HeaderValue::from_static("key-1"));
        plane.send(request)
    };
    let watch = plane.db.events().watch(["inputs"]);
    tokio::select! {
        // The commit is told of before the request hears of it, and what is dropped here does nothing more.
        biased;
        _ = watch.changed() => {}
        reply = typed() => panic!("{} was answered before it was stored", reply.status),
    }
    // Longer than a replica can be at work.
    plane.clock.advance(Duration::from_secs(61));
    let again = typed().await;
    assert_eq!((again.status.as_u16(), again.headers["idempotency-replayed"].to_str().unwrap()), (202, "true"));
    assert_eq!(plane.count("lab_input").await, 1);
}
