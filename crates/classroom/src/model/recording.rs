//! Recordings: what was held, where it can be watched, and who may.

use std::collections::BTreeMap;

use portal::TenantId;
use serde::{Deserialize, Serialize};

/// A recording's id, as the conference server gave it. It names a folder, so it holds nothing that means something in a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RecordingId(String);

impl RecordingId {
    /// Reads an id: 1 to 190 letters, digits and `- _ .`, the first no point; `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        is_plain(text, 190).then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for RecordingId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A way to watch a recording: `presentation`, `video`, `podcast`, `notes`, `screenshare` and what servers add. It names a
/// folder, and the first part of its addresses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Format(String);

impl Format {
    /// Those whose files are served: each is the first part of its addresses.
    pub(crate) const SERVED: [&str; 6] = ["presentation", "video", "podcast", "notes", "screenshare", "capture"];

    /// Reads one: 1 to 63 letters, digits and `- _ .`, the first no point; `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        is_plain(text, 63).then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it can be watched here. What an archive has besides, such as statistics, is kept and not listed.
    pub(crate) fn is_served(&self) -> bool {
        Self::SERVED.contains(&self.as_str())
    }
}

fn is_plain(text: &str, most: usize) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=most).contains(&text.len()) && !text.starts_with('.') && text.bytes().all(is_allowed)
}

/// Whether a recording can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RecordingState {
    Published,
    Unpublished,
    /// Its files are gone; that it was there is kept.
    Deleted,
}

impl RecordingState {
    pub(crate) const ALL: [Self; 3] = [Self::Published, Self::Unpublished, Self::Deleted];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Unpublished => "unpublished",
            Self::Deleted => "deleted",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    pub(crate) fn of(is_published: bool) -> Self {
        if is_published { Self::Published } else { Self::Unpublished }
    }
}

/// A recording as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recording {
    pub(crate) id: RecordingId,
    pub(crate) tenant: TenantId,
    /// What clients called the meeting.
    pub(crate) meeting_id: String,
    /// What its server called it.
    pub(crate) internal_id: String,
    pub(crate) name: String,
    pub(crate) state: RecordingState,
    /// Somebody published or unpublished it, which an import leaves alone.
    pub(crate) is_decided: bool,
    /// Only who has a token of its client can watch it.
    pub(crate) is_protected: bool,
    pub(crate) started_ms: i64,
    pub(crate) ended_ms: i64,
    pub(crate) participants: i64,
    /// Of the raw material on its server.
    pub(crate) raw_bytes: i64,
    /// Names as elements of XML can have.
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) imported_ms: i64,
}

/// One way to watch a recording, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Playback {
    pub(crate) format: Format,
    /// Path and query, from the server's root.
    pub(crate) link: String,
    pub(crate) minutes: i64,
    pub(crate) bytes: i64,
    pub(crate) processing_ms: i64,
    pub(crate) previews: Vec<Preview>,
}

/// A small picture of a slide.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Preview {
    /// Path from the server's root.
    pub(crate) link: String,
    pub(crate) alt: String,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// Captions or subtitles that somebody added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Track {
    /// `captions` or `subtitles`.
    pub(crate) kind: String,
    /// A language tag.
    pub(crate) lang: String,
    pub(crate) label: String,
}

/// Whether XML can have an element of this name.
pub(crate) fn is_name(text: &str) -> bool {
    let is_first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=100).contains(&text.len()) && text.bytes().next().is_some_and(is_first) && text.bytes().all(is_allowed)
}

/// What an address is below its host: links are stored without the host that they were made on.
pub(crate) fn path_of(link: &str) -> String {
    let path = match link.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => link,
    };
    if path.starts_with('/') && !path.starts_with("//") {
        path.to_owned()
    } else {
        format!("/{}", path.trim_start_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_name_a_folder_and_nothing_else() {
        assert!(RecordingId::parse("6e35e3b2778883f5db637d7a5dba0a427f692e91-1530718721124").is_some());
        for text in ["", ".", "..", ".x", "a/b", "a\\b", "a b", "é", "a\0", &"x".repeat(191)] {
            assert!(RecordingId::parse(text).is_none(), "{text:?}");
        }
        assert!(Format::parse("presentation").is_some() && Format::parse("../x").is_none());
    }

    #[test]
    fn links_lose_their_host() {
        assert_eq!(path_of("https://bbb1/playback/presentation/2.3/x-1?a=b"), "/playback/presentation/2.3/x-1?a=b");
        assert_eq!(path_of("/video/x-1/"), "/video/x-1/");
        assert_eq!(path_of("https://bbb1"), "/");
        assert_eq!(path_of("//evil/x"), "/evil/x");
    }

    #[test]
    fn names_are_those_of_elements() {
        assert!(is_name("bbb-origin") && is_name("_a.b"));
        assert!(!is_name("") && !is_name("1a") && !is_name("a b") && !is_name("a<") && !is_name("é"));
    }
}
