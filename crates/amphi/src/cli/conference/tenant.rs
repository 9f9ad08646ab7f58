//! `amphi conference tenant`: what a tenant's meetings are made with, and how much it may use.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::failure::{Failure, USAGE};
use crate::cli::label;
use crate::cli::output::{OutputArgs, print_facts, print_json};
use crate::client::{Client, ClientError};

#[derive(Subcommand, Debug)]
pub(super) enum TenantCommand {
    /// Show a tenant's settings
    #[command(after_help = "Example:\n  amphi conference tenant show law")]
    Show { tenant: String },
    /// Change a tenant's settings; what is not named stays
    #[command(after_help = "\
Examples:
  amphi conference tenant set law --host law.example.org
  amphi conference tenant set law --default welcome='Good morning' --override record=false
  amphi conference tenant set law --default welcome=                 takes that default away
  amphi conference tenant set law --meetings 20 --attendees 500 --minutes 0")]
    Set(SetArgs),
}

/// What is to be changed.
#[derive(Args, Debug)]
pub(super) struct SetArgs {
    tenant: String,
    /// A host by which its LMS calls; given once or several times, these replace the ones there are; empty: none
    #[arg(long, value_name = "HOST")]
    host: Vec<String>,
    /// A parameter of `create` where the LMS gives none; an empty value takes it away
    #[arg(long, value_name = "NAME=VALUE", value_parser = label)]
    default: Vec<(String, String)>,
    /// A parameter of `create` whatever the LMS gives; an empty value takes it away
    #[arg(long = "override", value_name = "NAME=VALUE", value_parser = label)]
    overrides: Vec<(String, String)>,
    /// Most meetings at the same time; 0: no limit
    #[arg(long, value_name = "COUNT")]
    meetings: Option<u32>,
    /// Most people in all its meetings together; 0: no limit
    #[arg(long, value_name = "COUNT")]
    attendees: Option<u32>,
    /// Longest meeting, minutes; 0: no limit
    #[arg(long, value_name = "COUNT")]
    minutes: Option<u32>,
}

impl SetArgs {
    /// Puts what is to be changed into the settings there are.
    fn apply(self, settings: &mut Value) {
        if !self.host.is_empty() {
            settings["hosts"] = self.host.into_iter().filter(|host| !host.is_empty()).collect::<Vec<_>>().into();
        }
        for (field, given) in [("defaults", self.default), ("overrides", self.overrides)] {
            for (name, value) in given {
                match settings[field].as_object_mut() {
                    Some(own) if value.is_empty() => drop(own.remove(&name)),
                    Some(own) => drop(own.insert(name, value.into())),
                    None => settings[field] = json!({ name: value }),
                }
            }
        }
        let limits =
            [("meetings_max", self.meetings), ("attendees_max", self.attendees), ("minutes_max", self.minutes)];
        for (field, limit) in limits {
            if let Some(limit) = limit {
                settings[field] = limit.into();
            }
        }
    }

    fn is_empty(&self) -> bool {
        let is_limited = [self.meetings, self.attendees, self.minutes].iter().any(Option::is_some);
        self.host.is_empty() && self.default.is_empty() && self.overrides.is_empty() && !is_limited
    }
}

pub(super) async fn run(client: &Client, command: TenantCommand, format: OutputArgs) -> Result<(), Failure> {
    let (tenant, change) = match command {
        TenantCommand::Show { tenant } => (tenant, None),
        TenantCommand::Set(args) if args.is_empty() => {
            return Err(Failure::new(USAGE, "nothing is to be changed").or_try("amphi conference tenant set --help"));
        }
        TenantCommand::Set(args) => (args.tenant.clone(), Some(args)),
    };
    let path = ["conference", "tenants", tenant.as_str()];
    let mut settings: Value = client.get(&path, &[]).await.map_err(unknown)?;
    if let Some(change) = change {
        change.apply(&mut settings);
        settings = client.change(Method::PUT, &path, Some(&settings)).await.map_err(unknown)?;
    }
    if format.is_json() { print_json(&settings) } else { print_settings(&settings) }
}

fn unknown(error: ClientError) -> Failure {
    let is_unknown = error.status() == Some(404);
    let failure = Failure::from(error);
    if is_unknown { failure.or_try("amphi tenant list") } else { failure }
}

fn print_settings(settings: &Value) -> Result<(), Failure> {
    let hosts = settings["hosts"].as_array().map(|hosts| hosts.iter().filter_map(Value::as_str).collect::<Vec<_>>());
    let pairs = |field: &str| {
        let own = settings[field].as_object()?;
        let pair = |(name, value): (&String, &Value)| format!("{name}={}", value.as_str().unwrap_or_default());
        Some(own.iter().map(pair).collect::<Vec<_>>().join(" ")).filter(|text| !text.is_empty())
    };
    let limit = |field: &str| Some(settings[field].as_u64().map_or("no limit".to_owned(), |limit| limit.to_string()));
    print_facts(&[
        ("hosts", hosts.filter(|hosts| !hosts.is_empty()).map(|hosts| hosts.join(" "))),
        ("defaults", pairs("defaults")),
        ("overrides", pairs("overrides")),
        ("meetings", limit("meetings_max")),
        ("attendees", limit("attendees_max")),
        ("minutes", limit("minutes_max")),
    ])
}
