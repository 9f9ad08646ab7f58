//! The pages of rooms.

use axum::Router;

use crate::Classroom;

pub(super) fn router() -> Router<Classroom> {
    Router::new()
}
