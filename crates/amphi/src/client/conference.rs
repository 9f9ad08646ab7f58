//! What the API tells of conference servers and meetings.

use jiff::Timestamp;
use serde::Deserialize;

/// A conference server.
#[derive(Debug, Deserialize)]
pub(crate) struct ConferenceServer {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) host: String,
    pub(crate) tag: String,
    pub(crate) weight: u32,
    pub(crate) state: String,
    pub(crate) health: String,
    #[serde(default)]
    pub(crate) trouble: String,
    #[serde(default)]
    pub(crate) silent_since: Option<Timestamp>,
    pub(crate) meetings: u64,
    pub(crate) users: u64,
    pub(crate) largest: u64,
    pub(crate) videos: u64,
    pub(crate) load: f64,
    pub(crate) version: String,
}

impl ConferenceServer {
    /// Whether it is polled: nothing is known of the health of one that is disabled.
    pub(crate) fn is_asked(&self) -> bool {
        self.state != "disabled"
    }
}

/// A running meeting.
#[derive(Debug, Deserialize)]
pub(crate) struct Meeting {
    pub(crate) meeting_id: String,
    pub(crate) tenant: String,
    pub(crate) name: String,
    pub(crate) host: String,
    pub(crate) users: u64,
    pub(crate) videos: u64,
    pub(crate) created: Timestamp,
}

/// A shared secret; the secret itself only in the answer that made it.
#[derive(Debug, Deserialize)]
pub(crate) struct SharedSecret {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) tenant: Option<String>,
    #[serde(default)]
    pub(crate) note: String,
    pub(crate) created: Timestamp,
    #[serde(default)]
    pub(crate) secret: Option<String>,
}

/// What a tenant used on one day.
#[derive(Debug, Deserialize)]
pub(crate) struct Usage {
    pub(crate) day: String,
    pub(crate) tenant: String,
    pub(crate) meetings: u64,
    pub(crate) attendee_hours: f64,
    pub(crate) meetings_most: u64,
    pub(crate) attendees_most: u64,
}

/// How many servers are wanted.
#[derive(Debug, Deserialize)]
pub(crate) struct Capacity {
    pub(crate) servers_wanted: u64,
    pub(crate) servers_enabled: u64,
    pub(crate) load: f64,
    pub(crate) load_per_server: f64,
    pub(crate) spare: i64,
    pub(crate) remove_when_empty: Vec<String>,
}
