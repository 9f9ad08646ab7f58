//! What agent, helper, keeper and init say to one another: one packet a message, descriptors beside it.
//!
//! JSON, because packets are small and both ends are this very program; there is no other version to speak with.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

use nix::cmsg_space;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recv, recvmsg, sendmsg, setsockopt, sockopt};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Cause, Exit, Limits};

/// Bound on arguments and environment of a step, in bytes; below what a socket's buffer takes as one packet.
pub(super) const STEP_BYTES_MOST: usize = 96 * 1024;
/// A step comes with its standard input, output and error.
const DESCRIPTORS_MOST: usize = 3;
/// Lets a packet of the largest step through, with JSON's quotes and escapes. Capped by the kernel where not root.
const BUFFER_BYTES: usize = 1024 * 1024;

/// Agent to helper, once.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Config {
    pub(super) netns: Option<String>,
    pub(super) rooms: u32,
}

/// Agent to helper, after that.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ToHelper {
    /// One that does not answer. Nothing happens when it is gone already.
    KeeperKill { pid: i32 },
}

/// Helper to agent.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum FromHelper {
    Hello {
        fences: Vec<String>,
        is_contained: bool,
    },
    /// With the socket of a keeper. `pid` is its process as the helper sees it, `owner` whom files of its rooms belong to,
    /// where that isn't the agent's user.
    Keeper {
        pid: i32,
        owner: Option<u32>,
    },
    Failed {
        why: String,
    },
}

/// Agent to keeper, and on to init what is about a step.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    Open {
        id: u64,
        bytes: u64,
        has_network: bool,
    },
    /// With standard input, output and error.
    Step {
        id: u64,
        step: Step,
    },
    Interrupt {
        id: u64,
    },
    Kill {
        id: u64,
    },
    Close,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Step {
    pub(super) argv: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    pub(super) limits: Limits,
    pub(super) is_terminal: bool,
}

/// Keeper to agent. `id` is that of the request.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    /// With the work directory.
    Opened {
        id: u64,
    },
    Started {
        id: u64,
        pid: u32,
    },
    Ended {
        id: u64,
        exit: WireExit,
    },
    Failed {
        id: u64,
        what: String,
        errno: i32,
    },
}

impl Reply {
    pub(super) fn id(&self) -> u64 {
        match self {
            Self::Opened { id } | Self::Started { id, .. } | Self::Ended { id, .. } | Self::Failed { id, .. } => *id,
        }
    }
}

/// Init to keeper.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum FromInit {
    /// With the work directory, and the one for temporary files where the room has its own. All privileges are given up.
    Ready,
    Started {
        id: u64,
    },
    /// Everything of the step is dead and reaped.
    Ended {
        id: u64,
        ended: Ended,
    },
    Failed {
        id: u64,
        what: String,
        errno: i32,
    },
}

/// What init saw of a step's end.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Ended {
    pub(super) code: i32,
    pub(super) signal: Option<i32>,
    /// Of the step's processes that were waited for.
    pub(super) cpu: Duration,
    /// Of the largest process.
    pub(super) memory_bytes: u64,
    /// Init itself saw the CPU time used up.
    pub(super) is_out_of_time: bool,
    /// Init itself saw more memory in use than was allowed.
    pub(super) is_out_of_memory: bool,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct WireExit {
    pub(super) code: i32,
    pub(super) signal: Option<i32>,
    pub(super) cpu: Duration,
    pub(super) memory_peak_bytes: u64,
    pub(super) cause: Option<Cause>,
}

impl From<WireExit> for Exit {
    fn from(exit: WireExit) -> Self {
        let WireExit { code, signal, cpu, memory_peak_bytes, cause } = exit;
        Self { code, signal, cpu, memory_peak_bytes, cause }
    }
}

/// Lets large packets through `socket`. What the kernel refuses shows when such a packet is sent.
pub(super) fn widen(socket: &OwnedFd) {
    if setsockopt(socket, sockopt::SndBufForce, &BUFFER_BYTES).is_err() {
        let _ = setsockopt(socket, sockopt::SndBuf, &BUFFER_BYTES);
    }
}

/// Sends one message. Errors: those of sendmsg(2); `WouldBlock` only on a socket that is set so.
pub(super) fn send<T: Serialize>(socket: &OwnedFd, message: &T, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let bytes = serde_json::to_vec(message)?;
    let raw: Vec<_> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control = if raw.is_empty() { &[][..] } else { &rights[..] };
    let packet = [IoSlice::new(&bytes)];
    loop {
        match sendmsg::<()>(socket.as_raw_fd(), &packet, control, MsgFlags::MSG_NOSIGNAL, None) {
            Err(nix::Error::EINTR) => {}
            sent => return sent.map(|_| ()).map_err(io::Error::from),
        }
    }
}

/// Receives one message; `None` when the other end is closed.
pub(super) fn receive<T: DeserializeOwned>(socket: &OwnedFd) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut bytes = vec![0; packet_size(socket)?];
    let mut control = cmsg_space!([i32; DESCRIPTORS_MOST]);
    let mut packet = [IoSliceMut::new(&mut bytes)];
    let received = recvmsg::<()>(socket.as_raw_fd(), &mut packet, Some(&mut control), MsgFlags::MSG_CMSG_CLOEXEC)?;
    let mut fds = Vec::new();
    for message in received.cmsgs()? {
        if let ControlMessageOwned::ScmRights(raw) = message {
            // SAFETY: the kernel has just made these descriptors for this process; nothing else owns them.
            fds.extend(raw.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
        }
    }
    let length = received.bytes;
    if length == 0 {
        return Ok(None);
    }
    Ok(Some((serde_json::from_slice(&bytes[..length])?, fds)))
}

/// Size of the next packet, which stays where it is; 0 when the other end is closed.
fn packet_size(socket: &OwnedFd) -> io::Result<usize> {
    loop {
        match recv(socket.as_raw_fd(), &mut [], MsgFlags::MSG_PEEK | MsgFlags::MSG_TRUNC) {
            Err(nix::Error::EINTR) => {}
            // A keeper that was killed with packets unread looks like this; it is as gone as a closed one.
            Err(nix::Error::ECONNRESET) => return Ok(0),
            size => return size.map_err(io::Error::from),
        }
    }
}
