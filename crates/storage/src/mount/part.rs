//! Mounts that operators want on a node, as a part of its agent: it asks the control plane what should be mounted, mounts and
//! unmounts, and says how each stands. What is wanted is kept by the control plane, so that it is mounted again after a restart.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use portal::with_causes;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use url::Url;
use wire::store::node_mounts_client::NodeMountsClient;
use wire::store::{MountTold, MountsReport, MountsWanted, NodeMount};
use wire::{NodeIdentity, NodePart, NodeSite};

use super::{MountConfig, Server, mount, off_the_workers};

/// The control plane answers within 20 s.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
const DIAL_LIMIT: Duration = Duration::from_secs(5);
/// How long after a failure the control plane is asked again; half of it is chance.
const ASK_AGAIN: Duration = Duration::from_secs(6);
/// How long after a failure a mount is tried again; half of it is chance.
const MOUNT_AGAIN: Duration = Duration::from_secs(10);

/// See [`mount_part`].
#[derive(Debug)]
pub struct MountPart(());

/// The part of an agent that mounts what operators want mounted on its node.
pub fn mount_part() -> MountPart {
    MountPart(())
}

/// Why the control plane was not heard.
#[derive(Debug, thiserror::Error)]
enum SyncError {
    #[error("the control plane can't be reached")]
    Dial(#[source] tonic::transport::Error),
    #[error("the control plane did not say what should be mounted")]
    Call(#[source] Box<tonic::Status>),
}

/// Why a directory can't be mounted on.
#[derive(Debug, thiserror::Error)]
enum DirectoryError {
    #[error("the directory can't be made or read")]
    Io(#[from] io::Error),
    #[error("the directory is not empty")]
    NotEmpty,
    #[error("it is no directory")]
    NotADirectory,
}

/// How a mount stands: whether it is there, and why not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Standing {
    is_mounted: bool,
    detail: String,
    /// Nothing is left of it.
    is_over: bool,
}

struct Kept {
    standing: Arc<Mutex<Standing>>,
    stop: CancellationToken,
    keeping: JoinHandle<()>,
}

struct Keeper {
    site: NodeSite,
    kept: HashMap<String, Kept>,
    /// Told when a mount comes to stand in another way.
    news: Arc<Notify>,
    /// The connection, and whom it was made as.
    channel: Option<(NodeIdentity, Channel)>,
}

#[tonic::async_trait]
impl NodePart for MountPart {
    async fn run(&self, site: NodeSite, shutdown: CancellationToken) -> Result<(), Box<dyn Error + Send + Sync>> {
        let mut keeper = Keeper { site, kept: HashMap::new(), news: Arc::default(), channel: None };
        let mut is_failing = false;
        while !shutdown.is_cancelled() {
            let news = Arc::clone(&keeper.news);
            let wanted = tokio::select! {
                () = shutdown.cancelled() => break,
                () = news.notified() => continue,
                wanted = keeper.ask() => wanted,
            };
            match wanted {
                Ok(wanted) => {
                    is_failing = false;
                    keeper.take(wanted);
                }
                Err(error) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::warn!(error = &error as &dyn Error, "mounts stay as they are; asking again");
                    }
                    keeper.channel = None;
                    tokio::select! {
                        () = shutdown.cancelled() => break,
                        () = tokio::time::sleep(jitter(ASK_AGAIN)) => {}
                    }
                }
            }
        }
        keeper.end().await;
        Ok(())
    }

    fn uses_others(&self) -> bool {
        true
    }
}

fn jitter(most: Duration) -> Duration {
    most.mul_f64(0.5 + rand::random::<f64>() / 2.0)
}

impl Kept {
    fn standing(&self) -> Standing {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_over(&self) -> bool {
        // One that broke can't say so.
        self.standing().is_over || self.keeping.is_finished()
    }
}

impl Keeper {
    /// Says what is mounted, and learns what should be. Cancellation: harmless.
    async fn ask(&mut self) -> Result<MountsWanted, SyncError> {
        let report = self.report();
        let mut client = NodeMountsClient::new(self.channel().await?);
        let answer = client.sync(report).await.map_err(|status| SyncError::Call(Box::new(status)))?;
        Ok(answer.into_inner())
    }

    /// How all of them stand. What has ended is named no more, and can be begun again.
    fn report(&mut self) -> MountsReport {
        self.kept.retain(|_, kept| !kept.is_over());
        let told = self.kept.iter().map(|(id, kept)| {
            let Standing { is_mounted, detail, .. } = kept.standing();
            MountTold { id: id.clone(), is_mounted, detail, is_ending: kept.stop.is_cancelled() }
        });
        MountsReport { mounts: told.collect() }
    }

    async fn channel(&mut self) -> Result<Channel, SyncError> {
        let identity = self.site.identity.borrow().clone();
        if let Some((_, channel)) = self.channel.as_ref().filter(|(made_as, _)| *made_as == identity) {
            return Ok(channel.clone());
        }
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(&identity.ca_pem))
            .identity(Identity::from_pem(&identity.pair_pem, &identity.pair_pem))
            .domain_name(wire::SERVER_NAME);
        let endpoint = Endpoint::from_shared(self.site.control_url.clone()).and_then(|at| at.tls_config(tls));
        let endpoint = endpoint.map_err(SyncError::Dial)?.connect_timeout(DIAL_LIMIT).timeout(ANSWER_LIMIT);
        let channel = endpoint.connect().await.map_err(SyncError::Dial)?;
        self.channel = Some((identity, channel.clone()));
        Ok(channel)
    }

    /// Begins what is wanted and not there, and has what is there and not wanted end: it says when it has.
    fn take(&mut self, wanted: MountsWanted) {
        for (id, kept) in &self.kept {
            if !wanted.mounts.iter().any(|mount| mount.id == *id) {
                kept.stop.cancel();
            }
        }
        for mount in wanted.mounts {
            if !self.kept.contains_key(&mount.id) {
                let kept = self.begin(mount.clone());
                self.kept.insert(mount.id, kept);
            }
        }
    }

    fn begin(&self, wanted: NodeMount) -> Kept {
        let (standing, stop) = (Arc::<Mutex<Standing>>::default(), CancellationToken::new());
        let told = Told { standing: Arc::clone(&standing), news: Arc::clone(&self.news) };
        let (site, stopped) = (self.site.clone(), stop.clone());
        let keeping = tokio::spawn(async move {
            keep(wanted, site, told.clone(), stopped).await;
            told.say(Standing { is_over: true, ..Standing::default() });
        });
        Kept { standing, stop, keeping }
    }

    /// Unmounts all, and waits until they have stored what they kept.
    async fn end(self) {
        self.kept.values().for_each(|kept| kept.stop.cancel());
        for kept in self.kept.into_values() {
            let _ended = kept.keeping.await;
        }
    }
}

/// Where a mount says how it stands.
#[derive(Clone)]
struct Told {
    standing: Arc<Mutex<Standing>>,
    news: Arc<Notify>,
}

impl Told {
    fn say(&self, next: Standing) {
        let before =
            std::mem::replace(&mut *self.standing.lock().unwrap_or_else(PoisonError::into_inner), next.clone());
        if before != next {
            self.news.notify_one();
        }
    }
}

/// Keeps one export mounted until it is told to stop.
async fn keep(wanted: NodeMount, site: NodeSite, told: Told, stop: CancellationToken) {
    let directory = PathBuf::from(&wanted.directory);
    loop {
        let prepared = off_the_workers({
            let directory = directory.clone();
            move || prepare(&directory)
        });
        let failure = match prepared.await.map_err(DirectoryError::Io).flatten() {
            Ok(()) => once(&wanted, &site, &directory, &told, &stop).await.err(),
            Err(error) => Some(error.into()),
        };
        if stop.is_cancelled() {
            return;
        }
        let detail = match &failure {
            Some(error) => with_causes(error.as_ref()),
            None => "it was unmounted on the node".to_owned(),
        };
        tracing::warn!("{} is not mounted on {}: {detail}", wanted.export, wanted.directory);
        told.say(Standing { detail, ..Standing::default() });
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(jitter(MOUNT_AGAIN)) => {}
        }
    }
}

async fn once(
    wanted: &NodeMount,
    site: &NodeSite,
    directory: &Path,
    told: &Told,
    stop: &CancellationToken,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let config = MountConfig {
        server: server(site, &wanted.token).await?,
        export: wanted.export.clone(),
        directory: directory.to_owned(),
        is_read_only: wanted.is_read_only,
    };
    let ready = || {
        tracing::info!("{} is mounted on {}", wanted.export, wanted.directory);
        told.say(Standing { is_mounted: true, ..Standing::default() });
    };
    Ok(mount(config, stop.clone(), ready).await?)
}

/// The control plane as agents know it: by its own certificate, whatever it shows browsers, at the address that it is dialled at.
async fn server(site: &NodeSite, token: &str) -> Result<Server, Box<dyn Error + Send + Sync>> {
    let dialled = Url::parse(&site.control_url)?;
    let (host, port) = (dialled.host_str().unwrap_or_default(), dialled.port_or_known_default().unwrap_or(443));
    let addresses = tokio::net::lookup_host((host.trim_matches(['[', ']']), port)).await?.collect();
    let url = Url::parse(&format!("https://{}:{port}", wire::SERVER_NAME))?;
    let ca_pem = site.identity.borrow().ca_pem.clone();
    Ok(Server { url, token: Some(token.to_owned()), ca_pem: Some(ca_pem), addresses })
}

/// Makes the directory where it is absent; one with something in it is left alone. What a killed agent left mounted there is
/// cleared away when it is mounted on.
fn prepare(directory: &Path) -> Result<(), DirectoryError> {
    match std::fs::metadata(directory) {
        Err(error) if error.raw_os_error() == Some(Errno::ENOTCONN as i32) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(std::fs::create_dir_all(directory)?),
        Err(error) => Err(error.into()),
        Ok(found) if !found.is_dir() => Err(DirectoryError::NotADirectory),
        Ok(_) => match std::fs::read_dir(directory)?.next() {
            None => Ok(()),
            Some(_) => Err(DirectoryError::NotEmpty),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_mount_that_does_not_end_keeps_no_other_from_beginning() {
        let identity = NodeIdentity { node_id: "n".into(), pair_pem: String::new(), ca_pem: String::new() };
        let (_shown, identity) = tokio::sync::watch::channel(identity);
        let site = NodeSite { identity, control_url: "https://127.0.0.1:1".into(), addresses: Vec::new() };
        let mut keeper = Keeper { site, kept: HashMap::new(), news: Arc::default(), channel: None };
        let (standing, stop) = (Arc::<Mutex<Standing>>::default(), CancellationToken::new());
        let busy = Told { standing: Arc::clone(&standing), news: Arc::clone(&keeper.news) };
        busy.say(Standing { is_mounted: true, ..Standing::default() });
        let keeping = tokio::spawn(std::future::pending());
        keeper.kept.insert("busy".into(), Kept { standing, stop, keeping });
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("f"), "x").unwrap();
        let directory = dir.path().to_str().unwrap().to_owned();
        let next = NodeMount { id: "next".into(), export: "e".into(), directory, ..NodeMount::default() };
        keeper.take(MountsWanted { mounts: vec![next] });
        let mut told = keeper.report().mounts;
        told.sort_by(|a, b| a.id.cmp(&b.id));
        let told: Vec<_> = told.iter().map(|told| (told.id.as_str(), told.is_mounted, told.is_ending)).collect();
        assert_eq!(told, [("busy", true, true), ("next", false, false)]);
        busy.say(Standing { is_over: true, ..Standing::default() });
        assert_eq!(keeper.report().mounts.len(), 1, "what has ended is named no more");
        tokio::time::timeout(Duration::from_secs(20), keeper.news.notified()).await.unwrap();
    }

    #[test]
    fn a_directory_is_made_or_has_to_be_empty() {
        let dir = tempfile::tempdir().unwrap();
        let new = dir.path().join("a/b");
        prepare(&new).unwrap();
        prepare(&new).unwrap();
        assert!(matches!(prepare(dir.path()), Err(DirectoryError::NotEmpty)));
        let file = dir.path().join("f");
        std::fs::write(&file, "x").unwrap();
        assert!(matches!(prepare(&file), Err(DirectoryError::NotADirectory)));
        assert!(matches!(prepare(&file.join("below")), Err(DirectoryError::Io(_))));
    }
}
