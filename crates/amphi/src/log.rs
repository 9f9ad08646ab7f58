//! The log of `up`, `serve` and `agent`: to standard error, so that standard output stays for what they print.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

/// What is logged when RUST_LOG does not say. `s3s` calls every refused request an error; storage logs what is one. `fuser`
/// warns when what it would unmount is unmounted already, which is how mounts end here.
const DEFAULT: &str =
    "warn,amphi=info,agent=info,db=info,lab=info,portal=info,storage=info,s3s=off,fuser::session=error";

/// Starts logging; a second call changes nothing.
pub(crate) fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    // Fails only when a log runs already.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .try_init();
}
