//! The place of a meeting: a row, which every caller of its name meets in.

use std::collections::HashSet;
use std::sync::Arc;

use db::{DbError, Write};

use super::Wanted;
use crate::Classroom;
use crate::model::cost::{USERS_EXPECTED, expected_cost};
use crate::model::meeting::{Callback, Meeting};
use crate::model::server::{Server, ServerId};
use crate::model::token::token;
use crate::model::voice_bridge;
use crate::queries::meeting::{
    history_get, meeting_delete, meeting_get, meeting_holders, meeting_insert, meeting_insert_below, meeting_move,
    meeting_set_callbacks,
};
use crate::queries::outbox::callback_put;
use crate::service::{MEETINGS, MOVED, ServiceError};

/// Servers that are looked at for a name that other tenants use as well.
const LOOKS: u32 = 8;

/// A meeting's place, and whether nobody but this request can have been told of it.
pub(super) struct Claim {
    pub(super) meeting: Arc<Meeting>,
    pub(super) is_new: bool,
}

impl Classroom {
    /// The place of the meeting: where it is, or a new one.
    pub(super) async fn claim(
        &self,
        wanted: &Wanted<'_>,
        tried: &mut HashSet<ServerId>,
    ) -> Result<Claim, ServiceError> {
        if let Some(meeting) = self.meeting_find(&wanted.key).await? {
            return self.place_keep(meeting, wanted).await;
        }
        self.attendees_check(wanted.tenant)?;
        let expected = expected_cost(self.users_expected(wanted).await);
        let mut server = match self.server_for(wanted, expected, tried) {
            Err(ServiceError::NoServer | ServiceError::NoServerTagged(_)) => {
                // One may have been added a moment ago, through another replica.
                self.servers_reload().await?;
                self.server_for(wanted, expected, tried)?
            }
            server => server?,
        };
        for attempt in 0..=voice_bridge::ATTEMPTS + LOOKS {
            let meeting = self.meeting_new(wanted, &server, attempt);
            let mut write = self.place_write(&meeting);
            match wanted.tenant.settings.meetings_max {
                Some(_) => meeting_insert_below(&mut write, &meeting),
                None => write.push_step(meeting_insert(&meeting)),
            }
            match self.db().write(write).await {
                Ok(_) => return Ok(Claim { meeting: self.place_known(meeting), is_new: true }),
                Err(DbError::Duplicate) => {}
                Err(error) => {
                    self.fleet().unplace(&wanted.key);
                    return Err(match (&error, wanted.tenant.settings.meetings_max) {
                        (DbError::Unmet { .. }, Some(most)) => ServiceError::MeetingsMost(most),
                        _ => error.into(),
                    });
                }
            }
            // Somebody made it at the same moment; or the server has another tenant's meeting of that name, which would be
            // taken for this one; or the number is another meeting's.
            if let Some(meeting) = meeting_get(self.db(), &wanted.key).await? {
                self.fleet().unplace(&wanted.key);
                return Ok(Claim { meeting: self.place_known(meeting), is_new: false });
            }
            let holders = meeting_holders(self.db(), &wanted.key.id).await?;
            if holders.contains(&server.id) {
                tried.extend(holders);
                server = self.server_for(wanted, expected, tried)?;
            }
        }
        self.fleet().unplace(&wanted.key);
        Err(ServiceError::CreateFailed)
    }

    fn meeting_new(&self, wanted: &Wanted<'_>, server: &Server, attempt: u32) -> Meeting {
        let (tenant, id) = (wanted.key.tenant.as_str(), wanted.key.id.as_str());
        let number = (attempt < voice_bridge::ATTEMPTS).then(|| voice_bridge::voice_bridge(tenant, id, attempt));
        Meeting {
            key: wanted.key.clone(),
            server: server.id.clone(),
            epoch: 1,
            voice_bridge: number,
            token: token(),
            name: wanted.parameters.get("name").unwrap_or(id).chars().take(1_000).collect(),
            callbacks: wanted.callbacks.clone(),
            created_ms: self.now_ms(),
        }
    }

    /// How many will come: as many as may, else as many as the last time.
    async fn users_expected(&self, wanted: &Wanted<'_>) -> u32 {
        let most = wanted.parameters.get("maxParticipants").and_then(|text| text.parse().ok());
        if let Some(most) = most.filter(|most| *most > 0) {
            return most;
        }
        // A guess is not worth a failure.
        history_get(self.db(), &wanted.key).await.ok().flatten().unwrap_or(USERS_EXPECTED)
    }

    /// What goes with the change of a place: the addresses to call, which outlive it.
    fn place_write(&self, meeting: &Meeting) -> Write {
        let mut write = Write::new().event(MEETINGS);
        let callbacks =
            [(Callback::Ended, &meeting.callbacks.ended), (Callback::Analytics, &meeting.callbacks.analytics)];
        for (kind, url) in callbacks {
            if let Some(url) = url {
                write.push_step(callback_put(&meeting.token, kind, &meeting.key.tenant, url, self.now_ms()));
            }
        }
        write
    }

    fn place_known(&self, meeting: Meeting) -> Arc<Meeting> {
        let meeting = Arc::new(meeting);
        self.meetings().put(meeting.clone(), self.now_ms());
        meeting
    }

    /// The place that is there already. A later session may want other addresses called than the first one did; and where
    /// its server does not show the meeting any more it begins anew, so that nobody takes it for the one that is over.
    async fn place_keep(&self, meeting: Arc<Meeting>, wanted: &Wanted<'_>) -> Result<Claim, ServiceError> {
        let mut meeting = meeting;
        if meeting.callbacks != wanted.callbacks {
            let told = Meeting { callbacks: wanted.callbacks.clone(), ..(*meeting).clone() };
            self.db().write(self.place_write(&told).step(meeting_set_callbacks(&told))).await?;
            meeting = self.place_known(told);
        }
        let now_ms = self.now_ms();
        let since_ms = self.meetings().known_since(&meeting, now_ms);
        let entry = self.fleet().entry(&meeting.server);
        let is_shown = entry.is_none_or(|entry| {
            let is_later = entry.poll.as_ref().is_some_and(|poll| poll.begun_ms > since_ms);
            !is_later || entry.meeting(meeting.key.id.as_str()).is_some()
        });
        if !is_shown {
            let server = meeting.server.clone();
            meeting = self.place_move(&meeting, &server).await?.ok_or(ServiceError::CreateFailed)?.meeting;
        }
        Ok(Claim { meeting, is_new: false })
    }

    fn server_for(
        &self,
        wanted: &Wanted<'_>,
        expected: u64,
        tried: &HashSet<ServerId>,
    ) -> Result<Arc<Server>, ServiceError> {
        // Another tenant's meeting of the same name would be taken for this one.
        let taken: Vec<ServerId> = self.meetings().named(&wanted.key);
        let may = |id: &ServerId| !tried.contains(id) && !taken.contains(id);
        self.fleet().place(&wanted.key, &wanted.wish, expected, self.now_ms(), may).ok_or_else(|| {
            let is_demand = wanted.wish.is_required && !wanted.wish.tags.is_empty();
            if is_demand { ServiceError::NoServerTagged(wanted.wish.tags.join(";")) } else { ServiceError::NoServer }
        })
    }

    /// Puts a meeting whose server failed on another one. Where somebody else has done so already, that is its place.
    pub(super) async fn claim_move(
        &self,
        claim: Claim,
        wanted: &Wanted<'_>,
        tried: &mut HashSet<ServerId>,
    ) -> Result<Claim, ServiceError> {
        let expected = expected_cost(self.users_expected(wanted).await);
        loop {
            let server = match self.server_for(wanted, expected, tried) {
                Ok(server) => server,
                Err(error) => {
                    self.unclaim(&claim, wanted).await;
                    return Err(error);
                }
            };
            match self.place_move(&claim.meeting, &server.id).await {
                Ok(Some(moved)) => {
                    let (id, from, to) = (&moved.meeting.key.id, &claim.meeting.server, &moved.meeting.server);
                    tracing::info!(meeting = %id, %from, %to, "meeting placed anew");
                    return Ok(Claim { is_new: claim.is_new && moved.is_new, ..moved });
                }
                Ok(None) => return Err(ServiceError::CreateFailed),
                // It has another tenant's meeting of that name.
                Err(ServiceError::Db(DbError::Duplicate)) => {
                    tried.insert(server.id.clone());
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Moves a meeting, or lets it begin anew where it is. The place it has then, which is not new where somebody else was
    /// faster, and may have told of it; `None`: it is gone.
    async fn place_move(&self, meeting: &Meeting, to: &ServerId) -> Result<Option<Claim>, ServiceError> {
        let now_ms = self.now_ms();
        let write = Write::new().expect("moved", meeting_move(meeting, to, now_ms)).event(MOVED);
        match self.db().write(write).await {
            Ok(_) => {
                let epoch = meeting.epoch + 1;
                let moved = Meeting { server: to.clone(), epoch, created_ms: now_ms, ..meeting.clone() };
                Ok(Some(Claim { meeting: self.place_known(moved), is_new: true }))
            }
            Err(DbError::Unmet { .. }) => {
                self.fleet().unplace(&meeting.key);
                let now = meeting_get(self.db(), &meeting.key).await?;
                Ok(now.map(|meeting| Claim { meeting: self.place_known(meeting), is_new: false }))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A server has answered: whether the meeting is there, or was refused.
    pub(super) async fn place_settle(
        &self,
        claim: &Claim,
        wanted: &Wanted<'_>,
        is_done: bool,
    ) -> Result<(), ServiceError> {
        match (is_done, claim.is_new) {
            (true, true) => self.meetings().on_begun(&wanted.key.tenant),
            // Who made the place may have taken it back meanwhile, when its own call was refused.
            (true, false) => {
                if meeting_get(self.db(), &wanted.key).await?.is_none() {
                    match self.db().write(self.place_write(&claim.meeting).step(meeting_insert(&claim.meeting))).await {
                        Ok(_) | Err(DbError::Duplicate) => {
                            self.place_known((*claim.meeting).clone());
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
            }
            (false, _) => self.unclaim(claim, wanted).await,
        }
        Ok(())
    }

    /// Takes back a place that nobody was told of, unless the meeting is there all the same: somebody else's, by the same name.
    pub(super) async fn unclaim(&self, claim: &Claim, wanted: &Wanted<'_>) {
        self.fleet().unplace(&wanted.key);
        if !claim.is_new {
            return;
        }
        let server = &claim.meeting.server;
        if self.server_poll(server).await && self.is_on(server, wanted.key.id.as_str()) {
            return;
        }
        self.meetings().remove(&claim.meeting, self.now_ms());
        if let Err(error) = self.db().write(Write::new().step(meeting_delete(&claim.meeting)).event(MEETINGS)).await {
            // A place without a meeting: the next create finds it, and so does the next look at what has ended.
            tracing::warn!(error = &error as &dyn std::error::Error, "a meeting's place was not taken back");
        }
    }
}
