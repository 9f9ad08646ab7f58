//! `amphi conference`: what it asks for, prints and exits with.

use serde_json::{Value, json};

use crate::fake_server::{FakeServer, problem};
use crate::program::Program;

const SERVERS: &str = "/api/v1/conference/servers";

fn server(id: &str, host: &str, state: &str) -> Value {
    json!({ "id": id, "url": format!("https://{host}/bigbluebutton/api"), "host": host, "tag": "", "weight": 100,
        "state": state, "health": "up", "trouble": "", "meetings": 3, "users": 41, "largest": 20, "videos": 5,
        "load": 56.5, "version": "3.0.4" })
}

#[tokio::test]
async fn a_server_is_added_and_its_id_printed() {
    let server_url = "https://bbb1.example.org/bigbluebutton/";
    let fake = FakeServer::start().await;
    fake.on(&format!("POST {SERVERS}"), 201, server("s-1", "bbb1.example.org", "enabled"));
    let program = Program::with_server(&fake.url);
    let line = ["conference", "server", "add", server_url, "s3cret", "--weight", "50"];
    let done = program.run(&line).await;
    assert_eq!((done.code, done.stdout.as_str(), done.stderr.as_str()), (0, "id: s-1\n", ""));
    let line = ["conference", "server", "add", server_url, "-", "--id", "bbb-1", "--tag", "gpu", "--output", "json"];
    let done = program.run_with(&line, " s3cret \n").await;
    let printed: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((done.code, &printed["id"]), (0, &json!("s-1")));
    let bodies: Vec<Value> = fake.asked(&format!("POST {SERVERS}")).into_iter().map(|asked| asked.body).collect();
    assert_eq!(
        bodies,
        [
            json!({ "url": server_url, "secret": "s3cret", "weight": 50 }),
            json!({ "url": server_url, "secret": "s3cret", "id": "bbb-1", "tag": "gpu" })
        ]
    );
    assert_eq!(program.run_with(&["conference", "server", "add", server_url, "-"], " \n").await.code, 2);
}

#[tokio::test]
async fn the_status_has_the_columns_that_operators_know() {
    let fake = FakeServer::start().await;
    let mut lost = server("s-2", "bbb2.example.org", "cordoned");
    lost["health"] = json!("down");
    fake.on(&format!("GET {SERVERS}"), 200, json!({ "items": [server("s-1", "bbb1.example.org", "enabled"), lost] }));
    let program = Program::with_server(&fake.url);
    let done = program.run(&["conference", "status"]).await;
    let rows: Vec<Vec<&str>> = done.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    let titles = ["HOSTNAME", "STATE", "STATUS", "MEETINGS", "USERS", "LARGEST", "VIDEOS", "LOAD", "VERSION"];
    assert_eq!(rows[0], titles);
    assert_eq!(rows[1], ["bbb1.example.org", "enabled", "✓", "up", "3", "41", "20", "5", "56.5", "3.0.4"]);
    assert_eq!(rows[2][..4], ["bbb2.example.org", "cordoned", "✗", "down"]);
    let json: Value =
        serde_json::from_str(&program.run(&["conference", "status", "--output", "json"]).await.stdout).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn servers_are_changed_and_nothing_is_ended_without_a_word() {
    let fake = FakeServer::start().await;
    let at = format!("{SERVERS}/bbb1.example.org");
    fake.on(&format!("PATCH {at}"), 200, server("s-1", "bbb1.example.org", "cordoned"))
        .on(&format!("POST {at}/panic"), 200, json!({ "ended": 3 }))
        .on_text(&format!("DELETE {at}"), 204, &[], "")
        .on(&format!("PATCH {SERVERS}/none"), 404, problem("conference-server-unknown", "There is none.", None))
        .on(&format!("DELETE {SERVERS}/full"), 409, problem("conference-server-busy", "Meetings are on it.", None));
    let program = Program::with_server(&fake.url);
    let run = async |line: &str| program.run(&line.split(' ').collect::<Vec<_>>()).await;
    for word in ["enable", "cordon", "disable"] {
        let done = run(&format!("conference server {word} bbb1.example.org")).await;
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{word}");
    }
    let done = run("conference server cordon bbb1.example.org").await;
    assert_eq!(done.stdout, "bbb1.example.org is cordoned; 3 meetings are still on it\n");
    run("conference server set bbb1.example.org --weight 200").await;
    let bodies: Vec<Value> = fake.asked(&format!("PATCH {at}")).into_iter().map(|asked| asked.body).collect();
    let state = |state: &str| json!({ "state": state });
    let all = [state("enabled"), state("cordoned"), state("disabled"), state("cordoned"), json!({ "weight": 200 })];
    assert_eq!(bodies, all);
    assert_eq!(run("conference server set bbb1.example.org").await.code, 2, "nothing is to be changed");
    for word in ["panic", "remove"] {
        let done = run(&format!("conference server {word} bbb1.example.org")).await;
        assert_eq!((done.code, done.stderr.contains("--yes")), (2, true), "{}", done.stderr);
        let done = run(&format!("conference server {word} --yes bbb1.example.org")).await;
        assert_eq!(done.code, 0, "{}", done.stderr);
    }
    assert_eq!((fake.asked(&format!("POST {at}/panic")).len(), fake.asked(&format!("DELETE {at}")).len()), (1, 1));
    let unknown = run("conference server cordon none").await;
    assert_eq!((unknown.code, unknown.stderr.contains("amphi conference server list")), (4, true));
    assert_eq!(run("conference server remove --yes full").await.code, 5);
}

#[tokio::test]
async fn scalelites_servers_are_taken_over_and_twice_does_no_harm() {
    let fake = FakeServer::start().await;
    let known = server("bbb-1", "bbb1.example.org", "cordoned");
    fake.on(&format!("GET {SERVERS}"), 200, json!({ "items": [known.clone()] }))
        .on(&format!("PATCH {SERVERS}/bbb-1"), 200, known)
        .on(&format!("POST {SERVERS}"), 201, server("bbb-2", "bbb2.example.org", "disabled"));
    let program = Program::with_server(&fake.url);
    let file = program.home.path().join("servers.yaml");
    let yaml = "servers:\n  bbb-1:\n    url: https://bbb1.example.org/bigbluebutton/api/\n    secret: one\n    \
        load_multiplier: 2.0\n    enabled: true\n  bbb-2:\n    url: https://bbb2.example.org/bigbluebutton/api/\n    \
        secret: '2222'\n    tag: gpu\n    enabled: false\n    online: true\n";
    std::fs::write(&file, yaml).unwrap();
    let path = file.to_str().unwrap();
    let done = program.run(&["conference", "server", "import", path]).await;
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    let rows: Vec<Vec<&str>> = done.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[1][1..], ["updated", "bbb-1"]);
    assert_eq!(rows[2][1..], ["added", "bbb-2"]);
    assert!(!done.stdout.contains("2222"), "no secret is printed");
    let patched = &fake.asked(&format!("PATCH {SERVERS}/bbb-1"))[0].body;
    assert_eq!(*patched, json!({ "secret": "one", "tag": "", "weight": 50 }), "its state stays");
    let added = &fake.asked(&format!("POST {SERVERS}"))[0].body;
    let whole = json!({ "id": "bbb-2", "url": "https://bbb2.example.org/bigbluebutton/api/", "secret": "2222",
        "tag": "gpu", "state": "disabled" });
    assert_eq!(*added, whole);
    fake.on(&format!("POST {SERVERS}"), 409, problem("conference-server-taken", "It is there already.", None));
    program.run(&["conference", "server", "import", path]).await;
    let done = program.run(&["conference", "server", "import", path]).await;
    assert_eq!(done.code, 5, "{}", done.stdout);
    assert!(done.stdout.contains("failed") && done.stderr.contains("1 of 2 servers"), "{}", done.stderr);
    std::fs::write(&file, "<html>").unwrap();
    assert_eq!(program.run(&["conference", "server", "import", path]).await.code, 2);
    assert_eq!(program.run(&["conference", "server", "import", "/nowhere"]).await.code, 2);
}

#[tokio::test]
async fn meetings_are_listed_and_ended() {
    let fake = FakeServer::start().await;
    let meeting = json!({ "meeting_id": "a/1", "name": "Algebra\u{1b}[2J", "tenant": "t", "server": "s-1",
        "host": "bbb1.example.org", "is_running": true, "is_recording": false, "users": 12, "moderators": 1, "voices": 2,
        "videos": 3, "created": "2026-03-01T12:00:00.000Z" });
    fake.on("GET /api/v1/conference/meetings", 200, json!({ "items": [meeting] })).on_text(
        "POST /api/v1/conference/meetings/end",
        204,
        &[],
        "",
    );
    let program = Program::with_server(&fake.url);
    let done = program.run(&["conference", "meeting", "list", "--tenant", "law"]).await;
    assert!(done.stdout.contains("a/1") && !done.stdout.contains('\u{1b}'), "{}", done.stdout);
    assert_eq!(fake.asked("GET /api/v1/conference/meetings")[0].query, "tenant=law&limit=100");
    let done = program.run(&["conference", "meeting", "end", "a/1", "--tenant", "law"]).await;
    assert_eq!((done.code, done.stdout.as_str()), (0, "a/1 ended\n"));
    let body = &fake.asked("POST /api/v1/conference/meetings/end")[0].body;
    assert_eq!(*body, json!({ "meeting_id": "a/1", "tenant": "law" }));
}

#[tokio::test]
async fn settings_are_changed_where_they_are_named() {
    let fake = FakeServer::start().await;
    let at = "/api/v1/conference/tenants/law";
    let own = json!({ "hosts": ["law.example.org"], "defaults": { "welcome": "Hi", "logo": "x" }, "overrides": {},
        "meetings_max": 5 });
    fake.on(&format!("GET {at}"), 200, own.clone()).on(&format!("PUT {at}"), 200, own);
    let program = Program::with_server(&fake.url);
    let line = [
        "conference",
        "tenant",
        "set",
        "law",
        "--default",
        "welcome=Good morning",
        "--default",
        "logo=",
        "--override",
        "record=false",
        "--attendees",
        "500",
    ];
    assert_eq!(program.run(&line).await.code, 0);
    let put = &fake.asked(&format!("PUT {at}"))[0].body;
    let whole = json!({ "hosts": ["law.example.org"], "defaults": { "welcome": "Good morning" },
        "overrides": { "record": "false" }, "meetings_max": 5, "attendees_max": 500 });
    assert_eq!(*put, whole);
    let shown = program.run(&["conference", "tenant", "show", "law"]).await.stdout;
    assert!(shown.contains("law.example.org") && shown.contains("welcome=Hi"), "{shown}");
    assert_eq!(program.run(&["conference", "tenant", "set", "law"]).await.code, 2);
}

#[tokio::test]
async fn secrets_usage_and_capacity_are_printed() {
    let fake = FakeServer::start().await;
    let made = json!({ "id": "k-1", "tenant": "law", "note": "Moodle", "created": "2026-03-01T12:00:00.000Z",
        "secret": "once-only" });
    let usage = json!({ "day": "2026-03-01", "tenant": "law", "meetings": 4, "attendee_hours": 12.5, "meetings_most": 2,
        "attendees_most": 40 });
    let capacity = json!({ "servers_wanted": 2, "servers_enabled": 4, "load": 151.0, "load_per_server": 37.75,
        "spare": 2, "remove_when_empty": ["s-3", "s-4"] });
    fake.on("POST /api/v1/conference/secrets", 201, made)
        .on("GET /api/v1/conference", 200, json!({ "url": "https://amphi.example.org/bigbluebutton/" }))
        .on("GET /api/v1/conference/usage", 200, json!({ "items": [usage] }))
        .on("GET /api/v1/conference/capacity", 200, capacity)
        .on_text("DELETE /api/v1/conference/secrets/k-1", 204, &[], "");
    let program = Program::with_server(&fake.url);
    let run = async |line: &str| program.run(&line.split(' ').collect::<Vec<_>>()).await.stdout;
    let made = run("conference secret add --tenant law --note Moodle").await;
    assert!(made.contains("https://amphi.example.org/bigbluebutton/") && made.contains("once-only"), "{made}");
    assert_eq!(run("conference secret revoke k-1").await, "k-1 revoked\n");
    let usage = run("conference usage --from 2026-03-01 --tenant law").await;
    assert!(usage.contains("12.50"), "{usage}");
    assert_eq!(fake.asked("GET /api/v1/conference/usage")[0].query, "from=2026-03-01&tenant=law");
    let told = run("conference capacity --target-load 150").await;
    assert!(told.contains("s-3 s-4") && told.contains("2 servers"), "{told}");
    assert_eq!(fake.asked("GET /api/v1/conference/capacity")[0].query, "target_load=150");
}
