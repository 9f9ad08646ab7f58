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
        Self::open_as(plane, &plane.admin, id, last).await
    }

    async fn open_as(plane: &Plane, token: &str, id: &str, last: Option<&str>) -> Self {
        let mut request: Request<Body> = request(token, "GET", &format!("/api/v1/jobs/{id}/live"), Value::Null);
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

    /// Waits until the stream is over, which comes before the job is.
    async fn cut_off(mut self) {
        let reading = async {
            while let Some(event) = self.next().await {
                assert!(event.name == "state" || event.name == "output", "{event:?}");
            }
        };
        // A stream that lives shows it more often than one read may take.
        tokio::time::timeout(DEADLINE, reading).await.expect("an end in time");
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
async fn a_slow_watcher_holds_up_nobody_and_misses_nothing() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let id = plane.ping().await;
    let start = agent.start().await;
    let mut slow = Live::open(&plane, &id, None).await;
    let mut fast = Live::open(&plane, &id, None).await;
    agent.output(&start, 0, "line 0\n").await;
    assert_eq!(slow.output().await.1, "line 0\n");
    for seq in 0..500 {
        if seq > 0 {
            agent.output(&start, seq, &format!("line {seq}\n")).await;
        }
        assert_eq!(fast.output().await, (format!("1.{seq}"), format!("line {seq}\n")));
    }
    // Far more than memory keeps lies between the two by now.
    for seq in 1..400 {
        assert_eq!(slow.output().await, (format!("1.{seq}"), format!("line {seq}\n")));
    }
    agent.output(&start, 500, "line 500\n").await;
    agent.exited(&start, 0).await;
    assert_eq!(fast.rest().await.0, said(500, 501));
    assert_eq!(slow.rest().await.0, said(400, 501));
}

#[tokio::test]
async fn who_joins_while_lines_come_sees_each_once() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let id = plane.ping().await;
    let start = agent.start().await;
    let mut watchers = Vec::new();
    for seq in 0..300 {
        agent.output(&start, seq, &format!("line {seq}\n")).await;
        if seq % 10 == 0 {
            let last = (seq % 20 == 0 && seq > 0).then(|| format!("1.{}", seq / 2 - 1));
            let from = last.as_ref().map_or(0, |_| seq / 2);
            watchers.push((from, tokio::spawn(Live::open(&plane, &id, last.as_deref()).await.rest())));
        }
    }
    agent.exited(&start, 0).await;
    for (from, watcher) in watchers {
        assert_eq!(watcher.await.unwrap().0, said(from, 300), "from {from}");
    }
}

#[tokio::test]
async fn a_restart_loses_and_repeats_nothing() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let id = plane.ping().await;
    let start = agent.start().await;
    agent.started(&start).await;
    let mut live = Live::open(&plane, &id, None).await;
    for seq in 0..5 {
        agent.output(&start, seq, &format!("line {seq}\n")).await;
    }
    let mut last = String::new();
    for _ in 0..5 {
        last = live.output().await.0;
    }
    let plane = plane.restart().await;
    agent.reconnect(&plane).await;
    let live = Live::open(&plane, &id, Some(&last)).await;
    // What was shown before the restart and not acknowledged is said again.
    for seq in 3..10 {
        agent.output(&start, seq, &format!("line {seq}\n")).await;
    }
    agent.exited(&start, 0).await;
    assert_eq!(live.rest().await.0, said(5, 10));
    assert_eq!(Live::open(&plane, &id, None).await.rest().await.0, said(0, 10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_at_every_replica_see_the_same() {
    let Some(plane) = Plane::on_postgres().await else { return };
    let other = plane.another().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let id = plane.ping().await;
    let start = agent.start().await;
    agent.started(&start).await;
    agent.output(&start, 0, "line 0\n").await;
    let mut here = Live::open(&plane, &id, None).await;
    let mut there = Live::open(&other, &id, None).await;
    for seq in 0..20 {
        if seq > 0 {
            agent.output(&start, seq, &format!("line {seq}\n")).await;
        }
        let line = (format!("1.{seq}"), format!("line {seq}\n"));
        assert_eq!((here.output().await, there.output().await), (line.clone(), line));
    }
    // The agent goes to the other replica, with a line on its way.
    agent.reconnect(&other).await;
    for seq in 19..40 {
        agent.output(&start, seq, &format!("line {seq}\n")).await;
        if seq >= 20 {
            let line = (format!("1.{seq}"), format!("line {seq}\n"));
            assert_eq!((there.output().await, here.output().await), (line.clone(), line));
        }
    }
    let late = Live::open(&plane, &id, Some("1.9")).await;
    agent.output(&start, 40, "line 40\n").await;
    agent.exited(&start, 0).await;
    assert_eq!(here.rest().await.0, said(40, 41));
    assert_eq!(there.rest().await.0, said(40, 41));
    assert_eq!(late.rest().await.0, said(10, 41));
}

#[tokio::test]
async fn an_account_has_so_many_streams() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let (id, ada) = running(&plane, &mut agent).await;
    let path = format!("/api/v1/jobs/{id}/live");
    let mut open = Vec::new();
    for _ in 0..100 {
        open.push(Live::open_as(&plane, &ada, &id, None).await);
    }
    let refused = plane.get(&ada, &path).await;
    assert_eq!(refused.problem(429), "too-many-streams");
    assert_eq!(refused.headers["retry-after"], "30");
    let attach = plane.get(&ada, &format!("/api/v1/jobs/{id}/attach")).await;
    assert_eq!(attach.problem(429), "too-many-streams");
    Live::open(&plane, &id, None).await.output().await;
    open.pop();
    Live::open_as(&plane, &ada, &id, None).await.output().await;
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

/// A job of ada's that is running, and her token.
async fn running(plane: &Plane, agent: &mut Agent) -> (String, String) {
    let ada = plane.account("ada", "learner").await;
    let submit = json!({ "tool": "ping", "args": ["192.0.2.1"] });
    let job = plane.call(&ada, "POST", "/api/v1/jobs", submit).await.expect(202);
    let start = agent.start().await;
    agent.started(&start).await;
    agent.output(&start, 0, "first\n").await;
    (job["id"].as_str().unwrap().to_owned(), ada)
}

#[tokio::test]
async fn a_watcher_sees_nothing_more_once_the_token_is_gone() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let (id, ada) = running(&plane, &mut agent).await;
    let other = plane.token("ada", Value::Null).await;
    let mut live = Live::open_as(&plane, &ada, &id, None).await;
    let mut kept = Live::open_as(&plane, &other, &id, None).await;
    assert_eq!((live.output().await.1, kept.output().await.1), ("first\n".to_owned(), "first\n".to_owned()));
    let tokens = plane.get(&ada, "/api/v1/tokens").await.expect(200);
    // Ids go by time, and the list is of both: the older one is the watcher's.
    let ids = tokens["items"].as_array().unwrap().iter().map(|token| token["id"].as_str().unwrap());
    let token = format!("/api/v1/tokens/{}", ids.min().unwrap());
    plane.call(&other, "DELETE", &token, Value::Null).await.expect(204);
    live.cut_off().await;
    assert_eq!(plane.get(&other, &format!("/api/v1/jobs/{id}")).await.status, 200);
    let account = plane.get(&other, "/api/v1/me").await.expect(200)["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/accounts/{account}");
    plane.call(&plane.admin, "PATCH", &path, json!({ "disabled": true })).await.expect(200);
    kept.cut_off().await;
}

#[tokio::test]
async fn a_watcher_sees_nothing_more_once_the_job_is_not_theirs_to_see() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let (id, ada) = running(&plane, &mut agent).await;
    let bob = plane.account("bob", "learner").await;
    let path = format!("/api/v1/jobs/{id}");
    plane.call(&plane.admin, "PATCH", &path, json!({ "pinned": true })).await.expect(200);
    let mut of_bob = Live::open_as(&plane, &bob, &id, None).await;
    let mut of_admin = Live::open(&plane, &id, None).await;
    of_bob.output().await;
    of_admin.output().await;
    plane.call(&plane.admin, "PATCH", &path, json!({ "pinned": false })).await.expect(200);
    of_bob.cut_off().await;
    // The job leaves with its account.
    let account = plane.get(&ada, "/api/v1/me").await.expect(200)["id"].as_str().unwrap().to_owned();
    plane.call(&plane.admin, "DELETE", &format!("/api/v1/accounts/{account}"), Value::Null).await.expect(204);
    of_admin.cut_off().await;
}

#[tokio::test]
async fn a_watcher_goes_elsewhere_when_the_program_ends() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let (id, _) = running(&plane, &mut agent).await;
    let mut live = Live::open(&plane, &id, None).await;
    live.output().await;
    plane.portal.closing().cancel();
    live.cut_off().await;
}
