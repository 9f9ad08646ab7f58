//! The REST API of servers, meetings, tenants and secrets.

mod meeting;
mod server;
mod tenant;
#[cfg(test)]
mod tests;
mod usage;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Classroom;

pub(super) fn router() -> OpenApiRouter<Classroom> {
    OpenApiRouter::new()
        .routes(routes!(tenant::conference_get))
        .routes(routes!(server::server_list, server::server_add))
        .routes(routes!(server::server_get, server::server_change, server::server_remove))
        .routes(routes!(server::server_panic))
        .routes(routes!(meeting::meeting_list))
        .routes(routes!(meeting::meeting_end))
        .routes(routes!(tenant::settings_get, tenant::settings_set))
        .routes(routes!(tenant::secret_list, tenant::secret_create))
        .routes(routes!(tenant::secret_revoke))
        .routes(routes!(usage::usage))
        .routes(routes!(usage::capacity))
}
