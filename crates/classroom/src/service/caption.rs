//! Captions and subtitles that clients add to recordings. They are kept by themselves, and copied to where the player looks
//! for them, again after each import.

use std::io;
use std::path::{Path, PathBuf};

use db::Write;
use serde_json::{Value, json};

use super::ServiceError;
use crate::Classroom;
use crate::model::recording::{Format, Recording, RecordingId, Track};
use crate::queries::recording::{track_delete, track_list, track_put};

/// Characters of a track's name, at most.
const LABEL_CHARS_MAX: usize = 190;
/// Formats whose player shows captions, by the list beside its files.
const SHOWN_IN: [&str; 2] = ["presentation", "video"];
const LIST: &str = "captions.json";

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

impl Classroom {
    /// The tracks that clients added to a recording are in this folder.
    pub(crate) fn tracks_dir(&self, id: &RecordingId) -> PathBuf {
        self.recordings_dir().join("tracks").join(id.as_str())
    }

    /// Adds captions in the place of those of the same kind and language; `None` takes them away.
    pub(crate) async fn track_set(
        &self,
        recording: &Recording,
        track: Track,
        content: Option<String>,
    ) -> Result<(), ServiceError> {
        let (folder, file) = (self.tracks_dir(&recording.id), track.file());
        let is_kept = content.is_some();
        let written = tokio::task::spawn_blocking(move || match content {
            Some(content) => {
                std::fs::create_dir_all(&folder)?;
                file_replace(&folder.join(file), content.as_bytes())
            }
            None => match std::fs::remove_file(folder.join(file)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        });
        written.await.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(ServiceError::Files)?;
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
        let from = self.tracks_dir(id);
        let shown_in = SHOWN_IN.into_iter().filter_map(Format::parse);
        let folders: Vec<PathBuf> = shown_in.map(|format| self.recording_dir(&format, id)).collect();
        let shown = tokio::task::spawn_blocking(move || {
            let mut folders = folders.iter().filter(|folder| folder.is_dir());
            folders.try_for_each(|folder| list_update(folder, &from, &tracks, gone.as_ref()))
        });
        shown.await.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(ServiceError::Files)
    }
}

/// Brings the player's list, and the files that it names, up to date with these tracks.
fn list_update(folder: &Path, from: &Path, tracks: &[Track], gone: Option<&Track>) -> io::Result<()> {
    let listed = std::fs::read(folder.join(LIST)).unwrap_or_default();
    let mut listed: Vec<Value> = serde_json::from_slice(&listed).unwrap_or_default();
    let ours: Vec<String> = tracks.iter().chain(gone).map(Track::locale).collect();
    listed.retain(|entry| !ours.iter().any(|locale| entry["locale"] == locale.as_str()));
    for track in tracks {
        listed.push(json!({ "locale": track.locale(), "localeName": track.label }));
        let content = std::fs::read(from.join(track.file()))?;
        file_replace(&folder.join(format!("caption_{}.vtt", track.locale())), &content)?;
    }
    file_replace(&folder.join(LIST), serde_json::to_string(&listed)?.as_bytes())
}

/// Writes a file so that it is whole or as it was.
fn file_replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    std::fs::write(&beside, content)?;
    std::fs::File::open(&beside)?.sync_all()?;
    std::fs::rename(beside, path)
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
