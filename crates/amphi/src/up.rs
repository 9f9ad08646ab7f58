//! `amphi up`: everything on this machine in one process tree: the control plane in this process, each node's agent as
//! a child that ends with it.

mod nodes;

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::signal::unix::{SignalKind, signal};

use crate::control::{Control, ControlConfig};
use crate::log;
use nodes::{NodePlan, Nodes};

/// How long the nodes may take to connect before the address is told all the same.
const NODES_TIMEOUT: Duration = Duration::from_secs(10);

/// Arguments of `amphi up`.
#[derive(clap::Args, Debug)]
pub(crate) struct UpArgs {
    /// Where state, certificates and the admin's token are kept
    #[arg(long, value_name = "DIR", default_value = "amphi-data")]
    pub(crate) dir: PathBuf,
    /// Address and port for browsers, the API and agents; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub(crate) listen: std::net::SocketAddr,
    /// How many nodes to run on this machine, at most 64
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=64))]
    pub(crate) nodes: u32,
    /// Make a small network (as root), run a set of real examples in it, pin them and print their results
    #[arg(long)]
    pub(crate) demo: bool,
    /// With --demo: end when the examples have run; the exit status says whether all went well
    #[arg(long, requires = "demo")]
    pub(crate) once: bool,
}

/// Runs until a signal ends it; with `--once`, until the examples have run.
pub(crate) async fn run(args: UpArgs) -> anyhow::Result<ExitCode> {
    log::start();
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let _lock = directory_lock(&args.dir)?;
    let control = Control::start(config(&args)).await?;
    let plans: Vec<_> = (0..args.nodes).map(|n| NodePlan { name: node_name(n), netns: None }).collect();
    let nodes = Nodes::start(&control.lab, &control.local_url, &args.dir.join("nodes"), &plans).await?;
    if !control.lab.nodes_connected(plans.len(), NODES_TIMEOUT).await? {
        tracing::warn!("some nodes have not connected yet; see {}", args.dir.join("nodes/*/agent.log").display());
    }
    if let Some(admin) = &control.first_admin {
        println!("first start: sign in as {} with the password {} (shown once)", admin.login, admin.password.expose());
    }
    println!("ready {}", control.url);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    nodes.stop().await;
    control.stop().await;
    Ok(ExitCode::SUCCESS)
}

fn config(args: &UpArgs) -> ControlConfig {
    ControlConfig {
        dir: args.dir.clone(),
        listen: args.listen,
        database: format!("sqlite:{}", args.dir.join("amphi.db").display()),
        public_url: None,
        certificate: None,
        replica: "up".to_owned(),
        allow_loopback: true,
    }
}

/// Names are lab-a … lab-z, then lab-27 and on.
fn node_name(n: u32) -> String {
    match u8::try_from(n) {
        Ok(n) if n < 26 => format!("lab-{}", char::from(b'a' + n)),
        _ => format!("lab-{}", n + 1),
    }
}

/// Makes the directory, for its owner alone, and holds it against another `amphi up`.
fn directory_lock(dir: &Path) -> anyhow::Result<File> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("making the data directory {}", dir.display()))?;
    let path = dir.join("up.lock");
    let lock = File::create(&path).with_context(|| format!("writing {}", path.display()))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            bail!("another amphi up uses {}; stop it, or choose another directory with --dir", dir.display())
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("locking {}", path.display())),
    }
}
