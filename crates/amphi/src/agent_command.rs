//! `amphi agent`: this machine as a node. The agent itself is the crate of that name; here are its arguments, its log
//! and the signals that end it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use agent::AgentConfig;
use anyhow::Context;
use storage::mount::mount_part;
use storage::store::{StoreOffer, store_part};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use wire::NodePart;

use crate::cli::label;
use crate::log;
use crate::open_files::open_files_raise;

/// A store keeps 128 files open at most, and its clients some hundred connections.
const STORE_FILES: u64 = 1 << 16;

/// Arguments of `amphi agent`.
#[derive(clap::Args)]
#[command(after_help = "\
`amphi node token` prints this command with everything filled in. The token is needed once: later starts find the
node's certificate in DIR.

Examples:
  amphi agent --join https://amphi.example.org --token amphi1.…
  amphi agent --join https://amphi.example.org --dir /var/lib/amphi-agent --slots 4 --label site=paris
  amphi agent --join https://amphi.example.org --dir /var/lib/amphi-agent --store /srv/amphi:500G
  amphi agent --join https://amphi.example.org --store-credentials /etc/amphi/buckets \
    --store 's3://files?endpoint=https://s3.example.org&region=eu-1:500G'")]
pub(crate) struct AgentArgs {
    /// Address of the control plane
    #[arg(long, value_name = "URL")]
    join: String,
    /// Join token
    #[arg(long, value_name = "TOKEN", env = "AMPHI_JOIN_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Name of the node when it joins, made from the host's name when left out; later it is changed at the control
    /// plane
    #[arg(long)]
    name: Option<String>,
    /// Runs at the same time; as many as there are cores, at least 2, when left out
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    slots: Option<u32>,
    /// What `amphi run --on` chooses by, as it joins; repeat it for several. Later they are changed at the control
    /// plane
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    label: Vec<(String, String)>,
    /// Where the node's key and certificate are kept
    #[arg(long, default_value = "amphi-agent")]
    dir: PathBuf,
    /// Keep parts of files in this directory, at most SIZE bytes (K, M, G, T; left out: what the disk has), or in a
    /// bucket: s3://BUCKET/PREFIX?endpoint=URL&region=REGION&profile=NAME:SIZE, of which prefix, region and profile may
    /// be left out; repeat it for several
    #[arg(long, value_name = "DIR[:SIZE]")]
    store: Vec<StoreOffer>,
    /// The keys of buckets, as S3's own tools keep them: a section for each profile; AWS_ACCESS_KEY_ID and
    /// AWS_SECRET_ACCESS_KEY when left out
    #[arg(long, value_name = "FILE", requires = "store")]
    store_credentials: Option<PathBuf>,
    /// Where clients of the stores connect; a free port when left out
    #[arg(long, value_name = "ADDRESS:PORT", requires = "store", value_parser = crate::listen::address)]
    store_listen: Option<SocketAddr>,
    /// Start tools in this network namespace
    #[arg(long, value_name = "NAME")]
    netns: Option<String>,
    /// Take programs even where nothing on this machine would hold them in
    #[arg(long)]
    allow_uncontained: bool,
    /// End when standard input closes
    #[arg(long, hide = true)]
    exit_with_stdin: bool,
}

impl std::fmt::Debug for AgentArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgentArgs").field("join", &self.join).field("dir", &self.dir).finish_non_exhaustive()
    }
}

/// Runs until SIGINT or SIGTERM. Errors: see `agent::run`.
pub(crate) async fn run(args: AgentArgs) -> anyhow::Result<ExitCode> {
    log::start();
    let shutdown = CancellationToken::new();
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let asked = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        asked.cancel();
    });
    agent::run(config(args), shutdown).await?;
    Ok(ExitCode::SUCCESS)
}

fn config(args: AgentArgs) -> AgentConfig {
    let mut parts: Vec<Arc<dyn NodePart>> = Vec::new();
    if !args.store.is_empty() {
        open_files_raise(STORE_FILES);
        parts.push(Arc::new(store_part(args.store, args.store_credentials, args.store_listen)));
    }
    if Path::new("/dev/fuse").exists() {
        parts.push(Arc::new(mount_part()));
    }
    AgentConfig {
        join: args.join,
        token: args.token,
        name: args.name,
        slots: args.slots,
        labels: args.label.into_iter().collect(),
        dir: args.dir,
        netns: args.netns,
        // The file itself, whatever is installed in its place meanwhile.
        sandbox: Some("/proc/self/exe".into()),
        allow_uncontained: args.allow_uncontained,
        parts,
        exit_with_stdin: args.exit_with_stdin,
    }
}
