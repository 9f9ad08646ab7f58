//! The REST API of servers, meetings, tenants and secrets.

use utoipa_axum::router::OpenApiRouter;

use crate::Classroom;

pub(super) fn router() -> OpenApiRouter<Classroom> {
    OpenApiRouter::new()
}
