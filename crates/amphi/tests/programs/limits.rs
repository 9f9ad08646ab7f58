//! Each limit with its reason and its sentence.

use wire::proto::{Ended, Limits, Program, Reason};

use crate::site::{Site, compiled, limited, script, start};

async fn end(site: &mut Site, run: &str, program: Program) -> Ended {
    site.session.start(start(run, program)).await;
    site.session.until_ended(run).await.end().clone()
}

/// Runs `text` under a limit that it passes.
async fn limited_end(text: &str, change: impl FnOnce(&mut Limits)) -> (Reason, String) {
    let mut site = Site::new().await;
    let end = end(&mut site, "r1", limited(text, change)).await;
    assert_ne!(end.exit_code, 0);
    // What holds one program back leaves the next one alone.
    let next = self::end(&mut site, "r2", script("echo fine")).await;
    assert_eq!((next.reason(), next.exit_code), (Reason::Exited, 0));
    site.agent.stop().await;
    (end.reason(), end.detail)
}

fn said(reason: Reason, detail: &str) -> (Reason, String) {
    (reason, detail.to_owned())
}

#[tokio::test]
async fn wall_time() {
    let got = limited_end("trap '' INT TERM; while :; do sleep 1; done", |limits| limits.wall_ms = 200).await;
    assert_eq!(got, said(Reason::WallTime, "stopped after 0.2 s"));
}

#[tokio::test]
async fn processor_time() {
    let got = limited_end("while :; do :; done", |limits| limits.cpu_ms = 1000).await;
    assert_eq!(got, said(Reason::CpuTime, "it used more than 1 s of processor time"));
}

#[tokio::test]
async fn memory() {
    let hog = "head -c 400m /dev/zero | tail -n 1 | wc -c; exit 1";
    let got = limited_end(hog, |limits| limits.memory_bytes = 64 << 20).await;
    assert_eq!(got, said(Reason::Memory, "it used more than 64 MiB of memory"));
}

#[tokio::test]
async fn processes() {
    let bomb = "set -e; for i in $(seq 100); do sleep 1000 & done; wait";
    let got = limited_end(bomb, |limits| limits.processes = 16).await;
    assert_eq!(got, said(Reason::Processes, "it wanted more than 16 processes and threads"));
}

#[tokio::test]
async fn file_size() {
    let got = limited_end("exec head -c 20m /dev/zero > large", |limits| limits.file_bytes = 1 << 20).await;
    assert_eq!(got, said(Reason::FileSize, "it wrote a file of more than 1 MiB"));
}

#[tokio::test]
async fn a_call_that_no_program_may_make() {
    let ptrace = if cfg!(target_arch = "x86_64") { 101 } else { 117 };
    let got = limited_end(&format!("exec perl -e 'syscall({ptrace}, 0, 0, 0, 0)'"), |_| {}).await;
    assert_eq!(got, said(Reason::BlockedCall, "it made a system call that no program may make"));
}

#[tokio::test]
async fn output_is_cut_with_a_line_that_says_so() {
    let mut site = Site::new().await;
    site.session.start(start("r1", limited("yes", |limits| limits.output_bytes = 100_000))).await;
    let seen = site.session.until_ended("r1").await;
    assert_eq!((seen.stdout().len(), seen.stderr()), (100_000, "\n[output cut at 100000 bytes]\n"));
    assert_eq!((seen.reason(), seen.end().detail.as_str()), (Reason::OutputCap, "it printed more than 100000 bytes"));
    let mut program = script("echo never");
    program.compile = limited("", |limits| limits.output_bytes = 10).run.map(|mut step| {
        step.argv = ["sh", "-c", "yes"].map(str::to_owned).to_vec();
        step
    });
    site.session.start(start("r2", program)).await;
    let seen = site.session.until_ended("r2").await;
    assert_eq!(compiled(seen), "y\ny\ny\ny\ny\n\n[output cut at 10 bytes]\n");
    assert_eq!(
        (seen.reason(), seen.end().detail.as_str()),
        (Reason::OutputCap, "compiling: it printed more than 10 bytes")
    );
    site.agent.stop().await;
}

#[tokio::test]
async fn a_limit_that_a_program_came_to_terms_with_is_no_reason() {
    let mut site = Site::new().await;
    let program = limited("head -c 20m /dev/zero > large; exit 0", |limits| limits.file_bytes = 1 << 20);
    assert_eq!(end(&mut site, "r1", program).await.reason(), Reason::Exited);
    site.agent.stop().await;
}

#[tokio::test]
async fn both_steps_count() {
    let mut site = Site::new().await;
    let mut program = script("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done");
    program.compile = program.run.clone();
    let both = end(&mut site, "r1", program.clone()).await.cpu_ms;
    program.compile = None;
    let one = end(&mut site, "r2", program).await.cpu_ms;
    assert!(one > 0 && both > one, "{both} ms with the compile step, {one} ms without");
    site.agent.stop().await;
}
