//! The REST API.

use utoipa_axum::router::OpenApiRouter;

use crate::Storage;

pub(crate) fn router(_storage: Storage) -> OpenApiRouter {
    OpenApiRouter::new()
}
