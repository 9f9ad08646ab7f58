//! `amphi doctor`: what is wrong here, in the order in which one would look.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::failure::{Failure, UNAVAILABLE};
use super::output::{OutputArgs, print_json, print_table};
use super::table::{Cell, Table};
use super::terminal::Colour;
use super::when;
use super::{LIST_MOST, connect, decode};
use crate::client::{Client, Me, Node, Order, Tool};

/// A clock that is off by more spoils ages and certificates, seconds.
const CLOCK_LIMIT_S: i64 = 5;

/// Arguments of `amphi doctor`.
#[derive(Args, Debug)]
#[command(
    after_help = "Exits with 69 when something is wrong.\n\nExamples:\n  amphi doctor\n  amphi doctor --output json"
)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    format: OutputArgs,
}

/// One thing looked at.
struct Finding {
    check: &'static str,
    is_good: bool,
    detail: String,
}

impl Finding {
    fn good(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, is_good: true, detail: detail.into() }
    }

    fn bad(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, is_good: false, detail: detail.into() }
    }
}

pub(super) async fn run(args: DoctorArgs) -> Result<ExitCode, Failure> {
    let mut findings = vec![Finding::good("program", concat!("amphi ", env!("CARGO_PKG_VERSION")))];
    match connect() {
        Ok(client) => look_at_server(&client, &mut findings).await,
        Err(failure) => findings.push(Finding::bad("connection", failure.summary())),
    }
    let is_well = findings.iter().all(|finding| finding.is_good);
    if args.format.is_json() {
        let list: Vec<Value> = findings
            .iter()
            .map(|finding| json!({ "check": finding.check, "ok": finding.is_good, "detail": finding.detail }))
            .collect();
        print_json(&list.into())?;
    } else {
        let mut table = Table::new(&["", "CHECK", "FOUND"]);
        for finding in &findings {
            let (mark, colour) = if finding.is_good { ("✓", Colour::Green) } else { ("✗", Colour::Red) };
            table.row([Cell::coloured(mark, Some(colour)), finding.check.into(), Cell::from(&finding.detail)]);
        }
        print_table(&table)?;
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::from(UNAVAILABLE) })
}

async fn look_at_server(client: &Client, findings: &mut Vec<Finding>) {
    let asked = Instant::now();
    let date = match client.date().await {
        Ok(date) => date,
        Err(error) => {
            findings.push(Finding::bad("server", Failure::from(error).summary()));
            return;
        }
    };
    let took_ms = asked.elapsed().as_millis();
    findings.push(Finding::good("server", format!("{} answers in {took_ms} ms", client.base())));
    if let Some(date) = date {
        findings.push(clock(date, when::now()));
    }
    findings.push(match client.get::<Value>(&["me"], &[]).await.map_err(Failure::from).and_then(decode::<Me>) {
        Ok(me) => Finding::good("account", format!("{}, {}", me.login, me.role)),
        Err(failure) => Finding::bad("account", failure.summary()),
    });
    findings.push(
        match client.list(&["nodes"], &[], Order::Name, LIST_MOST).await.map_err(Failure::from).and_then(nodes) {
            Ok(finding) => finding,
            Err(failure) => Finding::bad("nodes", failure.summary()),
        },
    );
    // Operators alone may see it.
    if let Ok(health) = client.get::<Value>(&["storage", "health"], &[]).await {
        findings.extend(storage(&health));
    }
    if let Ok(tools) = client.get::<Vec<Tool>>(&["tools"], &[]).await {
        findings.push(local_programs(&tools));
    }
}

fn clock(server: Timestamp, here: Timestamp) -> Finding {
    let ahead_s = here.as_second() - server.as_second();
    if ahead_s.abs() <= CLOCK_LIMIT_S {
        return Finding::good("clock", "agrees with the server's");
    }
    let direction = if ahead_s > 0 { "ahead of" } else { "behind" };
    Finding::bad("clock", format!("{} s {direction} the server's", ahead_s.abs()))
}

fn nodes(nodes: Vec<Value>) -> Result<Finding, Failure> {
    let nodes: Vec<Node> = decode(nodes.into())?;
    let up = nodes.iter().filter(|node| node.health == "up").count();
    // One that takes no runs may be away for maintenance.
    let missed = nodes.iter().filter(|node| node.health != "up" && node.state == "enabled");
    let missed: Vec<String> = missed.map(|node| format!("{} is {}", node.name, node.health)).collect();
    let detail = [vec![format!("{up} of {} up", nodes.len())], missed.clone()].concat().join(", ");
    Ok(if up > 0 && missed.is_empty() { Finding::good("nodes", detail) } else { Finding::bad("nodes", detail) })
}

/// One finding for each alert, or one that there is none.
fn storage(health: &Value) -> Vec<Finding> {
    let all = |what: &str| health[what].as_array().cloned().unwrap_or_default();
    let (volumes, alerts) = (all("volumes").len(), all("alerts"));
    if alerts.is_empty() && volumes > 0 {
        let counted = if volumes == 1 { "1 volume".to_owned() } else { format!("{volumes} volumes") };
        return vec![Finding::good("storage", format!("{counted}, all that is stored is where it should be"))];
    }
    alerts.iter().map(|alert| Finding::bad("storage", alert["message"].as_str().unwrap_or_default())).collect()
}

/// Programs this machine would lack as a node. Being none is no fault, so this is told and never bad.
fn local_programs(tools: &[Tool]) -> Finding {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_here = |program: &str| std::env::split_paths(&path).any(|dir| is_program(&dir.join(program)));
    let mut missing: Vec<&str> =
        tools.iter().filter_map(|tool| tool.program.as_deref()).filter(|program| !is_here(program)).collect();
    missing.sort_unstable();
    missing.dedup();
    let detail = if missing.is_empty() {
        "this machine has every tool a node needs".to_owned()
    } else {
        format!("as a node, this machine would lack {}", missing.join(", "))
    };
    Finding::good("tools", detail)
}

fn is_program(path: &Path) -> bool {
    nix::unistd::access(path, nix::unistd::AccessFlags::X_OK).is_ok() && path.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_should_be_up_and_is_not_is_named() {
        let node =
            |name, state, health| json!({ "id": "n", "name": name, "state": state, "health": health, "slots": 1 });
        let (up, away) = (node("lab-a", "enabled", "up"), node("lab-b", "enabled", "down"));
        let some = nodes(vec![up.clone(), away]).unwrap();
        assert_eq!((some.is_good, some.detail.as_str()), (false, "1 of 2 up, lab-b is down"));
        assert!(nodes(vec![up, node("lab-c", "disabled", "down")]).unwrap().is_good);
        assert!(!nodes(vec![]).unwrap().is_good);
    }

    #[test]
    fn each_alert_of_storage_is_a_finding() {
        let well = storage(&json!({ "volumes": [{ "volume": "home" }], "alerts": [] }));
        assert!(well.len() == 1 && well[0].is_good);
        let bad =
            storage(&json!({ "volumes": [{}], "alerts": [{ "message": "Store 3 is full." }, { "message": "x" }] }));
        assert!(bad.len() == 2 && !bad[0].is_good && bad[0].detail == "Store 3 is full.");
        assert!(storage(&json!({ "volumes": [], "alerts": [] })).is_empty());
    }

    #[test]
    fn a_clock_far_off_is_told_with_its_direction() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert!(clock(at(100), at(105)).is_good);
        assert_eq!(clock(at(100), at(160)).detail, "60 s ahead of the server's");
        assert_eq!(clock(at(100), at(40)).detail, "60 s behind the server's");
        assert!(!clock(at(100), at(40)).is_good);
    }
}
