//! Exports.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use portal::{ApiJson, ApiPath, Caller, Listing, Problem, Problems};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Storage;
use crate::service::export::{ExportNew, ExportView, Limits};

/// List the exports that are open to you, by name
#[utoipa::path(get, path = "/api/v1/exports", tag = "exports",
    responses((status = 200, body = Listing<ExportView>), Problems))]
pub(super) async fn export_list(
    State(storage): State<Storage>,
    caller: Caller,
) -> Result<Json<Listing<ExportView>>, Problem> {
    Ok(Json(Listing { items: storage.export_views(&caller).await?, next: None }))
}

/// An export to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExportCreate {
    /// 1 to 63 characters: a to z, 0 to 9, and - or . between them.
    name: String,
    /// The volume's name.
    volume: String,
    /// The tenant it is for, by name or id, or "mine": its teachers may change it, its learners read it. Left out, operators alone.
    tenant: Option<String>,
    /// What it may hold.
    #[serde(default)]
    limits: Limits,
}

/// Make an export on a volume
#[utoipa::path(post, path = "/api/v1/exports", tag = "exports", request_body = ExportCreate,
    responses((status = 201, body = ExportView), Problems))]
pub(super) async fn export_create(
    State(storage): State<Storage>,
    caller: Caller,
    ApiJson(body): ApiJson<ExportCreate>,
) -> Result<(StatusCode, Json<ExportView>), Problem> {
    let new = ExportNew { name: body.name, tenant: body.tenant, owner: None, limits: body.limits };
    Ok((StatusCode::CREATED, Json(storage.export_create(&caller, &body.volume, new).await?)))
}

/// Show an export or, as EXPORT@NAME, a snapshot
#[utoipa::path(get, path = "/api/v1/exports/{export}", tag = "exports", params(("export" = String, Path)),
    responses((status = 200, body = ExportView), Problems))]
pub(super) async fn export_get(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath(export): ApiPath<String>,
) -> Result<Json<ExportView>, Problem> {
    Ok(Json(storage.export_view(&caller, &export).await?))
}

/// Change an export's limits
#[utoipa::path(patch, path = "/api/v1/exports/{export}", tag = "exports", params(("export" = String, Path)),
    request_body = Limits, responses((status = 200, body = ExportView), Problems))]
pub(super) async fn export_change(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath(export): ApiPath<String>,
    ApiJson(limits): ApiJson<Limits>,
) -> Result<Json<ExportView>, Problem> {
    Ok(Json(storage.export_limit(&caller, &export, limits).await?))
}

/// Remove an export with all files in it
#[utoipa::path(delete, path = "/api/v1/exports/{export}", tag = "exports", params(("export" = String, Path)),
    responses((status = 204), Problems))]
pub(super) async fn export_delete(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath(export): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    storage.export_remove(&caller, &export).await?;
    Ok(StatusCode::NO_CONTENT)
}
