//! The agent's end of a keeper's socket, and the keepers that are free.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Semaphore;

use super::message::{self, Reply, Request};

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

    /// The next message; `None` when the other end is closed. Dropped: the message stays.
    pub(super) async fn receive<T: DeserializeOwned>(&self) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
        self.0.async_io(Interest::READABLE, |socket| message::receive(socket)).await
    }
}

/// One keeper, from the agent's side.
#[derive(Debug)]
pub(super) struct Connection {
    socket: PacketSocket,
    /// Whom files in its rooms belong to, where that isn't the agent's own user.
    pub(super) owner: Option<u32>,
}

impl Connection {
    pub(super) fn new(socket: OwnedFd, owner: Option<u32>) -> io::Result<Self> {
        Ok(Self { socket: PacketSocket::new(socket)?, owner })
    }

    pub(super) async fn send(&self, request: &Request, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        self.socket.send(request, fds).await
    }

    /// Sends without waiting; for the few bytes that always find room, unless the keeper is gone.
    pub(super) fn tell(&self, request: &Request) -> io::Result<()> {
        message::send(self.socket.0.get_ref(), request, &[])
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
