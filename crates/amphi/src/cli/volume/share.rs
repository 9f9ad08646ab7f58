//! `amphi volume share`: links by which anybody may download one file for a while.

use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use super::file::place;
use crate::cli::failure::Failure;
use crate::cli::output::{OutputArgs, print_json, print_line, print_table};
use crate::cli::table::{Cell, Table};
use crate::cli::terminal::plain;
use crate::cli::{LIST_MOST, decode, when};
use crate::client::{Client, Order, Share};

#[derive(Subcommand, Debug)]
pub(super) enum ShareCommand {
    /// List the links that you made; operators see everybody's
    ///
    /// A link itself is shown only when it is made: what is kept of it can't be turned back into it.
    #[command(after_help = "Example:\n  amphi volume share list")]
    List,
    /// Make a link to a file; whoever has it can download the file for some days
    ///
    /// The link is shown this once: what is kept of it can't be turned back into it. Make another one if it is lost.
    #[command(
        after_help = "Examples:\n  amphi volume share create films:2026/film.mkv\n  amphi volume share create films:2026/film.mkv --days 30"
    )]
    Create {
        #[arg(value_name = "EXPORT:PATH")]
        file: String,
        /// How long it holds, 1 to 90 days
        #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=90))]
        days: u32,
    },
    /// Revoke a link at once
    #[command(after_help = "Example:\n  amphi volume share revoke 9f2c41d07b3a5e68")]
    Revoke {
        /// The link's id, which `list` shows
        id: String,
    },
}

pub(super) async fn run(client: &Client, command: ShareCommand, format: OutputArgs) -> Result<(), Failure> {
    match command {
        ShareCommand::List => list(client, format).await,
        ShareCommand::Create { file, days } => {
            let (export, path) = place(&file)?;
            let body = json!({ "export": export, "path": path, "days": days });
            let made = client.change(Method::POST, &["shares"], Some(&body)).await?;
            if format.is_json() {
                return print_json(&made);
            }
            let share: Share = decode(made)?;
            let link = share.link.unwrap_or_default();
            print_line(&plain(&format!("{}{link}", client.base().as_str().trim_end_matches('/'))))
        }
        ShareCommand::Revoke { id } => {
            client.change(Method::DELETE, &["shares", &id], None).await.map_err(|error| {
                let is_unknown = error.status() == Some(404);
                let failure = Failure::from(error);
                if is_unknown { failure.or_try("amphi volume share list") } else { failure }
            })?;
            if format.is_json() { print_json(&json!({ "id": id })) } else { print_line(&format!("{id} revoked")) }
        }
    }
}

async fn list(client: &Client, format: OutputArgs) -> Result<(), Failure> {
    let shares = client.list(&["shares"], &[], Order::Newest, LIST_MOST).await?;
    if format.is_json() {
        return print_json(&shares.into());
    }
    let now = when::now();
    let mut table = Table::new(&["ID", "FILE", "MADE BY", "MADE", "UNTIL"]).whole(0);
    for share in shares {
        let share: Share = decode(share)?;
        table.row([
            Cell::from(&share.id),
            format!("{}:{}", share.export, share.path).into(),
            Cell::from(&share.login),
            when::age(share.created, now).into(),
            when::moment(share.expires).into(),
        ]);
    }
    print_table(&table)
}
