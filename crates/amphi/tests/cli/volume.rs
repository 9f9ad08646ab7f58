//! Commands about storage that a server's answers alone decide.

use serde_json::json;

use crate::fake_server::{FakeServer, problem};
use crate::program::{DEADLINE, Program};

const ACCOUNTS: &str = "GET /api/v1/accounts";
const EXPORTS: &str = "GET /api/v1/exports";

#[tokio::test]
async fn a_download_that_is_ended_leaves_nothing() {
    let server = FakeServer::start().await;
    let pen = server.on_stream("GET /api/v1/exports/films/files/a");
    pen.write("the first half");
    let program = Program::with_server(&server.url);
    std::fs::write(program.home.path().join("a"), "old").unwrap();
    let mut running = program.start_in(program.home.path(), &["volume", "get", "films:a"]);
    running.close_stdin();
    let names = || {
        let entries = std::fs::read_dir(program.home.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    let begun = async {
        while !names().iter().any(|name| name.ends_with(".part")) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, begun).await.expect("the download did not begin");
    running.interrupt();
    let done = running.end().await;
    assert_eq!(done.code, 130, "{}", done.stderr);
    assert!(done.stderr.contains("the download was ended"), "{}", done.stderr);
    assert!(!names().iter().any(|name| name.ends_with(".part")), "{:?}", names());
    assert_eq!(std::fs::read_to_string(program.home.path().join("a")).unwrap(), "old");
    drop(pen);
}

#[tokio::test]
async fn what_goes_with_an_account_is_told_before() {
    let server = FakeServer::start().await;
    let account = json!({ "id": "a1", "login": "ada", "name": "Ada", "role": "learner", "tenant": "t",
        "tenant_title": "Main", "disabled": false, "created": "2026-03-01T12:00:00.000Z" });
    server.on(ACCOUNTS, 200, json!({ "items": [account], "next": null }));
    let export = |name: &str, owner: &str| {
        json!({ "id": 1, "name": name, "volume": "home", "owner": owner, "read_only": false,
            "usage": { "bytes": 5_242_880, "inodes": 4, "bytes_hard": 0 }, "created": "2026-03-01T12:00:00.000Z" })
    };
    server.on(EXPORTS, 200, json!({ "items": [export("home-ada", "a1"), export("home-eve", "a2")], "next": null }));
    let snapshots = json!({ "items": [export("home-ada@x", "a1"), export("home-ada@y", "a1")], "next": null });
    server.on("GET /api/v1/exports/home-ada/snapshots", 200, snapshots);
    server.on_text("DELETE /api/v1/accounts/a1", 204, &[], "");
    let program = Program::with_server(&server.url);

    let told = "home-ada (3 files and directories, 5.0 MiB, 2 snapshots)";
    let asked = program.run(&["user", "delete", "ada"]).await;
    assert_eq!(asked.code, 2, "nobody is here to ask");
    assert!(asked.stderr.contains(told) && !asked.stderr.contains("eve"), "{}", asked.stderr);
    assert!(server.asked("DELETE /api/v1/accounts/a1").is_empty());
    let deleted = program.run(&["user", "delete", "--yes", "ada"]).await;
    assert_eq!((deleted.code, deleted.stderr.as_str()), (0, ""));
    assert!(deleted.stdout.contains(told), "{}", deleted.stdout);
}

#[tokio::test]
async fn nobody_is_asked_whether_what_is_not_there_is_to_go() {
    let server = FakeServer::start().await;
    let unknown = problem("export-unknown", "There is no such export, or it is not open to you.", None);
    server.on("GET /api/v1/exports/films@old", 404, unknown.clone()).on("GET /api/v1/exports/flims", 404, unknown);
    let program = Program::with_server(&server.url);
    for wrong in [&["restore", "films", "old"][..], &["remove", "films", "old"]] {
        let refused = program.run(&[&["volume", "snapshot"], wrong].concat()).await;
        assert_eq!(refused.code, 4, "{wrong:?}: {}", refused.stderr);
        assert!(refused.stderr.contains("amphi volume snapshot list films"), "{wrong:?}: {}", refused.stderr);
    }
    let refused = program.run(&["volume", "export", "remove", "flims"]).await;
    assert!(refused.code == 4 && refused.stderr.contains("amphi volume export list"), "{}", refused.stderr);
}

#[tokio::test]
async fn health_is_a_failure_while_something_can_not_be_read() {
    let server = FakeServer::start().await;
    let health = |lost: u64| {
        json!({ "volumes": [{ "volume": "films", "healthy": 3, "degraded": 0, "at_risk": 0, "lost": lost, "away": lost,
            "rebuild_bytes": 0, "repairs_waiting": 0 }], "alerts": [] })
    };
    server.on("GET /api/v1/storage/health", 200, health(0)).on("GET /api/v1/storage/health", 200, health(2));
    let program = Program::with_server(&server.url);
    assert_eq!(program.run(&["volume", "health"]).await.code, 0);
    let failed = program.run(&["volume", "health"]).await;
    assert_eq!((failed.code, failed.stderr.contains("2 stripes can't be read")), (69, true), "{}", failed.stderr);
}
