//! The other commands: what they ask for, print and exit with.

use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::fake_server::{FakeServer, problem};
use crate::program::Program;

const JOBS: &str = "GET /api/v1/jobs";

fn job(id: &str) -> Value {
    json!({ "id": id, "name": "my test", "tool": "ping", "command": "ping h", "node": "lab-a", "status": "completed",
            "pinned": true, "owner": "ada", "created": "2026-03-01T12:00:00.000Z", "exit_code": 0 })
}

#[tokio::test]
async fn every_page_of_a_list_is_fetched_up_to_the_limit() {
    let server = FakeServer::start().await;
    server.on(JOBS, 200, json!({ "items": [job("j4"), job("j3")], "next": "c1" }));
    server.on(JOBS, 200, json!({ "items": [job("j2"), job("j1")], "next": "c2" }));
    let program = Program::with_server(&server.url);
    let line = ["job", "list", "--limit", "3", "--scope", "mine", "--tool", "ping", "--output", "json"];
    let done = program.run(&line).await;
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    let jobs: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(jobs, json!([job("j4"), job("j3"), job("j2")]));
    let queries: Vec<String> = server.asked(JOBS).into_iter().map(|asked| asked.query).collect();
    assert_eq!(queries, ["scope=mine&tool=ping&limit=3", "scope=mine&tool=ping&limit=1&before=c1"]);
}

#[tokio::test]
async fn tables_are_plain_in_a_pipe() {
    let server = FakeServer::start().await;
    let mut hostile = job("j2");
    hostile["name"] = json!("evil\u{1b}[2J\nname");
    server.on(JOBS, 200, json!({ "items": [job("j1"), hostile], "next": null }));
    let done = Program::with_server(&server.url).run(&["job", "list"]).await;
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{}", done.stdout);
    assert!(lines[0].starts_with("   ID  NAME"), "{}", done.stdout);
    assert!(lines[1].starts_with("★  j1  my test"), "{}", done.stdout);
    assert!(lines[1].contains("✓ completed"), "{}", done.stdout);
    assert!(!done.stdout.contains('\u{1b}'));
}

#[tokio::test]
async fn statuses_become_exit_statuses() {
    for (status, exit) in [(400, 2), (401, 3), (403, 3), (404, 4), (409, 5), (422, 2), (429, 3), (500, 69), (503, 69)] {
        let server = FakeServer::start().await;
        server.on("GET /api/v1/jobs/j9", status, problem("some-code", "Something is wrong.", None));
        let done = Program::with_server(&server.url).run(&["job", "show", "j9"]).await;
        assert_eq!((done.code, done.stdout.as_str()), (exit, ""), "{status}: {}", done.stderr);
        assert!(done.stderr.starts_with("error: Something is wrong\n"), "{}", done.stderr);
    }
}

#[tokio::test]
async fn a_proxys_page_is_no_answer() {
    let server = FakeServer::start().await;
    server.on_text("GET /api/v1/tools", 200, &[("content-type", "text/html")], "<html>Sign in to the Wi-Fi</html>");
    server.on_text("GET /api/v1/jobs/j1", 502, &[], "<html>Bad Gateway</html>");
    let program = Program::with_server(&server.url);
    let done = program.run(&["tool", "list"]).await;
    assert_eq!((done.code, done.stdout.as_str()), (69, ""));
    assert!(done.stderr.contains("not Amphi's"), "{}", done.stderr);
    let done = program.run(&["job", "show", "j1"]).await;
    assert_eq!(done.code, 69);
    assert!(done.stderr.contains("502"), "{}", done.stderr);
}

#[tokio::test]
async fn nobody_there_is_69_and_nothing_configured_is_3() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for line in [&["job", "list"][..], &["run", "ping", "h"], &["status"]] {
        let done = Program::with_server(&format!("http://{free}")).run(line).await;
        assert_eq!((done.code, done.stdout.as_str()), (69, ""), "{}", done.stderr);
        assert!(done.stderr.contains("no connection to") && done.stderr.contains("try: "), "{}", done.stderr);
    }
    let done = Program::without_server().run(&["job", "list"]).await;
    assert_eq!(done.code, 3);
    assert!(done.stderr.contains("amphi login URL"), "{}", done.stderr);
}

#[tokio::test]
async fn output_is_copied_as_it_is() {
    let server = FakeServer::start().await;
    server.on_text("GET /api/v1/jobs/j1/output", 200, &[("content-type", "text/plain")], "raw\u{1b}[2J\r\n");
    let done =
        Program::with_server(&server.url).run(&["job", "output", "j1", "--stream", "stderr", "--attempt", "2"]).await;
    assert_eq!((done.code, done.stdout.as_str()), (0, "raw\u{1b}[2J\r\n"));
    assert_eq!(done.stderr, "");
    assert_eq!(server.asked("GET /api/v1/jobs/j1/output")[0].query, "stream=stderr&attempt=2");
    server.on_text("GET /api/v1/jobs/j2/output", 200, &[("content-type", "text/plain")], "");
    let done = Program::with_server(&server.url).run(&["job", "output", "j2"]).await;
    assert_eq!((done.code, done.stdout.as_str()), (0, ""));
    assert_eq!(done.stderr, "nothing on stdout; --stream stdout, stderr or compile chooses another\n");
}

#[tokio::test]
async fn changes_are_sent_as_the_api_wants_them() {
    let server = FakeServer::start().await;
    let node = json!({ "name": "lab-c" });
    server
        .on("PATCH /api/v1/jobs/j1", 200, job("j1"))
        .on("PATCH /api/v1/nodes/lab-c", 200, node)
        .on("POST /api/v1/jobs/j1/cancel", 202, job("j1"))
        .on_text("DELETE /api/v1/jobs/j1", 204, &[], "");
    let program = Program::with_server(&server.url);
    for line in ["job pin j1", "job unpin j1", "job cancel j1", "job delete j1", "node cordon lab-c"] {
        let done = program.run(&line.split(' ').collect::<Vec<_>>()).await;
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{line}");
        assert!(!done.stdout.is_empty(), "{line}");
    }
    let pins: Vec<Value> = server.asked("PATCH /api/v1/jobs/j1").into_iter().map(|asked| asked.body).collect();
    assert_eq!(pins, [json!({ "pinned": true }), json!({ "pinned": false })]);
    assert_eq!(server.asked("PATCH /api/v1/nodes/lab-c")[0].body, json!({ "state": "cordoned" }));
    assert!(server.asked("POST /api/v1/jobs/j1/cancel")[0].header("idempotency-key").is_some());
}

#[tokio::test]
async fn a_node_is_not_removed_without_a_word() {
    let server = FakeServer::start().await;
    server.on_text("DELETE /api/v1/nodes/lab-c", 204, &[], "");
    let program = Program::with_server(&server.url);
    let done = program.run(&["node", "remove", "lab-c"]).await;
    assert_eq!(done.code, 2);
    assert!(done.stderr.contains("--yes"), "{}", done.stderr);
    assert!(server.asked("DELETE /api/v1/nodes/lab-c").is_empty());
    assert_eq!(program.run(&["node", "remove", "--yes", "lab-c"]).await.code, 0);
    assert_eq!(server.asked("DELETE /api/v1/nodes/lab-c").len(), 1);
}

#[tokio::test]
async fn accounts_are_named_by_login_and_tenants_by_name() {
    let server = FakeServer::start().await;
    let account = |id: &str, login: &str| {
        json!({ "id": id, "login": login, "name": "N", "role": "learner", "tenant": "t-9", "tenant_title": "Sciences",
                "disabled": false, "created": "2026-03-01T12:00:00.000Z" })
    };
    let mut made = account("a-3", "eve");
    made["password"] = json!("once-only");
    server
        .on("GET /api/v1/accounts", 200, json!({ "items": [account("a-1", "adam"), account("a-2", "ada")] }))
        .on(
            "GET /api/v1/tenants",
            200,
            json!({ "items": [{ "id": "t-9", "name": "sciences", "title": "Sciences",
            "accounts": 2, "created": "2026-03-01T12:00:00.000Z" }] }),
        )
        .on("PATCH /api/v1/accounts/a-2", 200, account("a-2", "ada"))
        .on("POST /api/v1/accounts", 201, made);
    let program = Program::with_server(&server.url);
    let done = program.run(&["user", "set", "ada", "--role", "teacher", "--disabled", "true"]).await;
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(server.asked("PATCH /api/v1/accounts/a-2")[0].body, json!({ "role": "teacher", "disabled": true }));
    assert_eq!(program.run(&["user", "set", "ad", "--role", "teacher"]).await.code, 4);

    let done = program.run(&["user", "add", "eve", "--tenant", "sciences"]).await;
    assert_eq!((done.code, done.stdout.as_str()), (0, "once-only\n"));
    let body = json!({ "login": "eve", "name": "eve", "role": "learner", "tenant": "t-9" });
    assert_eq!(server.asked("POST /api/v1/accounts")[0].body, body);
    assert_eq!(program.run(&["user", "add", "eve", "--tenant", "arts"]).await.code, 4);
}

#[tokio::test]
async fn a_reader_that_leaves_is_no_error() {
    let server = FakeServer::start().await;
    let many: Vec<Value> = (0..100).map(|number| job(&format!("{number:0>2000}"))).collect();
    server.on(JOBS, 200, json!({ "items": many, "next": null }));
    let mut running = Program::with_server(&server.url).start(&["job", "list"]);
    running.line().await;
    assert_eq!(running.end_unread().await.code(), Some(141));
}

#[tokio::test]
async fn the_doctor_tells_what_is_wrong() {
    let server = FakeServer::start().await;
    let node = |health: &str| json!({ "id": "n", "name": "lab-a", "state": "enabled", "health": health, "slots": 2 });
    server
        .on("GET /api/v1/status", 200, json!({ "status": "up" }))
        .on("GET /api/v1/me", 200, json!({ "login": "ada", "role": "teacher" }))
        .on("GET /api/v1/tools", 200, json!([{ "name": "odd", "program": "no-such-program" }]))
        .on("GET /api/v1/nodes", 200, json!({ "items": [node("up")] }))
        .on("GET /api/v1/nodes", 200, json!({ "items": [node("down")] }));
    let program = Program::with_server(&server.url);
    let done = program.run(&["doctor"]).await;
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{}", done.stdout);
    for found in ["ada, teacher", "agrees with the server's", "1 of 1 up", "would lack no-such-program"] {
        assert!(done.stdout.contains(found), "{found:?} in {}", done.stdout);
    }
    let done = program.run(&["doctor", "--output", "json"]).await;
    assert_eq!(done.code, 69);
    let findings: Vec<Value> = serde_json::from_str(&done.stdout).unwrap();
    let bad: Vec<&Value> = findings.iter().filter(|finding| finding["ok"] == false).collect();
    assert_eq!(bad.len(), 1, "{}", done.stdout);
    assert_eq!(*bad[0], json!({ "check": "nodes", "ok": false, "detail": "0 of 1 up, lab-a is down" }));
}

#[tokio::test]
async fn completions_and_man_pages_need_no_server() {
    let program = Program::without_server();
    for shell in ["bash", "zsh", "fish"] {
        let done = program.run(&["completions", shell]).await;
        assert_eq!(done.code, 0);
        assert!(done.stdout.contains("cordon"), "{shell}");
    }
    let dir = program.home.path().join("man");
    assert_eq!(program.run(&["man", dir.to_str().unwrap()]).await.code, 0);
    assert!(std::fs::read_to_string(dir.join("amphi-run.1")).unwrap().contains("amphi run ping"));
    let done = program.run(&["--version"]).await;
    assert_eq!((done.code, done.stdout), (0, format!("amphi {}\n", env!("CARGO_PKG_VERSION"))));
    assert_eq!(program.run(&["run", "--nodes"]).await.code, 2);
}

#[tokio::test]
async fn a_node_tells_the_agents_limit_and_its_memory() {
    let server = FakeServer::start().await;
    let node = json!({ "id": "n", "name": "lab-a", "state": "enabled", "health": "up", "slots": 4, "agent_slots": 2,
                       "running": 1, "memory_bytes": 3_u64 << 30 });
    server.on("GET /api/v1/nodes", 200, json!({ "items": [node] })).on("GET /api/v1/nodes/lab-a", 200, node.clone());
    let program = Program::with_server(&server.url);
    let list = program.run(&["node", "list"]).await;
    assert!(list.stdout.contains("1 of 4 (agent allows 2)"), "{}", list.stdout);
    let shown = program.run(&["node", "show", "lab-a"]).await;
    assert!(shown.stdout.contains("1 of 4 (agent allows 2)") && shown.stdout.contains("3.0 GiB"), "{}", shown.stdout);
}

#[tokio::test]
async fn a_join_command_that_leads_nowhere_comes_with_a_warning() {
    let server = FakeServer::start().await;
    let warning = "Other machines can't reach http://127.0.0.1:1.";
    let made = json!({ "token": "t", "command": "amphi agent", "warning": warning, "expires": "2026-03-01T12:00:00Z" });
    server.on("POST /api/v1/node-tokens", 201, made);
    let done = Program::with_server(&server.url).run(&["node", "token"]).await;
    assert_eq!((done.code, done.stdout.as_str()), (0, "amphi agent\n"));
    assert!(done.stderr.starts_with(warning), "{}", done.stderr);
}

#[tokio::test]
async fn run_alone_says_what_there_is_to_run() {
    let server = FakeServer::start().await;
    let done = Program::with_server(&server.url).run(&["run"]).await;
    assert_eq!((done.code, done.stdout.as_str()), (2, ""));
    assert!(
        done.stderr.starts_with("error: no tool and no program was named\nwhy: a tool is a word"),
        "{}",
        done.stderr
    );
}

#[tokio::test]
async fn a_server_that_is_told_wrong_is_wrong_usage() {
    let program = Program::without_server();
    let dir = program.home.path().join("nobody");
    let dir_text = dir.display().to_string();
    let agent = ["agent", "--join", "http://127.0.0.1:1", "--dir", &dir_text];
    let done = program.run(&agent).await;
    assert_eq!(done.code, 2);
    assert!(done.stderr.contains(&dir_text) && done.stderr.contains("--dir"), "{}", done.stderr);
    assert!(!dir.exists(), "a start without a token left something behind");
    let done = program.run(&[agent.as_slice(), &["--token", "hello"]].concat()).await;
    assert!(done.code == 2 && !dir.exists(), "{}", done.stderr);
    let done = program.run(&["serve", "--config", &format!("{dir_text}.toml")]).await;
    assert_eq!(done.code, 2, "{}", done.stderr);
    let busy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = busy.local_addr().unwrap().to_string();
    let done = program.run(&["up", "--nodes", "0", "--dir", &dir_text, "--listen", &address]).await;
    assert!(done.code == 2 && done.stderr.contains("listening on"), "{}", done.stderr);
}

#[tokio::test]
async fn of_several_ids_the_unknown_one_is_named_and_the_others_are_done() {
    let server = FakeServer::start().await;
    let unknown = json!({ "code": "job-unknown", "message": "There is no job of that id." });
    server.on("DELETE /api/v1/jobs/a", 204, Value::Null);
    server.on("DELETE /api/v1/jobs/b", 404, unknown);
    server.on("DELETE /api/v1/jobs/c", 204, Value::Null);
    let done = Program::with_server(&server.url).run(&["job", "delete", "a", "b", "c"]).await;
    assert_eq!((done.code, done.stdout.as_str()), (4, "a deleted\nc deleted\n"));
    assert!(done.stderr.starts_with("error: b: There is no job of that id\n"), "{}", done.stderr);
}
