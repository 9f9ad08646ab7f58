//! `amphi store`: the directories on nodes, and the buckets, that keep parts of files.

use std::time::Duration;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::failure::{CONFLICT, Failure, USAGE};
use super::node::{health_cell, state_cell};
use super::output::{OutputArgs, print_facts, print_json, print_line, print_table};
use super::size::size;
use super::table::{Cell, Table};
use super::terminal::{StatusLine, confirm, is_interactive, plain, say};
use super::when;
use super::{LIST_MOST, connect, decode};
use crate::client::{Client, ClientError, Order, Store, VolumeHealth};

/// What goes on is looked at again after this long.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

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
    #[command(after_help = "\
Ctrl-C leaves it going on. A store that is drained is free at once; what it still has is deleted within two hours.

Examples:
  amphi store drain 3
  amphi store drain --detach 3")]
    Drain {
        store: u64,
        /// Begin it, and don't wait for its end
        #[arg(long)]
        detach: bool,
    },
    /// Remove a store that holds no part of any file
    #[command(after_help = "\
An agent that still offers it makes it join again, under another number: take its --store away first.

Example:
  amphi store remove --yes 3")]
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
        StoreCommand::Drain { store, detach: true } => set_state(&client, store, "draining", format).await,
        StoreCommand::Drain { store, detach: false } => drain(&client, store, format).await,
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

/// Begins to empty a store, and follows that.
async fn drain(client: &Client, store: u64, format: OutputArgs) -> Result<(), Failure> {
    let (number, body) = (store.to_string(), json!({ "state": "draining" }));
    client.change(Method::PATCH, &["stores", &number], Some(&body)).await.map_err(unknown)?;
    let mut line = StatusLine::new();
    let drained = loop {
        let found: Value = client.get(&["stores", &number], &[]).await.map_err(unknown)?;
        let health: Value = client.get(&["storage", "health"], &[]).await?;
        match found["state"].as_str() {
            Some("drained") => break (found, health),
            Some("draining") => {}
            state => {
                let state = state.unwrap_or_default();
                return Err(Failure::new(CONFLICT, format!("store {store} is {state} now: somebody changed that")));
            }
        }
        let health = DrainHealth::of(&health)?;
        if let Some(alert) = health.hopeless {
            let failure = Failure::new(CONFLICT, format!("store {store} can't be emptied now, and stays draining"));
            return Err(failure.why(alert).or_try(format!("add stores, or amphi store enable {store}")));
        }
        line.show(&format!("store {store}: {} wait to be put on others", size(health.left_bytes)));
        tokio::time::sleep(LOOK_AGAIN).await;
    };
    line.clear();
    for exposed in DrainHealth::of(&drained.1)?.exposed {
        say(&format!("warning: {exposed}\n"));
    }
    if format.is_json() {
        return print_json(&drained.0);
    }
    print_line(&format!("store {store} is drained: it can be removed"))
}

/// What the health of all volumes says of a store that is being emptied.
struct DrainHealth {
    /// User bytes in stripes that have to be put elsewhere.
    left_bytes: u64,
    /// Why that can't be.
    hopeless: Option<String>,
    /// What one node could take away, a sentence for each volume.
    exposed: Vec<String>,
}

impl DrainHealth {
    fn of(health: &Value) -> Result<Self, Failure> {
        let volumes: Vec<VolumeHealth> = decode(health["volumes"].clone())?;
        let waits = |name: &str| volumes.iter().any(|volume| volume.volume == name && volume.rebuild_bytes > 0);
        let stuck = |alert: &&Value| alert["code"] == "cannot-place" && alert["volume"].as_str().is_some_and(waits);
        let hopeless = health["alerts"].as_array().into_iter().flatten().find(stuck);
        let exposed = volumes.iter().filter(|volume| volume.exposed > 0);
        Ok(Self {
            left_bytes: volumes.iter().map(|volume| volume.rebuild_bytes).sum(),
            hopeless: hopeless.map(|alert| plain(alert["message"].as_str().unwrap_or_default())),
            exposed: exposed
                .map(|volume| {
                    let VolumeHealth { volume, exposed, .. } = volume;
                    format!("{} stripes of {} can't be read without some one node now", exposed, plain(volume))
                })
                .collect(),
        })
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_nothing_takes_the_place_of_is_not_waited_for() {
        let volume = |name: &str, rebuild_bytes: u64, exposed: u64| {
            json!({ "volume": name, "healthy": 1, "degraded": 0, "at_risk": 0, "lost": 0, "repairs_waiting": 0,
                "rebuild_bytes": rebuild_bytes, "exposed": exposed })
        };
        let alerts = json!([{ "code": "cannot-place", "volume": "films", "message": "only 5 stores" }]);
        let stuck = json!({ "volumes": [volume("films", 5, 0), volume("home", 7, 2)], "alerts": alerts });
        let stuck = DrainHealth::of(&stuck).unwrap();
        assert_eq!((stuck.left_bytes, stuck.hopeless.as_deref()), (12, Some("only 5 stores")));
        assert!(stuck.exposed.len() == 1 && stuck.exposed[0].contains("2 stripes of home"));
        let other = json!({ "volumes": [volume("films", 0, 0), volume("home", 7, 0)], "alerts": alerts });
        assert_eq!(DrainHealth::of(&other).unwrap().hopeless, None);
    }
}
