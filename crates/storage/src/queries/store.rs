//! Stores.

use db::{Database, DbError, Query, Row, Write};
use placement::Health;

use super::{parsed, unreadable};
use crate::model::store::{Store, StoreState};
use crate::model::stripe::StoreId;

/// Guard of what needs a store to be as it was read.
pub(crate) const STORE: &str = "store";

const COLUMNS: &str = "SELECT id, uuid, kind, node, name, addresses, labels, state, health, capacity_bytes, used_bytes, \
     free_bytes, units, boot_id, detail, announced_ms, seen_ms, created_ms FROM storage_store";

/// What a poll found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Polled {
    pub(crate) boot_id: String,
    pub(crate) capacity_bytes: i64,
    pub(crate) used_bytes: i64,
    pub(crate) free_bytes: i64,
    pub(crate) units: i64,
}

fn store_read(row: &Row) -> Result<Store, DbError> {
    let health = match row.get::<String>("health")?.as_str() {
        "up" => Health::Up,
        "suspect" => Health::Suspect,
        "down" => Health::Down,
        _ => return Err(unreadable("health")),
    };
    Ok(Store {
        id: row.get("id")?,
        uuid: row.get("uuid")?,
        kind: parsed(row, "kind")?,
        node: row.get("node")?,
        name: row.get("name")?,
        addresses: document(row, "addresses")?,
        labels: document(row, "labels")?,
        state: parsed(row, "state")?,
        health,
        capacity_bytes: row.get("capacity_bytes")?,
        used_bytes: row.get("used_bytes")?,
        free_bytes: row.get("free_bytes")?,
        units: row.get("units")?,
        boot_id: row.get("boot_id")?,
        detail: row.get("detail")?,
        announced_ms: row.get("announced_ms")?,
        seen_ms: row.get("seen_ms")?,
        created_ms: row.get("created_ms")?,
    })
}

fn document<T: serde::de::DeserializeOwned>(row: &Row, column: &'static str) -> Result<T, DbError> {
    serde_json::from_str(&row.get::<String>(column)?).map_err(|_| unreadable(column))
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("lists and maps of text always serialise")
}

/// All stores, by number.
pub(crate) async fn store_list(db: &Database) -> Result<Vec<Store>, DbError> {
    db.all(Query::new(format!("{COLUMNS} ORDER BY id"))).await?.iter().map(store_read).collect()
}

/// A store by its number.
pub(crate) async fn store_get(db: &Database, id: StoreId) -> Result<Option<Store>, DbError> {
    let row = db.optional(Query::new(format!("{COLUMNS} WHERE id = ?")).bind(id)).await?;
    row.as_ref().map(store_read).transpose()
}

/// A store by what its directory says it is.
pub(crate) async fn store_of_uuid(db: &Database, uuid: &str) -> Result<Option<Store>, DbError> {
    let row = db.optional(Query::new(format!("{COLUMNS} WHERE uuid = ?")).bind(uuid)).await?;
    row.as_ref().map(store_read).transpose()
}

/// Adds a store. `Duplicate` when its uuid is known.
pub(crate) fn store_insert(write: &mut Write, store: &Store) {
    let sql = "INSERT INTO storage_store (id, uuid, kind, node, name, addresses, labels, state, health, capacity_bytes, \
         used_bytes, free_bytes, units, boot_id, detail, announced_ms, seen_ms, created_ms) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    write.push_step(
        Query::new(sql)
            .bind(store.id)
            .bind(store.uuid.as_str())
            .bind(store.kind.as_str())
            .bind(store.node.as_str())
            .bind(store.name.as_str())
            .bind(json(&store.addresses))
            .bind(json(&store.labels))
            .bind(store.state.as_str())
            .bind(store.health.as_str())
            .bind(store.capacity_bytes)
            .bind(store.used_bytes)
            .bind(store.free_bytes)
            .bind(store.units)
            .bind(store.boot_id.as_str())
            .bind(store.detail.as_str())
            .bind(store.announced_ms)
            .bind(store.seen_ms)
            .bind(store.created_ms),
    );
}

/// Notes where a store is now, as its node says.
pub(crate) fn store_announced(write: &mut Write, store: &Store) {
    let sql = "UPDATE storage_store SET node = ?, name = ?, addresses = ?, labels = ?, announced_ms = ? WHERE id = ?";
    let query = Query::new(sql).bind(store.node.as_str()).bind(store.name.as_str()).bind(json(&store.addresses));
    write.push_step(query.bind(json(&store.labels)).bind(store.announced_ms).bind(store.id));
}

/// Notes that a store answered.
pub(crate) fn store_answered(write: &mut Write, id: StoreId, polled: &Polled, now_ms: i64) {
    let sql = "UPDATE storage_store SET health = 'up', detail = '', boot_id = ?, capacity_bytes = ?, used_bytes = ?, \
         free_bytes = ?, units = ?, seen_ms = ? WHERE id = ?";
    let query = Query::new(sql).bind(polled.boot_id.as_str()).bind(polled.capacity_bytes).bind(polled.used_bytes);
    write.push_step(query.bind(polled.free_bytes).bind(polled.units).bind(now_ms).bind(id));
}

/// Notes that a store did not answer, and why.
pub(crate) fn store_missed(write: &mut Write, id: StoreId, health: Health, detail: &str) {
    let sql = "UPDATE storage_store SET health = ?, detail = ? WHERE id = ?";
    write.push_step(Query::new(sql).bind(health.as_str()).bind(detail).bind(id));
}

/// Sets what an operator wants of a store. [`STORE`] when it is not any more as it was read.
pub(crate) fn store_state_set(write: &mut Write, read: &Store, state: StoreState) {
    let sql = "UPDATE storage_store SET state = ? WHERE id = ? AND state = ?";
    write.push_expect(STORE, Query::new(sql).bind(state.as_str()).bind(read.id).bind(read.state.as_str()));
}

/// Removes a store. [`STORE`] when it is gone, or some stripe is on it.
pub(crate) fn store_delete(write: &mut Write, id: StoreId) {
    let sql = format!("DELETE FROM storage_store WHERE id = ? AND NOT EXISTS ({ON_STORE})");
    let query = on_store(Query::new(sql).bind(id), id);
    write.push_expect(STORE, query);
}

/// Whether any stripe has a unit on the store, as far as is stored.
pub(crate) async fn store_is_used(db: &Database, id: StoreId) -> Result<bool, DbError> {
    Ok(db.optional(on_store(Query::new(format!("{ON_STORE} LIMIT 1")), id)).await?.is_some())
}

/// A list of stores is text such as `3,5,8`.
const ON_STORE: &str = "SELECT 1 AS one FROM storage_set l JOIN storage_stripe s ON s.placed = l.id \
     WHERE l.stores = ? OR l.stores LIKE ? ESCAPE '!' OR l.stores LIKE ? ESCAPE '!' OR l.stores LIKE ? ESCAPE '!'";

fn on_store(query: Query, id: StoreId) -> Query {
    query.bind(id.to_string()).bind(format!("{id},%")).bind(format!("%,{id},%")).bind(format!("%,{id}"))
}
