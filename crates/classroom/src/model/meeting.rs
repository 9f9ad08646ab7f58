//! Meetings: where one is, and what its server says of it.

use std::sync::Arc;

use portal::{Secret, TenantId};
use serde::{Deserialize, Serialize};

use super::cost::Attendance;
use super::server::ServerId;

/// A meeting's name for its tenant: what clients call `meetingID`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MeetingId(Arc<str>);

/// Why a text names no meeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MeetingIdRefusal {
    #[error("You must provide a meeting ID")]
    Missing,
    #[error("A meeting ID has 2 to 256 characters, and neither a comma nor a control character")]
    Form,
}

impl MeetingId {
    /// Reads one. Source: BigBlueButton's API documentation, `create`.
    pub(crate) fn parse(text: &str) -> Result<Self, MeetingIdRefusal> {
        if text.is_empty() {
            return Err(MeetingIdRefusal::Missing);
        }
        let is_refused = |c: char| c == ',' || c.is_control();
        if !(2..=256).contains(&text.chars().count()) || text.contains(is_refused) {
            return Err(MeetingIdRefusal::Form);
        }
        Ok(Self(text.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for MeetingId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A meeting in the whole pool: two tenants may use the same name, on different servers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MeetingKey {
    pub(crate) tenant: TenantId,
    pub(crate) id: MeetingId,
}

/// Where a meeting is, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Meeting {
    pub(crate) key: MeetingKey,
    pub(crate) server: ServerId,
    /// Grows with each move.
    pub(crate) epoch: i64,
    /// The number people dial; `None`: the server chose it.
    pub(crate) voice_bridge: Option<i64>,
    /// What the addresses carry that the server calls back.
    pub(crate) token: String,
    pub(crate) name: String,
    pub(crate) callbacks: Callbacks,
    pub(crate) created_ms: i64,
}

/// Addresses that a client wants called: ours stand in their place, and pass on what comes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Callbacks {
    /// `meetingEndedURL`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ended: Option<String>,
    /// `meta_analytics-callback-url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) analytics: Option<String>,
}

/// What a server calls back for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Callback {
    /// The meeting is over.
    Ended,
    /// What it was like.
    Analytics,
}

impl Callback {
    /// The stored word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Analytics => "analytics",
        }
    }
}

/// A meeting as its server tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) meeting_id: String,
    pub(crate) internal_id: String,
    pub(crate) name: String,
    /// Epoch ms, by the server's clock.
    pub(crate) create_ms: i64,
    pub(crate) attendance: Attendance,
    pub(crate) moderators: u32,
    /// Whether anybody has joined, and it has not ended.
    pub(crate) is_running: bool,
    /// It is being taken down.
    pub(crate) is_ended: bool,
    pub(crate) is_breakout: bool,
    pub(crate) is_recording: bool,
    pub(crate) voice_bridge: Option<i64>,
    pub(crate) moderator_password: Option<Secret<String>>,
    /// Id of the tenant that we gave it at its creation, where it came through us.
    pub(crate) tenant: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded() {
        assert_eq!(MeetingId::parse(""), Err(MeetingIdRefusal::Missing));
        for text in ["a", "a,b", "a\nb", "a\0b", &"x".repeat(257)] {
            assert_eq!(MeetingId::parse(text), Err(MeetingIdRefusal::Form), "{text:?}");
        }
        assert!(MeetingId::parse(&"é".repeat(256)).is_ok());
    }
}
