//! Rooms: durable classrooms that people make on the pages. A meeting is held in one at a time, under the room's own name
//! for it, so that the link to the room stays while meetings come and go.

use portal::{AccountId, Secret, TenantId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::meeting::{MeetingId, MeetingKey};
use super::parameters::Parameters;

/// Characters of a name, of a room and of somebody who comes, at most.
pub(crate) const NAME_CHARS_MAX: usize = 100;
/// Characters of the welcome, at most.
pub(crate) const WELCOME_CHARS_MAX: usize = 1_000;
/// How many people a room may be limited to.
pub(crate) const PEOPLE: std::ops::RangeInclusive<u32> = 2..=1_000;
/// The longest meeting that can be asked for, minutes (a day).
pub(crate) const MINUTES_MAX: u32 = 1_440;
/// Rooms of one account, at most.
pub(crate) const ROOMS_MAX: i64 = 200;

/// A room's id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RoomId(String);

impl RoomId {
    pub(crate) fn new() -> Self {
        Self(uuid::Uuid::now_v7().to_string())
    }

    /// Reads an id; `None` for what is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        uuid::Uuid::try_parse(text).ok().map(|id| Self(id.to_string()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for RoomId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether meetings are recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Record {
    /// Never.
    #[default]
    Off,
    /// A moderator may begin and stop it.
    Allowed,
    /// From the beginning on; a moderator may stop it.
    Automatic,
}

impl Record {
    pub(crate) const ALL: [Self; 3] = [Self::Off, Self::Allowed, Self::Automatic];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Allowed => "allowed",
            Self::Automatic => "automatic",
        }
    }
}

/// Who may come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Entrance {
    /// Anybody who has the link, under the name they give.
    #[default]
    Link,
    /// Who is signed in and belongs to the room's tenant.
    Account,
}

impl Entrance {
    pub(crate) const ALL: [Self; 2] = [Self::Link, Self::Account];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Account => "account",
        }
    }
}

/// What a room's meetings are like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RoomSettings {
    /// Shown to everybody who comes; plain text, at most 1,000 characters.
    pub(crate) welcome: String,
    /// Whether meetings are recorded.
    pub(crate) record: Record,
    /// Who comes without an account waits until a moderator lets them in.
    pub(crate) lobby: bool,
    /// Microphones are off when people come in.
    pub(crate) mute_on_start: bool,
    /// Most people at the same time, 2 to 1,000; 0 or left out: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 1000)]
    pub(crate) people_max: Option<u32>,
    /// After so many minutes a meeting ends, at most 1,440; 0: it may go on.
    #[schema(maximum = 1440)]
    pub(crate) minutes: u32,
    /// Who may come.
    pub(crate) entrance: Entrance,
    /// Whoever comes first begins the meeting, a moderator or not.
    pub(crate) anyone_starts: bool,
}

/// A room as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) id: RoomId,
    pub(crate) tenant: TenantId,
    pub(crate) owner: AccountId,
    /// As the owner was called when the room was made.
    pub(crate) owner_name: String,
    pub(crate) name: String,
    /// What its meetings are called on conference servers.
    pub(crate) meeting_id: MeetingId,
    /// What the invitation's link carries.
    pub(crate) invitation: Secret<String>,
    /// By which servers older than BigBlueButton 2.4 tell moderators from others.
    pub(crate) passwords: Passwords,
    pub(crate) settings: RoomSettings,
    pub(crate) created_ms: i64,
}

/// A room's passwords on conference servers; nobody types them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Passwords {
    pub(crate) moderator: Secret<String>,
    pub(crate) viewer: Secret<String>,
}

/// What is wrong with a room that is to be made or changed, or with the name of somebody who comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RoomRefusal {
    #[error("A name has 1 to {NAME_CHARS_MAX} characters and stands on one line.")]
    Name,
    #[error("A welcome has at most {WELCOME_CHARS_MAX} characters.")]
    Welcome,
    #[error("A limit of people is a whole number from 2 to 1,000; 0 is for no limit.")]
    People,
    #[error("Minutes are a whole number from 0 to {MINUTES_MAX}; 0 is for no limit.")]
    Minutes,
}

impl RoomRefusal {
    /// The field it is about.
    pub(crate) fn field(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Welcome => "welcome",
            Self::People => "people_max",
            Self::Minutes => "minutes",
        }
    }

    /// The code by which programs and catalogs know it.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Name => "room-name",
            Self::Welcome => "room-welcome",
            Self::People => "room-people",
            Self::Minutes => "room-minutes",
        }
    }
}

/// A name as it is kept: without spaces around it.
pub(crate) fn name_checked(text: &str) -> Result<String, RoomRefusal> {
    let name = text.trim();
    let is_fit = (1..=NAME_CHARS_MAX).contains(&name.chars().count()) && !name.contains(char::is_control);
    if is_fit { Ok(name.to_owned()) } else { Err(RoomRefusal::Name) }
}

/// Settings as they are kept.
pub(crate) fn settings_checked(settings: RoomSettings) -> Result<RoomSettings, RoomRefusal> {
    let welcome = settings.welcome.trim().replace("\r\n", "\n");
    if welcome.chars().count() > WELCOME_CHARS_MAX || welcome.contains(|c: char| c.is_control() && c != '\n') {
        return Err(RoomRefusal::Welcome);
    }
    let people_max = settings.people_max.filter(|most| *most > 0);
    if people_max.is_some_and(|most| !PEOPLE.contains(&most)) {
        return Err(RoomRefusal::People);
    }
    if settings.minutes > MINUTES_MAX {
        return Err(RoomRefusal::Minutes);
    }
    Ok(RoomSettings { welcome, people_max, ..settings })
}

impl Room {
    /// Its meeting among all meetings.
    pub(crate) fn key(&self) -> MeetingKey {
        MeetingKey { tenant: self.tenant.clone(), id: self.meeting_id.clone() }
    }

    /// What a meeting in it is created with; `home` is where people land when they leave.
    pub(crate) fn create_parameters(&self, home: String) -> Parameters {
        let settings = &self.settings;
        let flag = |is: bool| if is { "true" } else { "false" }.to_owned();
        let mut parameters = Parameters::from_iter([
            ("meetingID", self.meeting_id.to_string()),
            ("name", self.name.clone()),
            ("attendeePW", self.passwords.viewer.expose().clone()),
            ("moderatorPW", self.passwords.moderator.expose().clone()),
            ("record", flag(settings.record != Record::Off)),
            ("autoStartRecording", flag(settings.record == Record::Automatic)),
            ("allowStartStopRecording", flag(settings.record != Record::Off)),
            ("guestPolicy", if settings.lobby { "ASK_MODERATOR" } else { "ALWAYS_ACCEPT" }.to_owned()),
            ("muteOnStart", flag(settings.mute_on_start)),
            ("meta_amphi-room", self.id.to_string()),
            ("logoutURL", home),
        ]);
        if !settings.welcome.is_empty() {
            parameters.set("welcome", welcome_html(&settings.welcome));
        }
        if let Some(most) = settings.people_max {
            parameters.set("maxParticipants", most.to_string());
        }
        if settings.minutes > 0 {
            parameters.set("duration", settings.minutes.to_string());
        }
        parameters
    }

    /// What somebody joins its meeting with.
    pub(crate) fn join_parameters(&self, visitor: &Visitor) -> Parameters {
        let passwords = &self.passwords;
        let (role, password) =
            if visitor.is_moderator { ("MODERATOR", &passwords.moderator) } else { ("VIEWER", &passwords.viewer) };
        let mut parameters = Parameters::from_iter([
            ("meetingID", self.meeting_id.as_str()),
            ("fullName", visitor.name.as_str()),
            ("userID", visitor.user_id.as_str()),
            ("role", role),
            ("password", password.expose().as_str()),
            ("redirect", "true"),
        ]);
        if visitor.is_guest {
            parameters.set("guest", "true");
        }
        parameters
    }
}

/// Conference servers show the welcome as HTML.
fn welcome_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\n', "<br>")
}

/// Somebody who comes into a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Visitor {
    pub(crate) name: String,
    /// The same person under the same id, however often they come.
    pub(crate) user_id: String,
    pub(crate) is_moderator: bool,
    /// Without an account.
    pub(crate) is_guest: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(settings: RoomSettings) -> Room {
        Room {
            id: RoomId::new(),
            tenant: TenantId::parse("00000000-0000-7000-8000-000000000001").unwrap(),
            owner: AccountId::parse("00000000-0000-7000-8000-000000000002").unwrap(),
            owner_name: "Ada".into(),
            name: "Algebra & more".into(),
            meeting_id: MeetingId::parse("0123").unwrap(),
            invitation: Secret::new("ab".into()),
            passwords: Passwords { moderator: Secret::new("mp".into()), viewer: Secret::new("vp".into()) },
            settings,
            created_ms: 0,
        }
    }

    #[test]
    fn names_and_settings_are_bounded() {
        assert_eq!(name_checked(" Algebra ").as_deref(), Ok("Algebra"));
        for name in ["", "  ", "a\nb", "a\0b", &"x".repeat(101)] {
            assert_eq!(name_checked(name), Err(RoomRefusal::Name), "{name:?}");
        }
        assert!(name_checked(&"é".repeat(100)).is_ok());
        let with = |change: fn(&mut RoomSettings)| {
            let mut settings = RoomSettings::default();
            change(&mut settings);
            settings_checked(settings).map_err(RoomRefusal::field)
        };
        assert_eq!(with(|s| s.welcome = "x".repeat(1_001)), Err("welcome"));
        assert_eq!(with(|s| s.welcome = "\u{7}".into()), Err("welcome"));
        assert_eq!(with(|s| s.people_max = Some(1)), Err("people_max"));
        assert_eq!(with(|s| s.people_max = Some(1_001)), Err("people_max"));
        assert_eq!(with(|s| s.minutes = 1_441), Err("minutes"));
        assert_eq!(with(|s| s.welcome = " a\r\nb ".into()).unwrap().welcome, "a\nb");
    }

    #[test]
    fn what_is_not_set_is_not_sent() {
        let parameters = room(RoomSettings::default()).create_parameters("https://a/classrooms/x".into());
        for name in ["welcome", "maxParticipants", "duration"] {
            assert_eq!(parameters.get(name), None, "{name}");
        }
        assert_eq!(parameters.get("record"), Some("false"));
        assert_eq!(parameters.get("guestPolicy"), Some("ALWAYS_ACCEPT"));
        let settings = RoomSettings {
            welcome: "1 < 2\n& so on".into(),
            record: Record::Automatic,
            lobby: true,
            people_max: Some(30),
            minutes: 90,
            ..RoomSettings::default()
        };
        let parameters = room(settings).create_parameters(String::new());
        assert_eq!(parameters.get("welcome"), Some("1 &lt; 2<br>&amp; so on"));
        assert_eq!((parameters.get("maxParticipants"), parameters.get("duration")), (Some("30"), Some("90")));
        assert_eq!((parameters.get("autoStartRecording"), parameters.get("record")), (Some("true"), Some("true")));
        assert_eq!(parameters.get("guestPolicy"), Some("ASK_MODERATOR"));
    }

    #[test]
    fn role_and_password_say_the_same() {
        let room = room(RoomSettings::default());
        let of = |is_moderator, is_guest| {
            let visitor = Visitor { name: "Ada".into(), user_id: "u".into(), is_moderator, is_guest };
            let parameters = room.join_parameters(&visitor);
            ["role", "password", "guest"].map(|name| parameters.get(name).unwrap_or_default().to_owned())
        };
        assert_eq!(of(true, false), ["MODERATOR", "mp", ""]);
        assert_eq!(of(false, true), ["VIEWER", "vp", "true"]);
    }
}
