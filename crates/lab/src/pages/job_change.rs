//! What a form on the pages changes of a job. Each answers with the page it came from and a line that says what was done.

use axum::extract::State;
use axum::response::Response;
use portal::{ApiPath, Caller, Flash, PageForm, Problem, redirect};
use serde::Deserialize;

use super::kind::Kind;
use crate::Lab;
use crate::api::job::job_id;
use crate::model::job::JobId;
use crate::service::ServiceError;

/// The key of what is said when this was done to a job, which is called by its kind. Errors: `JobUnknown`.
async fn key(lab: &Lab, caller: &Caller, id: JobId, word: &str) -> Result<String, ServiceError> {
    Ok(Kind::of(lab.job_view(caller, id).await?.kind).key(&format!("flash-{word}")))
}

/// Sends the reader back. What came too late because the job went on meanwhile is a message, not an error page.
fn answer(done: Result<(), ServiceError>, to: &str, key: &str) -> Result<Response, Problem> {
    match done {
        Ok(()) => Ok(redirect(to, Some(Flash::done(key)))),
        Err(ServiceError::JobOver) => Ok(redirect(to, Some(Flash::failed("problem-job-over")))),
        Err(ServiceError::JobOpen) => Ok(redirect(to, Some(Flash::failed("problem-job-open")))),
        Err(ServiceError::NotRetryable { .. }) => Ok(redirect(to, Some(Flash::failed("problem-not-retryable")))),
        Err(error) => Err(error.into()),
    }
}

/// `POST /lab/jobs/{id}/cancel`
pub(super) async fn cancel(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    let id = job_id(&id)?;
    let key = key(&lab, &caller, id, "cancelled").await?;
    answer(lab.job_cancel(&caller, id).await, &format!("/lab/jobs/{id}"), &key)
}

/// `POST /lab/jobs/{id}/retry`
pub(super) async fn retry(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    let id = job_id(&id)?;
    let key = key(&lab, &caller, id, "retried").await?;
    answer(lab.job_retry(&caller, id).await.map(drop), &format!("/lab/jobs/{id}"), &key)
}

/// `POST /lab/jobs/{id}/keep`: leads to where it is kept.
pub(super) async fn keep(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    let id = job_id(&id)?;
    match lab.job_keep(&caller, id, None).await {
        Ok(kept) => Ok(redirect(&kept.page, Some(Flash::done("flash-kept")))),
        Err(problem) if problem.code() == "job-open" => {
            Ok(redirect(&format!("/lab/jobs/{id}"), Some(Flash::failed("problem-job-open"))))
        }
        Err(problem) => Err(problem),
    }
}

#[derive(Deserialize)]
pub(super) struct RenameForm {
    name: String,
}

/// `POST /lab/jobs/{id}/rename`
pub(super) async fn rename(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
    PageForm(form): PageForm<RenameForm>,
) -> Result<Response, Problem> {
    let id = job_id(&id)?;
    answer(lab.job_rename(&caller, id, &form.name).await, &format!("/lab/jobs/{id}"), "flash-renamed")
}

#[derive(Deserialize)]
pub(super) struct PinForm {
    pinned: bool,
}

/// `POST /lab/jobs/{id}/pin`
pub(super) async fn pin(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
    PageForm(form): PageForm<PinForm>,
) -> Result<Response, Problem> {
    let id = job_id(&id)?;
    let word = if form.pinned { "pinned" } else { "unpinned" };
    let key = key(&lab, &caller, id, word).await?;
    answer(lab.job_pin(&caller, id, form.pinned).await, &format!("/lab/jobs/{id}"), &key)
}

#[derive(Deserialize)]
pub(super) struct ShareForm {
    shared: bool,
}

/// `POST /lab/jobs/{id}/share`
pub(super) async fn share(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
    PageForm(form): PageForm<ShareForm>,
) -> Result<Response, Problem> {
    let id = job_id(&id)?;
    let key = if form.shared { "flash-shared" } else { "flash-unshared" };
    answer(lab.job_share(&caller, id, form.shared).await, &format!("/lab/jobs/{id}"), key)
}

/// `POST /lab/jobs/{id}/delete`
pub(super) async fn delete(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    let id = job_id(&id)?;
    let kind = Kind::of(lab.job_view(&caller, id).await?.kind);
    answer(lab.job_delete(&caller, id).await, kind.path, &kind.key("flash-deleted"))
}
