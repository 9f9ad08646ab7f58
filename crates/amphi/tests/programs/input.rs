//! What people do at a running program.

use wire::proto::input::Act;
use wire::proto::{Program, Reason, RefusedWhy, Start};

use crate::session::Session;
use crate::site::{Site, input, script, start};

fn open(text: &str) -> Start {
    start("r1", Program { is_stdin_open: true, ..script(text) })
}

fn line(text: &str) -> Act {
    Act::Data(text.as_bytes().to_vec())
}

async fn until_read(session: &mut Session, seq: u64) {
    session.until("r1", |seen| seen.input_seq >= seq).await;
}

#[tokio::test]
async fn lines_go_in_once_each_and_come_out() {
    let mut site = Site::new().await;
    let mut order = open("while read line; do echo \"got $line\"; done; echo end");
    order.program.as_mut().unwrap().stdin = b"first\n".as_slice().into();
    site.session.start(order).await;
    site.session.until("r1", |seen| seen.stdout() == "got first\n").await;
    // 5 is a gap and not taken; the rest is what a control plane sends that is in doubt.
    for (seq, text) in [(0, "zero\n"), (0, "zero\n"), (5, "five\n"), (1, "one\n"), (0, "zero\n"), (1, "one\n")] {
        input(&site.session, seq, line(text)).await;
    }
    let seen = site.session.until("r1", |seen| seen.input_seq == 2 && seen.stdout().ends_with("one\n")).await;
    assert_eq!(seen.stdout(), "got first\ngot zero\ngot one\n");
    input(&site.session, 2, Act::End(true)).await;
    let seen = site.session.until_ended("r1").await;
    assert!(seen.stdout().ends_with("got one\nend\n"), "{}", seen.stdout());
    input(&site.session, 3, line("too late\n")).await;
    until_read(&mut site.session, 4).await;
    site.agent.stop().await;
}

#[tokio::test]
async fn what_is_sent_up_front_ends_there() {
    let mut site = Site::new().await;
    let text = "x".repeat(1 << 20);
    let program = Program { stdin: text.into_bytes().into(), ..script("wc -c") };
    site.session.start(start("r1", program)).await;
    assert_eq!(site.session.until_ended("r1").await.stdout(), "1048576\n");
    site.session.start(start("r2", script("cat; echo no more"))).await;
    assert_eq!(site.session.until_ended("r2").await.stdout(), "no more\n");
    site.agent.stop().await;
}

#[tokio::test]
async fn a_program_that_does_not_read_holds_nothing_up() {
    let mut site = Site::new().await;
    site.session.start(open("trap 'echo interrupted' INT; echo ready; while :; do sleep 0.01; done")).await;
    site.session.until("r1", |seen| seen.stdout() == "ready\n").await;
    let block = "x".repeat(32 * 1024);
    for seq in 0..100 {
        input(&site.session, seq, line(&block)).await;
    }
    input(&site.session, 100, Act::Interrupt(true)).await;
    let seen = site.session.until("r1", |seen| seen.stdout() == "ready\ninterrupted\n").await;
    assert!(seen.input_seq < 10, "{} blocks were said to be read", seen.input_seq);
    site.session.cancel("r1", 1).await;
    site.session.until_ended("r1").await;
    site.agent.stop().await;
}

#[tokio::test]
async fn standard_input_may_be_closed_early() {
    let mut site = Site::new().await;
    site.session.start(open("exec <&-; echo closed; while [ ! -e go ]; do sleep 0.01; done 2>/dev/null & wait")).await;
    site.session.until("r1", |seen| seen.stdout() == "closed\n").await;
    for seq in 0..4 {
        input(&site.session, seq, line("for nobody\n")).await;
    }
    until_read(&mut site.session, 4).await;
    site.session.cancel("r1", 1).await;
    assert_eq!(site.session.until_ended("r1").await.reason(), Reason::Cancelled);
    site.agent.stop().await;
}

#[tokio::test]
async fn an_old_lease_types_nothing() {
    let mut site = Site::new().await;
    site.session.start(open("cat")).await;
    site.session.until("r1", |seen| seen.argv.is_some()).await;
    site.session.cancel("none", 7).await;
    assert_eq!(site.session.until_refused().await.why(), RefusedWhy::UnknownRun);
    input(&site.session, 0, line("old\n")).await;
    assert_eq!(site.session.until_refused().await.why(), RefusedWhy::OldEpoch);
    site.session.cancel("r1", 7).await;
    assert_eq!(site.session.until_ended("r1").await.stdout(), "");
    site.agent.stop().await;
}

#[tokio::test]
async fn a_new_stream_goes_on_where_the_old_one_was() {
    let mut site = Site::new().await;
    site.session.start(open("while read line; do echo \"got $line\"; done")).await;
    input(&site.session, 0, line("zero\n")).await;
    until_read(&mut site.session, 1).await;
    let (mut site, held) = site.reconnected().await;
    assert_eq!((held.len(), held[0].input_seq), (1, 1));
    site.session.welcome(2).await;
    site.session.until("r1", |seen| seen.input_seq == 1 && seen.argv.is_some()).await;
    site.session.cancel("r1", 2).await;
    assert_eq!(site.session.until_ended("r1").await.stdout(), "got zero\n");
    site.agent.stop().await;
}
