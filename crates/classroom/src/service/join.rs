//! People join a meeting on its server: we only say where.

use super::ServiceError;
use crate::Classroom;
use crate::client::Client;
use crate::directory::TenantEntry;
use crate::model::meeting::{MeetingId, MeetingKey};
use crate::model::parameters::Parameters;

impl Classroom {
    /// The address by which somebody joins a meeting, signed for its server. Asks no server.
    ///
    /// # Errors
    /// `MeetingId`, `MeetingUnknown`, `ServerUnavailable`, `PeopleMost`, `Db`.
    pub(crate) async fn meeting_join(
        &self,
        tenant: &TenantEntry,
        parameters: &Parameters,
    ) -> Result<String, ServiceError> {
        let id = MeetingId::parse(parameters.values("meetingID").next().unwrap_or_default())?;
        let key = MeetingKey { tenant: tenant.settings.tenant.clone(), id };
        let meeting = self.meeting_find(&key).await?.ok_or(ServiceError::MeetingUnknown)?;
        self.attendees_check(tenant)?;
        let entry = self.server_of(&meeting.server).await?.filter(crate::fleet::Entry::serves);
        let entry = entry.ok_or(ServiceError::ServerUnavailable)?;
        Ok(Client::address(&entry.server, "join", parameters))
    }
}
