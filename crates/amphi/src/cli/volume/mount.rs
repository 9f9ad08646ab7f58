//! `amphi volume mount` and `unmount`: an export as a directory of this machine.

use std::path::PathBuf;
use std::process::Stdio;

use clap::Args;
use storage::mount::{MountConfig, MountError, RemoteError, Server, mount, unmount};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::failure::{CONFLICT, Failure, NOT_FOUND, REFUSED, UNAVAILABLE, USAGE};
use crate::cli::output::print_line;
use crate::client::Connection;

/// Arguments of `amphi volume mount`.
#[derive(Args, Debug)]
pub(super) struct MountArgs {
    /// The export or snapshot
    export: String,
    /// An existing directory
    directory: PathBuf,
    /// Change nothing through it
    #[arg(long)]
    read_only: bool,
    /// Return once it is mounted, and go on in the background
    #[arg(long)]
    background: bool,
}

pub(super) async fn run(args: MountArgs) -> Result<(), Failure> {
    let connection = Connection::from_environment()?;
    if args.background {
        return in_background(&args).await;
    }
    crate::log::start();
    let directory = std::path::absolute(&args.directory).map_err(|error| fault(&error))?;
    let (url, token, ca_pem) = (connection.url, connection.token, connection.ca_pem);
    let server = Server { url, token, ca_pem, addresses: Vec::new() };
    let config = MountConfig { server, export: args.export.clone(), directory, is_read_only: args.read_only };
    let shutdown = on_signal()?;
    let said = format!("{} is mounted on {}", args.export, config.directory.display());
    // Who started it in the background reads this line; nobody else has to.
    let ready = || drop(print_line(&said));
    mount(config, shutdown, ready).await.map_err(|error| failure(&error))
}

/// Ends with SIGINT and SIGTERM.
fn on_signal() -> Result<CancellationToken, Failure> {
    let shutdown = CancellationToken::new();
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| fault(&error))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| fault(&error))?;
    let asked = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        asked.cancel();
    });
    Ok(shutdown)
}

/// Starts this program again, without a terminal, and waits until that one has mounted.
async fn in_background(args: &MountArgs) -> Result<(), Failure> {
    let program = std::env::current_exe().map_err(|error| fault(&error))?;
    let mut command = tokio::process::Command::new(program);
    command.args(["volume", "mount", &args.export]).arg(&args.directory);
    if args.read_only {
        command.arg("--read-only");
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(|error| fault(&error))?;
    let output = child.stdout.take().map(BufReader::new);
    let mut lines = output.ok_or_else(|| Failure::new(UNAVAILABLE, "the mount has no output"))?.lines();
    match lines.next_line().await {
        Ok(Some(line)) => print_line(&line),
        Ok(None) | Err(_) => {
            // It has said why.
            let status = child.wait().await.map_err(|error| fault(&error))?;
            let exit = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(UNAVAILABLE);
            Err(Failure::new(exit, format!("{} is not mounted", args.export)))
        }
    }
}

/// Unmounts; returns once everything is stored.
pub(super) async fn run_unmount(directory: PathBuf) -> Result<(), Failure> {
    let shown = directory.display().to_string();
    let unmounted = tokio::task::spawn_blocking(move || unmount(&directory)).await.map_err(|error| fault(&error))?;
    unmounted.map_err(|error| failure(&error))?;
    print_line(&format!("{shown} is unmounted"))
}

fn fault(error: &dyn std::error::Error) -> Failure {
    Failure::new(UNAVAILABLE, error.to_string())
}

fn failure(error: &MountError) -> Failure {
    let exit = match error {
        MountError::Open { source, .. } => exit_of(source),
        MountError::Directory(..) | MountError::NotMounted(_) | MountError::NotOurs(_) => USAGE,
        MountError::Busy(_) | MountError::Taken(_) => CONFLICT,
        MountError::Key(_) | MountError::Mount(..) | MountError::Unmount(..) | MountError::Unstored => UNAVAILABLE,
    };
    let mut causes = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    let failure = Failure::new(exit, error.to_string());
    let failure = if causes.is_empty() { failure } else { failure.why(causes.join(": ")) };
    match error {
        MountError::Open { .. } if exit == NOT_FOUND => failure.or_try("amphi volume export list"),
        MountError::Busy(directory) => failure.or_try(format!("fuser -vm {}", directory.display())),
        _ => failure,
    }
}

fn exit_of(error: &RemoteError) -> u8 {
    match error {
        RemoteError::Refused { status: 404, .. } => NOT_FOUND,
        RemoteError::Refused { status: 401 | 403, .. } => REFUSED,
        RemoteError::Refused { status: 409, .. } => CONFLICT,
        RemoteError::Refused { .. } | RemoteError::Setup(_) | RemoteError::Silent(_) | RemoteError::Answer(_) => {
            UNAVAILABLE
        }
    }
}
