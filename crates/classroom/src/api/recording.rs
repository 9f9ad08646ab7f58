//! The REST API of recordings.

use utoipa_axum::router::OpenApiRouter;

use crate::Classroom;

pub(super) fn router() -> OpenApiRouter<Classroom> {
    OpenApiRouter::new()
}
