//! The protocol between agents and the control plane, and its certificates.
//!
//! Pure: no sockets and no clock. Both ends speak [`proto`] over mutual TLS below one private [`authority`]; a
//! [`token::JoinToken`] carries that authority's fingerprint, so that a new node needs no other trust.

pub mod authority;
mod part;
pub mod token;

pub use authority::{PeerCertificate, SERVER_NAME};
pub use part::{NodeIdentity, NodePart, NodeSite};

/// The messages and the service of `proto/amphi.proto`.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated from proto/amphi.proto, which is documented")]
pub mod proto {
    tonic::include_proto!("amphi.agent.v1");
}

/// The messages and services of `proto/store.proto`.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated from proto/store.proto, which is documented")]
pub mod store {
    tonic::include_proto!("amphi.store.v1");
}

/// Version of the protocol; both ends send theirs and the control plane turns a lower one away.
pub const PROTOCOL: u32 = 1;

/// Largest `Output.data`, in bytes.
pub const MAX_CHUNK_BYTES: usize = 32 * 1024;

/// Bytes of messages that may be on their way to either end of an agent's stream before that end takes them (HTTP/2's
/// window of a stream): whoever does not read is not sent more.
pub const STREAM_WINDOW: u32 = 256 * 1024;

/// The same for the whole connection. It is this much larger because h2 ends a connection (`ENHANCE_YOUR_CALM`) whose
/// unread frames cost it half of this, where a frame of less than 256 bytes costs what it lacks of them: with 32 to 1,
/// frames from 15 bytes on meet the stream's window first, and their sender waits instead.
/// Source: h2 0.4, `proto/streams/counts.rs`.
pub const CONNECTION_WINDOW: u32 = 32 * STREAM_WINDOW;
