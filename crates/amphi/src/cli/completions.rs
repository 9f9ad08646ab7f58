//! Completion scripts and man pages, both made from the same description of the command line.

use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;

use super::failure::{Failure, UNAVAILABLE};
use super::output::print;

/// Arguments of `amphi completions`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  amphi completions bash > ~/.local/share/bash-completion/completions/amphi
  amphi completions fish > ~/.config/fish/completions/amphi.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell that will read the script
    shell: Shell,
}

/// Arguments of `amphi man`.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  amphi man /usr/local/share/man/man1")]
pub(crate) struct ManArgs {
    /// Directory to write to; it is made when missing
    dir: PathBuf,
}

pub(super) fn run(args: &CompletionsArgs, mut command: Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "amphi", &mut script);
    print(&String::from_utf8_lossy(&script))
}

pub(super) fn man(args: &ManArgs, command: Command) -> Result<(), Failure> {
    std::fs::create_dir_all(&args.dir).and_then(|()| clap_mangen::generate_to(command, &args.dir)).map_err(|error| {
        Failure::new(UNAVAILABLE, format!("writing the man pages to {} failed", args.dir.display()))
            .why(error.to_string())
    })
}
