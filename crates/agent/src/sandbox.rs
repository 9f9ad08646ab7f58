//! Programs that nobody vouches for, each behind several fences.
//!
//! One helper process per agent does what must not be done in a program with threads: this program, run again with the
//! argument `sandbox-helper` ([`helper_main`]). It keeps one *keeper* process per slot. A keeper sits in its cgroup and its
//! empty network for good, because making those is the dearest step, and starts one *init* per room, ahead of the room:
//! process 1 of the room's own namespaces, which makes the room's places and gives up every privilege before it hears of
//! any program. The agent speaks with keepers directly, one packet a message, descriptors beside it.
//!
//! What holds:
//! - *Nothing outlives its room*: killing process 1 of a pid namespace kills all in it. Rooms end with their keeper, keepers
//!   with the helper, the helper with its agent.
//! - *A room sees no file of the node but programs and libraries*: its root is built anew (`root`), not cut down.
//! - *Fences stand alone*: each of namespaces, seccomp, Landlock, cgroup and rlimits is tested with the others in place and
//!   still stops what it is there for. Which ones a node has is said by [`Sandbox::fences`].
//!
//! Where not even a user namespace can be made, programs run with what is left, and [`Sandbox::is_contained`] is false.
#![expect(unsafe_code, reason = "clone, mount_setattr, seccomp and descriptors from messages have no safe form")]

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

mod cgroup;
mod confine;
mod connection;
mod init;
mod keeper;
mod message;
mod namespace;
mod network;
mod room;
mod rooms;
mod root;
mod seccomp;
mod serve;
mod spawn;
mod start;

pub use room::{Process, Room};
pub use serve::{HELPER_ARGUMENT, helper_main};
pub use start::Sandbox;

/// What a sandbox is started with.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// The program whose `sandbox-helper` is run; it hands over to [`helper_main`] first thing.
    pub exe: PathBuf,
    /// Name of the network namespace that the node stands for, as `ip netns` knows it. Rooms with a network are in it.
    pub netns: Option<String>,
    /// Rooms at the same time, at least 1: one keeper is made ahead for each.
    pub rooms: u32,
}

/// What a room is like.
#[derive(Clone, Copy, Debug)]
pub struct RoomSpec {
    /// Size of the work directory and of what is written to `/tmp`, in bytes, each.
    pub bytes: u64,
    /// Whether programs in it are in the node's network; otherwise they have a loopback of their own and nothing else.
    pub has_network: bool,
}

/// One program to start in a room.
#[derive(Debug)]
pub struct StepSpec {
    /// Program and arguments; a program without `/` is looked up in the PATH of `env`.
    pub argv: Vec<String>,
    /// The whole environment, but for PATH, HOME and LANG, which are filled in when missing.
    pub env: Vec<(String, String)>,
    /// What it may use.
    pub limits: Limits,
    /// Its standard input.
    pub stdin: OwnedFd,
    /// Its standard output.
    pub stdout: OwnedFd,
    /// Its standard error.
    pub stderr: OwnedFd,
    /// `stdin` is the far side of a pseudo-terminal: it becomes the controlling terminal.
    pub is_terminal: bool,
}

/// What one step may use. Wall time and output are the caller's to bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Limits {
    /// CPU time of all its processes together.
    pub cpu: Option<Duration>,
    /// Memory of all its processes and of the files they write, in bytes. Without a memory cgroup: data of each process.
    pub memory_bytes: Option<u64>,
    /// Processes and threads at a time.
    pub processes: Option<u32>,
    /// Largest file, in bytes.
    pub file_bytes: Option<u64>,
    /// Open files of each process.
    pub open_files: Option<u32>,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Exit status; 128 + n when signal n ended it.
    pub code: i32,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// CPU time of all its processes.
    pub cpu: Duration,
    /// Most memory at a time, in bytes: of all of it where there is a memory cgroup, else of its largest process.
    pub memory_peak_bytes: u64,
    /// The limit that it ran into, where the kernel tells. Only for a step that failed.
    pub cause: Option<Cause>,
}

/// A limit that ended a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Cause {
    /// The kernel killed it for memory.
    Memory,
    /// Its CPU time was used up.
    CpuTime,
    /// It was refused more processes, and failed.
    Processes,
    /// It wrote past the largest file size.
    FileSize,
    /// It made a call that programs here may not make.
    BlockedCall,
    /// Its room was killed under it, with the keeper or the helper. The program has no part in that.
    RoomLost,
}

/// Why something of the sandbox could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The helper could not be started.
    #[error("the sandbox's helper `{exe}` could not be started")]
    Start {
        /// The program that was to be run.
        exe: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The helper says that it can't work here.
    #[error("the sandbox could not be set up: {why}")]
    SetUp {
        /// What failed, in words.
        why: String,
    },
    /// The helper has ended, and all rooms with it.
    #[error("the sandbox's helper has ended")]
    Ended,
    /// The node has no network of its own, and the machine's would reach the control plane.
    #[error("programs with a network need a node with a network of its own (`amphi agent --netns`)")]
    NoNetwork,
    /// A room could not be made.
    #[error("making a room: {what}")]
    Room {
        /// The step that failed.
        what: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The room ended (it ran out of memory as a whole, or was killed).
    #[error("the room has ended")]
    RoomEnded,
    /// A step runs in the room already.
    #[error("another program runs in this room")]
    Busy,
    /// Arguments and environment are too large together.
    #[error("arguments and environment have {bytes} bytes; at most {most} go to a program")]
    TooLarge {
        /// What they have.
        bytes: usize,
        /// What is taken.
        most: usize,
    },
    /// The program could not be started.
    #[error("the program `{program}` could not be started")]
    Program {
        /// Its name as given.
        program: String,
        /// Why; `NotFound` when it isn't installed.
        #[source]
        source: io::Error,
    },
    /// The helper could not be spoken with.
    #[error("speaking with the sandbox's helper")]
    Message(#[source] io::Error),
}
