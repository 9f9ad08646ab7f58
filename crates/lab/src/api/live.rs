//! A job's output: whole as a download, and live as server-sent events.

mod sse;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use portal::{ApiPath, ApiQuery, Caller, Problem, Problems};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::job::job_id;
use crate::Lab;
use crate::model::job::Job;
use crate::queries::output::{Chunk, output_list};
use crate::service::ServiceError;
use crate::service::live::{LiveEvent, Position};

/// Which output.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OutputSelect {
    /// stdout (default), stderr, or compile: what a program's compiler printed
    #[param(pattern = "^(stdout|stderr|compile)$")]
    stream: Option<String>,
    /// Number of the attempt, from 1; the newest where it is left out.
    #[param(minimum = 1)]
    attempt: Option<i64>,
}

/// Download what a job printed, byte for byte
#[utoipa::path(get, path = "/api/v1/jobs/{id}/output", tag = "jobs",
    params(("id" = String, Path, description = "the job's id"), OutputSelect),
    responses((status = 200, content_type = "text/plain; charset=utf-8", body = String), Problems))]
pub(super) async fn job_output(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
    ApiQuery(select): ApiQuery<OutputSelect>,
) -> Result<Response, Problem> {
    let channel = match select.stream.as_deref() {
        None | Some("stdout") => 0,
        Some("stderr") => 1,
        Some("compile") => 2,
        Some(_) => {
            let sentence = "stream is stdout, stderr or compile.".to_owned();
            return Err(ServiceError::Request { field: "stream", sentence }.into());
        }
    };
    let job = lab.job_view(&caller, job_id(&id)?).await?;
    let attempt = select.attempt.unwrap_or(job.attempt);
    if !(1..=job.attempt).contains(&attempt) {
        let sentence = format!("This job has attempts 1 to {}; there is no attempt {attempt}.", job.attempt);
        return Err(ServiceError::Request { field: "attempt", sentence }.into());
    }
    let mut body = Vec::new();
    if let Some(run) = lab.run_of_attempt(&job, attempt).await? {
        // Bounded by the agent's cap on a run's output.
        let chunks = output_list(lab.db(), run.id, 0, u32::MAX).await.map_err(ServiceError::from)?;
        chunks.into_iter().filter(|chunk| chunk.channel == channel).for_each(|chunk| body.extend(chunk.data));
    }
    let word = stream_word(channel);
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{}-{word}.txt\"", job.id));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        (header::CONTENT_DISPOSITION, disposition.map_err(Problem::bug)?),
    ];
    Ok((headers, body).into_response())
}

/// One server-sent event, as its fields stand on the wire.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `sse` makes; only the API's description reads it")]
pub(super) struct LiveFrame {
    /// state, output or end.
    event: String,
    /// `ATTEMPT.SEQ`, with output alone.
    id: Option<String>,
    /// A JSON object.
    data: String,
}

/// Watch a job: server-sent events
///
/// `state` with `{status, place, node, attempt}` whenever that changes; `output` with
/// `{attempt, seq, stream, text}` (or `base64` in place of `text` where the bytes are no UTF-8) and the id
/// `ATTEMPT.SEQ`; at last `end` with `{status, exit_code, reason, reason_text, node, attempt, cpu_ms, memory_peak_bytes}`. After a cut,
/// `Last-Event-ID` continues behind the last output received.
#[utoipa::path(get, path = "/api/v1/jobs/{id}/live", tag = "jobs",
    params(("id" = String, Path, description = "the job's id"), ("Last-Event-ID" = Option<String>, Header)),
    responses((status = 200, content_type = "text/event-stream", body = LiveFrame), Problems))]
pub(super) async fn job_live(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let from = position(last, "Last-Event-ID")?;
    let events = lab.job_watch(&caller, job_id(&id)?, from).await?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        // Proxies must not collect what is to be seen at once.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    Ok((headers, Body::from_stream(sse::pieces(events))).into_response())
}

/// An event as it is told, whatever carries it.
pub(super) struct Told {
    pub(super) event: &'static str,
    /// `ATTEMPT.SEQ`, with output alone.
    pub(super) id: Option<String>,
    pub(super) data: serde_json::Value,
}

impl Told {
    pub(super) fn of(event: &LiveEvent) -> Self {
        match event {
            LiveEvent::State(standing) => Self {
                event: "state",
                id: None,
                data: json!({
                    "status": standing.job.status.as_str(), "place": standing.place, "node": standing.job.node,
                    "attempt": standing.job.attempt,
                }),
            },
            LiveEvent::Output { attempt, chunk } => Self {
                event: "output",
                id: Some(format!("{attempt}.{}", chunk.seq)),
                data: json!(OutputData::of(*attempt, chunk)),
            },
            LiveEvent::End(standing) => Self { event: "end", id: None, data: end(&standing.job) },
        }
    }
}

fn end(job: &Job) -> serde_json::Value {
    json!({
        "status": job.status.as_str(), "exit_code": job.exit_code, "node": job.node,
        "attempt": job.attempt, "reason": job.reason.map(|reason| reason.as_str()),
        "reason_text": job.reason_text(), "cpu_ms": job.cpu_ms,
        "memory_peak_bytes": job.memory_peak_bytes,
    })
}

/// Where a watcher goes on: behind the event of this id, or at the beginning.
pub(super) fn position(last: Option<&str>, field: &'static str) -> Result<Position, ServiceError> {
    match last.filter(|id| !id.is_empty()) {
        None => Ok(Position::START),
        Some(id) => Position::after(id).ok_or_else(|| ServiceError::Request {
            field,
            sentence: format!("{field} is ATTEMPT.SEQ, as this stream gave it, such as 1.17."),
        }),
    }
}

/// The word for an output channel.
pub(crate) fn stream_word(channel: i64) -> &'static str {
    match channel {
        0 => "stdout",
        2 => "compile",
        _ => "stderr",
    }
}

/// What an `output` event says: `text`, or `base64` where the bytes are no UTF-8.
#[derive(Serialize)]
struct OutputData<'a> {
    attempt: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    seq: i64,
    stream: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

impl<'a> OutputData<'a> {
    fn of(attempt: i64, chunk: &'a Chunk) -> Self {
        let text = std::str::from_utf8(&chunk.data).ok();
        let base64 = text.is_none().then(|| STANDARD.encode(&chunk.data));
        Self { attempt, base64, seq: chunk.seq, stream: stream_word(chunk.channel), text }
    }
}
