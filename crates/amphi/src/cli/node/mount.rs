//! `amphi node mount`, `mounts` and `unmount`: exports that agents keep mounted on their nodes.

use std::time::{Duration, Instant};

use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use super::unknown;
use crate::cli::failure::{Failure, NOT_FOUND, UNAVAILABLE};
use crate::cli::output::{OutputArgs, print_json, print_line, print_table};
use crate::cli::table::{Cell, Table};
use crate::cli::terminal::{StatusLine, plain};
use crate::cli::{LIST_MOST, decode};
use crate::client::{Client, NodeMount, Order};

/// The node has done it, or said why not, within this time.
const WAIT_LIMIT: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// Arguments of `amphi node mount`.
#[derive(Args, Debug)]
pub(super) struct MountArgs {
    node: String,
    /// The export or snapshot
    export: String,
    /// An absolute path on the node; it is empty there, or absent
    directory: String,
    /// Change nothing through it
    #[arg(long)]
    read_only: bool,
}

async fn mounts(client: &Client, node: &str) -> Result<Vec<Value>, Failure> {
    client.list(&["nodes", node, "mounts"], &[], Order::Name, LIST_MOST).await.map_err(unknown)
}

pub(super) async fn list(client: &Client, node: &str, format: OutputArgs) -> Result<(), Failure> {
    let found = mounts(client, node).await?;
    if format.is_json() {
        return print_json(&found.into());
    }
    let mut table = Table::new(&["DIRECTORY", "EXPORT", "ACCESS", "STATE", "BY", "WHY"]).whole(0);
    for mount in found {
        let mount: NodeMount = decode(mount)?;
        table.row([
            Cell::from(&mount.directory),
            Cell::from(&mount.export),
            (if mount.read_only { "read" } else { "write" }).into(),
            Cell::from(&mount.state),
            Cell::from(&mount.login),
            Cell::from(&mount.detail),
        ]);
    }
    print_table(&table)
}

/// Asks for it, and waits until the node says how it stands.
pub(super) async fn mount(client: &Client, args: MountArgs, format: OutputArgs) -> Result<(), Failure> {
    let body = json!({ "export": args.export, "directory": args.directory, "read_only": args.read_only });
    let made = client.change(Method::POST, &["nodes", &args.node, "mounts"], Some(&body)).await?;
    let id = decode::<NodeMount>(made)?.id;
    let (mut line, begun) = (StatusLine::new(), Instant::now());
    loop {
        let found = mounts(client, &args.node).await?.into_iter().find(|mount| mount["id"] == id);
        let Some(found) = found else {
            return Err(Failure::new(NOT_FOUND, format!("{} was unmounted meanwhile", args.directory)));
        };
        let mount: NodeMount = decode(found.clone())?;
        match mount.state.as_str() {
            "mounted" => {
                line.clear();
                let said = format!("{} is mounted on {} of {}", args.export, plain(&mount.directory), args.node);
                return if format.is_json() { print_json(&found) } else { print_line(&said) };
            }
            "failing" => {
                line.clear();
                let what = format!("{} can't be mounted now; its agent goes on trying", args.export);
                let failure = Failure::new(UNAVAILABLE, what).why(plain(&mount.detail));
                return Err(failure.or_try(format!("amphi node unmount {} {}", args.node, args.directory)));
            }
            _ if begun.elapsed() > WAIT_LIMIT => {
                line.clear();
                let failure = Failure::new(UNAVAILABLE, format!("{} has not answered yet", args.node));
                return Err(failure.or_try(format!("amphi node mounts {}", args.node)));
            }
            _ => line.show(&format!("waiting for {}", args.node)),
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Asks for it, and waits until the node has stored everything and unmounted.
pub(super) async fn unmount(client: &Client, node: &str, directory: &str, format: OutputArgs) -> Result<(), Failure> {
    let directory = directory.trim_end_matches('/');
    let mut mount = None;
    for found in mounts(client, node).await? {
        let found: NodeMount = decode(found)?;
        mount = mount.or(Some(found).filter(|found| found.directory == directory));
    }
    let Some(NodeMount { id, .. }) = mount else {
        let failure = Failure::new(NOT_FOUND, format!("nothing is mounted on {directory} of {node}"));
        return Err(failure.or_try(format!("amphi node mounts {node}")));
    };
    client.change(Method::DELETE, &["nodes", node, "mounts", &id], None).await?;
    let (mut line, begun) = (StatusLine::new(), Instant::now());
    while mounts(client, node).await?.iter().any(|mount| mount["id"] == id) {
        if begun.elapsed() > WAIT_LIMIT {
            return Err(Failure::new(UNAVAILABLE, format!("{node} has not unmounted {directory} yet")));
        }
        line.show(&format!("waiting for {node}"));
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    line.clear();
    if format.is_json() {
        print_json(&json!({ "node": node, "directory": directory }))
    } else {
        print_line(&format!("{directory} of {node} is unmounted"))
    }
}
