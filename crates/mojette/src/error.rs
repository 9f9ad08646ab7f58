//! What the systematic code can refuse. One enum for all its calls: a caller handles a code as one thing.

use std::fmt;

use crate::{Kernel, MAX_FRAGMENTS};

/// Why a call was refused. Nothing was written to the caller's buffers, and each message names the argument at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A code without data rows.
    #[error("data: 0 fragments; at least 1 is needed")]
    NoData,
    /// A code without parities.
    #[error("parity: 0 fragments; at least 1 is needed")]
    NoParity,
    /// More fragments than a code may have.
    #[error("data + parity: {fragments} fragments; at most {MAX_FRAGMENTS}")]
    TooManyFragments {
        /// Data and parity fragments together.
        fragments: usize,
    },
    /// No layout has this number.
    #[error("layout: {layout}; there are 0, 1 and 2")]
    UnknownLayout {
        /// The number asked for.
        layout: u8,
    },
    /// A block of no bytes.
    #[error("block_bytes: 0; at least 1 is needed")]
    EmptyBlock,
    /// The fragments' sizes do not fit this machine's addresses.
    #[error("block_bytes: {block_bytes} is more than this machine can address with its parities")]
    BlockTooLarge {
        /// Bytes of the block.
        block_bytes: usize,
    },
    /// The processor lacks what the kernel needs.
    #[error("kernel: {kernel} does not run on this processor")]
    KernelUnavailable {
        /// The kernel asked for.
        kernel: Kernel,
    },
    /// A list has the wrong number of entries.
    #[error("{field}: {have} given, {need} needed")]
    Count {
        /// The argument.
        field: &'static str,
        /// Entries given.
        have: usize,
        /// Entries needed.
        need: usize,
    },
    /// A buffer has the wrong length, or belongs to another geometry. Lengths are all that is compared: a fragment of another block,
    /// or of a geometry that gives it the same length, can't be told apart.
    #[error("{}: {have} bytes given, {need} needed", Argument(field, *position))]
    Length {
        /// The argument.
        field: &'static str,
        /// Position in it, if it is a list.
        position: Option<usize>,
        /// Bytes given.
        have: usize,
        /// Bytes needed.
        need: usize,
    },
    /// A fragment, row or parity with this number does not exist.
    #[error("{}: number {index}; the geometry has {limit}", Argument(field, *position))]
    Index {
        /// The argument.
        field: &'static str,
        /// Position in it, if it is a list.
        position: Option<usize>,
        /// The index given.
        index: usize,
        /// How many there are.
        limit: usize,
    },
    /// A fragment is listed twice, in one list or in both.
    #[error("{}: fragment {index} is listed twice", Argument(field, *position))]
    Duplicate {
        /// The argument in which it stands for the second time.
        field: &'static str,
        /// Position in it, if it is a list.
        position: Option<usize>,
        /// The fragment.
        index: usize,
    },
    /// Too little is left of the block.
    #[error("have: {have} fragments; {need} are needed")]
    TooFew {
        /// Fragments given.
        have: usize,
        /// Fragments needed: the code's k.
        need: usize,
    },
    /// A data fragment is neither given nor to be recovered.
    #[error("have: data fragment {index} is missing, and not to be recovered")]
    Unlisted {
        /// The fragment.
        index: usize,
    },
    /// A range of bytes reaches past its row.
    #[error("{}: bytes {start} to {end}; the row has {row_bytes}", Argument(field, *position))]
    Range {
        /// The argument.
        field: &'static str,
        /// Position in it, if it is a list.
        position: Option<usize>,
        /// First byte of the range.
        start: usize,
        /// First byte after it (the largest number there is, if it does not fit).
        end: usize,
        /// Bytes of a row.
        row_bytes: usize,
    },
    /// A range begins before the end of the one listed before it.
    #[error("changes[{position}]: overlaps or precedes the change before it")]
    Overlap {
        /// Position of the later one.
        position: usize,
    },
}

/// An argument as messages name it: with its position in a list, or alone.
struct Argument<'a>(&'a str, Option<usize>);

impl fmt::Display for Argument<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(field, position) = self;
        match position {
            Some(position) => write!(f, "{field}[{position}]"),
            None => f.write_str(field),
        }
    }
}
