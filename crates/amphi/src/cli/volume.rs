//! `amphi volume`: files kept on the stores of nodes.

mod key;

use clap::{Args, Subcommand};

use super::failure::Failure;
use super::output::OutputArgs;

/// Arguments of `amphi volume`.
#[derive(Args, Debug)]
pub(crate) struct VolumeArgs {
    #[command(flatten)]
    format: OutputArgs,
    #[command(subcommand)]
    command: VolumeCommand,
}

#[derive(Subcommand, Debug)]
enum VolumeCommand {
    /// List, make and revoke your own keys for S3
    Key {
        #[command(subcommand)]
        command: key::KeyCommand,
    },
}

pub(super) async fn run(args: VolumeArgs) -> Result<(), Failure> {
    match args.command {
        VolumeCommand::Key { command } => key::run(command, args.format).await,
    }
}
