//! Starts the helper, and takes the keepers that it hands over.

use std::io;
use std::os::fd::AsRawFd;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::connection::{Connection, Idle, PacketSocket};
use super::message::{Config, FromHelper};
use super::room::Room;
use super::serve::{HELPER_ARGUMENT, HELPER_SOCKET};
use super::{RoomSpec, SandboxConfig, SandboxError};

/// Building a root and as many keepers as there are slots takes milliseconds each.
const START_MOST: Duration = Duration::from_secs(30);

/// Keepers found dead, one after another, before a room is refused.
const KEEPERS_TRIED: u32 = 3;

/// The helper and its keepers. A cheap handle; the helper ends when the last one and the last room are dropped.
#[derive(Clone, Debug)]
pub struct Sandbox(Arc<Shared>);

/// What handles, rooms and the helper's reader share.
#[derive(Debug)]
pub(super) struct Shared {
    fences: Vec<String>,
    is_contained: bool,
    has_netns: bool,
    pub(super) idle: Arc<Idle>,
    ids: AtomicU64,
    reader: tokio::task::JoinHandle<()>,
}

impl Drop for Shared {
    /// Drops the helper's socket with the task that reads it, and by that ends the helper.
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Shared {
    /// A number that no other request of this sandbox has.
    pub(super) fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }
}

impl Sandbox {
    /// Starts the helper and waits until it says what this machine offers; keepers come after that.
    ///
    /// # Errors
    /// `Start` and `SetUp`. Where a fence can't be had that is no error: see [`Sandbox::fences`].
    pub async fn start(config: SandboxConfig) -> Result<Self, SandboxError> {
        let failed = |source| SandboxError::Start { exe: config.exe.clone(), source };
        let (child, socket) = helper_start(&config).map_err(failed)?;
        let to_helper = Config { netns: config.netns.clone(), rooms: config.rooms.max(1) };
        socket.send(&to_helper, &[]).await.map_err(failed)?;
        let hello = timeout(START_MOST, socket.receive::<FromHelper>()).await;
        let (fences, is_contained) = match hello {
            Ok(Ok(Some((FromHelper::Hello { fences, is_contained }, _)))) => (fences, is_contained),
            Ok(Ok(Some((FromHelper::Failed { why }, _)))) => return Err(SandboxError::SetUp { why }),
            Ok(Ok(Some((FromHelper::Keeper { .. }, _)) | None)) => return Err(SandboxError::Ended),
            Ok(Err(error)) => return Err(SandboxError::Message(error)),
            Err(_) => return Err(failed(io::ErrorKind::TimedOut.into())),
        };
        let idle = Arc::new(Idle::new());
        let reader = tokio::spawn(keepers_take(child, Arc::new(socket), Arc::clone(&idle)));
        let has_netns = config.netns.is_some();
        let ids = AtomicU64::new(1);
        Ok(Self(Arc::new(Shared { fences, is_contained, has_netns, idle, ids, reader })))
    }

    /// The fences that this node has, in words, most important first.
    #[must_use]
    pub fn fences(&self) -> &[String] {
        &self.0.fences
    }

    /// Whether programs are in namespaces of their own and behind a system call filter.
    #[must_use]
    pub fn is_contained(&self) -> bool {
        self.0.is_contained
    }

    /// A fresh room; waits while all are taken. Dropped: no room is made.
    ///
    /// # Errors
    /// `NoNetwork` when the node has none to give; `Ended` when the helper has.
    pub async fn room(&self, spec: RoomSpec) -> Result<Room, SandboxError> {
        if spec.has_network && !(self.0.has_netns && self.0.is_contained) {
            return Err(SandboxError::NoNetwork);
        }
        let mut last = SandboxError::Ended;
        // One that died while nobody used it shows only now.
        for _ in 0..KEEPERS_TRIED {
            let keeper = self.0.idle.take().await.ok_or(SandboxError::Ended)?;
            match Room::open(Arc::clone(&self.0), keeper, spec).await {
                Err(error @ SandboxError::RoomEnded) => last = error,
                result => return result,
            }
        }
        Err(last)
    }
}

fn helper_start(config: &SandboxConfig) -> io::Result<(Child, PacketSocket)> {
    let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
    let mut command = Command::new(&config.exe);
    command.arg(HELPER_ARGUMENT).env_clear().stdin(Stdio::null()).stdout(Stdio::null());
    let raw = theirs.as_raw_fd();
    // SAFETY: between fork and exec only dup2 and fcntl are called, which are async-signal-safe, on a descriptor that
    // lives until after spawn.
    unsafe {
        command.pre_exec(move || place_at(raw, HELPER_SOCKET));
    }
    let child = command.spawn()?;
    Ok((child, PacketSocket::new(ours)?))
}

/// Makes `wanted` another name of the descriptor `raw` that stays open over exec.
fn place_at(raw: i32, wanted: i32) -> io::Result<()> {
    // SAFETY: plain system calls on numbers.
    let done = unsafe { if raw == wanted { libc::fcntl(raw, libc::F_SETFD, 0) } else { libc::dup2(raw, wanted) } };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Takes keepers until the helper ends; a keeper that died comes again as a new one.
async fn keepers_take(mut child: Child, socket: Arc<PacketSocket>, idle: Arc<Idle>) {
    loop {
        match socket.receive::<FromHelper>().await {
            Ok(Some((FromHelper::Keeper { pid, owner }, fds))) => {
                let keeper = fds.into_iter().next().map(|fd| Connection::new(fd, Arc::downgrade(&socket), pid, owner));
                match keeper.transpose() {
                    Ok(keeper) => keeper.into_iter().for_each(|keeper| idle.add(keeper)),
                    Err(error) => tracing::error!("the sandbox has a room less: {error}"),
                }
            }
            Ok(Some((FromHelper::Failed { why }, _))) => {
                tracing::error!("a keeper of the sandbox is missing and will be started again: {why}")
            }
            Ok(Some((FromHelper::Hello { .. }, _))) => {}
            Ok(None) => break,
            Err(error) => {
                tracing::error!("the sandbox's helper can't be heard: {error}");
                break;
            }
        }
    }
    idle.close();
    drop(socket);
    match child.wait().await {
        Ok(status) => tracing::error!("the sandbox's helper has ended ({status}); no program can be run"),
        Err(error) => tracing::error!("the sandbox's helper has ended: {error}"),
    }
}
