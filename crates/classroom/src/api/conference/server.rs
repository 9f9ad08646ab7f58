//! Conference servers. Their secrets are taken and never answered.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use portal::{ApiJson, ApiPath, Caller, Listing, Problem, Problems};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Classroom;
use crate::service::server::{ServerChange, ServerNew, ServerView};

/// List the conference servers by address
#[utoipa::path(get, path = "/api/v1/conference/servers", tag = "conference",
    responses((status = 200, body = Listing<ServerView>), Problems))]
pub(super) async fn server_list(State(classroom): State<Classroom>) -> Json<Listing<ServerView>> {
    Json(Listing { items: classroom.server_views(), next: None })
}

/// Add a conference server
#[utoipa::path(post, path = "/api/v1/conference/servers", tag = "conference", request_body = ServerNew,
    responses((status = 201, body = ServerView), Problems))]
pub(super) async fn server_add(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiJson(body): ApiJson<ServerNew>,
) -> Result<(StatusCode, Json<ServerView>), Problem> {
    Ok((StatusCode::CREATED, Json(classroom.server_add(&caller, body).await?)))
}

/// Show a conference server, by its id or the name of its host
#[utoipa::path(get, path = "/api/v1/conference/servers/{id}", tag = "conference", params(("id" = String, Path)),
    responses((status = 200, body = ServerView), Problems))]
pub(super) async fn server_get(
    State(classroom): State<Classroom>,
    ApiPath(id): ApiPath<String>,
) -> Result<Json<ServerView>, Problem> {
    Ok(Json(classroom.server_view(&classroom.server_find(&id)?)))
}

/// Change a conference server: enable it, cordon it, disable it, give it another weight, tag, address or secret
#[utoipa::path(patch, path = "/api/v1/conference/servers/{id}", tag = "conference", params(("id" = String, Path)),
    request_body = ServerChange, responses((status = 200, body = ServerView), Problems))]
pub(super) async fn server_change(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
    ApiJson(body): ApiJson<ServerChange>,
) -> Result<Json<ServerView>, Problem> {
    Ok(Json(classroom.server_change(&caller, &id, body).await?))
}

/// Remove a conference server that has no meetings
#[utoipa::path(delete, path = "/api/v1/conference/servers/{id}", tag = "conference", params(("id" = String, Path)),
    responses((status = 204), Problems))]
pub(super) async fn server_remove(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    classroom.server_remove(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a panic did.
#[derive(Serialize, ToSchema)]
pub(super) struct Panicked {
    /// Meetings that were ended.
    ended: usize,
}

/// End every meeting on a conference server, and disable it
#[utoipa::path(post, path = "/api/v1/conference/servers/{id}/panic", tag = "conference", params(("id" = String, Path)),
    responses((status = 200, body = Panicked), Problems))]
pub(super) async fn server_panic(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Json<Panicked>, Problem> {
    Ok(Json(Panicked { ended: classroom.server_panic(&caller, &id).await? }))
}
