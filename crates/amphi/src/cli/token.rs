//! `amphi token`: the caller's own API tokens.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use super::failure::Failure;
use super::output::{OutputArgs, print_json, print_line, print_table};
use super::table::{Cell, Table};
use super::terminal::plain;
use super::when;
use super::{LIST_MOST, connect, decode};
use crate::client::{Client, NewToken, Order, Token};

/// Arguments of `amphi token`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  amphi token list
  amphi token create 'nightly measurements' --days 90
  amphi token revoke 0199c3a8-9df4-7b5e-8a55-0f6d9e3c1f00")]
pub(crate) struct TokenArgs {
    #[command(flatten)]
    format: OutputArgs,
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Subcommand, Debug)]
enum TokenCommand {
    /// List your tokens
    #[command(after_help = "Example:\n  amphi token list --output json")]
    List,
    /// Make a token and print its secret, this once
    #[command(after_help = "Example:\n  AMPHI_TOKEN=$(amphi token create 'nightly measurements' --days 90)")]
    Create {
        /// What it is for
        name: String,
        /// Ends after so many days; never when left out
        #[arg(long, value_name = "N")]
        days: Option<u64>,
    },
    /// Revoke a token at once
    #[command(after_help = "Example:\n  amphi token revoke 0199c3a8-9df4-7b5e-8a55-0f6d9e3c1f00")]
    Revoke { id: String },
}

pub(super) async fn run(args: TokenArgs) -> Result<(), Failure> {
    let client = connect()?;
    let format = args.format;
    match args.command {
        TokenCommand::List => list(&client, format).await,
        TokenCommand::Create { name, days } => {
            let mut body = json!({ "name": name });
            if let Some(days) = days {
                body["days"] = json!(days);
            }
            let made = client.change(Method::POST, &["tokens"], Some(&body)).await?;
            if format.is_json() { print_json(&made) } else { print_line(&plain(&decode::<NewToken>(made)?.token)) }
        }
        TokenCommand::Revoke { id } => {
            client.change(Method::DELETE, &["tokens", &id], None).await.map_err(|error| {
                let is_unknown = error.status() == Some(404);
                let failure = Failure::from(error);
                if is_unknown { failure.or_try("amphi token list") } else { failure }
            })?;
            if format.is_json() { print_json(&json!({ "id": id })) } else { print_line(&format!("{id} revoked")) }
        }
    }
}

async fn list(client: &Client, format: OutputArgs) -> Result<(), Failure> {
    let tokens = client.list(&["tokens"], &[], Order::Newest, LIST_MOST).await?;
    if format.is_json() {
        return print_json(&tokens.into());
    }
    let now = when::now();
    let mut table = Table::new(&["ID", "NAME", "CREATED", "LAST USED", "ENDS"]).whole(0);
    for token in tokens {
        let token: Token = decode(token)?;
        table.row([
            Cell::from(&token.id),
            Cell::from(&token.name),
            when::age(token.created, now).into(),
            token.last_used.map_or_else(|| "never".to_owned(), |used| when::age(used, now)).into(),
            token.expires.map_or_else(|| "never".to_owned(), when::date).into(),
        ]);
    }
    print_table(&table)
}
