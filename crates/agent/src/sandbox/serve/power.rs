//! What the helper may do here: make namespaces as root or as anybody, or neither, which is tried before it is relied on.

use std::io;

use nix::libc;
use nix::sched::{CloneFlags, unshare};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork, geteuid, sethostname};

use super::super::{confine, namespace, root};
use super::SLOTS_MOST;

/// Users outside for rooms of a root's agent: above all that systems give away, one for each slot.
const OUTSIDE_FIRST: u32 = 2_000_000_000;

/// Who makes namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Power {
    /// The machine's root.
    Root,
    /// Anybody, in a user namespace of their own.
    User,
}

impl Power {
    /// The greatest that this process has; `None` where it can't make namespaces at all.
    pub(super) fn find(netns: Option<&str>) -> Option<Self> {
        [Self::Root, Self::User].into_iter().find(|power| power.is_possible(netns))
    }

    /// Tries in a child, which leaves nothing behind, whether namespaces, root and all can be had this way.
    fn is_possible(self, netns: Option<&str>) -> bool {
        if self == Self::Root && !geteuid().is_root() {
            return false;
        }
        let tried = is_well_in_child(|| self.rehearse(netns));
        if let Err(error) = &tried {
            eprintln!("the sandbox can't make namespaces as {self:?}: {error}");
        }
        tried.is_ok()
    }

    fn rehearse(self, netns: Option<&str>) -> io::Result<()> {
        self.enter(netns)?;
        namespace::network_unshare()?;
        let outside = if self == Self::Root { OUTSIDE_FIRST } else { confine::INSIDE_ID };
        namespace::user_make(outside)?;
        let namespaces = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWIPC;
        match namespace::fork_into(namespaces)? {
            None => {
                let is_well = root::proc_mount().is_ok();
                // SAFETY: ends this process at once; it shares nothing that is to be tidied.
                unsafe { libc::_exit(i32::from(!is_well)) }
            }
            Some(child) => match waitpid(child, None)? {
                WaitStatus::Exited(_, 0) => Ok(()),
                _ => Err(io::ErrorKind::PermissionDenied.into()),
            },
        }
    }

    /// Takes this process to where rooms are made: the new root, a host name and a view of cgroups of its own.
    pub(super) fn enter(self, netns: Option<&str>) -> io::Result<()> {
        if self == Self::User {
            namespace::user_unshare()?;
        }
        unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS)?;
        // Old kernels have none; then paths of cgroups can be read, which tells nothing that matters.
        let _ = unshare(CloneFlags::CLONE_NEWCGROUP);
        sethostname("amphi")?;
        root::root_build(netns)
    }
}

/// The first of the users that programs are to be outside, where this process may choose them.
pub(super) fn outside_first(power: Option<Power>) -> Option<u32> {
    // Another helper of this machine has other users, so that neither's processes count for the other.
    let own = std::process::id() % 100_000;
    match power {
        Some(Power::Root) => Some(OUTSIDE_FIRST + own * SLOTS_MOST),
        // Not where this is the root of a container that knows no other user.
        None => is_well_in_child(|| confine::user_become(confine::INSIDE_ID)).ok().map(|()| confine::INSIDE_ID),
        Some(Power::User) => None,
    }
}

/// Does `act` in a child that ends with it.
fn is_well_in_child(act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    // SAFETY: this process has one thread, so that the child may go on as it could.
    match unsafe { fork() }? {
        ForkResult::Child => {
            let errno = act().map_or_else(|error| error.raw_os_error().unwrap_or(libc::EIO), |()| 0);
            // SAFETY: ends this process at once; what it shares with its parent is not to be tidied here.
            unsafe { libc::_exit(errno) }
        }
        ForkResult::Parent { child } => match waitpid(child, None)? {
            WaitStatus::Exited(_, 0) => Ok(()),
            WaitStatus::Exited(_, errno) => Err(io::Error::from_raw_os_error(errno)),
            _ => Err(io::ErrorKind::Interrupted.into()),
        },
    }
}
