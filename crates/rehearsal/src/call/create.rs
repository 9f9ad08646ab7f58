//! `create`: once made, the same call again is no error.

use hyper::StatusCode;

use crate::meeting::Meeting;
use crate::reply::{Answered, Reply};
use crate::request::Request;
use crate::state::{Shared, State, now_ms};
use crate::xml::{Xml, is_modules};

use super::{invalid, meeting_id};

const BOOLEANS: [(&str, &str); 4] = [
    ("record", "Record must be a boolean value (true or false)"),
    ("autoStartRecording", "Auto start recording must be a boolean value (true or false)"),
    ("allowStartStopRecording", "Allow start/stop recording must be a boolean value (true or false)"),
    ("isBreakout", "isBreakout must be a boolean value (true or false)"),
];

pub(super) fn create(shared: &Shared, request: &Request) -> Answered {
    let id = meeting_id(request)?;
    check(request)?;
    if request.is_xml() && !request.body.is_empty() && !is_modules(&request.body) {
        return Err(Reply::html(StatusCode::INTERNAL_SERVER_ERROR, String::new()));
    }
    let mut state = shared.state();
    if let Some(meeting) = state.meeting(id) {
        return again(meeting, request);
    }
    let voice_bridge = voice_bridge(&state, request)?;
    let mut meeting = Meeting::new(request, voice_bridge, now_ms());
    if request.is_xml() && !request.body.is_empty() {
        meeting.documents.push(request.body.to_vec());
    }
    let reply = created(&meeting, "", "");
    state.meetings.push(meeting);
    Ok(reply)
}

fn check(request: &Request) -> Result<(), Reply> {
    let Some(name) = request.param("name") else { return Err(invalid("You must provide a meeting name")) };
    if !(2..=256).contains(&name.chars().count()) {
        return Err(invalid("Meeting name must be between 2 and 256 characters"));
    }
    for password in ["attendeePW", "moderatorPW"].into_iter().filter_map(|name| request.param(name)) {
        if !(2..=64).contains(&password.chars().count()) {
            return Err(Reply::failed("invalidPassword", "Password must be between 2 and 64 characters"));
        }
    }
    for (name, message) in BOOLEANS {
        if request.param(name).is_some_and(|value| !matches!(value.to_ascii_lowercase().as_str(), "true" | "false")) {
            return Err(invalid(message));
        }
    }
    if request.param("voiceBridge").is_some_and(|bridge| bridge.parse::<u64>().is_err()) {
        return Err(invalid("Voice bridge must be an integer"));
    }
    Ok(())
}

/// A call that names no password asks for none in particular.
fn again(meeting: &Meeting, request: &Request) -> Answered {
    let differs = |name, is: &str| request.param(name).is_some_and(|asked| asked != is);
    if differs("attendeePW", &meeting.attendee_password) || differs("moderatorPW", &meeting.moderator_password) {
        let message = "A meeting already exists with that meeting ID.  Please use a different meeting ID.";
        return Err(Reply::failed("idNotUnique", message));
    }
    let message = "This conference was already in existence and may currently be in progress.";
    Ok(created(meeting, "duplicateWarning", message))
}

fn voice_bridge(state: &State, request: &Request) -> Result<String, Reply> {
    let is_taken = |bridge: &str| state.meetings.iter().any(|meeting| meeting.voice_bridge == bridge);
    let Some(bridge) = request.param("voiceBridge") else {
        let mut bridges = std::iter::repeat_with(|| rand::random_range(10_000..100_000_u32).to_string());
        return Ok(bridges.find(|bridge| !is_taken(bridge)).expect("an endless row ends at a free number alone"));
    };
    if is_taken(bridge) {
        let mut xml = Xml::failed();
        xml.errors(&[("nonUniqueVoiceBridge", "The selected voice bridge is already in use.")]);
        return Err(Reply::xml(&mut xml));
    }
    Ok(bridge.to_owned())
}

fn created(meeting: &Meeting, key: &str, message: &str) -> Reply {
    let mut xml = Xml::success();
    xml.text("meetingID", &meeting.id).text("internalMeetingID", &meeting.internal_id);
    xml.text("parentMeetingID", meeting.param("parentMeetingID").unwrap_or("bbb-none"));
    xml.text("attendeePW", &meeting.attendee_password).text("moderatorPW", &meeting.moderator_password);
    xml.text("createTime", meeting.create_time_ms).text("voiceBridge", &meeting.voice_bridge);
    xml.text("dialNumber", meeting.dial_number()).text("createDate", meeting.create_date());
    xml.text("hasUserJoined", meeting.has_user_joined).text("duration", meeting.number("duration"));
    Reply::xml(xml.text("hasBeenForciblyEnded", false).message(key, message))
}
