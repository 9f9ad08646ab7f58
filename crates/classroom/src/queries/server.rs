//! Conference servers.

use db::{Database, DbError, Given, Kind, Query, Row, Write};
use placement::AdminState;
use portal::{Seal, Secret};

use super::unreadable;
use crate::model::server::{Server, ServerId};

/// Of a server: no meeting is placed on it.
const EMPTY: &str = "NOT EXISTS (SELECT 1 FROM classroom_meeting m WHERE m.server = classroom_server.id)";

/// What a server's secret is sealed for.
fn sealed_for(id: &ServerId) -> String {
    format!("classroom-server {id}")
}

fn server_read(row: &Row, seal: &Seal) -> Result<Server, DbError> {
    let id = ServerId::parse(&row.get::<String>("id")?).ok_or_else(|| unreadable("id"))?;
    let secret = match seal.open(&sealed_for(&id), &row.get::<String>("secret")?) {
        Ok(secret) => secret,
        Err(error) => {
            // The others go on; calls to this one fail by their checksum, which its page shows.
            tracing::error!(error = &error as &dyn std::error::Error, server = %id, "a server's secret can't be opened");
            Secret::new(String::new())
        }
    };
    Ok(Server {
        url: row.get("url")?,
        secret,
        tag: row.get("tag")?,
        weight: row.get("weight")?,
        state: row.get::<String>("state")?.parse().map_err(|_| unreadable("state"))?,
        created_ms: row.get("created_ms")?,
        id,
    })
}

/// All servers, by age.
pub(crate) async fn server_list(db: &Database, seal: &Seal) -> Result<Vec<Server>, DbError> {
    let sql = "SELECT id, url, secret, tag, weight, state, created_ms FROM classroom_server ORDER BY created_ms, id";
    db.all(Query::new(sql)).await?.iter().map(|row| server_read(row, seal)).collect()
}

/// Inserts a server; `DbError::Duplicate` when its id or address is there.
pub(crate) fn server_insert(server: &Server, seal: &Seal) -> Query {
    let sql = "INSERT INTO classroom_server (id, url, secret, tag, weight, state, seen_ms, created_ms) \
         VALUES (?, ?, ?, ?, ?, ?, 0, ?)";
    Query::new(sql)
        .bind(server.id.as_str())
        .bind(server.url.as_str())
        .bind(seal.seal(&sealed_for(&server.id), server.secret.expose()))
        .bind(server.tag.as_str())
        .bind(i64::from(server.weight))
        .bind(server.state.as_str())
        .bind(server.created_ms)
}

/// Sets all of a server but its id, unless it changed its state meanwhile; `only_empty`: or has meetings.
pub(crate) fn server_update(server: &Server, was: AdminState, only_empty: bool, seal: &Seal) -> Query {
    let empty = if only_empty { EMPTY } else { "1 = 1" };
    let sql =
        "UPDATE classroom_server SET url = ?, secret = ?, tag = ?, weight = ?, state = ? WHERE id = ? AND state = ?";
    Query::new(format!("{sql} AND {empty}"))
        .bind(server.url.as_str())
        .bind(seal.seal(&sealed_for(&server.id), server.secret.expose()))
        .bind(server.tag.as_str())
        .bind(i64::from(server.weight))
        .bind(server.state.as_str())
        .bind(server.id.as_str())
        .bind(was.as_str())
}

/// Sets a server's state.
pub(crate) fn server_set_state(id: &ServerId, state: AdminState) -> Query {
    Query::new("UPDATE classroom_server SET state = ? WHERE id = ?").bind(state.as_str()).bind(id.as_str())
}

/// Disables a cordoned server that has no meetings.
pub(crate) fn server_disable_drained(id: &ServerId) -> Query {
    let sql = "UPDATE classroom_server SET state = ? WHERE id = ? AND state = ?";
    Query::new(format!("{sql} AND {EMPTY}"))
        .bind(AdminState::Disabled.as_str())
        .bind(id.as_str())
        .bind(AdminState::Cordoned.as_str())
}

/// Notes that servers answered some replica at `now_ms`, by the database's clock.
pub(crate) fn servers_seen(write: &mut Write, ids: &[ServerId], now_ms: i64) {
    let mut seen = Given::new(&[("seen_id", Kind::Text), ("at_ms", Kind::Int)]);
    ids.iter().for_each(|id| seen.push([id.as_str().into(), now_ms.into()]));
    let sql = "UPDATE classroom_server SET seen_ms = given.at_ms FROM given WHERE classroom_server.id = given.seen_id";
    write.push_given_update(sql, seen);
}

/// When a server last answered any replica, by the database's clock; 0: never.
pub(crate) async fn server_seen_ms(db: &Database, id: &ServerId) -> Result<i64, DbError> {
    let query = Query::new("SELECT seen_ms FROM classroom_server WHERE id = ?").bind(id.as_str());
    db.optional(query).await?.map_or(Ok(0), |row| row.get("seen_ms"))
}

/// Removes a server that has no meetings.
pub(crate) fn server_delete_empty(id: &ServerId) -> Query {
    Query::new(format!("DELETE FROM classroom_server WHERE id = ? AND {EMPTY}")).bind(id.as_str())
}
