//! The bytes of stripes, as the mount uses them: put, made safe, read.

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use nix::errno::Errno;

use crate::model::stripe::{Stripe, StripeId};

/// Why bytes could not be put or read. What can be tried again has been.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataError {
    /// The stores are full.
    #[error("the stores are full")]
    Full,
    /// Too few of them answer, or hold what they should.
    #[error("too few stores answer")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl DataError {
    pub(crate) fn errno(&self) -> Errno {
        match self {
            Self::Full => Errno::ENOSPC,
            Self::Unavailable(_) => Errno::EIO,
        }
    }
}

/// See the file's head.
#[async_trait]
pub(crate) trait Data: Send + Sync {
    /// Puts one stripe of 1 to [`crate::SPAN_BYTES`] bytes. It is safe after the next [`Data::sync`].
    async fn write(&self, id: StripeId, bytes: Bytes) -> Result<Stripe, DataError>;

    /// Makes safe what was written before; gives the stripes that are elsewhere than [`Data::write`] said.
    async fn sync(&self) -> Result<Vec<Stripe>, DataError>;

    /// A range of a stripe's bytes.
    async fn read(&self, stripe: &Stripe, range: Range<u32>) -> Result<Bytes, DataError>;

    /// All bytes of each stripe, as far as they can be had at once; the others are to be read one by one.
    async fn read_together(&self, stripes: &[Stripe]) -> Vec<Option<Bytes>>;
}
