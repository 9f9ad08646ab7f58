//! `amphi volume health`, `scrub` and `rebuild`: the care of what is stored.

use reqwest::Method;
use serde_json::Value;

use super::super::decode;
use super::super::failure::Failure;
use super::super::output::{OutputArgs, print_json, print_line, print_table};
use super::super::table::{Cell, Table};
use super::{bytes, unknown};
use crate::client::{Client, VolumeHealth};

/// How volumes fare.
pub(super) async fn health(client: &Client, volume: Option<String>, format: OutputArgs) -> Result<(), Failure> {
    let found: Value = client.get(&["storage", "health"], &[]).await?;
    let items = found["volumes"].as_array().cloned().unwrap_or_default();
    let items = items.into_iter().filter(|item| volume.as_deref().is_none_or(|name| item["volume"] == name));
    let items: Vec<Value> = items.collect();
    if format.is_json() {
        return print_json(&serde_json::json!({ "volumes": items, "alerts": found["alerts"] }));
    }
    let mut table = Table::new(&["VOLUME", "HEALTHY", "DEGRADED", "AT RISK", "LOST", "TO REBUILD", "DAMAGED"]).whole(0);
    for item in items {
        let health: VolumeHealth = decode(item)?;
        table.row([
            Cell::from(&health.volume),
            health.healthy.to_string().into(),
            health.degraded.to_string().into(),
            health.at_risk.to_string().into(),
            health.lost.to_string().into(),
            bytes(health.rebuild_bytes).into(),
            health.repairs_waiting.to_string().into(),
        ]);
    }
    print_table(&table)?;
    for alert in found["alerts"].as_array().into_iter().flatten() {
        print_line(alert["message"].as_str().unwrap_or_default())?;
    }
    Ok(())
}

/// Begins one of the duties.
pub(super) async fn begin(client: &Client, volume: &str, what: &str, format: OutputArgs) -> Result<(), Failure> {
    client.change(Method::POST, &["volumes", volume, what], None).await.map_err(unknown)?;
    if format.is_json() {
        return print_json(&serde_json::json!({ "volume": volume, "begun": what }));
    }
    print_line(&format!("{what} of {volume} begins; watch it with: amphi volume health {volume}"))
}
