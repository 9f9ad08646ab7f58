//! `amphi user`: accounts, for those who administer them.

use std::io::Read;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::failure::{Failure, NOT_FOUND, USAGE};
use super::output::{OutputArgs, print_facts, print_json, print_line, print_table};
use super::size::size;
use super::table::{Cell, Table};
use super::terminal::{Colour, ask_hidden, confirm, is_interactive, plain, say};
use super::when;
use super::{LIST_MOST, connect, decode};
use crate::client::{Account, Client, Export, Order, Tenant};

/// Longest password that is read, in bytes.
const PASSWORD_BYTES: u64 = 4096;
const ROLES: [&str; 4] = ["learner", "teacher", "operator", "admin"];

/// Arguments of `amphi user`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  amphi user list
  amphi user add ada --name 'Ada Lovelace' --role teacher
  amphi user set ada --role operator
  amphi user password               changes your own password")]
pub(crate) struct AccountArgs {
    #[command(flatten)]
    format: OutputArgs,
    #[command(subcommand)]
    command: AccountCommand,
}

#[derive(Subcommand, Debug)]
enum AccountCommand {
    /// List accounts
    #[command(after_help = "Example:\n  amphi user list --output json")]
    List,
    /// Make an account and print its password for one use
    #[command(after_help = "Example:\n  amphi user add ada --name 'Ada Lovelace' --role teacher --tenant sciences")]
    Add {
        login: String,
        /// The person's name; the login when left out
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        /// What it may do; each role includes those before it
        #[arg(long, value_parser = ROLES, default_value = "learner")]
        role: String,
        /// Its faculty or course team; yours when left out
        #[arg(long)]
        tenant: Option<String>,
        /// Read a lasting password from standard input instead
        #[arg(long)]
        password_stdin: bool,
    },
    /// Show one account
    #[command(after_help = "Example:\n  amphi user show ada")]
    Show { login: String },
    /// Change an account's name, role or tenant, or whether it can sign in
    #[command(after_help = "Examples:\n  amphi user set ada --role operator\n  amphi user set ada --disabled true")]
    Set(SetArgs),
    /// Change your own password, or give another account one for one use
    #[command(after_help = "Examples:\n  amphi user password\n  amphi user password ada")]
    Password { login: Option<String> },
    /// Delete an account with all that is its own: jobs that aren't pinned, rooms, keys, links, files and their snapshots
    #[command(after_help = "Example:\n  amphi user delete --yes ada")]
    Delete {
        login: String,
        /// Don't ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Args, Debug)]
struct SetArgs {
    login: String,
    /// The person's name
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// What it may do; each role includes those before it
    #[arg(long, value_parser = ROLES)]
    role: Option<String>,
    /// Its faculty or course team
    #[arg(long)]
    tenant: Option<String>,
    /// A disabled account can't sign in, and its tokens are refused
    #[arg(long, value_name = "BOOL")]
    disabled: Option<bool>,
}

pub(super) async fn run(args: AccountArgs) -> Result<(), Failure> {
    let client = connect()?;
    let format = args.format;
    match args.command {
        AccountCommand::List => list(&client, format).await,
        AccountCommand::Add { login, name, role, tenant, password_stdin } => {
            let mut body = json!({ "login": login, "name": name.as_ref().unwrap_or(&login), "role": role });
            if let Some(tenant) = tenant {
                body["tenant"] = json!(tenant_id(&client, &tenant).await?);
            }
            if password_stdin {
                body["password"] = json!(password_from_stdin()?);
            }
            let made = client.change(Method::POST, &["accounts"], Some(&body)).await?;
            one_time(format, made, &login)
        }
        AccountCommand::Show { login } => {
            let account = find(&client, &login).await?;
            if format.is_json() { print_json(&account) } else { show(&decode(account)?) }
        }
        AccountCommand::Set(changes) => set(&client, changes, format).await,
        AccountCommand::Password { login: None } => change_own(&client, format).await,
        AccountCommand::Password { login: Some(login) } => {
            let id = id_of(&client, &login).await?;
            let made = client.change(Method::POST, &["accounts", &id, "password"], None).await?;
            one_time(format, made, &login)
        }
        AccountCommand::Delete { login, yes } => delete(&client, &login, yes, format).await,
    }
}

/// Never an argument: others on the machine can read those.
fn password_from_stdin() -> Result<String, Failure> {
    let mut password = String::new();
    std::io::stdin().take(PASSWORD_BYTES).read_to_string(&mut password)?;
    Ok(password.trim_end_matches(['\r', '\n']).to_owned())
}

/// A new password, typed twice.
pub(super) fn ask_new_password() -> Result<String, Failure> {
    loop {
        let password = ask_hidden("New password: ")?;
        if ask_hidden("Again: ")? == password {
            return Ok(password);
        }
        say("The two passwords differ.\n");
    }
}

async fn change_own(client: &Client, format: OutputArgs) -> Result<(), Failure> {
    if !is_interactive() {
        return Err(Failure::new(USAGE, "nobody is here to type a password").or_try("run it on a terminal"));
    }
    let body = json!({ "current": ask_hidden("Present password: ")?, "new": ask_new_password()? });
    client.change(Method::POST, &["me", "password"], Some(&body)).await?;
    tell(format, &json!({}), "your password is changed, and your other sessions have ended")
}

/// Prints what was made; a password for one use stands alone on standard output, so that it can be passed on.
fn one_time(format: OutputArgs, made: Value, login: &str) -> Result<(), Failure> {
    if format.is_json() {
        return print_json(&made);
    }
    match made["password"].as_str() {
        Some(password) => {
            say(&format!("{login} signs in with this password once and then has to choose another:\n"));
            print_line(&plain(password))
        }
        None => print_line(&format!("account {login} made")),
    }
}

fn tell(format: OutputArgs, changed: &Value, sentence: &str) -> Result<(), Failure> {
    if format.is_json() { print_json(changed) } else { print_line(sentence) }
}

/// The account of that login.
async fn find(client: &Client, login: &str) -> Result<Value, Failure> {
    let found = client.list(&["accounts"], &[("q", login.to_owned())], Order::Name, LIST_MOST).await?;
    let is_it = |account: &Value| account["login"].as_str().is_some_and(|other| other.eq_ignore_ascii_case(login));
    found
        .into_iter()
        .find(is_it)
        .ok_or_else(|| Failure::new(NOT_FOUND, format!("there is no account {login:?}")).or_try("amphi user list"))
}

async fn id_of(client: &Client, login: &str) -> Result<String, Failure> {
    Ok(decode::<Account>(find(client, login).await?)?.id)
}

async fn tenant_id(client: &Client, name: &str) -> Result<String, Failure> {
    let tenants = client.list(&["tenants"], &[], Order::Name, LIST_MOST).await?;
    let tenants: Vec<Tenant> = decode(tenants.into())?;
    let tenant = tenants.into_iter().find(|tenant| tenant.name == name);
    tenant
        .map(|tenant| tenant.id)
        .ok_or_else(|| Failure::new(NOT_FOUND, format!("there is no tenant {name:?}")).or_try("amphi tenant list"))
}

async fn set(client: &Client, args: SetArgs, format: OutputArgs) -> Result<(), Failure> {
    let mut body = serde_json::Map::new();
    body.extend(args.name.map(|name| ("name".to_owned(), name.into())));
    body.extend(args.role.map(|role| ("role".to_owned(), role.into())));
    body.extend(args.disabled.map(|disabled| ("disabled".to_owned(), disabled.into())));
    if let Some(tenant) = &args.tenant {
        body.insert("tenant".to_owned(), tenant_id(client, tenant).await?.into());
    }
    if body.is_empty() {
        return Err(Failure::new(USAGE, "nothing to change").or_try("amphi user set --help"));
    }
    let id = id_of(client, &args.login).await?;
    let account = client.change(Method::PATCH, &["accounts", &id], Some(&body.into())).await?;
    tell(format, &account, &format!("account {} changed", args.login))
}

async fn list(client: &Client, format: OutputArgs) -> Result<(), Failure> {
    let accounts = client.list(&["accounts"], &[], Order::Name, LIST_MOST).await?;
    if format.is_json() {
        return print_json(&accounts.into());
    }
    let now = when::now();
    let mut table = Table::new(&["LOGIN", "NAME", "ROLE", "TENANT", "STATE", "CREATED"]).whole(0);
    for account in accounts {
        let account: Account = decode(account)?;
        let state = if account.disabled { Cell::coloured("✗ disabled", Some(Colour::Red)) } else { Cell::from("") };
        table.row([
            Cell::from(&account.login),
            Cell::from(&account.name),
            Cell::from(&account.role),
            Cell::from(&account.tenant_title),
            state,
            when::age(account.created, now).into(),
        ]);
    }
    print_table(&table)
}

fn show(account: &Account) -> Result<(), Failure> {
    print_facts(&[
        ("login", Some(account.login.clone())),
        ("id", Some(account.id.clone())),
        ("name", Some(account.name.clone())),
        ("role", Some(account.role.clone())),
        ("tenant", Some(account.tenant_title.clone())),
        ("disabled", account.disabled.then(|| "yes".to_owned())),
        ("created", Some(when::exact(account.created, when::now()))),
    ])
}

async fn delete(client: &Client, login: &str, yes: bool, format: OutputArgs) -> Result<(), Failure> {
    let id = id_of(client, login).await?;
    let files = files_of(client, &id).await?;
    if !yes {
        if !is_interactive() {
            return Err(Failure::new(USAGE, format!("deleting {login} can't be undone and nobody is here to ask"))
                .why(format!("with it go {}", gone(&files)))
                .or_try(format!("amphi user delete --yes {login}")));
        }
        if !confirm(&format!("Delete {login} with {}?", gone(&files)))? {
            return Err(Failure::new(USAGE, format!("{login} was not deleted")));
        }
    }
    client.change(Method::DELETE, &["accounts", &id], None).await?;
    tell(format, &json!({ "login": login }), &format!("account {login} deleted, with {}", gone(&files)))
}

/// What the exports hold that are an account's own: a part of a sentence for each.
async fn files_of(client: &Client, id: &str) -> Result<Vec<String>, Failure> {
    let exports: Vec<Export> = decode(client.list(&["exports"], &[], Order::Name, usize::MAX).await?.into())?;
    let mut files = Vec::new();
    for Export { name, usage, .. } in exports.into_iter().filter(|export| export.owner.as_deref() == Some(id)) {
        let snapshots = client.list(&["exports", &name, "snapshots"], &[], Order::Name, usize::MAX).await?.len();
        let snapshots = match snapshots {
            0 => String::new(),
            1 => ", a snapshot".to_owned(),
            count => format!(", {count} snapshots"),
        };
        // The root is none of its files.
        let (count, name) = (usage.inodes.saturating_sub(1), plain(&name));
        files.push(format!("{name} ({count} files and directories, {}{snapshots})", size(usage.bytes)));
    }
    Ok(files)
}

/// What goes with an account.
fn gone(files: &[String]) -> String {
    let mut gone = vec!["its jobs that aren't pinned, rooms, keys and links".to_owned()];
    gone.extend_from_slice(files);
    gone.join("; ")
}
