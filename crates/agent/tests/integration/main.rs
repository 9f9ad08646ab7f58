//! The real agent against a strict control plane made for the tests, over real mutual TLS on loopback.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod control;
mod enrol;
mod link;
mod renewal;
mod restart;
mod runs;
mod session;
