//! Links by which anybody may download one file for a while.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use portal::{ApiJson, ApiPath, Caller, Listing, Problem, Problems};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Storage;
use crate::file::FilePath;
use crate::service::share::{DAYS, ShareView};

/// List the links that you made, newest first; operators see everybody's
#[utoipa::path(get, path = "/api/v1/shares", tag = "files", responses((status = 200, body = Listing<ShareView>), Problems))]
pub(super) async fn share_list(
    State(storage): State<Storage>,
    caller: Caller,
) -> Result<Json<Listing<ShareView>>, Problem> {
    Ok(Json(Listing { items: storage.share_views(&caller).await?, next: None }))
}

/// A link to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ShareCreate {
    /// The export; you have to be allowed to write there.
    export: String,
    /// The file's path.
    path: String,
    /// How long it holds, 1 to 90 days; 7 where it is left out.
    #[schema(minimum = 1, maximum = 90)]
    days: Option<u32>,
}

/// Make a link by which anybody may download a file for a while
///
/// It leads to whatever has the path when it is used. The link is in this answer only: what is kept of it can't be turned
/// back into it.
#[utoipa::path(post, path = "/api/v1/shares", tag = "files", request_body = ShareCreate,
    responses((status = 201, body = ShareView), Problems))]
pub(super) async fn share_create(
    State(storage): State<Storage>,
    caller: Caller,
    ApiJson(new): ApiJson<ShareCreate>,
) -> Result<(StatusCode, Json<ShareView>), Problem> {
    let path = FilePath::parse(&new.path)?;
    Ok((StatusCode::CREATED, Json(storage.share_make(&caller, &new.export, &path, new.days.unwrap_or(DAYS)).await?)))
}

/// Revoke a link; it leads nowhere from now on
#[utoipa::path(delete, path = "/api/v1/shares/{id}", tag = "files", params(("id" = String, Path)),
    responses((status = 204), Problems))]
pub(super) async fn share_revoke(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    storage.share_revoke(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
