//! The care of what is stored: what is at risk, and what operators begin.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use portal::{ApiPath, Problem, Problems};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Storage;
use crate::service::care::{Alert, VolumeHealth};

/// How everything that is stored fares.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StorageHealth {
    /// By volume.
    volumes: Vec<VolumeHealth>,
    /// What an operator should look at.
    alerts: Vec<Alert>,
}

/// Show what is healthy, degraded, at risk and lost
#[utoipa::path(get, path = "/api/v1/storage/health", tag = "volumes",
    responses((status = 200, body = StorageHealth), Problems))]
pub(super) async fn storage_health(State(storage): State<Storage>) -> Result<Json<StorageHealth>, Problem> {
    Ok(Json(StorageHealth { volumes: storage.health().await?, alerts: storage.alerts().await? }))
}

/// Compare all units of a volume's stores with their checksums, soon
#[utoipa::path(post, path = "/api/v1/volumes/{volume}/scrub", tag = "volumes",
    params(("volume" = String, Path, description = "name")), responses((status = 202), Problems))]
pub(super) async fn volume_scrub(
    State(storage): State<Storage>,
    ApiPath(volume): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    let volume = storage.volume_by_name(&volume).await?;
    storage.scrub_ask(volume.id).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Put on other stores what is on stores that are away, without waiting for them to come back
#[utoipa::path(post, path = "/api/v1/volumes/{volume}/rebuild", tag = "volumes",
    params(("volume" = String, Path, description = "name")), responses((status = 202), Problems))]
pub(super) async fn volume_rebuild(
    State(storage): State<Storage>,
    ApiPath(volume): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    let volume = storage.volume_by_name(&volume).await?;
    storage.rebuild_begin(volume.id).await?;
    Ok(StatusCode::ACCEPTED)
}
