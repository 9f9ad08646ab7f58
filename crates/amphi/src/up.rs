//! `amphi up`: everything on this machine in one process tree: the control plane in this process, each node's agent as
//! a child that ends with it.

mod classrooms;
mod demo;
mod nodes;
mod targets;
mod topology;

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::control::{Control, ControlConfig};
use crate::{listen, log};
use classrooms::Classrooms;
use nodes::{NodePlan, Nodes};
use targets::Targets;
use topology::Topology;

/// How long the nodes may take to connect before the address is told all the same.
const NODES_TIMEOUT: Duration = Duration::from_secs(10);

/// How long mounts on nodes may take to store what they kept, and end.
const MOUNTS_TIMEOUT: Duration = Duration::from_secs(100);

/// How long the nodes' stores may take to be there.
const STORES_TIMEOUT: Duration = Duration::from_secs(5);

/// Arguments of `amphi up`.
#[derive(clap::Args, Debug)]
pub(crate) struct UpArgs {
    /// Where state, certificates and the admin's token are kept
    #[arg(long, value_name = "DIR", default_value = "amphi-data")]
    pub(crate) dir: PathBuf,
    /// Address and port for browsers, the API and agents; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080", value_parser = listen::address)]
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

/// Runs until a signal ends it; with `--once`, until the examples have run. Whatever was set up is taken down again, in
/// reverse order, whichever part failed.
pub(crate) async fn run(args: UpArgs) -> anyhow::Result<ExitCode> {
    log::start();
    let mut signals = Signals::listen()?;
    if !args.dir.exists() {
        // A first start that can't be leaves nothing behind.
        listen::bind(args.listen).await?;
    }
    let _lock = directory_lock(&args.dir)?;
    let topology = if args.demo { raise(&args).await? } else { None };
    let ended = with_control(&args, topology.as_ref(), &mut signals).await;
    if let Some(topology) = topology {
        topology.lower().await;
    }
    ended
}

/// The demo's network, where this machine allows one.
async fn raise(args: &UpArgs) -> anyhow::Result<Option<Topology>> {
    match Topology::possible() {
        Ok(()) => Ok(Some(Topology::raise("amphi", args.nodes as usize).await?)),
        Err(reason) => {
            println!("no demo network: {reason}; the nodes share this machine's loopback instead");
            Ok(None)
        }
    }
}

async fn with_control(args: &UpArgs, topology: Option<&Topology>, signals: &mut Signals) -> anyhow::Result<ExitCode> {
    let control = Control::start(config(args)).await?;
    if let Some(admin) = &control.first_admin {
        println!("first start: sign in as {} with the password {} (shown once)", admin.login, admin.password.expose());
    }
    let ended = with_nodes(args, &control, topology, signals).await;
    control.stop().await;
    ended
}

async fn with_nodes(
    args: &UpArgs,
    control: &Control,
    topology: Option<&Topology>,
    signals: &mut Signals,
) -> anyhow::Result<ExitCode> {
    let plans: Vec<_> = match topology {
        Some(topology) => {
            NodePlan::with_stores(topology.hosts().iter().map(|host| (host.name.clone(), Some(host.netns.clone()))))
        }
        None => NodePlan::with_stores((0..args.nodes).map(|n| (node_name(n), None))),
    };
    let nodes = Nodes::start(&control.lab, &control.local_url, &args.dir.join("nodes"), &plans).await?;
    let ended = tokio::select! {
        ended = attend(args, control, topology, &plans) => ended,
        () = signals.received() => Ok(ExitCode::SUCCESS),
    };
    mounts_rest(control, signals).await;
    nodes.stop().await;
    ended
}

/// Has the nodes unmount and store what their mounts kept, while all stores are there. Whoever signals again goes without.
async fn mounts_rest(control: &Control, signals: &mut Signals) {
    let rested = tokio::select! {
        rested = tokio::time::timeout(MOUNTS_TIMEOUT, control.storage.node_mounts_rest()) => rested,
        () = signals.received() => return tracing::warn!("not waiting for mounts: what they have not stored is lost"),
    };
    match rested {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(error = &error as &dyn std::error::Error, "mounts were not waited for"),
        Err(_) => tracing::warn!("a mount did not end in time; what it has not stored is lost"),
    }
}

/// Tells the address once the nodes are there, and runs the examples. Ends with `--once` alone.
async fn attend(
    args: &UpArgs,
    control: &Control,
    topology: Option<&Topology>,
    plans: &[NodePlan],
) -> anyhow::Result<ExitCode> {
    if !control.lab.nodes_connected(plans.len(), NODES_TIMEOUT).await? {
        tracing::warn!("some nodes have not connected yet; see {}", args.dir.join("nodes/*/agent.log").display());
    }
    if !plans.is_empty() {
        home(control).await?;
    }
    println!("ready {}", control.url);
    if args.demo {
        let targets = Targets::start(topology, &args.dir.join("targets")).await?;
        targets.missing().iter().for_each(|sentence| println!("{sentence}"));
        let names: Vec<_> = plans.iter().map(|plan| plan.name.clone()).collect();
        let client = demo::client(&control.local_url, &args.dir)?;
        let mut examples = demo::examples(&names, &targets);
        if let Some(first) = names.first() {
            examples.extend(demo::program_examples(&client, first).await?);
        }
        let all_well = demo::run_examples(&client, &examples).await?;
        if args.once {
            targets.stop().await;
            return Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        // Ends with the future that waits below.
        let classrooms = Classrooms::start(&control.classroom, &client, args.listen.ip()).await?;
        println!("a classroom to try, without sound and picture: {}{}", control.url, classrooms.path);
        println!(
            "serving {} until Ctrl-C; the API token is in {}",
            control.url,
            args.dir.join("admin.token").display()
        );
        // Again, since the results have pushed it out of sight.
        if let Some(admin) = &control.first_admin {
            println!(
                "sign in as {} with the password {} (shown at this start alone)",
                admin.login,
                admin.password.expose()
            );
        }
        // What the examples aim at stays there for those who try more; dropping it ends it.
        std::future::pending::<()>().await;
    }
    std::future::pending().await
}

/// Makes the volume `home` once the agents have announced stores enough for it, so that a newcomer can keep files at once.
async fn home(control: &Control) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + STORES_TIMEOUT;
    while !control.storage.home_make().await.context("making the volume home")? {
        if tokio::time::Instant::now() > deadline {
            tracing::warn!("there are too few stores for the volume home; see `amphi store list`");
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// What ends this program in order.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context("listening for SIGINT")?,
            terminate: signal(SignalKind::terminate()).context("listening for SIGTERM")?,
        })
    }

    async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
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
        recipes: Some(args.dir.join("recipes")).filter(|folder| folder.is_dir()),
        classroom: classroom::Settings::default(),
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
