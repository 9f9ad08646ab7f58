//! `amphi volume export`: name spaces of a volume.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::sure;
use crate::cli::failure::{Failure, USAGE};
use crate::cli::output::{OutputArgs, print_facts, print_json, print_line, print_table};
use crate::cli::size::{parse_size, size};
use crate::cli::table::{Cell, Table};
use crate::cli::terminal::{plain, say};
use crate::cli::{LIST_MOST, decode, when};
use crate::client::{Client, ClientError, Export, Order};

/// Arguments of `amphi volume export`.
#[derive(Args, Debug)]
pub(super) struct ExportArgs {
    #[command(subcommand)]
    command: ExportCommand,
}

#[derive(Subcommand, Debug)]
enum ExportCommand {
    /// List the exports that are open to you
    #[command(after_help = "Example:\n  amphi volume export list --output json")]
    List,
    /// Show one export or snapshot
    #[command(after_help = "Example:\n  amphi volume export show course-1")]
    Show {
        #[arg(value_name = "EXPORT")]
        name: String,
    },
    /// Make an export
    #[command(
        after_help = "Example:\n  amphi volume export create course-1 --volume films --tenant mine --bytes 50GiB"
    )]
    Create {
        name: String,
        /// The volume it is on
        #[arg(long, value_name = "VOLUME")]
        volume: String,
        /// The tenant it is for, by name, or `mine`: teachers change it, learners read it; left out, operators alone
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
        #[command(flatten)]
        limits: LimitArgs,
    },
    /// Change what an export may hold
    #[command(after_help = "Example:\n  amphi volume export set course-1 --bytes 100GiB --warn 90GiB --files 0")]
    Set {
        export: String,
        #[command(flatten)]
        limits: LimitArgs,
    },
    /// Remove an export with all files in it
    #[command(after_help = "Example:\n  amphi volume export remove --yes course-1")]
    Remove {
        export: String,
        /// Don't ask
        #[arg(long)]
        yes: bool,
    },
}

/// Limits; 0 is none.
#[derive(Args, Debug)]
struct LimitArgs {
    /// Most bytes
    #[arg(long, value_name = "SIZE", value_parser = parse_size, allow_negative_numbers = true)]
    bytes: Option<u64>,
    /// Warn above so many bytes
    #[arg(long, value_name = "SIZE", value_parser = parse_size, allow_negative_numbers = true)]
    warn: Option<u64>,
    /// Most files and directories
    #[arg(long, value_name = "COUNT")]
    files: Option<u64>,
}

impl LimitArgs {
    fn body(&self) -> Value {
        let limits = [("bytes_hard", self.bytes), ("bytes_soft", self.warn), ("inodes_hard", self.files)];
        let given = limits.into_iter().filter_map(|(name, limit)| Some((name.to_owned(), limit?.into())));
        Value::Object(given.collect::<Map<_, _>>())
    }
}

pub(super) async fn run(client: &Client, args: ExportArgs, format: OutputArgs) -> Result<(), Failure> {
    match args.command {
        ExportCommand::List => list(client, format).await,
        ExportCommand::Show { name } => {
            let export = client.get(&["exports", &name], &[]).await.map_err(unknown)?;
            if format.is_json() { print_json(&export) } else { print_export(&decode(export)?) }
        }
        ExportCommand::Create { name, volume, tenant, limits } => {
            let body = json!({ "name": name, "volume": volume, "tenant": tenant, "limits": limits.body() });
            let made = client.change(Method::POST, &["exports"], Some(&body)).await?;
            if format.is_json() { print_json(&made) } else { print_line(&format!("export {name} made")) }
        }
        ExportCommand::Set { export, limits } => {
            let body = limits.body();
            if body.as_object().is_none_or(Map::is_empty) {
                let hint = "--bytes, --warn or --files, each 0 for no limit";
                return Err(Failure::new(USAGE, "nothing is to be changed").or_try(hint));
            }
            let path = ["exports", export.as_str()];
            let changed = client.change(Method::PATCH, &path, Some(&body)).await.map_err(unknown)?;
            if format.is_json() { print_json(&changed) } else { print_table(&table(vec![changed])?) }
        }
        ExportCommand::Remove { export, yes } => {
            let again = format!("amphi volume export remove --yes {export}");
            let there: Value = client.get(&["exports", &export], &[]).await.map_err(unknown)?;
            let held = size(decode::<Export>(there)?.usage.bytes);
            sure(yes, &format!("Remove {export} with all files in it, {held}?"), &again)?;
            client.change(Method::DELETE, &["exports", &export], None).await.map_err(unknown)?;
            if format.is_json() {
                print_json(&json!({ "export": export }))
            } else {
                print_line(&format!("{export} removed"))
            }
        }
    }
}

pub(super) fn unknown(error: ClientError) -> Failure {
    let is_unknown = error.status() == Some(404);
    let failure = Failure::from(error);
    if is_unknown { failure.or_try("amphi volume export list") } else { failure }
}

async fn list(client: &Client, format: OutputArgs) -> Result<(), Failure> {
    let exports = client.list(&["exports"], &[], Order::Name, LIST_MOST).await?;
    if format.is_json() {
        return print_json(&exports.into());
    }
    let warnings = warnings(&exports)?;
    print_table(&table(exports)?)?;
    say(&warnings);
    Ok(())
}

fn print_export(export: &Export) -> Result<(), Failure> {
    let usage = &export.usage;
    let limit = |limit: u64, text: String| Some(text).filter(|_| limit > 0);
    print_facts(&[
        ("name", Some(export.name.clone())),
        ("volume", Some(export.volume.clone())),
        ("access", Some((if export.read_only { "read" } else { "write" }).to_owned())),
        ("used", Some(size(usage.bytes))),
        ("at most", limit(usage.bytes_hard, size(usage.bytes_hard))),
        ("warned above", limit(usage.bytes_soft, size(usage.bytes_soft))),
        ("files", Some(usage.inodes.to_string())),
        ("files at most", limit(usage.inodes_hard, usage.inodes_hard.to_string())),
        ("created", Some(when::exact(export.created, when::now()))),
    ])
}

/// A line for each export that holds more than its soft limit.
fn warnings(exports: &[Value]) -> Result<String, Failure> {
    let mut lines = String::new();
    for export in exports {
        let Export { name, usage, .. } = decode(export.clone())?;
        if usage.bytes_soft > 0 && usage.bytes > usage.bytes_soft {
            let (held, soft) = (size(usage.bytes), size(usage.bytes_soft));
            lines.push_str(&format!("warning: {} holds {held}, more than its soft limit of {soft}\n", plain(&name)));
        }
    }
    Ok(lines)
}

/// Exports or snapshots, one a line.
pub(super) fn table(exports: Vec<Value>) -> Result<Table, Failure> {
    let now = when::now();
    let mut table = Table::new(&["NAME", "VOLUME", "USED", "LIMIT", "FILES", "ACCESS", "CREATED"]).whole(0);
    for export in exports {
        let export: Export = decode(export)?;
        let usage = &export.usage;
        table.row([
            Cell::from(&export.name),
            Cell::from(&export.volume),
            size(usage.bytes).into(),
            (if usage.bytes_hard == 0 { String::new() } else { size(usage.bytes_hard) }).into(),
            usage.inodes.to_string().into(),
            (if export.read_only { "read" } else { "write" }).into(),
            when::age(export.created, now).into(),
        ]);
    }
    Ok(table)
}
