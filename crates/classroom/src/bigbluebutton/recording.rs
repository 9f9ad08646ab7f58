//! Recordings in the API of BigBlueButton: keys and words as Scalelite has them, paging as BigBlueButton 2.6 has it, captions
//! as JSON.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest as _, Multipart, Request};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::answer::Answer;
use super::call::Call;
use crate::Classroom;
use crate::directory::TenantEntry;
use crate::model::parameters::Parameters;
use crate::model::recording::{Playback, Recording, RecordingId, RecordingState, Track};
use crate::queries::recording::{RecordingFilter, recording_count, track_list};
use crate::service::ServiceError;
use crate::service::caption::{TrackRefusal, vtt};
use crate::service::recording::RecordingChange;
use crate::xml::Element;

/// Recordings in an answer that no limit was asked for.
const ANSWER_MAX: i64 = 10_000;
/// What one parameter may list.
const NAMES_MAX: usize = 500;
/// Captions, bytes.
const TRACK_BYTES_MAX: usize = 2 << 20;
/// For captions to come.
const TRACK_WITHIN: Duration = Duration::from_secs(30);

impl Classroom {
    /// `getRecordings`
    pub(super) async fn recordings_answer(&self, call: &Call<'_>) -> Result<Answer, ServiceError> {
        let (filter, is_empty) = filter(call);
        let window = match window(&call.parameters) {
            Ok(window) => window,
            Err(sentence) => return Ok(Answer::failed("validationError", sentence)),
        };
        let (offset, limit) = window.unwrap_or((0, ANSWER_MAX));
        let found = if is_empty { Vec::new() } else { self.recordings_find(&filter, offset, limit).await? };
        let tokens = self.view_tokens(&found);
        let mut answer = Element::success();
        answer.push_with("recordings", |element| {
            for (recording, playbacks) in &found {
                let url = |playback: &Playback| self.watch_url(&tokens, &recording.id, playback);
                element.push_with("recording", |own| self.recording_fill(own, recording, playbacks, url));
            }
        });
        if window.is_some() {
            let total = if is_empty { 0 } else { recording_count(self.db(), &filter).await? };
            answer.push("totalElements", &total.to_string());
        }
        if found.is_empty() {
            answer.push("messageKey", "noRecordings");
            answer.push("message", "There are not recordings for the meetings");
        }
        Ok(Answer::success(answer))
    }

    fn recording_fill(
        &self,
        own: &mut Element,
        recording: &Recording,
        playbacks: &[Playback],
        url: impl Fn(&Playback) -> String,
    ) {
        let is_breakout = recording.metadata.get("isBreakout").is_some_and(|text| text == "true");
        let bytes: i64 = playbacks.iter().map(|playback| playback.bytes).sum();
        own.push("recordID", recording.id.as_str());
        own.push("meetingID", &recording.meeting_id);
        own.push("internalMeetingID", &recording.internal_id);
        own.push("name", &recording.name);
        own.push("isBreakout", word(is_breakout));
        own.push("published", word(recording.state == RecordingState::Published));
        own.push("protected", word(recording.is_protected));
        own.push("state", recording.state.as_str());
        own.push("startTime", &recording.started_ms.to_string());
        own.push("endTime", &recording.ended_ms.to_string());
        own.push("participants", &recording.participants.to_string());
        own.push("rawSize", &recording.raw_bytes.to_string());
        own.push("size", &bytes.to_string());
        own.push_with("metadata", |element| {
            recording.metadata.iter().for_each(|(name, value)| element.push(name, value));
        });
        own.push_with("playback", |element| {
            for playback in playbacks {
                element.push_with("format", |own| {
                    own.push("type", playback.format.as_str());
                    own.push("url", &url(playback));
                    own.push("length", &playback.minutes.to_string());
                    own.push("processingTime", &playback.processing_ms.to_string());
                    own.push("size", &playback.bytes.to_string());
                    // Pictures of a protected recording would need a token each.
                    if !playback.previews.is_empty() && !recording.is_protected {
                        own.push_with("preview", |own| {
                            own.push_with("images", |own| self.previews_fill(own, playback))
                        });
                    }
                });
            }
        });
    }

    fn previews_fill(&self, own: &mut Element, playback: &Playback) {
        for preview in &playback.previews {
            let (width, height) = (preview.width.to_string(), preview.height.to_string());
            let attributes = [("alt", preview.alt.as_str()), ("width", &width), ("height", &height)];
            own.push_attributed("image", &attributes, &format!("{}{}", self.config().url, preview.link));
        }
    }

    /// `publishRecordings`
    pub(super) async fn recordings_publish_answer(&self, call: &Call<'_>) -> Result<Answer, ServiceError> {
        let Some(ids) = ids(&call.parameters) else { return Ok(lacks_id()) };
        let Some(publish) = call.parameters.get("publish") else {
            let sentence = "You must specify a publish value true or false.";
            return Ok(Answer::failed("missingParamPublish", sentence));
        };
        let is_published = publish.eq_ignore_ascii_case("true");
        let recordings = self.recordings_named(Some(&call.tenant.settings.tenant), &ids).await?;
        if recordings.is_empty() {
            return Ok(not_found());
        }
        self.recordings_publish(None, &recordings, is_published).await?;
        Ok(Answer::success(Element::success().with("published", word(is_published))))
    }

    /// `updateRecordings`
    pub(super) async fn recordings_update_answer(&self, call: &Call<'_>) -> Result<Answer, ServiceError> {
        let Some(ids) = ids(&call.parameters) else { return Ok(lacks_id()) };
        let metadata = call.parameters.iter().filter_map(|(name, value)| Some((name.strip_prefix("meta_")?, value)));
        let change = RecordingChange {
            name: None,
            metadata: metadata.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            is_protected: call.parameters.get("protect").map(|protect| protect.eq_ignore_ascii_case("true")),
        };
        let is_updated = !change.metadata.is_empty() || change.is_protected.is_some();
        let recordings = self.recordings_named(Some(&call.tenant.settings.tenant), &ids).await?;
        if recordings.is_empty() {
            return Ok(not_found());
        }
        match self.recordings_change(None, recordings, change).await {
            Err(ServiceError::Recording { message, .. }) => Ok(Answer::failed("validationError", &message)),
            changed => changed.map(|()| Answer::success(Element::success().with("updated", word(is_updated)))),
        }
    }

    /// `deleteRecordings`
    pub(super) async fn recordings_delete_answer(&self, call: &Call<'_>) -> Result<Answer, ServiceError> {
        let Some(ids) = ids(&call.parameters) else { return Ok(lacks_id()) };
        let recordings = self.recordings_named(Some(&call.tenant.settings.tenant), &ids).await?;
        if recordings.is_empty() {
            return Ok(not_found());
        }
        self.recordings_delete(None, &recordings).await?;
        Ok(Answer::success(Element::success().with("deleted", "true")))
    }

    async fn recording_owned(&self, tenant: &TenantEntry, id: &str) -> Result<Option<Recording>, ServiceError> {
        let Some(id) = RecordingId::parse(id) else { return Ok(None) };
        Ok(self.recordings_named(Some(&tenant.settings.tenant), &[id]).await?.into_iter().next())
    }

    /// `getRecordingTextTracks`
    pub(super) async fn tracks_answer(&self, call: &Call<'_>) -> Result<Answer, ServiceError> {
        let Some(id) = call.parameters.get("recordID") else { return Ok(lacks("recordID")) };
        let Some(recording) = self.recording_owned(call.tenant, id).await? else { return Ok(no_recording(id)) };
        let track = |track: Track| {
            let href = format!("{}/textTrack/{}/{}", self.config().url, recording.id, track.file());
            json!({ "href": href, "kind": track.kind, "label": track.label, "lang": track.lang, "source": "upload" })
        };
        let tracks: Vec<Value> = track_list(self.db(), &recording.id).await?.into_iter().map(track).collect();
        Ok(Answer::Json(json!({ "response": { "returncode": "SUCCESS", "tracks": tracks } })))
    }

    /// `putRecordingTextTrack`: what is signed is the query alone, so that a browser can send the file.
    pub(super) async fn track_answer(
        &self,
        tenant: &TenantEntry,
        parameters: &Parameters,
        request: Request<Body>,
    ) -> Result<Answer, ServiceError> {
        let (id, kind, lang) = match (parameters.get("recordID"), parameters.get("kind"), parameters.get("lang")) {
            (Some(id), Some(kind), Some(lang)) => (id, kind, lang),
            (None, _, _) => return Ok(lacks("recordID")),
            (_, None, _) => return Ok(lacks("kind")),
            (_, _, None) => return Ok(lacks("lang")),
        };
        let track = match Track::parse(kind, lang, parameters.get("label").unwrap_or_default()) {
            Ok(track) => track,
            Err(TrackRefusal::Kind) => {
                let sentence = "Invalid kind parameter, expected='subtitles|captions'";
                return Ok(json_failed("invalidKind", sentence));
            }
            Err(TrackRefusal::Lang | TrackRefusal::Content) => {
                return Ok(json_failed("invalidLang", "Malformed lang param"));
            }
        };
        let Some(recording) = self.recording_owned(tenant, id).await? else { return Ok(no_recording(id)) };
        let content = match timeout(TRACK_WITHIN, file_of(request)).await.unwrap_or(Err(())) {
            Ok(Some(content)) if content.is_empty() => {
                return Ok(json_failed("empty_uploaded_text_track", "Empty uploaded text track."));
            }
            Ok(content) => content.map(|content| vtt(&content)).transpose(),
            Err(()) => Err(TrackRefusal::Content),
        };
        let Ok(content) = content else {
            return Ok(json_failed("upload_text_track_failed", "Text track upload failed."));
        };
        self.track_set(&recording, track, content).await?;
        Ok(Answer::Json(json!({ "response": {
            "messageKey": "upload_text_track_success", "message": "Text track uploaded successfully",
            "recordId": recording.id.as_str(), "returncode": "SUCCESS",
        } })))
    }
}

/// The part `file` of a form, at most [`TRACK_BYTES_MAX`]; `None` where there is none. `Err`: it can't be read, or is longer.
async fn file_of(request: Request<Body>) -> Result<Option<Vec<u8>>, ()> {
    let is_form = request.headers().get(axum::http::header::CONTENT_TYPE);
    let is_form =
        is_form.and_then(|value| value.to_str().ok()).is_some_and(|text| text.starts_with("multipart/form-data"));
    if !is_form {
        let body = axum::body::to_bytes(request.into_body(), TRACK_BYTES_MAX).await.map_err(drop)?;
        return if body.is_empty() { Ok(None) } else { Err(()) };
    }
    let mut form = Multipart::from_request(request, &()).await.map_err(drop)?;
    while let Some(mut field) = form.next_field().await.map_err(drop)? {
        if field.name() != Some("file") {
            continue;
        }
        let mut content = Vec::new();
        while let Some(bytes) = field.chunk().await.map_err(drop)? {
            if content.len() + bytes.len() > TRACK_BYTES_MAX {
                return Err(());
            }
            content.extend_from_slice(&bytes);
        }
        return Ok(Some(content));
    }
    Ok(None)
}

fn word(truth: bool) -> &'static str {
    if truth { "true" } else { "false" }
}

fn lacks_id() -> Answer {
    Answer::failed("missingParamRecordID", "You must specify a recordID.")
}

fn not_found() -> Answer {
    Answer::failed("notFound", "We could not find recordings")
}

fn json_failed(key: &str, message: &str) -> Answer {
    Answer::Json(json!({ "response": { "returncode": "FAILED", "messageKey": key, "message": message } }))
}

fn lacks(parameter: &str) -> Answer {
    json_failed("missingParameter", &format!("Missing param {parameter}."))
}

fn no_recording(id: &str) -> Answer {
    json_failed("noRecordings", &format!("No recording was found for {id}."))
}

/// What stands between the commas.
fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).take(NAMES_MAX).map(str::to_owned).collect()
}

/// The recordings that a call names; `None` where it names none.
fn ids(parameters: &Parameters) -> Option<Vec<RecordingId>> {
    let ids = parameters.get("recordID")?;
    Some(list(ids).iter().filter_map(|id| RecordingId::parse(id)).collect())
}

/// What a call asks for, and whether nothing can be that.
fn filter(call: &Call<'_>) -> (RecordingFilter, bool) {
    let parameters = &call.parameters;
    let of = |name| parameters.get(name).map(list).unwrap_or_default();
    let words = of("state");
    let states = match words.as_slice() {
        [] => vec![RecordingState::Published, RecordingState::Unpublished],
        words if words.iter().any(|word| word == "any") => RecordingState::ALL.to_vec(),
        words => words.iter().filter_map(|word| RecordingState::parse(word)).collect(),
    };
    let metadata = parameters.iter().filter_map(|(name, value)| Some((name.strip_prefix("meta_")?, value)));
    let metadata = metadata.flat_map(|(name, value)| list(value).into_iter().map(|value| (name.to_owned(), value)));
    let filter = RecordingFilter {
        tenant: Some(call.tenant.settings.tenant.clone()),
        id_prefixes: of("recordID"),
        meeting_ids: of("meetingID"),
        metadata: metadata.take(NAMES_MAX).collect(),
        after: None,
        states,
    };
    let is_empty = filter.states.is_empty();
    (filter, is_empty)
}

/// Offset and limit; `None` where neither is given.
fn window(parameters: &Parameters) -> Result<Option<(i64, i64)>, &'static str> {
    let (offset, limit) = (parameters.get("offset"), parameters.get("limit"));
    if offset.is_none() && limit.is_none() {
        return Ok(None);
    }
    let offset = offset.map_or(Some(0), |text| text.parse().ok()).filter(|offset| *offset >= 0);
    let limit = limit.map_or(Some(100), |text| text.parse().ok()).filter(|limit| (1..=100).contains(limit));
    match (offset, limit) {
        (Some(offset), Some(limit)) => Ok(Some((offset, limit))),
        (None, _) => Err("The offset must be a number greater than or equal to 0."),
        (_, None) => Err("The limit must be a number between 1 and 100."),
    }
}

#[cfg(test)]
mod tests;
