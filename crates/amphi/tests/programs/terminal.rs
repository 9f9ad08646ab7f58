//! Programs at a terminal.

use wire::proto::input::Act;
use wire::proto::{Program, Start, Terminal};

use crate::site::{Site, input, script, start};

fn at_terminal(text: &str) -> Start {
    let terminal = Some(Terminal { columns: 80, rows: 24 });
    start("r1", Program { terminal, is_stdin_open: true, ..script(text) })
}

#[tokio::test]
async fn all_three_are_one_terminal_of_the_asked_size() {
    let mut site = Site::new().await;
    let text =
        "test -t 0 && test -t 1 && test -t 2 && stty size; trap 'stty size' WINCH; echo ready; read line; read line";
    site.session.start(at_terminal(text)).await;
    site.session.until("r1", |seen| seen.stdout().contains("ready")).await;
    input(&site.session, 0, Act::Resize(Terminal { columns: 132, rows: 43 })).await;
    input(&site.session, 1, Act::Resize(Terminal { columns: 0, rows: 43 })).await;
    input(&site.session, 2, Act::Data(b"\n".to_vec())).await;
    site.session.until("r1", |seen| seen.stdout().contains("43 132")).await;
    input(&site.session, 3, Act::Data(b"\n".to_vec())).await;
    let seen = site.session.until_ended("r1").await;
    assert!(seen.stdout().starts_with("24 80\r\nready\r\n"), "{:?}", seen.stdout());
    assert_eq!((seen.stderr(), seen.end().exit_code), ("", 0));
    site.agent.stop().await;
}

#[tokio::test]
async fn control_characters_do_what_they_do() {
    let mut site = Site::new().await;
    site.session
        .start(at_terminal("trap 'echo interrupted; exit 3' INT; cat; echo end of input; while :; do sleep 0.01; done"))
        .await;
    site.session.until("r1", |seen| seen.argv.is_some()).await;
    input(&site.session, 0, Act::Data(b"typed\n".to_vec())).await;
    // Once as it is echoed, once from the program.
    site.session.until("r1", |seen| seen.stdout() == "typed\r\ntyped\r\n").await;
    input(&site.session, 1, Act::End(true)).await;
    site.session.until("r1", |seen| seen.stdout().ends_with("end of input\r\n")).await;
    input(&site.session, 2, Act::Data(b"\x03".to_vec())).await;
    let seen = site.session.until_ended("r1").await;
    assert!(seen.stdout().contains("interrupted"), "{:?}", seen.stdout());
    assert_eq!(seen.end().exit_code, 3);
    site.agent.stop().await;
}
