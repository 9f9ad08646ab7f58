//! `amphi tenant`: faculties and course teams.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use super::failure::Failure;
use super::output::{OutputArgs, print_json, print_line, print_table};
use super::table::{Cell, Table};
use super::when;
use super::{LIST_MOST, connect, decode};
use crate::client::{Order, Tenant};

/// Arguments of `amphi tenant`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  amphi tenant list\n  amphi tenant add sciences --title 'Faculty of Sciences'")]
pub(crate) struct TenantArgs {
    #[command(flatten)]
    format: OutputArgs,
    #[command(subcommand)]
    command: TenantCommand,
}

#[derive(Subcommand, Debug)]
enum TenantCommand {
    /// List tenants
    #[command(after_help = "Example:\n  amphi tenant list --output json")]
    List,
    /// Make a tenant
    #[command(after_help = "Example:\n  amphi tenant add sciences --title 'Faculty of Sciences'")]
    Add {
        /// Its word on command lines
        name: String,
        /// What people read; the name when left out
        #[arg(long, value_name = "TEXT")]
        title: Option<String>,
    },
}

pub(super) async fn run(args: TenantArgs) -> Result<(), Failure> {
    let client = connect()?;
    match args.command {
        TenantCommand::List => {
            let tenants = client.list(&["tenants"], &[], Order::Name, LIST_MOST).await?;
            if args.format.is_json() {
                return print_json(&tenants.into());
            }
            let now = when::now();
            let mut table = Table::new(&["NAME", "TITLE", "ACCOUNTS", "CREATED"]).whole(0);
            for tenant in tenants {
                let tenant: Tenant = decode(tenant)?;
                table.row([
                    Cell::from(&tenant.name),
                    Cell::from(&tenant.title),
                    tenant.accounts.to_string().into(),
                    when::age(tenant.created, now).into(),
                ]);
            }
            print_table(&table)
        }
        TenantCommand::Add { name, title } => {
            let body = json!({ "name": name, "title": title.as_ref().unwrap_or(&name) });
            let tenant = client.change(Method::POST, &["tenants"], Some(&body)).await?;
            if args.format.is_json() { print_json(&tenant) } else { print_line(&format!("tenant {name} made")) }
        }
    }
}
