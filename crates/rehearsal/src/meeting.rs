//! One meeting: what `create` said, and who is in it.

use std::collections::BTreeMap;

use sha1::Sha1;
use url::Url;

use crate::checksum;
use crate::request::Request;

/// Somebody in a meeting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attendee {
    /// What `join` gave as `userID`, or a made one.
    pub user_id: String,
    /// The name shown to others.
    pub full_name: String,
    /// Moderator, otherwise viewer.
    pub is_moderator: bool,
    /// Shares a camera.
    pub has_video: bool,
    /// Is in the voice conference with a microphone.
    pub has_voice: bool,
}

/// A line said over the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatMessage {
    /// Who says it.
    pub user_name: String,
    /// What is said.
    pub message: String,
}

/// A meeting as a test sees it.
#[derive(Clone, Debug)]
pub struct MeetingState {
    /// The client's `meetingID`.
    pub meeting_id: String,
    /// SHA-1 of the meeting ID, a dash, the creation time.
    pub internal_id: String,
    /// When it was created, milliseconds since 1970.
    pub create_time_ms: i64,
    /// Who is in it, in the order of coming.
    pub attendees: Vec<Attendee>,
    /// The parameters of its `create`, decoded, without the checksum.
    pub parameters: Vec<(String, String)>,
    /// The XML bodies of `create` and `insertDocument`.
    pub documents: Vec<Vec<u8>>,
    /// What `sendChatMessage` said.
    pub chat: Vec<ChatMessage>,
}

pub(crate) struct Meeting {
    pub id: String,
    pub internal_id: String,
    pub name: String,
    pub create_time_ms: i64,
    pub attendee_password: String,
    pub moderator_password: String,
    pub voice_bridge: String,
    pub has_user_joined: bool,
    pub attendees: Vec<Attendee>,
    pub parameters: Vec<(String, String)>,
    pub documents: Vec<Vec<u8>>,
    pub chat: Vec<ChatMessage>,
}

impl Meeting {
    /// A meeting as `create` asked for it; its parameters were checked.
    pub fn new(request: &Request, voice_bridge: String, now_ms: i64) -> Self {
        let id = request.param("meetingID").unwrap_or_default().to_owned();
        let password = |name| request.param(name).map_or_else(|| crate::state::token(8), str::to_owned);
        Self {
            internal_id: format!("{}-{now_ms}", checksum::hex::<Sha1>(&id)),
            name: request.param("name").unwrap_or_default().to_owned(),
            create_time_ms: now_ms,
            attendee_password: password("attendeePW"),
            moderator_password: password("moderatorPW"),
            voice_bridge,
            has_user_joined: false,
            attendees: Vec::new(),
            parameters: request.params.clone(),
            documents: Vec::new(),
            chat: Vec::new(),
            id,
        }
    }

    pub fn state(&self) -> MeetingState {
        MeetingState {
            meeting_id: self.id.clone(),
            internal_id: self.internal_id.clone(),
            create_time_ms: self.create_time_ms,
            attendees: self.attendees.clone(),
            parameters: self.parameters.clone(),
            documents: self.documents.clone(),
            chat: self.chat.clone(),
        }
    }

    /// A parameter of its `create` that is not empty.
    pub fn param(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// A parameter as a number; 0 when absent or none.
    pub fn number(&self, name: &str) -> u32 {
        self.param(name).and_then(|value| value.parse().ok()).unwrap_or_default()
    }

    /// A parameter as a yes or no; no when absent.
    pub fn is(&self, name: &str) -> bool {
        self.param(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    pub fn is_running(&self) -> bool {
        !self.attendees.is_empty()
    }

    pub fn dial_number(&self) -> &str {
        self.param("dialNumber").unwrap_or("613-555-1234")
    }

    /// As Java writes dates: `Sat Apr 11 04:58:30 UTC 2020`.
    pub fn create_date(&self) -> String {
        let time = jiff::Timestamp::from_millisecond(self.create_time_ms).unwrap_or_default();
        time.strftime("%a %b %d %H:%M:%S UTC %Y").to_string()
    }

    /// `meta_*` of its `create`, the names without that and in lower case, as BigBlueButton keeps them.
    pub fn metadata(&self) -> BTreeMap<String, &str> {
        self.parameters
            .iter()
            .filter_map(|(key, value)| Some((key.strip_prefix("meta_")?.to_lowercase(), value.as_str())))
            .collect()
    }

    pub fn join(&mut self, attendee: Attendee) {
        self.has_user_joined = true;
        self.attendees.push(attendee);
    }

    /// False: nobody of that id is there.
    pub fn leave(&mut self, user_id: &str) -> bool {
        let before = self.attendees.len();
        self.attendees.retain(|attendee| attendee.user_id != user_id);
        self.attendees.len() < before
    }

    /// What is called when it has ended, with the parameters that BigBlueButton adds.
    pub fn end_callbacks(&self) -> Vec<Url> {
        let metadata = self.metadata();
        let named = [self.param("meetingEndedURL"), metadata.get("endcallbackurl").copied()];
        let mut urls: Vec<Url> = named.into_iter().flatten().filter_map(|url| url.parse().ok()).collect();
        for url in &mut urls {
            url.query_pairs_mut().append_pair("recordingmarks", "false").append_pair("meetingID", &self.id);
        }
        urls
    }
}
