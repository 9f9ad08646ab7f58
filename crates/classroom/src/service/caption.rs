//! Captions and subtitles that clients add to recordings. They are kept by themselves, and copied to where the player looks
//! for them, again after each import.

use std::io;

use db::Write;
use serde_json::{Value, json};

use super::ServiceError;
use super::recording::recording_path;
use crate::Classroom;
use crate::files::{Found, RecordingFiles, content};
use crate::model::recording::{Format, Recording, RecordingId, Track};
use crate::queries::recording::{track_delete, track_list, track_put};

/// Characters of a track's name, at most.
const LABEL_CHARS_MAX: usize = 190;
/// Formats whose player shows captions, by the list beside its files.
const SHOWN_IN: [&str; 2] = ["presentation", "video"];
const LIST: &str = "captions.json";
/// A list or a track, at most.
const BYTES_MAX: u64 = 4 << 20;

/// What a track is not, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrackRefusal {
    Kind,
    Lang,
    /// Neither WebVTT nor SubRip.
    Content,
}

impl Track {
    /// Checks what a client wants.
    pub(crate) fn parse(kind: &str, lang: &str, label: &str) -> Result<Self, TrackRefusal> {
        if !matches!(kind, "subtitles" | "captions") {
            return Err(TrackRefusal::Kind);
        }
        let mut subtags = lang.split('-');
        let is_primary = |tag: &str| (2..=3).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphabetic());
        let is_subtag =
            |tag: &str| (1..=8).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if lang.len() > 35 || !subtags.next().is_some_and(is_primary) || !subtags.all(is_subtag) {
            return Err(TrackRefusal::Lang);
        }
        let label: String = label.trim().chars().filter(|c| !c.is_control()).take(LABEL_CHARS_MAX).collect();
        let label = if label.is_empty() { lang.to_owned() } else { label };
        Ok(Self { kind: kind.to_owned(), lang: lang.to_owned(), label })
    }

    /// Its file among a recording's tracks.
    pub(crate) fn file(&self) -> String {
        format!("{}_{}.vtt", self.kind, self.lang)
    }

    /// How the player calls its language.
    fn locale(&self) -> String {
        self.lang.replace('-', "_")
    }
}

/// WebVTT as it is, SubRip turned into it.
pub(crate) fn vtt(content: &[u8]) -> Result<String, TrackRefusal> {
    let text = std::str::from_utf8(content).map_err(|_| TrackRefusal::Content)?;
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    if text.starts_with("WEBVTT") {
        return Ok(text);
    }
    if !text.lines().any(|line| line.contains("-->")) {
        return Err(TrackRefusal::Content);
    }
    // The two differ in their head and in the sign before the milliseconds.
    let line = |line: &str| if line.contains("-->") { line.replace(',', ".") } else { line.to_owned() };
    Ok(format!("WEBVTT\n\n{}\n", text.lines().map(line).collect::<Vec<_>>().join("\n")))
}

/// Where the tracks that clients added to a recording are kept.
pub(crate) fn tracks_path(id: &RecordingId) -> String {
    format!("tracks/{id}")
}

impl Classroom {
    /// Adds captions in the place of those of the same kind and language; `None` takes them away.
    pub(crate) async fn track_set(
        &self,
        recording: &Recording,
        track: Track,
        content: Option<String>,
    ) -> Result<(), ServiceError> {
        let path = format!("{}/{}", tracks_path(&recording.id), track.file());
        let is_kept = content.is_some();
        let done = match content {
            Some(content) => self.kept().put(&path, content.into()).await,
            None => self.kept().remove(&path).await,
        };
        done.map_err(ServiceError::Files)?;
        let mut write = Write::new();
        if is_kept {
            track_put(&mut write, &recording.id, &track);
        } else {
            write.push_step(track_delete(&recording.id, &track.kind, &track.lang));
        }
        self.db().write(write).await?;
        let gone = (!is_kept).then_some(track);
        self.captions_show(&recording.id, gone).await
    }

    /// Copies a recording's tracks to where its player looks for them.
    pub(crate) async fn captions_restore(&self, id: &RecordingId) -> Result<(), ServiceError> {
        self.captions_show(id, None).await
    }

    async fn captions_show(&self, id: &RecordingId, gone: Option<Track>) -> Result<(), ServiceError> {
        let tracks = track_list(self.db(), id).await?;
        if tracks.is_empty() && gone.is_none() {
            return Ok(());
        }
        for format in SHOWN_IN.into_iter().filter_map(Format::parse) {
            let folder = recording_path(&format, id);
            for files in self.kept().each() {
                if let Found::Folder = files.find(&folder).await.map_err(ServiceError::Files)? {
                    let updated = self.list_update(files, &folder, id, &tracks, gone.as_ref()).await;
                    updated.map_err(ServiceError::Files)?;
                }
            }
        }
        Ok(())
    }

    /// Brings the player's list, and the files that it names, up to date with these tracks.
    async fn list_update(
        &self,
        files: &dyn RecordingFiles,
        folder: &str,
        id: &RecordingId,
        tracks: &[Track],
        gone: Option<&Track>,
    ) -> io::Result<()> {
        let list = format!("{folder}/{LIST}");
        let listed = content(files, &list, BYTES_MAX).await?.unwrap_or_default();
        let mut listed: Vec<Value> = serde_json::from_slice(&listed).unwrap_or_default();
        let ours: Vec<String> = tracks.iter().chain(gone).map(Track::locale).collect();
        listed.retain(|entry| !ours.iter().any(|locale| entry["locale"] == locale.as_str()));
        for track in tracks {
            let path = format!("{}/{}", tracks_path(id), track.file());
            // One that was removed at this moment is not shown.
            let Some(content) = self.kept().content(&path, BYTES_MAX).await? else { continue };
            listed.push(json!({ "locale": track.locale(), "localeName": track.label }));
            files.put(&format!("{folder}/caption_{}.vtt", track.locale()), content).await?;
        }
        files.put(&list, serde_json::to_vec(&listed)?.into()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_languages_are_those_of_bigbluebutton() {
        assert_eq!(Track::parse("subtitles", "pt-BR", "").unwrap().label, "pt-BR");
        assert_eq!(Track::parse("chapters", "en", ""), Err(TrackRefusal::Kind));
        for lang in ["", "e", "english", "en_US", "en-", "../x", "e1", &"en-a".repeat(20)] {
            assert_eq!(Track::parse("captions", lang, ""), Err(TrackRefusal::Lang), "{lang}");
        }
    }

    #[test]
    fn subrip_becomes_webvtt() {
        let srt = "\u{feff}1\r\n00:00:01,500 --> 00:00:02,000\r\nHello, you\r\n";
        assert_eq!(vtt(srt.as_bytes()).unwrap(), "WEBVTT\n\n1\n00:00:01.500 --> 00:00:02.000\nHello, you\n");
        assert_eq!(vtt(b"WEBVTT\n\nx").unwrap(), "WEBVTT\n\nx");
        assert_eq!(vtt(b"<html>"), Err(TrackRefusal::Content));
        assert_eq!(vtt(b"\xff\xfe"), Err(TrackRefusal::Content));
    }
}
