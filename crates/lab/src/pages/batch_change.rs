//! What a form on the pages changes of a batch. Each answers with the page it came from and a line that says what was done.

use axum::extract::State;
use axum::response::Response;
use portal::{ApiPath, Caller, Flash, Problem, redirect};

use super::kind::Kind;
use crate::Lab;
use crate::api::batch::batch_id;
use crate::service::ServiceError;

/// `POST /lab/batches/{id}/again`: the same as a new batch.
pub(super) async fn again(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    let batch = lab.batch_again(&caller, batch_id(&id)?).await?;
    Ok(redirect(&format!("/lab/batches/{}", batch.id), Some(Flash::done("flash-batch-submitted"))))
}

/// `POST /lab/batches/{id}/cancel`
pub(super) async fn cancel(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    let id = batch_id(&id)?;
    let flash = match lab.batch_cancel(&caller, id).await {
        Ok(_) => Flash::done("flash-batch-cancelled"),
        Err(ServiceError::BatchOver) => Flash::failed("problem-batch-over"),
        Err(error) => return Err(error.into()),
    };
    Ok(redirect(&format!("/lab/batches/{id}"), Some(flash)))
}

/// `POST /lab/batches/{id}/delete`
pub(super) async fn delete(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    let id = batch_id(&id)?;
    let batch = lab.batch_view(&caller, id).await?;
    let own = format!("/lab/batches/{id}");
    Ok(match lab.batch_delete(&caller, id).await {
        Ok(()) => redirect(&format!("{}/batches", Kind::of(batch.kind).path), Some(Flash::done("flash-batch-deleted"))),
        Err(ServiceError::BatchOpen) => redirect(&own, Some(Flash::failed("problem-batch-open"))),
        Err(ServiceError::BatchPinned { .. }) => redirect(&own, Some(Flash::failed("flash-batch-pinned"))),
        Err(error) => return Err(error.into()),
    })
}
