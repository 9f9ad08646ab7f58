//! Calls about meetings that are there.

use hyper::StatusCode;

use crate::meeting::{Attendee, ChatMessage, Meeting};
use crate::reply::{Answered, Reply};
use crate::request::Request;
use crate::state::Shared;
use crate::xml::{Xml, is_modules};

use super::{invalid, meeting_id, not_found};

pub(super) fn is_running(shared: &Shared, request: &Request) -> Answered {
    let id = meeting_id(request)?;
    let is_running = shared.state().meeting(id).is_some_and(Meeting::is_running);
    Ok(Reply::xml(Xml::success().text("running", is_running)))
}

pub(super) fn info(shared: &Shared, request: &Request) -> Answered {
    let id = meeting_id(request)?;
    let state = shared.state();
    let meeting = state.meeting(id).ok_or_else(not_found)?;
    let mut xml = Xml::success();
    write(&mut xml, meeting);
    Ok(Reply::xml(&mut xml))
}

pub(super) fn list(shared: &Shared) -> Reply {
    let state = shared.state();
    let mut xml = Xml::success();
    xml.element("meetings", |xml| {
        for meeting in &state.meetings {
            xml.element("meeting", |xml| write(xml, meeting));
        }
    });
    if state.meetings.is_empty() {
        xml.message("noMeetings", "no meetings were found on this server");
    }
    Reply::xml(&mut xml)
}

/// The password is no longer asked for.
pub(super) fn end(shared: &Shared, request: &Request) -> Answered {
    if !shared.end(meeting_id(request)?) {
        return Err(not_found());
    }
    let message = "A request to end the meeting was sent.  Please wait a few seconds, and then use the getMeetingInfo \
                   or isMeetingRunning API calls to verify that it was ended.";
    Ok(Reply::xml(Xml::success().message("sentEndMeetingRequest", message)))
}

pub(super) fn insert_document(shared: &Shared, request: &Request) -> Answered {
    let id = meeting_id(request)?;
    let mut state = shared.state();
    let meeting = state.meeting_mut(id).ok_or_else(not_found)?;
    if !request.is_xml() {
        return Err(Reply::failed("unsupportedContentType", "POST request Content-Type is missing or unsupported"));
    }
    if !is_modules(&request.body) {
        return Err(Reply::html(StatusCode::INTERNAL_SERVER_ERROR, String::new()));
    }
    meeting.documents.push(request.body.to_vec());
    Ok(Reply::xml(Xml::success().text("message", "Presentation is being uploaded")))
}

pub(super) fn send_chat_message(shared: &Shared, request: &Request) -> Answered {
    let id = meeting_id(request)?;
    let Some(message) = request.param("message") else { return Err(invalid("You must provide the param message")) };
    if message.chars().count() > 500 {
        return Err(invalid("Param message must be between 1 and 500 characters"));
    }
    let user_name = request.param("userName").unwrap_or("System");
    if user_name.chars().count() > 255 {
        return Err(invalid("Param userName must not exceed 255 characters"));
    }
    let mut state = shared.state();
    let meeting = state.meeting_mut(id).ok_or_else(not_found)?;
    meeting.chat.push(ChatMessage { user_name: user_name.to_owned(), message: message.to_owned() });
    Ok(Reply::xml(Xml::success().message("chatMessageSent", "Message successfully sent")))
}

/// The elements of one meeting, in BigBlueButton's order.
fn write(xml: &mut Xml, meeting: &Meeting) {
    let count = |is_counted: fn(&Attendee) -> bool| meeting.attendees.iter().filter(|one| is_counted(one)).count();
    xml.text("meetingName", &meeting.name).text("meetingID", &meeting.id);
    xml.text("internalMeetingID", &meeting.internal_id).text("createTime", meeting.create_time_ms);
    xml.text("createDate", meeting.create_date()).text("voiceBridge", &meeting.voice_bridge);
    xml.text("dialNumber", meeting.dial_number());
    xml.text("attendeePW", &meeting.attendee_password).text("moderatorPW", &meeting.moderator_password);
    xml.text("running", meeting.is_running()).text("duration", meeting.number("duration"));
    xml.text("hasUserJoined", meeting.has_user_joined).text("recording", meeting.is("record"));
    xml.text("hasBeenForciblyEnded", false).text("startTime", meeting.create_time_ms).text("endTime", 0);
    xml.text("participantCount", meeting.attendees.len()).text("listenerCount", 0);
    xml.text("voiceParticipantCount", count(|one| one.has_voice)).text("videoCount", count(|one| one.has_video));
    xml.text("maxUsers", meeting.number("maxParticipants")).text("moderatorCount", count(|one| one.is_moderator));
    let presenter = meeting.attendees.iter().position(|one| one.is_moderator);
    xml.element("attendees", |xml| {
        for (at, attendee) in meeting.attendees.iter().enumerate() {
            xml.element("attendee", |xml| write_attendee(xml, attendee, presenter == Some(at)));
        }
    });
    let metadata = meeting.metadata();
    xml.metadata(metadata.iter().map(|(name, value)| (name.as_str(), *value)));
    xml.text("isBreakout", meeting.is("isBreakout"));
    if let Some(parent) = meeting.param("parentMeetingID").filter(|_| meeting.is("isBreakout")) {
        xml.text("parentMeetingID", parent);
    }
}

fn write_attendee(xml: &mut Xml, attendee: &Attendee, is_presenter: bool) {
    xml.text("userID", &attendee.user_id).text("fullName", &attendee.full_name);
    xml.text("role", if attendee.is_moderator { "MODERATOR" } else { "VIEWER" }).text("isPresenter", is_presenter);
    xml.text("isListeningOnly", false).text("hasJoinedVoice", attendee.has_voice).text("hasVideo", attendee.has_video);
    xml.text("clientType", "HTML5");
}
