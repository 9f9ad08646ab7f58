//! What became of a batch's elements, as a file that is written while it is read.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::Stream;
use portal::{ApiPath, Caller, Problem, Problems};
use serde::Serialize;
use utoipa::ToSchema;

use super::batch::batch_id;
use crate::Lab;
use crate::model::batch::BatchId;
use crate::model::job::{Job, JobStatus};
use crate::queries::list::{Cursor, JobFilter};
use crate::service::ServiceError;

/// Elements read at a time.
const PAGE: u32 = 1_000;

/// What became of an element.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ElementResult {
    /// Its index in the batch.
    index: i64,
    /// Its job.
    job: String,
    /// waiting, running, completed, error or cancelled.
    status: JobStatus,
    /// Why it ended as an error: a code.
    reason: Option<&'static str>,
    /// Exit status.
    exit_code: Option<i64>,
    /// Name of its node.
    node: Option<String>,
    /// Number of its newest attempt, from 1.
    attempt: i64,
    /// When a node took it, RFC 3339.
    created: String,
    /// When it started.
    started: Option<String>,
    /// When it was over.
    completed: Option<String>,
    /// How long it ran, milliseconds.
    duration_ms: Option<i64>,
}

impl ElementResult {
    fn of(job: &Job) -> Self {
        Self {
            index: job.batch_index.unwrap_or_default(),
            job: job.id.to_string(),
            status: job.status,
            reason: job.reason.map(|reason| reason.as_str()),
            exit_code: job.exit_code,
            node: job.node.clone(),
            attempt: job.attempt,
            created: portal::utc_text(job.created_ms),
            started: job.started_ms.map(portal::utc_text),
            completed: job.completed_ms.map(portal::utc_text),
            duration_ms: job.completed_ms.zip(job.started_ms).map(|(end, start)| end - start),
        }
    }

    fn csv(&self) -> String {
        let number = |value: Option<i64>| value.map(|value| value.to_string()).unwrap_or_default();
        let fields = [
            self.index.to_string(),
            self.job.clone(),
            self.status.as_str().to_owned(),
            self.reason.unwrap_or_default().to_owned(),
            number(self.exit_code),
            // A node's name is made of letters, digits and hyphens, so nothing here needs quotes.
            self.node.clone().unwrap_or_default(),
            self.attempt.to_string(),
            self.created.clone(),
            self.started.clone().unwrap_or_default(),
            self.completed.clone().unwrap_or_default(),
            number(self.duration_ms),
        ];
        format!("{}\r\n", fields.join(","))
    }
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
            Self::Csv => "index,job,status,reason,exit_code,node,attempt,created,started,completed,duration_ms\r\n",
            Self::Json => "[",
        }
    }

    fn lines(self, jobs: &[Job], is_first: bool) -> String {
        let results = jobs.iter().map(ElementResult::of);
        match self {
            Self::Csv => results.map(|result| result.csv()).collect(),
            Self::Json => {
                let json = |result| serde_json::to_string(&result).expect("plain data always serialises");
                let comma = if is_first || jobs.is_empty() { "\n" } else { ",\n" };
                comma.to_owned() + &results.map(json).collect::<Vec<_>>().join(",\n")
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
/// One line for each element that a node has taken, the newest first.
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
        Page(Option<Cursor>),
        Tail,
        End,
    }
    let filter = JobFilter { batch: Some(id), ..JobFilter::default() };
    futures::stream::try_unfold(At::Head, move |at| {
        let (lab, caller, filter) = (lab.clone(), caller.clone(), filter.clone());
        async move {
            let cursor = match at {
                At::Head => return Ok(Some((Bytes::from_static(form.head().as_bytes()), At::Page(None)))),
                At::Page(cursor) => cursor,
                At::Tail => return Ok(Some((Bytes::from_static(form.end().as_bytes()), At::End))),
                At::End => return Ok(None),
            };
            let jobs = lab.job_page(&caller, &filter, cursor, PAGE).await?;
            let next = match jobs.last() {
                Some(last) if jobs.len() == PAGE as usize => {
                    At::Page(Some(Cursor { pinned: last.pinned, id: last.id }))
                }
                _ => At::Tail,
            };
            Ok(Some((Bytes::from(form.lines(&jobs, cursor.is_none())), next)))
        }
    })
}
