//! `join`: what a browser calls. It leads to this server's own page about the meeting.

use serde_json::json;

use crate::meeting::{Attendee, Meeting};
use crate::reply::{Answered, Reply};
use crate::request::Request;
use crate::state::{Session, Shared, token};
use crate::xml::Xml;

use super::meeting_id;

/// A key and its message.
type Refusal = (&'static str, &'static str);

pub(super) fn join(shared: &Shared, request: &Request) -> Answered {
    let id = meeting_id(request)?;
    let mut state = shared.state();
    let (session, internal_id) = match enter(state.meeting_mut(id), request) {
        Ok(entered) => entered,
        Err(refusal) => return Err(refused(shared, request, refusal)),
    };
    let session_token = token(16);
    let user_id = session.user_id.clone();
    state.sessions.insert(session_token.clone(), session);
    let url = format!("{}/html5client/?sessionToken={session_token}", origin(shared, request));
    if !is_direct(request) {
        return Ok(Reply::redirect(url));
    }
    let mut xml = Xml::success();
    xml.message("successfullyJoined", "You have joined successfully.");
    xml.text("meeting_id", internal_id).text("user_id", user_id).text("auth_token", token(12));
    Ok(Reply::xml(xml.text("session_token", session_token).text("guestStatus", "ALLOW").text("url", url)))
}

/// Puts the caller into the meeting. Gives the session and the meeting's internal ID.
fn enter(meeting: Option<&mut Meeting>, request: &Request) -> Result<(Session, String), Refusal> {
    let Some(full_name) = request.param("fullName") else {
        return Err(("missingParamFullName", "You must provide your name"));
    };
    let Some(meeting) = meeting else {
        return Err(("invalidMeetingIdentifier", "A meeting with that ID does not exist"));
    };
    if request.param("createTime").is_some_and(|time| time != meeting.create_time_ms.to_string()) {
        let message = "The createTime parameter submitted mismatches with the current meeting.";
        return Err(("mismatchCreateTimeParam", message));
    }
    let Some(is_moderator) = role(meeting, request) else {
        return Err(("invalidPassword", "The provided password is neither a moderator or attendee password"));
    };
    let most = meeting.number("maxParticipants") as usize;
    if most > 0 && meeting.attendees.len() >= most {
        return Err((
            "maxParticipantsReached",
            "The number of participants allowed for this meeting has been reached.",
        ));
    }
    let user_id = request.param("userID").map_or_else(|| format!("w_{}", token(12)), str::to_owned);
    let full_name = full_name.to_owned();
    let session = Session { meeting_id: meeting.id.clone(), user_id: user_id.clone(), full_name: full_name.clone() };
    meeting.join(Attendee { user_id, full_name, is_moderator, has_video: false, has_voice: false });
    Ok((session, meeting.internal_id.clone()))
}

/// Whether the caller is a moderator; a role goes before a password. `None`: neither says it.
fn role(meeting: &Meeting, request: &Request) -> Option<bool> {
    match request.param("role").map(str::to_ascii_lowercase).as_deref() {
        Some("moderator") => return Some(true),
        Some("viewer") => return Some(false),
        Some(_) | None => {}
    }
    let password = request.param("password")?;
    let is_moderator = password == meeting.moderator_password;
    (is_moderator || password == meeting.attendee_password).then_some(is_moderator)
}

/// Whether the caller wants the answer itself rather than to be led on.
fn is_direct(request: &Request) -> bool {
    request.param("redirect").is_some_and(|redirect| redirect.eq_ignore_ascii_case("false"))
}

/// A browser is led to where it can read the reason.
fn refused(shared: &Shared, request: &Request, (key, message): Refusal) -> Reply {
    if is_direct(request) {
        return Reply::failed(key, message);
    }
    let errors = json!([{ "key": key, "message": message }]).to_string();
    let errors: String = form_urlencoded::byte_serialize(errors.as_bytes()).collect();
    let home = format!("{}/", origin(shared, request));
    let to = request.param("errorRedirectUrl").unwrap_or(&home);
    let mark = if to.contains('?') { '&' } else { '?' };
    Reply::redirect(format!("{to}{mark}errors={errors}"))
}

/// As the browser sees this server.
fn origin(shared: &Shared, request: &Request) -> String {
    request.host.as_ref().map_or_else(|| shared.origin(), |host| format!("http://{host}"))
}
