//! Nodes and join tokens.

use db::{Database, DbError, Query, Row, Write};

use super::{document, parsed};
use crate::model::node::{AdminState, InstalledTool, Inventory, Node, NodeId};

const COLUMNS: &str = "SELECT n.id, n.name, n.state, n.slots, n.labels, n.inventory, n.tools, n.connected, n.replica, \
     n.epoch, n.boot_id, n.last_seen_ms, n.created_ms, \
     (SELECT COUNT(*) FROM lab_run r WHERE r.node = n.id AND r.state IN ('leased', 'running')) AS running \
     FROM lab_node n";

fn node(row: &Row) -> Result<Node, DbError> {
    Ok(Node {
        id: parsed(row, "id")?,
        name: row.get("name")?,
        state: parsed(row, "state")?,
        slots: row.get("slots")?,
        labels: document(row, "labels")?,
        inventory: document::<Inventory>(row, "inventory")?,
        tools: document::<Vec<InstalledTool>>(row, "tools")?,
        connected: row.get("connected")?,
        replica: row.get("replica")?,
        epoch: row.get("epoch")?,
        boot_id: row.get("boot_id")?,
        last_seen_ms: row.get("last_seen_ms")?,
        created_ms: row.get("created_ms")?,
        running: row.get("running")?,
    })
}

pub(crate) fn node_insert(write: &mut Write, node: &Node) {
    write.push_step(
        Query::new(
            "INSERT INTO lab_node (id, name, state, slots, labels, inventory, tools, connected, replica, epoch, \
             boot_id, last_seen_ms, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, 0, '', 0, '', ?, ?)",
        )
        .bind(node.id.to_string())
        .bind(node.name.as_str())
        .bind(node.state.as_str())
        .bind(node.slots)
        .bind(json(&node.labels))
        .bind(json(&node.inventory))
        .bind(json(&node.tools))
        .bind(node.last_seen_ms)
        .bind(node.created_ms),
    );
}

pub(crate) async fn node_list(db: &Database) -> Result<Vec<Node>, DbError> {
    db.all(Query::new(format!("{COLUMNS} ORDER BY n.name"))).await?.iter().map(node).collect()
}

pub(crate) async fn node_get(db: &Database, id: NodeId) -> Result<Option<Node>, DbError> {
    let query = Query::new(format!("{COLUMNS} WHERE n.id = ?")).bind(id.to_string());
    db.optional(query).await?.as_ref().map(node).transpose()
}

/// By UID or by name.
pub(crate) async fn node_find(db: &Database, id_or_name: &str) -> Result<Option<Node>, DbError> {
    let query = Query::new(format!("{COLUMNS} WHERE n.id = ? OR n.name = ?")).bind(id_or_name).bind(id_or_name);
    db.optional(query).await?.as_ref().map(node).transpose()
}

/// Takes the lease of `node`, as it was read, for a replica: its epoch becomes `epoch`. `Unmet` when somebody else took
/// it meanwhile.
pub(crate) fn node_connect(write: &mut Write, node: &Node, epoch: i64, replica: &str, hello: &Connected, now_ms: i64) {
    write.push_expect(
        "node-epoch",
        Query::new(
            "UPDATE lab_node SET epoch = ?, replica = ?, connected = 1, boot_id = ?, inventory = ?, \
             last_seen_ms = ? WHERE id = ? AND epoch = ?",
        )
        .bind(epoch)
        .bind(replica)
        .bind(hello.boot_id.as_str())
        .bind(json(&hello.inventory))
        .bind(now_ms)
        .bind(node.id.to_string())
        .bind(node.epoch),
    );
}

/// What an agent said when it connected.
pub(crate) struct Connected {
    pub(crate) boot_id: String,
    pub(crate) inventory: Inventory,
}

/// Notes that the node's stream ended, unless another one began since.
pub(crate) fn node_disconnect(write: &mut Write, id: NodeId, epoch: i64) {
    write.push_step(
        Query::new("UPDATE lab_node SET connected = 0 WHERE id = ? AND epoch = ?").bind(id.to_string()).bind(epoch),
    );
}

pub(crate) fn node_tools_set(write: &mut Write, id: NodeId, tools: &[InstalledTool]) {
    write.push_step(Query::new("UPDATE lab_node SET tools = ? WHERE id = ?").bind(json(&tools)).bind(id.to_string()));
}

pub(crate) fn node_seen(write: &mut Write, id: NodeId, epoch: i64, at_ms: i64) {
    write.push_step(
        Query::new("UPDATE lab_node SET last_seen_ms = ? WHERE id = ? AND epoch = ?")
            .bind(at_ms)
            .bind(id.to_string())
            .bind(epoch),
    );
}

/// Sets what an operator may change. `Unmet` when the node is gone, or is not any more as it was read.
pub(crate) fn node_update(write: &mut Write, read: &Node, node: &Node) {
    write.push_expect(
        "node",
        Query::new(
            "UPDATE lab_node SET name = ?, state = ?, slots = ?, labels = ? \
             WHERE id = ? AND name = ? AND state = ? AND slots = ? AND labels = ?",
        )
        .bind(node.name.as_str())
        .bind(node.state.as_str())
        .bind(node.slots)
        .bind(json(&node.labels))
        .bind(node.id.to_string())
        .bind(read.name.as_str())
        .bind(read.state.as_str())
        .bind(read.slots)
        .bind(json(&read.labels)),
    );
}

/// Deletes a node without runs. `Unmet` ("node") when it has some, or is gone.
pub(crate) fn node_delete(write: &mut Write, id: NodeId) {
    write.push_expect(
        "node",
        Query::new(
            "DELETE FROM lab_node WHERE id = ? AND NOT EXISTS \
             (SELECT 1 FROM lab_run r WHERE r.node = lab_node.id AND r.state IN ('leased', 'running'))",
        )
        .bind(id.to_string()),
    );
}

/// Of a transaction that takes something from a silent node: `Unmet` ("node-silent") when it was heard of since then.
/// Until the commit it is not written to be heard of.
pub(crate) fn node_must_be_silent(write: &mut Write, id: NodeId, seen_before_ms: i64) {
    let query = Query::new("UPDATE lab_node SET epoch = epoch WHERE id = ? AND last_seen_ms < ?");
    write.push_expect("node-silent", query.bind(id.to_string()).bind(seen_before_ms));
}

/// Nodes whose lease is over while runs are still booked on them.
pub(crate) async fn node_list_expired(db: &Database, seen_before_ms: i64) -> Result<Vec<Node>, DbError> {
    let query = Query::new(format!(
        "{COLUMNS} WHERE n.last_seen_ms < ? AND EXISTS \
         (SELECT 1 FROM lab_run r WHERE r.node = n.id AND r.state IN ('leased', 'running')) ORDER BY n.id"
    ))
    .bind(seen_before_ms);
    db.all(query).await?.iter().map(node).collect()
}

pub(crate) fn node_token_insert(write: &mut Write, secret_hash: &str, account: &str, now_ms: i64, expires_ms: i64) {
    write.push_step(
        Query::new("INSERT INTO lab_node_token (secret_hash, created_by, created_ms, expires_ms) VALUES (?, ?, ?, ?)")
            .bind(secret_hash)
            .bind(account)
            .bind(now_ms)
            .bind(expires_ms),
    );
}

/// Whether a join token could be spent now.
pub(crate) async fn node_token_is_usable(db: &Database, secret_hash: &str, now_ms: i64) -> Result<bool, DbError> {
    let query =
        Query::new("SELECT used_ms FROM lab_node_token WHERE secret_hash = ? AND used_ms IS NULL AND expires_ms > ?");
    Ok(db.optional(query.bind(secret_hash).bind(now_ms)).await?.is_some())
}

/// Spends a join token. `Unmet` ("node-token") when it is unknown, used or expired.
pub(crate) fn node_token_use(write: &mut Write, secret_hash: &str, now_ms: i64) {
    write.push_expect(
        "node-token",
        Query::new(
            "UPDATE lab_node_token SET used_ms = ? WHERE secret_hash = ? AND used_ms IS NULL AND expires_ms > ?",
        )
        .bind(now_ms)
        .bind(secret_hash)
        .bind(now_ms),
    );
}

pub(crate) fn node_token_prune(write: &mut Write, expired_before_ms: i64) {
    write.push_step(Query::new("DELETE FROM lab_node_token WHERE expires_ms < ?").bind(expired_before_ms));
}

/// Node names and states, for lists that only name them.
pub(crate) async fn node_names(db: &Database) -> Result<Vec<(NodeId, String, AdminState)>, DbError> {
    let rows = db.all(Query::new("SELECT id, name, state FROM lab_node ORDER BY name")).await?;
    rows.iter().map(|row| Ok((parsed(row, "id")?, row.get("name")?, parsed(row, "state")?))).collect()
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("plain data always serialises")
}
