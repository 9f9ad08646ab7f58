//! Exports mounted on nodes, for operators.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use portal::{ApiJson, ApiPath, Caller, Listing, Problem, Problems};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Storage;
use crate::service::node_mount::NodeMountView;

/// List what is mounted on a node for operators, by directory
#[utoipa::path(get, path = "/api/v1/nodes/{node}/mounts", tag = "nodes",
    params(("node" = String, Path, description = "name or UID")), responses((status = 200, body = Listing<NodeMountView>), Problems))]
pub(super) async fn node_mount_list(
    State(storage): State<Storage>,
    ApiPath(node): ApiPath<String>,
) -> Result<Json<Listing<NodeMountView>>, Problem> {
    let (node, _) = storage.node_known(&node).await?;
    Ok(Json(Listing { items: storage.node_mount_views(&node).await?, next: None }))
}

/// A mount to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NodeMountCreate {
    /// The export or snapshot.
    export: String,
    /// Absolute; it is empty on the node, or absent.
    directory: String,
    /// Change nothing through it.
    #[serde(default)]
    read_only: bool,
}

/// Mount an export on a directory of a node
///
/// The node does it within moments, keeps it mounted, and mounts it again when its agent was restarted. `state` says how it stands.
#[utoipa::path(post, path = "/api/v1/nodes/{node}/mounts", tag = "nodes",
    params(("node" = String, Path, description = "name or UID")), request_body = NodeMountCreate,
    responses((status = 201, body = NodeMountView), Problems))]
pub(super) async fn node_mount_create(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath(node): ApiPath<String>,
    ApiJson(new): ApiJson<NodeMountCreate>,
) -> Result<(StatusCode, Json<NodeMountView>), Problem> {
    let (node, _) = storage.node_known(&node).await?;
    let made = storage.node_mount_create(&caller, &node, &new.export, &new.directory, new.read_only).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Unmount on a node; what was changed is stored first
#[utoipa::path(delete, path = "/api/v1/nodes/{node}/mounts/{id}", tag = "nodes",
    params(("node" = String, Path, description = "name or UID"), ("id" = String, Path)), responses((status = 202), Problems))]
pub(super) async fn node_mount_delete(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath((node, id)): ApiPath<(String, String)>,
) -> Result<StatusCode, Problem> {
    let (node, _) = storage.node_known(&node).await?;
    storage.node_mount_remove(&caller, &node, &id).await?;
    Ok(StatusCode::ACCEPTED)
}
