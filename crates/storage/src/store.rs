//! Stores: where units are kept. They live in agents, which serve them to the clients of volumes over mutual TLS.
//!
//! [`Store`] keeps the units of one directory, [`Bucket`] those of a bucket at a provider. [`Stores`] are those of one node and what they answer; [`store_part`] is
//! the part of an agent that serves them and announces them to the control plane.

mod bucket;
mod caller;
mod compact;
mod connection;
mod directory;
mod engine;
mod files;
mod home;
mod index;
mod keeping;
mod listen;
mod offer;
mod part;
mod read;
mod record;
mod room;
mod segment;
mod serve;
mod tls;

use std::io;
use std::path::PathBuf;

pub use bucket::{Bucket, BucketKey, BucketKeyError, BucketOffer, BucketOfferError};
pub use caller::{CONTROL_NAME, READER_PREFIX, VOLUME_PREFIX};
pub use directory::{StoreDir, StoreDirError};
pub use engine::{NewUnit, Store};
pub use keeping::{Keeping, UnitRange};
pub use listen::serve_stores;
pub use offer::{StoreOffer, StoreOfferError};
pub use part::{PartError, StorePart, store_part};
pub use read::{Read, Stat, Verified};
pub use record::{PIECE_BYTES, UNIT_BYTES_MAX, UnitCode, UnitKey};
pub use segment::SEGMENT_BYTES;
pub use serve::Stores;
pub use tls::TlsError;
#[cfg(test)]
pub(crate) use tls::server_config;

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory, or a file that says what it is, can't be used.
    #[error("opening the store at {path}")]
    Directory {
        /// What could not be used.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another process has it open.
    #[error("the store at {0} is in use by another agent; stop that one or name another directory")]
    InUse(PathBuf),
    /// The request contradicts itself.
    #[error("{0}")]
    Invalid(String),
    /// Other bytes have that name.
    #[error("there are other bytes under the name of unit {0:?}")]
    Conflict(UnitKey),
    /// It has no room.
    #[error("the store is full: it would take {free} bytes")]
    Full {
        /// What it would take, bytes.
        free: u64,
    },
    /// What was put before the last start has to be put again.
    #[error("the store was started again since")]
    OtherBoot,
    /// The disk refused.
    #[error("{what}")]
    Disk {
        /// What was being done.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A sync failed earlier.
    #[error("the store's disk failed, and nothing it has not synced is certain; start its agent again")]
    Failed,
    /// The service that keeps it does not do what it is asked; the sentence says why.
    #[error("{0}")]
    Unavailable(String),
}

impl StoreError {
    /// More was asked for at once than an answer holds.
    fn too_long(bytes_max: usize) -> Self {
        Self::Invalid(format!("an answer holds at most {bytes_max} bytes"))
    }
}

#[cfg(test)]
mod tests;
