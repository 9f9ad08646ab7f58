//! The REST API.

mod s3_key;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Storage;

pub(crate) fn router(storage: Storage) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(s3_key::s3_key_list, s3_key::s3_key_create))
        .routes(routes!(s3_key::s3_key_revoke))
        .with_state(storage)
}
