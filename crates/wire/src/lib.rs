//! The protocol between agents and the control plane, and its certificates.
//!
//! Pure: no sockets and no clock. Both ends speak [`proto`] over mutual TLS below one private [`authority`]; a
//! [`token::JoinToken`] carries that authority's fingerprint, so that a new node needs no other trust.

pub mod authority;
pub mod token;

pub use authority::SERVER_NAME;

/// The messages and the service of `proto/amphi.proto`.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated from proto/amphi.proto, which is documented")]
pub mod proto {
    tonic::include_proto!("amphi.agent.v1");
}

/// Version of the protocol; both ends send theirs and the control plane turns a lower one away.
pub const PROTOCOL: u32 = 1;

/// Largest `Output.data`, in bytes.
pub const MAX_CHUNK_BYTES: usize = 32 * 1024;
