//! `amphi store`: the directories on nodes, and the buckets, that keep parts of files.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::failure::{Failure, USAGE};
use super::node::{health_cell, state_cell};
use super::output::{OutputArgs, print_facts, print_json, print_line, print_table};
use super::size::size;
use super::table::{Cell, Table};
use super::terminal::{confirm, is_interactive, say};
use super::when;
use super::{LIST_MOST, connect, decode};
use crate::client::{Client, ClientError, Order, Store};

/// Arguments of `amphi store`.
#[derive(Args, Debug)]
#[command(after_help = "\
An agent offers stores with --store DIR:SIZE, or --store s3://BUCKET?endpoint=URL:SIZE; they join by themselves.

Examples:
  amphi store list
  amphi store cordon 3             store 3 keeps what it has and takes nothing new")]
pub(crate) struct StoreArgs {
    #[command(flatten)]
    format: OutputArgs,
    #[command(subcommand)]
    command: StoreCommand,
}

#[derive(Subcommand, Debug)]
enum StoreCommand {
    /// List stores
    #[command(after_help = "Example:\n  amphi store list --output json")]
    List,
    /// Show one store
    #[command(after_help = "Example:\n  amphi store show 3")]
    Show { store: u64 },
    /// Let a store take new parts of files again
    #[command(after_help = "Example:\n  amphi store enable 3")]
    Enable { store: u64 },
    /// Give a store nothing new; what it has stays and is read
    #[command(after_help = "Example:\n  amphi store cordon 3")]
    Cordon { store: u64 },
    /// Mark a store as one that is to go; it takes nothing new
    #[command(after_help = "Example:\n  amphi store disable 3")]
    Disable { store: u64 },
    /// Empty a store: what it has is put on others, then it can be removed
    #[command(after_help = "Example:\n  amphi store drain 3")]
    Drain { store: u64 },
    /// Remove a store that holds no part of any file
    #[command(after_help = "Example:\n  amphi store remove --yes 3")]
    Remove {
        store: u64,
        /// Don't ask
        #[arg(long)]
        yes: bool,
    },
}

pub(super) async fn run(args: StoreArgs) -> Result<(), Failure> {
    let client = connect()?;
    let format = args.format;
    match args.command {
        StoreCommand::List => list(&client, format).await,
        StoreCommand::Show { store } => {
            let store = client.get(&["stores", &store.to_string()], &[]).await.map_err(unknown)?;
            if format.is_json() { print_json(&store) } else { print_store(&decode(store)?) }
        }
        StoreCommand::Enable { store } => set_state(&client, store, "enabled", format).await,
        StoreCommand::Cordon { store } => set_state(&client, store, "cordoned", format).await,
        StoreCommand::Disable { store } => set_state(&client, store, "disabled", format).await,
        StoreCommand::Drain { store } => set_state(&client, store, "draining", format).await,
        StoreCommand::Remove { store, yes } => remove(&client, store, yes, format).await,
    }
}

fn unknown(error: ClientError) -> Failure {
    let is_unknown = error.status() == Some(404);
    let failure = Failure::from(error);
    if is_unknown { failure.or_try("amphi store list") } else { failure }
}

async fn list(client: &Client, format: OutputArgs) -> Result<(), Failure> {
    let stores = client.list(&["stores"], &[], Order::Name, LIST_MOST).await?;
    if format.is_json() {
        return print_json(&stores.into());
    }
    if stores.is_empty() {
        say("no stores; start an agent with --store DIR:SIZE\n");
        return Ok(());
    }
    let titles = ["ID", "NODE", "NAME", "KIND", "STATE", "HEALTH", "USED", "FREE", "UNITS", "LABELS"];
    let mut table = Table::new(&titles).whole(0);
    for store in stores {
        let store: Store = decode(store)?;
        table.row([
            store.id.to_string().into(),
            Cell::from(&store.node),
            Cell::from(&store.name),
            Cell::from(&store.kind),
            state_cell(&store.state),
            health_cell(&store.health),
            size(store.used_bytes).into(),
            size(store.free_bytes).into(),
            store.units.to_string().into(),
            labels(&store).into(),
        ]);
    }
    print_table(&table)
}

fn labels(store: &Store) -> String {
    store.labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
}

fn print_store(store: &Store) -> Result<(), Failure> {
    print_facts(&[
        ("id", Some(store.id.to_string())),
        ("node", Some(store.node.clone())),
        ("name", Some(store.name.clone())),
        ("kind", Some(store.kind.clone())),
        ("state", Some(store.state.clone())),
        ("health", Some(store.health.clone())),
        ("why", Some(store.detail.clone()).filter(|detail| !detail.is_empty())),
        ("capacity", Some(size(store.capacity_bytes))),
        ("used", Some(size(store.used_bytes))),
        ("free", Some(size(store.free_bytes))),
        ("units", Some(store.units.to_string())),
        ("labels", Some(labels(store)).filter(|labels| !labels.is_empty())),
        ("addresses", Some(store.addresses.join(" ")).filter(|addresses| !addresses.is_empty())),
        ("joined", Some(when::exact(store.created, when::now()))),
        ("last seen", Some(when::exact(store.seen, when::now()))),
    ])
}

async fn set_state(client: &Client, store: u64, state: &str, format: OutputArgs) -> Result<(), Failure> {
    let (number, body) = (store.to_string(), json!({ "state": state }));
    let changed: Value = client.change(Method::PATCH, &["stores", &number], Some(&body)).await.map_err(unknown)?;
    if format.is_json() { print_json(&changed) } else { print_line(&format!("store {store} is {state}")) }
}

async fn remove(client: &Client, store: u64, yes: bool, format: OutputArgs) -> Result<(), Failure> {
    if !yes {
        if !is_interactive() {
            return Err(Failure::new(
                USAGE,
                format!("removing store {store} can't be undone and nobody is here to ask"),
            )
            .or_try(format!("amphi store remove --yes {store}")));
        }
        if !confirm(&format!("Remove store {store}?"))? {
            return Err(Failure::new(USAGE, format!("store {store} was not removed")));
        }
    }
    client.change(Method::DELETE, &["stores", &store.to_string()], None).await.map_err(unknown)?;
    if format.is_json() {
        print_json(&json!({ "store": store }))
    } else {
        print_line(&format!("store {store} removed"))
    }
}
