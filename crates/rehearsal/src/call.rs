//! The API's calls: which there are, who may make them, and who answers.

mod create;
mod hooks;
mod join;
mod meetings;
mod recordings;

use hyper::{Method, StatusCode};

use crate::checksum;
use crate::reply::{Answered, Reply};
use crate::request::Request;
use crate::state::Shared;
use crate::xml::Xml;

/// Whether a call's checksum is right.
pub(crate) fn is_signed(shared: &Shared, request: &Request) -> bool {
    let (text, sum) = request.signed();
    let plan = &shared.plan;
    sum.is_some_and(|sum| checksum::is_right(&plan.algorithms, &request.call, &text, &plan.secret, &sum))
}

/// Does a call.
pub(crate) fn answer(shared: &Shared, request: &Request, is_signed: bool) -> Reply {
    allowed(request, is_signed).and_then(|()| dispatch(shared, request)).unwrap_or_else(|refusal| refusal)
}

/// Known, by the right method, readable, signed: in this order.
fn allowed(request: &Request, is_signed: bool) -> Result<(), Reply> {
    let (allow, methods): (_, &[Method]) = match request.call.as_str() {
        ""
        | "create"
        | "isMeetingRunning"
        | "getMeetingInfo"
        | "getMeetings"
        | "end"
        | "getRecordings"
        | "updateRecordings"
        | "getRecordingTextTracks" => ("GET, POST", &[Method::GET, Method::POST]),
        "join" | "sendChatMessage" | "publishRecordings" | "deleteRecordings" | "hooks/create" | "hooks/list"
        | "hooks/destroy" => ("GET", &[Method::GET]),
        "insertDocument" => ("POST", &[Method::POST]),
        _ => return Err(Reply::html(StatusCode::NOT_FOUND, "<html><body>Not Found</body></html>".to_owned())),
    };
    if !methods.contains(&request.method) {
        return Err(Reply::wrong_method(allow));
    }
    if !request.is_readable() {
        let message = "POST request Content-Type is missing or unsupported";
        return Err(Reply::failed("unsupportedContentType", message));
    }
    if is_signed || request.call.is_empty() {
        return Ok(());
    }
    if request.call.starts_with("hooks/") {
        return Err(Reply::failed("checksumError", "You did not pass the checksum security check."));
    }
    let is_missing = request.signed().1.is_none_or(|sum| sum.is_empty());
    let message = if is_missing { "You must provide the checksum" } else { "Checksums do not match" };
    Err(Reply::failed("checksumError", message))
}

fn dispatch(shared: &Shared, request: &Request) -> Answered {
    match request.call.as_str() {
        "create" => create::create(shared, request),
        "join" => join::join(shared, request),
        "isMeetingRunning" => meetings::is_running(shared, request),
        "getMeetingInfo" => meetings::info(shared, request),
        "getMeetings" => Ok(meetings::list(shared)),
        "end" => meetings::end(shared, request),
        "insertDocument" => meetings::insert_document(shared, request),
        "sendChatMessage" => meetings::send_chat_message(shared, request),
        "getRecordings" => Ok(recordings::list(shared, request)),
        "publishRecordings" => recordings::publish(shared, request),
        "updateRecordings" => recordings::update(shared, request),
        "deleteRecordings" => recordings::delete(shared, request),
        "getRecordingTextTracks" => recordings::text_tracks(shared, request),
        "hooks/create" => hooks::create(shared, request),
        "hooks/list" => Ok(hooks::list(shared, request)),
        "hooks/destroy" => hooks::destroy(shared, request),
        _ => Ok(version(shared)),
    }
}

/// The API's root. Its version is still 2.0 in BigBlueButton 3.0.
fn version(shared: &Shared) -> Reply {
    let origin = shared.origin();
    let mut xml = Xml::success();
    xml.text("version", "2.0").text("apiVersion", "2.0").text("bbbVersion", &shared.plan.version);
    xml.text("graphqlWebsocketUrl", format_args!("{}/graphql", origin.replacen("http", "ws", 1)));
    Reply::xml(xml.text("graphqlApiUrl", format_args!("{origin}/api/rest")))
}

/// The meeting ID, if it is one.
fn meeting_id(request: &Request) -> Result<&str, Reply> {
    let Some(id) = request.param("meetingID") else {
        return Err(Reply::failed("missingParamMeetingID", "You must provide a meeting ID"));
    };
    if !(2..=256).contains(&id.chars().count()) {
        return Err(invalid("Meeting ID must be between 2 and 256 characters"));
    }
    if id.contains(',') {
        return Err(invalid("Meeting ID cannot contain ','"));
    }
    Ok(id)
}

fn invalid(message: &str) -> Reply {
    Reply::failed("validationError", message)
}

fn not_found() -> Reply {
    Reply::failed("notFound", "A meeting with that ID does not exist")
}
