//! Data on the stores of a volume.

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;

use super::data::{Data, DataError};
use crate::model::stripe::{Stripe, StripeId};
use crate::stripe::{Stripes, WriteError};

impl From<WriteError> for DataError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Full => Self::Full,
            error => Self::Unavailable(error.into()),
        }
    }
}

#[async_trait]
impl Data for Stripes {
    async fn write(&self, id: StripeId, bytes: Bytes) -> Result<Stripe, DataError> {
        Ok(Stripes::write(self, id, bytes).await?)
    }

    async fn sync(&self) -> Result<Vec<Stripe>, DataError> {
        Ok(Stripes::sync(self).await?)
    }

    async fn read(&self, stripe: &Stripe, range: Range<u32>) -> Result<Bytes, DataError> {
        Stripes::read(self, stripe, range).await.map_err(|error| DataError::Unavailable(error.into()))
    }

    async fn read_together(&self, stripes: &[Stripe]) -> Vec<Option<Bytes>> {
        Stripes::read_together(self, stripes).await
    }
}
