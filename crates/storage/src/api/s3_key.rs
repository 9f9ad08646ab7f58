//! `/api/v1/s3-keys`: the caller's own keys for S3.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use portal::{ApiJson, ApiPath, Caller, Listing, Problem, Problems, utc_text};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Storage;
use crate::s3::key as noun;

/// A key for S3.
#[derive(Serialize, ToSchema)]
pub(crate) struct S3Key {
    /// The access key id.
    id: String,
    name: String,
    /// RFC 3339, UTC.
    created: String,
    /// The secret access key; only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl From<noun::S3Key> for S3Key {
    fn from(key: noun::S3Key) -> Self {
        Self { id: key.id, name: key.name, created: utc_text(key.created_ms), secret: None }
    }
}

/// One's own keys for S3, newest first; there are at most 100.
#[utoipa::path(get, path = "/api/v1/s3-keys", tag = "storage", responses((status = 200, body = Listing<S3Key>), Problems))]
pub(crate) async fn s3_key_list(
    State(storage): State<Storage>,
    caller: Caller,
) -> Result<Json<Listing<S3Key>>, Problem> {
    let keys = storage.s3_key_list(&caller).await?;
    Ok(Json(Listing { items: keys.into_iter().map(S3Key::from).collect(), next: None }))
}

/// A key to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct S3KeyCreate {
    /// What it is for.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

/// Makes a key for S3; its secret is in this answer only.
#[utoipa::path(post, path = "/api/v1/s3-keys", tag = "storage", request_body = S3KeyCreate, responses((status = 201, body = S3Key), Problems))]
pub(crate) async fn s3_key_create(
    State(storage): State<Storage>,
    caller: Caller,
    ApiJson(new): ApiJson<S3KeyCreate>,
) -> Result<(StatusCode, Json<S3Key>), Problem> {
    let (key, secret) = storage.s3_key_create(&caller, &new.name).await?;
    let mut json = S3Key::from(key);
    json.secret = Some(secret.expose().clone());
    Ok((StatusCode::CREATED, Json(json)))
}

/// Revokes one of one's own keys; what it signed is refused from now on.
#[utoipa::path(delete, path = "/api/v1/s3-keys/{id}", tag = "storage", params(("id" = String, Path)), responses((status = 204), Problems))]
pub(crate) async fn s3_key_revoke(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    storage.s3_key_revoke(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
