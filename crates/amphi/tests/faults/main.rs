//! What holds while processes are killed, hang, are cut off or run out of disk: the built program, as its users run it.
#![expect(clippy::unwrap_used, reason = "clippy knows tests by their attribute; what they stand on here has none")]

mod api;
mod backlog;
mod conference;
mod disk;
mod hang;
mod identity;
mod kills;
mod link;
mod programs;
mod restart;
mod site;
mod tree;
