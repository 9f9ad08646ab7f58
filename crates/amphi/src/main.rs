//! `amphi`: one program for the control plane, the nodes and those who use them.

mod agent_command;
mod cli;
mod client;
mod control;
mod listen;
mod log;
mod memory;
mod open_files;
mod recordings;
mod routes;
mod serve;
mod up;

use std::process::ExitCode;

use clap::Parser;

/// Requests, runs and their watchers share these; more threads than cores helps a machine with one.
const WORKERS_LEAST: usize = 2;

fn main() -> ExitCode {
    // Before anything starts a thread: the helper must have one.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == agent::sandbox::HELPER_ARGUMENT) {
        return agent::sandbox::helper_main();
    }
    memory::give_back_large_blocks();
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(help_or_error) => return print_usage(&help_or_error),
    };
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("nothing installs a provider before this first statement");
    let workers = std::thread::available_parallelism().map_or(WORKERS_LEAST, |cores| cores.get().max(WORKERS_LEAST));
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: starting threads failed\nwhy: {error}");
            return ExitCode::FAILURE;
        }
    };
    let exit = runtime.block_on(cli::run(cli));
    // Whoever leaves at once doesn't wait for requests under way.
    runtime.shutdown_background();
    exit
}

/// Prints help, the version, or what is wrong with the arguments.
fn print_usage(help_or_error: &clap::Error) -> ExitCode {
    // The reader may have left (`amphi --help | head`); there is nobody to tell.
    let _ = help_or_error.print();
    ExitCode::from(u8::try_from(help_or_error.exit_code()).unwrap_or(2))
}
