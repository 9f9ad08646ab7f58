//! Conference servers.

use db::{Database, DbError, Query, Row};
use placement::AdminState;
use portal::{Seal, Secret};

use super::unreadable;
use crate::model::server::{Server, ServerId};

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
    let sql =
        "INSERT INTO classroom_server (id, url, secret, tag, weight, state, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?)";
    Query::new(sql)
        .bind(server.id.as_str())
        .bind(server.url.as_str())
        .bind(seal.seal(&sealed_for(&server.id), server.secret.expose()))
        .bind(server.tag.as_str())
        .bind(i64::from(server.weight))
        .bind(server.state.as_str())
        .bind(server.created_ms)
}

/// Sets all of a server but its id, unless it changed its state meanwhile.
pub(crate) fn server_update(server: &Server, was: AdminState, seal: &Seal) -> Query {
    let sql =
        "UPDATE classroom_server SET url = ?, secret = ?, tag = ?, weight = ?, state = ? WHERE id = ? AND state = ?";
    Query::new(sql)
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

/// Moves a server from one state to another.
pub(crate) fn server_move_state(id: &ServerId, from: AdminState, to: AdminState) -> Query {
    Query::new("UPDATE classroom_server SET state = ? WHERE id = ? AND state = ?")
        .bind(to.as_str())
        .bind(id.as_str())
        .bind(from.as_str())
}

/// Removes a server that has no meetings.
pub(crate) fn server_delete_empty(id: &ServerId) -> Query {
    Query::new(
        "DELETE FROM classroom_server WHERE id = ? AND NOT EXISTS \
         (SELECT 1 FROM classroom_meeting m WHERE m.server = classroom_server.id)",
    )
    .bind(id.as_str())
}
