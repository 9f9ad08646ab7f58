//! Volumes.

use std::collections::BTreeMap;

use db::{Database, DbError, Query, Row, Write};

use super::{number, unreadable};
use crate::model::stripe::Layout;
use crate::model::volume::Volume;

/// Guard of what needs a volume or a name space to be as it was seen.
pub(crate) const BUSY: &str = "busy";

const VOLUME: &str = "SELECT id, name, layout, labels, created_ms FROM storage_volume WHERE is_removed = 0";

/// All volumes, by name.
pub(crate) async fn volume_list(db: &Database) -> Result<Vec<Volume>, DbError> {
    db.all(Query::new(format!("{VOLUME} ORDER BY name"))).await?.iter().map(volume_read).collect()
}

/// A volume by its name.
pub(crate) async fn volume_find(db: &Database, name: &str) -> Result<Option<Volume>, DbError> {
    let query = Query::new(format!("{VOLUME} AND name = ?")).bind(name);
    db.optional(query).await?.map(|row| volume_read(&row)).transpose()
}

/// A volume by its number.
pub(crate) async fn volume_get(db: &Database, id: i64) -> Result<Option<Volume>, DbError> {
    let query = Query::new(format!("{VOLUME} AND id = ?")).bind(id);
    db.optional(query).await?.map(|row| volume_read(&row)).transpose()
}

fn volume_read(row: &Row) -> Result<Volume, DbError> {
    Ok(Volume {
        id: row.get("id")?,
        name: row.get("name")?,
        layout: Layout::try_from(number::<u8>(row, "layout")?).map_err(|_| unreadable("layout"))?,
        labels: labels_read(row)?,
        created_ms: row.get("created_ms")?,
    })
}

fn labels_read(row: &Row) -> Result<BTreeMap<String, String>, DbError> {
    serde_json::from_str(&row.get::<String>("labels")?).map_err(|_| unreadable("labels"))
}

/// Adds a volume.
pub(crate) fn volume_insert(write: &mut Write, volume: &Volume) {
    let labels = serde_json::to_string(&volume.labels).expect("labels always serialise");
    let sql = "INSERT INTO storage_volume (id, name, layout, labels, is_removed, created_ms) VALUES (?, ?, ?, ?, 0, ?)";
    let query = Query::new(sql).bind(volume.id).bind(&volume.name).bind(i64::from(u8::from(volume.layout)));
    write.push_step(query.bind(labels).bind(volume.created_ms));
}

/// Marks a volume as removed, so that its name is free; [`BUSY`] while it has a name space.
pub(crate) fn volume_mark_removed(write: &mut Write, id: i64) {
    let sql = "UPDATE storage_volume SET is_removed = 1, name = ? WHERE id = ? AND is_removed = 0 \
         AND NOT EXISTS (SELECT 1 FROM storage_space p WHERE p.volume = ? AND p.is_removed = 0)";
    write.push_expect(BUSY, Query::new(sql).bind(format!("removed-{id}")).bind(id).bind(id));
}

/// Removes the rows of volumes that are marked as removed and have nothing left.
pub(crate) fn volumes_delete(write: &mut Write) {
    let sql = "DELETE FROM storage_volume WHERE is_removed = 1 \
         AND NOT EXISTS (SELECT 1 FROM storage_space p WHERE p.volume = storage_volume.id) \
         AND NOT EXISTS (SELECT 1 FROM storage_stripe s WHERE s.volume = storage_volume.id)";
    write.push_step(Query::new(sql));
}

/// The labels of each store that takes new units.
pub(crate) async fn store_labels(db: &Database) -> Result<Vec<BTreeMap<String, String>>, DbError> {
    let sql = "SELECT labels FROM storage_store WHERE state = 'enabled'";
    db.all(Query::new(sql)).await?.iter().map(labels_read).collect()
}
