//! Exports that are to be mounted on nodes.

use db::{Database, DbError, Given, Kind, Query, Row, Write};

use crate::model::node_mount::{NodeMount, topic};

/// Guard of what needs a mount to be there.
pub(crate) const MOUNT: &str = "mount";
/// Guard of a node's room for one more.
pub(crate) const FULL: &str = "full";

const COLUMNS: &str = "id, node, export, directory, is_read_only, is_wanted, is_mounted, detail, login, token_id, token, \
     seen_ms, created_ms";

fn mount_read(row: &Row) -> Result<NodeMount, DbError> {
    let flag = |column| Ok::<bool, DbError>(row.get::<i64>(column)? != 0);
    Ok(NodeMount {
        id: row.get("id")?,
        node: row.get("node")?,
        export: row.get("export")?,
        directory: row.get("directory")?,
        is_read_only: flag("is_read_only")?,
        is_wanted: flag("is_wanted")?,
        is_mounted: flag("is_mounted")?,
        detail: row.get("detail")?,
        login: row.get("login")?,
        token_id: row.get("token_id")?,
        token: row.get("token")?,
        seen_ms: row.get("seen_ms")?,
        created_ms: row.get("created_ms")?,
    })
}

/// The mounts of a node, by directory.
pub(crate) async fn node_mount_list(db: &Database, node: &str) -> Result<Vec<NodeMount>, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM storage_node_mount WHERE node = ? ORDER BY directory");
    db.all(Query::new(sql).bind(node)).await?.iter().map(mount_read).collect()
}

/// The mounts of all nodes.
pub(crate) async fn node_mount_all(db: &Database) -> Result<Vec<NodeMount>, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM storage_node_mount ORDER BY node, id");
    db.all(Query::new(sql)).await?.iter().map(mount_read).collect()
}

/// Adds a mount. `Duplicate` when one is on that directory of the node, [`FULL`] when the node has `most` already.
pub(crate) fn node_mount_insert(write: &mut Write, mount: &NodeMount, most: i64) {
    // Two who add a mount to the same node wait for each other here, so that the second one counts the first one's.
    let touch = "UPDATE storage_node_mount SET node = node WHERE node = ?";
    write.push_step(Query::new(touch).bind(mount.node.as_str()));
    let mut given = Given::new(&[("of_node", Kind::Text)]);
    given.push([mount.node.as_str().into()]);
    let sql = format!(
        "INSERT INTO storage_node_mount ({COLUMNS}) SELECT ?, given.of_node, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM given \
         WHERE (SELECT COUNT(*) FROM storage_node_mount m WHERE m.node = given.of_node) < ?"
    );
    let query = Query::new(sql).bind(mount.id.as_str()).bind(mount.export.as_str());
    let query = query.bind(mount.directory.as_str()).bind(i64::from(mount.is_read_only));
    let query = query.bind(i64::from(mount.is_wanted)).bind(i64::from(mount.is_mounted)).bind(mount.detail.as_str());
    let query = query.bind(mount.login.as_str()).bind(mount.token_id.as_str()).bind(mount.token.as_str());
    let query = query.bind(mount.seen_ms).bind(mount.created_ms).bind(most);
    write.push_given_expect(FULL, query, given);
    write.push_event(topic(&mount.node));
}

/// Has a mount unmounted; from now on its node's silence counts. [`MOUNT`] when there is none.
pub(crate) fn node_mount_unwant(write: &mut Write, mount: &NodeMount, now_ms: i64) {
    let sql = "UPDATE storage_node_mount SET is_wanted = 0, seen_ms = ? WHERE id = ? AND node = ?";
    write.push_expect(MOUNT, Query::new(sql).bind(now_ms).bind(mount.id.as_str()).bind(mount.node.as_str()));
    write.push_event(topic(&mount.node));
}

/// Notes what the node says.
pub(crate) fn node_mount_told(write: &mut Write, mount: &NodeMount) {
    let sql = "UPDATE storage_node_mount SET is_mounted = ?, detail = ?, seen_ms = ? WHERE id = ?";
    let query = Query::new(sql).bind(i64::from(mount.is_mounted)).bind(mount.detail.as_str()).bind(mount.seen_ms);
    write.push_step(query.bind(mount.id.as_str()));
}

/// It is unmounted, or nobody will ever say so.
pub(crate) fn node_mount_delete(write: &mut Write, id: &str) {
    write.push_step(Query::new("DELETE FROM storage_node_mount WHERE id = ?").bind(id));
}
