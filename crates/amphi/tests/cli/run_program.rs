//! `amphi run` with programs: what is a program, what is sent, what is typed, how it ends.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fake_server::{FakeServer, problem};
use crate::program::{Done, Program};

const SUBMIT: &str = "POST /api/v1/jobs";
const LIVE: &str = "GET /api/v1/jobs/j1/live";
const INPUT: &str = "POST /api/v1/jobs/j1/input";
const CANCEL: &str = "POST /api/v1/jobs/j1/cancel";

fn job() -> Value {
    json!({ "id": "j1", "tool": "python", "command": "--language python hello.py", "status": "waiting",
            "created": "2026-03-01T12:00:00.000Z" })
}

async fn server() -> FakeServer {
    let server = FakeServer::start().await;
    server.on(SUBMIT, 202, job());
    server
}

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, data) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, data).unwrap();
    }
    dir
}

/// Submits and leaves, in `dir`.
async fn detach(server: &FakeServer, dir: &Path, args: &[&str]) -> Done {
    let args = [&["run", "--detach"], args].concat();
    Program::with_server(&server.url).run_in(dir, &args, Path::new("/dev/null")).await
}

/// What is submitted by this command line, in `dir`.
async fn body(dir: &Path, args: &[&str]) -> Value {
    let server = server().await;
    let done = detach(&server, dir, args).await;
    assert_eq!((done.code, done.stdout.as_str()), (0, "j1\n"), "{args:?}: {}", done.stderr);
    server.asked(SUBMIT)[0].body.clone()
}

#[tokio::test]
async fn the_first_word_tells_a_program_from_a_tool() {
    let dir = folder(&[("ping", b"no program"), ("hello.py", b"print(1)\n"), ("sub/x", b"x"), ("x.cob", b"x")]);
    let file = |path: &str, text: &str| json!([{ "path": path, "text": text }]);
    let hello = json!({ "files": file("hello.py", "print(1)\n"), "args": ["a", "-x", "--help"] });
    assert_eq!(body(dir.path(), &["hello.py", "a", "-x", "--help"]).await, hello);
    assert_eq!(body(dir.path(), &["ping", "h"]).await, json!({ "tool": "ping", "args": ["h"] }));
    assert_eq!(body(dir.path(), &["sub/x"]).await, json!({ "files": file("x", "x"), "args": [] }));
    assert_eq!(body(dir.path(), &["x.cob"]).await, json!({ "files": file("x.cob", "x"), "args": [] }));
    let named = json!({ "files": file("ping", "no program"), "language": "perl", "args": ["h"], "node": "lab-a" });
    assert_eq!(body(dir.path(), &["--node", "lab-a", "--language", "perl", "ping", "h"]).await, named);
    let line = json!({ "line": "echo $1", "args": ["a b"], "name": "n" });
    assert_eq!(body(dir.path(), &["--name", "n", "-c", "echo $1", "a b"]).await, line);
}

#[tokio::test]
async fn files_lie_as_they_lie_beside_the_main_file() {
    let dir = folder(&[
        ("src/main.c", b"m"),
        ("src/lib/u.c", b"u"),
        ("data.bin", b"\xff\0"),
        ("in.txt", b"5\n"),
        ("p.ZIP", b"PK\xff"),
    ]);
    let args = ["--file", "src/lib/u.c", "--file", "data.bin", "--stdin", "in.txt", "src/main.c"];
    let files = json!([{ "path": "main.c", "text": "m" }, { "path": "lib/u.c", "text": "u" },
                       { "path": "data.bin", "base64": "/wA=" }]);
    assert_eq!(body(dir.path(), &args).await, json!({ "files": files, "args": [], "stdin": "5\n" }));
    let zip = json!({ "zip_base64": "UEv/", "files": [{ "path": "in.txt", "text": "5\n" }], "args": ["x"] });
    assert_eq!(body(dir.path(), &["--file", "in.txt", "p.ZIP", "x"]).await, zip);
}

#[tokio::test]
async fn what_can_not_be_sent_is_told_here() {
    let server = FakeServer::start().await;
    let dir = folder(&[("big.py", &vec![b'#'; (1 << 20) + 1]), ("half.py", &vec![b'#'; 600_000]), ("a.py", b"x")]);
    for (args, sentence) in [
        (&["gone.py"][..], "error: the file gone.py can't be read\nwhy: No such file"),
        (&["/"], "error: the file / can't be read\nwhy: Is a directory"),
        (&["big.py"], "error: big.py is too large\nwhy: a program's files may have 1 MiB together"),
        (&["--file", "half.py", "half.py"], "error: half.py is too large"),
        (&["--stdin", "big.py", "a.py"], "error: big.py is too large"),
        (&["--stdin", "a.py", "ping", "h"], "error: --stdin is for programs, and ping is a tool"),
        (&["--language", "python"], "error: no tool and no program was named"),
    ] {
        let done = detach(&server, dir.path(), args).await;
        assert_eq!(done.code, 2, "{args:?}: {}", done.stderr);
        assert!(done.stderr.starts_with(sentence), "{args:?}: {}", done.stderr);
    }
    let args = ["run", "-t", "a.py"];
    let done = Program::with_server(&server.url).run_in(dir.path(), &args, Path::new("/dev/null")).await;
    assert_eq!((done.code, done.stderr.as_str()), (2, "error: --terminal needs a terminal here\ntry: --interactive\n"));
    assert!(server.asked(SUBMIT).is_empty());
}

#[tokio::test]
async fn an_unknown_language_is_refused_with_the_list() {
    let server = FakeServer::start().await;
    let sentence = "There is no language \"cobol\". The languages are python, c.";
    server.on(SUBMIT, 400, problem("language-unknown", sentence, Some("language")));
    let dir = folder(&[("x.cob", b"x")]);
    let done = detach(&server, dir.path(), &["--language", "cobol", "x.cob"]).await;
    assert_eq!(done.code, 2);
    assert_eq!(
        done.stderr,
        "error: There is no language \"cobol\"\nwhy: it concerns `--language` (language-unknown)\n\
         try: The languages are python, c\n"
    );
}

#[tokio::test]
async fn a_file_as_standard_input_goes_with_the_program() {
    let server = server().await;
    let pen = server.on_stream(LIVE);
    pen.end(json!({ "status": "completed", "exit_code": 0 }));
    let dir = folder(&[("a.py", b"x"), ("in.bin", b"\xff1")]);
    let program = Program::with_server(&server.url);
    let done = program.run_in(dir.path(), &["run", "a.py"], &dir.path().join("in.bin")).await;
    assert_eq!(done.code, 0, "{}", done.stderr);
    let body = json!({ "files": [{ "path": "a.py", "text": "x" }], "args": [], "stdin_base64": "/zE=" });
    assert_eq!(server.asked(SUBMIT)[0].body, body);
    assert!(server.asked(INPUT).is_empty());
}

#[tokio::test]
async fn a_pipe_is_passed_on_as_it_comes_and_ctrl_c_is_the_programs_first() {
    let server = server().await;
    // Refused while the program is being placed again: the same act is sent once more.
    server.on(INPUT, 409, problem("no-input", "The program takes no input now.", None)).on(INPUT, 202, json!({}));
    server.on(CANCEL, 202, job());
    let pen = server.on_stream(LIVE);
    let dir = folder(&[("a.py", b"x")]);
    let mut running = Program::with_server(&server.url).start_in(dir.path(), &["run", "a.py"]);
    running.type_in("one\n").await;
    let asked = server.wait_for(SUBMIT, 1).await;
    assert_eq!(asked[0].body["interactive"], true);
    pen.event("state", None, json!({ "status": "waiting", "place": 1, "attempt": 1 }));
    pen.output(1, 0, "stdout", "> ");
    running.until("> ").await;
    assert!(server.asked(INPUT).is_empty(), "nothing is typed into a program that waits");
    pen.event("state", None, json!({ "status": "running", "node": "lab-a", "attempt": 1 }));
    let sent = |asked: &[crate::fake_server::Asked]| asked.iter().map(|asked| asked.body.clone()).collect::<Vec<_>>();
    let one = json!({ "input": "one\n" });
    assert_eq!(sent(&server.wait_for(INPUT, 2).await), [one.clone(), one.clone()]);
    running.type_in("two\n").await;
    server.wait_for(INPUT, 3).await;
    running.interrupt();
    server.wait_for(INPUT, 4).await;
    running.close_stdin();
    let asked = server.wait_for(INPUT, 5).await;
    let rest = [json!({ "input": "two\n" }), json!({ "interrupt": true }), json!({ "end": true })];
    assert_eq!(sent(&asked)[2..], rest);
    let keys: std::collections::BTreeSet<_> = asked.iter().map(|asked| asked.header("idempotency-key")).collect();
    assert_eq!(keys.len(), 5, "each act has a key of its own");
    running.interrupt();
    server.wait_for(CANCEL, 1).await;
    pen.end(json!({ "status": "cancelled" }));
    assert_eq!(running.end().await.code, 130);
}

#[tokio::test]
async fn an_act_whose_answer_got_lost_is_repeated_under_its_key() {
    let server = server().await;
    server.on_stream(INPUT).cut();
    server.on(INPUT, 202, json!({}));
    let pen = server.on_stream(LIVE);
    let dir = folder(&[("a.py", b"x")]);
    let mut running = Program::with_server(&server.url).start_in(dir.path(), &["run", "a.py"]);
    running.type_in("one\n").await;
    pen.event("state", None, json!({ "status": "running", "node": "lab-a", "attempt": 1 }));
    let asked = server.wait_for(INPUT, 2).await;
    assert_eq!(asked[0].header("idempotency-key"), asked[1].header("idempotency-key"));
    pen.end(json!({ "status": "completed", "exit_code": 3 }));
    assert_eq!(running.end().await.code, 3);
}

#[tokio::test]
async fn a_compilers_output_goes_to_standard_error_and_its_status_is_ours() {
    let server = server().await;
    let pen = server.on_stream(LIVE);
    pen.output(1, 0, "compile", "main.c:1:1: error: x\n");
    pen.end(json!({ "status": "error", "exit_code": 1, "reason": "compile", "reason_text": "it did not compile" }));
    let dir = folder(&[("main.c", b"x")]);
    let done = Program::with_server(&server.url).run_in(dir.path(), &["run", "main.c"], Path::new("/dev/null")).await;
    assert_eq!((done.code, done.stdout.as_str()), (1, ""));
    let said = "main.c:1:1: error: x\nerror: the run failed: it did not compile\ntry: amphi job show j1\n";
    assert_eq!(done.stderr, said);
}

#[tokio::test]
async fn in_a_terminal_all_keys_are_the_programs_and_its_output_is_raw() {
    let server = server().await;
    server.on(INPUT, 202, json!({})).on(CANCEL, 202, job());
    let pen = server.on_stream(LIVE);
    let dir = folder(&[("a.py", b"x")]);
    let line = format!("run -t {}", dir.path().join("a.py").display());
    let mut running = Program::with_server(&server.url).start_on_terminal(&line);
    let asked = server.wait_for(SUBMIT, 1).await;
    assert!(asked[0].body["terminal"]["columns"].as_u64().unwrap() >= 1, "{}", asked[0].body);
    assert_eq!(asked[0].body["interactive"], true);
    pen.event("state", None, json!({ "status": "running", "node": "lab-a", "attempt": 1 }));
    pen.output(1, 0, "stdout", "\u{1b}[2Jname? ");
    running.until("\u{1b}[2Jname? ").await;
    // Ctrl-C is a key like others here.
    running.type_in("x\u{3}").await;
    let typed = async {
        loop {
            let asked = server.asked(INPUT);
            let text: String = asked.iter().filter_map(|asked| asked.body["input"].as_str()).collect();
            if text == "x\u{3}" {
                break;
            }
            server.wait_for(INPUT, asked.len() + 1).await;
        }
    };
    typed.await;
    running.type_in("\u{1d}").await;
    server.wait_for(CANCEL, 1).await;
    pen.end(json!({ "status": "cancelled" }));
    assert_eq!(running.end().await.code, 130);
}

#[tokio::test]
async fn languages_are_listed() {
    let server = FakeServer::start().await;
    let languages = json!([
        { "name": "python", "title": "Python", "extensions": ["py"], "mode": "python", "hello": "", "is_compiled": false,
          "nodes": [{ "node": "lab-a", "version": "Python 3.11.7" }, { "node": "lab-b", "version": "Python 3.11.7" }] },
        { "name": "cpp", "title": "C++", "extensions": ["cpp", "cc"], "nodes": [] },
    ]);
    server.on("GET /api/v1/languages", 200, languages.clone());
    let program = Program::with_server(&server.url);
    let done = program.run(&["language", "list"]).await;
    let lines: Vec<&str> = done.stdout.lines().map(str::trim_end).collect();
    assert_eq!(lines[0], "LANGUAGE  TITLE   FILES     NODES        VERSION");
    assert_eq!(lines[1], "python    Python  .py       lab-a lab-b  Python 3.11.7");
    assert_eq!(lines[2], "cpp       C++     .cpp .cc");
    let done = program.run(&["language", "list", "--output", "json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&done.stdout).unwrap(), languages);
}

#[tokio::test]
async fn source_is_printed_or_written_and_stays_in_its_directory() {
    let server = FakeServer::start().await;
    const SOURCE: &str = "GET /api/v1/jobs/j1/source";
    let one = json!([{ "path": "main.py", "text": "print(1)\n" }]);
    let two = json!([{ "path": "main.py", "text": "print(1)\n" }, { "path": "d/x.bin", "base64": "/wA=" }]);
    let evil = json!([{ "path": "../evil", "text": "x" }]);
    for files in [one, two, evil] {
        server.on(SOURCE, 200, json!({ "language": "python", "files": files, "args": [] }));
    }
    let dir = folder(&[]);
    let out = dir.path().join("out");
    let program = Program::with_server(&server.url);
    assert_eq!(program.run(&["job", "source", "j1"]).await.stdout, "print(1)\n");
    let args = ["job", "source", "j1", "--dir", out.to_str().unwrap()];
    assert_eq!(program.run(&args).await.stdout, "main.py\nd/x.bin\n");
    assert_eq!(fs::read(out.join("d/x.bin")).unwrap(), b"\xff\0");
    let done = program.run(&args).await;
    assert_eq!(done.code, 69, "{}", done.stderr);
    assert!(!dir.path().join("evil").exists());
    let again = FakeServer::start().await;
    again.on(SOURCE, 200, json!({ "files": [{ "path": "main.py", "text": "other" }] }));
    let done = Program::with_server(&again.url).run(&args).await;
    assert_eq!(done.code, 5, "{}", done.stderr);
    assert_eq!(fs::read(out.join("main.py")).unwrap(), b"print(1)\n");
}

#[tokio::test]
async fn a_shown_program_says_what_it_used_and_what_held_it_in() {
    let server = FakeServer::start().await;
    let mut shown = job();
    shown["cpu_ms"] = json!(1250);
    shown["memory_peak_bytes"] = json!(3 << 20);
    shown["attempts"] = json!([{ "attempt": 1, "status": "exited", "fences": ["user namespace", "seccomp"] }]);
    server.on("GET /api/v1/jobs/j1", 200, shown);
    let done = Program::with_server(&server.url).run(&["job", "show", "j1"]).await;
    for line in ["CPU time:    1.25 s", "most memory: 3.0 MiB", "held in by:  user namespace, seccomp"] {
        assert!(done.stdout.contains(line), "{}", done.stdout);
    }
}

#[tokio::test]
async fn a_program_whose_name_tells_no_language_is_no_unknown_tool() {
    let server = FakeServer::start().await;
    let dir = folder(&[("script", b"echo hello")]);
    let problem =
        json!({ "code": "tool-unknown", "message": "There is no tool. The tools are ping.", "field": "tool" });
    server.on(SUBMIT, 400, problem);
    let done = detach(&server, dir.path(), &["script"]).await;
    assert_eq!(done.code, 2);
    assert!(done.stderr.ends_with("try: amphi run --language LANGUAGE script\n"), "{}", done.stderr);
}
