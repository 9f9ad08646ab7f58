//! RozoFS's transform: its vectors bit for bit, every subset, bad input, and its files.
#![expect(clippy::unwrap_used, reason = "clippy knows tests by their attribute; what they stand on here has none")]

mod bad_input;
mod bins;
mod properties;
mod vector;
mod vectors;
