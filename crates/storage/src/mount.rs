//! The mount: a name space as a directory of this machine.

mod coded;
mod contents;
mod core;
mod damage;
mod data;
mod fuse;
mod keeper;
mod locks;
mod node;
mod numbers;
mod opens;
mod part;
mod table;
mod tree;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use fuser::{Config, MountOption, SessionACL};
use nix::errno::Errno;
use nix::mount::{MntFlags, umount2};
use tokio_util::sync::CancellationToken;
use wire::authority::{AuthorityError, KeyRequest};

use self::core::Core;
use self::damage::Found;
use self::fuse::Kernel;
use self::keeper::{Keeper, free_bytes};
pub use self::part::{MountPart, mount_part};
use self::table::is_ours;
use crate::frame::keep_memory;
use crate::namespace::remote::Remote;
pub use crate::namespace::remote::{RemoteError, Server};
use crate::stripe::{Credentials, Stripes};

/// Threads that take the kernel's calls. None of them ever waits.
const THREADS: usize = 3;
/// How long the end of a mount waits for what is not stored yet.
const END_LIMIT: Duration = Duration::from_secs(60);
/// How long it waits for those who are in the directory to leave.
const LEAVE_LIMIT: Duration = Duration::from_secs(10);
/// How often it looks whether they have.
const LEFT_AGAIN: Duration = Duration::from_millis(200);
/// What is asked of a directory is answered by then, or whoever serves it hangs.
const DIRECTORY_LIMIT: Duration = Duration::from_secs(10);

/// What to mount, and where.
#[derive(Clone, Debug)]
pub struct MountConfig {
    /// The control plane.
    pub server: Server,
    /// The export or snapshot.
    pub export: String,
    /// An existing directory.
    pub directory: PathBuf,
    /// Nothing can be changed through it.
    pub is_read_only: bool,
}

/// Why something is not mounted, or unmounted.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// The control plane refused, or is not there.
    #[error("opening {export}")]
    Open {
        /// What.
        export: String,
        /// Why.
        #[source]
        source: RemoteError,
    },
    /// No key could be made.
    #[error("making a key")]
    Key(#[source] AuthorityError),
    /// It is no directory that something can be mounted on.
    #[error("{} is not a directory that can be mounted on", .0.display())]
    Directory(PathBuf, #[source] io::Error),
    /// The system refused.
    #[error("mounting on {}", .0.display())]
    Mount(PathBuf, #[source] io::Error),
    /// Somebody uses it.
    #[error("{} is in use: close the files that are open in it, and leave it", .0.display())]
    Busy(PathBuf),
    /// Nothing is mounted there.
    #[error("nothing is mounted on {}", .0.display())]
    NotMounted(PathBuf),
    /// Something is mounted there, and Amphi did not mount it.
    #[error("what is mounted on {} is not Amphi's", .0.display())]
    NotOurs(PathBuf),
    /// An export is mounted there.
    #[error("an export is mounted on {} already", .0.display())]
    Taken(PathBuf),
    /// The system refused.
    #[error("unmounting {}", .0.display())]
    Unmount(PathBuf, #[source] io::Error),
    /// The mount ended with changes that could not be stored.
    #[error("the mount ended, and some of what was changed last could not be stored")]
    Unstored,
}

/// Mounts and serves until the directory is unmounted or `shutdown`. `ready` is called once it is mounted.
///
/// # Errors
/// See [`MountError`]. Cancelled by dropping, it leaves the mount without anybody to answer: use `shutdown`.
pub async fn mount(config: MountConfig, shutdown: CancellationToken, ready: impl FnOnce()) -> Result<(), MountError> {
    let directory = config.directory.clone();
    let checked = off_the_workers(move || check(&directory)).await;
    checked.map_err(|error| MountError::Directory(config.directory.clone(), error)).flatten()?;
    let key = KeyRequest::generate().map_err(MountError::Key)?;
    keep_memory();
    let what = format!("{}:{}", host(), config.directory.display());
    let opened = Remote::open(config.server.clone(), &config.export, &what, &key.csr_pem, config.is_read_only).await;
    let failed = |source| MountError::Open { export: config.export.clone(), source };
    let (remote, opened) = opened.map_err(failed)?;
    let (remote, is_read_only) = (Arc::new(remote), opened.read_only);
    let credentials = Credentials { pair_pem: opened.certificate_pem + &key.key_pem, ca_pem: opened.ca_pem };
    let code = (opened.layout.units() as u64, u64::from(opened.layout.data()));
    let free_bytes = Arc::new(AtomicU64::new(free_bytes(&opened.stores, code)));
    let stripes = Stripes::new(opened.volume, opened.layout.data(), opened.layout.parity(), credentials);
    stripes.stores_set(opened.stores);
    let damage = Found::default();
    let found = damage.clone();
    stripes.on_damage(Box::new(move |damage| found.add(damage)));
    let core = Core::new(remote.clone(), Arc::new(stripes.clone()), opened.usage, is_read_only);
    if opened.is_delegated {
        core.delegate(opened.usage).await;
    }
    let kernel = Kernel::new(core.clone(), tokio::runtime::Handle::current(), free_bytes.clone());
    let notify = kernel.notifier();
    let mounted = off_the_workers({
        let config = config.clone();
        move || session(kernel, &config, is_read_only)
    });
    let session = mounted.await.map_err(|error| MountError::Mount(config.directory.clone(), error)).flatten()?;
    let notifier = session.notifier();
    notify.get_or_init(|| notifier.clone());
    let keeper = Keeper {
        remote: remote.clone(),
        core: core.clone(),
        stripes,
        damage,
        code,
        notifier,
        free_bytes,
        epoch: Arc::new(AtomicI64::new(opened.epoch)),
        leavings: Arc::new(AtomicU64::new(0)),
        what,
        key: Arc::new(key),
    };
    let ended = CancellationToken::new();
    let keeping = tokio::spawn(keeper.run(ended.clone()));
    let cycling = tokio::spawn({
        let (core, ended) = (core.clone(), ended.clone());
        async move { core.run_cycles(&ended).await }
    });
    ready();
    let (served, is_stored) = serve(session, &core, &config.directory, shutdown, LEAVE_LIMIT).await;
    ended.cancel();
    let _ended = tokio::join!(keeping, cycling);
    if let Err(error) = remote.close().await {
        tracing::warn!(error = &error as &dyn std::error::Error, "the session could not be closed; it ends by itself");
    }
    served?;
    if is_stored { Ok(()) } else { Err(MountError::Unstored) }
}

fn host() -> String {
    nix::unistd::gethostname().map_or_else(|_| "unknown".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// The directory has to be there. A mount whose process was killed is cleared away.
fn check(directory: &Path) -> Result<(), MountError> {
    let refused = |error| MountError::Directory(directory.to_owned(), error);
    match std::fs::metadata(directory) {
        Err(error) if error.raw_os_error() == Some(Errno::ENOTCONN as i32) => {
            umount2(directory, MntFlags::MNT_DETACH).map_err(|errno| refused(errno.into()))
        }
        Err(error) => Err(refused(error)),
        Ok(found) if !found.is_dir() => Err(refused(Errno::ENOTDIR.into())),
        Ok(_) if is_ours(&directory.canonicalize().map_err(refused)?) == Some(true) => {
            Err(MountError::Taken(directory.to_owned()))
        }
        Ok(_) => {
            if std::fs::read_dir(directory).map_err(refused)?.next().is_some() {
                tracing::warn!("{} is not empty: what is in it is hidden by the mount", directory.display());
            }
            Ok(())
        }
    }
}

fn session(kernel: Kernel, config: &MountConfig, is_read_only: bool) -> Result<fuser::Session<Kernel>, MountError> {
    let is_root = nix::unistd::geteuid().is_root();
    let mut options = Config::default();
    options.mount_options = vec![
        MountOption::FSName(format!("{}{}", table::SOURCE, config.export)),
        MountOption::Subtype("amphi".to_owned()),
        MountOption::DefaultPermissions,
        MountOption::NoAtime,
        if is_read_only { MountOption::RO } else { MountOption::RW },
    ];
    if is_root {
        // Set-user-ID programs and devices stay without effect: others may write to the same export.
        options.acl = SessionACL::All;
    }
    options.n_threads = Some(THREADS);
    options.clone_fd = true;
    let failed = |error| MountError::Mount(config.directory.clone(), error);
    fuser::Session::new(kernel, &config.directory, &options).map_err(failed)
}

/// Answers the kernel until the directory is unmounted, and stores what is left: whether it could is answered as well. Told to
/// end, it unmounts. Who uses the directory has until `leave` to go; then everything is stored, and the directory taken away.
async fn serve(
    mut session: fuser::Session<Kernel>,
    core: &Core,
    directory: &Path,
    shutdown: CancellationToken,
    leave: Duration,
) -> (Result<(), MountError>, bool) {
    let mut unmounter = session.unmount_callable();
    let mut running = tokio::task::spawn_blocking(move || session.run());
    let mut end = tokio::select! {
        end = &mut running => Some(end),
        () = shutdown.cancelled() => None,
    };
    let mut last = END_LIMIT;
    if end.is_none() {
        if is_left(directory, leave).await {
            let _unmounted = off_the_workers(move || unmounter.unmount()).await;
        } else {
            tracing::warn!("{} is in use; it is taken from those who use it", directory.display());
            // What they were told is written is stored while somebody still answers them.
            core.end(END_LIMIT).await;
            take_away(directory).await;
            let _unmounted = off_the_workers(move || unmounter.unmount()).await;
            last = LEAVE_LIMIT;
        }
        // Whoever may not take it away leaves it to those who use it: they are told of errors from now on.
        end = tokio::time::timeout(LEAVE_LIMIT, running).await.ok();
    }
    let is_stored = core.end(last).await;
    let failed = |error| MountError::Mount(directory.to_owned(), error);
    let served = match end {
        None => Ok(()),
        Some(end) => end.map_err(|error| failed(io::Error::other(error))).and_then(|end| end.map_err(failed)),
    };
    (served, is_stored)
}

/// Unmounts once nobody uses the directory. `false`: somebody still does, or this process may not unmount.
async fn is_left(directory: &Path, within: Duration) -> bool {
    let left = async {
        loop {
            let directory = directory.to_owned();
            match off_the_workers(move || umount2(&directory, MntFlags::empty())).await {
                Ok(Err(Errno::EBUSY)) => tokio::time::sleep(LEFT_AGAIN).await,
                // Gone already, or the program that unmounts for users is asked next.
                Ok(Ok(()) | Err(Errno::EINVAL | Errno::ENOENT | Errno::EPERM)) => return true,
                _ => return false,
            }
        }
    };
    tokio::time::timeout(within, left).await.unwrap_or(false)
}

/// Ends the connection to the kernel: whoever uses the directory is told of errors.
async fn take_away(directory: &Path) {
    let directory = directory.to_owned();
    let taken = off_the_workers(move || umount2(&directory, MntFlags::MNT_FORCE | MntFlags::MNT_DETACH)).await;
    if !matches!(taken, Ok(Ok(()))) {
        tracing::debug!("not taken away: {taken:?}");
    }
}

/// Runs what may wait for whoever serves a directory.
///
/// # Errors
/// `TimedOut`; it goes on then, by itself.
async fn off_the_workers<T: Send + 'static>(ask: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    match tokio::time::timeout(DIRECTORY_LIMIT, tokio::task::spawn_blocking(ask)).await {
        Ok(answer) => answer.map_err(io::Error::other),
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "whoever serves the directory does not answer")),
    }
}

/// Unmounts, once everything is stored.
///
/// # Errors
/// See [`MountError`]. Blocks.
pub fn unmount(directory: &Path) -> Result<(), MountError> {
    let failed = |error: io::Error| MountError::Unmount(directory.to_owned(), error);
    let directory = match directory.canonicalize() {
        Ok(directory) => directory,
        // Nobody answers there any more.
        Err(error) if error.raw_os_error() == Some(Errno::ENOTCONN as i32) => {
            std::path::absolute(directory).map_err(failed)?
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(MountError::NotMounted(directory.to_owned()));
        }
        Err(error) => return Err(failed(error)),
    };
    match is_ours(&directory) {
        Some(true) => {}
        Some(false) => return Err(MountError::NotOurs(directory)),
        None => return Err(MountError::NotMounted(directory)),
    }
    if let Ok(opened) = std::fs::File::open(&directory) {
        // What this reports is reported by the mount as well; unmounting goes on.
        let _synced = opened.sync_all();
    }
    match umount2(&directory, MntFlags::empty()) {
        Ok(()) => Ok(()),
        Err(Errno::EBUSY) => Err(MountError::Busy(directory)),
        Err(Errno::EINVAL) => Err(MountError::NotMounted(directory)),
        Err(Errno::EPERM) => unmount_as_user(&directory),
        Err(errno) => Err(failed(errno.into())),
    }
}

fn unmount_as_user(directory: &Path) -> Result<(), MountError> {
    let output = std::process::Command::new("fusermount3").arg("-u").arg("--").arg(directory).output();
    let output = output.map_err(|error| MountError::Unmount(directory.to_owned(), error))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if text.contains("busy") {
        return Err(MountError::Busy(directory.to_owned()));
    }
    Err(MountError::Unmount(directory.to_owned(), io::Error::other(text)))
}

#[cfg(test)]
mod tests;
