//! The agent's end of a keeper's socket, and the keepers that are free.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, Weak};
use std::time::Duration;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::SandboxError;
use super::message::{self, Reply, Request, ToHelper};

/// For making a room or starting a program, which take milliseconds. A machine that is short of memory may take seconds.
const ANSWER_MOST: Duration = Duration::from_secs(30);

/// A packet socket that is waited on without a thread.
#[derive(Debug)]
pub(super) struct PacketSocket(AsyncFd<OwnedFd>);

impl PacketSocket {
    pub(super) fn new(socket: OwnedFd) -> io::Result<Self> {
        message::widen(&socket);
        fcntl(&socket, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        // SAFETY: the socket is owned by what it is registered with, and never replaced.
        Ok(Self(unsafe { AsyncFd::register(socket) }?))
    }

    /// Sends once there is room. Dropped: either sent whole or not at all.
    pub(super) async fn send<T: Serialize>(&self, message: &T, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        self.0.async_io(Interest::WRITABLE, |socket| message::send(socket, message, fds)).await
    }

    /// Sends without waiting. Errors: the other end is gone, or has not read for so long that nothing more fits.
    fn tell<T: Serialize>(&self, message: &T) -> io::Result<()> {
        message::send(self.0.get_ref(), message, &[])
    }

    /// The next message; `None` when the other end is closed. Dropped: the message stays.
    pub(super) async fn receive<T: DeserializeOwned>(&self) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
        self.0.async_io(Interest::READABLE, |socket| message::receive(socket)).await
    }
}

/// One keeper, from the agent's side.
#[derive(Debug)]
pub(super) struct Connection {
    socket: PacketSocket,
    /// The helper, which alone can tell for certain that the keeper's process is still the keeper.
    helper: Weak<PacketSocket>,
    pid: i32,
    is_given_up: AtomicBool,
    /// Whom files in its rooms belong to, where that isn't the agent's own user.
    pub(super) owner: Option<u32>,
}

impl Connection {
    /// `pid` is the keeper's, as `helper` sees it.
    pub(super) fn new(socket: OwnedFd, helper: Weak<PacketSocket>, pid: i32, owner: Option<u32>) -> io::Result<Self> {
        Ok(Self { socket: PacketSocket::new(socket)?, helper, pid, is_given_up: AtomicBool::new(false), owner })
    }

    /// For a keeper that does not answer: has it killed, and with it all in its room. The helper starts another.
    pub(super) fn give_up(&self) {
        if self.is_given_up.swap(true, Ordering::Relaxed) {
            return;
        }
        // A helper that is gone took its keepers along.
        if let Some(helper) = self.helper.upgrade()
            && let Err(error) = helper.tell(&ToHelper::KeeperKill { pid: self.pid })
        {
            tracing::error!("the sandbox has a room less: keeper {} can't be ended: {error}", self.pid);
        }
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.is_given_up.load(Ordering::Relaxed)
    }

    /// Sends a request and waits for its answer, 30 s at most: a keeper that takes longer is given up.
    ///
    /// Errors: `RoomEnded` when it is gone or given up.
    pub(super) async fn ask(
        &self,
        id: u64,
        request: &Request,
        fds: &[BorrowedFd<'_>],
    ) -> Result<(Reply, Vec<OwnedFd>), SandboxError> {
        let asked = async {
            self.socket.send(request, fds).await.map_err(|_| SandboxError::RoomEnded)?;
            self.reply(id).await.map_err(SandboxError::Message)?.ok_or(SandboxError::RoomEnded)
        };
        match timeout(ANSWER_MOST, asked).await {
            Ok(answer) => answer,
            Err(_) => {
                self.give_up();
                Err(SandboxError::RoomEnded)
            }
        }
    }

    /// Sends without waiting. Errors: the keeper is gone, or has not read for so long that nothing more fits.
    pub(super) fn tell(&self, request: &Request) -> io::Result<()> {
        self.socket.tell(request)
    }

    /// The next reply to request `id`. What answers requests that nobody waits for any more is skipped.
    pub(super) async fn reply(&self, id: u64) -> io::Result<Option<(Reply, Vec<OwnedFd>)>> {
        loop {
            match self.socket.receive::<Reply>().await? {
                Some((reply, _)) if reply.id() != id => {}
                reply => return Ok(reply),
            }
        }
    }
}

/// The keepers that hold no room.
#[derive(Debug)]
pub(super) struct Idle {
    keepers: Mutex<Vec<Connection>>,
    count: Semaphore,
}

impl Idle {
    pub(super) fn new() -> Self {
        Self { keepers: Mutex::new(Vec::new()), count: Semaphore::new(0) }
    }

    pub(super) fn add(&self, keeper: Connection) {
        self.keepers.lock().unwrap_or_else(PoisonError::into_inner).push(keeper);
        self.count.add_permits(1);
    }

    /// Waits for a free keeper; `None` once the helper has ended. In the order of asking.
    pub(super) async fn take(&self) -> Option<Connection> {
        self.count.acquire().await.ok()?.forget();
        self.keepers.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// The helper has ended: nobody waits any more.
    pub(super) fn close(&self) {
        self.count.close();
    }
}
