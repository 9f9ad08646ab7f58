//! A job watched while it goes on, by server-sent events.

use axum::body::{Body, BodyDataStream};
use axum::http::Request;
use futures::StreamExt as _;
use serde_json::{Value, json};
use wire::proto::{Output, from_agent};

use crate::agent::{Agent, output};
use crate::plane::{DEADLINE, Plane, request};

/// An open stream of events.
struct Live {
    body: BodyDataStream,
    text: String,
}

#[derive(Debug, PartialEq)]
struct Event {
    name: String,
    id: Option<String>,
    data: Value,
}

impl Live {
    async fn open(plane: &Plane, id: &str, last: Option<&str>) -> Self {
        let mut request: Request<Body> = request(&plane.admin, "GET", &format!("/api/v1/jobs/{id}/live"), Value::Null);
        if let Some(last) = last {
            request.headers_mut().insert("last-event-id", last.parse().unwrap());
        }
        let answer = plane.open_answer(request).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self { body: answer.into_body().into_data_stream(), text: String::new() }
    }

    /// The next event; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    event.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
                };
                let Some(name) = field("event:") else { continue };
                let data = field("data:").map(|data| serde_json::from_str(&data).unwrap()).unwrap_or_default();
                return Some(Event { name, id: field("id:"), data });
            }
            let bytes = tokio::time::timeout(DEADLINE, self.body.next()).await.expect("an event in time")?;
            self.text.push_str(std::str::from_utf8(&bytes.unwrap()).unwrap());
        }
    }

    /// The next event that tells of output: its id and text.
    async fn output(&mut self) -> (String, String) {
        loop {
            let event = self.next().await.expect("the stream goes on");
            if event.name == "output" {
                return (event.id.unwrap(), event.data["text"].as_str().unwrap().to_owned());
            }
            assert_eq!(event.name, "state", "{event:?}");
        }
    }

    /// Everything up to the end: the output's ids with their texts, and what the end said.
    async fn rest(mut self) -> (Vec<(String, String)>, Value) {
        let mut outputs = Vec::new();
        loop {
            let event = self.next().await.expect("an end before the stream's");
            match event.name.as_str() {
                "output" => outputs.push((event.id.unwrap(), event.data["text"].as_str().unwrap_or("?").to_owned())),
                "state" => {}
                "end" => {
                    assert_eq!(self.next().await, None, "nothing follows");
                    return (outputs, event.data);
                }
                other => panic!("{other}"),
            }
        }
    }
}

fn said(from: u64, to: u64) -> Vec<(String, String)> {
    (from..to).map(|seq| (format!("1.{seq}"), format!("line {seq}\n"))).collect()
}

#[tokio::test]
async fn a_watcher_sees_states_output_and_the_end() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    agent.equip(0).await;
    let id = plane.ping().await;
    let mut live = Live::open(&plane, &id, None).await;
    let first = live.next().await.unwrap();
    assert_eq!((first.name.as_str(), first.id), ("state", None));
    assert_eq!(first.data, json!({ "status": "waiting", "place": 1, "node": null, "attempt": 1 }));
    agent.equip(1).await;
    let start = agent.start().await;
    let second = live.next().await.unwrap();
    assert_eq!(second.data, json!({ "status": "running", "place": null, "node": "lab-a", "attempt": 1 }));
    agent.started(&start).await;
    for seq in 0..3 {
        agent.output(&start, seq, &format!("line {seq}\n")).await;
        assert_eq!(live.output().await, (format!("1.{seq}"), format!("line {seq}\n")), "as it comes");
    }
    agent.exited(&start, 3).await;
    let (outputs, end) = live.rest().await;
    assert!(outputs.is_empty());
    assert_eq!((&end["status"], &end["exit_code"], &end["reason"]), (&json!("completed"), &json!(3), &Value::Null));
}

#[tokio::test]
async fn nothing_is_lost_or_repeated_after_a_cut() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let id = plane.ping().await;
    let start = agent.start().await;
    for seq in 0..100 {
        agent.output(&start, seq, &format!("line {seq}\n")).await;
    }
    let mut live = Live::open(&plane, &id, None).await;
    let mut last = String::new();
    for seq in 0..70 {
        let (event_id, text) = live.output().await;
        assert_eq!(text, format!("line {seq}\n"));
        last = event_id;
    }
    drop(live);
    for seq in 100..200 {
        agent.output(&start, seq, &format!("line {seq}\n")).await;
    }
    let resumed = Live::open(&plane, &id, Some(&last)).await;
    let late = Live::open(&plane, &id, None).await;
    agent.exited(&start, 0).await;
    assert_eq!(resumed.rest().await.0, said(70, 200));
    assert_eq!(late.rest().await.0, said(0, 200));
    assert_eq!(Live::open(&plane, &id, None).await.rest().await.0, said(0, 200), "when it is over, too");
    let (outputs, end) = Live::open(&plane, &id, Some("1.199")).await.rest().await;
    assert!(outputs.is_empty());
    assert_eq!(end["status"], "completed");
    let (outputs, end) = Live::open(&plane, &id, Some("9.9")).await.rest().await;
    assert!(outputs.is_empty());
    assert_eq!(end["status"], "completed");
    for nonsense in ["x", "0.0", "1.", "1.-1"] {
        let mut request = request(&plane.admin, "GET", &format!("/api/v1/jobs/{id}/live"), Value::Null);
        request.headers_mut().insert("last-event-id", nonsense.parse().unwrap());
        let refused = plane.send(request).await;
        assert_eq!((refused.problem(400).as_str(), &refused.json()["field"]), ("request", &json!("Last-Event-ID")));
    }
}

#[tokio::test]
async fn attempts_follow_each_other() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let id = plane.ping().await;
    let live = Live::open(&plane, &id, None).await;
    let first = agent.start().await;
    agent.output(&first, 0, "lost\n").await;
    agent.settled().await;
    agent.reboot(&plane, "boot-2").await;
    agent.carry_out().await;
    let both = vec![("1.0".to_owned(), "lost\n".to_owned()), ("2.0".to_owned(), "done\n".to_owned())];
    let (outputs, end) = live.rest().await;
    assert_eq!((outputs, &end["attempt"]), (both.clone(), &json!(2)));
    assert_eq!(Live::open(&plane, &id, Some("1.0")).await.rest().await.0, both[1..]);
    assert_eq!(Live::open(&plane, &id, None).await.rest().await.0, both);
}

#[tokio::test]
async fn bytes_that_are_no_text_come_whole() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let id = plane.ping().await;
    let start = agent.start().await;
    let odd = Output { data: b"\xff\x00\n".to_vec(), channel: 1, ..output(&start, 0, "") };
    agent.send(from_agent::Message::Output(odd)).await;
    agent.output(&start, 1, "event: end\n\ndata: {}\r\r\n").await;
    agent.exited(&start, 0).await;
    let mut live = Live::open(&plane, &id, None).await;
    let bytes = live.next().await.unwrap();
    assert_eq!(bytes.data, json!({ "attempt": 1, "seq": 0, "stream": "stderr", "base64": "/wAK" }));
    assert_eq!(live.output().await.1, "event: end\n\ndata: {}\r\r\n");
    let path = format!("/api/v1/jobs/{id}/output?stream=stderr");
    let download = plane.get(&plane.admin, &path).await;
    assert_eq!(download.body, b"\xff\x00\n");
    let disposition = download.headers["content-disposition"].to_str().unwrap();
    assert_eq!(disposition, format!("attachment; filename=\"{id}-stderr.txt\""));
}
