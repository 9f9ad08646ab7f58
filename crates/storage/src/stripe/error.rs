//! Why a stripe could not be written or read.

use super::LinkError;
use crate::model::stripe::{SPAN_BYTES, StripeId};

/// Why a stripe could not be written, or not be made safe.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Not that many stores take units.
    #[error("{have} stores take data now; {need} are needed")]
    TooFewStores {
        /// One for each unit.
        need: usize,
        /// How many there are.
        have: usize,
    },
    /// There are enough stores, but not enough with room.
    #[error("the stores are full")]
    Full,
    /// One store after the other failed.
    #[error("no store takes unit {index} of stripe {stripe}")]
    NoneTakes {
        /// The stripe.
        stripe: StripeId,
        /// The unit.
        index: u32,
        /// How the last one failed.
        #[source]
        source: LinkError,
    },
    /// Stores kept failing while units were made safe.
    #[error("{stripes} stripes could not be made safe")]
    Unsafe {
        /// How many; they are kept, and tried again with the next sync.
        stripes: usize,
    },
    /// Not the length of a stripe, in bytes.
    #[error("a stripe has 1 to {SPAN_BYTES} bytes, not {0}")]
    Length(usize),
    /// The volume's layout is none that data can be coded with.
    #[error("the data can't be encoded")]
    Code(#[from] mojette::Error),
    /// The runtime ended in the middle.
    #[error("the program is ending")]
    Ending,
}

impl WriteError {
    /// Whether it may be otherwise in a moment.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::TooFewStores { .. } | Self::NoneTakes { .. } | Self::Unsafe { .. } => true,
            Self::Full | Self::Length(_) | Self::Code(_) | Self::Ending => false,
        }
    }
}

/// Why a stripe could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Fewer units than it takes can be had.
    #[error("stripe {stripe}: {answered} of {units} units can be read, {need} are needed")]
    TooFew {
        /// The stripe.
        stripe: StripeId,
        /// Units that arrived whole and sound.
        answered: usize,
        /// k + m.
        units: usize,
        /// k.
        need: usize,
    },
    /// The range reaches past the stripe.
    #[error("stripe {stripe} has {bytes} bytes; {end} were asked for")]
    Range {
        /// The stripe.
        stripe: StripeId,
        /// Its bytes.
        bytes: u32,
        /// The end of the range.
        end: u32,
    },
    /// What is stored about the stripe contradicts itself.
    #[error("stripe {0} is described wrongly")]
    Described(StripeId),
    /// The units don't make a stripe.
    #[error("the stripe can't be decoded")]
    Code(#[from] mojette::Error),
    /// The runtime ended in the middle.
    #[error("the program is ending")]
    Ending,
}
