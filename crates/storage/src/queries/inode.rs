//! Inodes, the names in directories, and extended attributes: reads.

use db::{Database, DbError, Given, Kind, Query, Row};

use super::stripe::{STRIPE_COLUMNS, stripe_read};
use super::{number, parsed, unreadable};
use crate::model::inode::{Ino, Inode};
use crate::model::name::Name;
use crate::namespace::Entry;

const INODE_COLUMNS: &str = "i.ino, i.kind, i.mode, i.uid, i.gid, i.nlink, i.size, i.atime_ns, i.mtime_ns, i.ctime_ns, \
     i.target, i.device, i.version";

/// An inode by its number.
pub(crate) async fn inode_get(db: &Database, space: i64, ino: Ino) -> Result<Option<Inode>, DbError> {
    let sql = format!("SELECT {INODE_COLUMNS} FROM storage_inode i WHERE i.space = ? AND i.ino = ?");
    db.optional(Query::new(sql).bind(space).bind(ino)).await?.map(|row| inode_read(&row)).transpose()
}

/// The entry of that name.
pub(crate) async fn entry_get(db: &Database, space: i64, parent: Ino, name: &Name) -> Result<Option<Entry>, DbError> {
    let query = Query::new(entries_sql("e.name = ?")).bind(space).bind(parent).bind(name.as_str());
    db.optional(query).await?.map(|row| entry_read(&row)).transpose()
}

/// Entries in the order of their names' bytes, those after `after`.
pub(crate) async fn entry_list(
    db: &Database,
    space: i64,
    parent: Ino,
    after: Option<&Name>,
    limit: i64,
) -> Result<Vec<Entry>, DbError> {
    let sql = format!("{} ORDER BY e.name LIMIT ?", entries_sql("e.name > ?"));
    let after = after.map_or("", Name::as_str);
    let rows = db.all(Query::new(sql).bind(space).bind(parent).bind(after).bind(limit)).await?;
    rows.iter().map(entry_read).collect()
}

fn entries_sql(condition: &str) -> String {
    format!(
        "SELECT e.name, {INODE_COLUMNS}, {STRIPE_COLUMNS} FROM storage_entry e \
         JOIN storage_inode i ON i.space = e.space AND i.ino = e.ino \
         LEFT JOIN storage_piece p ON p.space = e.space AND p.ino = e.ino AND p.number = 0 \
         LEFT JOIN storage_stripe s ON s.id = p.stripe LEFT JOIN storage_set t ON t.id = s.placed \
         WHERE e.space = ? AND e.parent = ? AND {condition}"
    )
}

/// Extended attributes by their names.
pub(crate) async fn xattr_list(db: &Database, space: i64, ino: Ino) -> Result<Vec<(String, Vec<u8>)>, DbError> {
    let sql = "SELECT name, value FROM storage_xattr WHERE space = ? AND ino = ? ORDER BY name";
    let rows = db.all(Query::new(sql).bind(space).bind(ino)).await?;
    rows.iter().map(|row| Ok((row.get("name")?, row.get("value")?))).collect()
}

/// Those of the inodes that are directories.
pub(crate) async fn directories_among(db: &Database, space: i64, inodes: &[Ino]) -> Result<Vec<Ino>, DbError> {
    if inodes.is_empty() {
        return Ok(Vec::new());
    }
    let sql = "SELECT i.ino FROM given JOIN storage_inode i ON i.space = ? AND i.ino = given.of_ino \
         WHERE i.kind = 'directory'";
    let rows = db.all_given(Query::new(sql).bind(space), inodes_given(inodes)).await?;
    rows.iter().map(|row| row.get("ino")).collect()
}

/// The names of inodes: parent, name, inode.
pub(crate) async fn entries_of(db: &Database, space: i64, inodes: &[Ino]) -> Result<Vec<(Ino, Name, Ino)>, DbError> {
    if inodes.is_empty() {
        return Ok(Vec::new());
    }
    let sql = "SELECT e.parent, e.name, e.ino FROM given JOIN storage_entry e ON e.space = ? AND e.ino = given.of_ino";
    let read = |row: &Row| {
        let name = Name::try_from(row.get::<String>("name")?).map_err(|_| unreadable("name"))?;
        Ok((row.get("parent")?, name, row.get("ino")?))
    };
    db.all_given(Query::new(sql).bind(space), inodes_given(inodes)).await?.iter().map(read).collect()
}

fn inodes_given(inodes: &[Ino]) -> Given {
    let mut given = Given::new(&[("of_ino", Kind::Int)]);
    inodes.iter().for_each(|ino| given.push([(*ino).into()]));
    given
}

fn entry_read(row: &Row) -> Result<Entry, DbError> {
    let name = Name::try_from(row.get::<String>("name")?).map_err(|_| unreadable("name"))?;
    Ok(Entry { name, inode: inode_read(row)?, first: stripe_read(row)? })
}

fn inode_read(row: &Row) -> Result<Inode, DbError> {
    Ok(Inode {
        ino: row.get("ino")?,
        kind: parsed(row, "kind")?,
        mode: row.get("mode")?,
        uid: row.get("uid")?,
        gid: row.get("gid")?,
        nlink: row.get("nlink")?,
        size: number(row, "size")?,
        atime_ns: row.get("atime_ns")?,
        mtime_ns: row.get("mtime_ns")?,
        ctime_ns: row.get("ctime_ns")?,
        target: row.get("target")?,
        device: row.get("device")?,
        version: row.get("version")?,
    })
}
