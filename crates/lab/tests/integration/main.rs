//! The lab through its real router and a real database, with agents that are played by the test.
#![expect(clippy::unwrap_used, reason = "clippy knows tests by their attribute; what they stand on here has none")]

mod admission;
mod agent;
mod api_input;
mod bad_input;
mod batch;
mod batch_element;
mod cancel;
mod direct;
mod dispatch;
mod far_end;
mod idempotency;
mod limits;
mod live;
mod loss;
mod node_destination;
mod nodes;
mod plane;
mod program;
mod repeated;
mod visibility;
