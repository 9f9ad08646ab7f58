//! What became of a batch's elements, in the order of their index: page by page, and as a file that is written while it
//! is read.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::Stream;
use portal::{ApiPath, ApiQuery, Caller, Listing, Problem, Problems};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::batch::batch_id;
use crate::Lab;
use crate::model::batch::{BLOCK, Batch, BatchId};
use crate::model::job::{ErrorReason, JobStatus};
use crate::service::ServiceError;
use crate::service::batch_change::Element;

/// Elements of one page, at most.
const PAGE_MAX: u32 = 200;

/// What became of an element.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ElementResult {
    /// Its index in the batch.
    index: i64,
    /// What sets it apart: its parameters, the name or first line of its input, or with each_node its node once that has taken it.
    value: Option<String>,
    /// Its job, once a node took it.
    job: Option<String>,
    /// waiting, running, completed, error or cancelled.
    status: JobStatus,
    /// Why it ended as an error: a code.
    reason: Option<&'static str>,
    /// Exit status.
    exit_code: Option<i64>,
    /// Name of its node.
    node: Option<String>,
    /// Number of its newest attempt, from 1.
    attempt: Option<i64>,
    /// When a node took it, RFC 3339.
    created: Option<String>,
    /// When it started.
    started: Option<String>,
    /// When it was over.
    completed: Option<String>,
    /// How long it ran, milliseconds.
    duration_ms: Option<i64>,
}

impl ElementResult {
    fn of(batch: &Batch, element: Element) -> Self {
        let (untaken, gone) = match (batch.is_stranded, batch.is_cancelled) {
            (true, _) => (JobStatus::Error, Some(ErrorReason::NodeGone)),
            (false, true) => (JobStatus::Cancelled, None),
            (false, false) => (JobStatus::Waiting, None),
        };
        let job = element.job.as_ref();
        let started_ms = job.and_then(|job| job.started_ms);
        let completed_ms = job.and_then(|job| job.completed_ms);
        Self {
            index: element.index,
            value: element.value.or_else(|| job.filter(|_| batch.is_each_node)?.node.clone()),
            job: job.map(|job| job.id.to_string()),
            status: job.map_or(untaken, |job| job.status),
            reason: job.map_or(gone, |job| job.reason).map(|reason| reason.as_str()),
            exit_code: job.and_then(|job| job.exit_code),
            node: job.and_then(|job| job.node.clone()),
            attempt: job.map(|job| job.attempt),
            created: job.map(|job| portal::utc_text(job.created_ms)),
            started: started_ms.map(portal::utc_text),
            completed: completed_ms.map(portal::utc_text),
            duration_ms: completed_ms.zip(started_ms).map(|(end, start)| end - start),
        }
    }

    fn csv(&self) -> String {
        let number = |value: Option<i64>| value.map(|value| value.to_string()).unwrap_or_default();
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let fields = [
            self.index.to_string(),
            // Nothing else needs quotes: a node's name is made of letters, digits and hyphens.
            csv_quoted(self.value.as_deref().unwrap_or_default()),
            text(&self.job),
            self.status.as_str().to_owned(),
            self.reason.unwrap_or_default().to_owned(),
            number(self.exit_code),
            text(&self.node),
            number(self.attempt),
            text(&self.created),
            text(&self.started),
            text(&self.completed),
            number(self.duration_ms),
        ];
        format!("{}\r\n", fields.join(","))
    }
}

/// A field of a CSV file. Source: RFC 4180, section 2.
fn csv_quoted(text: &str) -> String {
    if text.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// Which elements.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ElementSelect {
    /// Elements of a page, 1 to 200; 50 where it is left out.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// List the elements of a batch in the order of their index
///
/// Those that no node took are among them, waiting or cancelled.
#[utoipa::path(get, path = "/api/v1/batches/{id}/elements", tag = "batches",
    params(("id" = String, Path, description = "the batch's id"), ElementSelect),
    responses((status = 200, body = Listing<ElementResult>), Problems))]
pub(super) async fn batch_elements(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
    ApiQuery(select): ApiQuery<ElementSelect>,
) -> Result<Json<Listing<ElementResult>>, Problem> {
    let limit = select.limit.unwrap_or(50);
    if limit == 0 || limit > PAGE_MAX {
        let sentence = format!("limit is {limit}; it must be from 1 to {PAGE_MAX}.");
        return Err(ServiceError::Request { field: "limit", sentence }.into());
    }
    let batch = lab.batch_view(&caller, batch_id(&id)?).await?;
    let from = match select.after {
        Some(number) => number.parse::<u32>().map_err(|_| ServiceError::Cursor)?,
        None => 0,
    };
    let elements = lab.batch_elements(&batch, from, limit).await?;
    let next = from.saturating_add(limit);
    Ok(Json(Listing {
        items: elements.into_iter().map(|element| ElementResult::of(&batch, element)).collect(),
        next: (next < batch.count).then(|| next.to_string()),
    }))
}

/// How a file of results is written.
#[derive(Clone, Copy, Debug)]
enum Form {
    Csv,
    Json,
}

impl Form {
    fn head(self) -> &'static str {
        match self {
            Self::Csv => {
                "index,value,job,status,reason,exit_code,node,attempt,created,started,completed,duration_ms\r\n"
            }
            Self::Json => "[",
        }
    }

    fn lines(self, results: &[ElementResult], is_first: bool) -> String {
        match self {
            Self::Csv => results.iter().map(ElementResult::csv).collect(),
            Self::Json => {
                let json = |result| serde_json::to_string(result).expect("plain data always serialises");
                let comma = if is_first || results.is_empty() { "\n" } else { ",\n" };
                comma.to_owned() + &results.iter().map(json).collect::<Vec<_>>().join(",\n")
            }
        }
    }

    fn end(self) -> &'static str {
        match self {
            Self::Csv => "",
            Self::Json => "]\n",
        }
    }
}

/// Download what became of a batch's elements, as CSV
///
/// One line for each element in the order of their index; one that no node took is waiting or cancelled, and has no more.
#[utoipa::path(get, path = "/api/v1/batches/{id}/results.csv", tag = "batches",
    params(("id" = String, Path, description = "the batch's id")),
    responses((status = 200, body = String, content_type = "text/csv"), Problems))]
pub(super) async fn batch_results_csv(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    answer(lab, caller, &id, Form::Csv, "text/csv; charset=utf-8", "csv").await
}

/// Download what became of a batch's elements, as JSON
///
/// The same as the CSV.
#[utoipa::path(get, path = "/api/v1/batches/{id}/results.json", tag = "batches",
    params(("id" = String, Path, description = "the batch's id")),
    responses((status = 200, body = Vec<ElementResult>), Problems))]
pub(super) async fn batch_results_json(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    answer(lab, caller, &id, Form::Json, "application/json", "json").await
}

async fn answer(
    lab: Lab,
    caller: Caller,
    id: &str,
    form: Form,
    media_type: &str,
    extension: &str,
) -> Result<Response, Problem> {
    let batch = lab.batch_view(&caller, batch_id(id)?).await?;
    let headers = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"batch-{}.{extension}\"", batch.id)),
    ];
    Ok((headers, Body::from_stream(file(lab, caller, batch.id, form))).into_response())
}

/// The file, read a page at a time as it is taken. An error ends it early, and the connection with it.
fn file(lab: Lab, caller: Caller, id: BatchId, form: Form) -> impl Stream<Item = Result<Bytes, ServiceError>> + Send {
    enum At {
        Head,
        /// From the element of this number on, and whether there was none before it.
        Page(u32, bool),
        Tail,
        End,
    }
    futures::stream::try_unfold(At::Head, move |at| {
        let (lab, caller) = (lab.clone(), caller.clone());
        async move {
            let (from, is_first) = match at {
                At::Head => return Ok(Some((Bytes::from_static(form.head().as_bytes()), At::Page(0, true)))),
                At::Page(from, is_first) => (from, is_first),
                At::Tail => return Ok(Some((Bytes::from_static(form.end().as_bytes()), At::End))),
                At::End => return Ok(None),
            };
            let batch = lab.batch_view(&caller, id).await?;
            let elements = lab.batch_elements(&batch, from, BLOCK).await?;
            let results: Vec<_> = elements.into_iter().map(|element| ElementResult::of(&batch, element)).collect();
            let lines = form.lines(&results, is_first);
            let is_first = is_first && results.is_empty();
            let next = if from + BLOCK < batch.count { At::Page(from + BLOCK, is_first) } else { At::Tail };
            Ok(Some((Bytes::from(lines), next)))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_commas_is_quoted() {
        assert_eq!(csv_quoted("192.0.2.1"), "192.0.2.1");
        assert_eq!(csv_quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
