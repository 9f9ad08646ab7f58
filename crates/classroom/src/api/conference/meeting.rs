//! Running meetings. A meeting's id may hold any sign, so it travels in bodies and never in a path.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use portal::{ApiJson, ApiQuery, Caller, Listing, Problem, Problems};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::Classroom;
use crate::service::meeting::MeetingView;
use crate::service::overview::MeetingFilter;

/// Which meetings, and which page of them.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct MeetingQuery {
    /// Id or name of a tenant.
    tenant: Option<String>,
    /// Id, address or host of a server.
    server: Option<String>,
    /// Items on a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<usize>,
    /// `next` of the page before.
    before: Option<String>,
}

/// List meetings, newest first: teachers see their tenant's, operators all
#[utoipa::path(get, path = "/api/v1/conference/meetings", tag = "conference", params(MeetingQuery),
    responses((status = 200, body = Listing<MeetingView>), Problems))]
pub(super) async fn meeting_list(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiQuery(query): ApiQuery<MeetingQuery>,
) -> Result<Json<Listing<MeetingView>>, Problem> {
    let MeetingQuery { tenant, server, limit, before } = query;
    let filter = MeetingFilter { tenant, server, before, limit: limit.unwrap_or(50).clamp(1, 200) };
    Ok(Json(classroom.meeting_page(&caller, &filter)?))
}

/// A meeting that is to end.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MeetingEnd {
    /// What clients call it.
    meeting_id: String,
    /// Id or name of its tenant; left out: your own.
    tenant: Option<String>,
}

/// End a meeting for everybody in it
#[utoipa::path(post, path = "/api/v1/conference/meetings/end", tag = "conference", request_body = MeetingEnd,
    responses((status = 204), Problems))]
pub(super) async fn meeting_end(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiJson(body): ApiJson<MeetingEnd>,
) -> Result<StatusCode, Problem> {
    classroom.meeting_end_named(&caller, body.tenant.as_deref(), &body.meeting_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
