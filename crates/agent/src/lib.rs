//! What runs on every node: inventory, one stream to the control plane, runs as contained processes.
//!
//! [`run()`] is the whole agent. It enrols once (a join token becomes a certificate, in `enroll`), keeps one gRPC stream
//! that it dialled itself (`link`), and starts what it is told to by argv: tools as they are (`run`), learners' programs
//! in rooms of the `sandbox` (`program`). It knows no service: what a tool or a language is and what its output means is
//! the control plane's to know.
//!
//! What holds, and where to look:
//! - *Nothing is said twice or lost while the agent lives.* `ledger` keeps every message about a run until it is
//!   acknowledged and sends it again on the next stream, chunks under the same number.
//! - *An old control plane can do nothing.* Commands below the highest lease epoch seen, which is kept on disk, are refused.
//! - *Nothing outlives its run, and no run outlives the agent for long.* A run is a process group, killed as a whole; the
//!   groups of an agent that was killed are ended when the next one starts in the same directory (`groups`).
//!   Programs end with their agent: the sandbox's helper dies with it and takes them along.
//! - *A program that does not read holds nothing up.* What people type waits in `inlet`, and is acknowledged once it is in.
//! - *Memory is bounded*: per run by its output cap, 64 KiB of buffers and 1024 messages of input; for all together new
//!   runs are refused while 64 MiB wait for acknowledgement.
//!
//! The directory: `lock` (held while running), `node.json`, `node.pem`, `ca.pem` (who this node is), `epoch`,
//! `groups.txt` (running groups), `work/N` (their current directories).
//!
//! Certificates are short-lived and renewed over the stream (`link::renewal`). One that ended while the control plane was
//! out of reach can't be: the agent says so and has to join anew with a fresh token.

use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::{Context, bail};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::authority::Fingerprint;
use wire::token::JoinToken;

mod clock;
mod config;
mod enroll;
mod groups;
mod identity;
mod inlet;
mod inventory;
mod launcher;
mod ledger;
mod link;
mod node;
mod order;
mod parts;
mod probe;
mod program;
mod resolve;
mod run;
pub mod sandbox;
mod stream;
mod supervise;

pub use config::AgentConfig;

use config::ControlPlane;
use enroll::{EnrollError, Introduction, enroll};
use groups::Groups;
use identity::{Home, Identity};
use launcher::Launcher;
use ledger::Ledger;
use link::{Link, LinkError, backoff};
use node::Node;
use parts::Parts;
use program::Programs;
use sandbox::SandboxConfig;

/// Runs an agent until `shutdown` is cancelled: its runs are then killed and their ends sent for up to 2 s.
///
/// # Errors
/// When the configuration can't be used, another agent holds the directory, the token is refused, the certificate has
/// ended, or the control plane sends the node away. A control plane that is away is no error: it is dialled until it answers.
pub async fn run(config: AgentConfig, shutdown: CancellationToken) -> anyhow::Result<()> {
    // Fails only when the program has chosen a provider already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let shutdown = if config.exit_with_stdin { until_stdin_closes(shutdown) } else { shutdown };
    let place = ControlPlane::parse(&config.join)?;
    let token = config.token.as_deref().map(str::parse::<JoinToken>).transpose().map_err(EnrollError::Token)?;
    let dir = std::path::absolute(&config.dir).context("finding the agent's directory")?;
    // Before anything is made there: a start in the wrong directory leaves no trace.
    if token.is_none() && !Home::is_enrolled(&dir) {
        bail!(EnrollError::NoToken { dir });
    }
    tracing::info!("this node's key and certificate are in {}", dir.display());
    let home = Arc::new(Home::open(&dir).await?);
    let groups = groups_open(home.dir()).await?;
    let slots = config.slots.unwrap_or_else(inventory::default_slots).max(1);
    let Some(identity) = identity(&config, token, &place, &home, slots, &shutdown).await? else { return Ok(()) };
    let programs = programs(&config, slots).await;
    let ledger = Ledger::new(slots, home.epoch()?);
    let (shown, identity_shown) = watch::channel(identity.shown());
    let mut parts = Parts::start(&config, &place, identity_shown, &shutdown).await;
    let link = Link {
        place,
        home,
        identity: Mutex::new(identity),
        shown,
        node: Arc::new(Node::new(Launcher::new(config.netns), groups, programs, ledger)),
        slots,
        boot_id: uuid::Uuid::now_v7().to_string(),
        shutdown,
        runs: TaskTracker::new(),
    };
    let ended = tokio::select! {
        kept = link.keep() => kept.map_err(anyhow::Error::from),
        error = parts.failed() => Err(error),
    };
    parts.end().await;
    ended
}

/// Whether [`run()`] ended because the control plane said goodbye for good: another start would meet the same.
pub fn is_dismissal(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(LinkError::Dismissed(_)))
}

/// The stored identity, or a new one for the token. `None` when `shutdown` came first.
async fn identity(
    config: &AgentConfig,
    token: Option<JoinToken>,
    place: &ControlPlane,
    home: &Home,
    slots: u32,
    shutdown: &CancellationToken,
) -> anyhow::Result<Option<Identity>> {
    if let Some(identity) = home.identity()? {
        if is_usable(&identity, token.as_ref(), home.dir())? {
            if config.name.is_some() || !config.labels.is_empty() {
                let name = &identity.enrolment.name;
                tracing::info!(
                    "{name} has joined before: name and labels are what the control plane says, not these options"
                );
            }
            return Ok(Some(identity));
        }
        tracing::warn!("the certificate of node {} has ended; joining as a new node", identity.enrolment.name);
    }
    let token = token.ok_or_else(|| EnrollError::NoToken { dir: home.dir().to_path_buf() })?;
    let introduction = Introduction {
        name: config.name.clone().unwrap_or_default(),
        hostname: inventory::hostname(),
        labels: config.labels.clone().into_iter().collect(),
        slots,
    };
    let mut failures = 0;
    loop {
        let error = tokio::select! {
            enrolled = enroll(place, &token, &introduction) => match enrolled {
                Ok(identity) => {
                    home.identity_write(&identity)?;
                    tracing::info!("joined {place} as {}", identity.enrolment.name);
                    return Ok(Some(identity));
                }
                Err(error) => error,
            },
            () = shutdown.cancelled() => return Ok(None),
        };
        if !error.is_retryable() {
            return Err(error).context("this node could not join");
        }
        failures += 1;
        let delay = backoff(failures, rand::random());
        tracing::warn!("{:#}; trying again in {delay:.1?}", anyhow::Error::new(error));
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = shutdown.cancelled() => return Ok(None),
        }
    }
}

/// Whether a stored identity still serves; false when it has ended and `token` can replace it.
fn is_usable(identity: &Identity, token: Option<&JoinToken>, dir: &Path) -> anyhow::Result<bool> {
    let ours = Fingerprint::of_pem(&identity.ca_pem).context("reading the stored authority")?;
    if token.is_some_and(|token| token.ca != ours) {
        bail!("{} belongs to a node of another control plane; give another --dir, or remove it", dir.display());
    }
    let has_ended = identity.left_ms(clock::now_ms()).map_err(LinkError::Certificate)? <= 0;
    if has_ended && token.is_none() {
        bail!(LinkError::CertificateEnded);
    }
    Ok(!has_ended)
}

/// What programs are run with. A node whose sandbox does not start still runs tools, and says that it takes no programs.
async fn programs(config: &AgentConfig, slots: u32) -> Option<Programs> {
    let exe = config.sandbox.clone()?;
    // Whoever looks for languages takes no run's room.
    let rooms = slots.saturating_add(probe::LANGUAGES_AT_ONCE.into());
    let sandbox = SandboxConfig { exe, netns: config.netns.clone(), rooms };
    match Programs::start(sandbox, config.allow_uncontained).await {
        Ok(programs) => {
            if !programs.are_taken() {
                tracing::warn!("no programs are taken: nothing on this machine would hold them in");
            }
            Some(programs)
        }
        Err(error) => {
            tracing::warn!("no programs are taken: {:#}", anyhow::Error::new(error));
            None
        }
    }
}

async fn groups_open(dir: &Path) -> anyhow::Result<Groups> {
    let path = dir.to_path_buf();
    let opened = tokio::task::spawn_blocking(move || Groups::open(&path)).await?;
    let (groups, killed) = opened.context("ending what a former agent left")?;
    if killed > 0 {
        tracing::warn!("killed {killed} processes or groups that a former agent left");
    }
    Ok(groups)
}

/// A token that is cancelled with `shutdown` or when standard input closes. A thread of its own, because a blocked read
/// on one of the runtime's would keep the program from ending.
fn until_stdin_closes(shutdown: CancellationToken) -> CancellationToken {
    let closed = shutdown.child_token();
    let cancel = closed.clone();
    std::thread::spawn(move || {
        // An error means as much as the end: nobody is there to close it any more.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        cancel.cancel();
    });
    closed
}
