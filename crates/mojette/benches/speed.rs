//! Runs the program in `benches/peers`, which measures this crate beside others and writes the table.
//!
//! The other codes need nasm, autoconf, automake and libtool to build, so they are in a package of their own, outside the workspace: nothing
//! but this needs it. Where it can't be built with them, only memcpy stands beside.

use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    // Tests of all targets start it without this argument.
    if !std::env::args().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    let crate_folder = env!("CARGO_MANIFEST_DIR");
    let manifest = format!("{crate_folder}/benches/peers/Cargo.toml");
    let target = format!("{crate_folder}/../../target/mojette-peers");
    let run = |features: &[&str]| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["run", "--release", "--manifest-path", &manifest, "--target-dir", &target]).args(features);
        cargo.status().is_ok_and(|status| status.success())
    };
    if run(&[]) {
        return ExitCode::SUCCESS;
    }
    eprintln!("without the other codes: to build them, install nasm, autoconf, automake and libtool");
    if run(&["--no-default-features"]) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
