//! Snapshots of exports.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use portal::{ApiJson, ApiPath, Caller, Listing, Problem, Problems};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Storage;
use crate::service::export::ExportView;

/// List the snapshots of an export, by name
#[utoipa::path(get, path = "/api/v1/exports/{export}/snapshots", tag = "exports", params(("export" = String, Path)),
    responses((status = 200, body = Listing<ExportView>), Problems))]
pub(super) async fn snapshot_list(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath(export): ApiPath<String>,
) -> Result<Json<Listing<ExportView>>, Problem> {
    Ok(Json(Listing { items: storage.snapshot_views(&caller, &export).await?, next: None }))
}

/// A snapshot to be taken.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SnapshotCreate {
    /// 1 to 63 characters: a to z, 0 to 9, and - or . between them.
    name: String,
}

/// Take a snapshot; it is read as the export EXPORT@NAME
#[utoipa::path(post, path = "/api/v1/exports/{export}/snapshots", tag = "exports", params(("export" = String, Path)),
    request_body = SnapshotCreate, responses((status = 201, body = ExportView), Problems))]
pub(super) async fn snapshot_create(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath(export): ApiPath<String>,
    ApiJson(body): ApiJson<SnapshotCreate>,
) -> Result<(StatusCode, Json<ExportView>), Problem> {
    Ok((StatusCode::CREATED, Json(storage.snapshot_create(&caller, &export, &body.name).await?)))
}

/// Remove a snapshot
#[utoipa::path(delete, path = "/api/v1/exports/{export}/snapshots/{snapshot}", tag = "exports",
    params(("export" = String, Path), ("snapshot" = String, Path)), responses((status = 204), Problems))]
pub(super) async fn snapshot_delete(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath((export, snapshot)): ApiPath<(String, String)>,
) -> Result<StatusCode, Problem> {
    storage.snapshot_remove(&caller, &export, &snapshot).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where a snapshot goes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SnapshotRestore {
    /// A new export; left out, the snapshot takes the place of what is in its export now.
    to: Option<String>,
}

/// Restore a snapshot in place or to a new export
#[utoipa::path(post, path = "/api/v1/exports/{export}/snapshots/{snapshot}/restore", tag = "exports",
    params(("export" = String, Path), ("snapshot" = String, Path)), request_body = SnapshotRestore,
    responses((status = 200, body = ExportView), Problems))]
pub(super) async fn snapshot_restore(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath((export, snapshot)): ApiPath<(String, String)>,
    ApiJson(body): ApiJson<SnapshotRestore>,
) -> Result<Json<ExportView>, Problem> {
    Ok(Json(storage.snapshot_restore(&caller, &export, &snapshot, body.to.as_deref()).await?))
}
