//! `amphi conference`: the servers that hold meetings, and the meetings on them.

mod import;
mod meeting;
mod recording;
mod secret;
mod server;
mod tenant;

use std::io::Read;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::failure::{Failure, USAGE};
use super::node::{health_cell, state_cell};
use super::output::{OutputArgs, print_facts, print_json, print_table};
use super::table::{Cell, Table};
use super::terminal::say;
use super::{LIST_MOST, connect, decode};
use crate::client::{Capacity, Client, ConferenceServer, Order, Usage};

/// More than any secret is long.
const SECRET_BYTES: u64 = 4_096;

/// Arguments of `amphi conference`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  amphi conference server add https://bbb1.example.org SECRET     as `bbb-conf --secret` prints them
  amphi conference status
  amphi conference secret list                                    what an LMS signs with")]
pub(crate) struct ConferenceArgs {
    #[command(flatten)]
    format: OutputArgs,
    #[command(subcommand)]
    command: ConferenceCommand,
}

#[derive(Subcommand, Debug)]
enum ConferenceCommand {
    /// List, add and change conference servers
    #[command(after_help = "\
Examples:
  amphi conference server add https://bbb1.example.org SECRET
  amphi conference server cordon bbb1.example.org")]
    Server {
        #[command(subcommand)]
        command: server::ServerCommand,
    },
    /// List and end running meetings
    #[command(after_help = "Examples:\n  amphi conference meeting list\n  amphi conference meeting end algebra-1")]
    Meeting {
        #[command(subcommand)]
        command: meeting::MeetingCommand,
    },
    /// Show and set what a tenant's meetings are made with
    #[command(after_help = "\
Examples:
  amphi conference tenant show law
  amphi conference tenant set law --default welcome=Hello --meetings 20")]
    Tenant {
        #[command(subcommand)]
        command: tenant::TenantCommand,
    },
    /// List, make and revoke the secrets that an LMS signs with
    #[command(after_help = "Examples:\n  amphi conference secret list\n  amphi conference secret add --note Moodle")]
    Secret {
        #[command(subcommand)]
        command: secret::SecretCommand,
    },
    /// List, bring, publish, protect and delete recordings
    #[command(after_help = "\
Examples:
  amphi conference recording list
  amphi conference recording import 6e35e3b2778883f5db637d7a5dba0a427f692e91-1530718721124.tar")]
    Recording {
        #[command(subcommand)]
        command: recording::RecordingCommand,
    },
    /// Show how all servers fare
    #[command(after_help = "Example:\n  amphi conference status")]
    Status,
    /// Show what tenants used, by day
    #[command(after_help = "\
Examples:
  amphi conference usage
  amphi conference usage --from 2026-03-01 --to 2026-03-31 --tenant law")]
    Usage {
        /// First day, UTC; left out: the first of the month
        #[arg(long, value_name = "DAY")]
        from: Option<String>,
        /// Last day, UTC; left out: today
        #[arg(long, value_name = "DAY")]
        to: Option<String>,
        /// Only this tenant, by name or id
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
    },
    /// Show how many servers are wanted, and which may go
    #[command(after_help = "Example:\n  amphi conference capacity --target-load 150 --output json")]
    Capacity {
        /// Users that a server of weight 100 should have at most; left out: 200
        #[arg(long, value_name = "USERS")]
        target_load: Option<u32>,
    },
}

pub(super) async fn run(args: ConferenceArgs) -> Result<(), Failure> {
    let (format, client) = (args.format, connect()?);
    match args.command {
        ConferenceCommand::Server { command } => server::run(&client, command, format).await,
        ConferenceCommand::Meeting { command } => meeting::run(&client, command, format).await,
        ConferenceCommand::Tenant { command } => tenant::run(&client, command, format).await,
        ConferenceCommand::Secret { command } => secret::run(&client, command, format).await,
        ConferenceCommand::Recording { command } => recording::run(&client, command, format).await,
        ConferenceCommand::Status => status(&client, format).await,
        ConferenceCommand::Usage { from, to, tenant } => {
            let query = [("from", from), ("to", to), ("tenant", tenant)];
            let query: Vec<_> = query.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
            usage(&client, &query, format).await
        }
        ConferenceCommand::Capacity { target_load } => capacity(&client, target_load, format).await,
    }
}

/// A secret as it was given; `-` reads it from standard input, so that it stands in no list of processes.
fn secret_given(secret: String) -> Result<String, Failure> {
    if secret != "-" {
        return Ok(secret);
    }
    let mut text = String::new();
    std::io::stdin().take(SECRET_BYTES).read_to_string(&mut text)?;
    if text.trim().is_empty() {
        return Err(Failure::new(USAGE, "there is no secret on standard input").or_try("bbb-conf --secret"));
    }
    Ok(text.trim().to_owned())
}

async fn servers(client: &Client) -> Result<Vec<Value>, Failure> {
    Ok(client.list(&["conference", "servers"], &[], Order::Name, LIST_MOST).await?)
}

async fn status(client: &Client, format: OutputArgs) -> Result<(), Failure> {
    let servers = servers(client).await?;
    if format.is_json() {
        return print_json(&servers.into());
    }
    if servers.is_empty() {
        say("no conference servers; amphi conference server add URL SECRET\n");
        return Ok(());
    }
    let titles = ["HOSTNAME", "STATE", "STATUS", "MEETINGS", "USERS", "LARGEST", "VIDEOS", "LOAD", "VERSION"];
    let mut table = Table::new(&titles).whole(0);
    for server in servers {
        let server: ConferenceServer = decode(server)?;
        table.row([
            Cell::from(&server.host),
            state_cell(&server.state),
            health_cell(&server.health),
            server.meetings.to_string().into(),
            server.users.to_string().into(),
            server.largest.to_string().into(),
            server.videos.to_string().into(),
            format!("{:.1}", server.load).into(),
            Cell::from(&server.version),
        ]);
    }
    print_table(&table)
}

async fn usage(client: &Client, query: &[(&str, String)], format: OutputArgs) -> Result<(), Failure> {
    let mut page: Value = client.get(&["conference", "usage"], query).await?;
    let rows = page["items"].take();
    if format.is_json() {
        return print_json(&rows);
    }
    let rows: Vec<Usage> = decode(rows)?;
    if rows.is_empty() {
        say("nothing was used on those days\n");
        return Ok(());
    }
    let titles = ["DAY", "TENANT", "MEETINGS", "ATTENDEE HOURS", "MOST MEETINGS", "MOST ATTENDEES"];
    let mut table = Table::new(&titles).whole(1);
    for row in rows {
        table.row([
            Cell::from(&row.day),
            Cell::from(&row.tenant),
            row.meetings.to_string().into(),
            format!("{:.2}", row.attendee_hours).into(),
            row.meetings_most.to_string().into(),
            row.attendees_most.to_string().into(),
        ]);
    }
    print_table(&table)
}

async fn capacity(client: &Client, target_load: Option<u32>, format: OutputArgs) -> Result<(), Failure> {
    let query: Vec<_> = target_load.map(|users| ("target_load", users.to_string())).into_iter().collect();
    let told: Value = client.get(&["conference", "capacity"], &query).await?;
    if format.is_json() {
        return print_json(&told);
    }
    let told: Capacity = decode(told)?;
    print_facts(&[
        ("wanted", Some(format!("{} servers", told.servers_wanted))),
        ("enabled", Some(format!("{} servers", told.servers_enabled))),
        ("spare", Some(told.spare.to_string())),
        ("load", Some(format!("{:.1} users, {:.1} a server", told.load, told.load_per_server))),
        ("may go", Some(told.remove_when_empty.join(" ")).filter(|ids| !ids.is_empty())),
    ])
}
