//! `amphi volume key`: the caller's own keys for S3.

use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::output::{OutputArgs, print_json, print_line, print_table};
use crate::cli::table::{Cell, Table};
use crate::cli::terminal::plain;
use crate::cli::when;
use crate::cli::{LIST_MOST, connect, decode};
use crate::client::{Client, NewS3Key, Order, S3Key};

#[derive(Subcommand, Debug)]
pub(super) enum KeyCommand {
    /// List your keys
    #[command(after_help = "Example:\n  amphi volume key list --output json")]
    List,
    /// Make a key and print it with its secret, this once, as S3 programs take it from the environment
    #[command(
        after_help = "Example:\n  export $(amphi volume key create laptop) AWS_ENDPOINT_URL=https://amphi.example.org"
    )]
    Create {
        /// What it is for
        name: String,
    },
    /// Revoke a key at once
    #[command(after_help = "Example:\n  amphi volume key revoke AMQ2ZD5WJX7BGH4KLMNO")]
    Revoke {
        /// The access key id
        id: String,
    },
}

pub(super) async fn run(command: KeyCommand, format: OutputArgs) -> Result<(), Failure> {
    let client = connect()?;
    match command {
        KeyCommand::List => list(&client, format).await,
        KeyCommand::Create { name } => {
            let made = client.change(Method::POST, &["s3-keys"], Some(&json!({ "name": name }))).await?;
            if format.is_json() {
                return print_json(&made);
            }
            let key: NewS3Key = decode(made)?;
            print_line(&format!("AWS_ACCESS_KEY_ID={}", plain(&key.id)))?;
            print_line(&format!("AWS_SECRET_ACCESS_KEY={}", plain(&key.secret)))
        }
        KeyCommand::Revoke { id } => {
            client.change(Method::DELETE, &["s3-keys", &id], None).await.map_err(|error| {
                let is_unknown = error.status() == Some(404);
                let failure = Failure::from(error);
                if is_unknown { failure.or_try("amphi volume key list") } else { failure }
            })?;
            if format.is_json() { print_json(&json!({ "id": id })) } else { print_line(&format!("{id} revoked")) }
        }
    }
}

async fn list(client: &Client, format: OutputArgs) -> Result<(), Failure> {
    let keys = client.list(&["s3-keys"], &[], Order::Newest, LIST_MOST).await?;
    if format.is_json() {
        return print_json(&keys.into());
    }
    let now = when::now();
    let mut table = Table::new(&["ACCESS KEY ID", "NAME", "CREATED"]).whole(0);
    for key in keys {
        let key: S3Key = decode(key)?;
        table.row([Cell::from(&key.id), Cell::from(&key.name), when::age(key.created, now).into()]);
    }
    print_table(&table)
}
