//! `amphi volume`: where files are kept.

mod care;
mod export;
mod file;
mod key;
mod mount;
pub(super) mod progress;
mod rozofs;
mod share;
mod snapshot;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use self::care::Duty;
use super::failure::{Failure, USAGE};
use super::output::{OutputArgs, print_facts, print_json, print_line, print_table};
use super::size::size;
use super::table::{Cell, Table};
use super::terminal::{confirm, is_interactive};
use super::when;
use super::{LIST_MOST, connect, decode, label};
use crate::client::{Client, ClientError, Order, Volume};

/// Arguments of `amphi volume`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  amphi volume create films --layout 1                   files survive the loss of two stores
  amphi volume export create course-1 --volume films --tenant mine --bytes 50GiB
  amphi volume put *.c course-1:sources/
  amphi volume snapshot create course-1 before-exam")]
pub(crate) struct VolumeArgs {
    #[command(flatten)]
    format: OutputArgs,
    #[command(subcommand)]
    command: VolumeCommand,
}

#[derive(Subcommand, Debug)]
enum VolumeCommand {
    /// List volumes
    #[command(after_help = "Example:\n  amphi volume list --output json")]
    List,
    /// Show one volume with its exports
    #[command(after_help = "Example:\n  amphi volume show films")]
    Show { volume: String },
    /// Make a volume, and an export of the same name
    #[command(after_help = "\
Layouts:
  0   3 stores, one may be lost, 1.5 bytes stored for each
  1   6 stores, two may be lost, 1.5 bytes stored for each
  2   12 stores, four may be lost, 1.5 bytes stored for each

Examples:
  amphi volume create films --layout 1
  amphi volume create course-1 --layout 1 --tenant mine          its teachers and learners may mount it
  amphi volume create paris --layout 0 --stores site=paris")]
    Create {
        name: String,
        /// How many stores may be lost: 0, 1 or 2
        #[arg(long, value_name = "LAYOUT", value_parser = clap::value_parser!(u8).range(0..=2))]
        layout: u8,
        /// Only stores with this label; may be given several times
        #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
        stores: Vec<(String, String)>,
        /// The tenant that its export is for, by name, or `mine`: teachers change it, learners read it; left out, operators alone
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
    },
    /// Remove a volume with the export of its name and all files in it
    #[command(after_help = "Example:\n  amphi volume remove --yes films")]
    Remove {
        volume: String,
        /// Don't ask
        #[arg(long)]
        yes: bool,
    },
    /// Show what is healthy, degraded, at risk and lost
    #[command(after_help = "Example:\n  amphi volume health films")]
    Health { volume: Option<String> },
    /// Compare everything at rest with its checksums, and repair what is damaged
    #[command(after_help = "Example:\n  amphi volume scrub films")]
    Scrub(care::CareArgs),
    /// Put on other stores what is on those that are away
    #[command(after_help = "Example:\n  amphi volume rebuild films")]
    Rebuild(care::CareArgs),
    /// Move data from the fullest stores to the emptiest
    #[command(after_help = "Example:\n  amphi volume rebalance films")]
    Rebalance(care::CareArgs),
    /// Show or set how fast data is rebuilt, rebalanced and compared, at most
    #[command(after_help = "\
Examples:
  amphi volume rate
  amphi volume rate --rebuild 100MiB --scrub 8MiB")]
    Rate(care::RateArgs),
    #[command(flatten)]
    File(file::FileCommand),
    /// List, make and revoke your own keys for S3
    #[command(after_help = "Example:\n  amphi volume key list")]
    Key {
        #[command(subcommand)]
        command: key::KeyCommand,
    },
    /// List, make and revoke links by which anybody may download a file
    #[command(after_help = "\
Examples:
  amphi volume share create films:2026/film.mkv
  amphi volume share list")]
    Share {
        #[command(subcommand)]
        command: share::ShareCommand,
    },
    /// Import files of a RozoFS volume from the directories of its stores, each by its id
    #[command(after_help = "Example:\n  amphi volume import-rozofs /srv/rozofs/storage_1_* films:old")]
    ImportRozofs(rozofs::ImportArgs),
    /// Exports: name spaces of a volume, with people they are for and limits
    #[command(after_help = "\
Examples:
  amphi volume export list
  amphi volume export create course-1 --volume films --tenant mine --bytes 50GiB")]
    Export(export::ExportArgs),
    /// Snapshots: an export as it was in one moment
    #[command(after_help = "\
Examples:
  amphi volume snapshot create course-1 before-exam
  amphi volume snapshot restore --yes course-1 before-exam")]
    Snapshot(snapshot::SnapshotArgs),
    /// Mount an export or a snapshot on a directory of this machine
    #[command(after_help = "\
A mount talks to the stores itself, so that it is for those who may use all of the export's volume: operators; and teachers and
learners of a tenant whose exports are the only ones on it (amphi volume create NAME --tenant TENANT). To others their files are
open in the browser, over S3, and with put -r and get -r.

Examples:
  amphi volume mount films /mnt/films                    until it is unmounted or Ctrl-C
  amphi volume mount --background --read-only films /mnt/films")]
    Mount(mount::MountArgs),
    /// Unmount; returns once everything is stored
    #[command(after_help = "Example:\n  amphi volume unmount /mnt/films")]
    Unmount { directory: PathBuf },
}

pub(super) async fn run(args: VolumeArgs) -> Result<(), Failure> {
    let format = args.format;
    match args.command {
        VolumeCommand::List => list(&connect()?, format).await,
        VolumeCommand::Show { volume } => {
            let volume = connect()?.get(&["volumes", &volume], &[]).await.map_err(unknown)?;
            if format.is_json() { print_json(&volume) } else { print_volume(&decode(volume)?) }
        }
        VolumeCommand::Create { name, layout, stores, tenant } => {
            let stores: BTreeMap<String, String> = stores.into_iter().collect();
            let body = json!({ "name": name, "layout": layout, "stores": stores, "tenant": tenant });
            let made = connect()?.change(Method::POST, &["volumes"], Some(&body)).await?;
            if format.is_json() { print_json(&made) } else { print_line(&format!("volume and export {name} made")) }
        }
        VolumeCommand::Remove { volume, yes } => {
            let again = format!("amphi volume remove --yes {volume}");
            sure(yes, &format!("Remove {volume} with all files in it?"), &again)?;
            connect()?.change(Method::DELETE, &["volumes", &volume], None).await.map_err(unknown)?;
            if format.is_json() {
                print_json(&json!({ "volume": volume }))
            } else {
                print_line(&format!("{volume} removed"))
            }
        }
        VolumeCommand::Health { volume } => care::health(&connect()?, volume, format).await,
        VolumeCommand::Scrub(args) => care::run(&connect()?, args, Duty::Scrub, format).await,
        VolumeCommand::Rebuild(args) => care::run(&connect()?, args, Duty::Rebuild, format).await,
        VolumeCommand::Rebalance(args) => care::run(&connect()?, args, Duty::Rebalance, format).await,
        VolumeCommand::Rate(args) => care::rate(&connect()?, args, format).await,
        VolumeCommand::File(command) => file::run(&connect()?, command, format).await,
        VolumeCommand::Key { command } => key::run(command, format).await,
        VolumeCommand::Share { command } => share::run(&connect()?, command, format).await,
        VolumeCommand::ImportRozofs(args) => rozofs::run(&connect()?, args, format).await,
        VolumeCommand::Export(args) => export::run(&connect()?, args, format).await,
        VolumeCommand::Snapshot(args) => snapshot::run(&connect()?, args, format).await,
        VolumeCommand::Mount(args) => mount::run(args).await,
        VolumeCommand::Unmount { directory } => mount::run_unmount(directory).await,
    }
}

fn unknown(error: ClientError) -> Failure {
    let is_unknown = error.status() == Some(404);
    let failure = Failure::from(error);
    if is_unknown { failure.or_try("amphi volume list") } else { failure }
}

/// Asks, unless that was said already.
fn sure(yes: bool, question: &str, again: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !is_interactive() {
        return Err(Failure::new(USAGE, "that can't be undone and nobody is here to ask").or_try(again));
    }
    if confirm(question)? { Ok(()) } else { Err(Failure::new(USAGE, "nothing was changed")) }
}

async fn list(client: &Client, format: OutputArgs) -> Result<(), Failure> {
    let volumes = client.list(&["volumes"], &[], Order::Name, LIST_MOST).await?;
    if format.is_json() {
        return print_json(&volumes.into());
    }
    let now = when::now();
    let mut table = Table::new(&["NAME", "LAYOUT", "STORES", "USED", "EXPORTS", "CREATED"]).whole(0);
    for volume in volumes {
        let volume: Volume = decode(volume)?;
        table.row([
            Cell::from(&volume.name),
            volume.layout.to_string().into(),
            volume.stores_writable.to_string().into(),
            size(volume.used_bytes).into(),
            volume.exports.join(" ").into(),
            when::age(volume.created, now).into(),
        ]);
    }
    print_table(&table)
}

fn print_volume(volume: &Volume) -> Result<(), Failure> {
    let labels = volume.stores.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ");
    print_facts(&[
        ("name", Some(volume.name.clone())),
        ("layout", Some(volume.layout.to_string())),
        ("labels", Some(labels).filter(|labels| !labels.is_empty())),
        ("stores", Some(volume.stores_writable.to_string())),
        ("used", Some(size(volume.used_bytes))),
        ("exports", Some(volume.exports.join(" "))),
        ("created", Some(when::exact(volume.created, when::now()))),
    ])
}
