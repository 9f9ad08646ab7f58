//! The stores of a volume, as clients dial them.

use std::collections::BTreeMap;
use std::time::Duration;

use db::{DbError, Query, Row};

use super::ServiceError;
use crate::Storage;
use crate::queries::volume::volume_get;
use crate::stripe::StoreAddress;

/// A store that was not heard of for this long counts as away.
const SILENT: Duration = Duration::from_secs(15);

impl Storage {
    /// The stores that carry the volume's labels.
    pub(crate) async fn store_addresses(&self, volume: i64) -> Result<Vec<StoreAddress>, ServiceError> {
        let Some(volume) = volume_get(self.db(), volume).await? else { return Ok(Vec::new()) };
        let sql = "SELECT id, node, addresses, labels, state, free_bytes, seen_ms FROM storage_store ORDER BY id";
        let now_ms = self.db().clock().now_ms();
        let mut stores = Vec::new();
        for row in self.db().all(Query::new(sql)).await? {
            let labels: BTreeMap<String, String> = document(&row, "labels")?;
            if volume.labels.iter().all(|(key, value)| labels.get(key) == Some(value)) {
                stores.push(store_read(&row, &labels, now_ms)?);
            }
        }
        Ok(stores)
    }
}

fn store_read(row: &Row, labels: &BTreeMap<String, String>, now_ms: i64) -> Result<StoreAddress, DbError> {
    let node: String = row.get("node")?;
    Ok(StoreAddress {
        id: row.get("id")?,
        addresses: document(row, "addresses")?,
        free_bytes: u64::try_from(row.get::<i64>("free_bytes")?).unwrap_or(0),
        domain: labels.get("site").unwrap_or(&node).clone(),
        is_writable: row.get::<String>("state")? == "enabled",
        is_up: now_ms - row.get::<i64>("seen_ms")? < SILENT.as_millis() as i64,
        node,
    })
}

fn document<T: serde::de::DeserializeOwned>(row: &Row, column: &'static str) -> Result<T, DbError> {
    let unreadable = |_| DbError::Decode { column: column.to_owned(), found: "no such document", wanted: "JSON" };
    serde_json::from_str(&row.get::<String>(column)?).map_err(unreadable)
}
