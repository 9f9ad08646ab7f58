//! Uploads in parts that nobody completed go after a week, with what they hold.

use std::sync::Arc;

use crate::Storage;
use crate::file::Files;
use crate::namespace::Direct;
use crate::queries::space::space_list;
use crate::s3::uploads::{GIVEN_UP_AFTER, sweep};
use crate::service::ServiceError;

impl Storage {
    /// Looks through every export. One that can't be cleared stops no other.
    pub(super) async fn uploads_sweep(&self) -> Result<(), ServiceError> {
        let before_ms = self.db().clock().now_ms() - GIVEN_UP_AFTER.as_millis() as i64;
        let mut failure = None;
        for space in space_list(self.db(), None).await? {
            let name = space.name.clone();
            let stripes = self.stripes(space.volume, space.layout).await?;
            let names = Direct::new(self.clone(), space, false);
            match sweep(&Files::new(Arc::new(names), stripes, self.db().clock_shared()), before_ms).await {
                Ok(0) => {}
                Ok(count) => tracing::info!("{count} uploads in parts to {name} were given up after a week"),
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(()), |error| Err(error.into()))
    }
}
