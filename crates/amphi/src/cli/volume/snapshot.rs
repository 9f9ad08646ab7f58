//! `amphi volume snapshot`: an export as it was in one moment.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::export::{table, unknown};
use super::sure;
use crate::cli::LIST_MOST;
use crate::cli::failure::Failure;
use crate::cli::output::{OutputArgs, print_json, print_line, print_table};
use crate::client::{Client, Order};

/// Arguments of `amphi volume snapshot`.
#[derive(Args, Debug)]
pub(super) struct SnapshotArgs {
    #[command(subcommand)]
    command: SnapshotCommand,
}

#[derive(Subcommand, Debug)]
enum SnapshotCommand {
    /// List the snapshots of an export
    #[command(after_help = "Example:\n  amphi volume snapshot list course-1")]
    List { export: String },
    /// Take a snapshot; it is read as EXPORT@NAME
    #[command(after_help = "Example:\n  amphi volume snapshot create course-1 before-exam")]
    Create { export: String, name: String },
    /// Put a snapshot in the place of what is in its export, or into a new export
    #[command(after_help = "\
Examples:
  amphi volume snapshot restore --yes course-1 before-exam
  amphi volume snapshot restore course-1 before-exam --to course-1-again")]
    Restore {
        export: String,
        name: String,
        /// A new export
        #[arg(long, value_name = "EXPORT")]
        to: Option<String>,
        /// Don't ask
        #[arg(long)]
        yes: bool,
    },
    /// Remove a snapshot
    #[command(after_help = "Example:\n  amphi volume snapshot remove --yes course-1 before-exam")]
    Remove {
        export: String,
        name: String,
        /// Don't ask
        #[arg(long)]
        yes: bool,
    },
}

pub(super) async fn run(client: &Client, args: SnapshotArgs, format: OutputArgs) -> Result<(), Failure> {
    match args.command {
        SnapshotCommand::List { export } => {
            let path = ["exports", export.as_str(), "snapshots"];
            let snapshots = client.list(&path, &[], Order::Name, LIST_MOST).await.map_err(unknown)?;
            if format.is_json() { print_json(&snapshots.into()) } else { print_table(&table(snapshots)?) }
        }
        SnapshotCommand::Create { export, name } => {
            let path = ["exports", export.as_str(), "snapshots"];
            let made = client.change(Method::POST, &path, Some(&json!({ "name": name }))).await.map_err(unknown)?;
            if format.is_json() { print_json(&made) } else { print_line(&format!("{export}@{name} taken")) }
        }
        SnapshotCommand::Restore { export, name, to, yes } => {
            let again = format!("amphi volume snapshot restore --yes {export} {name}");
            there(client, &export, &name).await?;
            sure(yes || to.is_some(), &format!("Replace everything in {export} by {export}@{name}?"), &again)?;
            let path = ["exports", export.as_str(), "snapshots", name.as_str(), "restore"];
            let restored = client.change(Method::POST, &path, Some(&json!({ "to": to }))).await.map_err(unknown)?;
            let target = to.as_ref().unwrap_or(&export);
            if format.is_json() {
                print_json(&restored)
            } else {
                print_line(&format!("{export}@{name} is in {target}"))
            }
        }
        SnapshotCommand::Remove { export, name, yes } => {
            let again = format!("amphi volume snapshot remove --yes {export} {name}");
            there(client, &export, &name).await?;
            sure(yes, &format!("Remove {export}@{name}?"), &again)?;
            let path = ["exports", export.as_str(), "snapshots", name.as_str()];
            client.change(Method::DELETE, &path, None).await.map_err(unknown)?;
            let snapshot = format!("{export}@{name}");
            if format.is_json() {
                print_json(&json!({ "snapshot": snapshot }))
            } else {
                print_line(&format!("{snapshot} removed"))
            }
        }
    }
}

/// Nobody is asked whether what isn't there is to go.
async fn there(client: &Client, export: &str, name: &str) -> Result<(), Failure> {
    let found: Result<Value, _> = client.get(&["exports", &format!("{export}@{name}")], &[]).await;
    found.map(drop).map_err(|error| {
        let is_unknown = error.status() == Some(404);
        let failure = Failure::from(error);
        if is_unknown { failure.or_try(format!("amphi volume snapshot list {export}")) } else { failure }
    })
}
