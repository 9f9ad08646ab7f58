//! People join a meeting on its server: we only say where.

use super::ServiceError;
use crate::Classroom;
use crate::client::Client;
use crate::directory::TenantEntry;
use crate::model::meeting::{Meeting, MeetingId, MeetingKey};
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
        let entry = self.server_of(&meeting.server).await?.filter(crate::fleet::Entry::serves);
        let entry = entry.ok_or(ServiceError::ServerUnavailable)?;
        self.attendee_admit(tenant, &meeting)?;
        Ok(Client::address(&entry.server, "join", parameters))
    }

    /// Lets one more into a meeting of the tenant's. Counted are those whom the last polls showed, and who was let in
    /// by this replica since. Errors: `PeopleMost`.
    pub(crate) fn attendee_admit(&self, tenant: &TenantEntry, meeting: &Meeting) -> Result<(), ServiceError> {
        let Some(most) = tenant.settings.attendees_max else { return Ok(()) };
        let meetings = self.meetings().of_tenant(&tenant.settings.tenant);
        let is_let_in = self.fleet().join(meeting, &meetings, most, self.now_ms());
        if is_let_in { Ok(()) } else { Err(ServiceError::PeopleMost(most)) }
    }
}
