//! RozoFS's own code: what RozoFS 1.5 wrote can be read, and written again bit for bit.
//!
//! RozoFS stores no rows. Each of its `n` fragments is a projection of the block, with elements of 8 bytes, `q = 1` and
//! slopes `p = i - n/2` (integer division): element `(l, c)` of the block is added to bin `c + l·p - min(0, (rows - 1)·p)`
//! of projection `i`. Any `k` of the `n` give the block back. New data should use the systematic code at the root of this
//! crate, which stores less and is faster; this module is for data that exists, and [`bins`] reads the files it is in.
//!
//! | layout | `k` to read | `n` written | stores a file may use | slopes | longest projection of 8 KiB |
//! | --- | --: | --: | --: | --- | --: |
//! | 0 | 2 | 3 | 4 | -1 … 1 | 4,104 bytes |
//! | 1 | 4 | 6 | 8 | -3 … 2 | 2,120 bytes |
//! | 2 | 8 | 12 | 16 | -6 … 5 | 1,360 bytes |
//!
//! ```
//! use mojette::legacy::{BLOCK_BYTES, Layout, Projection, Transform};
//!
//! let transform = Transform::rozofs(Layout::One);
//! let block: Vec<u8> = (0..BLOCK_BYTES).map(|i| (i * 7 % 251) as u8).collect();
//!
//! let mut written: Vec<Vec<u8>> = (0..6).map(|i| vec![0; transform.projection_bytes(i).unwrap()]).collect();
//! for (index, bins) in written.iter_mut().enumerate() {
//!     transform.project(&block, index, bins)?;
//! }
//!
//! // Two are lost; any four give the block back.
//! let left = [5, 0, 3, 2].map(|index| Projection { index, bins: &written[index] });
//! let mut scratch = vec![0; transform.scratch_bytes()];
//! let mut read = vec![0; BLOCK_BYTES];
//! transform.inverse(&left, &mut scratch, &mut read)?;
//! assert_eq!(read, block);
//! # Ok::<(), mojette::legacy::TransformError>(())
//! ```
//!
//! Source: the vectors in `tests/data/rozofs`, made by RozoFS's transform.

pub mod bins;
mod forward;
mod inverse;
mod kernel;
mod layout;
mod quotient;
mod transform;

pub use layout::Layout;
pub use transform::{BLOCK_BYTES, Projection, Transform, TransformError};

/// One element of the block, or one bin: 8 bytes that are only ever XORed, so their order does not matter.
type Pixel = [u8; PIXEL_BYTES];

const PIXEL_BYTES: usize = 8;

#[inline(always)]
fn word(pixel: Pixel) -> u64 {
    u64::from_ne_bytes(pixel)
}

#[inline(always)]
fn xor(a: Pixel, b: Pixel) -> Pixel {
    (word(a) ^ word(b)).to_ne_bytes()
}
