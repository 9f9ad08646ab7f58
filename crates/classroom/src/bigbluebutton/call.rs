//! One call: admitted, read, answered.

use std::time::Duration;

use axum::body::{Body as RequestBody, to_bytes};
use axum::http::{Method, Request, header};
use bytes::Bytes;

use super::BODY_BYTES_MAX;
use super::answer::Answer;
use crate::Classroom;
use crate::client::Body;
use crate::directory::TenantEntry;
use crate::model::meeting::{MeetingId, MeetingKey};
use crate::model::parameters::Parameters;
use crate::service::ServiceError;
use crate::xml::{Element, walk};

/// Parameters that come as a form, at most.
const FORM_BYTES_MAX: usize = 256 << 10;
/// For a body to come.
const BODY_WITHIN: Duration = Duration::from_secs(60);
const FORM: &str = "application/x-www-form-urlencoded";

/// A call that was admitted.
pub(super) struct Call<'a> {
    pub(super) name: &'a str,
    pub(super) tenant: &'a TenantEntry,
    pub(super) parameters: Parameters,
    /// XML that came by POST.
    pub(super) body: Option<Body>,
}

/// The name of a call for counters: clients may ask for anything.
pub(super) fn known(name: &str) -> &'static str {
    const CALLS: [&str; 17] = [
        "create",
        "join",
        "end",
        "isMeetingRunning",
        "getMeetingInfo",
        "getMeetings",
        "insertDocument",
        "sendChatMessage",
        "getRecordings",
        "publishRecordings",
        "updateRecordings",
        "deleteRecordings",
        "getRecordingTextTracks",
        "putRecordingTextTrack",
        "hooks/create",
        "hooks/list",
        "hooks/destroy",
    ];
    CALLS.into_iter().find(|known| *known == name).unwrap_or("other")
}

pub(super) async fn answer(classroom: &Classroom, name: &str, query: String, request: Request<RequestBody>) -> Answer {
    if name == "putRecordingTextTrack" {
        return track_put(classroom, name, &query, request).await;
    }
    let (parts, body) = request.into_parts();
    if !matches!(parts.method, Method::GET | Method::POST) {
        return Answer::unsupported_request();
    }
    let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = text(header::CONTENT_TYPE);
    let is_form = content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(FORM);
    let host = parts.uri.host().unwrap_or_else(|| text(header::HOST));
    // Who is not known gets no room for a body but that of a form, which carries its own checksum.
    let (admitted, body) = if query.contains("checksum=") || !is_form {
        let Some(admitted) = classroom.admit(host, name, &query) else { return Answer::checksum_error() };
        match read(body, BODY_BYTES_MAX).await {
            Ok(body) => (admitted, body),
            Err(answer) => return answer,
        }
    } else {
        let form = match read(body, FORM_BYTES_MAX).await {
            Ok(form) => form,
            Err(answer) => return answer,
        };
        let form = std::str::from_utf8(&form).unwrap_or_default();
        let Some(admitted) = classroom.admit(host, name, form) else { return Answer::checksum_error() };
        (admitted, Bytes::new())
    };
    let parameters = Parameters::parse(admitted.signed.as_bytes());
    let body = if parts.method == Method::POST && !is_form && !body.is_empty() {
        if !takes_xml(name) || !is_xml(content_type) {
            return Answer::unsupported_type();
        }
        if let Err(error) = walk(&body, |_, _| {}) {
            return Answer::failed("invalidXml", &format!("The body can't be taken: {error}."));
        }
        Some(Body { content_type: "application/xml".to_owned(), bytes: body })
    } else {
        None
    };
    let call = Call { name, tenant: &admitted.tenant, parameters, body };
    dispatch(classroom, call, &parts.method).await.unwrap_or_else(Answer::from)
}

/// A whole body of at most so many bytes.
async fn read(body: RequestBody, most: usize) -> Result<Bytes, Answer> {
    let failed = |message: String| Err(Answer::failed("requestTooLarge", &message));
    match tokio::time::timeout(BODY_WITHIN, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => failed(format!("The body is longer than {most} bytes, or was cut off.")),
        Err(_) => failed(format!("The body did not come within {BODY_WITHIN:?}.")),
    }
}

/// The one call with a file: its body is read as a form of several parts, and not signed.
async fn track_put(classroom: &Classroom, name: &str, query: &str, request: Request<RequestBody>) -> Answer {
    if request.method() != Method::POST {
        return Answer::unsupported_request();
    }
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    let host = request.uri().host().or(host).unwrap_or_default();
    let Some(admitted) = classroom.admit(host, name, query) else { return Answer::checksum_error() };
    let parameters = Parameters::parse(admitted.signed.as_bytes());
    classroom.track_answer(&admitted.tenant, &parameters, request).await.unwrap_or_else(Answer::from)
}

fn takes_xml(name: &str) -> bool {
    matches!(name, "create" | "insertDocument")
}

fn is_xml(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(media_type.as_str(), "application/xml" | "text/xml")
}

async fn dispatch(classroom: &Classroom, call: Call<'_>, method: &Method) -> Result<Answer, ServiceError> {
    match call.name {
        "create" => {
            let answer = classroom.meeting_create(call.tenant, call.parameters, call.body).await?;
            Ok(Answer::Passed(answer))
        }
        "join" if method == Method::GET => {
            Ok(Answer::Redirect(classroom.meeting_join(call.tenant, &call.parameters).await?))
        }
        "isMeetingRunning" => is_running(classroom, call).await,
        "getMeetings" => classroom.meetings_list(call.tenant).await,
        "getMeetingInfo" | "end" | "sendChatMessage" => pass(classroom, call).await,
        "insertDocument" if method == Method::POST => pass(classroom, call).await,
        "getRecordings" => classroom.recordings_answer(&call).await,
        "publishRecordings" => classroom.recordings_publish_answer(&call).await,
        "updateRecordings" => classroom.recordings_update_answer(&call).await,
        "deleteRecordings" => classroom.recordings_delete_answer(&call).await,
        "hooks/create" => classroom.hook_create_answer(&call).await,
        "hooks/list" => classroom.hook_list_answer(&call).await,
        "hooks/destroy" => classroom.hook_destroy_answer(&call).await,
        "getRecordingTextTracks" => classroom.tracks_answer(&call).await,
        _ => Ok(Answer::unsupported_request()),
    }
}

async fn pass(classroom: &Classroom, call: Call<'_>) -> Result<Answer, ServiceError> {
    let tenant = &call.tenant.settings.tenant;
    let answer: Bytes = classroom.meeting_call(tenant, call.name, &call.parameters, call.body).await?;
    Ok(Answer::Passed(answer))
}

/// A meeting that nobody knows is not running, which is no error.
async fn is_running(classroom: &Classroom, call: Call<'_>) -> Result<Answer, ServiceError> {
    let id = MeetingId::parse(call.parameters.values("meetingID").next().unwrap_or_default())?;
    let key = MeetingKey { tenant: call.tenant.settings.tenant.clone(), id };
    let said = |is_running: bool| {
        Answer::success(Element::success().with("running", if is_running { "true" } else { "false" }))
    };
    let Some(meeting) = classroom.meeting_find(&key).await? else { return Ok(said(false)) };
    if classroom.is_known_running(&meeting) {
        return Ok(said(true));
    }
    pass(classroom, call).await
}
