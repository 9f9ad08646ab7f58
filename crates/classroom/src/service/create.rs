//! A meeting is created: placed, made on its server, and within the same request on another one where that fails.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use db::{DbError, Write};

use super::{MEETINGS, MOVED, ServiceError};
use crate::Classroom;
use crate::client::Body;
use crate::directory::TenantEntry;
use crate::fleet::TagWish;
use crate::model::cost::{USERS_EXPECTED, expected_cost};
use crate::model::meeting::{Callbacks, Meeting, MeetingId, MeetingKey};
use crate::model::parameters::Parameters;
use crate::model::server::{Server, ServerId};
use crate::model::voice_bridge;
use crate::queries::meeting::{
    history_get, meeting_delete, meeting_get, meeting_insert, meeting_move, meeting_set_callbacks,
};
use crate::queries::outbox::analytics_put;
use crate::xml::outcome;

/// For a server to make a meeting; slides that come along are fetched by the server later.
const CREATE_WITHIN: Duration = Duration::from_secs(8);
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

/// A meeting that is to be.
struct Wanted<'a> {
    key: MeetingKey,
    tenant: &'a TenantEntry,
    parameters: Parameters,
    callbacks: Callbacks,
    wish: TagWish,
    expected: u64,
    body: Option<Body>,
}

/// A meeting's place, and whether this request made the place.
struct Claim {
    meeting: Arc<Meeting>,
    is_new: bool,
}

impl Classroom {
    /// Creates a meeting, or finds the one that is there. The server's answer, unchanged, whether it says SUCCESS or FAILED.
    /// Dropped before its end it may leave a meeting that a later call finds.
    ///
    /// # Errors
    /// `MeetingId`, `Limit`, `NoServer`, `NoServerTagged`, `ServerUnavailable`, `CreateFailed`, `Db`.
    pub(crate) async fn meeting_create(
        &self,
        tenant: &TenantEntry,
        given: Parameters,
        body: Option<Body>,
    ) -> Result<Bytes, ServiceError> {
        let wanted = self.wanted(tenant, given, body).await?;
        let mut tried = HashSet::new();
        let mut claim = self.claim(&wanted, &mut tried).await?;
        loop {
            let server = self.fleet().server(&claim.meeting.server);
            let made = match &server {
                Some(server) => self.create_on(server, &claim, &wanted).await?,
                None => None,
            };
            if let Some(answer) = made {
                return Ok(answer);
            }
            tried.insert(claim.meeting.server.clone());
            if tried.len() == SERVERS_TRIED {
                return Err(self.given_up(&claim, &wanted).await);
            }
            claim = match self.claim_move(claim, &wanted, &tried).await {
                Err(ServiceError::NoServer | ServiceError::NoServerTagged(_)) => {
                    return Err(ServiceError::CreateFailed);
                }
                moved => moved?,
            };
        }
    }

    async fn wanted<'a>(
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
            analytics: parameters.remove("meta_analytics-callback-url").filter(|url| !url.is_empty()),
        };
        let ready: Vec<String> = READY_NAMES.into_iter().filter_map(|name| parameters.remove(name)).collect();
        if let Some(url) = ready.into_iter().find(|url| !url.is_empty()) {
            parameters.set(READY_PARAMETER, url);
        }
        parameters.set(TENANT_PARAMETER, settings.tenant.as_str());
        parameters.set("meta_tenant-name", tenant.name.as_str());
        let wish = TagWish::parse(parameters.get("meta_server-tag").unwrap_or_default());
        let key = MeetingKey { tenant: settings.tenant.clone(), id };
        let users = match parameters.get("maxParticipants").and_then(|text| text.parse().ok()).filter(|most| *most > 0)
        {
            Some(most) => most,
            None => history_get(self.db(), &key).await?.unwrap_or(USERS_EXPECTED),
        };
        Ok(Wanted { key, tenant, parameters, callbacks, wish, expected: expected_cost(users), body })
    }

    /// The place of the meeting: where it is, or a new one.
    async fn claim(&self, wanted: &Wanted<'_>, tried: &mut HashSet<ServerId>) -> Result<Claim, ServiceError> {
        if let Some(meeting) = self.meeting_find(&wanted.key).await? {
            return Ok(Claim { meeting: self.callbacks_keep(meeting, wanted).await?, is_new: false });
        }
        self.limits_check(wanted.tenant)?;
        let server = self.server_for(wanted, tried)?;
        for attempt in 0..=voice_bridge::ATTEMPTS {
            let number = (attempt < voice_bridge::ATTEMPTS)
                .then(|| voice_bridge::voice_bridge(wanted.key.tenant.as_str(), wanted.key.id.as_str(), attempt));
            let meeting = Meeting {
                key: wanted.key.clone(),
                server: server.id.clone(),
                epoch: 1,
                voice_bridge: number,
                token: format!("{:032x}", rand::random::<u128>()),
                name: wanted.parameters.get("name").unwrap_or(wanted.key.id.as_str()).chars().take(1_000).collect(),
                callbacks: wanted.callbacks.clone(),
                created_ms: self.now_ms(),
            };
            let mut write = Write::new().step(meeting_insert(&meeting)).event(MEETINGS);
            self.analytics_keep(&mut write, &meeting);
            match self.db().write(write).await {
                Ok(_) => {
                    let meeting = Arc::new(meeting);
                    self.meetings().put(meeting.clone());
                    return Ok(Claim { meeting, is_new: true });
                }
                Err(DbError::Duplicate) => {}
                Err(error) => {
                    self.fleet().unplace(&wanted.key);
                    return Err(error.into());
                }
            }
            // Somebody made it at the same moment, or the number is another meeting's.
            if let Some(meeting) = meeting_get(self.db(), &wanted.key).await? {
                self.fleet().unplace(&wanted.key);
                let meeting = Arc::new(meeting);
                self.meetings().put(meeting.clone());
                return Ok(Claim { meeting, is_new: false });
            }
        }
        self.fleet().unplace(&wanted.key);
        Err(ServiceError::CreateFailed)
    }

    /// A later session may want other addresses called than the first one did.
    async fn callbacks_keep(&self, meeting: Arc<Meeting>, wanted: &Wanted<'_>) -> Result<Arc<Meeting>, ServiceError> {
        if meeting.callbacks == wanted.callbacks {
            return Ok(meeting);
        }
        let meeting = Meeting { callbacks: wanted.callbacks.clone(), ..(*meeting).clone() };
        let mut write = Write::new().step(meeting_set_callbacks(&meeting));
        self.analytics_keep(&mut write, &meeting);
        self.db().write(write).await?;
        let meeting = Arc::new(meeting);
        self.meetings().put(meeting.clone());
        Ok(meeting)
    }

    /// Analytics come when the meeting itself is long forgotten: where they go is kept apart.
    fn analytics_keep(&self, write: &mut Write, meeting: &Meeting) {
        if let Some(url) = &meeting.callbacks.analytics {
            write.push_step(analytics_put(&meeting.token, &meeting.key.tenant, url, self.now_ms()));
        }
    }

    fn server_for(&self, wanted: &Wanted<'_>, tried: &HashSet<ServerId>) -> Result<Arc<Server>, ServiceError> {
        let now_ms = self.now_ms();
        // Another tenant's meeting of the same name would be taken for this one.
        let taken: Vec<ServerId> = self.meetings().named(&wanted.key);
        let may = |id: &ServerId| !tried.contains(id) && !taken.contains(id);
        self.fleet().place(&wanted.key, &wanted.wish, wanted.expected, now_ms, may).ok_or_else(|| {
            let is_demand = wanted.wish.is_required && !wanted.wish.tags.is_empty();
            if is_demand { ServiceError::NoServerTagged(wanted.wish.tags.join(";")) } else { ServiceError::NoServer }
        })
    }

    /// Puts a meeting whose server failed on another one. Where somebody else has done so already, that is its place.
    async fn claim_move(
        &self,
        claim: Claim,
        wanted: &Wanted<'_>,
        tried: &HashSet<ServerId>,
    ) -> Result<Claim, ServiceError> {
        let server = match self.server_for(wanted, tried) {
            Ok(server) => server,
            Err(error) => {
                self.unclaim(&claim, wanted).await;
                return Err(error);
            }
        };
        let now_ms = self.now_ms();
        let write = Write::new().expect("moved", meeting_move(&claim.meeting, &server.id, now_ms)).event(MOVED);
        let meeting = match self.db().write(write).await {
            Ok(_) => {
                let old = &*claim.meeting;
                Meeting { server: server.id.clone(), epoch: old.epoch + 1, created_ms: now_ms, ..old.clone() }
            }
            Err(DbError::Unmet { .. }) => {
                self.fleet().unplace(&wanted.key);
                match meeting_get(self.db(), &wanted.key).await? {
                    Some(meeting) => meeting,
                    None => return Err(ServiceError::CreateFailed),
                }
            }
            Err(error) => return Err(error.into()),
        };
        tracing::info!(meeting = %meeting.key.id, from = %claim.meeting.server, to = %meeting.server, "meeting placed anew");
        let meeting = Arc::new(meeting);
        self.meetings().put(meeting.clone());
        Ok(Claim { meeting, is_new: claim.is_new })
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
            let call = self.client().call(server, "create", &parameters, wanted.body.clone(), CREATE_WITHIN).await;
            let answer = call.map_err(ServiceError::from).and_then(|bytes| {
                let outcome = outcome(&bytes)?;
                Ok((bytes, outcome))
            });
            let error: ServiceError = match answer {
                Ok((answer, outcome)) => {
                    self.fleet().on_answer(&server.id);
                    if !outcome.is_success {
                        self.unclaim(claim, wanted).await;
                    } else if claim.is_new {
                        self.meetings().on_begun(&wanted.key.tenant);
                    }
                    return Ok(Some(answer));
                }
                Err(error) => error,
            };
            let may_be_done = !matches!(&error, ServiceError::Call(error) if !error.may_be_done());
            let reason = portal::with_causes(&error);
            tracing::warn!(server = %server.id, meeting = %wanted.key.id, reason, "a meeting was not created");
            self.fleet().on_failure(&server.id, reason, self.now_ms());
            let is_worth_another = if claim.is_new {
                // Nobody was told of this place. It may have been made all the same.
                may_be_done && self.server_poll(&server.id).await && self.is_on(&server.id, wanted.key.id.as_str())
            } else {
                // People may be in it, and a blip must not split them: it is left only when its server is down.
                !self.is_down(&server.id).await
            };
            if !is_worth_another {
                return Ok(None);
            }
        }
        if claim.is_new { Ok(None) } else { Err(ServiceError::ServerUnavailable) }
    }

    fn is_on(&self, server: &ServerId, meeting_id: &str) -> bool {
        self.fleet().entry(server).is_some_and(|entry| entry.meeting(meeting_id).is_some())
    }

    fn parameters_on(&self, server: &Server, claim: &Claim, wanted: &Wanted<'_>) -> Parameters {
        let mut parameters = wanted.parameters.clone();
        let (url, token) = (&self.config().url, &claim.meeting.token);
        parameters.set("meetingEndedURL", format!("{url}/bigbluebutton/ended/{token}"));
        if wanted.callbacks.analytics.is_some() {
            parameters.set("meta_analytics-callback-url", format!("{url}/bigbluebutton/analytics/{token}"));
        }
        if let Some(number) = claim.meeting.voice_bridge {
            parameters.set("voiceBridge", number.to_string());
        }
        if parameters.get("meta_server-tag").is_some() {
            parameters.set("meta_server-tag", server.tag.as_str());
        }
        parameters
    }

    /// Takes back a place that nobody was told of.
    async fn unclaim(&self, claim: &Claim, wanted: &Wanted<'_>) {
        self.fleet().unplace(&wanted.key);
        if !claim.is_new {
            return;
        }
        self.meetings().remove(&claim.meeting);
        if let Err(error) = self.db().write(Write::new().step(meeting_delete(&claim.meeting)).event(MEETINGS)).await {
            // A place without a meeting: the next create finds it, and so does the next look at what has ended.
            tracing::warn!(error = &error as &dyn std::error::Error, "a meeting's place was not taken back");
        }
    }

    async fn given_up(&self, claim: &Claim, wanted: &Wanted<'_>) -> ServiceError {
        self.unclaim(claim, wanted).await;
        ServiceError::CreateFailed
    }

    fn limits_check(&self, tenant: &TenantEntry) -> Result<(), ServiceError> {
        match tenant.settings.meetings_max {
            Some(most) if self.meetings().count(&tenant.settings.tenant) >= most as usize => {
                Err(ServiceError::Limit(format!("{most} meetings are running, as many as may at the same time.")))
            }
            _ => self.attendees_check(tenant),
        }
    }

    /// Errors: `Limit` where no one more may join any of the tenant's meetings.
    pub(crate) fn attendees_check(&self, tenant: &TenantEntry) -> Result<(), ServiceError> {
        let Some(most) = tenant.settings.attendees_max else { return Ok(()) };
        if self.attendees(&self.meetings().of_tenant(&tenant.settings.tenant)) >= most {
            return Err(ServiceError::Limit(format!(
                "{most} people are in meetings, as many as may at the same time."
            )));
        }
        Ok(())
    }
}
