//! The catalogue of tools.

use axum::Json;
use axum::extract::State;
use portal::{Problem, Problems};
use serde_json::{Value, json};

use crate::Lab;
use crate::model::node::AdminState;
use crate::model::tool::tools;
use crate::service::ServiceError;

/// The tools, their options with bounds and defaults, and on how many enabled nodes each is found
#[utoipa::path(get, path = "/api/v1/tools", tag = "jobs", responses((status = 200, body = Vec<Object>), Problems))]
pub(super) async fn tool_list(State(lab): State<Lab>) -> Result<Json<Vec<Value>>, Problem> {
    let nodes = lab.node_list().await?;
    let described = tools().iter().map(|tool| {
        let has = |node: &&crate::model::node::Node| node.state == AdminState::Enabled && node.has_tool(tool.name);
        let mut value = json!(tool);
        value["nodes"] = json!(nodes.iter().filter(has).count());
        value
    });
    Ok::<_, ServiceError>(Json(described.collect())).map_err(Problem::from)
}
