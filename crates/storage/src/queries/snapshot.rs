//! Copies of whole name spaces by reference, and the clearing away of removed ones.

use db::{Database, DbError, Given, Kind, Query, Write};

use crate::model::space::Space;

/// The tables that hold what is in a name space, with their columns after `space`.
const PARTS: [(&str, &str); 4] = [
    ("storage_inode", "ino, kind, mode, uid, gid, nlink, size, atime_ns, mtime_ns, ctime_ns, target, device, version"),
    ("storage_entry", "parent, name, ino"),
    ("storage_piece", "ino, number, stripe"),
    ("storage_xattr", "ino, name, value"),
];

/// What a refusal says of an export that has snapshots enough.
pub(crate) const SNAPSHOTS: &str = "snapshots";

/// Refuses with [`SNAPSHOTS`] when the space has `most` snapshots; in a transaction that holds the space.
pub(crate) fn snapshots_expect_fewer(write: &mut Write, space: i64, most: i64) {
    // A derived table: MariaDB reads no table in a subquery that the statement changes.
    let sql = "UPDATE storage_space SET epoch = epoch WHERE id = ? AND (SELECT COUNT(*) FROM \
         (SELECT id FROM storage_space WHERE parent = ? AND is_removed = 0) c) < ?";
    write.push_expect(SNAPSHOTS, Query::new(sql).bind(space).bind(space).bind(most));
}

/// Adds a name space like another in that moment, with what is in it. `copy` says its id, name, parent, owner, tenant, limits and time.
pub(crate) fn space_copy(write: &mut Write, from: i64, copy: &Space) {
    let limits = &copy.usage;
    let [soft, hard, inodes] =
        [limits.bytes_soft, limits.bytes_hard, limits.inodes_hard].map(|n| i64::try_from(n).unwrap_or(i64::MAX));
    let sql = "INSERT INTO storage_space (id, volume, name, parent, tenant, owner, root, used_bytes, used_inodes, \
         bytes_soft, bytes_hard, inodes_hard, epoch, holder, wanted_ms, is_removed, created_ms) \
         SELECT ?, volume, ?, ?, ?, ?, root, used_bytes, used_inodes, ?, ?, ?, 1, NULL, NULL, 0, ? \
         FROM storage_space WHERE id = ? AND is_removed = 0";
    let query = Query::new(sql).bind(copy.id).bind(&copy.name).bind(copy.parent).bind(copy.tenant.as_deref());
    let query = query.bind(copy.owner.as_deref()).bind(soft).bind(hard).bind(inodes).bind(copy.created_ms);
    write.push_expect(super::space::STALE, query.bind(from));
    content_copy(write, from, copy.id);
}

fn content_copy(write: &mut Write, from: i64, to: i64) {
    for (table, columns) in PARTS {
        let sql = format!("INSERT INTO {table} (space, {columns}) SELECT ?, {columns} FROM {table} WHERE space = ?");
        write.push_step(Query::new(sql).bind(to).bind(from));
    }
}

/// Puts the content of a snapshot in the place of what is in `to`.
pub(crate) fn space_replace(write: &mut Write, from: &Space, to: i64, now_ms: i64) {
    let trash = "INSERT INTO storage_trash (stripe, since_ms) SELECT DISTINCT stripe, ? FROM storage_piece WHERE space = ? \
         ON CONFLICT (stripe) DO UPDATE SET since_ms = excluded.since_ms";
    write.push_step(Query::new(trash).bind(now_ms).bind(to));
    for (table, _) in PARTS {
        write.push_step(Query::new(format!("DELETE FROM {table} WHERE space = ?")).bind(to));
    }
    content_copy(write, from.id, to);
    let [bytes, inodes] = [from.usage.bytes, from.usage.inodes].map(|n| i64::try_from(n).unwrap_or(i64::MAX));
    let sql = "UPDATE storage_space SET root = ?, used_bytes = ?, used_inodes = ? WHERE id = ?";
    write.push_step(Query::new(sql).bind(from.root).bind(bytes).bind(inodes).bind(to));
}

/// A name space that is removed and not yet cleared away.
pub(crate) async fn space_removed(db: &Database) -> Result<Option<i64>, DbError> {
    let sql = "SELECT id FROM storage_space WHERE is_removed = 1 ORDER BY id LIMIT 1";
    db.optional(Query::new(sql)).await?.map(|row| row.get("id")).transpose()
}

/// Clears away at most `limit` pieces of a removed space; their stripes go to the trash. Answers how many there were.
pub(crate) async fn pieces_clear(db: &Database, space: i64, limit: i64, now_ms: i64) -> Result<usize, DbError> {
    let sql = "SELECT ino, number, stripe FROM storage_piece WHERE space = ? ORDER BY ino, number LIMIT ?";
    let rows = db.all(Query::new(sql).bind(space).bind(limit)).await?;
    let mut given = Given::new(&[("of_ino", Kind::Int), ("of_number", Kind::Int), ("of_stripe", Kind::Int)]);
    for row in &rows {
        let [ino, number, stripe]: [i64; 3] = [row.get("ino")?, row.get("number")?, row.get("stripe")?];
        given.push([ino.into(), number.into(), stripe.into()]);
    }
    let trash = "INSERT INTO storage_trash (stripe, since_ms) SELECT DISTINCT given.of_stripe, ? FROM given WHERE 1 = 1 \
         ON CONFLICT (stripe) DO UPDATE SET since_ms = excluded.since_ms";
    let remove = "DELETE FROM storage_piece USING given WHERE storage_piece.space = ? \
         AND storage_piece.ino = given.of_ino AND storage_piece.number = given.of_number";
    let mut write = Write::new();
    write.push_given(Query::new(trash).bind(now_ms), given.clone());
    write.push_given(Query::new(remove).bind(space), given);
    db.write(write).await?;
    Ok(rows.len())
}

/// Clears away at most `limit` inodes of a removed space, with their entries and attributes. Answers how many there were.
pub(crate) async fn inodes_clear(db: &Database, space: i64, limit: i64) -> Result<usize, DbError> {
    let sql = "SELECT ino FROM storage_inode WHERE space = ? ORDER BY ino LIMIT ?";
    let rows = db.all(Query::new(sql).bind(space).bind(limit)).await?;
    let mut given = Given::new(&[("of_ino", Kind::Int)]);
    for row in &rows {
        given.push([row.get::<i64>("ino")?.into()]);
    }
    let entries =
        "DELETE FROM storage_entry USING given WHERE storage_entry.space = ? AND storage_entry.parent = given.of_ino";
    let xattrs =
        "DELETE FROM storage_xattr USING given WHERE storage_xattr.space = ? AND storage_xattr.ino = given.of_ino";
    let inodes =
        "DELETE FROM storage_inode USING given WHERE storage_inode.space = ? AND storage_inode.ino = given.of_ino";
    let mut write = Write::new();
    for sql in [entries, xattrs, inodes] {
        write.push_given(Query::new(sql).bind(space), given.clone());
    }
    db.write(write).await?;
    Ok(rows.len())
}

/// Removes the row of a space that has nothing left.
pub(crate) fn space_delete(write: &mut Write, space: i64) {
    for table in ["storage_applied", "storage_lock"] {
        let sql = format!("DELETE FROM {table} WHERE session IN (SELECT id FROM storage_session WHERE space = ?)");
        write.push_step(Query::new(sql).bind(space));
    }
    write.push_step(Query::new("DELETE FROM storage_session WHERE space = ?").bind(space));
    write.push_step(Query::new("DELETE FROM storage_space WHERE id = ? AND is_removed = 1").bind(space));
}
