//! `amphi volume health`, `scrub`, `rebuild`, `rebalance` and `rate`: the care of what is stored.

use std::time::Duration;

use clap::Args;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::unknown;
use crate::cli::decode;
use crate::cli::failure::{CONFLICT, Failure, NOT_FOUND, UNAVAILABLE};
use crate::cli::output::{OutputArgs, print_facts, print_json, print_line, print_table};
use crate::cli::size::{parse_size, size};
use crate::cli::table::{Cell, Table};
use crate::cli::terminal::{StatusLine, plain};
use crate::client::{CareProgress, CareRates, Client, VolumeHealth};

/// What goes on is looked at again after this long.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// How volumes fare; a failure where some of what is stored can't be read.
pub(super) async fn health(client: &Client, volume: Option<String>, format: OutputArgs) -> Result<(), Failure> {
    let found: Value = client.get(&["storage", "health"], &[]).await?;
    let items = found["volumes"].as_array().cloned().unwrap_or_default();
    let items = items.into_iter().filter(|item| volume.as_deref().is_none_or(|name| item["volume"] == name));
    let items: Vec<Value> = items.collect();
    if format.is_json() {
        return print_json(&json!({ "volumes": items, "alerts": found["alerts"] }));
    }
    let mut unreadable = 0;
    let titles = ["VOLUME", "HEALTHY", "DEGRADED", "AT RISK", "AWAY", "LOST", "ONE NODE", "TO REBUILD", "DAMAGED"];
    let mut table = Table::new(&titles).whole(0);
    for item in items {
        let health: VolumeHealth = decode(item)?;
        unreadable += health.lost;
        table.row([
            Cell::from(&health.volume),
            health.healthy.to_string().into(),
            health.degraded.to_string().into(),
            health.at_risk.to_string().into(),
            health.away.to_string().into(),
            health.lost.saturating_sub(health.away).to_string().into(),
            health.exposed.to_string().into(),
            size(health.rebuild_bytes).into(),
            health.repairs_waiting.to_string().into(),
        ]);
    }
    print_table(&table)?;
    for alert in found["alerts"].as_array().into_iter().flatten() {
        print_line(alert["message"].as_str().unwrap_or_default())?;
    }
    match unreadable {
        0 => Ok(()),
        count => Err(Failure::new(UNAVAILABLE, format!("{count} stripes can't be read now"))),
    }
}

/// Arguments of what is begun and then followed.
#[derive(Args, Debug)]
pub(super) struct CareArgs {
    volume: String,
    /// Begin it, and don't wait for its end
    #[arg(long)]
    detach: bool,
}

/// What may be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duty {
    Scrub,
    Rebuild,
    Rebalance,
}

impl Duty {
    fn word(self) -> &'static str {
        match self {
            Self::Scrub => "scrub",
            Self::Rebuild => "rebuild",
            Self::Rebalance => "rebalance",
        }
    }

    /// How far it has come, if it goes on.
    fn progress(self, health: &VolumeHealth) -> Option<&CareProgress> {
        match self {
            Self::Scrub => health.scrub.as_ref(),
            Self::Rebuild => health.rebuild.as_ref(),
            Self::Rebalance => health.rebalance.as_ref(),
        }
    }

    fn is_over(self, health: &VolumeHealth) -> bool {
        let is_whole = health.degraded + health.at_risk == 0 && health.rebuild_bytes == 0;
        self.progress(health).is_none() && (self != Self::Rebuild || is_whole)
    }
}

/// Begins one of the duties, and follows it. Whoever leaves with Ctrl-C leaves it going on.
pub(super) async fn run(client: &Client, args: CareArgs, duty: Duty, format: OutputArgs) -> Result<(), Failure> {
    let (volume, what) = (args.volume, duty.word());
    client.change(Method::POST, &["volumes", &volume, what], None).await.map_err(unknown)?;
    if args.detach {
        if format.is_json() {
            return print_json(&json!({ "volume": volume, "begun": what }));
        }
        return print_line(&format!("{what} of {volume} begins; watch it with: amphi volume health {volume}"));
    }
    let ended = follow(client, &volume, duty).await?;
    if format.is_json() {
        return print_json(&ended);
    }
    let health: VolumeHealth = decode(ended)?;
    print_line(&match duty {
        Duty::Rebuild => format!("{volume} is whole: {} stripes are healthy", health.healthy),
        Duty::Rebalance => format!("{volume} is spread over its nodes, and its stores are even"),
        Duty::Scrub => {
            format!(
                "{volume} was compared with its checksums: {} damaged stripes wait for repair",
                health.repairs_waiting
            )
        }
    })
}

/// The volume's health when the duty is over.
async fn follow(client: &Client, volume: &str, duty: Duty) -> Result<Value, Failure> {
    let mut line = StatusLine::new();
    loop {
        let found: Value = client.get(&["storage", "health"], &[]).await?;
        let of_volume = found["volumes"].as_array().into_iter().flatten().find(|item| item["volume"] == volume);
        let Some(of_volume) = of_volume else {
            return Err(Failure::new(NOT_FOUND, format!("there is no volume {volume} any more")));
        };
        let health: VolumeHealth = decode(of_volume.clone())?;
        if duty == Duty::Rebuild {
            hopeless(&found["alerts"], volume, &health)?;
        }
        if duty.is_over(&health) {
            line.clear();
            return Ok(of_volume.clone());
        }
        line.show(&status(volume, duty, &health));
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// A rebuild that can't end says so at once.
fn hopeless(alerts: &Value, volume: &str, health: &VolumeHealth) -> Result<(), Failure> {
    let stands =
        |code| alerts.as_array().into_iter().flatten().find(|alert| alert["volume"] == volume && alert["code"] == code);
    let is_missing = health.degraded + health.at_risk > 0;
    let code = if health.lost > 0 && !is_missing { "lost" } else { "cannot-place" };
    match stands(code) {
        Some(alert) if is_missing || code == "lost" => {
            let why = alert["message"].as_str().unwrap_or_default();
            Err(Failure::new(CONFLICT, format!("{volume} can't be made whole now")).why(plain(why)))
        }
        Some(_) | None => Ok(()),
    }
}

fn status(volume: &str, duty: Duty, health: &VolumeHealth) -> String {
    let what = duty.word();
    let Some(progress) = duty.progress(health).filter(|progress| progress.total_bytes > 0) else {
        let waits = if duty == Duty::Rebuild { ": its stores have to be away for 15 s" } else { "" };
        return format!("{what} of {volume} begins soon{waits}");
    };
    let is_away = duty != Duty::Rebuild && health.degraded + health.at_risk + health.lost > 0;
    let waits = if is_away { ", waits for stores that are away" } else { "" };
    let CareProgress { done_bytes, total_bytes, bytes_per_s, seconds_left } = progress;
    let part = done_bytes.saturating_mul(100) / total_bytes;
    let left = seconds_left.map(|seconds| format!(", {seconds} s left")).unwrap_or_default();
    let (done, total, rate) = (size(*done_bytes), size(*total_bytes), size(*bytes_per_s));
    format!("{what} of {volume}: {part} %, {done} of {total}, {rate}/s{left}{waits}")
}

/// What is left out stays.
#[derive(Args, Debug)]
pub(super) struct RateArgs {
    /// Bytes a second that rebuilds and rebalances move
    #[arg(long, value_name = "SIZE", value_parser = parse_size, allow_negative_numbers = true)]
    rebuild: Option<u64>,
    /// Bytes a second that are compared on each store
    #[arg(long, value_name = "SIZE", value_parser = parse_size, allow_negative_numbers = true)]
    scrub: Option<u64>,
}

/// Shows the rates, after setting those that are given.
pub(super) async fn rate(client: &Client, args: RateArgs, format: OutputArgs) -> Result<(), Failure> {
    let path = ["storage", "rates"];
    let given = [("rebuild_bytes_per_s", args.rebuild), ("scrub_bytes_per_s", args.scrub)];
    let body: Map<String, Value> =
        given.into_iter().filter_map(|(name, rate)| Some((name.to_owned(), rate?.into()))).collect();
    let rates: Value = if body.is_empty() {
        client.get(&path, &[]).await?
    } else {
        client.change(Method::PATCH, &path, Some(&Value::Object(body))).await?
    };
    if format.is_json() {
        return print_json(&rates);
    }
    let rates: CareRates = decode(rates)?;
    print_facts(&[
        ("rebuild, rebalance", Some(format!("{}/s", size(rates.rebuild_bytes_per_s)))),
        ("scrub, each store", Some(format!("{}/s", size(rates.scrub_bytes_per_s)))),
    ])
}
