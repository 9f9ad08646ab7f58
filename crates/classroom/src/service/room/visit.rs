//! A room is opened, people come into it, it is ended. Everybody is sent on to the conference server that has the meeting.

use portal::{Caller, Role};

use super::is_manager;
use crate::Classroom;
use crate::model::room::{Entrance, Room, Visitor, name_checked};
use crate::queries::room::room_by_invitation;
use crate::service::ServiceError;
use crate::xml::outcome;

/// How somebody stands before a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// A meeting is held, and they may come.
    Open,
    /// No meeting is held, and they may begin one by coming.
    Startable,
    /// They have to wait until somebody begins a meeting.
    Waiting,
    /// As many are in as may be.
    Full(u32),
    /// They need an account of the room's tenant.
    NeedsAccount,
}

impl Classroom {
    /// The room that an invitation leads to. Errors: `InvitationUnknown`.
    pub(crate) async fn room_invited(&self, invitation: &str) -> Result<Room, ServiceError> {
        let is_word = invitation.len() == 32 && invitation.bytes().all(|byte| byte.is_ascii_hexdigit());
        let found = if is_word { room_by_invitation(self.db(), invitation).await? } else { None };
        found.ok_or(ServiceError::InvitationUnknown)
    }

    /// How somebody stands before a room; `None`: somebody who has not signed in.
    pub(crate) async fn room_door(&self, room: &Room, caller: Option<&Caller>) -> Result<Door, ServiceError> {
        let is_host = caller.is_some_and(|caller| is_manager(caller, room));
        let is_of_tenant = caller.is_some_and(|caller| caller.has(Role::Operator) || caller.tenant == room.tenant);
        if room.settings.entrance == Entrance::Account && !is_of_tenant {
            return Ok(Door::NeedsAccount);
        }
        let Some(meeting) = self.meeting_find(&room.key()).await? else {
            return Ok(if is_host || room.settings.anyone_starts { Door::Startable } else { Door::Waiting });
        };
        let users = self.room_live(&meeting).users;
        Ok(match room.settings.people_max {
            Some(most) if users >= most && !is_host => Door::Full(users),
            _ => Door::Open,
        })
    }

    /// The name of the tenant whose accounts a room is for.
    pub(crate) fn room_tenant_title(&self, room: &Room) -> String {
        self.room_tenant(room).map(|tenant| tenant.title.clone()).unwrap_or_default()
    }

    /// Begins a meeting, or finds the one that is held. Errors: `RoomClosed` for those who may not, `RoomNeedsAccount`;
    /// see [`Classroom::meeting_create`]; `Refused`.
    pub(crate) async fn room_start(&self, room: &Room, caller: Option<&Caller>) -> Result<(), ServiceError> {
        match self.room_door(room, caller).await? {
            Door::Open | Door::Startable | Door::Full(_) => {}
            Door::Waiting => return Err(ServiceError::RoomClosed),
            Door::NeedsAccount => return Err(ServiceError::RoomNeedsAccount(self.room_tenant_title(room))),
        }
        let tenant = self.room_tenant(room)?;
        let home = format!("{}/classrooms/{}/left", self.config().url, room.id);
        let answer = self.meeting_create(&tenant, room.create_parameters(home), None).await?;
        let outcome = outcome(&answer)?;
        if outcome.is_success { Ok(()) } else { Err(ServiceError::Refused(outcome)) }
    }

    /// The address by which a visitor comes in, signed for the conference server. Begins the meeting where it is not held
    /// and they may. `guest` is the name and the lasting id of somebody without an account.
    ///
    /// # Errors
    /// `RoomClosed`, `RoomFull`, `RoomNeedsAccount`, `Room`; see [`Classroom::meeting_create`] and
    /// [`Classroom::meeting_join`].
    pub(crate) async fn room_join(
        &self,
        room: &Room,
        caller: Option<&Caller>,
        guest: (&str, &str),
    ) -> Result<String, ServiceError> {
        let visitor = match caller {
            Some(caller) => Visitor {
                name: caller.name.clone(),
                user_id: caller.account.to_string(),
                is_moderator: is_manager(caller, room),
                is_guest: false,
            },
            None => Visitor {
                name: name_checked(guest.0)?,
                user_id: format!("guest-{}", guest.1),
                is_moderator: false,
                is_guest: true,
            },
        };
        match self.room_door(room, caller).await? {
            Door::Full(users) => return Err(ServiceError::RoomFull(users)),
            // A moderator's coming finds the meeting again where its server lost it a moment ago.
            Door::Open if !visitor.is_moderator => {}
            Door::Open | Door::Startable | Door::Waiting | Door::NeedsAccount => {
                self.room_start(room, caller).await?;
            }
        }
        let tenant = self.room_tenant(room)?;
        self.meeting_join(&tenant, &room.join_parameters(&visitor)).await
    }

    /// Ends the meeting that is held in a room; nothing where none is. Errors: what keeps it from being ended.
    pub(crate) async fn room_end(&self, caller: &Caller, room: &Room) -> Result<(), ServiceError> {
        match self.meeting_end(caller, &room.key()).await {
            Ok(()) | Err(ServiceError::MeetingUnknown) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
