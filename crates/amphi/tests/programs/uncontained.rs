//! A node where nothing holds programs in: no new user namespace, and no privileges to do without.

use std::process::{Child, Command, Stdio};

use wire::proto::{Hello, Reason};

use crate::control::ControlPlane;
use crate::session::Session;
use crate::site::{program, script, start};

/// Forbids itself and what it starts every further user namespace, then gives up all privileges.
const BARE: &str = "echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set -all \"$@\"";

/// An agent on such a node; `None` where this very machine makes no user namespaces.
struct Bare {
    agent: Child,
    session: Session,
    hello: Hello,
    _keep: (tempfile::TempDir, ControlPlane),
}

impl Bare {
    async fn new(flags: &[&str]) -> Option<Self> {
        let unshare = ["--user", "--map-root-user", "sh", "-c", BARE, "sh"];
        if !Command::new("unshare").args(unshare).arg("true").status().is_ok_and(|status| status.success()) {
            println!("skipped: no user namespace to set this up in");
            return None;
        }
        let mut control = ControlPlane::new().await;
        let dir = tempfile::tempdir().unwrap();
        let config = control.config(dir.path());
        let agent = Command::new("unshare")
            .args(unshare)
            .arg(program())
            .args(["agent", "--exit-with-stdin", "--join", &config.join, "--dir"])
            .arg(&config.dir)
            .args(flags)
            .env("AMPHI_JOIN_TOKEN", config.token.unwrap())
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut session = control.session().await;
        let hello = session.hello().await;
        session.welcome(1).await;
        Some(Self { agent, session, hello, _keep: (dir, control) })
    }

    fn takes_programs(&self) -> bool {
        self.hello.inventory.as_ref().unwrap().takes_programs
    }

    fn end(mut self) {
        drop(self.agent.stdin.take());
        self.agent.wait().unwrap();
    }
}

#[tokio::test]
async fn programs_are_refused_where_nothing_holds_them_in() {
    let Some(mut bare) = Bare::new(&[]).await else { return };
    assert!(!bare.takes_programs());
    bare.session.start(start("r1", script("echo never"))).await;
    let seen = bare.session.until_ended("r1").await;
    assert_eq!((seen.reason(), seen.stdout()), (Reason::Uncontained, ""));
    assert_eq!(seen.end().detail, "nothing would hold a program in on this node");
    bare.end();
}

#[tokio::test]
async fn an_operator_may_allow_them() {
    let Some(mut bare) = Bare::new(&["--allow-uncontained"]).await else { return };
    assert!(bare.takes_programs());
    bare.session.start(start("r1", script("echo hello; echo $(cat)"))).await;
    let seen = bare.session.until_ended("r1").await;
    assert_eq!((seen.reason(), seen.stdout()), (Reason::Exited, "hello\n\n"), "{}", seen.end().detail);
    assert!(!seen.end().fences.contains(&"user namespace".to_owned()), "{:?}", seen.end().fences);
    bare.end();
}
