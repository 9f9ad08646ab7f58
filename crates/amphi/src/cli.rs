//! The command line: what may be typed, and which command does it. Each command has a file of its own in `cli/` and
//! speaks to a server through `client`; `up`, `serve` and `agent` are servers themselves.

mod account;
mod audit;
mod batch;
mod bench;
mod completions;
mod conference;
mod doctor;
mod failure;
mod follow;
mod job;
mod language;
mod login;
mod node;
mod output;
mod run;
mod size;
mod source;
mod status;
mod store;
mod table;
mod tenant;
mod terminal;
mod token;
mod tool;
mod untrusted;
mod volume;
mod when;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::client::{Client, Connection};
use crate::{agent_command, serve, up};
use failure::Failure;
pub(crate) use failure::REFUSED;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// More than any list of nodes, accounts, tenants or tokens holds; a listing without `--limit` ends here.
const LIST_MOST: usize = 100_000;

/// Network experiments and programs on real nodes, from the command line, the browser and an API.
#[derive(Parser, Debug)]
#[command(name = "amphi", version, propagate_version = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Environment:
  AMPHI_URL, AMPHI_TOKEN   the server and an API token; without them, what `amphi login` stored
  AMPHI_CA                 file with the certificate authority to trust, PEM
  NO_COLOR                 no colours

Exit status:
  0 done · the tool's or program's own for `run` · 2 wrong usage or configuration · 3 refused · 4 not found · 5 conflict · 69 service unavailable
  70 a bug in amphi

Examples:
  amphi up --demo                           everything on this machine, with real examples
  amphi login https://amphi.example.org
  amphi run ping -c 3 192.0.2.1
  amphi run hello.py
  amphi job list --output json";

#[derive(Subcommand, Debug)]
enum Command {
    /// Run everything on this machine: control plane, web pages and nodes
    #[command(after_help = "Examples:\n  amphi up\n  amphi up --dir state --listen 127.0.0.1:8080 --nodes 3 --demo")]
    Up(up::UpArgs),
    /// Run one replica of the control plane
    #[command(after_help = "Example:\n  amphi serve --config /etc/amphi/amphi.toml")]
    Serve(serve::ServeArgs),
    /// Run the agent that makes this machine a node
    Agent(agent_command::AgentArgs),
    /// Run a tool or a program on a node; its output comes live and its exit status is this command's
    Run(run::RunArgs),
    /// List, show and change jobs
    Job(job::JobArgs),
    /// List, show and cancel batches, and print their results
    Batch(batch::BatchArgs),
    /// List, show and change nodes
    Node(node::NodeArgs),
    /// List, make and remove volumes, exports and snapshots
    Volume(volume::VolumeArgs),
    /// List, show and change the stores that keep files
    Store(store::StoreArgs),
    /// Conference servers: add, drain and watch them, end meetings, connect an LMS
    Conference(conference::ConferenceArgs),
    /// Show which tools there are and what they take
    Tool(tool::ToolArgs),
    /// Show which languages programs may be written in, and where each is
    Language(language::LanguageArgs),
    /// List, make and change accounts
    User(account::AccountArgs),
    /// List and make tenants
    Tenant(tenant::TenantArgs),
    /// List, make and revoke your own API tokens
    Token(token::TokenArgs),
    /// Show the journal: what was done, by whom, when
    Audit(audit::AuditArgs),
    /// Show the state of the service and its nodes
    Status(status::StatusArgs),
    /// Check this machine, the connection and the service
    Doctor(doctor::DoctorArgs),
    /// Measure this machine
    Bench(bench::BenchArgs),
    /// Sign in to a server and keep an API token for it
    Login(login::LoginArgs),
    /// Revoke the kept API token and forget it
    Logout(login::LogoutArgs),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
    /// Write the man pages into a directory
    Man(completions::ManArgs),
}

/// Does what was asked; an error has been printed when this returns.
pub(crate) async fn run(cli: Cli) -> ExitCode {
    let done = match cli.command {
        Command::Up(args) => return serve_end(up::run(args).await),
        Command::Serve(args) => return serve_end(serve::run(args).await),
        Command::Agent(args) => return serve_end(agent_command::run(args).await),
        Command::Run(args) => run::run(args).await,
        Command::Job(args) => job::run(args).await.map(|()| ExitCode::SUCCESS),
        Command::Batch(args) => batch::run(args).await.map(|()| ExitCode::SUCCESS),
        Command::Node(args) => node::run(args).await.map(|()| ExitCode::SUCCESS),
        Command::Store(args) => store::run(args).await.map(|()| ExitCode::SUCCESS),
        Command::Conference(args) => conference::run(args).await.map(|()| ExitCode::SUCCESS),
        Command::Tool(args) => tool::run(args).await.map(|()| ExitCode::SUCCESS),
        Command::Language(args) => language::run(args).await.map(|()| ExitCode::SUCCESS),
        Command::User(args) => account::run(args).await.map(|()| ExitCode::SUCCESS),
        Command::Tenant(args) => tenant::run(args).await.map(|()| ExitCode::SUCCESS),
        Command::Token(args) => token::run(args).await.map(|()| ExitCode::SUCCESS),
        Command::Volume(args) => volume::run(args).await.map(|()| ExitCode::SUCCESS),
        Command::Audit(args) => audit::run(args).await.map(|()| ExitCode::SUCCESS),
        Command::Status(args) => status::run(args).await.map(|()| ExitCode::SUCCESS),
        Command::Doctor(args) => doctor::run(args).await,
        Command::Bench(args) => bench::run(args).await.map(|()| ExitCode::SUCCESS),
        Command::Login(args) => login::run(args).await.map(|()| ExitCode::SUCCESS),
        Command::Logout(args) => login::logout(args).await.map(|()| ExitCode::SUCCESS),
        Command::Completions(args) => completions::run(&args, Cli::command()).map(|()| ExitCode::SUCCESS),
        Command::Man(args) => completions::man(&args, Cli::command()).map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|failure| {
        failure.print();
        ExitCode::from(failure.exit)
    })
}

/// A server's end. What it could not do stands first, then the cause.
fn serve_end(end: anyhow::Result<ExitCode>) -> ExitCode {
    end.unwrap_or_else(|error| {
        let mut failure = Failure::new(exit_of(&error), error.to_string());
        let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
        if !causes.is_empty() {
            failure = failure.why(causes.join(": "));
        }
        failure.print();
        ExitCode::from(failure.exit)
    })
}

/// What ends a server is what it was told, unless something it needs is away.
fn exit_of(error: &anyhow::Error) -> u8 {
    let is_away = |cause: &(dyn std::error::Error + 'static)| {
        let database = cause.downcast_ref::<db::DbError>();
        database.is_some_and(db::DbError::is_retryable) || cause.is::<crate::client::ClientError>()
    };
    if agent::is_dismissal(error) {
        failure::REFUSED
    } else if error.chain().any(is_away) {
        failure::UNAVAILABLE
    } else {
        failure::USAGE
    }
}

/// Reads a label, written `KEY=VALUE`.
pub(crate) fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write it KEY=VALUE, for example site=paris".to_owned()),
    }
}

/// An answer as this program shows it.
fn decode<T: DeserializeOwned>(answer: Value) -> Result<T, Failure> {
    serde_json::from_value(answer).map_err(|error| {
        Failure::new(failure::UNAVAILABLE, "the server gave an answer that is not Amphi's")
            .why(error.to_string())
            .or_try("amphi doctor")
    })
}

/// The server that the environment or the stored credentials name.
fn connect() -> Result<Client, Failure> {
    Ok(Client::new(&Connection::from_environment()?)?)
}

#[cfg(test)]
mod tests;
