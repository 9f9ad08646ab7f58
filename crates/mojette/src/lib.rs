//! The Mojette erasure code: any k of k + m fragments give a block back, with XOR and shifts alone.

pub use code::{Change, Code};
pub use error::Error;
pub use geometry::{Element, Geometry, MAX_FRAGMENTS};
pub use kernel::Kernel;

mod code;
mod error;
mod geometry;
mod kernel;
pub mod legacy;
