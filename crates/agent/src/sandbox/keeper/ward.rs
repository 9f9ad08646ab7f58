//! A room's init as its keeper has it: made ahead of the room, for the size that the room before it had.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::libc;
use nix::sched::CloneFlags;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use super::super::RoomSpec;
use super::super::init::{Birth, init_main};
use super::super::message::{FromInit, Request, receive, widen};
use super::super::{namespace, rooms, root};

/// See the module's description.
pub(super) struct Ward {
    pub(super) pid: Pid,
    pub(super) channel: OwnedFd,
    spec: RoomSpec,
    places: Places,
    /// Where the room is when it has no root of its own.
    dir: Option<PathBuf>,
}

/// The room's places to write.
enum Places {
    /// Not heard of yet.
    Coming,
    /// The work directory, and the one for temporary files where the room has its own.
    There(Vec<OwnedFd>),
    /// The step that failed, and why.
    Failed(String, Errno),
}

impl Ward {
    /// Starts an init, which makes a room for `birth` and gives up all privileges. A room that has no root of its own is
    /// made in `birth.dir`.
    pub(super) fn start(birth: Birth<'_>) -> io::Result<Self> {
        let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        widen(&ours);
        let (is_contained, spec) = (birth.site.is_contained, birth.spec);
        let owner = birth.is_owner_chosen.then_some(birth.owner);
        let dir = birth.dir.as_deref().map(|slot| rooms::room_make(slot, owner)).transpose()?;
        let namespaces = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWIPC;
        let flags = if is_contained { namespaces } else { CloneFlags::empty() };
        if let Some(pid) = namespace::fork_into(flags)? {
            return Ok(Self { pid, channel: ours, spec, places: Places::Coming, dir });
        }
        drop(ours);
        let is_well = init_main(Birth { dir, ..birth }, theirs).is_ok();
        // SAFETY: ends this process at once; what it shares with its parent is not to be tidied here.
        unsafe { libc::_exit(i32::from(!is_well)) }
    }

    /// Whether it will say anything.
    pub(super) fn is_heard(&self) -> bool {
        !matches!(self.places, Places::Failed(..))
    }

    /// Whether it has yet to say that the room is made.
    pub(super) fn is_coming(&self) -> bool {
        matches!(self.places, Places::Coming)
    }

    /// Takes what it says of the room it makes. Waits for that.
    pub(super) fn settle(&mut self) {
        self.places = match receive::<FromInit>(&self.channel) {
            Ok(Some((FromInit::Ready, fds))) => Places::There(fds),
            Ok(Some((FromInit::Failed { what, errno, .. }, _))) => Places::Failed(what, Errno::from_raw(errno)),
            Ok(Some((FromInit::Started { .. } | FromInit::Ended { .. }, _)) | None) | Err(_) => {
                Places::Failed("preparing the room".to_owned(), Errno::EOWNERDEAD)
            }
        };
    }

    /// Makes the room what `spec` says, and says whether that could be done.
    pub(super) fn is_made_for(&mut self, spec: RoomSpec) -> bool {
        if self.is_coming() {
            self.settle();
        }
        let Places::There(places) = &self.places else { return false };
        if self.spec.has_network != spec.has_network {
            return false;
        }
        let is_sized = self.spec.bytes == spec.bytes
            || self.dir.is_some()
            || places.iter().all(|place| root::place_resize(place, spec).is_ok());
        self.spec = spec;
        is_sized
    }

    /// The work directory, or the step that failed and why.
    pub(super) fn work(&self) -> Result<&OwnedFd, (&str, Errno)> {
        match &self.places {
            Places::There(places) => places.first().ok_or(("opening the work directory", Errno::EBADF)),
            Places::Failed(what, errno) => Err((what, *errno)),
            Places::Coming => Err(("preparing the room", Errno::EAGAIN)),
        }
    }

    /// Kills it without waiting. Only for one of a pid namespace of its own, which goes with it.
    pub(super) fn leave(self) -> Pid {
        let _ = kill(self.pid, Signal::SIGKILL);
        self.pid
    }

    /// Ends it and waits until it and everything in its room is gone. `running` is the step that it runs.
    pub(super) fn end(self, running: Option<u64>) {
        if self.dir.is_none() {
            let _ = kill(self.pid, Signal::SIGKILL);
        } else if let Some(id) = running {
            // Not process 1 of anything: it has to kill its children itself, and ends when its channel does.
            let _ = super::send(&self.channel, &Request::Kill { id }, &[]);
            let _ = receive::<FromInit>(&self.channel);
        }
        drop(self.channel);
        let _ = waitpid(self.pid, None);
        if let Some(dir) = self.dir {
            let _ = fs::remove_dir_all(dir);
        }
    }
}
