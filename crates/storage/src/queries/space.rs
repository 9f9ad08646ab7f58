//! Name spaces: their rows, and who holds them.

use db::{Database, DbError, Query, Row, Write};

use super::{number, unreadable};
use crate::model::space::{Space, topic};
use crate::model::stripe::Layout;
use crate::namespace::Usage;

/// Guard of what is written to a name space.
pub(crate) const STALE: &str = "stale";

const SPACE: &str = "SELECT p.id, p.volume, v.name AS volume_name, v.layout, p.name, p.parent, p.tenant, p.owner, p.root, \
     p.used_bytes, p.used_inodes, p.bytes_soft, p.bytes_hard, p.inodes_hard, p.epoch, p.holder, p.wanted_ms, \
     p.created_ms FROM storage_space p JOIN storage_volume v ON v.id = p.volume WHERE p.is_removed = 0";

/// A name space that is not removed.
pub(crate) async fn space_get(db: &Database, id: i64) -> Result<Option<Space>, DbError> {
    let query = Query::new(format!("{SPACE} AND p.id = ?")).bind(id);
    db.optional(query).await?.map(|row| space_read(&row)).transpose()
}

/// A name space by its name.
pub(crate) async fn space_find(db: &Database, name: &str) -> Result<Option<Space>, DbError> {
    let query = Query::new(format!("{SPACE} AND p.name = ?")).bind(name);
    db.optional(query).await?.map(|row| space_read(&row)).transpose()
}

/// Name spaces by name: exports where `parent` is `None`, else the snapshots of that export.
pub(crate) async fn space_list(db: &Database, parent: Option<i64>) -> Result<Vec<Space>, DbError> {
    let query = match parent {
        None => Query::new(format!("{SPACE} AND p.parent IS NULL ORDER BY p.name")),
        Some(parent) => Query::new(format!("{SPACE} AND p.parent = ? ORDER BY p.name")).bind(parent),
    };
    db.all(query).await?.iter().map(space_read).collect()
}

/// What is used of it and may be.
pub(crate) async fn usage_get(db: &Database, id: i64) -> Result<Option<Usage>, DbError> {
    let sql = "SELECT used_bytes, used_inodes, bytes_soft, bytes_hard, inodes_hard FROM storage_space \
         WHERE id = ? AND is_removed = 0";
    db.optional(Query::new(sql).bind(id)).await?.map(|row| usage_read(&row)).transpose()
}

fn space_read(row: &Row) -> Result<Space, DbError> {
    let layout = Layout::try_from(number::<u8>(row, "layout")?).map_err(|_| unreadable("layout"))?;
    Ok(Space {
        id: row.get("id")?,
        volume: row.get("volume")?,
        volume_name: row.get("volume_name")?,
        layout,
        name: row.get("name")?,
        parent: row.get("parent")?,
        tenant: row.get("tenant")?,
        owner: row.get("owner")?,
        root: row.get("root")?,
        usage: usage_read(row)?,
        epoch: row.get("epoch")?,
        holder: row.get("holder")?,
        wanted_ms: row.get("wanted_ms")?,
        created_ms: row.get("created_ms")?,
    })
}

fn usage_read(row: &Row) -> Result<Usage, DbError> {
    Ok(Usage {
        // Below 0 would be a fault in the counting: no reason to refuse the whole export.
        bytes: row.get::<i64>("used_bytes")?.max(0).unsigned_abs(),
        inodes: number(row, "used_inodes")?,
        bytes_soft: number(row, "bytes_soft")?,
        bytes_hard: number(row, "bytes_hard")?,
        inodes_hard: number(row, "inodes_hard")?,
    })
}

/// Adds a name space; it has no inode yet but counts its root.
pub(crate) fn space_insert(write: &mut Write, space: &Space) {
    let usage = &space.usage;
    let [used_bytes, used_inodes, soft, hard, inodes] =
        [usage.bytes, usage.inodes, usage.bytes_soft, usage.bytes_hard, usage.inodes_hard]
            .map(|n| i64::try_from(n).unwrap_or(i64::MAX));
    let sql = "INSERT INTO storage_space (id, volume, name, parent, tenant, owner, root, used_bytes, used_inodes, \
         bytes_soft, bytes_hard, inodes_hard, epoch, holder, wanted_ms, is_removed, created_ms) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, 0, ?)";
    write.push_step(
        Query::new(sql)
            .bind(space.id)
            .bind(space.volume)
            .bind(&space.name)
            .bind(space.parent)
            .bind(space.tenant.as_deref())
            .bind(space.owner.as_deref())
            .bind(space.root)
            .bind(used_bytes)
            .bind(used_inodes)
            .bind(soft)
            .bind(hard)
            .bind(inodes)
            .bind(space.epoch)
            .bind(space.created_ms),
    );
}

/// First in a transaction that changes what is in the space: nobody holds it. Others who change it wait for this one.
pub(crate) fn space_expect_free(write: &mut Write, id: i64) {
    let sql = "UPDATE storage_space SET epoch = epoch WHERE id = ? AND is_removed = 0 AND holder IS NULL";
    write.push_expect(STALE, Query::new(sql).bind(id));
}

/// First in a transaction that opens, wakes or renews a session: the space is there. Others that do the same wait meanwhile.
pub(crate) fn space_touch(write: &mut Write, id: i64) {
    let sql = "UPDATE storage_space SET epoch = epoch WHERE id = ? AND is_removed = 0";
    write.push_expect(STALE, Query::new(sql).bind(id));
}

/// The same for a session, which may be the holder.
pub(crate) fn space_expect_session(write: &mut Write, id: i64, session: &str, epoch: i64) {
    let sql = "UPDATE storage_space SET epoch = epoch WHERE id = ? AND is_removed = 0 AND epoch = ? \
         AND (holder IS NULL OR holder = ?) AND EXISTS (SELECT 1 FROM storage_session s WHERE s.id = ?)";
    write.push_expect(STALE, Query::new(sql).bind(id).bind(epoch).bind(session).bind(session));
}

/// Tells the holder, if there is one, that somebody waits.
pub(crate) fn space_want(write: &mut Write, id: i64, now_ms: i64) {
    let sql = "UPDATE storage_space SET wanted_ms = ? WHERE id = ? AND holder IS NOT NULL AND wanted_ms IS NULL";
    write.push_step(Query::new(sql).bind(now_ms).bind(id));
    write.push_event(topic(id));
}

/// Takes the space away from a holder who doesn't answer; what it still wants to store is refused.
pub(crate) fn space_force(write: &mut Write, id: i64, holder: &str) {
    let sql = "UPDATE storage_space SET holder = NULL, wanted_ms = NULL, epoch = epoch + 1 WHERE id = ? AND holder = ?";
    write.push_step(Query::new(sql).bind(id).bind(holder));
    write.push_event(topic(id));
}

/// Sets the limits.
pub(crate) fn space_limit(write: &mut Write, id: i64, limits: &Usage) {
    let sql =
        "UPDATE storage_space SET bytes_soft = ?, bytes_hard = ?, inodes_hard = ? WHERE id = ? AND is_removed = 0";
    let [soft, hard, inodes] =
        [limits.bytes_soft, limits.bytes_hard, limits.inodes_hard].map(|n| i64::try_from(n).unwrap_or(i64::MAX));
    write.push_expect(STALE, Query::new(sql).bind(soft).bind(hard).bind(inodes).bind(id));
}

/// Adds the root directory of a new name space.
pub(crate) fn root_insert(write: &mut Write, space: i64, root: i64, now_ns: i64) {
    let sql = "INSERT INTO storage_inode (space, ino, kind, mode, uid, gid, nlink, size, atime_ns, mtime_ns, ctime_ns, \
         target, device, version) VALUES (?, ?, 'directory', ?, 0, 0, 2, 0, ?, ?, ?, NULL, 0, 1)";
    let query = Query::new(sql).bind(space).bind(root).bind(0o755_i64);
    write.push_step(query.bind(now_ns).bind(now_ns).bind(now_ns));
}

/// Refuses with [`BUSY`](super::volume::BUSY) while somebody works in the space.
pub(crate) fn space_expect_unused(write: &mut Write, id: i64, now_ms: i64) {
    let sql = "UPDATE storage_space SET epoch = epoch + 1 WHERE id = ? AND is_removed = 0 \
         AND NOT EXISTS (SELECT 1 FROM storage_session s WHERE s.space = ? AND s.until_ms > ?)";
    write.push_expect(super::volume::BUSY, Query::new(sql).bind(id).bind(id).bind(now_ms));
}

/// Marks a space as removed, so that its name is free; what it has is cleared away later. Refuses with
/// [`BUSY`](super::volume::BUSY) while it has snapshots.
pub(crate) fn space_mark_removed(write: &mut Write, id: i64) {
    // A derived table: MariaDB reads no table in a subquery that the statement changes.
    let sql = "UPDATE storage_space SET is_removed = 1, holder = NULL, name = ? WHERE id = ? AND is_removed = 0 \
         AND NOT EXISTS (SELECT 1 FROM (SELECT parent FROM storage_space WHERE is_removed = 0) c WHERE c.parent = ?)";
    let query = Query::new(sql).bind(format!("removed-{id}")).bind(id).bind(id);
    write.push_expect(super::volume::BUSY, query);
    write.push_event(REMOVED);
}

/// Told when a space is marked as removed.
pub(crate) const REMOVED: &str = "storage.removed";

/// Marks what an account has for itself as removed, in the transaction that removes the account.
pub(crate) fn spaces_mark_removed(write: &mut Write, account: &portal::AccountId) {
    let sql = "UPDATE storage_space SET is_removed = 1, holder = NULL WHERE owner = ?";
    write.push_step(Query::new(sql).bind(account.as_str()));
    write.push_event(REMOVED);
}
