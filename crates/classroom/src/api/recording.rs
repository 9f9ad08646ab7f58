//! The REST API of recordings: what there is, what is set aside, and uploads of archives.

mod upload;

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use portal::{ApiJson, ApiPath, ApiQuery, Caller, Listing, Problem, Problems, utc_text};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Classroom;
use crate::model::recording::{RecordingId, RecordingState};
use crate::queries::recording::RecordingFilter;
use crate::service::recording::{RecordingChange, RecordingView, visible};

/// Recordings on a page where nobody says how many.
const PAGE: u32 = 50;

pub(super) fn router() -> OpenApiRouter<Classroom> {
    OpenApiRouter::new()
        .routes(routes!(recording_list))
        .routes(routes!(recording_get, recording_change, recording_delete))
        .routes(routes!(quarantine_list))
        .routes(routes!(upload::upload_begin))
        .routes(routes!(upload::upload_get, upload::upload_append, upload::upload_remove))
        .routes(routes!(upload::upload_finish))
}

/// A place in the list: after which recording the next page begins.
pub(crate) fn cursor(recording: &RecordingView) -> String {
    format!("{}-{}", recording.started_ms, recording.id)
}

/// Reads what [`cursor`] made.
pub(crate) fn cursor_read(text: &str) -> Result<(i64, RecordingId), Problem> {
    let read = text.split_once('-').and_then(|(at, id)| Some((at.parse().ok()?, RecordingId::parse(id)?)));
    read.ok_or_else(|| Problem::bad_request("cursor", "The cursor is none that this list gave.").field("before"))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RecordingQuery {
    /// Only those of this meeting, by what its client calls it.
    meeting: Option<String>,
    /// published, unpublished or deleted; left out: published and unpublished.
    state: Option<String>,
    /// Items on a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next` of the page before.
    before: Option<String>,
}

/// List recordings, newest first
///
/// Teachers see their tenant's, operators all.
#[utoipa::path(get, path = "/api/v1/conference/recordings", tag = "conference", params(RecordingQuery),
    responses((status = 200, body = Listing<RecordingView>), Problems))]
async fn recording_list(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiQuery(query): ApiQuery<RecordingQuery>,
) -> Result<Json<Listing<RecordingView>>, Problem> {
    let limit = i64::from(query.limit.unwrap_or(PAGE));
    if !(1..=200).contains(&limit) {
        return Err(Problem::bad_request("limit-invalid", "A page has 1 to 200 items.").field("limit"));
    }
    let states = match query.state.as_deref() {
        None => vec![RecordingState::Published, RecordingState::Unpublished],
        Some(word) => vec![RecordingState::parse(word).ok_or_else(|| {
            Problem::bad_request("recording", "state is published, unpublished or deleted.").field("state")
        })?],
    };
    let filter = RecordingFilter {
        tenant: visible(&caller),
        meeting_ids: query.meeting.into_iter().map(|meeting| meeting.replace('\0', "")).collect(),
        states,
        after: query.before.as_deref().map(cursor_read).transpose()?,
        ..RecordingFilter::default()
    };
    let mut found = classroom.recordings_find(&filter, 0, limit + 1).await?;
    let is_more = found.len() as i64 > limit;
    found.truncate(limit as usize);
    let views = found.into_iter().map(|(recording, playbacks)| classroom.recording_view(recording, &playbacks));
    let items: Vec<RecordingView> = views.collect();
    let next = items.last().filter(|_| is_more).map(cursor);
    Ok(Json(Listing { items, next }))
}

async fn one(classroom: &Classroom, caller: &Caller, id: &str) -> Result<RecordingView, Problem> {
    let recording = classroom.recording_find(caller, id).await?;
    let filter = RecordingFilter { tenant: Some(recording.tenant), ..RecordingFilter::default() };
    let filter = RecordingFilter { id_prefixes: vec![recording.id.to_string()], ..filter };
    let found = classroom.recordings_find(&filter, 0, 100).await?;
    let own = found.into_iter().find(|(own, _)| own.id == recording.id);
    let (recording, playbacks) = own.ok_or(crate::service::ServiceError::RecordingUnknown)?;
    Ok(classroom.recording_view(recording, &playbacks))
}

/// Show a recording
#[utoipa::path(get, path = "/api/v1/conference/recordings/{id}", tag = "conference", params(("id" = String, Path)),
    responses((status = 200, body = RecordingView), Problems))]
async fn recording_get(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Json<RecordingView>, Problem> {
    one(&classroom, &caller, &id).await.map(Json)
}

/// What is to be changed; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RecordingPatch {
    /// What people read.
    name: Option<String>,
    /// Whether it can be watched.
    published: Option<bool>,
    /// Whether only who has a token of its client can watch it.
    protected: Option<bool>,
    /// Entries to set; an empty one is removed.
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

/// Publish, protect, name or describe a recording
#[utoipa::path(patch, path = "/api/v1/conference/recordings/{id}", tag = "conference", params(("id" = String, Path)),
    request_body = RecordingPatch, responses((status = 200, body = RecordingView), Problems))]
async fn recording_change(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
    ApiJson(patch): ApiJson<RecordingPatch>,
) -> Result<Json<RecordingView>, Problem> {
    let recording = classroom.recording_find(&caller, &id).await?;
    let change = RecordingChange { name: patch.name, metadata: patch.metadata, is_protected: patch.protected };
    if change.name.is_some() || change.is_protected.is_some() || !change.metadata.is_empty() {
        classroom.recordings_change(Some(&caller), vec![recording.clone()], change).await?;
    }
    if let Some(is_published) = patch.published {
        classroom.recordings_publish(Some(&caller), &[recording], is_published).await?;
    }
    one(&classroom, &caller, &id).await.map(Json)
}

/// Delete a recording: its files go, that it was there is kept
#[utoipa::path(delete, path = "/api/v1/conference/recordings/{id}", tag = "conference", params(("id" = String, Path)),
    responses((status = 204), Problems))]
async fn recording_delete(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    let recording = classroom.recording_find(&caller, &id).await?;
    classroom.recordings_delete(Some(&caller), &[recording]).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An archive that could not be taken in.
#[derive(Serialize, ToSchema)]
struct QuarantinedView {
    /// Its file is `quarantine/ID.tar` below the folder of recordings.
    id: String,
    /// The file's name where it came from.
    file: String,
    /// Why, in a sentence.
    reason: String,
    /// RFC 3339, UTC.
    at: String,
}

/// List the archives that could not be taken in, newest first
#[utoipa::path(get, path = "/api/v1/conference/quarantine", tag = "conference",
    responses((status = 200, body = Listing<QuarantinedView>), Problems))]
async fn quarantine_list(State(classroom): State<Classroom>) -> Result<Json<Listing<QuarantinedView>>, Problem> {
    let own = classroom.quarantine().await?.into_iter();
    let view =
        own.map(|own| QuarantinedView { id: own.id, file: own.file, reason: own.reason, at: utc_text(own.at_ms) });
    Ok(Json(Listing { items: view.collect(), next: None }))
}

#[cfg(test)]
mod tests;
