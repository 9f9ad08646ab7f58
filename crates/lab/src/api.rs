//! The REST API: extract, one call, render.

pub(crate) mod batch;
mod input;
pub(crate) mod job;
mod language;
pub(crate) mod live;
mod node;
mod policy;
mod results;
pub(crate) mod submit;
mod tool;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Lab;

/// All operations of the lab.
pub(crate) fn router(lab: Lab) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(tool::tool_list))
        .routes(routes!(job::job_list, submit::job_submit))
        .routes(routes!(job::job_get, job::job_change, job::job_delete))
        .routes(routes!(batch::batch_list, batch::batch_submit))
        .routes(routes!(batch::batch_get, batch::batch_delete))
        .routes(routes!(batch::batch_cancel))
        .routes(routes!(results::batch_elements))
        .routes(routes!(results::batch_results_csv))
        .routes(routes!(results::batch_results_json))
        .routes(routes!(job::job_cancel))
        .routes(routes!(job::job_retry))
        .routes(routes!(job::job_keep))
        .routes(routes!(live::job_output))
        .routes(routes!(live::job_live))
        .routes(routes!(input::job_input))
        .routes(routes!(input::job_attach))
        .routes(routes!(language::language_list))
        .routes(routes!(language::job_source))
        .routes(routes!(node::node_list))
        .routes(routes!(node::node_get, node::node_change, node::node_delete))
        .routes(routes!(node::node_token_create))
        .routes(routes!(policy::policy_get, policy::policy_put))
        .routes(routes!(policy::status_get))
        .with_state(lab)
}
