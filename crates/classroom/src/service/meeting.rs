//! Meetings that are there: found, asked about, ended.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use db::{DbError, Write};
use futures::future::join_all;
use portal::{Caller, TenantId, utc_text};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{MEETINGS, ServiceError};
use crate::Classroom;
use crate::client::{Body, CallError};
use crate::fleet::Entry;
use crate::model::meeting::{Callback, Meeting, MeetingId, MeetingKey, Seen};
use crate::model::parameters::Parameters;
use crate::model::server::Server;
use crate::queries::meeting::{history_put, meeting_by_token, meeting_delete, meeting_get, meeting_page};
use crate::queries::outbox::{callback_delete, callback_get};
use crate::xml::{Outcome, outcome};

/// For a call that a client waits for.
pub(crate) const CALL_WITHIN: Duration = Duration::from_secs(5);

/// Meetings that are read at once.
const PAGE: u32 = 500;

/// A meeting as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct MeetingView {
    /// What clients call it.
    pub(crate) meeting_id: String,
    /// What people read.
    pub(crate) name: String,
    /// Id of its tenant.
    pub(crate) tenant: String,
    /// Id of its server.
    pub(crate) server: String,
    /// The name of its server's host.
    pub(crate) host: String,
    /// The number by which people dial in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) voice_bridge: Option<i64>,
    /// Whether somebody has joined.
    pub(crate) is_running: bool,
    /// Whether it is recorded.
    pub(crate) is_recording: bool,
    /// People in it, as of the last poll.
    pub(crate) users: u32,
    /// Those of them who may moderate.
    pub(crate) moderators: u32,
    /// Microphones.
    pub(crate) voices: u32,
    /// Cameras.
    pub(crate) videos: u32,
    /// RFC 3339, UTC.
    pub(crate) created: String,
}

impl Classroom {
    /// Reads where all meetings are.
    pub(crate) async fn meetings_reload(&self) -> Result<(), ServiceError> {
        let read_ms = self.now_ms();
        let mut meetings: Vec<Arc<Meeting>> = Vec::new();
        loop {
            let page = meeting_page(self.db(), meetings.last().map(|last| &last.key), PAGE).await?;
            let is_last = page.len() < PAGE as usize;
            meetings.extend(page.into_iter().map(|meeting| self.meetings().shared(meeting)));
            if is_last {
                break;
            }
        }
        self.meetings().set(meetings, read_ms, self.now_ms());
        Ok(())
    }

    /// Where a meeting is: as this replica knows it while its server answers and shows it, else as it is stored. When the
    /// database is away, what is known serves.
    pub(crate) async fn meeting_find(&self, key: &MeetingKey) -> Result<Option<Arc<Meeting>>, DbError> {
        let known = self.meetings().get(key);
        if let Some(meeting) = &known
            && self.fleet().entry(&meeting.server).is_some_and(|entry| shows(&entry, meeting))
        {
            return Ok(known);
        }
        match meeting_get(self.db(), key).await {
            Ok(Some(meeting)) => {
                let meeting = Arc::new(meeting);
                self.meetings().put(meeting.clone(), self.now_ms());
                Ok(Some(meeting))
            }
            Ok(None) => {
                if let Some(meeting) = &known {
                    self.meetings().remove(meeting, self.now_ms());
                }
                Ok(None)
            }
            Err(error) if error.is_retryable() && known.is_some() => Ok(known),
            Err(error) => Err(error),
        }
    }

    /// Asks a meeting's server, and hands its answer on as it is.
    ///
    /// # Errors
    /// `MeetingId`, `MeetingUnknown`, `Call`, `Answer`, `Db`.
    pub(crate) async fn meeting_call(
        &self,
        tenant: &TenantId,
        call: &str,
        parameters: &Parameters,
        body: Option<Body>,
    ) -> Result<Bytes, ServiceError> {
        let id = MeetingId::parse(parameters.values("meetingID").next().unwrap_or_default())?;
        let key = MeetingKey { tenant: tenant.clone(), id };
        let meeting = self.meeting_find(&key).await?.ok_or(ServiceError::MeetingUnknown)?;
        let answer = self.server_call(&meeting, call, parameters, body).await?;
        if call == "end" && outcome(&answer)?.is_success {
            self.meeting_forget(&meeting).await?;
        }
        Ok(answer)
    }

    async fn server_call(
        &self,
        meeting: &Meeting,
        call: &str,
        parameters: &Parameters,
        body: Option<Body>,
    ) -> Result<Bytes, ServiceError> {
        let entry = self.server_of(&meeting.server).await?.ok_or(ServiceError::ServerUnavailable)?;
        let answer = self.server_answer(&entry.server, call, parameters, body, CALL_WITHIN).await?;
        Ok(answer.0)
    }

    /// Calls a server, and reads whether it did what was asked. What it says counts for its health: silence at once; an
    /// answer that is none, which may be the fault of what the client sent, when a poll fails as well.
    pub(super) async fn server_answer(
        &self,
        server: &Server,
        call: &str,
        parameters: &Parameters,
        body: Option<Body>,
        limit: Duration,
    ) -> Result<(Bytes, Outcome), ServiceError> {
        let answer = self.client().call(server, call, parameters, body, limit).await;
        let read = answer.map_err(ServiceError::from).and_then(|answer| match outcome(&answer)? {
            // It is our signature that it refuses, since the client's was right.
            refusal if refusal.message_key == "checksumError" => Err(ServiceError::ServerUnavailable),
            outcome => Ok((answer, outcome)),
        });
        match &read {
            Ok(_) => self.fleet().on_answer(&server.id),
            Err(ServiceError::Call(CallError::Status(_) | CallError::TooLong) | ServiceError::Answer(_)) => {
                self.server_poll(&server.id).await;
            }
            Err(error) => {
                self.fleet().on_failure(&server.id, portal::with_causes(error), self.now_ms());
            }
        }
        read
    }

    /// Whether a meeting is known to be running, by a poll that is fresh. `false`: it has to be asked for.
    pub(crate) fn is_known_running(&self, meeting: &Meeting) -> bool {
        let fresh_ms = i64::try_from(2 * self.poll_interval().as_millis()).unwrap_or(i64::MAX);
        self.fleet().entry(&meeting.server).is_some_and(|entry| {
            let is_fresh = entry.poll.as_ref().is_some_and(|poll| self.now_ms() - poll.begun_ms <= fresh_ms);
            is_fresh && entry.meeting(meeting.key.id.as_str()).is_some_and(|seen| seen.is_running)
        })
    }

    /// A meeting is over: its place is free, and how many came is kept.
    pub(crate) async fn meeting_forget(&self, meeting: &Meeting) -> Result<(), ServiceError> {
        let attendees = self.meetings().attended_most(meeting);
        let mut write = Write::new().step(meeting_delete(meeting)).event(MEETINGS);
        if attendees > 0 {
            history_put(&mut write, &meeting.key, attendees, self.now_ms());
        }
        self.db().write(write).await?;
        self.meetings().remove(meeting, self.now_ms());
        self.fleet().unplace(&meeting.key);
        Ok(())
    }

    /// A server says that a meeting is over. Answers the address that its client wants called then, once. It may be an
    /// earlier session that is over, or one on another server: what its server still shows is kept.
    pub(crate) async fn meeting_on_ended(&self, token: &str) -> Result<Option<String>, ServiceError> {
        if let Some(meeting) = meeting_by_token(self.db(), token).await? {
            let is_asked = self.server_poll(&meeting.server).await;
            let entry = self.fleet().entry(&meeting.server);
            if !is_asked || entry.is_some_and(|entry| entry.meeting(meeting.key.id.as_str()).is_some()) {
                return Ok(None);
            }
            self.meeting_forget(&meeting).await?;
        }
        let Some((_, url)) = callback_get(self.db(), token, Callback::Ended).await? else { return Ok(None) };
        self.db().write(Write::new().step(callback_delete(token, Callback::Ended))).await?;
        Ok(Some(url))
    }

    /// Calls the address that a client wants called when its meeting ends, with what the server said. Tried once: who wants
    /// to be sure asks.
    pub(crate) fn ended_tell(&self, url: &str, query: &str) {
        let (classroom, join) = (self.clone(), if url.contains('?') { '&' } else { '?' });
        let url = if query.is_empty() { url.to_owned() } else { format!("{url}{join}{query}") };
        tokio::spawn(async move { classroom.outside().tell(&url, CALL_WITHIN).await });
    }

    /// Meetings of each tenant that has some, and the people in them.
    pub(crate) fn attendance_by_tenant(&self) -> HashMap<TenantId, (i64, u32)> {
        let meetings = self.meetings().all();
        let mut found: HashMap<TenantId, (i64, u32)> = HashMap::new();
        for (meeting, users) in meetings.iter().zip(self.fleet().users(&meetings)) {
            let own = found.entry(meeting.key.tenant.clone()).or_default();
            *own = (own.0 + 1, own.1 + users);
        }
        found
    }

    /// Some meetings as they are shown.
    pub(crate) fn meeting_views_of(&self, meetings: &[Arc<Meeting>]) -> Vec<MeetingView> {
        let entries: HashMap<_, _> =
            self.fleet().entries().into_iter().map(|entry| (entry.server.id.clone(), entry)).collect();
        meetings.iter().map(|meeting| meeting_view(meeting, entries.get(&meeting.server))).collect()
    }

    /// Ends a meeting as somebody who may. Errors: `MeetingUnknown`, `Refused`, `Call`, `Answer`, `Db`.
    pub(crate) async fn meeting_end(&self, caller: &Caller, key: &MeetingKey) -> Result<(), ServiceError> {
        let meeting = self.meeting_find(key).await?.ok_or(ServiceError::MeetingUnknown)?;
        let seen = self.fleet().entry(&meeting.server).and_then(|entry| entry.meeting(key.id.as_str()).cloned());
        let parameters = end_parameters(key.id.as_str(), seen.as_ref());
        let answer = self.server_call(&meeting, "end", &parameters, None).await?;
        let outcome = outcome(&answer)?;
        // One that is gone already is what was asked for.
        if !outcome.is_success && outcome.message_key != "notFound" {
            return Err(ServiceError::Refused(outcome));
        }
        let mut write = Write::new();
        let detail = json!({ "server": meeting.server.as_str() });
        self.portal().audit(&mut write, caller, "meeting.end", key.id.as_str(), detail);
        self.db().write(write).await?;
        self.meeting_forget(&meeting).await
    }

    /// Ends all that a server has, as far as it answers; how many were.
    pub(crate) async fn meetings_end_on(&self, entry: &Entry) -> usize {
        let ends = entry.meetings().map(|seen| {
            let (parameters, server) = (end_parameters(&seen.meeting_id, Some(seen)), entry.server.clone());
            async move { self.client().call(&server, "end", &parameters, None, CALL_WITHIN).await.is_ok() }
        });
        join_all(ends).await.into_iter().filter(|is_ended| *is_ended).count()
    }
}

/// Whether a server's poll is of use for a meeting: it answers, and shows it or has not been asked since it was placed.
fn shows(entry: &Entry, meeting: &Meeting) -> bool {
    let is_up = entry.serves() && entry.observed.silent_since_ms().is_none();
    let is_older = entry.poll.as_ref().is_none_or(|poll| poll.begun_ms <= meeting.created_ms);
    is_up && (is_older || entry.meeting(meeting.key.id.as_str()).is_some())
}

/// What ends a meeting: with the password that its server told us.
pub(crate) fn end_parameters(meeting_id: &str, seen: Option<&Seen>) -> Parameters {
    let mut parameters = Parameters::from_iter([("meetingID", meeting_id)]);
    if let Some(password) = seen.and_then(|seen| seen.moderator_password.as_ref()) {
        parameters.set("password", password.expose());
    }
    parameters
}

fn meeting_view(meeting: &Meeting, entry: Option<&Entry>) -> MeetingView {
    let seen = entry.and_then(|entry| entry.meeting(meeting.key.id.as_str())).cloned().unwrap_or_default();
    MeetingView {
        meeting_id: meeting.key.id.to_string(),
        name: meeting.name.clone(),
        tenant: meeting.key.tenant.to_string(),
        server: meeting.server.to_string(),
        host: entry.map(|entry| super::server::host(&entry.server.url).to_owned()).unwrap_or_default(),
        voice_bridge: meeting.voice_bridge,
        is_running: seen.is_running,
        is_recording: seen.is_recording,
        users: seen.attendance.users,
        moderators: seen.moderators,
        voices: seen.attendance.voices,
        videos: seen.attendance.videos,
        created: utc_text(meeting.created_ms),
    }
}
