//! `amphi login` and `amphi logout`.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::fake_server::{FakeServer, problem};
use crate::program::Program;

const ME: &str = "GET /api/v1/me";

#[tokio::test]
async fn a_token_is_checked_kept_used_and_forgotten() {
    let server = FakeServer::start().await;
    server.on(ME, 200, json!({ "login": "ada", "role": "teacher" }));
    server.on("GET /api/v1/tools", 200, json!([]));
    let program = Program::without_server();
    let done = program.run_with(&["login", &server.url, "--token-stdin"], " secret-token\n").await;
    assert_eq!((done.code, done.stdout.as_str()), (0, ""), "{}", done.stderr);
    assert!(!done.stderr.contains("secret-token"));
    let path = program.home.path().join(".config/amphi/credentials.toml");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    assert_eq!(program.run(&["tool", "list"]).await.code, 0);
    assert_eq!(server.asked("GET /api/v1/tools")[0].header("authorization"), Some("Bearer secret-token"));

    assert_eq!(program.run(&["logout"]).await.code, 0);
    assert!(!path.exists());
    assert_eq!(program.run(&["tool", "list"]).await.code, 3);
}

#[tokio::test]
async fn a_password_becomes_a_token_and_is_never_shown() {
    const SESSIONS: &str = "POST /api/v1/sessions";
    let server = FakeServer::start().await;
    let session = |must_change| json!({ "id": "s", "csrf": "csrf-1", "must_change_password": must_change }).to_string();
    let cookie = [("set-cookie", "amphi_session=s3; HttpOnly; Path=/")];
    server
        .on_text(SESSIONS, 201, &cookie, &session(true))
        .on_text(SESSIONS, 201, &cookie, &session(false))
        .on("POST /api/v1/me/password", 400, problem("password-length", "10 to 256 characters.", Some("new")))
        .on_text("POST /api/v1/me/password", 204, &[], "")
        .on("POST /api/v1/tokens", 201, json!({ "id": "t1", "name": "n", "token": "amphi_made" }))
        .on_text("DELETE /api/v1/sessions/current", 204, &[], "")
        .on_text("DELETE /api/v1/tokens/t1", 204, &[], "")
        .on(ME, 200, json!({ "login": "ada", "role": "teacher" }));
    let program = Program::without_server();
    let mut running = program.start_on_terminal(&format!("login {} --login ada", server.url));
    for (question, answer) in [
        ("Password: ", "for-one-use"),
        ("New password: ", "short"),
        ("Again: ", "short"),
        ("New password: ", "a lasting one"),
        ("Again: ", "another one"),
        ("New password: ", "a lasting one"),
        ("Again: ", "a lasting one"),
    ] {
        running.until(question).await;
        running.type_in(&format!("{answer}\n")).await;
    }
    let done = running.end().await;
    assert_eq!(done.code, 0, "{}", done.stdout);
    assert!(!done.stdout.contains("for-one-use") && !done.stdout.contains("a lasting one"), "{}", done.stdout);

    let signed_in: Vec<_> = server.asked(SESSIONS).into_iter().map(|asked| asked.body["password"].clone()).collect();
    assert_eq!(signed_in, ["for-one-use", "a lasting one"]);
    for route in ["POST /api/v1/me/password", "POST /api/v1/tokens", "DELETE /api/v1/sessions/current"] {
        let asked = &server.asked(route)[0];
        assert_eq!(asked.header("cookie"), Some("amphi_session=s3"), "{route}");
        assert_eq!(asked.header("x-csrf-token"), Some("csrf-1"), "{route}");
    }
    assert_eq!(server.asked(ME)[0].header("authorization"), Some("Bearer amphi_made"));
    assert_eq!(program.run(&["logout"]).await.code, 0);
    assert_eq!(server.asked("DELETE /api/v1/tokens/t1")[0].header("authorization"), Some("Bearer amphi_made"));
}

#[tokio::test]
async fn a_token_that_is_refused_is_not_kept() {
    let server = FakeServer::start().await;
    server.on(ME, 401, problem("sign-in-needed", "Sign in first.", None));
    let program = Program::without_server();
    let done = program.run_with(&["login", &server.url, "--token-stdin"], "wrong").await;
    assert_eq!(done.code, 3, "{}", done.stderr);
    assert!(!program.home.path().join(".config/amphi/credentials.toml").exists());
}

#[tokio::test]
async fn nothing_is_asked_without_a_terminal_and_nothing_secret_goes_in_the_clear() {
    let program = Program::without_server();
    let done = program.run(&["login", "http://127.0.0.1:1"]).await;
    assert_eq!(done.code, 2);
    assert!(done.stderr.contains("--token-stdin"), "{}", done.stderr);
    let done = program.run_with(&["login", "http://192.0.2.1", "--token-stdin"], "t").await;
    assert_eq!(done.code, 3);
    assert!(done.stderr.contains("in the clear"), "{}", done.stderr);
}
