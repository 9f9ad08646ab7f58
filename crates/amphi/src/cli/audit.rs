//! `amphi audit`: what was done, by whom, when.

use clap::Args;

use super::failure::Failure;
use super::output::{OutputArgs, print_json, print_table};
use super::table::{Cell, Table};
use super::when;
use super::{connect, decode};
use crate::client::{AuditEntry, Order};

/// Arguments of `amphi audit`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  amphi audit --limit 20\n  amphi audit --limit 1000 --output json")]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    format: OutputArgs,
    /// At most so many entries, newest first
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

pub(super) async fn run(args: AuditArgs) -> Result<(), Failure> {
    let entries = connect()?.list(&["audit"], &[], Order::Newest, args.limit).await?;
    if args.format.is_json() {
        return print_json(&entries.into());
    }
    let now = when::now();
    let mut table = Table::new(&["WHEN", "WHO", "WHAT", "TO WHAT"]);
    for entry in entries {
        let entry: AuditEntry = decode(entry)?;
        table.row([
            Cell::from(when::age(entry.at, now)),
            Cell::from(&entry.login),
            Cell::from(&entry.action),
            Cell::from(&entry.target),
        ]);
    }
    print_table(&table)
}
