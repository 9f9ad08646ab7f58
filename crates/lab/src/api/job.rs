//! Jobs.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use portal::{ApiJson, ApiPath, ApiQuery, Caller, Listing, Problem, Problems};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::model::job::{Job, JobId, JobKind, JobStatus};
use crate::queries::list::{Cursor, JobFilter};
use crate::service::ServiceError;
use crate::service::view::JobView;
use crate::{Kept, Lab};

/// Jobs of one page, at most.
const PAGE_MAX: u32 = 200;

/// In place of a status: whatever ended otherwise than with exit status 0.
pub(crate) const FAILED: &str = "failed";

/// Which jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct JobSelect {
    /// mine: the caller's own; pinned: pinned ones; class: all of the tenant's; all: whatever the caller may see (default)
    #[param(pattern = "^(mine|pinned|class|all)$")]
    scope: Option<String>,
    /// Only experiments, or only programs.
    kind: Option<JobKind>,
    /// Only this tool's, or this language's.
    tool: Option<String>,
    /// Only those on the node of this name.
    node: Option<String>,
    /// Only those in this status; failed: those that ended otherwise than with exit status 0.
    #[param(pattern = "^(waiting|running|completed|error|cancelled|failed)$")]
    status: Option<String>,
    /// Elements of the batch of this id; without it, what is no element of any.
    batch: Option<String>,
    /// Only those with this text in name, command or owner.
    q: Option<String>,
    /// Jobs of a page, 1 to 200; 50 where it is left out.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next` of the page before.
    before: Option<String>,
}

/// What a list is asked for, read from the API or from a page's address, where an empty word means: not given.
pub(crate) fn filter(caller: &Caller, scope: Option<&str>, status: Option<&str>) -> Result<JobFilter, ServiceError> {
    let mut filter = JobFilter::default();
    match status {
        None | Some("") => {}
        Some(FAILED) => filter.is_failed = true,
        Some(word) => filter.status = Some(word.parse().map_err(|_| status_unknown())?),
    }
    match scope {
        None | Some("" | "all") => {}
        Some("class") => filter.tenant = Some(caller.tenant.to_string()),
        Some("mine") => filter.account = Some(caller.account.to_string()),
        Some("pinned") => filter.pinned = Some(true),
        Some(_) => {
            let sentence = "scope is mine, class, pinned or all.".to_owned();
            return Err(ServiceError::Request { field: "scope", sentence });
        }
    }
    Ok(filter)
}

fn status_unknown() -> ServiceError {
    let words = JobStatus::ALL.map(JobStatus::as_str).join(", ");
    ServiceError::Request { field: "status", sentence: format!("status is one of {words} and {FAILED}.") }
}

/// A cursor as text: `p` or `n`, and an id.
pub(crate) fn cursor_text(job: &Job) -> String {
    format!("{}{}", if job.pinned { 'p' } else { 'n' }, job.id)
}

/// Reads a cursor that a list gave.
pub(crate) fn cursor(text: &str) -> Result<Cursor, ServiceError> {
    let (pinned, id) = match (text.strip_prefix('p'), text.strip_prefix('n')) {
        (Some(id), _) => (true, id),
        (_, Some(id)) => (false, id),
        (None, None) => return Err(ServiceError::Cursor),
    };
    Ok(Cursor { pinned, id: id.parse().map_err(|_| ServiceError::Cursor)? })
}

/// List jobs: pinned ones first, then the newest
#[utoipa::path(get, path = "/api/v1/jobs", tag = "jobs", params(JobSelect),
    responses((status = 200, body = Listing<JobView>), Problems))]
pub(super) async fn job_list(
    State(lab): State<Lab>,
    caller: Caller,
    ApiQuery(select): ApiQuery<JobSelect>,
) -> Result<Json<Listing<JobView>>, Problem> {
    let limit = select.limit.unwrap_or(50);
    if limit == 0 || limit > PAGE_MAX {
        let sentence = format!("limit is {limit}; it must be from 1 to {PAGE_MAX}.");
        return Err(ServiceError::Request { field: "limit", sentence }.into());
    }
    let filter = JobFilter {
        batch: select.batch.as_deref().map(super::batch::batch_id).transpose()?,
        kind: select.kind,
        tool: select.tool,
        node: select.node,
        text: select.q.filter(|text| !text.is_empty()),
        ..filter(&caller, select.scope.as_deref(), select.status.as_deref())?
    };
    if let Some(batch) = filter.batch {
        // An empty list would say that it has no elements.
        lab.batch_view(&caller, batch).await?;
    }
    let before = select.before.as_deref().map(cursor).transpose()?;
    let jobs = lab.job_page(&caller, &filter, before, limit).await?;
    let next = (jobs.len() == limit as usize).then(|| jobs.last().map(cursor_text)).flatten();
    Ok(Json(Listing { items: lab.jobs_show(&jobs).await?, next }))
}

/// Show a job with its attempts
#[utoipa::path(get, path = "/api/v1/jobs/{id}", tag = "jobs", params(("id" = String, Path, description = "the job's id")),
    responses((status = 200, body = JobView), Problems))]
pub(super) async fn job_get(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Json<JobView>, Problem> {
    let job = lab.job_view(&caller, job_id(&id)?).await?;
    Ok(Json(lab.job_show(&job).await?))
}

/// What may be changed of a job.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct JobChange {
    /// Another name; owner or operator.
    name: Option<String>,
    /// Pinned ones come first and are seen by the whole tenant; teachers and above.
    pinned: Option<bool>,
    /// Whether everybody in the tenant who has its address sees it; owner or operator.
    shared: Option<bool>,
}

/// Rename, pin, share a job, or undo the last two
#[utoipa::path(patch, path = "/api/v1/jobs/{id}", tag = "jobs", request_body = JobChange,
    params(("id" = String, Path, description = "the job's id")), responses((status = 200, body = JobView), Problems))]
pub(super) async fn job_change(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
    ApiJson(change): ApiJson<JobChange>,
) -> Result<Json<JobView>, Problem> {
    let id = job_id(&id)?;
    if let Some(name) = &change.name {
        lab.job_rename(&caller, id, name).await?;
    }
    if let Some(pinned) = change.pinned {
        lab.job_pin(&caller, id, pinned).await?;
    }
    if let Some(shared) = change.shared {
        lab.job_share(&caller, id, shared).await?;
    }
    let job = lab.job_view(&caller, id).await?;
    Ok(Json(lab.job_show(&job).await?))
}

/// Delete a job that is over, with its output
#[utoipa::path(delete, path = "/api/v1/jobs/{id}", tag = "jobs", params(("id" = String, Path, description = "the job's id")),
    responses((status = 204), Problems))]
pub(super) async fn job_delete(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    lab.job_delete(&caller, job_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Cancel a job
///
/// What waits is over at once; what runs is over when its node has stopped it.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/cancel", tag = "jobs",
    params(("id" = String, Path, description = "the job's id")), responses((status = 202, body = JobView), Problems))]
pub(super) async fn job_cancel(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<(StatusCode, Json<JobView>), Problem> {
    let id = job_id(&id)?;
    lab.job_cancel(&caller, id).await?;
    let job = lab.job_view(&caller, id).await?;
    Ok((StatusCode::ACCEPTED, Json(lab.job_show(&job).await?)))
}

/// Try a job again that ended as an error or was cancelled
#[utoipa::path(post, path = "/api/v1/jobs/{id}/retry", tag = "jobs",
    params(("id" = String, Path, description = "the job's id")), responses((status = 202, body = JobView), Problems))]
pub(super) async fn job_retry(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<(StatusCode, Json<JobView>), Problem> {
    let job = lab.job_retry(&caller, job_id(&id)?).await?;
    Ok((StatusCode::ACCEPTED, Json(lab.job_show(&job).await?)))
}

/// Where a job's output goes.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct JobKeep {
    /// A directory of your own files; `runs/ID` where it is left out.
    path: Option<String>,
}

/// Keep what a job that is over printed in your own files
///
/// A file for each stream that has something, `stdout.txt` always; of a program its files below `program/`, and
/// `stdin.txt`. Files of those names that are there are replaced.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/keep", tag = "jobs", request_body = JobKeep,
    params(("id" = String, Path, description = "the job's id")), responses((status = 201, body = Kept), Problems))]
pub(super) async fn job_keep(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
    ApiJson(keep): ApiJson<JobKeep>,
) -> Result<(StatusCode, Json<Kept>), Problem> {
    let kept = lab.job_keep(&caller, job_id(&id)?, keep.path.as_deref()).await?;
    Ok((StatusCode::CREATED, Json(kept)))
}

/// Reads a job's id; what is none names no job.
pub(crate) fn job_id(text: &str) -> Result<JobId, ServiceError> {
    text.parse().map_err(|_| ServiceError::JobUnknown)
}
