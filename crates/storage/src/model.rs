//! The nouns of storage. No I/O.

pub mod effect;
pub mod inode;
pub mod name;
pub mod stripe;
