//! Where meetings are, and how many came to them.

use db::{Database, DbError, Query, Row, Write};

use super::{json, tenant, unreadable};
use crate::model::meeting::{Meeting, MeetingId, MeetingKey};
use crate::model::server::ServerId;

const MEETING: &str =
    "SELECT tenant, meeting_id, server, epoch, voice_bridge, token, name, callbacks, created_ms FROM classroom_meeting";

fn meeting_read(row: &Row) -> Result<Meeting, DbError> {
    let id = MeetingId::parse(&row.get::<String>("meeting_id")?).map_err(|_| unreadable("meeting_id"))?;
    Ok(Meeting {
        key: MeetingKey { tenant: tenant(row, "tenant")?, id },
        server: ServerId::parse(&row.get::<String>("server")?).ok_or_else(|| unreadable("server"))?,
        epoch: row.get("epoch")?,
        voice_bridge: row.get("voice_bridge")?,
        token: row.get("token")?,
        name: row.get("name")?,
        callbacks: json(row, "callbacks")?,
        created_ms: row.get("created_ms")?,
    })
}

/// One meeting.
pub(crate) async fn meeting_get(db: &Database, key: &MeetingKey) -> Result<Option<Meeting>, DbError> {
    let query = Query::new(format!("{MEETING} WHERE tenant = ? AND meeting_id = ?"));
    let query = query.bind(key.tenant.as_str()).bind(key.id.as_str());
    db.optional(query).await?.as_ref().map(meeting_read).transpose()
}

/// The meeting whose callbacks carry `token`.
pub(crate) async fn meeting_by_token(db: &Database, token: &str) -> Result<Option<Meeting>, DbError> {
    let query = Query::new(format!("{MEETING} WHERE token = ?")).bind(token);
    db.optional(query).await?.as_ref().map(meeting_read).transpose()
}

/// The meeting that was given a number to dial.
pub(crate) async fn meeting_by_voice_bridge(db: &Database, number: i64) -> Result<Option<Meeting>, DbError> {
    let query = Query::new(format!("{MEETING} WHERE voice_bridge = ?")).bind(number);
    db.optional(query).await?.as_ref().map(meeting_read).transpose()
}

/// Meetings by tenant and name: so many that come behind `after`.
pub(crate) async fn meeting_page(
    db: &Database,
    after: Option<&MeetingKey>,
    limit: u32,
) -> Result<Vec<Meeting>, DbError> {
    let query =
        Query::new(format!("{MEETING} WHERE (tenant, meeting_id) > (?, ?) ORDER BY tenant, meeting_id LIMIT ?"));
    let (tenant, id) = after.map_or(("", ""), |after| (after.tenant.as_str(), after.id.as_str()));
    db.all(query.bind(tenant).bind(id).bind(limit)).await?.iter().map(meeting_read).collect()
}

const MEETING_INSERT: &str = "INSERT INTO classroom_meeting (tenant, meeting_id, server, epoch, voice_bridge, token, name, \
     callbacks, created_ms)";

fn meeting_bound(sql: String, meeting: &Meeting) -> Query {
    Query::new(sql)
        .bind(meeting.key.tenant.as_str())
        .bind(meeting.key.id.as_str())
        .bind(meeting.server.as_str())
        .bind(meeting.epoch)
        .bind(meeting.voice_bridge)
        .bind(meeting.token.as_str())
        .bind(meeting.name.as_str())
        .bind(serde_json::to_string(&meeting.callbacks).expect("two addresses are JSON"))
        .bind(meeting.created_ms)
}

/// Inserts a meeting; `DbError::Duplicate` when it is there, or its number is taken.
pub(crate) fn meeting_insert(meeting: &Meeting) -> Query {
    meeting_bound(format!("{MEETING_INSERT} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"), meeting)
}

/// The same for a tenant that may have only so many, however many are made at once: `Unmet`, with the name `limit`,
/// when it has them.
pub(crate) fn meeting_insert_below(write: &mut Write, meeting: &Meeting) {
    let tenant = meeting.key.tenant.as_str();
    write.push_step(Query::new("UPDATE classroom_tenant SET claims = claims + 1 WHERE tenant = ?").bind(tenant));
    let sql = "SELECT ?, ?, ?, ?, ?, ?, ?, ?, ? FROM classroom_tenant l WHERE l.tenant = ? AND (l.meetings_max = 0 OR \
         (SELECT COUNT(*) FROM classroom_meeting m WHERE m.tenant = l.tenant) < l.meetings_max)";
    write.push_expect("limit", meeting_bound(format!("{MEETING_INSERT} {sql}"), meeting).bind(tenant));
}

/// Puts a meeting on another server, unless somebody else has moved it.
pub(crate) fn meeting_move(meeting: &Meeting, to: &ServerId, now_ms: i64) -> Query {
    let sql = "UPDATE classroom_meeting SET server = ?, epoch = epoch + 1, created_ms = ? \
         WHERE tenant = ? AND meeting_id = ? AND epoch = ?";
    let query = Query::new(sql).bind(to.as_str()).bind(now_ms).bind(meeting.key.tenant.as_str());
    query.bind(meeting.key.id.as_str()).bind(meeting.epoch)
}

/// Says what an older session of the same meeting did not: its name and the addresses to call.
pub(crate) fn meeting_set_callbacks(meeting: &Meeting) -> Query {
    let sql = "UPDATE classroom_meeting SET name = ?, callbacks = ? WHERE tenant = ? AND meeting_id = ?";
    Query::new(sql)
        .bind(meeting.name.as_str())
        .bind(serde_json::to_string(&meeting.callbacks).expect("two addresses are JSON"))
        .bind(meeting.key.tenant.as_str())
        .bind(meeting.key.id.as_str())
}

/// Forgets a meeting that ended, unless it was moved meanwhile.
pub(crate) fn meeting_delete(meeting: &Meeting) -> Query {
    Query::new("DELETE FROM classroom_meeting WHERE tenant = ? AND meeting_id = ? AND epoch = ? AND token = ?")
        .bind(meeting.key.tenant.as_str())
        .bind(meeting.key.id.as_str())
        .bind(meeting.epoch)
        .bind(meeting.token.as_str())
}

/// Forgets every meeting of a server.
pub(crate) fn meetings_delete_on(server: &ServerId) -> Query {
    Query::new("DELETE FROM classroom_meeting WHERE server = ?").bind(server.as_str())
}

/// Servers that have a meeting of this name, whosever it is.
pub(crate) async fn meeting_holders(db: &Database, id: &MeetingId) -> Result<Vec<ServerId>, DbError> {
    let query = Query::new("SELECT server FROM classroom_meeting WHERE meeting_id = ?").bind(id.as_str());
    let rows = db.all(query).await?;
    rows.iter().map(|row| ServerId::parse(&row.get::<String>("server")?).ok_or_else(|| unreadable("server"))).collect()
}

/// How many came to a meeting the last time it was held.
pub(crate) async fn history_get(db: &Database, key: &MeetingKey) -> Result<Option<u32>, DbError> {
    let query = Query::new("SELECT attendees FROM classroom_history WHERE tenant = ? AND meeting_id = ?");
    let row = db.optional(query.bind(key.tenant.as_str()).bind(key.id.as_str())).await?;
    row.map(|row| row.get("attendees")).transpose()
}

/// Keeps how many came.
pub(crate) fn history_put(write: &mut Write, key: &MeetingKey, attendees: u32, now_ms: i64) {
    let sql = "INSERT INTO classroom_history (tenant, meeting_id, attendees, seen_ms) VALUES (?, ?, ?, ?) \
         ON CONFLICT (tenant, meeting_id) DO UPDATE SET attendees = excluded.attendees, seen_ms = excluded.seen_ms";
    let query = Query::new(sql).bind(key.tenant.as_str()).bind(key.id.as_str()).bind(i64::from(attendees));
    write.push_step(query.bind(now_ms));
}

/// Forgets what was last held before `before_ms`.
pub(crate) fn history_prune(before_ms: i64) -> Query {
    Query::new("DELETE FROM classroom_history WHERE seen_ms < ?").bind(before_ms)
}
