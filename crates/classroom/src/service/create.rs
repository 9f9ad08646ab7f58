//! A meeting is created: placed, made on its server, and within the same request on another one where that fails.

mod place;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::ServiceError;
use crate::Classroom;
use crate::client::Body;
use crate::directory::TenantEntry;
use crate::fleet::TagWish;
use crate::model::meeting::{Callbacks, MeetingId, MeetingKey};
use crate::model::parameters::Parameters;
use crate::model::server::{Server, ServerId};
use place::Claim;

/// For a server to make a meeting; slides that come along are fetched by the server later.
const CREATE_WITHIN: Duration = Duration::from_secs(8);
/// No further server is tried after this long: the client has given up by then.
const WITHIN: Duration = Duration::from_secs(25);
/// Servers that are tried within one request.
const SERVERS_TRIED: usize = 4;
/// How the address that a client wants called when a recording is ready travels with the meeting, so that it comes back
/// with the recording however much later that is.
pub(crate) const READY_PARAMETER: &str = "meta_amphi-recording-ready-url";
/// Under which names clients give it.
const READY_NAMES: [&str; 3] =
    ["meta_bbb-recording-ready-url", "meta_bn-recording-ready-url", "meta_canvas-recording-ready-url"];
/// Whose a meeting is, on its server and in its recordings.
pub(crate) const TENANT_PARAMETER: &str = "meta_tenant-id";
const TENANT_NAME_PARAMETER: &str = "meta_tenant-name";
const ANALYTICS_PARAMETER: &str = "meta_analytics-callback-url";

/// A meeting that is to be.
struct Wanted<'a> {
    key: MeetingKey,
    tenant: &'a TenantEntry,
    parameters: Parameters,
    callbacks: Callbacks,
    wish: TagWish,
    body: Option<Body>,
}

impl Classroom {
    /// Creates a meeting, or finds the one that is there. The server's answer, unchanged, whether it says SUCCESS or FAILED.
    /// Dropped before its end it may leave a meeting that a later call finds.
    ///
    /// # Errors
    /// `MeetingId`, `MeetingsMost`, `PeopleMost`, `NoServer`, `NoServerTagged`, `ServerUnavailable`, `CreateFailed`, `Db`.
    pub(crate) async fn meeting_create(
        &self,
        tenant: &TenantEntry,
        given: Parameters,
        body: Option<Body>,
    ) -> Result<Bytes, ServiceError> {
        let wanted = self.wanted(tenant, given, body)?;
        let begun = Instant::now();
        let mut tried = HashSet::new();
        let mut claim = self.claim(&wanted, &mut tried).await?;
        loop {
            let made = match self.server_of(&claim.meeting.server).await? {
                Some(entry) => self.create_on(&entry.server, &claim, &wanted).await?,
                None => None,
            };
            if let Some(answer) = made {
                return Ok(answer);
            }
            tried.insert(claim.meeting.server.clone());
            if tried.len() == SERVERS_TRIED || begun.elapsed() > WITHIN {
                self.unclaim(&claim, &wanted).await;
                return Err(ServiceError::CreateFailed);
            }
            claim = match self.claim_move(claim, &wanted, &mut tried).await {
                Err(ServiceError::NoServer | ServiceError::NoServerTagged(_)) => {
                    return Err(ServiceError::CreateFailed);
                }
                moved => moved?,
            };
        }
    }

    fn wanted<'a>(
        &self,
        tenant: &'a TenantEntry,
        given: Parameters,
        body: Option<Body>,
    ) -> Result<Wanted<'a>, ServiceError> {
        let id = MeetingId::parse(given.values("meetingID").next().unwrap_or_default())?;
        let settings = &tenant.settings;
        let mut parameters = given;
        for (name, value) in &settings.defaults {
            if parameters.values(name).next().is_none() {
                parameters.set(name, value);
            }
        }
        settings.overrides.iter().for_each(|(name, value)| parameters.set(name, value));
        if let Some(most) = settings.minutes_max {
            let asked = parameters.get("duration").and_then(|text| text.parse().ok()).unwrap_or(0u32);
            if asked == 0 || asked > most {
                parameters.set("duration", most.to_string());
            }
        }
        let callbacks = Callbacks {
            ended: parameters.remove("meetingEndedURL").filter(|url| !url.is_empty()),
            analytics: parameters.remove_any_case(ANALYTICS_PARAMETER).filter(|url| !url.is_empty()),
        };
        // Whose a meeting is, is ours to say.
        for name in [READY_PARAMETER, TENANT_PARAMETER, TENANT_NAME_PARAMETER] {
            parameters.remove_any_case(name);
        }
        let ready: Vec<String> = READY_NAMES.into_iter().filter_map(|name| parameters.remove_any_case(name)).collect();
        if let Some(url) = ready.into_iter().find(|url| !url.is_empty()) {
            parameters.set(READY_PARAMETER, url);
        }
        parameters.set(TENANT_PARAMETER, settings.tenant.as_str());
        parameters.set(TENANT_NAME_PARAMETER, tenant.name.as_str());
        let wish = TagWish::parse(parameters.get("meta_server-tag").unwrap_or_default());
        let key = MeetingKey { tenant: settings.tenant.clone(), id };
        Ok(Wanted { key, tenant, parameters, callbacks, wish, body })
    }

    /// Asks one server for the meeting. `None`: it is to be tried on another one.
    async fn create_on(
        &self,
        server: &Arc<Server>,
        claim: &Claim,
        wanted: &Wanted<'_>,
    ) -> Result<Option<Bytes>, ServiceError> {
        let parameters = self.parameters_on(server, claim, wanted);
        // Once more where the first call got no answer and the server has the meeting all the same.
        for _ in 0..2 {
            let call = self.server_answer(server, "create", &parameters, wanted.body.clone(), CREATE_WITHIN).await;
            let error = match call {
                Ok((answer, outcome)) => {
                    self.place_settle(claim, wanted, outcome.is_success).await?;
                    return Ok(Some(answer));
                }
                Err(error) => error,
            };
            let may_be_done = !matches!(&error, ServiceError::Call(error) if !error.may_be_done());
            let reason = portal::with_causes(&error);
            tracing::warn!(server = %server.id, meeting = %wanted.key.id, reason, "a meeting was not created");
            let is_worth_another = if claim.is_new {
                // Nobody was told of this place. It may have been made all the same.
                may_be_done && self.server_poll(&server.id).await && self.is_on(&server.id, wanted.key.id.as_str())
            } else {
                // People may be in it, and a blip must not split them.
                let is_down = self.is_down(&server.id).await;
                if is_down && self.is_occupied(&server.id, wanted.key.id.as_str()) {
                    return Err(ServiceError::ServerUnavailable);
                }
                !is_down
            };
            if !is_worth_another {
                return Ok(None);
            }
        }
        if claim.is_new { Ok(None) } else { Err(ServiceError::ServerUnavailable) }
    }

    /// Whether people were in a meeting when its server was last heard. Until the server is lost, that is where they are.
    fn is_occupied(&self, server: &ServerId, meeting_id: &str) -> bool {
        let entry = self.fleet().entry(server);
        entry.is_some_and(|entry| entry.meeting(meeting_id).is_some_and(|seen| seen.attendance.users > 0))
    }

    fn is_on(&self, server: &ServerId, meeting_id: &str) -> bool {
        self.fleet().entry(server).is_some_and(|entry| entry.meeting(meeting_id).is_some())
    }

    fn parameters_on(&self, server: &Server, claim: &Claim, wanted: &Wanted<'_>) -> Parameters {
        let mut parameters = wanted.parameters.clone();
        let (url, token) = (&self.config().url, &claim.meeting.token);
        parameters.set("meetingEndedURL", format!("{url}/bigbluebutton/ended/{token}"));
        if wanted.callbacks.analytics.is_some() {
            parameters.set(ANALYTICS_PARAMETER, format!("{url}/bigbluebutton/analytics/{token}"));
        }
        if let Some(number) = claim.meeting.voice_bridge {
            parameters.set("voiceBridge", number.to_string());
        }
        if parameters.get("meta_server-tag").is_some() {
            parameters.set("meta_server-tag", server.tag.as_str());
        }
        parameters
    }

    /// Errors: `PeopleMost` where no one more may join any of the tenant's meetings.
    fn attendees_check(&self, tenant: &TenantEntry) -> Result<(), ServiceError> {
        let Some(most) = tenant.settings.attendees_max else { return Ok(()) };
        let tenant = &tenant.settings.tenant;
        let is_full = self.fleet().is_full(tenant, &self.meetings().of_tenant(tenant), most);
        if is_full { Err(ServiceError::PeopleMost(most)) } else { Ok(()) }
    }
}
