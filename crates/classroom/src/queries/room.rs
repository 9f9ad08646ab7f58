//! Rooms in SQL.

use db::{Database, DbError, Query, Row, Write};
use portal::{AccountId, Secret, TenantId};
use serde::{Deserialize, Serialize};

use super::{json, tenant, unreadable};
use crate::model::meeting::MeetingId;
use crate::model::room::{Entrance, Passwords, ROOMS_MAX, Room, RoomId, RoomSettings};

const ROOM: &str = "SELECT id, tenant, owner, name, meeting_id, invitation, settings, created_ms FROM classroom_room";

/// What the column `settings` holds.
#[derive(Serialize, Deserialize)]
struct Stored {
    owner_name: String,
    moderator_password: String,
    viewer_password: String,
    settings: RoomSettings,
}

impl Stored {
    fn text(room: &Room) -> String {
        let stored = Self {
            owner_name: room.owner_name.clone(),
            moderator_password: room.passwords.moderator.expose().clone(),
            viewer_password: room.passwords.viewer.expose().clone(),
            settings: room.settings.clone(),
        };
        serde_json::to_string(&stored).expect("texts and numbers are JSON")
    }
}

fn room_read(row: &Row) -> Result<Room, DbError> {
    let stored: Stored = json(row, "settings")?;
    let passwords =
        Passwords { moderator: Secret::new(stored.moderator_password), viewer: Secret::new(stored.viewer_password) };
    Ok(Room {
        id: RoomId::parse(&row.get::<String>("id")?).ok_or_else(|| unreadable("id"))?,
        tenant: tenant(row, "tenant")?,
        owner: AccountId::parse(&row.get::<String>("owner")?).ok_or_else(|| unreadable("owner"))?,
        owner_name: stored.owner_name,
        name: row.get("name")?,
        meeting_id: MeetingId::parse(&row.get::<String>("meeting_id")?).map_err(|_| unreadable("meeting_id"))?,
        invitation: Secret::new(row.get("invitation")?),
        passwords,
        settings: stored.settings,
        created_ms: row.get("created_ms")?,
    })
}

/// One room.
pub(crate) async fn room_get(db: &Database, id: &RoomId) -> Result<Option<Room>, DbError> {
    let query = Query::new(format!("{ROOM} WHERE id = ?")).bind(id.as_str());
    db.optional(query).await?.as_ref().map(room_read).transpose()
}

/// The room that an invitation leads to.
pub(crate) async fn room_by_invitation(db: &Database, invitation: &str) -> Result<Option<Room>, DbError> {
    let query = Query::new(format!("{ROOM} WHERE invitation = ?")).bind(invitation);
    db.optional(query).await?.as_ref().map(room_read).transpose()
}

/// Which rooms are listed.
#[derive(Clone, Debug)]
pub(crate) struct RoomFilter {
    /// Of one tenant; `None`: of all.
    pub(crate) tenant: Option<TenantId>,
    pub(crate) whose: Whose,
    /// Only those that have this entrance.
    pub(crate) entrance: Option<Entrance>,
    /// Only those that were made before this one.
    pub(crate) after: Option<RoomId>,
    pub(crate) limit: i64,
}

/// Whose rooms are listed.
#[derive(Clone, Debug)]
pub(crate) enum Whose {
    Everybodys,
    Of(AccountId),
    NotOf(AccountId),
}

/// Rooms, newest first.
pub(crate) async fn room_list(db: &Database, filter: &RoomFilter) -> Result<Vec<Room>, DbError> {
    let mut wanted: Vec<(&str, &str)> = Vec::new();
    if let Some(tenant) = &filter.tenant {
        wanted.push(("tenant = ?", tenant.as_str()));
    }
    match &filter.whose {
        Whose::Everybodys => {}
        Whose::Of(account) => wanted.push(("owner = ?", account.as_str())),
        Whose::NotOf(account) => wanted.push(("owner <> ?", account.as_str())),
    }
    if let Some(entrance) = filter.entrance {
        wanted.push(("entrance = ?", entrance.as_str()));
    }
    if let Some(after) = &filter.after {
        wanted.push(("id < ?", after.as_str()));
    }
    let conditions: String = wanted.iter().map(|(condition, _)| format!(" AND {condition}")).collect();
    let mut query = Query::new(format!("{ROOM} WHERE 1 = 1{conditions} ORDER BY id DESC LIMIT ?"));
    wanted.iter().for_each(|(_, value)| query.push_bind(*value));
    db.all(query.bind(filter.limit)).await?.iter().map(room_read).collect()
}

/// Inserts a room, unless its owner has as many as one may have.
pub(crate) fn room_insert(room: &Room) -> Query {
    let sql = "INSERT INTO classroom_room (id, tenant, owner, name, meeting_id, invitation, entrance, settings, created_ms) \
         SELECT ?, ?, ?, ?, ?, ?, ?, ?, ? FROM (SELECT 1 AS one) AS once \
         WHERE (SELECT COUNT(*) FROM classroom_room r WHERE r.owner = ?) < ?";
    Query::new(sql)
        .bind(room.id.as_str())
        .bind(room.tenant.as_str())
        .bind(room.owner.as_str())
        .bind(room.name.as_str())
        .bind(room.meeting_id.as_str())
        .bind(room.invitation.expose().as_str())
        .bind(room.settings.entrance.as_str())
        .bind(Stored::text(room))
        .bind(room.created_ms)
        .bind(room.owner.as_str())
        .bind(ROOMS_MAX)
}

/// Sets a room's name and settings.
pub(crate) fn room_update(room: &Room) -> Query {
    Query::new("UPDATE classroom_room SET name = ?, entrance = ?, settings = ? WHERE id = ?")
        .bind(room.name.as_str())
        .bind(room.settings.entrance.as_str())
        .bind(Stored::text(room))
        .bind(room.id.as_str())
}

/// Sets a room's invitation; the one before leads nowhere from then on.
pub(crate) fn room_set_invitation(id: &RoomId, invitation: &Secret<String>) -> Query {
    let query = Query::new("UPDATE classroom_room SET invitation = ? WHERE id = ?");
    query.bind(invitation.expose().as_str()).bind(id.as_str())
}

/// Deletes a room.
pub(crate) fn room_delete(id: &RoomId) -> Query {
    Query::new("DELETE FROM classroom_room WHERE id = ?").bind(id.as_str())
}

/// Deletes the rooms of an account.
pub(crate) fn rooms_delete(write: &mut Write, owner: &AccountId) {
    write.push_step(Query::new("DELETE FROM classroom_room WHERE owner = ?").bind(owner.as_str()));
}
