//! What a program is given, its compile step, and what is said of it when it has ended.

use agent::AgentConfig;
use wire::proto::{Program, Reason, RefusedWhy, SourceFile};

use crate::site::{Site, compiled, limits, script, start, step};

#[tokio::test]
async fn a_program_prints_and_ends() {
    let mut site = Site::new().await;
    assert!(site.inventory.takes_programs && !site.inventory.fences.is_empty());
    site.session.start(start("r1", script("echo hello; echo oops >&2; exit 7"))).await;
    let seen = site.session.until_ended("r1").await;
    assert_eq!((seen.stdout(), seen.stderr(), compiled(seen)), ("hello\n", "oops\n", ""));
    assert_eq!(seen.argv.as_ref().unwrap(), &["sh", "main.sh"]);
    let end = seen.end();
    assert_eq!((end.reason(), end.exit_code, end.detail.as_str()), (Reason::Exited, 7, ""));
    assert_eq!(end.fences, site.inventory.fences);
    assert!(end.memory_peak_bytes > 0);
    site.agent.stop().await;
}

#[tokio::test]
async fn files_and_variables_are_where_they_were_sent() {
    let mut site = Site::new().await;
    let mut program = script("pwd; cat data/in/put; echo $GREETING; ls");
    let binary = SourceFile { path: "data/in/put".to_owned(), data: b"from a file\n".as_slice().into() };
    program.files.push(binary);
    program.run.as_mut().unwrap().env.insert("GREETING".to_owned(), "bonjour".to_owned());
    site.session.start(start("r1", program)).await;
    let seen = site.session.until_ended("r1").await;
    assert_eq!(seen.stdout(), "/work\nfrom a file\nbonjour\ndata\nmain.sh\n", "{}", seen.stderr());
    site.agent.stop().await;
}

#[tokio::test]
async fn what_was_compiled_is_run() {
    let mut site = Site::new().await;
    let compile = "echo building; echo warning >&2; { echo '#!/bin/sh'; cat main.txt; } > a.out; chmod +x a.out";
    let program = Program {
        files: vec![SourceFile { path: "main.txt".to_owned(), data: b"echo built".as_slice().into() }],
        compile: Some(step(&["sh", "-c", compile])),
        run: Some(step(&["./a.out"])),
        ..Program::default()
    };
    site.session.start(start("r1", program)).await;
    let seen = site.session.until_ended("r1").await;
    assert_eq!((compiled(seen), seen.stdout()), ("building\nwarning\n", "built\n"), "{}", seen.stderr());
    assert_eq!((seen.reason(), seen.end().exit_code), (Reason::Exited, 0));
    assert!(seen.end().argv.is_empty(), "{:?}", seen.end().argv);
    site.agent.stop().await;
}

#[tokio::test]
async fn a_program_that_does_not_compile_is_not_run() {
    let mut site = Site::new().await;
    let mut program = script("echo never");
    program.compile = Some(step(&["sh", "-c", "echo main.c:3: error >&2; exit 3"]));
    site.session.start(start("r1", program)).await;
    let seen = site.session.until_ended("r1").await;
    assert_eq!((compiled(seen), seen.stdout()), ("main.c:3: error\n", ""));
    assert_eq!((seen.reason(), seen.end().exit_code), (Reason::Compile, 3));
    // What it ended in is told, not what would have been run.
    assert_eq!(seen.end().argv, ["sh", "-c", "echo main.c:3: error >&2; exit 3"]);
    let mut program = script("echo never");
    program.compile = Some(step(&["sh", "-c", "sleep 1000"]));
    program.compile.as_mut().unwrap().limits.as_mut().unwrap().wall_ms = 100;
    site.session.start(start("r2", program)).await;
    let end = site.session.until_ended("r2").await.end();
    assert_eq!((end.reason(), end.detail.as_str()), (Reason::WallTime, "compiling: stopped after 0.1 s"));
    site.agent.stop().await;
}

#[tokio::test]
async fn what_can_not_start_says_why() {
    let mut site = Site::new().await;
    let program = Program { run: Some(step(&["no-such-language"])), ..Program::default() };
    site.session.start(start("r1", program)).await;
    let end = site.session.until_ended("r1").await.end();
    assert_eq!(end.reason(), Reason::NotStarted);
    assert!(end.detail.contains("no-such-language"), "{}", end.detail);
    let mut program = script("echo never");
    program.files.push(SourceFile { path: "../outside".to_owned(), data: Default::default() });
    site.session.start(start("r2", program)).await;
    let refused = site.session.until_refused().await;
    assert_eq!((refused.run_id.as_str(), refused.why()), ("r2", RefusedWhy::BadCommand));
    // A file where a directory has to be is found out only when it is written.
    let mut program = script("echo never");
    program.files.push(SourceFile { path: "main.sh/below".to_owned(), data: Default::default() });
    site.session.start(start("r3", program)).await;
    let end = site.session.until_ended("r3").await.end();
    assert_eq!(end.reason(), Reason::NotStarted);
    assert!(end.detail.contains("main.sh/below"), "{}", end.detail);
    site.agent.stop().await;
}

#[tokio::test]
async fn an_agent_without_a_helper_takes_tools_alone() {
    for sandbox in [None, Some("/no/such/program".into())] {
        let mut site = Site::with(AgentConfig { sandbox, ..AgentConfig::default() }).await;
        assert!(!site.inventory.takes_programs && site.inventory.fences.is_empty());
        site.session.start(start("r1", script("echo never"))).await;
        assert_eq!(site.session.until_ended("r1").await.reason(), Reason::NotStarted);
        let mut tool = start("r2", script(""));
        tool.program = None;
        tool.argv = vec!["echo".to_owned(), "still here".to_owned()];
        tool.output_bytes = limits().output_bytes;
        site.session.start(tool).await;
        assert_eq!(site.session.until_ended("r2").await.stdout(), "still here\n");
        site.agent.stop().await;
    }
}
