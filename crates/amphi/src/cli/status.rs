//! `amphi status`: what the public status page says; no sign-in needed.

use clap::Args;
use serde_json::Value;

use super::failure::Failure;
use super::node::{health_cell, state_cell};
use super::output::{OutputArgs, print_json, print_line, print_table};
use super::table::{Cell, Table};
use super::terminal::plain;
use super::when;
use super::{connect, decode};
use crate::client::Status;

/// Arguments of `amphi status`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  amphi status\n  AMPHI_URL=https://amphi.example.org amphi status --output json")]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    format: OutputArgs,
}

pub(super) async fn run(args: StatusArgs) -> Result<(), Failure> {
    let client = connect()?;
    let status: Value = client.get(&["status"], &[]).await?;
    if args.format.is_json() {
        return print_json(&status);
    }
    let status: Status = decode(status)?;
    print_line(&format!(
        "{} is {}: {} waiting, {} running, {} slots\n",
        client.base(),
        plain(&status.status),
        status.waiting,
        status.running,
        status.slots
    ))?;
    let now = when::now();
    let mut table = Table::new(&["NODE", "STATE", "HEALTH", "RUNNING", "LAST SEEN"]).whole(0);
    for node in &status.nodes {
        table.row([
            Cell::from(&node.name),
            state_cell(&node.state),
            health_cell(&node.health),
            format!("{} of {}", node.running, node.slots).into(),
            node.last_seen.map(|seen| when::age(seen, now)).unwrap_or_default().into(),
        ]);
    }
    print_table(&table)
}
