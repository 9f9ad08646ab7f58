//! The portal's pages.

pub(crate) mod problem;
mod sign_in;

use axum::Router;
use axum::routing::{get, post};

use crate::assets;
use crate::http::{events, health};
use crate::portal::Portal;

/// The portal's pages and the routes for machines, to be merged with the services' before [`Portal::layer`].
pub fn pages() -> Router<Portal> {
    Router::new()
        .route("/static/{hash}/{file}", get(assets::serve))
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/events", get(events::events))
        .route("/sign-in", get(sign_in::form).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/preferences", post(sign_in::preferences))
}
