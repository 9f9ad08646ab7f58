//! All routes of all services, under one table of who may call them and one description.

use axum::Router;
use classroom::Classroom;
use lab::Lab;
use portal::{Portal, RouteAccess};
use storage::Storage;
use utoipa_axum::router::OpenApiRouter;

/// The access table of the whole program.
pub(crate) fn access() -> Vec<RouteAccess> {
    let mut table = portal::access();
    table.extend(lab::access());
    table.extend(storage::access());
    table.extend(classroom::access());
    table
}

/// Pages and API of every service, behind the portal's layers.
///
/// # Errors
/// The API can't be described.
pub(crate) fn router(
    portal: &Portal,
    lab: &Lab,
    storage: &Storage,
    classroom: &Classroom,
) -> Result<Router, serde_json::Error> {
    let own_api = portal::api().with_state(portal.clone());
    let (api, mut description) = OpenApiRouter::with_openapi(portal::openapi())
        .merge(own_api)
        .merge(lab.api())
        .merge(storage.api())
        .merge(classroom.api())
        .split_for_parts();
    // axum's mark of a parameter that goes over slashes is none of OpenAPI's.
    let paths = std::mem::take(&mut description.paths.paths).into_iter();
    description.paths.paths = paths.map(|(path, item)| (path.replace("{*", "{"), item)).collect();
    let pages = portal::pages().with_state(portal.clone()).merge(lab.pages()).merge(storage.pages());
    let pages = pages.merge(classroom.pages());
    Ok(portal.layer(pages.merge(api).merge(portal::openapi_route(&description)?), access()))
}
