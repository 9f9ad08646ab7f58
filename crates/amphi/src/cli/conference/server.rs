//! `amphi conference server`: the servers that meetings are placed on.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{import, secret_given, servers};
use crate::cli::decode;
use crate::cli::failure::{Failure, USAGE};
use crate::cli::node::{health_cell, state_cell};
use crate::cli::output::{OutputArgs, print_facts, print_json, print_line, print_table};
use crate::cli::table::{Cell, Table};
use crate::cli::terminal::{confirm, is_interactive, plain, say};
use crate::cli::when;
use crate::client::{Client, ClientError, ConferenceServer};

#[derive(Subcommand, Debug)]
pub(super) enum ServerCommand {
    /// Add a server; it takes meetings at once
    #[command(after_help = "\
The address and the secret are what `bbb-conf --secret` prints on the server.

Examples:
  amphi conference server add https://bbb1.example.org/bigbluebutton/ SECRET
  ssh bbb1 bbb-conf --secret | awk '/Secret/ {print $2}' | amphi conference server add https://bbb1.example.org -")]
    Add {
        url: String,
        /// The server's shared secret; `-` reads it from standard input
        secret: String,
        /// Only meetings that ask for this tag
        #[arg(long, value_name = "TAG")]
        tag: Option<String>,
        /// Its share of the meetings relative to the others; left out: 100
        #[arg(long, value_name = "WEIGHT")]
        weight: Option<u32>,
        /// An id of your own; left out: made anew
        #[arg(long, value_name = "ID")]
        id: Option<String>,
    },
    /// List servers
    #[command(after_help = "Example:\n  amphi conference server list --output json")]
    List,
    /// Show one server, by its id or the name of its host
    #[command(after_help = "Example:\n  amphi conference server show bbb1.example.org")]
    Show { server: String },
    /// Give a server meetings again
    #[command(after_help = "Example:\n  amphi conference server enable bbb1.example.org")]
    Enable { server: String },
    /// Give a server no new meetings; it is disabled once those on it have ended
    #[command(after_help = "Example:\n  amphi conference server cordon bbb1.example.org")]
    Cordon { server: String },
    /// Disable a server that has no meetings
    #[command(after_help = "Example:\n  amphi conference server disable bbb1.example.org")]
    Disable { server: String },
    /// End every meeting on a server, and disable it
    #[command(after_help = "Example:\n  amphi conference server panic --yes bbb1.example.org")]
    Panic(SureArgs),
    /// Remove a server that has no meetings
    #[command(after_help = "Example:\n  amphi conference server remove --yes bbb1.example.org")]
    Remove(SureArgs),
    /// Change a server
    #[command(after_help = "\
Examples:
  amphi conference server set bbb1.example.org --weight 200
  amphi conference server set bbb1.example.org --tag ''            no tag any more
  amphi conference server set bbb1.example.org --secret - < FILE")]
    Set(SetArgs),
    /// Take over Scalelite's servers, out of what its `servers:yaml[true]` prints
    #[command(after_help = "\
What is there already, by id or address, gets the file's secret, tag and weight, and keeps its state.

Example:
  amphi conference server import servers.yaml")]
    Import { file: PathBuf },
}

/// A server for which something can't be undone.
#[derive(Args, Debug)]
pub(super) struct SureArgs {
    server: String,
    /// Don't ask
    #[arg(long)]
    yes: bool,
}

/// What is to be changed of a server.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("change").required(true).multiple(true).args(["url", "secret", "tag", "weight"])))]
pub(super) struct SetArgs {
    server: String,
    /// A new address
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// A new shared secret; `-` reads it from standard input
    #[arg(long, value_name = "SECRET")]
    secret: Option<String>,
    /// A new tag; empty: none
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// A new share of the meetings
    #[arg(long, value_name = "WEIGHT")]
    weight: Option<u32>,
}

pub(super) async fn run(client: &Client, command: ServerCommand, format: OutputArgs) -> Result<(), Failure> {
    match command {
        ServerCommand::Add { url, secret, tag, weight, id } => {
            let secret = secret_given(secret)?;
            let body = body(&[
                ("url", Some(url.into())),
                ("secret", Some(secret.into())),
                ("tag", tag.map(Value::from)),
                ("weight", weight.map(Value::from)),
                ("id", id.map(Value::from)),
            ]);
            let made = client.change(Method::POST, &["conference", "servers"], Some(&body)).await?;
            if format.is_json() { print_json(&made) } else { told_added(&decode(made)?) }
        }
        ServerCommand::List => list(client, format).await,
        ServerCommand::Show { server } => {
            let server: Value = client.get(&path(&server), &[]).await.map_err(unknown)?;
            if format.is_json() { print_json(&server) } else { print_server(&decode(server)?) }
        }
        ServerCommand::Enable { server } => set_state(client, &server, "enabled", format).await,
        ServerCommand::Cordon { server } => set_state(client, &server, "cordoned", format).await,
        ServerCommand::Disable { server } => set_state(client, &server, "disabled", format).await,
        ServerCommand::Panic(args) => panic(client, args, format).await,
        ServerCommand::Remove(args) => remove(client, args, format).await,
        ServerCommand::Set(args) => set(client, args, format).await,
        ServerCommand::Import { file } => import::run(client, &file, format).await,
    }
}

fn path(server: &str) -> [&str; 3] {
    ["conference", "servers", server]
}

fn unknown(error: ClientError) -> Failure {
    let is_unknown = error.status() == Some(404);
    let failure = Failure::from(error);
    if is_unknown { failure.or_try("amphi conference server list") } else { failure }
}

/// The fields that were given.
fn body(fields: &[(&str, Option<Value>)]) -> Value {
    let given = fields.iter().filter_map(|(name, value)| Some(((*name).to_owned(), value.clone()?)));
    Value::Object(given.collect::<Map<_, _>>())
}

/// The id stands alone on its line, for scripts that cut it out.
fn told_added(server: &ConferenceServer) -> Result<(), Failure> {
    print_line(&plain(&format!("id: {}", server.id)))?;
    if server.health != "up" {
        say(&format!("{} does not answer yet: {}\n", plain(&server.host), plain(&server.trouble)));
    }
    Ok(())
}

async fn list(client: &Client, format: OutputArgs) -> Result<(), Failure> {
    let servers = servers(client).await?;
    if format.is_json() {
        return print_json(&servers.into());
    }
    if servers.is_empty() {
        say("no conference servers; amphi conference server add URL SECRET\n");
        return Ok(());
    }
    let mut table = Table::new(&["ID", "URL", "STATE", "STATUS", "WEIGHT", "TAG"]).whole(0);
    for server in servers {
        let server: ConferenceServer = decode(server)?;
        table.row([
            Cell::from(&server.id),
            Cell::from(&server.url),
            state_cell(&server.state),
            if server.is_asked() { health_cell(&server.health) } else { "–".to_owned().into() },
            server.weight.to_string().into(),
            Cell::from(&server.tag),
        ]);
    }
    print_table(&table)
}

fn print_server(server: &ConferenceServer) -> Result<(), Failure> {
    let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    print_facts(&[
        ("id", Some(server.id.clone())),
        ("url", Some(server.url.clone())),
        ("state", Some(server.state.clone())),
        ("status", server.is_asked().then(|| server.health.clone())),
        ("why", some(&server.trouble)),
        ("silent since", server.silent_since.map(|since| when::exact(since, when::now()))),
        ("tag", some(&server.tag)),
        ("weight", Some(server.weight.to_string())),
        ("meetings", Some(server.meetings.to_string())),
        ("users", Some(format!("{}, {} in the largest meeting", server.users, server.largest))),
        ("videos", Some(server.videos.to_string())),
        ("load", Some(format!("{:.1}", server.load))),
        ("version", some(&server.version)),
    ])
}

async fn set_state(client: &Client, server: &str, state: &str, format: OutputArgs) -> Result<(), Failure> {
    let body = json!({ "state": state });
    let changed: Value = client.change(Method::PATCH, &path(server), Some(&body)).await.map_err(unknown)?;
    if format.is_json() {
        return print_json(&changed);
    }
    let changed: ConferenceServer = decode(changed)?;
    let rest = match changed.meetings {
        meetings @ 1.. if state == "cordoned" => format!("; {meetings} meetings are still on it"),
        _ => String::new(),
    };
    print_line(&plain(&format!("{} is {}{rest}", changed.host, changed.state)))
}

async fn set(client: &Client, args: SetArgs, format: OutputArgs) -> Result<(), Failure> {
    let secret = args.secret.map(secret_given).transpose()?;
    let body = body(&[
        ("url", args.url.map(Value::from)),
        ("secret", secret.map(Value::from)),
        ("tag", args.tag.map(Value::from)),
        ("weight", args.weight.map(Value::from)),
    ]);
    let changed: Value = client.change(Method::PATCH, &path(&args.server), Some(&body)).await.map_err(unknown)?;
    if format.is_json() { print_json(&changed) } else { print_server(&decode(changed)?) }
}

fn sure(args: &SureArgs, what: &str, command: &str) -> Result<(), Failure> {
    if args.yes {
        return Ok(());
    }
    if !is_interactive() {
        return Err(Failure::new(USAGE, "that can't be undone and nobody is here to ask")
            .or_try(format!("amphi conference server {command} --yes {}", args.server)));
    }
    if confirm(&format!("{what} {}?", args.server))? { Ok(()) } else { Err(Failure::new(USAGE, "nothing was changed")) }
}

async fn panic(client: &Client, args: SureArgs, format: OutputArgs) -> Result<(), Failure> {
    sure(&args, "End every meeting on", "panic")?;
    let [conference, servers, server] = path(&args.server);
    let path = [conference, servers, server, "panic"];
    let done = client.change(Method::POST, &path, None).await.map_err(unknown)?;
    if format.is_json() {
        return print_json(&done);
    }
    print_line(&plain(&format!("{} is disabled; {} meetings were ended", args.server, done["ended"])))
}

async fn remove(client: &Client, args: SureArgs, format: OutputArgs) -> Result<(), Failure> {
    sure(&args, "Remove", "remove")?;
    client.change(Method::DELETE, &path(&args.server), None).await.map_err(unknown)?;
    if format.is_json() {
        print_json(&json!({ "server": args.server }))
    } else {
        print_line(&plain(&format!("{} removed", args.server)))
    }
}
