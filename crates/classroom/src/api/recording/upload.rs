//! Uploads of archives, piece by piece.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use portal::{ApiJson, ApiPath, Caller, Problem, Problems};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Classroom;
use crate::service::ServiceError;

const OFFSET: HeaderName = HeaderName::from_static("upload-offset");

/// An upload to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UploadBegin {
    /// The file's name, for people.
    #[serde(default)]
    name: String,
}

/// How far an upload is.
#[derive(Serialize, ToSchema)]
pub(super) struct UploadView {
    /// Its id.
    id: String,
    /// Bytes that are there: where the next piece begins.
    offset: u64,
}

fn shown(id: String, offset: u64) -> Response {
    ([(OFFSET, HeaderValue::from(offset))], Json(UploadView { id, offset })).into_response()
}

/// Begin the upload of an archive of recordings
///
/// Send its pieces with PATCH, then finish it. One that is not finished is removed after a week.
#[utoipa::path(post, path = "/api/v1/conference/uploads", tag = "conference", request_body = UploadBegin,
    responses((status = 201, body = UploadView), Problems))]
pub(super) async fn upload_begin(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiJson(begin): ApiJson<UploadBegin>,
) -> Result<Response, Problem> {
    let id = classroom.upload_begin(&caller, &begin.name).await?;
    let mut response = shown(id, 0);
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// Show how far an upload is
#[utoipa::path(get, path = "/api/v1/conference/uploads/{id}", tag = "conference", params(("id" = String, Path)),
    responses((status = 200, body = UploadView), Problems))]
pub(super) async fn upload_get(
    State(classroom): State<Classroom>,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    let offset = classroom.upload_offset(&id).await?;
    Ok(shown(id, offset))
}

/// Send a piece of an upload
///
/// The header `Upload-Offset` says where it begins, which has to be where the last one ended: 409 tells the right place in a
/// header of the same name. What came of a piece before its connection broke stays.
#[utoipa::path(patch, path = "/api/v1/conference/uploads/{id}", tag = "conference",
    params(("id" = String, Path), ("Upload-Offset" = u64, Header, description = "where the piece begins, bytes")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = UploadView), Problems))]
pub(super) async fn upload_append(
    State(classroom): State<Classroom>,
    ApiPath(id): ApiPath<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let offset = headers.get(OFFSET).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    let offset: u64 = offset.ok_or_else(|| {
        let sentence = "The header Upload-Offset has to say where the piece begins.";
        Problem::bad_request("upload-offset-missing", sentence).field("Upload-Offset")
    })?;
    match classroom.upload_append(&id, offset, body).await {
        Ok(offset) => Ok(shown(id, offset)),
        Err(ServiceError::UploadOffset(right)) => {
            let mut response = Problem::from(ServiceError::UploadOffset(right)).into_response();
            response.headers_mut().insert(OFFSET, HeaderValue::from(right));
            Ok(response)
        }
        Err(error) => Err(error.into()),
    }
}

/// Give an upload up
#[utoipa::path(delete, path = "/api/v1/conference/uploads/{id}", tag = "conference", params(("id" = String, Path)),
    responses((status = 204), Problems))]
pub(super) async fn upload_remove(
    State(classroom): State<Classroom>,
    ApiPath(id): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    classroom.upload_remove(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What came in.
#[derive(Serialize, ToSchema)]
pub(super) struct UploadDone {
    /// Ids of its recordings.
    recordings: Vec<String>,
}

/// Take an uploaded archive in
///
/// 409 says why it is set aside.
#[utoipa::path(post, path = "/api/v1/conference/uploads/{id}/finish", tag = "conference", params(("id" = String, Path)),
    responses((status = 200, body = UploadDone), Problems))]
pub(super) async fn upload_finish(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Json<UploadDone>, Problem> {
    let recordings = classroom.upload_finish(&caller, &id).await?;
    Ok(Json(UploadDone { recordings: recordings.iter().map(ToString::to_string).collect() }))
}
