//! What stands in a page's address: a job's id, a list's scope and its cursors.

use portal::Caller;

use crate::model::job::{Job, JobId};
use crate::queries::list::{Cursor, JobFilter};
use crate::service::ServiceError;

/// Reads a job's id; what is none names no job.
pub(super) fn job_id(text: &str) -> Result<JobId, ServiceError> {
    text.parse().map_err(|_| ServiceError::JobUnknown)
}

/// What a list's scope leaves. Errors: no such scope.
pub(super) fn filter(caller: &Caller, scope: &str) -> Result<JobFilter, ServiceError> {
    match scope {
        "" | "all" | "class" => Ok(JobFilter::default()),
        "mine" => Ok(JobFilter { account: Some(caller.account.to_string()), ..JobFilter::default() }),
        "pinned" => Ok(JobFilter { pinned: Some(true), ..JobFilter::default() }),
        _ => {
            let sentence = "scope is mine, class, pinned or all.".to_owned();
            Err(ServiceError::Request { field: "scope", sentence })
        }
    }
}

/// The cursor of the page after `job`.
pub(super) fn cursor_text(job: &Job) -> String {
    format!("{}{}", if job.pinned { 'p' } else { 'n' }, job.id)
}

/// Reads a cursor that a list gave.
pub(super) fn cursor(text: &str) -> Result<Cursor, ServiceError> {
    let (pinned, id) = match (text.strip_prefix('p'), text.strip_prefix('n')) {
        (Some(id), _) => (true, id),
        (_, Some(id)) => (false, id),
        (None, None) => return Err(ServiceError::Cursor),
    };
    Ok(Cursor { pinned, id: id.parse().map_err(|_| ServiceError::Cursor)? })
}
