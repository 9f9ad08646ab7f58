//! `amphi run`: live output, resume, exit status, Ctrl-C.

use serde_json::{Value, json};

use crate::fake_server::{FakeServer, problem};
use crate::program::Program;

const SUBMIT: &str = "POST /api/v1/jobs";
const LIVE: &str = "GET /api/v1/jobs/j1/live";
const CANCEL: &str = "POST /api/v1/jobs/j1/cancel";

fn job(status: &str) -> Value {
    json!({ "id": "j1", "name": "", "tool": "ping", "command": "ping h", "node": "lab-a", "status": status,
            "created": "2026-03-01T12:00:00.000Z" })
}

async fn server() -> FakeServer {
    let server = FakeServer::start().await;
    server.on(SUBMIT, 202, job("waiting"));
    server
}

fn completed(exit_code: i64) -> Value {
    json!({ "status": "completed", "exit_code": exit_code })
}

#[tokio::test]
async fn output_comes_live_and_the_exit_status_is_the_runs() {
    let server = server().await;
    let pen = server.on_stream(LIVE);
    let program = Program::with_server(&server.url);
    let line = ["run", "--on", "site=paris", "--on", "net=v6", "--name", "n", "ping", "-c", "2", "--", "-x"];
    let mut running = program.start(&line);
    pen.event("state", None, json!({ "status": "waiting", "place": 3, "attempt": 1 }));
    pen.output(1, 0, "stdout", "PING h\n");
    // The stream is still open: the line was passed on at once.
    assert_eq!(running.line().await, "PING h\n");
    pen.output(1, 1, "stderr", "no answer\n");
    // A piece that ends in the middle of "é", and the piece with its end.
    for (seq, base64) in [(2, "MSBwYWNrZXRzIMM="), (3, "qSAbWzJK")] {
        let data = json!({ "attempt": 1, "seq": seq, "stream": "stdout", "base64": base64 });
        pen.event("output", Some(&format!("1.{seq}")), data);
    }
    pen.end(completed(1));
    let done = running.end().await;
    assert_eq!((done.code, done.stderr.as_str()), (1, "no answer\n"));
    assert_eq!(done.stdout, "PING h\n1 packets é \u{1b}[2J");

    let asked = &server.asked(SUBMIT)[0];
    let body = json!({ "tool": "ping", "args": ["-c", "2", "--", "-x"], "name": "n",
                       "on": { "site": "paris", "net": "v6" } });
    assert_eq!(asked.body, body);
    assert_eq!(asked.header("authorization"), Some("Bearer test-token"));
    assert_eq!(asked.header("idempotency-key").unwrap().len(), 36);
}

#[tokio::test]
async fn a_cut_link_is_taken_up_behind_the_last_event() {
    let server = server().await;
    let (first, second, third) = (server.on_stream(LIVE), server.on_stream(LIVE), server.on_stream(LIVE));
    let mut running = Program::with_server(&server.url).start(&["run", "ping", "h"]);
    first.output(1, 0, "stdout", "a\n");
    assert_eq!(running.line().await, "a\n");
    first.write("event: output\nid: 1.1\ndata: {\"attempt\":1,\"seq\":1,\"stream\":\"std");
    first.cut();
    // The second repeats what was seen, and ends in good order but without an end of the job.
    second.output(1, 0, "stdout", "a\n");
    second.output(1, 1, "stdout", "b\n");
    drop(second);
    third.output(2, 0, "stdout", "c\n");
    third.end(completed(0));
    let done = running.end().await;
    assert_eq!((done.code, done.stdout.as_str()), (0, "a\nb\nc\n"));
    assert!(done.stderr.contains("attempt 2"), "{}", done.stderr);
    let ids: Vec<Option<String>> =
        server.asked(LIVE).iter().map(|asked| asked.header("last-event-id").map(str::to_owned)).collect();
    assert_eq!(ids, [None, Some("1.0".to_owned()), Some("1.1".to_owned())]);
}

#[tokio::test]
async fn a_job_that_is_gone_ends_the_following() {
    let server = server().await;
    server.on_stream(LIVE).cut();
    server.on(LIVE, 404, problem("job-unknown", "There is no job of that id.", None));
    let done = Program::with_server(&server.url).run(&["run", "ping", "h"]).await;
    assert_eq!(done.code, 4, "{}", done.stderr);
    assert_eq!(server.asked(LIVE).len(), 2);
}

#[tokio::test]
async fn an_end_without_a_status_of_its_own_is_69_with_the_reason() {
    let server = server().await;
    let pen = server.on_stream(LIVE);
    pen.end(json!({ "status": "error", "reason": "node-down", "reason_text": "node down" }));
    let done = Program::with_server(&server.url).run(&["run", "--node", "lab-a", "ping", "h"]).await;
    assert_eq!((done.code, done.stdout.as_str()), (69, ""));
    assert_eq!(done.stderr, "error: the run failed: node down\ntry: amphi job show j1\n");
    assert_eq!(server.asked(SUBMIT)[0].body["node"], "lab-a");
}

#[tokio::test]
async fn ctrl_c_cancels_and_waits_for_the_end() {
    let server = server().await;
    server.on(CANCEL, 202, job("running"));
    let pen = server.on_stream(LIVE);
    pen.output(1, 0, "stdout", "begun\n");
    let mut running = Program::with_server(&server.url).start(&["run", "ping", "h"]);
    assert_eq!(running.line().await, "begun\n");
    running.interrupt();
    server.wait_for(CANCEL, 1).await;
    pen.output(1, 1, "stdout", "statistics\n");
    pen.end(json!({ "status": "cancelled" }));
    let done = running.end().await;
    assert_eq!((done.code, done.stdout.as_str()), (130, "begun\nstatistics\n"));
}

#[tokio::test]
async fn a_second_ctrl_c_leaves_at_once() {
    let server = server().await;
    server.on(CANCEL, 202, job("running"));
    let pen = server.on_stream(LIVE);
    pen.output(1, 0, "stdout", "begun\n");
    let program = Program::with_server(&server.url);
    let mut running = program.start(&["run", "ping", "h"]);
    assert_eq!(running.line().await, "begun\n");
    running.interrupt();
    server.wait_for(CANCEL, 1).await;
    running.interrupt();
    // The stream stays open, so only the signal can have ended it.
    assert_eq!(running.end().await.code, 130);
    drop(pen);
}

#[tokio::test]
async fn the_run_is_cancelled_when_nobody_reads_its_output() {
    let server = server().await;
    server.on(CANCEL, 202, job("running"));
    let pen = server.on_stream(LIVE);
    pen.output(1, 0, "stdout", "begun\n");
    let mut running = Program::with_server(&server.url).start(&["run", "ping", "h"]);
    assert_eq!(running.line().await, "begun\n");
    let ended = tokio::spawn(running.end_unread());
    for seq in 1..100 {
        pen.output(1, seq, "stdout", "more\n");
        if !server.asked(CANCEL).is_empty() {
            break;
        }
        tokio::task::yield_now().await;
    }
    server.wait_for(CANCEL, 1).await;
    assert_eq!(ended.await.unwrap().code(), Some(141));
}

#[tokio::test]
async fn json_is_the_final_job_and_nothing_else() {
    let server = server().await;
    let pen = server.on_stream(LIVE);
    pen.output(1, 0, "stdout", "PING h\n");
    pen.end(completed(2));
    server.on("GET /api/v1/jobs/j1", 200, job("completed"));
    let done = Program::with_server(&server.url).run(&["run", "--output", "json", "ping", "h"]).await;
    assert_eq!((done.code, done.stderr.as_str()), (2, ""));
    let mut expected = job("completed");
    expected["output_url"] = json!(format!("{}/api/v1/jobs/j1/output", server.url));
    assert_eq!(serde_json::from_str::<Value>(&done.stdout).unwrap(), expected);
}

#[tokio::test]
async fn detached_prints_the_id_and_leaves() {
    let server = server().await;
    let done = Program::with_server(&server.url).run(&["run", "--detach", "ping", "h"]).await;
    assert_eq!((done.code, done.stdout.as_str()), (0, "j1\n"));
    assert!(server.asked(LIVE).is_empty());
}

#[tokio::test]
async fn a_submission_whose_answer_got_lost_is_repeated_under_its_key() {
    let server = FakeServer::start().await;
    server.on_stream(SUBMIT).cut();
    server.on(SUBMIT, 202, job("waiting"));
    let done = Program::with_server(&server.url).run(&["run", "--detach", "ping", "h"]).await;
    assert_eq!((done.code, done.stdout.as_str()), (0, "j1\n"));
    let keys: Vec<String> =
        server.asked(SUBMIT).iter().map(|asked| asked.header("idempotency-key").unwrap().to_owned()).collect();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1]);
}

#[tokio::test]
async fn a_refusal_is_said_in_sentences() {
    let server = FakeServer::start().await;
    let message = "A destination is a host name or an address; ';' is neither. Write for example 192.0.2.1.";
    server.on(SUBMIT, 400, problem("destination-invalid", message, Some("destination")));
    let done = Program::with_server(&server.url).run(&["run", "ping", "127.0.0.1;id"]).await;
    assert_eq!((done.code, done.stdout.as_str()), (2, ""));
    assert_eq!(
        done.stderr,
        "error: A destination is a host name or an address; ';' is neither\n\
         why: it concerns `destination` (destination-invalid)\n\
         try: Write for example 192.0.2.1\n"
    );
    assert_eq!(server.asked(SUBMIT).len(), 1, "a refusal is final");
}

#[tokio::test]
async fn a_tools_help_comes_from_the_servers_catalogue() {
    let server = FakeServer::start().await;
    server.on(
        "GET /api/v1/tools",
        200,
        json!([{
            "name": "ping", "summary": "Round-trip time", "destination": "host", "nodes": 2,
            "options": [{ "name": "count", "flags": ["-c"], "summary": "Packets",
                          "kind": { "type": "integer", "min": 1, "max": 50, "default": 4, "unit": "packets" } }],
        }]),
    );
    let program = Program::with_server(&server.url);
    let done = program.run(&["run", "ping", "--help"]).await;
    assert_eq!(done.code, 0);
    assert!(done.stdout.contains("-c      1 to 50 packets, default 4  Packets"), "{}", done.stdout);
    let done = program.run(&["run", "pong", "--help"]).await;
    assert_eq!((done.code, done.stdout.as_str()), (4, ""));
}

#[tokio::test]
async fn on_a_terminal_output_can_not_steer_it() {
    let server = server().await;
    let pen = server.on_stream(LIVE);
    let running = Program::with_server(&server.url).start_on_terminal("run ping h");
    pen.event("state", None, json!({ "status": "waiting", "place": 3, "attempt": 1 }));
    pen.output(1, 0, "stdout", "\u{1b}]0;title\u{7}\u{1b}[32mgreen\u{1b}[0m\u{1b}[2Jtext\n");
    pen.end(completed(0));
    let done = running.end().await;
    assert_eq!(done.code, 0, "{}", done.stdout);
    assert!(done.stdout.contains("waiting: 3rd in queue"), "{:?}", done.stdout);
    assert!(done.stdout.contains("\u{1b}[32mgreen\u{1b}[0mtext"), "{:?}", done.stdout);
    assert!(!done.stdout.contains("title") && !done.stdout.contains("\u{1b}[2J"), "{:?}", done.stdout);
}
