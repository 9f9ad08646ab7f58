//! Recordings, as far as a server without media has any: what a test or the demo put there.

use std::collections::BTreeMap;

/// One recording in the format "presentation".
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// Its id; BigBlueButton gives the meeting's internal ID.
    pub record_id: String,
    /// The client's `meetingID`.
    pub meeting_id: String,
    /// The meeting's name.
    pub name: String,
    /// Milliseconds since 1970.
    pub start_time_ms: i64,
    /// Milliseconds since 1970.
    pub end_time_ms: i64,
    /// How many took part.
    pub participants: u32,
    /// Published, otherwise unpublished.
    pub is_published: bool,
    /// `meta_*`, names without that.
    pub metadata: BTreeMap<String, String>,
    /// Where it is played.
    pub url: String,
    /// Captions and subtitles.
    pub tracks: Vec<TextTrack>,
}

/// Captions or subtitles of a recording.
#[derive(Clone, Debug)]
pub struct TextTrack {
    /// Where its WebVTT file is.
    pub href: String,
    /// "captions" or "subtitles".
    pub kind: String,
    /// A language tag, "en-US".
    pub lang: String,
    /// Its name for people.
    pub label: String,
}

impl Recording {
    pub(crate) fn state(&self) -> &'static str {
        if self.is_published { "published" } else { "unpublished" }
    }
}
