//! `amphi node`: the machines that runs go to.

mod mount;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::failure::{Failure, USAGE};
use super::output::{OutputArgs, print_facts, print_json, print_line, print_table};
use super::table::{Cell, Table};
use super::terminal::{Colour, confirm, is_interactive, plain, say};
use super::when;
use super::{LIST_MOST, connect, decode};
use crate::client::{Client, ClientError, Node, NodeToken, Order};

/// Arguments of `amphi node`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  amphi node list
  amphi node token                 prints the one command that makes a machine a node
  amphi node cordon lab-c          lab-c finishes what it has and takes nothing new")]
pub(crate) struct NodeArgs {
    #[command(flatten)]
    format: OutputArgs,
    #[command(subcommand)]
    command: NodeCommand,
}

#[derive(Subcommand, Debug)]
enum NodeCommand {
    /// List nodes
    #[command(after_help = "Example:\n  amphi node list --output json")]
    List,
    /// Show one node with its tools
    #[command(after_help = "Example:\n  amphi node show lab-a")]
    Show { node: String },
    /// Make a join token and print the command to paste on the new node
    #[command(after_help = "Example:\n  amphi node token --valid-minutes 30")]
    Token {
        /// How long the token can be used, minutes
        #[arg(long, value_name = "MINUTES")]
        valid_minutes: Option<u64>,
    },
    /// Let a node take runs again
    #[command(after_help = "Example:\n  amphi node enable lab-a")]
    Enable { node: String },
    /// Give a node no new runs; those on it go on
    #[command(after_help = "Example:\n  amphi node cordon lab-a")]
    Cordon { node: String },
    /// Take a node out: what waits for it ends as an error
    #[command(after_help = "Example:\n  amphi node disable lab-a")]
    Disable { node: String },
    /// List what is mounted on a node for operators
    #[command(after_help = "Example:\n  amphi node mounts lab-a")]
    Mounts { node: String },
    /// Mount an export on a directory of a node; its agent keeps it mounted
    #[command(after_help = "\
Examples:
  amphi node mount lab-a films /mnt/films
  amphi node mount --read-only lab-a course-1@before-exam /mnt/exam")]
    Mount(mount::MountArgs),
    /// Unmount on a node, once everything is stored
    #[command(after_help = "Example:\n  amphi node unmount lab-a /mnt/films")]
    Unmount { node: String, directory: String },
    /// Remove a node for good; its agent has to join anew
    #[command(after_help = "Example:\n  amphi node remove --yes lab-a")]
    Remove {
        node: String,
        /// Don't ask
        #[arg(long)]
        yes: bool,
    },
}

pub(super) async fn run(args: NodeArgs) -> Result<(), Failure> {
    let client = connect()?;
    let format = args.format;
    match args.command {
        NodeCommand::List => list(&client, format).await,
        NodeCommand::Show { node } => {
            let node = client.get(&["nodes", &node], &[]).await.map_err(unknown)?;
            if format.is_json() { print_json(&node) } else { print_node(&decode(node)?) }
        }
        NodeCommand::Token { valid_minutes } => token(&client, valid_minutes, format).await,
        NodeCommand::Enable { node } => set_state(&client, &node, "enabled", format).await,
        NodeCommand::Cordon { node } => set_state(&client, &node, "cordoned", format).await,
        NodeCommand::Disable { node } => set_state(&client, &node, "disabled", format).await,
        NodeCommand::Mounts { node } => mount::list(&client, &node, format).await,
        NodeCommand::Mount(args) => mount::mount(&client, args, format).await,
        NodeCommand::Unmount { node, directory } => mount::unmount(&client, &node, &directory, format).await,
        NodeCommand::Remove { node, yes } => remove(&client, &node, yes, format).await,
    }
}

fn unknown(error: ClientError) -> Failure {
    let is_unknown = error.status() == Some(404);
    let failure = Failure::from(error);
    if is_unknown { failure.or_try("amphi node list") } else { failure }
}

async fn list(client: &Client, format: OutputArgs) -> Result<(), Failure> {
    let nodes = client.list(&["nodes"], &[], Order::Name, LIST_MOST).await?;
    if format.is_json() {
        return print_json(&nodes.into());
    }
    if nodes.is_empty() {
        say("no nodes; try: amphi node token\n");
        return Ok(());
    }
    let now = when::now();
    let mut table = Table::new(&["NAME", "STATE", "HEALTH", "RUNNING", "LABELS", "TOOLS", "LAST SEEN"]).whole(0);
    for node in nodes {
        let node: Node = decode(node)?;
        let tools: Vec<&str> = node.tools.iter().map(|tool| tool.name.as_str()).collect();
        table.row([
            Cell::from(&node.name),
            state_cell(&node.state),
            health_cell(&node.health),
            load(&node).into(),
            labels(&node).into(),
            tools.join(" ").into(),
            node.last_seen.map(|seen| when::age(seen, now)).unwrap_or_default().into(),
        ]);
    }
    print_table(&table)
}

/// A mark, a word and a colour.
pub(super) fn health_cell(health: &str) -> Cell {
    match health {
        "up" => Cell::coloured("✓ up", Some(Colour::Green)),
        "suspect" => Cell::coloured("? suspect", Some(Colour::Yellow)),
        "down" => Cell::coloured("✗ down", Some(Colour::Red)),
        other => Cell::from(other),
    }
}

/// Enabled is the rule; what isn't stands out.
pub(super) fn state_cell(state: &str) -> Cell {
    Cell::coloured(state, (state != "enabled").then_some(Colour::Yellow))
}

fn labels(node: &Node) -> String {
    node.labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
}

/// Runs on it and how many may be; an operator may have set more than the agent allows.
fn load(node: &Node) -> String {
    match node.agent_slots.filter(|allowed| *allowed < node.slots) {
        Some(allowed) => format!("{} of {} (agent allows {allowed})", node.running, node.slots),
        None => format!("{} of {}", node.running, node.slots),
    }
}

/// Whether learners' programs may run there, and what holds them in.
fn programs(are_taken: bool, fences: &[String]) -> String {
    match (are_taken, fences.is_empty()) {
        (true, false) => format!("yes, held in by {}", fences.join(", ")),
        (true, true) => "yes, uncontained".to_owned(),
        (false, _) => "no".to_owned(),
    }
}

fn print_node(node: &Node) -> Result<(), Failure> {
    print_facts(&[
        ("name", Some(node.name.clone())),
        ("id", Some(node.id.clone())),
        ("state", Some(node.state.clone())),
        ("health", Some(node.health.clone())),
        ("running", Some(load(node))),
        ("labels", Some(labels(node)).filter(|labels| !labels.is_empty())),
        ("addresses", Some(node.addresses.join(" ")).filter(|addresses| !addresses.is_empty())),
        ("cores", node.cores.map(|cores| cores.to_string())),
        ("memory", node.memory_bytes.map(|bytes| format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30)))),
        ("system", node.os.clone()),
        ("programs", node.takes_programs.map(|takes| programs(takes, &node.fences))),
        ("last seen", node.last_seen.map(|seen| when::exact(seen, when::now()))),
    ])?;
    let mut table = Table::new(&["TOOL", "VERSION"]);
    for tool in &node.tools {
        table.row([Cell::from(&tool.name), Cell::from(&tool.version)]);
    }
    print_line("")?;
    print_table(&table)
}

async fn token(client: &Client, valid_minutes: Option<u64>, format: OutputArgs) -> Result<(), Failure> {
    let body = match valid_minutes {
        Some(minutes) => json!({ "valid_minutes": minutes }),
        None => json!({}),
    };
    let token = client.change(Method::POST, &["node-tokens"], Some(&body)).await?;
    if format.is_json() {
        return print_json(&token);
    }
    let token: NodeToken = decode(token)?;
    if let Some(warning) = &token.warning {
        say(&format!("{}\n", plain(warning)));
    }
    say(&format!("paste this on the new node; the token works once, until {}:\n", when::moment(token.expires)));
    print_line(&plain(&token.command))
}

async fn set_state(client: &Client, node: &str, state: &str, format: OutputArgs) -> Result<(), Failure> {
    let body = json!({ "state": state });
    let changed: Value = client.change(Method::PATCH, &["nodes", node], Some(&body)).await.map_err(unknown)?;
    if format.is_json() { print_json(&changed) } else { print_line(&format!("{node} is {state}")) }
}

async fn remove(client: &Client, node: &str, yes: bool, format: OutputArgs) -> Result<(), Failure> {
    if !yes {
        if !is_interactive() {
            return Err(Failure::new(USAGE, format!("removing {node} can't be undone and nobody is here to ask"))
                .or_try(format!("amphi node remove --yes {node}")));
        }
        if !confirm(&format!("Remove {node}? Its agent will have to join anew."))? {
            return Err(Failure::new(USAGE, format!("{node} was not removed")));
        }
    }
    client.change(Method::DELETE, &["nodes", node], None).await.map_err(unknown)?;
    if format.is_json() { print_json(&json!({ "node": node })) } else { print_line(&format!("{node} removed")) }
}
