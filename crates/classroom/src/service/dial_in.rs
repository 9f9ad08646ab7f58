//! People dial into a meeting by telephone: whose PIN it is, and which server holds it.

use url::Url;

use super::ServiceError;
use crate::Classroom;
use crate::model::dial_plan::Pin;
use crate::model::meeting::Meeting;
use crate::model::server::ServerId;
use crate::queries::meeting::meeting_by_voice_bridge;

/// Where a caller is led.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dialled {
    /// The server's host, without a port.
    pub(crate) host: String,
    /// How long the meeting lasts at most.
    pub(crate) minutes_max: Option<u32>,
}

impl Classroom {
    /// The server that holds the meeting, or the breakout room of one, which has this PIN.
    ///
    /// # Errors
    /// `MeetingUnknown`, `PeopleMost`, `ServerUnavailable`, `Db`.
    pub(crate) async fn meeting_dialled(&self, pin: Pin) -> Result<Dialled, ServiceError> {
        if let Some(meeting) = self.dialled_known(pin.number()).await? {
            return self.dialled_in(&meeting);
        }
        // A server chose the number: of a meeting that it had before it was ours, or of a breakout room.
        let shown = |entry: &crate::fleet::Entry| entry.meetings().any(|seen| seen.voice_bridge == Some(pin.number()));
        if let Some(entry) = self.fleet().entries().into_iter().find(shown) {
            return Ok(Dialled { host: self.dialled_host(&entry.server.id)?, minutes_max: None });
        }
        let parent = match pin.parent() {
            Some(number) => self.dialled_known(number).await?,
            None => None,
        };
        self.dialled_in(&parent.ok_or(ServiceError::MeetingUnknown)?)
    }

    /// The meeting that was given a number. When the database is away, what is known serves.
    async fn dialled_known(&self, number: i64) -> Result<Option<Meeting>, ServiceError> {
        match meeting_by_voice_bridge(self.db(), number).await {
            Err(error) if error.is_retryable() => {
                let known = self.meetings().all().into_iter().find(|meeting| meeting.voice_bridge == Some(number));
                Ok(Some(known.ok_or(error)?.as_ref().clone()))
            }
            found => Ok(found?),
        }
    }

    fn dialled_in(&self, meeting: &Meeting) -> Result<Dialled, ServiceError> {
        let host = self.dialled_host(&meeting.server)?;
        let entries = self.directory().entries();
        let Some(tenant) = entries.tenant(&meeting.key.tenant) else { return Ok(Dialled { host, minutes_max: None }) };
        self.attendee_admit(tenant, meeting)?;
        Ok(Dialled { host, minutes_max: tenant.settings.minutes_max })
    }

    fn dialled_host(&self, server: &ServerId) -> Result<String, ServiceError> {
        let entry = self.fleet().entry(server).filter(crate::fleet::Entry::serves);
        let url = entry.and_then(|entry| Url::parse(&entry.server.url).ok());
        let host = url.and_then(|url| url.host_str().map(str::to_owned));
        host.ok_or(ServiceError::ServerUnavailable)
    }
}
