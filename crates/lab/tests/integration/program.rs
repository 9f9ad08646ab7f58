//! Programs: what a node is told of one, what it tells, what is typed into it, and what is refused.

use serde_json::json;
use wire::proto::to_agent::Message;
use wire::proto::{Ended, Input, InputAck, Reason, Tool, Tools, from_agent, input};

use crate::agent::{Agent, end, output};
use crate::plane::Plane;

const PYTHON: &str = "print(input())\n";

fn python() -> serde_json::Value {
    json!({ "language": "python", "files": [{ "path": "main.py", "text": PYTHON }], "args": ["a b"], "stdin": "hello\n" })
}

async fn typed(agent: &mut Agent) -> Input {
    loop {
        match agent.next().await {
            Message::Input(input) => return input,
            Message::OutputAck(_) | Message::EndedAck(_) => {}
            other => panic!("no input but {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_program_reaches_a_node_that_has_its_language() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 2).await;
    let id = plane.submit(python()).await;
    let start = agent.start().await;
    let program = start.program.clone().unwrap();
    assert_eq!((program.files[0].path.as_str(), program.files[0].data.as_ref()), ("main.py", PYTHON.as_bytes()));
    assert_eq!((program.stdin.as_ref(), program.is_stdin_open, program.has_network), (&b"hello\n"[..], false, false));
    let run = program.run.unwrap();
    assert_eq!(run.argv.last().map(String::as_str), Some("a b"));
    let limits = run.limits.unwrap();
    assert!(limits.cpu_ms > 0 && limits.wall_ms > 0 && limits.memory_bytes > 0 && limits.processes > 0, "{limits:?}");
    assert!(limits.output_bytes > 0 && limits.file_bytes > 0 && limits.open_files > 0, "{limits:?}");
    agent.started(&start).await;
    agent.send(from_agent::Message::Output(wire::proto::Output { channel: 2, ..output(&start, 0, "warning\n") })).await;
    agent.output(&start, 1, "hello\n").await;
    let fences = vec!["seccomp".to_owned()];
    let ended = Ended { cpu_ms: 12, memory_peak_bytes: 9_000_000, fences, ..end(&start, Reason::Exited) };
    agent.ended(Ended { output_chunks: 2, ..ended }).await;
    let job = plane.job_is(&id, "completed").await;
    assert_eq!((&job["kind"], &job["tool"], &job["exit_code"]), (&json!("program"), &json!("python"), &json!(0)));
    assert_eq!((&job["cpu_ms"], &job["memory_peak_bytes"]), (&json!(12), &json!(9_000_000)));
    assert_eq!(job["attempts"][0]["fences"], json!(["seccomp"]));
    let compiler = plane.get(&plane.admin, &format!("/api/v1/jobs/{id}/output?stream=compile")).await;
    assert_eq!(compiler.text(), "warning\n");
    let source = plane.get(&plane.admin, &format!("/api/v1/jobs/{id}/source")).await.expect(200);
    assert_eq!((&source["files"][0]["text"], &source["stdin"]["text"]), (&json!(PYTHON), &json!("hello\n")));
    let programs = plane.get(&plane.admin, "/api/v1/jobs?kind=program").await.expect(200);
    let experiments = plane.get(&plane.admin, "/api/v1/jobs?kind=experiment").await.expect(200);
    assert_eq!((programs["items"].as_array().unwrap().len(), experiments["items"].as_array().unwrap().len()), (1, 0));
}

#[tokio::test]
async fn every_end_of_a_program_has_its_reason() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    for (reason, code) in [
        (Reason::Compile, "compile"),
        (Reason::CpuTime, "cpu-time"),
        (Reason::Memory, "memory"),
        (Reason::Processes, "processes"),
        (Reason::FileSize, "file-size"),
        (Reason::BlockedCall, "blocked-call"),
        (Reason::Uncontained, "uncontained"),
    ] {
        let id = plane.submit(python()).await;
        let start = agent.start().await;
        agent.ended(Ended { exit_code: 3, ..end(&start, reason) }).await;
        let job = plane.job_is(&id, "error").await;
        assert_eq!((&job["reason"], &job["exit_code"]), (&json!(code), &json!(3)));
    }
}

#[tokio::test]
async fn what_is_typed_reaches_the_program_in_order_and_once() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let mut body = python();
    body["interactive"] = json!(true);
    let id = plane.submit(body).await;
    let path = format!("/api/v1/jobs/{id}/input");
    let start = agent.start().await;
    assert!(start.program.as_ref().unwrap().is_stdin_open);
    agent.started(&start).await;
    for act in
        [json!({ "input": "one\n" }), json!({ "interrupt": true }), json!({ "resize": { "columns": 80, "rows": 24 } })]
    {
        assert_eq!(plane.call(&plane.admin, "POST", &path, act).await.status, 202);
    }
    let first = typed(&mut agent).await;
    assert_eq!((first.seq, first.act), (0, Some(input::Act::Data(b"one\n".to_vec()))));
    assert_eq!(typed(&mut agent).await.act, Some(input::Act::Interrupt(true)));
    assert_eq!(typed(&mut agent).await.seq, 2);
    let ack = InputAck { run_id: start.run_id.clone(), epoch: start.epoch, next_seq: 3 };
    agent.send(from_agent::Message::InputAck(ack)).await;
    assert_eq!(plane.call(&plane.admin, "POST", &path, json!({ "end": true })).await.status, 202);
    let last = typed(&mut agent).await;
    assert_eq!((last.seq, last.act), (3, Some(input::Act::End(true))));
    for wrong in [
        json!({}),
        json!({ "input": "a", "end": true }),
        json!({ "end": false }),
        json!({ "input": "" }),
        json!({ "resize": { "columns": 0, "rows": 1 } }),
        json!({ "input_base64": "?" }),
    ] {
        assert_eq!(plane.call(&plane.admin, "POST", &path, wrong.clone()).await.status, 400, "{wrong}");
    }
    let stranger = plane.account("bob", "learner").await;
    assert_eq!(plane.call(&stranger, "POST", &path, json!({ "end": true })).await.status, 404);
    agent.exited(&start, 0).await;
    plane.job_is(&id, "completed").await;
    assert_eq!(plane.call(&plane.admin, "POST", &path, json!({ "input": "late" })).await.problem(409), "no-input");
    assert_eq!(plane.count("lab_input").await, 0);
}

#[tokio::test]
async fn what_is_typed_after_a_reconnection_is_sent_under_the_present_lease() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 2).await;
    let mut body = python();
    body["interactive"] = json!(true);
    let id = plane.submit(body).await;
    let start = agent.start().await;
    agent.started(&start).await;
    agent.reconnect(&plane).await;
    let path = format!("/api/v1/jobs/{id}/input");
    assert_eq!(plane.call(&plane.admin, "POST", &path, json!({ "input": "one\n" })).await.status, 202);
    let typed = typed(&mut agent).await;
    assert!(typed.epoch > start.epoch, "{typed:?}");
}

#[tokio::test]
async fn a_language_that_no_node_has_is_refused_with_those_there_are() {
    let plane = Plane::new().await;
    let _agent = Agent::join(&plane, "lab-a", 1).await;
    let body = json!({ "files": [{ "path": "main.rb", "text": "puts 1" }] });
    let reply = plane.call(&plane.admin, "POST", "/api/v1/jobs", body).await;
    assert_eq!(reply.problem(400), "no-node-with-language");
    assert!(reply.text().contains("python"), "{}", reply.text());
    let unknown = json!({ "language": "cobol", "files": [{ "path": "x.cob", "text": "STOP RUN." }] });
    assert_eq!(plane.call(&plane.admin, "POST", "/api/v1/jobs", unknown).await.status, 400);
    let languages = plane.get(&plane.admin, "/api/v1/languages").await.expect(200);
    let python = languages.as_array().unwrap().iter().find(|language| language["name"] == "python").unwrap();
    assert_eq!(python["nodes"], json!([{ "node": "lab-a", "version": "1" }]));
}

#[tokio::test]
async fn a_shared_program_is_seen_by_its_class_alone() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let id = plane.submit(python()).await;
    let start = agent.start().await;
    agent.exited(&start, 0).await;
    let path = format!("/api/v1/jobs/{id}");
    let bob = plane.account("bob", "learner").await;
    assert_eq!(plane.get(&bob, &path).await.status, 404);
    assert_eq!(plane.call(&bob, "PATCH", &path, json!({ "shared": true })).await.status, 404);
    assert_eq!(plane.call(&plane.admin, "PATCH", &path, json!({ "shared": true })).await.status, 200);
    assert_eq!(plane.get(&bob, &path).await.status, 200);
    assert_eq!(plane.get(&bob, &format!("{path}/source")).await.status, 200);
    assert_eq!(plane.call(&bob, "PATCH", &path, json!({ "shared": false })).await.status, 403);
    let listed = plane.get(&bob, "/api/v1/jobs").await.expect(200);
    assert!(listed["items"].as_array().unwrap().is_empty(), "it is for those who have its address");
}

#[tokio::test]
async fn what_a_node_had_holds_while_it_looks_for_its_languages_anew() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    agent.reconnect(&plane).await;
    let ping = Tool { name: "ping".into(), version: "2".into() };
    agent.send(from_agent::Message::Tools(Tools { tools: vec![ping.clone()], is_partial: true })).await;
    agent.settled().await;
    let id = plane.submit(python()).await;
    plane.call(&plane.admin, "POST", &format!("/api/v1/jobs/{id}/cancel"), json!({})).await.expect(202);
    agent.send(from_agent::Message::Tools(Tools { tools: vec![ping], is_partial: false })).await;
    agent.settled().await;
    let reply = plane.call(&plane.admin, "POST", "/api/v1/jobs", python()).await;
    assert_eq!(reply.problem(400), "no-node-with-language");
}

#[tokio::test]
async fn a_node_that_takes_no_programs_any_more_gets_none_whatever_languages_it_tells() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    agent.takes_programs = false;
    agent.reconnect(&plane).await;
    agent.equip(1).await;
    agent.settled().await;
    assert_eq!(plane.call(&plane.admin, "POST", "/api/v1/jobs", python()).await.problem(400), "no-node-with-language");
    plane.ping().await;
    agent.carry_out().await;
}

/// Two nodes: what the second is sent shows that the first was sent all that it had room for.
#[tokio::test]
async fn what_had_no_room_is_sent_once_there_is_some() {
    const ACTS: u64 = 1_100;
    let plane = Plane::new().await;
    let (mut a, mut b) = (Agent::join(&plane, "lab-a", 1).await, Agent::join(&plane, "lab-b", 1).await);
    let mut body = python();
    body["interactive"] = json!(true);
    let mut starts = Vec::new();
    for (node, agent) in [("lab-a", &mut a), ("lab-b", &mut b)] {
        body["node"] = json!(node);
        plane.submit(body.clone()).await;
        starts.push(agent.start().await.run_id);
    }
    let type_in = |write: &mut db::Write, run: &str, acts: u64| {
        const INSERT: &str = "INSERT INTO lab_input (run, seq, kind, data) VALUES (?, ?, 'interrupt', ?)";
        (0..acts as i64).for_each(|seq| {
            write.push_step(db::Query::new(INSERT).bind(run).bind(seq).bind(Vec::new()));
        });
    };
    let mut write = db::Write::new().event("inputs");
    type_in(&mut write, &starts[0], ACTS);
    type_in(&mut write, &starts[1], 1);
    plane.db.write(write).await.unwrap();
    assert_eq!(typed(&mut b).await.run_id, starts[1]);
    for seq in 0..ACTS {
        if seq == 1_000 {
            a.send(from_agent::Message::Heartbeat(wire::proto::Heartbeat::default())).await;
        }
        assert_eq!(typed(&mut a).await.seq, seq);
    }
}
