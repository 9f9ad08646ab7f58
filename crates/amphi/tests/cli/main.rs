//! The command line against a server that answers as a test tells it to: what is sent, what is printed, how it exits.
#![expect(
    clippy::unwrap_used,
    reason = "clippy knows tests by their attribute; the server and the program they use are none"
)]

mod batch;
mod bench;
mod commands;
mod conference;
mod fake_server;
mod login;
mod program;
mod run;
mod run_program;
mod trust;
mod volume;
