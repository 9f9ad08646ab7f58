//! What is done with a subject that does not do what it is told.

use std::cell::Cell;

use super::*;
use crate::groups::Groups;
use crate::launcher::Launcher;
use crate::ledger::Ledger;

/// Ends when it was killed so often, or never.
struct Stubborn {
    kills: Cell<u32>,
    ends_after: Option<u32>,
}

impl Subject for Stubborn {
    type Exit = &'static str;

    async fn wait(&mut self) -> &'static str {
        if self.ends_after.is_some_and(|kills| self.kills.get() >= kills) {
            return "killed";
        }
        std::future::pending().await
    }

    fn interrupt(&self) {}

    fn terminate(&self) {}

    fn kill(&self) {
        self.kills.set(self.kills.get() + 1);
    }

    fn give_up(&mut self) -> &'static str {
        "given up"
    }
}

async fn watched(ends_after: Option<u32>) -> (Outcome<&'static str>, u32) {
    let dir = tempfile::tempdir().unwrap();
    let (groups, _) = Groups::open(dir.path()).unwrap();
    let node = Node::new(Launcher::new(None), groups, None, Ledger::new(1, 0));
    let channels = [Channel::Stdout, Channel::Stderr];
    let watch = Watch { node: &node, run: "r1", wall: Some(Duration::from_secs(3)), output_bytes: 1, channels };
    let mut subject = Stubborn { kills: Cell::new(0), ends_after };
    let (_told, mut stop) = watch::channel(None);
    let none = (None::<tokio::io::Empty>, None::<tokio::io::Empty>);
    let outcome = watch.supervise(&mut subject, none, None, &mut stop).await;
    (outcome, subject.kills.get())
}

#[tokio::test(start_paused = true)]
async fn a_kill_that_was_lost_is_said_again() {
    let (outcome, kills) = watched(Some(3)).await;
    assert_eq!((outcome.exit, kills), ("killed", 3));
    assert_eq!(outcome.cause.map(|(reason, _)| reason), Some(Reason::WallTime));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_killed_is_given_up() {
    let (outcome, kills) = watched(None).await;
    assert_eq!((outcome.exit, kills), ("given up", KILLS));
}
