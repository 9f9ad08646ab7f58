//! `amphi conference secret`: what an LMS signs its calls with.

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::secret_given;
use crate::cli::failure::Failure;
use crate::cli::output::{OutputArgs, print_facts, print_json, print_line, print_table};
use crate::cli::table::{Cell, Table};
use crate::cli::terminal::plain;
use crate::cli::{LIST_MOST, decode, when};
use crate::client::{Client, Order, SharedSecret};

#[derive(Subcommand, Debug)]
pub(super) enum SecretCommand {
    /// List the secrets, without the secrets themselves
    #[command(after_help = "Example:\n  amphi conference secret list")]
    List,
    /// Make a secret, and print it with the address that goes with it; the older ones hold until they are revoked
    #[command(after_help = "\
Examples:
  amphi conference secret add --note Moodle
  amphi conference secret add --tenant law --note 'Moodle of the faculty'
  amphi conference secret add --secret - < FILE                      one that an LMS has already
  amphi conference secret add --operators                            for Scalelite's management API")]
    Add {
        /// The tenant whose LMS signs with it, by name or id; left out: your own
        #[arg(long, value_name = "TENANT", conflicts_with = "operators")]
        tenant: Option<String>,
        /// For operators' scripts, not for an LMS
        #[arg(long)]
        operators: bool,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
        /// One that an LMS signs with already; `-` reads it from standard input; left out: made anew
        #[arg(long, value_name = "SECRET")]
        secret: Option<String>,
    },
    /// Revoke a secret: what is signed with it is refused at once
    #[command(after_help = "Example:\n  amphi conference secret revoke 01890000-0000-7000-8000-000000000000")]
    Revoke {
        /// The secret's id, which `list` shows
        id: String,
    },
}

pub(super) async fn run(client: &Client, command: SecretCommand, format: OutputArgs) -> Result<(), Failure> {
    match command {
        SecretCommand::List => list(client, format).await,
        SecretCommand::Add { tenant, operators, note, secret } => {
            let secret = secret.map(secret_given).transpose()?;
            let note = note.unwrap_or_default();
            let body = json!({ "tenant": tenant, "for_operators": operators, "note": note, "secret": secret });
            let made = client.change(Method::POST, &["conference", "secrets"], Some(&body)).await?;
            if format.is_json() {
                return print_json(&made);
            }
            let made: SharedSecret = decode(made)?;
            let address = if operators { None } else { Some(address(client).await?) };
            print_facts(&[("id", Some(made.id)), ("url", address), ("secret", made.secret)])
        }
        SecretCommand::Revoke { id } => {
            client.change(Method::DELETE, &["conference", "secrets", &id], None).await.map_err(|error| {
                let is_unknown = error.status() == Some(404);
                let failure = Failure::from(error);
                if is_unknown { failure.or_try("amphi conference secret list") } else { failure }
            })?;
            if format.is_json() {
                print_json(&json!({ "id": id }))
            } else {
                print_line(&plain(&format!("{id} revoked")))
            }
        }
    }
}

async fn address(client: &Client) -> Result<String, Failure> {
    let view: Value = client.get(&["conference"], &[]).await?;
    Ok(view["url"].as_str().unwrap_or_default().to_owned())
}

async fn list(client: &Client, format: OutputArgs) -> Result<(), Failure> {
    let secrets = client.list(&["conference", "secrets"], &[], Order::Name, LIST_MOST).await?;
    if format.is_json() {
        return print_json(&secrets.into());
    }
    let now = when::now();
    let mut table = Table::new(&["ID", "TENANT", "NOTE", "MADE"]).whole(0);
    for secret in secrets {
        let secret: SharedSecret = decode(secret)?;
        table.row([
            Cell::from(&secret.id),
            Cell::from(secret.tenant.as_deref().unwrap_or("(operators)")),
            Cell::from(&secret.note),
            when::age(secret.created, now).into(),
        ]);
    }
    print_table(&table)
}
