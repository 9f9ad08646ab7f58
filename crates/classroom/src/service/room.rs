//! Rooms: listed, made, changed, deleted. Whoever made one and operators may do all; who else may come is the room's setting.

#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod visit;

use std::sync::Arc;

use db::{DbError, Write};
use placement::AdminState;
use portal::{Caller, Role, Secret, utc_text};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{MEETINGS, ServiceError};
use crate::Classroom;
use crate::directory::TenantEntry;
use crate::fleet::Entry;
use crate::model::meeting::{Meeting, MeetingId};
use crate::model::room::{Entrance, Passwords, Room, RoomId, RoomSettings, name_checked, settings_checked};
use crate::model::token::word;
use crate::queries::room::{
    RoomFilter, Whose, room_delete, room_get, room_insert, room_list, room_set_invitation, room_update,
};

/// A room as it is shown to somebody.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct RoomView {
    /// Its id.
    pub(crate) id: String,
    /// What people read.
    pub(crate) name: String,
    /// Id of its tenant.
    pub(crate) tenant: String,
    /// Id of the account that made it.
    pub(crate) owner: String,
    /// As the owner was called when it was made.
    pub(crate) owner_name: String,
    /// Whether you may change it and moderate in it.
    pub(crate) is_yours: bool,
    /// The address to give to those who shall come; only where you may change the room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) invitation: Option<String>,
    /// What conference servers and recordings call its meetings; only where you may change the room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) meeting_id: Option<String>,
    /// What its meetings are like.
    pub(crate) settings: RoomSettings,
    /// What goes on in it.
    pub(crate) live: RoomLive,
    /// RFC 3339, UTC.
    pub(crate) created: String,
}

/// What goes on in a room, as of the last poll of its conference server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct RoomLive {
    /// Whether a meeting is held.
    pub(crate) is_open: bool,
    /// Since when, epoch ms.
    #[serde(skip)]
    pub(crate) since_ms: i64,
    /// Since when, RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<String>,
    /// People in it.
    pub(crate) users: u32,
    /// Microphones.
    pub(crate) voices: u32,
    /// Cameras.
    pub(crate) videos: u32,
}

/// A room to be made, or changed as a whole.
pub(crate) struct RoomDraft {
    pub(crate) name: String,
    pub(crate) settings: RoomSettings,
}

impl Classroom {
    /// Rooms that the caller may change or come to, newest first: a learner sees those of the tenant that take accounts, a
    /// teacher all of the tenant, an operator all. `whose` narrows that; before `after`, at most `limit`.
    pub(crate) async fn room_list(
        &self,
        caller: &Caller,
        whose: Whose,
        after: Option<RoomId>,
        limit: i64,
    ) -> Result<Vec<Room>, ServiceError> {
        let is_teacher = caller.has(Role::Teacher);
        let filter = RoomFilter {
            tenant: (!caller.has(Role::Operator)).then(|| caller.tenant.clone()),
            whose,
            entrance: (!is_teacher).then_some(Entrance::Account),
            after,
            limit,
        };
        Ok(room_list(self.db(), &filter).await?)
    }

    /// One room. Errors: `RoomUnknown` also for one that the caller may not know of.
    pub(crate) async fn room_find(&self, caller: &Caller, id: &str) -> Result<Room, ServiceError> {
        let id = RoomId::parse(id).ok_or(ServiceError::RoomUnknown)?;
        let room = room_get(self.db(), &id).await?.ok_or(ServiceError::RoomUnknown)?;
        let is_known = caller.has(Role::Operator)
            || room.tenant == caller.tenant
                && (caller.has(Role::Teacher) || room.settings.entrance == Entrance::Account);
        if is_known { Ok(room) } else { Err(ServiceError::RoomUnknown) }
    }

    /// One room to be changed. Errors: `RoomUnknown`, `RoomOthers`.
    pub(crate) async fn room_own(&self, caller: &Caller, id: &str) -> Result<Room, ServiceError> {
        let room = self.room_find(caller, id).await?;
        if is_manager(caller, &room) { Ok(room) } else { Err(ServiceError::RoomOthers) }
    }

    /// A room as the caller sees it, with what this replica knows of its meeting.
    pub(crate) fn room_view(&self, caller: &Caller, room: &Room) -> RoomView {
        let is_yours = is_manager(caller, room);
        RoomView {
            id: room.id.to_string(),
            name: room.name.clone(),
            tenant: room.tenant.to_string(),
            owner: room.owner.to_string(),
            owner_name: room.owner_name.clone(),
            is_yours,
            invitation: is_yours.then(|| self.invitation_url(room)),
            meeting_id: is_yours.then(|| room.meeting_id.to_string()),
            settings: room.settings.clone(),
            live: self.meetings().get(&room.key()).map(|meeting| self.room_live(&meeting)).unwrap_or_default(),
            created: utc_text(room.created_ms),
        }
    }

    /// [`Classroom::room_view`] with what the database knows of its meeting, which another replica may have begun.
    pub(crate) async fn room_view_fresh(&self, caller: &Caller, room: &Room) -> Result<RoomView, ServiceError> {
        self.meeting_find(&room.key()).await?;
        Ok(self.room_view(caller, room))
    }

    fn room_live(&self, meeting: &Meeting) -> RoomLive {
        let entry = self.fleet().entry(&meeting.server);
        let seen = entry.as_ref().and_then(|entry| entry.meeting(meeting.key.id.as_str()));
        let attendance = seen.map(|seen| seen.attendance).unwrap_or_default();
        RoomLive {
            is_open: true,
            since_ms: meeting.created_ms,
            since: Some(utc_text(meeting.created_ms)),
            users: attendance.users,
            voices: attendance.voices,
            videos: attendance.videos,
        }
    }

    fn invitation_url(&self, room: &Room) -> String {
        format!("{}/join/{}", self.config().url, room.invitation.expose())
    }

    /// Whether any conference server is there that takes meetings.
    pub(crate) fn has_servers(&self) -> bool {
        let takes = |entry: &Entry| entry.server.state == AdminState::Enabled && entry.serves();
        self.fleet().entries().iter().any(takes)
    }

    /// Makes a room. Errors: `Room`, `RoomsMany`.
    pub(crate) async fn room_create(&self, caller: &Caller, draft: RoomDraft) -> Result<Room, ServiceError> {
        let room = Room {
            id: RoomId::new(),
            tenant: caller.tenant.clone(),
            owner: caller.account.clone(),
            owner_name: caller.name.clone(),
            name: name_checked(&draft.name)?,
            meeting_id: MeetingId::parse(&word())?,
            invitation: Secret::new(word()),
            passwords: Passwords { moderator: Secret::new(word()), viewer: Secret::new(word()) },
            settings: settings_checked(draft.settings)?,
            created_ms: self.now_ms(),
        };
        let mut write = Write::new().expect("few", room_insert(&room)).event(MEETINGS);
        self.portal().audit(&mut write, caller, "classroom.create", &room.name, json!({ "room": room.id.as_str() }));
        match self.db().write(write).await {
            Ok(_) => Ok(room),
            Err(DbError::Unmet { .. }) => Err(ServiceError::RoomsMany),
            Err(error) => Err(error.into()),
        }
    }

    /// Changes a room. A meeting that is held keeps what it began with. Errors: `RoomUnknown`, `RoomOthers`, `Room`.
    pub(crate) async fn room_change(
        &self,
        caller: &Caller,
        room: Room,
        draft: RoomDraft,
    ) -> Result<Room, ServiceError> {
        let room = Room { name: name_checked(&draft.name)?, settings: settings_checked(draft.settings)?, ..room };
        let write = Write::new().expect("room", room_update(&room)).event(MEETINGS);
        self.room_write(caller, &room, "classroom.change", write).await?;
        Ok(room)
    }

    /// Gives a room another invitation; the one before leads nowhere from now on. Errors: `RoomUnknown`, `RoomOthers`.
    pub(crate) async fn room_renew(&self, caller: &Caller, id: &str) -> Result<Room, ServiceError> {
        let room = Room { invitation: Secret::new(word()), ..self.room_own(caller, id).await? };
        let write = Write::new().expect("room", room_set_invitation(&room.id, &room.invitation));
        self.room_write(caller, &room, "classroom.renew", write).await?;
        Ok(room)
    }

    /// Deletes a room, after the meeting that is held in it was ended.
    /// Errors: `RoomUnknown`, `RoomOthers`; what keeps the meeting from being ended.
    pub(crate) async fn room_delete(&self, caller: &Caller, id: &str) -> Result<(), ServiceError> {
        let room = self.room_own(caller, id).await?;
        self.room_end(caller, &room).await?;
        let write = Write::new().expect("room", room_delete(&room.id)).event(MEETINGS);
        self.room_write(caller, &room, "classroom.delete", write).await
    }

    async fn room_write(&self, caller: &Caller, room: &Room, deed: &str, mut write: Write) -> Result<(), ServiceError> {
        self.portal().audit(&mut write, caller, deed, &room.name, json!({ "room": room.id.as_str() }));
        match self.db().write(write).await {
            Ok(_) => Ok(()),
            Err(DbError::Unmet { .. }) => Err(ServiceError::RoomUnknown),
            Err(error) => Err(error.into()),
        }
    }

    /// The tenant that a room's meetings are held for.
    fn room_tenant(&self, room: &Room) -> Result<Arc<TenantEntry>, ServiceError> {
        self.directory().entries().tenant(&room.tenant).cloned().ok_or(ServiceError::TenantUnknown)
    }
}

/// Whether the caller may change the room and moderates in it.
fn is_manager(caller: &Caller, room: &Room) -> bool {
    caller.has(Role::Operator) || caller.has(Role::Teacher) && caller.account == room.owner
}
