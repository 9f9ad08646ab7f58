//! Learners' programs on the agent, with this very program as its sandbox helper and the control plane of the agent's own
//! tests.
#![expect(clippy::unwrap_used, reason = "clippy knows tests by their attribute; what they stand on here has none")]

#[path = "../../../agent/tests/integration/control.rs"]
#[expect(dead_code, reason = "shared with the agent's own tests, which use all of it")]
mod control;
#[path = "../../../agent/tests/integration/session.rs"]
#[expect(dead_code, reason = "shared with the agent's own tests, which use all of it")]
mod session;

mod cancel;
mod input;
mod limits;
mod probes;
mod sandbox_lost;
mod site;
mod steps;
mod terminal;
mod uncontained;
