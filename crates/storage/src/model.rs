//! The nouns of storage. No I/O.

pub(crate) mod alert;
pub(crate) mod balance;
mod check;
pub mod effect;
pub mod inode;
pub(crate) mod lock;
pub mod name;
pub(crate) mod node_mount;
pub(crate) mod plan;
pub(crate) mod session;
pub(crate) mod space;
pub(crate) mod store;
pub mod stripe;
pub(crate) mod volume;

pub use check::{FILE_BYTES_MAX, TARGET_BYTES_MAX, XATTR_BYTES_MAX, XATTR_NAME_BYTES_MAX};
