//! A running program's input: one act at a time by POST, or all of them and the output over a WebSocket.

use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::{Stream, StreamExt};
use portal::{ApiJson, ApiPath, ApiQuery, Caller, Once, Problem, Problems};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::job::job_id;
use super::live::{Told, position};
use crate::Lab;
use crate::model::input::{Act, DATA_MAX};
use crate::model::job::JobId;
use crate::model::program::Terminal;
use crate::service::ServiceError;
use crate::service::live::LiveEvent;

/// How often a silent connection is asked whether it lives.
const PING: Duration = Duration::from_secs(15);
/// Largest message taken, bytes: base64 is a third longer than what it stands for.
const MESSAGE_MAX: usize = DATA_MAX * 2;
/// How long a reader may take to take a message.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// One thing done at a running program; give exactly one field.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct InputBody {
    /// Text for its standard input, at most 32 KiB.
    input: Option<String>,
    /// Bytes for its standard input, base64.
    input_base64: Option<String>,
    /// true: the end of its standard input.
    end: Option<bool>,
    /// true: an interrupt, as Ctrl-C gives it.
    interrupt: Option<bool>,
    /// Another size of its terminal.
    resize: Option<TerminalSize>,
}

/// A terminal's size in characters.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TerminalSize {
    /// Columns, from 1.
    columns: u16,
    /// Rows, from 1.
    rows: u16,
}

impl From<TerminalSize> for Terminal {
    fn from(TerminalSize { columns, rows }: TerminalSize) -> Self {
        Self { columns, rows }
    }
}

impl InputBody {
    fn act(self) -> Result<Act, ServiceError> {
        let wrong = |sentence: &str| ServiceError::Request { field: "input", sentence: sentence.to_owned() };
        match (self.input, self.input_base64, self.end, self.interrupt, self.resize) {
            (Some(text), None, None, None, None) => Ok(Act::Data(text.into_bytes())),
            (None, Some(base64), None, None, None) => {
                STANDARD.decode(base64).map(Act::Data).map_err(|_| wrong("input_base64 is not base64 with padding."))
            }
            (None, None, Some(true), None, None) => Ok(Act::End),
            (None, None, None, Some(true), None) => Ok(Act::Interrupt),
            (None, None, None, None, Some(TerminalSize { columns: columns @ 1.., rows: rows @ 1.. })) => {
                Ok(Act::Resize { columns, rows })
            }
            (_, _, _, _, _) => Err(wrong(
                "Give one of input, input_base64, end: true, interrupt: true, or resize with columns and rows from 1.",
            )),
        }
    }
}

/// Type into a running program, end its input, interrupt it, or resize its terminal
///
/// It is stored when this answers and reaches the program once, in the order in which it was sent.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/input", tag = "jobs", request_body = InputBody,
    params(("id" = String, Path, description = "the job's id")), responses((status = 202), Problems))]
pub(super) async fn job_input(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
    once: Once,
    ApiJson(body): ApiJson<InputBody>,
) -> Result<StatusCode, Problem> {
    lab.job_input(&caller, job_id(&id)?, body.act()?, &once).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Where to begin.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AttachSelect {
    /// Id of the last output event received, `ATTEMPT.SEQ`.
    last_event_id: Option<String>,
}

/// Watch a job and type into it: a WebSocket of JSON text messages
///
/// Down come the events of `/live` as `{event, id, data}`, and `{event: "error", data: {code, message}}` where an input
/// was not taken; the connection is closed after `end`. Up go the bodies of `/input`.
#[utoipa::path(get, path = "/api/v1/jobs/{id}/attach", tag = "jobs",
    params(("id" = String, Path, description = "the job's id"), AttachSelect),
    responses((status = 101, description = "the WebSocket is open"), Problems))]
pub(super) async fn job_attach(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
    ApiQuery(select): ApiQuery<AttachSelect>,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let id = job_id(&id)?;
    let from = position(select.last_event_id.as_deref(), "last_event_id")?;
    let events = lab.job_watch(&caller, id, from).await?;
    let upgrade = upgrade.map_err(|_| ServiceError::Request {
        field: "Upgrade",
        sentence: "This address speaks WebSocket (RFC 6455) alone; without it use /live and /input.".to_owned(),
    })?;
    let session = Attached { lab, caller, id };
    let upgrade = upgrade.max_message_size(MESSAGE_MAX).max_frame_size(MESSAGE_MAX);
    Ok(upgrade.on_upgrade(move |socket| session.serve(socket, events)))
}

struct Attached {
    lab: Lab,
    caller: Caller,
    id: JobId,
}

impl Attached {
    async fn serve(self, mut socket: WebSocket, events: impl Stream<Item = LiveEvent>) {
        let mut events = std::pin::pin!(events);
        let mut ping = tokio::time::interval_at(tokio::time::Instant::now() + PING, PING);
        loop {
            let message = tokio::select! {
                event = events.next() => match event {
                    Some(event) => frame(&Told::of(&event)),
                    None => break,
                },
                received = socket.recv() => match received {
                    Some(Ok(Message::Text(text))) => match self.take(&text).await {
                        Ok(()) => continue,
                        Err(problem) => problem_frame(&problem),
                    },
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    Some(Ok(Message::Binary(_))) => {
                        let sentence = "Send JSON in text messages.".to_owned();
                        problem_frame(&ServiceError::Request { field: "input", sentence }.into())
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                },
                _ = ping.tick() => Message::Ping(Vec::new().into()),
            };
            match tokio::time::timeout(SEND_TIMEOUT, socket.send(message)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return,
            }
        }
        // Who does not read the goodbye has left already.
        let _ = socket.send(Message::Close(None)).await;
    }

    async fn take(&self, text: &str) -> Result<(), Problem> {
        let body: InputBody = serde_json::from_str(text).map_err(|error| ServiceError::Request {
            field: "input",
            sentence: format!("This is no input: {error}."),
        })?;
        Ok(self.lab.job_input(&self.caller, self.id, body.act()?, &Once::default()).await?)
    }
}

fn frame(told: &Told) -> Message {
    let text = json!({ "event": told.event, "id": told.id, "data": told.data }).to_string();
    Message::Text(Utf8Bytes::from(text))
}

fn problem_frame(problem: &Problem) -> Message {
    let data = json!({ "code": problem.code(), "message": problem.message() });
    Message::Text(Utf8Bytes::from(json!({ "event": "error", "data": data }).to_string()))
}
