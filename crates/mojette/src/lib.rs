//! The Mojette erasure code: any k of k + m fragments give a block back, with XOR and shifts alone.
//!
#![doc = include_str!("chapter.md")]

pub use checksum::{checksum, checksums, damaged_unit};
pub use code::{Change, Code, Decoder};
pub use error::Error;
pub use geometry::{Element, Geometry, MAX_FRAGMENTS};
pub use kernel::Kernel;

mod checksum;
mod code;
mod error;
mod geometry;
mod kernel;
pub mod legacy;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
