//! `amphi run --array`, `--each-line`: the batch's id, its end, Ctrl-C.

use serde_json::{Value, json};

use crate::fake_server::{FakeServer, problem};
use crate::program::Program;

const BATCHES: &str = "POST /api/v1/batches";
const BATCH: &str = "GET /api/v1/batches/b1";
const BATCH_CANCEL: &str = "POST /api/v1/batches/b1/cancel";

/// A file for the command line; answers its path.
fn file(program: &Program, name: &str, text: &str) -> String {
    let path = program.home.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn batch(status: &str, done: u32, cancelled: u32) -> Value {
    json!({ "id": "b1", "name": "n", "command": "ping h", "status": status, "count": 3, "waiting": 0, "running": 0,
            "done": done, "failed": 0, "cancelled": cancelled, "owner": "ada", "created": "2026-03-01T12:00:00.000Z" })
}

#[tokio::test]
async fn a_batch_says_its_id_first_and_how_fast_it_was_last() {
    let server = FakeServer::start().await;
    server.on(BATCHES, 202, batch("waiting", 0, 0));
    server.on(BATCH, 200, batch("completed", 3, 0));
    let program = Program::with_server(&server.url);
    let hosts = file(&program, "hosts.txt", "192.0.2.1\n\n 192.0.2.2 -6\n");
    let done = program.start(&["run", "--each-line", &hosts, "ping"]).end().await;
    let lines: Vec<_> = done.stderr.lines().collect();
    assert_eq!((done.code, lines[0]), (0, "batch b1"));
    assert!(lines[1].starts_with("3 done in ") && lines[1].ends_with(" a second"), "{}", done.stderr);
    let body = json!({ "tool": "ping", "args": [], "parameters": [["192.0.2.1"], ["192.0.2.2", "-6"]] });
    assert_eq!(server.asked(BATCHES)[0].body, body);
    let nothing = file(&program, "nothing.txt", "\n");
    let refused = program.start(&["run", "--each-line", &nothing, "ping"]).end().await;
    assert!(refused.code == 2 && refused.stderr.contains("has no line with words"), "{}", refused.stderr);
}

#[tokio::test]
async fn each_file_of_a_directory_is_an_input() {
    let server = FakeServer::start().await;
    server.on(BATCHES, 202, batch("waiting", 0, 0));
    let program = Program::with_server(&server.url);
    std::fs::create_dir_all(program.home.path().join("inputs/below")).unwrap();
    for (name, text) in [("inputs/b", "two"), ("inputs/a", "one\n"), ("more", "three"), ("sum.py", "print()")] {
        file(&program, name, text);
    }
    let paths = ["inputs", "more", "sum.py"].map(|name| program.home.path().join(name).to_str().unwrap().to_owned());
    let line = ["run", "--detach", "--each-input", &paths[0], "--each-input", &paths[1], &paths[2]];
    let done = program.start(&line).end().await;
    assert_eq!((done.code, done.stdout.as_str()), (0, "b1\n"), "{}", done.stderr);
    let body = &server.asked(BATCHES)[0].body;
    assert_eq!((&body["inputs"], &body["stdin"]), (&json!(["one\n", "two", "three"]), &Value::Null));
    assert_eq!(body["input_names"][0], format!("{}/a", paths[0]));
    file(&program, "inputs/a", &"x".repeat(65_537));
    let refused = program.start(&["run", "--each-input", &paths[0], &paths[2]]).end().await;
    assert!(refused.code == 2 && refused.stderr.contains("is too large"), "{}", refused.stderr);
    let tool = program.start(&["run", "--each-input", &paths[1], "ping"]).end().await;
    assert!(tool.code == 2 && tool.stderr.contains("--each-input is for programs"), "{}", tool.stderr);
}

#[tokio::test]
async fn ctrl_c_cancels_a_batch_and_says_how_to_leave() {
    let server = FakeServer::start().await;
    server.on(BATCHES, 202, batch("waiting", 0, 0));
    server.on(BATCH, 200, batch("running", 0, 0));
    server.on(BATCH_CANCEL, 202, batch("running", 0, 2));
    let program = Program::with_server(&server.url);
    let running = program.start(&["run", "--array", "1-3", "ping", "h"]);
    server.wait_for(BATCH, 1).await;
    running.interrupt();
    server.wait_for(BATCH_CANCEL, 1).await;
    running.interrupt();
    let done = running.end().await;
    assert_eq!(done.code, 130);
    assert!(done.stderr.contains("Ctrl-C once more leaves at once"), "{}", done.stderr);
    assert!(done.stderr.ends_with("amphi batch show b1\n"), "{}", done.stderr);
}

#[tokio::test]
async fn what_is_wrong_with_a_line_names_it() {
    let server = FakeServer::start().await;
    server.on(
        BATCHES,
        400,
        problem("address-form", "\"10.0.0.0.1\" is no address. Write four numbers.", Some("parameters[1]")),
    );
    let program = Program::with_server(&server.url);
    let hosts = file(&program, "hosts.txt", "192.0.2.1\n\n10.0.0.0.1 -6\n");
    let refused = program.start(&["run", "--each-line", &hosts, "ping"]).end().await;
    let expected =
        format!("error: line 3 of {hosts} (10.0.0.0.1 -6): \"10.0.0.0.1\" is no address\ntry: Write four numbers\n");
    assert_eq!((refused.code, refused.stderr), (2, expected));
    let empty = program.start(&["run", "--array", "1-0", "ping", "h"]).end().await;
    assert!(empty.code == 2 && empty.stderr.contains("write the lesser index first: 0-1"), "{}", empty.stderr);
}

#[tokio::test]
async fn the_output_of_all_elements_is_printed_in_their_order() {
    const ELEMENTS: &str = "GET /api/v1/batches/b1/elements";
    let server = FakeServer::start().await;
    let element = |index: u32, status: &str, job: Option<&str>| json!({ "index": index, "value": format!("192.0.2.{index}"), "status": status, "job": job });
    let first =
        json!({ "items": [element(1, "completed", Some("j1")), element(2, "running", Some("j2"))], "next": "2" });
    let second = json!({ "items": [element(3, "waiting", None)], "next": null });
    server.on(ELEMENTS, 200, first.clone()).on(ELEMENTS, 200, second.clone());
    server.on_text("GET /api/v1/jobs/j1/output", 200, &[], "one\n");
    server.on_text("GET /api/v1/jobs/j2/output", 200, &[], "two");
    let program = Program::with_server(&server.url);
    let done = program.start(&["batch", "output", "b1"]).end().await;
    let text =
        "==> 1 192.0.2.1 (completed) <==\none\n\n==> 2 192.0.2.2 (running) <==\ntwo\n\n==> 3 192.0.2.3 (waiting) <==\n";
    assert_eq!((done.code, done.stdout.as_str()), (0, text), "{}", done.stderr);
    let queries: Vec<_> = server.asked(ELEMENTS).into_iter().map(|asked| asked.query).collect();
    assert_eq!(queries, ["limit=100", "limit=100&after=2"]);
    server.on("GET /api/v1/batches/b2/elements", 200, first).on("GET /api/v1/batches/b2/elements", 200, second);
    let done = program.start(&["batch", "output", "b2", "--output", "json"]).end().await;
    let lines: Vec<Value> = done.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = lines.iter().map(|line| (line["index"].as_i64(), line["stdout"].as_str())).collect();
    assert_eq!(told, [(Some(1), Some("one\n")), (Some(2), Some("two")), (Some(3), Some(""))]);
    server.on("GET /api/v1/batches/b9/elements", 404, problem("batch-unknown", "There is no such batch.", None));
    server.on("GET /api/v1/jobs", 404, problem("batch-unknown", "There is no such batch.", None));
    for line in [&["batch", "output", "b9"][..], &["job", "list", "--batch", "b9"]] {
        let unknown = program.start(line).end().await;
        assert!(unknown.code == 4 && unknown.stderr.contains("try: amphi batch list"), "{}", unknown.stderr);
    }
}
