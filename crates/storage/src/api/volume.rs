//! Volumes.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use portal::{ApiJson, ApiPath, Caller, Listing, Problem, Problems};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Storage;
use crate::service::volume::VolumeView;

/// List the volumes by name
#[utoipa::path(get, path = "/api/v1/volumes", tag = "volumes",
    responses((status = 200, body = Listing<VolumeView>), Problems))]
pub(super) async fn volume_list(
    State(storage): State<Storage>,
    caller: Caller,
) -> Result<Json<Listing<VolumeView>>, Problem> {
    Ok(Json(Listing { items: storage.volume_views(&caller).await?, next: None }))
}

/// A volume to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct VolumeCreate {
    /// 1 to 63 characters: a to z, 0 to 9, and - or . between them.
    name: String,
    /// 0 loses one store of 3 without harm, 1 two of 6, 2 four of 12.
    #[schema(maximum = 2)]
    layout: u8,
    /// Labels that its stores have to carry; left out, all stores serve.
    #[serde(default)]
    stores: BTreeMap<String, String>,
    /// The tenant that its export is for, by name or id, or "mine": its teachers may change it, its learners read it, and both
    /// may mount it. Left out, operators alone.
    tenant: Option<String>,
}

/// Make a volume, and an export of the same name
#[utoipa::path(post, path = "/api/v1/volumes", tag = "volumes", request_body = VolumeCreate,
    responses((status = 201, body = VolumeView), Problems))]
pub(super) async fn volume_create(
    State(storage): State<Storage>,
    caller: Caller,
    ApiJson(body): ApiJson<VolumeCreate>,
) -> Result<(StatusCode, Json<VolumeView>), Problem> {
    let tenant = body.tenant.as_deref();
    let made = storage.volume_create(&caller, &body.name, body.layout, body.stores, tenant).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Show a volume
#[utoipa::path(get, path = "/api/v1/volumes/{volume}", tag = "volumes", params(("volume" = String, Path)),
    responses((status = 200, body = VolumeView), Problems))]
pub(super) async fn volume_get(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath(volume): ApiPath<String>,
) -> Result<Json<VolumeView>, Problem> {
    let volume = storage.volume_by_name(&volume).await?;
    Ok(Json(storage.volume_view(&caller, volume).await?))
}

/// Remove a volume with the export of its name and all files in it
#[utoipa::path(delete, path = "/api/v1/volumes/{volume}", tag = "volumes", params(("volume" = String, Path)),
    responses((status = 204), Problems))]
pub(super) async fn volume_delete(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath(volume): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    storage.volume_remove(&caller, &volume).await?;
    Ok(StatusCode::NO_CONTENT)
}
