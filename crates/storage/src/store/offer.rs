//! What an operator writes to offer a store, whatever it lies in.

use std::str::FromStr;

use super::bucket::{BucketOffer, BucketOfferError, SCHEME};
use super::directory::{StoreDir, StoreDirError};

/// What to keep units in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreOffer {
    /// `DIR[:SIZE]`.
    Directory(StoreDir),
    /// `s3://BUCKET…:SIZE`.
    Bucket(BucketOffer),
}

/// What is not right about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreOfferError {
    /// Of a directory.
    #[error(transparent)]
    Directory(#[from] StoreDirError),
    /// Of a bucket.
    #[error(transparent)]
    Bucket(#[from] BucketOfferError),
}

impl FromStr for StoreOffer {
    type Err = StoreOfferError;

    fn from_str(text: &str) -> Result<Self, StoreOfferError> {
        if text.starts_with(SCHEME) {
            return Ok(Self::Bucket(text.parse()?));
        }
        Ok(Self::Directory(text.parse()?))
    }
}
