//! The REST API: extract, one call, render.

mod conference;
pub(crate) mod recording;
mod room;

use utoipa_axum::router::OpenApiRouter;

use crate::Classroom;

/// All operations of classrooms.
pub(crate) fn router(classroom: Classroom) -> OpenApiRouter {
    OpenApiRouter::new()
        .merge(conference::router())
        .merge(recording::router())
        .merge(room::router())
        .with_state(classroom)
}
