//! `amphi tool`: the server's catalogue of tools, their options and caps.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::failure::{Failure, NOT_FOUND};
use super::output::{OutputArgs, print, print_json, print_table};
use super::table::{Cell, Table};
use super::terminal::{plain, stdout_width};
use super::{connect, decode};
use crate::client::{Client, Tool, ToolOption};

/// Arguments of `amphi tool`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  amphi tool list\n  amphi tool show iperf3")]
pub(crate) struct ToolArgs {
    #[command(flatten)]
    format: OutputArgs,
    #[command(subcommand)]
    command: ToolCommand,
}

#[derive(Subcommand, Debug)]
enum ToolCommand {
    /// List the tools
    #[command(after_help = "Example:\n  amphi tool list --output json")]
    List,
    /// Show what a tool takes; `amphi run TOOL --help` does the same
    #[command(after_help = "Example:\n  amphi tool show traceroute")]
    Show { tool: String },
}

pub(super) async fn run(args: ToolArgs) -> Result<(), Failure> {
    let client = connect()?;
    match args.command {
        ToolCommand::List => list(&client, args.format).await,
        ToolCommand::Show { tool } => show(&client, &tool, args.format).await,
    }
}

/// The tools and how many nodes have each.
pub(super) async fn list(client: &Client, format: OutputArgs) -> Result<(), Failure> {
    let tools: Value = client.get(&["tools"], &[]).await?;
    if format.is_json() {
        return print_json(&tools);
    }
    let mut table = Table::new(&["TOOL", "NODES", "WHAT IT SHOWS"]);
    for tool in decode::<Vec<Tool>>(tools)? {
        table.row([Cell::from(&tool.name), tool.nodes.to_string().into(), Cell::from(&tool.summary)]);
    }
    print_table(&table)
}

/// What `name` takes, with bounds and defaults.
pub(super) async fn show(client: &Client, name: &str, format: OutputArgs) -> Result<(), Failure> {
    let tools: Vec<Value> = client.get(&["tools"], &[]).await?;
    let is_wanted = |tool: &Value| {
        tool["name"] == name || tool["aliases"].as_array().is_some_and(|names| names.iter().any(|alias| alias == name))
    };
    let Some(tool) = tools.into_iter().find(is_wanted) else {
        return Err(Failure::new(NOT_FOUND, format!("there is no tool {name:?}")).or_try("amphi tool list"));
    };
    if format.is_json() { print_json(&tool) } else { print(&help(&decode(tool)?, stdout_width())) }
}

fn help(tool: &Tool, width: Option<usize>) -> String {
    let destination = match &tool.destination {
        Value::String(kind) if kind == "url" => "URL",
        Value::String(kind) if kind == "name" => "NAME",
        Value::String(kind) if kind == "host-port" => "HOST[:PORT]",
        _ => "HOST",
    };
    let name = plain(&tool.name);
    let mut text = format!(
        "{}\n\nUsage: amphi run [--node NODE | --on KEY=VALUE] {name} [OPTIONS] {destination}\n",
        plain(&tool.summary)
    );
    if !tool.options.is_empty() {
        let mut table = Table::new(&["OPTION", "VALUE", ""]).whole(0);
        for option in &tool.options {
            table.row([flags(option).into(), values(&option.kind).into(), Cell::from(&option.summary)]);
        }
        text.push('\n');
        text.push_str(&table.render(width, false));
    }
    text
}

fn flags(option: &ToolOption) -> String {
    if !option.flags.is_empty() {
        return option.flags.join(", ");
    }
    let switches = switches(&option.kind).filter_map(|switch| switch["flag"].as_str()).collect::<Vec<_>>();
    if switches.is_empty() { format!("--{}", option.name) } else { switches.join(", ") }
}

/// Flags that stand for one value of a choice each.
fn switches(kind: &Value) -> impl Iterator<Item = &Value> {
    kind["switches"].as_array().into_iter().flatten()
}

/// A choice's value, and the shortest flag that stands for it.
fn choice(kind: &Value, value: &str) -> String {
    let mut flags =
        switches(kind).filter(|switch| switch["value"] == value).filter_map(|switch| switch["flag"].as_str());
    match flags.next() {
        Some(flag) => format!("{value} ({flag})"),
        None => value.to_owned(),
    }
}

/// "1 to 50 packets, default 4"; "udp (-U) | icmp (-I), default udp".
fn values(kind: &Value) -> String {
    let shown = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let mut text = String::new();
    if let (Some(min), Some(max)) = (shown(&kind["min"]), shown(&kind["max"])) {
        text = format!("{min} to {max}");
        if let Some(unit) = kind["unit"].as_str().filter(|unit| !unit.is_empty()) {
            text.push_str(&format!(" {unit}"));
        }
    } else if let Some(choices) = kind["values"].as_array() {
        text = choices.iter().filter_map(shown).map(|value| choice(kind, &value)).collect::<Vec<_>>().join(" | ");
    } else if kind["type"] == "address" {
        text = "host or address".to_owned();
    } else if kind["type"] == "text" {
        text = "text".to_owned();
    }
    if let Some(default) = shown(&kind["default"]).filter(|_| !text.is_empty()) {
        text.push_str(&format!(", default {default}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn help_says_options_bounds_and_defaults() {
        let tool: Tool = serde_json::from_value(json!({
            "name": "ping", "summary": "Round-trip time and loss", "destination": "host", "nodes": 3,
            "options": [
                { "name": "count", "flags": ["-c", "--count"], "summary": "Number of packets",
                  "kind": { "type": "integer", "min": 1, "max": 50, "default": 4, "unit": "packets" } },
                { "name": "ip", "flags": [], "summary": "Address family",
                  "kind": { "type": "choice", "values": ["v4", "v6"], "default": null,
                            "switches": [{ "flag": "-4", "value": "v4" }, { "flag": "-6", "value": "v6" }] } },
                { "name": "dont-fragment", "flags": ["-M do"], "summary": "Never cut a packet", "kind": { "type": "flag" } },
            ],
        }))
        .unwrap();
        assert_eq!(
            help(&tool, None),
            "Round-trip time and loss\n\n\
             Usage: amphi run [--node NODE | --on KEY=VALUE] ping [OPTIONS] HOST\n\n\
             OPTION       VALUE\n\
             -c, --count  1 to 50 packets, default 4  Number of packets\n\
             -4, -6       v4 (-4) | v6 (-6)           Address family\n\
             -M do                                    Never cut a packet\n"
        );
    }
}
