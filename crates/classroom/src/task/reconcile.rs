//! What servers have is compared with where meetings are, as this replica knows it, by one replica at a time: meetings
//! that ended are forgotten, unknown ones are adopted, of two with one name one is ended, servers that are lost are
//! given up, and drained ones disabled.

use std::collections::HashMap;
use std::sync::Arc;

use db::{DbError, Write};
use placement::AdminState;
use portal::TenantId;

use crate::Classroom;
use crate::fleet::Entry;
use crate::model::meeting::{Callbacks, Meeting, MeetingId, MeetingKey, Seen};
use crate::model::server::ServerId;
use crate::model::token::token;
use crate::queries::meeting::{meeting_get, meeting_insert, meeting_move, meetings_delete_on};
use crate::queries::server::{server_disable_drained, server_seen_ms};
use crate::service::meeting::{CALL_WITHIN, end_parameters};
use crate::service::{MEETINGS, MOVED, SERVERS, ServiceError};

/// A meeting that a poll does not show is over, unless this replica heard of its place so short a time before the poll that
/// its server may not have made it yet.
const PLACED_BEFORE_MS: i64 = 15_000;
/// A meeting that ended may be shown for a while: what a poll shows so soon after is no other one.
const ENDED_BEFORE_MS: i64 = 15_000;
/// Of what a poll showed longer ago nothing is made.
const FRESH_MS: i64 = 30_000;

/// What is to be done with a meeting that is seen where it is not stored.
#[derive(Debug, PartialEq, Eq)]
enum Stray {
    /// It is stored nowhere: it becomes one of ours.
    Adopt,
    /// It is stored on another server, where nobody is in it while people are in this one: this is its place.
    Move,
    /// It is stored on another server and lives there, and nobody is in this one.
    End,
    /// It can't be told yet, or people are in both.
    Wait,
}

impl Classroom {
    pub(crate) async fn reconcile(&self) -> Result<(), ServiceError> {
        let now_ms = self.now_ms();
        let entries: HashMap<ServerId, Entry> =
            self.fleet().entries().into_iter().map(|entry| (entry.server.id.clone(), entry)).collect();
        // Where no server at all answers, it is we who are cut off: there is nowhere to make a meeting again anyway.
        let is_cut_off =
            !entries.values().any(|entry| entry.poll.is_some() && entry.observed.silent_since_ms().is_none());
        let lost = entries.values().filter(|entry| !is_cut_off && entry.observed.is_lost(now_ms, self.lost_after()));
        for entry in lost {
            self.server_lose(entry).await?;
        }
        for meeting in self.meetings().all() {
            if let Some(entry) = entries.get(&meeting.server) {
                match entry.meeting(meeting.key.id.as_str()) {
                    Some(seen) => self.meetings().attended(&meeting, seen.attendance.users),
                    None if self.is_over(entry, &meeting) => self.meeting_forget(&meeting).await?,
                    None => {}
                }
            }
        }
        let is_fresh = |entry: &&Entry| {
            let is_fresh = entry.poll.as_ref().is_some_and(|poll| now_ms - poll.begun_ms < FRESH_MS);
            is_fresh && entry.serves() && entry.observed.silent_since_ms().is_none()
        };
        for entry in entries.values().filter(is_fresh) {
            self.strays_settle(entry, &entries, now_ms).await?;
        }
        for entry in entries.values() {
            self.drained_disable(entry).await?;
        }
        Ok(())
    }

    /// Gives up what a lost server had: its meetings can be made again elsewhere. Nothing is ended, and what still lives
    /// there when it comes back is adopted again.
    async fn server_lose(&self, entry: &Entry) -> Result<(), ServiceError> {
        let id = &entry.server.id;
        let meetings = self.meetings_on(id);
        if meetings == 0 {
            return Ok(());
        }
        // Another replica may still reach it.
        let after_ms = i64::try_from(self.lost_after().as_millis()).unwrap_or(i64::MAX);
        if self.db().time_ms().await? - server_seen_ms(self.db(), id).await? < after_ms {
            return Ok(());
        }
        let mut write = Write::new().step(meetings_delete_on(id)).event(MOVED).event(MEETINGS);
        let detail = serde_json::json!({ "meetings": meetings, "reason": entry.trouble });
        self.portal().audit_seen(&mut write, "conference-server.lost", id.as_str(), detail);
        self.db().write(write).await?;
        tracing::warn!(server = %id, meetings, "a conference server is lost: its meetings are given up");
        self.meetings_reload().await
    }

    async fn strays_settle(
        &self,
        entry: &Entry,
        entries: &HashMap<ServerId, Entry>,
        now_ms: i64,
    ) -> Result<(), ServiceError> {
        let directory = self.directory().entries();
        for seen in entry.meetings().filter(|seen| !seen.is_breakout) {
            // What was made elsewhere is the first tenant's; what was made for a tenant that is gone is nobody's.
            let tenant = match &seen.tenant {
                None => directory.first().cloned(),
                Some(named) => TenantId::parse(named).filter(|tenant| directory.tenant(tenant).is_some()),
            };
            let Some(tenant) = tenant else { continue };
            let Ok(id) = MeetingId::parse(&seen.meeting_id) else { continue };
            let key = MeetingKey { tenant, id };
            let stored = self.meetings().get(&key);
            if stored.as_ref().is_some_and(|meeting| meeting.server == entry.server.id) {
                continue;
            }
            let ended_ms = self.meetings().ended(&entry.server.id, &key.id).map(|(at_ms, _)| at_ms);
            match stray(entry, seen, stored.as_deref(), ended_ms, entries) {
                Stray::Wait => {}
                Stray::Adopt => self.meeting_adopt(entry, seen, key, now_ms).await?,
                Stray::Move => {
                    let Some(stored) = stored else { continue };
                    self.meeting_follow(&stored, &entry.server.id, now_ms).await?;
                }
                Stray::End => {
                    // Another replica may have put it here a moment ago.
                    if meeting_get(self.db(), &key).await? == stored.map(Arc::unwrap_or_clone) {
                        self.stray_end(entry, seen).await;
                    }
                }
            }
        }
        Ok(())
    }

    async fn meeting_adopt(
        &self,
        entry: &Entry,
        seen: &Seen,
        key: MeetingKey,
        now_ms: i64,
    ) -> Result<(), ServiceError> {
        let meeting = Meeting {
            key,
            server: entry.server.id.clone(),
            epoch: 1,
            voice_bridge: seen.voice_bridge,
            token: token(),
            name: seen.name.clone(),
            callbacks: Callbacks::default(),
            created_ms: now_ms,
        };
        let insert = |meeting: &Meeting| Write::new().step(meeting_insert(meeting)).event(MOVED).event(MEETINGS);
        let meeting = match self.db().write(insert(&meeting)).await {
            Ok(_) => meeting,
            // Its number may be another meeting's: then it keeps it, and we don't promise it.
            Err(DbError::Duplicate) => {
                let meeting = Meeting { voice_bridge: None, ..meeting };
                match self.db().write(insert(&meeting)).await {
                    Ok(_) => meeting,
                    Err(DbError::Duplicate) => {
                        // It has a place that another replica made.
                        self.meeting_find(&meeting.key).await?;
                        return Ok(());
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            Err(error) => return Err(error.into()),
        };
        tracing::info!(meeting = %meeting.key.id, server = %meeting.server, "a meeting was adopted");
        self.meetings().put(Arc::new(meeting), self.now_ms());
        Ok(())
    }

    async fn meeting_follow(&self, stored: &Meeting, to: &ServerId, now_ms: i64) -> Result<(), ServiceError> {
        let write = Write::new().expect("moved", meeting_move(stored, to, now_ms)).event(MOVED);
        match self.db().write(write).await {
            Ok(_) => {
                let (server, epoch) = (to.clone(), stored.epoch + 1);
                let meeting = Meeting { server, epoch, created_ms: now_ms, ..stored.clone() };
                tracing::info!(meeting = %meeting.key.id, server = %to, "a meeting is where its people are");
                self.meetings().put(Arc::new(meeting), self.now_ms());
                Ok(())
            }
            Err(DbError::Unmet { .. } | DbError::Duplicate) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn stray_end(&self, entry: &Entry, seen: &Seen) {
        let (server, parameters) = (&entry.server, end_parameters(&seen.meeting_id, Some(seen)));
        match self.client().call(server, "end", &parameters, None, CALL_WITHIN).await {
            Ok(_) => {
                tracing::info!(meeting = seen.meeting_id, server = %server.id, "the second of two meetings of one name was ended")
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, server = %server.id, "a second meeting was not ended")
            }
        }
    }

    /// Whether a meeting that its server's poll does not show has ended.
    fn is_over(&self, entry: &Entry, meeting: &Meeting) -> bool {
        let since_ms = self.meetings().known_since(meeting, self.now_ms());
        let is_answering = entry.serves() && entry.observed.silent_since_ms().is_none();
        let is_later = entry.poll.as_ref().is_some_and(|poll| poll.begun_ms - since_ms > PLACED_BEFORE_MS);
        is_answering && is_later
    }

    /// A cordoned server without meetings is disabled: it can be taken away.
    async fn drained_disable(&self, entry: &Entry) -> Result<(), ServiceError> {
        let id = &entry.server.id;
        let is_empty = entry.poll.is_some() && entry.meetings().next().is_none() && self.meetings_on(id) == 0;
        if entry.server.state != AdminState::Cordoned || !is_empty || entry.observed.silent_since_ms().is_some() {
            return Ok(());
        }
        let mut write = Write::new().expect("drained", server_disable_drained(id)).event(SERVERS);
        self.portal().audit_seen(&mut write, "conference-server.drained", id.as_str(), serde_json::json!({}));
        match self.db().write(write).await {
            Ok(_) => self.servers_reload().await,
            Err(DbError::Unmet { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// What to do with a meeting that is on `entry` and is stored elsewhere, or nowhere. No meeting with people in it is ended:
/// where both have some, both stay until one is empty.
fn stray(
    entry: &Entry,
    seen: &Seen,
    stored: Option<&Meeting>,
    ended_ms: Option<i64>,
    entries: &HashMap<ServerId, Entry>,
) -> Stray {
    let Some(stored) = stored else {
        let begun_ms = entry.poll.as_ref().map_or(0, |poll| poll.begun_ms);
        let is_after = ended_ms.is_none_or(|ended_ms| begun_ms - ended_ms > ENDED_BEFORE_MS);
        return if is_after { Stray::Adopt } else { Stray::Wait };
    };
    let Some(home) = entries.get(&stored.server) else { return Stray::Move };
    match home.meeting(stored.key.id.as_str()) {
        // Not polled since it was placed there, or not answering: not the moment to end anything.
        None => Stray::Wait,
        Some(_) if home.observed.silent_since_ms().is_some() => Stray::Wait,
        Some(_) if seen.attendance.users == 0 => Stray::End,
        Some(own) if own.attendance.users == 0 => Stray::Move,
        Some(_) => Stray::Wait,
    }
}
