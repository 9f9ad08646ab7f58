//! Nodes and join tokens.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use portal::{ApiJson, ApiPath, Caller, Listing, Problem, Problems};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Lab;
use crate::model::node::AdminState;
use crate::service::ServiceError;
use crate::service::node::NodeChange;
use crate::service::view::NodeView;

/// How long a join token holds where it is not said, minutes.
const TOKEN_MINUTES: u32 = 60;

/// List the nodes by name
#[utoipa::path(get, path = "/api/v1/nodes", tag = "nodes", responses((status = 200, body = Listing<NodeView>), Problems))]
pub(super) async fn node_list(State(lab): State<Lab>) -> Result<Json<Listing<NodeView>>, Problem> {
    let now_ms = lab.now_ms();
    let items = lab.node_list().await?.iter().map(|node| NodeView::new(node, now_ms)).collect();
    Ok(Json(Listing { items, next: None }))
}

/// Show a node
#[utoipa::path(get, path = "/api/v1/nodes/{node}", tag = "nodes",
    params(("node" = String, Path, description = "UID or name")), responses((status = 200, body = NodeView), Problems))]
pub(super) async fn node_get(
    State(lab): State<Lab>,
    ApiPath(node): ApiPath<String>,
) -> Result<Json<NodeView>, Problem> {
    let node = lab.node_get(&node).await?;
    Ok(Json(NodeView::new(&node, lab.now_ms())))
}

/// What may be changed of a node.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NodePatch {
    /// Another name.
    name: Option<String>,
    /// enabled, cordoned or disabled.
    state: Option<String>,
    /// Runs at the same time, 1 to 1024; the agent's own number is the upper bound in force.
    #[schema(minimum = 1, maximum = 1024)]
    slots: Option<u32>,
    /// All labels, replacing those there are.
    labels: Option<BTreeMap<String, String>>,
}

/// Change a node's name, state, slots or labels
#[utoipa::path(patch, path = "/api/v1/nodes/{node}", tag = "nodes", request_body = NodePatch,
    params(("node" = String, Path, description = "UID or name")), responses((status = 200, body = NodeView), Problems))]
pub(super) async fn node_change(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(node): ApiPath<String>,
    ApiJson(patch): ApiJson<NodePatch>,
) -> Result<Json<NodeView>, Problem> {
    let state = patch.state.as_deref().map(admin_state).transpose()?;
    let change = NodeChange { name: patch.name, state, slots: patch.slots, labels: patch.labels };
    let node = lab.node_change(&caller, &node, change).await?;
    Ok(Json(NodeView::new(&node, lab.now_ms())))
}

/// Reads an admin state's word.
pub(crate) fn admin_state(word: &str) -> Result<AdminState, ServiceError> {
    word.parse().map_err(|_| ServiceError::Request {
        field: "state",
        sentence: "state is enabled, cordoned or disabled.".to_owned(),
    })
}

/// Remove a node that has no runs; its agent is told not to come back
#[utoipa::path(delete, path = "/api/v1/nodes/{node}", tag = "nodes",
    params(("node" = String, Path, description = "UID or name")), responses((status = 204), Problems))]
pub(super) async fn node_delete(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(node): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    lab.node_remove(&caller, &node).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How long a join token is to hold.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NodeTokenCreate {
    /// Minutes, 1 to 10080; 60 where it is left out.
    #[schema(minimum = 1, maximum = 10080)]
    valid_minutes: Option<u32>,
}

/// A join token. It is shown once and enrols one node.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NodeToken {
    /// The token.
    token: String,
    /// The command to paste on the node.
    command: String,
    /// A sentence where the command's address is one that other machines can't reach.
    warning: Option<String>,
    /// When it expires, RFC 3339.
    expires: String,
}

/// Make a join token for one node
#[utoipa::path(post, path = "/api/v1/node-tokens", tag = "nodes", request_body = NodeTokenCreate,
    responses((status = 201, body = NodeToken), Problems))]
pub(super) async fn node_token_create(
    State(lab): State<Lab>,
    caller: Caller,
    ApiJson(body): ApiJson<NodeTokenCreate>,
) -> Result<(StatusCode, Json<NodeToken>), Problem> {
    let made = lab.node_token_create(&caller, body.valid_minutes.unwrap_or(TOKEN_MINUTES)).await?;
    let expires = portal::utc_text(made.expires_ms);
    let warning = lab.join_url_local().map(|url| {
        format!(
            "Other machines can't reach {url}. Run `amphi serve` with a `listen` address and a `public_url` that they reach, \
             and make the token there."
        )
    });
    Ok((StatusCode::CREATED, Json(NodeToken { token: made.token, command: made.command, warning, expires })))
}
