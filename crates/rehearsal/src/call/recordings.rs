//! Calls about recordings.

use serde_json::json;

use crate::recording::Recording;
use crate::reply::{Answered, Reply};
use crate::request::Request;
use crate::state::Shared;
use crate::xml::Xml;

/// As many as one answer holds.
const PAGE_MAX: usize = 100;

/// Newest first. Record IDs match by how they begin, meeting IDs whole; metadata must match in every name asked for.
pub(super) fn list(shared: &Shared, request: &Request) -> Reply {
    let state = shared.state();
    let number = |name, default| request.param(name).and_then(|value| value.parse().ok()).unwrap_or(default);
    let mut found: Vec<&Recording> = state.recordings.iter().filter(|recording| is_asked(recording, request)).collect();
    found.sort_by_key(|recording| std::cmp::Reverse(recording.start_time_ms));
    let page: Vec<_> = found.into_iter().skip(number("offset", 0)).take(number("limit", PAGE_MAX)).collect();
    let mut xml = Xml::success();
    xml.element("recordings", |xml| {
        for recording in &page {
            xml.element("recording", |xml| write(xml, recording));
        }
    });
    if page.is_empty() {
        xml.message("noRecordings", "There are no recordings for the meeting(s).");
    }
    Reply::xml(&mut xml)
}

fn is_asked(recording: &Recording, request: &Request) -> bool {
    let (records, meetings, states) = (request.list("recordID"), request.list("meetingID"), request.list("state"));
    let metadata = request.params.iter().filter_map(|(key, value)| Some((key.strip_prefix("meta_")?, value)));
    (records.is_empty() || records.iter().any(|id| recording.record_id.starts_with(id)))
        && (meetings.is_empty() || meetings.contains(&recording.meeting_id.as_str()))
        && (states.is_empty() || states.contains(&"any") || states.contains(&recording.state()))
        && metadata.into_iter().all(|(name, value)| recording.metadata.get(name) == Some(value))
}

pub(super) fn publish(shared: &Shared, request: &Request) -> Answered {
    let ids = record_ids(request)?;
    let Some(publish) = request.param("publish") else {
        let message = "You must specify one a publish value true or false.";
        return Err(Reply::failed("missingParamPublish", message));
    };
    let is_published = publish.eq_ignore_ascii_case("true");
    change(shared, &ids, |recording| recording.is_published = is_published)?;
    Ok(Reply::xml(Xml::success().text("published", is_published)))
}

/// An empty value removes the name.
pub(super) fn update(shared: &Shared, request: &Request) -> Answered {
    let ids = record_ids(request)?;
    change(shared, &ids, |recording| {
        for (key, value) in &request.params {
            let Some(name) = key.strip_prefix("meta_") else { continue };
            if value.is_empty() {
                recording.metadata.remove(name);
            } else {
                recording.metadata.insert(name.to_owned(), value.clone());
            }
        }
    })?;
    Ok(Reply::xml(Xml::success().text("updated", true)))
}

pub(super) fn delete(shared: &Shared, request: &Request) -> Answered {
    let ids = record_ids(request)?;
    change(shared, &ids, |_| {})?;
    shared.state().recordings.retain(|recording| !ids.contains(&recording.record_id.as_str()));
    Ok(Reply::xml(Xml::success().text("deleted", true)))
}

pub(super) fn text_tracks(shared: &Shared, request: &Request) -> Answered {
    let Some(id) = request.param("recordID") else {
        let message = "param missing recordID.";
        let refusal = json!({ "returncode": "FAILED", "messageKey": "missingParameter", "message": message });
        return Err(Reply::json(refusal));
    };
    let state = shared.state();
    let Some(recording) = state.recordings.iter().find(|recording| recording.record_id == id) else {
        let message = format!("No recording found for {id}");
        return Err(Reply::json(json!({ "returncode": "FAILED", "messageKey": "noRecordings", "message": message })));
    };
    let tracks = recording.tracks.iter().map(|track| {
        json!({ "href": track.href, "kind": track.kind, "lang": track.lang, "label": track.label, "source": "upload" })
    });
    Ok(Reply::json(json!({ "returncode": "SUCCESS", "tracks": tracks.collect::<Vec<_>>() })))
}

fn record_ids(request: &Request) -> Result<Vec<&str>, Reply> {
    let ids = request.list("recordID");
    if ids.is_empty() {
        return Err(Reply::failed("missingParamRecordID", "You must specify one or more a record IDs."));
    }
    Ok(ids)
}

/// Changes the named recordings; none of them there is a refusal.
fn change(shared: &Shared, ids: &[&str], mut change: impl FnMut(&mut Recording)) -> Result<(), Reply> {
    let mut state = shared.state();
    let mut named = state.recordings.iter_mut().filter(|one| ids.contains(&one.record_id.as_str())).peekable();
    if named.peek().is_none() {
        return Err(Reply::failed("notFound", "We could not find recordings"));
    }
    named.for_each(&mut change);
    Ok(())
}

fn write(xml: &mut Xml, recording: &Recording) {
    let minutes = (recording.end_time_ms - recording.start_time_ms) / 60_000;
    xml.text("recordID", &recording.record_id).text("meetingID", &recording.meeting_id);
    xml.text("internalMeetingID", &recording.record_id).text("name", &recording.name).text("isBreakout", false);
    xml.text("published", recording.is_published).text("state", recording.state());
    xml.text("startTime", recording.start_time_ms).text("endTime", recording.end_time_ms);
    xml.text("participants", recording.participants);
    xml.metadata(recording.metadata.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    xml.element("playback", |xml| {
        xml.element("format", |xml| {
            xml.text("type", "presentation").text("url", &recording.url);
            xml.text("processingTime", 0).text("length", minutes);
        });
    });
}
