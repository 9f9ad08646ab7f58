//! Storage through its real router and a real database.
#![expect(clippy::unwrap_used, reason = "clippy knows tests by their attribute; what they stand on here has none")]

mod lock;
mod names;
mod node_mount;
mod plane;
mod session;
mod snapshot;
mod volume;
