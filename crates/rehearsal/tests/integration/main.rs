//! Every call and every fault, through HTTP over loopback.
#![expect(clippy::unwrap_used, reason = "clippy knows tests by their attribute; what they stand on here has none")]

mod calls;
mod client;
mod faults;
mod meetings;
mod recordings;
mod told;
