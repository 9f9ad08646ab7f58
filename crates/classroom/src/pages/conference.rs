//! The pages of servers, meetings, tenants and secrets.

use axum::Router;

use crate::Classroom;

pub(super) fn router() -> Router<Classroom> {
    Router::new()
}
